use crate::bench::on_both;
use crate::every_page;
use crate::samples::{assert_conflict, customer};
use watchkeeper_domain::customer::Customer;
use watchkeeper_domain::id::CustomerId;
use watchkeeper_store::StoreError;

#[tokio::test]
async fn a_customer_comes_back_and_is_found_by_key_and_tenant() {
    on_both(|bench| async move {
        let acme = customer("ACME", &["t-1", "t-2"]);
        let beta = customer("beta", &["t-3"]);
        let mut tx = bench.begin().await;
        tx.upsert_customer(&beta, None).await.expect("inserts");
        tx.upsert_customer(&acme, None).await.expect("inserts");
        tx.commit().await.expect("commits");
        let mut tx = bench.read().await;
        assert_eq!(tx.customer(&acme.id).await.expect("reads"), acme);
        assert_eq!(
            tx.customer_by_key("ACME").await.expect("reads"),
            Some(acme.clone())
        );
        assert_eq!(tx.customer_by_key("acme").await.expect("reads"), None);
        let asked = ["t-3", "t-9", "t-1"].map(str::to_owned);
        let owners = tx.customers_by_tenants(&asked).await.expect("reads");
        let expected = [
            ("t-1".to_owned(), acme.id.clone()),
            ("t-3".to_owned(), beta.id.clone()),
        ];
        assert_eq!(owners, expected);
        let ids = [beta.id.clone(), CustomerId::derived(&["none"]), acme.id.clone()];
        assert_eq!(
            tx.customers_by_ids(&ids).await.expect("reads"),
            [acme.clone(), beta.clone()]
        );
        assert_eq!(tx.all_customers().await.expect("reads"), [acme, beta]);
        assert!(tx.customers_by_tenants(&[]).await.expect("reads").is_empty());
    })
    .await;
}

#[tokio::test]
async fn thousands_of_tenants_are_looked_up_at_once() {
    on_both(|bench| async move {
        let mut acme = customer("ACME", &[]);
        acme.tenants = (0..1_300).map(|n| format!("t-{n:04}")).collect();
        let mut tx = bench.begin().await;
        tx.upsert_customer(&acme, None).await.expect("inserts");
        let asked: Vec<String> = (0..10_000).map(|n| format!("t-{n:04}")).collect();
        assert_eq!(tx.customers_by_tenants(&asked).await.expect("reads").len(), 1_300);
    })
    .await;
}

#[tokio::test]
async fn a_key_or_a_tenant_of_another_customer_is_refused_by_name() {
    on_both(|bench| async move {
        let acme = customer("ACME", &["t-1"]);
        let mut tx = bench.begin().await;
        tx.upsert_customer(&acme, None).await.expect("inserts");
        tx.commit().await.expect("commits");

        let mut tx = bench.begin().await;
        let thief = customer("thief", &["t-0", "t-1"]);
        let refusal = tx.upsert_customer(&thief, None).await.expect_err("is taken");
        assert_eq!(refusal.to_string(), "tenant `t-1` is taken already by ACME Ltd");
        drop(tx);

        let mut tx = bench.begin().await;
        let twin = Customer {
            id: CustomerId::derived(&["twin"]),
            ..customer("ACME", &[])
        };
        let refusal = tx.upsert_customer(&twin, None).await.expect_err("is taken");
        assert_eq!(
            refusal.to_string(),
            "customer key `ACME` is taken already by ACME Ltd"
        );
        tx.upsert_customer(&customer("beta", &[]), None)
            .await
            .expect("the transaction goes on");
        let renamed = Customer {
            key: "ACME".to_owned(),
            version: 2,
            ..customer("beta", &[])
        };
        let refusal = tx.upsert_customer(&renamed, Some(1)).await;
        assert!(matches!(refusal, Err(StoreError::Taken { .. })));
    })
    .await;
}

#[tokio::test]
async fn a_changed_customer_gives_its_tenants_back_and_an_older_version_is_refused() {
    on_both(|bench| async move {
        let acme = customer("ACME", &["t-1", "t-2"]);
        let mut tx = bench.begin().await;
        tx.upsert_customer(&acme, None).await.expect("inserts");
        let changed = Customer {
            version: 2,
            ..customer("ACME", &["t-2"])
        };
        tx.upsert_customer(&changed, Some(1)).await.expect("updates");
        assert_conflict(tx.upsert_customer(&acme, Some(1)).await, 1, 2);
        tx.upsert_customer(&customer("beta", &["t-1"]), None)
            .await
            .expect("inserts");
        assert_eq!(tx.customer(&acme.id).await.expect("reads"), changed);
    })
    .await;
}

#[tokio::test]
async fn customers_are_paged_by_name_in_one_order_on_both_databases() {
    on_both(|bench| async move {
        let mut tx = bench.begin().await;
        let keys = [
            "delta", "Alpha", "élan", "bravo_1", "Charlie", "alpha-2", "bravo%1", "Zulu", "_x",
        ];
        for key in keys {
            tx.upsert_customer(&customer(key, &[]), None)
                .await
                .expect("inserts");
        }
        let found = every_page!(2, page => tx.customers(None, &page).await);
        let names: Vec<_> = found.iter().map(|c| c.key.as_str()).collect();
        let expected = [
            "_x", "Alpha", "alpha-2", "bravo%1", "bravo_1", "Charlie", "delta", "Zulu", "élan",
        ];
        assert_eq!(names, expected);
        for (text, expected) in [
            ("ALPHA", 2),
            ("ÉLAN", 1),
            ("o_1", 1),
            ("o%1", 1),
            (" ", 9),
            ("\\", 0),
        ] {
            let found = every_page!(5, page => tx.customers(Some(text), &page).await);
            assert_eq!(found.len(), expected, "{text}");
        }
    })
    .await;
}
