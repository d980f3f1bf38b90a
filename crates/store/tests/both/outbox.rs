use crate::bench::{Bench, on_both, on_postgres};
use crate::samples::{assert_conflict, customer, incident, letter_to, minutes, noon, page_to};
use chrono::Duration;
use std::collections::BTreeSet;
use tokio::task::JoinSet;
use watchkeeper_domain::delivery::pace::Pace;
use watchkeeper_domain::delivery::{Attempt, Delivery, DeliveryState, Hindrance};
use watchkeeper_domain::id::{IncidentId, NoticeId};
use watchkeeper_domain::incident::Severity;
use watchkeeper_store::{Claimed, DeliveryCounts, PerDestination};

fn lease() -> Duration {
    Duration::minutes(2)
}

/// So many under way to one destination, and a pace that nobody here reaches.
fn at_a_time(under_way: u32) -> PerDestination {
    PerDestination {
        under_way,
        pace: Pace::default(),
    }
}

/// A delivery that is due at a minute.
fn letter_at(minute: i64, mut letter: Delivery) -> Delivery {
    letter.state = DeliveryState::Queued {
        next_attempt_at: minutes(minute),
        last_answer: None,
    };
    letter
}

async fn room(bench: &Bench) -> IncidentId {
    let mut tx = bench.begin().await;
    let room = incident("Stolen key", Severity::Sev1, noon());
    let room = tx.insert_incident(room).await.expect("inserts");
    tx.commit().await.expect("commits");
    room.id
}

async fn fill(bench: &Bench, n: i64) -> IncidentId {
    let room = room(bench).await;
    let mut tx = bench.begin().await;
    for i in 0..n {
        let page = page_to(&room, &format!("p{i}@example.com"), minutes(i));
        assert!(
            tx.enqueue(&page, format!("message {i}").as_bytes())
                .await
                .expect("enqueues")
        );
    }
    tx.commit().await.expect("commits");
    room
}

async fn claim(bench: &Bench, minute: i64, limit: u32) -> Vec<Claimed> {
    let mut tx = bench.begin().await;
    let claimed = tx
        .claim_deliveries(minutes(minute), lease(), limit, at_a_time(100))
        .await
        .expect("claims");
    tx.commit().await.expect("commits");
    claimed
}

#[tokio::test]
async fn what_is_decided_twice_is_put_into_the_outbox_once_with_the_first_message() {
    on_both(|bench| async move {
        let room = room(&bench).await;
        let page = page_to(&room, "ada@example.com", noon());
        let mut tx = bench.begin().await;
        let bytes = b"Subject: x\r\n\r\n\x00\xff raw";
        assert!(tx.enqueue(&page, bytes).await.expect("enqueues"));
        assert!(!tx.enqueue(&page, b"other").await.expect("is there"));
        assert_eq!(tx.delivery(&page.id).await.expect("reads"), page);
        let frozen = tx.delivery_message(&page.id).await.expect("reads");
        assert_eq!(frozen.as_deref(), Some(&bytes[..]));
        assert_eq!(tx.next_delivery_at().await.expect("reads"), Some(noon()));
        tx.commit().await.expect("commits");
        let refusal = bench.force("UPDATE delivery_message SET message = NULL").await;
        assert!(
            refusal
                .expect_err("refuses")
                .to_string()
                .contains("never changed")
        );
    })
    .await;
}

