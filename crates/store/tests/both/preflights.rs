//! Pre-flights, routines, and contacts that are asked; messages that belong to no incident and no change.

use crate::bench::on_both;
use crate::samples::{assert_conflict, customer, minutes, queued};
use chrono::{DateTime, Duration, Utc};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::customer::Customer;
use watchkeeper_domain::customer::asking::{Asking, ContactAnswer};
use watchkeeper_domain::delivery::About;
use watchkeeper_domain::id::PreflightId;
use watchkeeper_domain::page::PageReason;
use watchkeeper_domain::preflight::{Check, CheckName, Preflight, Standing};
use watchkeeper_domain::span::Span;
use watchkeeper_store::{PREFLIGHTS_KEPT, Routine};

fn taken(at: DateTime<Utc>) -> Preflight {
    Preflight {
        id: PreflightId::generate(at),
        by: Actor::worker("preflight"),
        began_at: at,
        ended_at: at,
        checks: vec![Check::not_applicable(CheckName::Relay, "not configured")],
        recovered: vec![CheckName::Spf],
    }
}

#[tokio::test]
async fn pre_flights_are_given_the_newest_first_and_the_oldest_are_forgotten() {
    on_both(|bench| async move {
        let mut tx = bench.begin().await;
        assert_eq!(tx.preflights(5).await.expect("reads"), []);
        for n in 0..=PREFLIGHTS_KEPT {
            tx.insert_preflight(&taken(minutes(n))).await.expect("inserts");
        }
        let all = tx.preflights(1000).await.expect("reads");
        assert_eq!(i64::try_from(all.len()).expect("few"), PREFLIGHTS_KEPT);
        assert_eq!(all.last().map(|one| one.began_at), Some(minutes(1)));
        let newest = tx.preflights(1).await.expect("reads");
        assert_eq!(
            newest.iter().map(|one| one.began_at).collect::<Vec<_>>(),
            [minutes(PREFLIGHTS_KEPT)]
        );
        assert_eq!(newest[0], all[0]);
    })
    .await;
}

#[tokio::test]
async fn a_routine_is_planned_once_and_changed_by_who_read_it_last() {
    on_both(|bench| async move {
        let mut tx = bench.begin().await;
        assert_eq!(tx.routine::<Standing>("preflight").await.expect("reads"), None);
        let empty = Standing::default();
        tx.plan_routine("preflight", minutes(5), &empty)
            .await
            .expect("plans");
        tx.plan_routine("preflight", minutes(9), &empty)
            .await
            .expect("plans");
        let planned: Routine<Standing> = tx.routine("preflight").await.expect("reads").expect("planned");
        assert_eq!(
            (planned.version, planned.due_at),
            (1, minutes(5)),
            "it stands as it was planned first"
        );
        let next = Routine {
            version: 2,
            due_at: minutes(10),
            memory: empty,
        };
        tx.update_routine("preflight", &next, 1).await.expect("changes");
        assert_eq!(tx.routine("preflight").await.expect("reads"), Some(next.clone()));
        assert_conflict(tx.update_routine("preflight", &next, 1).await, 1, 2);
    })
    .await;
}

fn asking(customer: &Customer, now: DateTime<Utc>) -> Asking {
    let secret = (customer.key.as_str(), now);
    Asking::due(customer, &customer.contacts[0], None, Span::hours(1), secret).expect("due")
}

#[tokio::test]
async fn a_contact_is_asked_once_found_by_its_code_and_looked_at_when_something_is_due() {
    on_both(|bench| async move {
        let (acme, beta) = (customer("acme", &["t-1"]), customer("beta", &["t-2"]));
        let mut tx = bench.begin().await;
        tx.upsert_customer(&acme, None).await.expect("inserts");
        tx.upsert_customer(&beta, None).await.expect("inserts");
        let first = asking(&acme, minutes(100));
        assert!(tx.insert_asking(&first).await.expect("inserts"));
        let again = Asking {
            code: "ffff-ffff-ffff".to_owned(),
            ..first.clone()
        };
        assert!(!tx.insert_asking(&again).await.expect("reads"), "it was asked");
        let other = asking(&beta, minutes(200));
        assert!(tx.insert_asking(&other).await.expect("inserts"));

        assert_eq!(tx.asking(&first.id).await.expect("reads"), first);
        assert_eq!(
            tx.asking_by_code(&first.code).await.expect("reads"),
            Some(first.clone())
        );
        assert_eq!(tx.asking_by_code("ffff-ffff-ffff").await.expect("reads"), None);
        let last = tx.last_asking(&acme.id, &first.email).await.expect("reads");
        assert_eq!(last, Some(first.clone()));
        assert_eq!(
            tx.last_asking(&acme.id, "other@acme.example")
                .await
                .expect("reads"),
            None
        );
        assert_eq!(
            tx.askings_of(&acme.id, 9).await.expect("reads"),
            std::slice::from_ref(&first)
        );
        let asked = tx.contacts_asked().await.expect("reads");
        assert_eq!(
            asked.get(&(beta.id.clone(), other.email.clone())),
            Some(&minutes(200))
        );
        assert_eq!(asked.len(), 2);

        let due = first.next_due().expect("a reminder");
        assert_eq!(
            tx.askings_due(due - Duration::seconds(1), 9)
                .await
                .expect("reads"),
            []
        );
        assert_eq!(
            tx.askings_due(due, 9).await.expect("reads"),
            std::slice::from_ref(&first)
        );
        let answered = first
            .clone()
            .answered(ContactAnswer::Right { name: "Ada" }, minutes(300))
            .expect("taken");
        tx.update_asking(&answered, first.version).await.expect("changes");
        assert_eq!(tx.askings_due(due, 9).await.expect("reads"), []);
        assert_conflict(
            tx.update_asking(&answered, first.version).await,
            first.version,
            answered.version,
        );
    })
    .await;
}

#[tokio::test]
async fn messages_about_the_house_or_a_contact_belong_to_no_incident_and_are_sent_all_the_same() {
    on_both(|bench| async move {
        let acme = customer("acme", &["t-1"]);
        let mut tx = bench.begin().await;
        tx.upsert_customer(&acme, None).await.expect("inserts");
        let asked = asking(&acme, minutes(100));
        tx.insert_asking(&asked).await.expect("inserts");
        let reason = PageReason::Preflight {
            text: "failed: SPF record".to_owned(),
        };
        let page = queued(About::HousePage { reason }, "ann@example.com", minutes(100));
        let question = About::Asking {
            customer: acme.id.clone(),
            asking: asked.id.clone(),
        };
        let question = queued(question, &asked.email, minutes(100));
        for delivery in [&page, &question] {
            assert!(tx.enqueue(delivery, b"message").await.expect("inserts"));
            assert_eq!(tx.delivery(&delivery.id).await.expect("reads"), *delivery);
        }
        let of_customer = tx.deliveries_of_customer(&acme.id, 9).await.expect("reads");
        assert_eq!(of_customer, [question]);
    })
    .await;
}
