//! The register of changes, and what belongs to a change instead of an incident.

use crate::bench::on_both;
use crate::every_page;
use crate::samples::{assert_conflict, customer, letter, letter_to, minutes, person};
use chrono::{DateTime, Duration, Utc};
use watchkeeper_domain::change::{Change, ChangeProposal, NOTICE_TIME};
use watchkeeper_domain::customer::Customer;
use watchkeeper_domain::incident::EntryKind;
use watchkeeper_domain::matter::Matter;
use watchkeeper_domain::notice::{Notice, NoticeFacts, NoticeKind, Receipt};

fn proposed(title: &str, at: DateTime<Utc>, effective_at: DateTime<Utc>) -> Change {
    let proposal = ChangeProposal {
        title: title.to_owned(),
        what: "what".to_owned(),
        why: "why".to_owned(),
        effective_at,
    };
    let proposed = Change::propose(proposal, NOTICE_TIME, &person(), at);
    proposed.expect("sound").subject
}

#[tokio::test]
async fn changes_are_numbered_without_gaps_listed_and_found_when_a_step_is_due() {
    on_both(|bench| async move {
        let far = minutes(0) + Duration::days(90);
        let mut tx = bench.begin().await;
        let first = tx
            .insert_change(proposed("first", minutes(1), far))
            .await
            .expect("inserts");
        drop(tx);
        let mut tx = bench.begin().await;
        let again = tx
            .insert_change(proposed("again", minutes(1), far))
            .await
            .expect("inserts");
        let soon = minutes(0) + Duration::days(40);
        let second = tx
            .insert_change(proposed("second", minutes(2), soon))
            .await
            .expect("inserts");
        assert_eq!(
            [first.number, again.number, second.number],
            [1, 1, 2],
            "a number goes back with its transaction"
        );
        assert_eq!(tx.change(&second.id).await.expect("reads"), second);
        let all = every_page!(1, page => tx.changes(&page).await);
        assert_eq!(all, [second.clone(), again.clone()]);
        let within = tx.changes_proposed(minutes(2), minutes(3)).await.expect("reads");
        assert_eq!(within, std::slice::from_ref(&second));

        let (_, warned_at) = second.next_step().expect("a step");
        assert_eq!(tx.next_change_step_at().await.expect("reads"), Some(warned_at));
        let early = warned_at - Duration::seconds(1);
        assert!(tx.changes_due(early, 9).await.expect("reads").is_empty());
        assert_eq!(
            tx.changes_due(warned_at, 9).await.expect("reads"),
            std::slice::from_ref(&second)
        );
        let before = second.version;
        let warned = second.take_due(warned_at).expect("due").subject;
        tx.update_change(&warned, before).await.expect("updates");
        assert_conflict(tx.update_change(&warned, before).await, before, warned.version);
        assert!(tx.changes_due(warned_at, 9).await.expect("reads").is_empty());
    })
    .await;
}

#[tokio::test]
async fn notices_letters_messages_receipts_and_a_timeline_belong_to_a_change() {
    on_both(|bench| async move {
        let mut tx = bench.begin().await;
        let acme = customer("acme", &[]);
        tx.upsert_customer(&acme, None).await.expect("inserts");
        let change = proposed("change", minutes(1), minutes(2));
        let change = tx.insert_change(change).await.expect("inserts");
        let notice = Notice::draft(
            &change.id,
            NoticeKind::SecurityChange,
            NoticeFacts::default().into(),
            person(),
            minutes(2),
        );
        tx.insert_notice(&notice).await.expect("inserts");
        let theirs = letter(&notice, &acme);
        tx.replace_letters(&notice.id, std::slice::from_ref(&theirs))
            .await
            .expect("replaces");
        let delivery = letter_to(&change.id, &notice.id, &acme.id, "security@acme.example");
        tx.enqueue(&delivery, b"mail").await.expect("queues");
        let receipt = Receipt::open(&theirs, &change.id, minutes(3));
        tx.insert_receipt(&receipt).await.expect("inserts");
        let matter = Matter::from(&change);
        let entry = matter.entry(
            EntryKind::ChangeMoved,
            minutes(1),
            minutes(1),
            &person(),
            "Proposed".to_owned(),
        );
        tx.append_entries(std::slice::from_ref(&entry))
            .await
            .expect("appends");

        assert_eq!(
            tx.notices_of(&change.id).await.expect("reads"),
            std::slice::from_ref(&notice)
        );
        assert_eq!(tx.deliveries_of(&change.id).await.expect("reads"), [delivery]);
        assert_eq!(tx.receipts_of(&change.id).await.expect("reads"), [receipt]);
        let entries = every_page!(5, page => tx.timeline(&change.id, &page).await);
        assert_eq!(entries, [entry]);
        let sent = tx.notices_sent(&change.id).await.expect("reads");
        assert_eq!(sent.len(), 1);
        assert_eq!(
            (&sent[0].customer, sent[0].kind),
            (&acme.id, NoticeKind::SecurityChange)
        );
    })
    .await;
}

#[tokio::test]
async fn only_customers_that_pay_are_told_of_changes() {
    on_both(|bench| async move {
        let mut tx = bench.begin().await;
        let (acme, beta) = (customer("acme", &[]), customer("beta", &[]));
        for new in [&acme, &beta] {
            tx.upsert_customer(new, None).await.expect("inserts");
        }
        let both = tx.paying_customers().await.expect("reads");
        assert_eq!(both, [acme.clone(), beta.clone()]);
        let left = Customer {
            paying: false,
            version: 2,
            ..acme.clone()
        };
        tx.upsert_customer(&left, Some(1)).await.expect("updates");
        assert_eq!(tx.paying_customers().await.expect("reads"), [beta]);
        assert_eq!(tx.customer(&acme.id).await.expect("reads"), left);
    })
    .await;
}