#[tokio::test]
async fn only_what_is_due_is_claimed_the_longest_due_first() {
    on_both(|bench| async move {
        fill(&bench, 5).await;
        assert!(claim(&bench, -1, 10).await.is_empty());
        let claimed = claim(&bench, 3, 2).await;
        let to: Vec<_> = claimed.iter().map(|c| c.delivery.recipient.as_str()).collect();
        assert_eq!(to, ["p0@example.com", "p1@example.com"]);
        let first = &claimed[0];
        assert_eq!(first.message, b"message 0");
        assert_eq!((first.delivery.attempts, first.delivery.version), (1, 2));
        assert_eq!(first.interrupted, None);
        let mut tx = bench.begin().await;
        assert_eq!(
            tx.delivery(&first.delivery.id).await.expect("reads"),
            first.delivery
        );
        drop(tx);
        let to: Vec<_> = claim(&bench, 3, 10)
            .await
            .into_iter()
            .map(|c| c.delivery.recipient)
            .collect();
        assert_eq!(to, ["p2@example.com", "p3@example.com"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn claimers_at_once_never_share_a_delivery_and_leave_none() {
    on_both(|bench| async move {
        fill(&bench, 40).await;
        let mut claimers = JoinSet::new();
        for _ in 0..4 {
            let bench = bench.clone();
            claimers.spawn(async move {
                let mut mine = Vec::new();
                // Another claimer may hold the rest for a moment, so an empty hand ends only this claimer's part.
                loop {
                    let some = claim(&bench, 60, 3).await;
                    if some.is_empty() {
                        return mine;
                    }
                    mine.extend(some.into_iter().map(|c| c.delivery.id));
                }
            });
        }
        let mut all = claimers.join_all().await.concat();
        all.extend(claim(&bench, 60, 100).await.into_iter().map(|c| c.delivery.id));
        let distinct: BTreeSet<_> = all.iter().cloned().collect();
        assert_eq!((all.len(), distinct.len()), (40, 40));
    })
    .await;
}

#[tokio::test]
async fn a_claimer_passes_over_what_another_one_is_claiming() {
    on_postgres(|bench| async move {
        fill(&bench, 6).await;
        let mut first = bench.begin().await;
        let hers = first
            .claim_deliveries(minutes(60), lease(), 4, at_a_time(100))
            .await
            .expect("claims");
        let his = claim(&bench, 60, 10).await;
        assert_eq!((hers.len(), his.len()), (4, 2));
        first.rollback().await.expect("rolls back");
        assert_eq!(claim(&bench, 60, 10).await.len(), 4);
    })
    .await;
}

#[tokio::test]
async fn a_claim_whose_lease_ran_out_comes_back_and_tells_when_bytes_had_gone_out() {
    on_both(|bench| async move {
        fill(&bench, 2).await;
        let claimed = claim(&bench, 10, 10).await;
        let (silent, speaking) = (&claimed[0].delivery, &claimed[1].delivery);
        let mut tx = bench.begin().await;
        let marked = tx
            .mark_data(&speaking.id, speaking.version, minutes(11))
            .await
            .expect("marks");
        tx.commit().await.expect("commits");
        assert_eq!(marked.version, speaking.version + 1);

        let mut tx = bench.read().await;
        assert_eq!(tx.next_delivery_at().await.expect("reads"), Some(minutes(12)));
        drop(tx);
        assert!(claim(&bench, 11, 10).await.is_empty());
        let again = claim(&bench, 12, 10).await;
        let of = |id| again.iter().find(|c| c.delivery.id == id).expect("is claimed");
        let (silent_again, speaking_again) = (of(silent.id.clone()), of(speaking.id.clone()));
        assert_eq!(silent_again.interrupted, None);
        assert!(!silent_again.delivery.possible_duplicate);
        assert_eq!(speaking_again.interrupted, Some(minutes(11)));
        assert!(speaking_again.delivery.possible_duplicate);
        assert_eq!(speaking_again.delivery.attempts, 2);

        // The one whose lease ran out comes back to life: it must not send, and its result does not count.
        let mut tx = bench.begin().await;
        let late = tx.mark_data(&silent.id, silent.version, minutes(13)).await;
        assert_conflict(late.map(|_| ()), silent.version, silent.version + 1);
        let answer = Attempt::Deferred {
            answer: "late".to_owned(),
            after: None,
            hindrance: Hindrance::Relay,
        };
        let late = marked.clone().attempted(answer, minutes(13), false);
        let refused = tx.update_delivery(&late, marked.version).await;
        assert_conflict(refused, marked.version, marked.version + 1);
    })
    .await;
}

#[tokio::test]
async fn an_attempt_ends_and_is_counted_and_its_transcripts_are_kept_in_order() {
    on_both(|bench| async move {
        let room = fill(&bench, 3).await;
        let claimed = claim(&bench, 10, 10).await;
        let mut tx = bench.begin().await;
        let taken = Attempt::Accepted {
            answer: "250 ok".to_owned(),
            by: "mx.example".to_owned(),
        };
        let done = claimed[0].delivery.clone().attempted(taken, minutes(11), false);
        tx.update_delivery(&done, claimed[0].delivery.version)
            .await
            .expect("updates");
        let deferred = Attempt::Deferred {
            answer: "450 later".to_owned(),
            after: Some(Duration::minutes(5)),
            hindrance: Hindrance::Relay,
        };
        let waiting = claimed[1]
            .delivery
            .clone()
            .attempted(deferred, minutes(11), false);
        tx.update_delivery(&waiting, claimed[1].delivery.version)
            .await
            .expect("updates");
        let counts = tx.delivery_counts(&room).await.expect("counts");
        let expected = DeliveryCounts {
            queued: 1,
            claimed: 1,
            accepted: 1,
            refused: 0,
            bounced: 0,
        };
        assert_eq!(counts, expected);
        let DeliveryState::Queued { next_attempt_at, .. } = waiting.state else {
            panic!("is queued");
        };
        assert_eq!(next_attempt_at, minutes(16));

        for (at, outcome) in [(minutes(11), "deferred"), (minutes(10), "unknown")] {
            let lines = ["S: 220 hello".to_owned(), "C: EHLO x".to_owned()];
            tx.add_transcript(&done.id, at, outcome, &lines)
                .await
                .expect("adds");
        }
        let kept = tx.transcripts(&done.id).await.expect("reads");
        let kept: Vec<_> = kept
            .iter()
            .map(|t| (t.at, t.outcome.as_str(), t.lines.len()))
            .collect();
        assert_eq!(kept, [(minutes(11), "deferred", 2), (minutes(10), "unknown", 2)]);
        tx.commit().await.expect("commits");
        let refusal = bench.force("DELETE FROM transcript").await;
        assert!(
            refusal
                .expect_err("refuses")
                .to_string()
                .contains("never changed")
        );
        assert!(claim(&bench, 11, 10).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn deliveries_of_letters_are_found_by_notice_and_customer() {
    on_both(|bench| async move {
        let room = fill(&bench, 1).await;
        let (acme, beta) = (customer("ACME", &[]).id, customer("beta", &[]).id);
        let (holding, full) = (NoticeId::derived(&["h"]), NoticeId::derived(&["f"]));
        let letters = [
            letter_to(&room, &holding, &acme, "a@acme.example"),
            letter_to(&room, &full, &acme, "a@acme.example"),
            letter_to(&room, &full, &acme, "b@acme.example"),
            letter_to(&room, &full, &beta, "a@beta.example"),
        ];
        let mut tx = bench.begin().await;
        for letter in &letters {
            assert!(tx.enqueue(letter, b"m").await.expect("enqueues"));
        }
        assert_eq!(tx.deliveries_of(&room).await.expect("reads").len(), 5);
        assert_eq!(tx.deliveries_of_notice(&full).await.expect("reads").len(), 3);
        assert_eq!(tx.deliveries_of_customer(&acme, 2).await.expect("reads").len(), 2);
        assert_eq!(tx.deliveries_to(&room, &acme).await.expect("reads").len(), 3);
        let tried = tx.addresses_tried(&full, &acme).await.expect("reads");
        let expected = ["a@acme.example", "b@acme.example"].map(str::to_owned);
        assert_eq!(tried, BTreeSet::from(expected));
    })
    .await;
}

#[tokio::test]
async fn no_destination_gets_more_messages_at_a_time_than_it_may_and_others_do_not_wait_for_it() {
    on_both(|bench| async move {
        let room = fill(&bench, 6).await;
        let mut tx = bench.begin().await;
        for i in 0..2 {
            let page = page_to(&room, &format!("q{i}@Other.example"), minutes(30 + i));
            assert!(tx.enqueue(&page, b"x").await.expect("enqueues"));
        }
        tx.commit().await.expect("commits");
        let take = async |minute| {
            let mut tx = bench.begin().await;
            let claimed = tx
                .claim_deliveries(minutes(minute), lease(), 20, at_a_time(3))
                .await
                .expect("claims");
            tx.commit().await.expect("commits");
            let to = claimed.into_iter().map(|c| c.delivery.recipient);
            to.collect::<Vec<_>>()
        };
        let first = [
            "p0@example.com",
            "p1@example.com",
            "p2@example.com",
            "q0@Other.example",
            "q1@Other.example",
        ];
        assert_eq!(take(60).await, first);
        assert!(
            take(60).await.is_empty(),
            "three are under way, wherever they were claimed"
        );
        // All leases have run out. What never had its turn comes first, and each destination has its share.
        let next = take(63).await;
        assert_eq!(next[..3], ["p3@example.com", "p4@example.com", "p5@example.com"]);
        let others = next[3..].iter().filter(|to| to.ends_with("Other.example"));
        assert_eq!((next.len(), others.count()), (5, 2));
    })
    .await;
}

#[tokio::test]
async fn letters_go_to_a_domain_at_a_pace_while_pages_and_other_domains_do_not_wait() {
    on_both(|bench| async move {
        let room = room(&bench).await;
        let mut tx = bench.begin().await;
        let acme = customer("ACME", &[]).id;
        let notice = NoticeId::derived(&["n"]);
        let mut wanted = Vec::new();
        for i in 0..7 {
            wanted.push(letter_at(
                i,
                letter_to(&room, &notice, &acme, &format!("l{i}@Example.com")),
            ));
        }
        wanted.push(letter_at(
            20,
            letter_to(&room, &notice, &acme, "other@example.org"),
        ));
        for delivery in &wanted {
            assert!(tx.enqueue(delivery, b"x").await.expect("enqueues"));
        }
        tx.commit().await.expect("commits");
        let take = async |second: i64| {
            let mut tx = bench.begin().await;
            let per_destination = PerDestination {
                under_way: 100,
                pace: Pace::per_minute(4).expect("a pace"),
            };
            let now = minutes(60) + Duration::seconds(second);
            let claimed = tx
                .claim_deliveries(now, Duration::hours(1), 20, per_destination)
                .await
                .expect("claims");
            tx.keep_pace(&claimed, now, per_destination.pace)
                .await
                .expect("counts");
            tx.commit().await.expect("commits");
            let to = claimed.into_iter().map(|c| c.delivery.recipient);
            to.collect::<Vec<_>>()
        };
        let first = [
            "l0@Example.com",
            "l1@Example.com",
            "l2@Example.com",
            "l3@Example.com",
            "other@example.org",
        ];
        assert_eq!(take(0).await, first, "a minute's worth at once");
        assert!(take(14).await.is_empty());
        // What waits was not attempted.
        let mut tx = bench.begin().await;
        assert_eq!(tx.delivery(&wanted[4].id).await.expect("reads"), wanted[4]);
        let page = page_to(&room, "ann@example.com", minutes(0));
        assert!(tx.enqueue(&page, b"x").await.expect("enqueues"));
        tx.commit().await.expect("commits");
        assert_eq!(take(14).await, ["ann@example.com"], "a page never waits");
        // It took from the bucket all the same, so that one more interval passes.
        assert!(take(29).await.is_empty());
        assert_eq!(take(30).await, ["l4@Example.com"]);
        assert!(take(44).await.is_empty());
        assert_eq!(take(200).await, ["l5@Example.com", "l6@Example.com"]);
    })
    .await;
}
