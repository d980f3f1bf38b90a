use crate::bench::on_both;
use crate::samples::{minutes, noon, user};
use std::collections::BTreeSet;
use watchkeeper_domain::access::{AccessRole, User};
use watchkeeper_domain::id::{SessionId, TokenId, UserId};
use watchkeeper_store::{Failures, Session, StoreError, Token};

fn session(of: &User, hash: &str, minute: i64) -> Session {
    Session {
        id: SessionId::derived(&[hash]),
        token_hash: hash.to_owned(),
        user: of.id.clone(),
        csrf: "csrf-secret".to_owned(),
        created_at: noon(),
        last_seen_at: noon(),
        expires_at: minutes(minute),
    }
}

#[tokio::test]
async fn a_person_comes_back_without_and_with_a_password() {
    on_both(|bench| async move {
        let ada = user("ada");
        let zoe = User {
            name: "Zoe".to_owned(),
            ..user("zoe")
        };
        let mut tx = bench.begin().await;
        tx.insert_user(&zoe, Some("$argon2id$x")).await.expect("inserts");
        tx.insert_user(&ada, None).await.expect("inserts");
        assert_eq!(tx.user(&ada.id).await.expect("reads"), ada);
        assert_eq!(
            tx.user_by_email("ADA@Example.com").await.expect("reads"),
            Some(ada.clone())
        );
        assert_eq!(tx.user_by_email("nobody@example.com").await.expect("reads"), None);
        assert_eq!(tx.users().await.expect("reads"), [ada.clone(), zoe.clone()]);
        assert_eq!(tx.password_hash(&ada.id).await.expect("reads"), None);
        tx.set_password_hash(&ada.id, "$argon2id$y").await.expect("sets");
        let closed = User {
            closed_at: Some(minutes(1)),
            must_change_password: false,
            ..ada.clone()
        };
        tx.update_user(&closed).await.expect("updates");
        assert_eq!(tx.user(&ada.id).await.expect("reads"), closed);
        let hash = tx.password_hash(&ada.id).await.expect("reads");
        assert_eq!(hash.as_deref(), Some("$argon2id$y"));
        let stranger = UserId::derived(&["stranger"]);
        let missing = tx.set_password_hash(&stranger, "x").await;
        assert!(matches!(missing, Err(StoreError::NotFound { .. })));
    })
    .await;
}

#[tokio::test]
async fn an_address_belongs_to_one_account_in_whatever_case() {
    on_both(|bench| async move {
        let ada = user("ada");
        let twin = User {
            email: "ADA@example.com".to_owned(),
            ..user("twin")
        };
        let mut tx = bench.begin().await;
        tx.insert_user(&ada, None).await.expect("inserts");
        let refusal = tx.insert_user(&twin, None).await.expect_err("is taken");
        assert_eq!(
            refusal.to_string(),
            "email `ADA@example.com` is taken already by another account"
        );
        tx.insert_user(&user("twin"), None).await.expect("inserts");
        tx.commit().await.expect("commits");
        let mut tx = bench.begin().await;
        let refusal = tx.update_user(&twin).await;
        assert!(matches!(refusal, Err(StoreError::Taken { .. })));
    })
    .await;
}

#[tokio::test]
async fn a_session_is_found_until_it_ends_and_shows_no_secret() {
    on_both(|bench| async move {
        let (ada, zoe) = (user("ada"), user("zoe"));
        let mut tx = bench.begin().await;
        tx.insert_user(&ada, None).await.expect("inserts");
        tx.insert_user(&zoe, None).await.expect("inserts");
        let mine = session(&ada, "hash-1", 10);
        for one in [
            &mine,
            &session(&ada, "hash-2", 20),
            &session(&ada, "hash-3", 30),
            &session(&zoe, "hash-4", 40),
        ] {
            tx.insert_session(one).await.expect("inserts");
        }
        assert_eq!(
            tx.session_by_hash("hash-1", minutes(9)).await.expect("reads"),
            Some(mine.clone())
        );
        assert_eq!(
            tx.session_by_hash("hash-1", minutes(10)).await.expect("reads"),
            None
        );
        tx.touch_session(&mine.id, minutes(9), minutes(15))
            .await
            .expect("touches");
        let touched = tx
            .session_by_hash("hash-1", minutes(10))
            .await
            .expect("reads")
            .expect("lives");
        assert_eq!(
            (touched.last_seen_at, touched.expires_at),
            (minutes(9), minutes(15))
        );
        assert_eq!(tx.delete_expired_sessions(minutes(15)).await.expect("deletes"), 1);
        tx.delete_session(&SessionId::derived(&["hash-2"]))
            .await
            .expect("deletes");
        assert_eq!(tx.delete_sessions_of(&ada.id).await.expect("deletes"), 1);
        assert!(
            tx.session_by_hash("hash-4", noon())
                .await
                .expect("reads")
                .is_some()
        );
        let shown = format!("{mine:?}");
        assert!(
            !shown.contains("csrf-secret") && !shown.contains("hash-1"),
            "{shown}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_token_opens_until_it_is_revoked() {
    on_both(|bench| async move {
        let token = |name: &str, created_by| Token {
            id: TokenId::derived(&[name]),
            name: name.to_owned(),
            token_hash: format!("hash-{name}"),
            roles: BTreeSet::from([AccessRole::Viewer, AccessRole::Responder]),
            created_by,
            created_at: noon(),
            last_used_at: None,
            revoked_at: None,
        };
        let mine = token("ci", Some(UserId::derived(&["ada"])));
        let first = token("first", None);
        let mut tx = bench.begin().await;
        tx.insert_token(&mine).await.expect("inserts");
        tx.insert_token(&first).await.expect("inserts");
        assert_eq!(
            tx.token_by_hash("hash-ci").await.expect("reads"),
            Some(mine.clone())
        );
        assert_eq!(tx.token_by_hash("hash-first").await.expect("reads"), Some(first));
        tx.touch_token(&mine.id, minutes(1)).await.expect("touches");
        assert!(tx.revoke_token(&mine.id, minutes(2)).await.expect("revokes"));
        assert!(!tx.revoke_token(&mine.id, minutes(3)).await.expect("is revoked"));
        assert_eq!(tx.token_by_hash("hash-ci").await.expect("reads"), None);
        let all = tx.tokens().await.expect("reads");
        let revoked = all.iter().find(|t| t.id == mine.id).expect("is listed");
        assert_eq!(
            (revoked.last_used_at, revoked.revoked_at),
            (Some(minutes(1)), Some(minutes(2)))
        );
        let stranger = tx.revoke_token(&TokenId::derived(&["none"]), noon()).await;
        assert!(matches!(stranger, Err(StoreError::NotFound { .. })));
    })
    .await;
}

#[tokio::test]
async fn failed_sign_ins_are_counted_for_each_key_and_forgotten() {
    on_both(|bench| async move {
        let mut tx = bench.begin().await;
        assert_eq!(
            tx.failures("account:ada").await.expect("reads"),
            Failures::default()
        );
        for n in 1..=3 {
            tx.add_failure("account:ada", minutes(n)).await.expect("adds");
        }
        tx.add_failure("address:::1\0", minutes(9)).await.expect("adds");
        let three = Failures {
            count: 3,
            last_at: Some(minutes(3)),
        };
        assert_eq!(tx.failures("account:ada").await.expect("reads"), three);
        assert_eq!(tx.forget_failures(minutes(3)).await.expect("forgets"), 0);
        tx.clear_failures("account:ada").await.expect("clears");
        assert_eq!(
            tx.failures("account:ada").await.expect("reads"),
            Failures::default()
        );
        assert_eq!(tx.failures("address:::1\0").await.expect("reads").count, 1);
        assert_eq!(tx.forget_failures(minutes(10)).await.expect("forgets"), 1);
    })
    .await;
}
