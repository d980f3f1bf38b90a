use crate::bench::{Bench, on_both};
use crate::every_page;
use crate::samples::{assert_conflict, customer, incident, letter, letter_to, minutes, noon, person};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::customer::{ClockStart, Customer};
use watchkeeper_domain::delivery::{About, DeliveryState};
use watchkeeper_domain::id::CustomerId;
use watchkeeper_domain::incident::{Incident, Severity};
use watchkeeper_domain::notice::{Notice, NoticeFacts, NoticeKind, TemplateWords, WordsApproval};
use watchkeeper_domain::obligation::{Obligation, Step};
use watchkeeper_store::{
    Engine, NoticeSent, ObligationFilter, RuleCounted, StoreError, TellingCounts, TellingOf,
};

async fn room_and_customers(bench: &Bench, keys: &[String]) -> (Incident, Vec<Customer>) {
    let mut tx = bench.begin().await;
    let room = incident("Stolen key", Severity::Sev1, noon());
    let room = tx.insert_incident(room).await.expect("inserts");
    let customers: Vec<_> = keys.iter().map(|key| customer(key, &[])).collect();
    for one in &customers {
        tx.upsert_customer(one, None).await.expect("inserts");
    }
    tx.commit().await.expect("commits");
    (room, customers)
}

#[tokio::test]
async fn what_is_owed_twice_is_owed_once_and_comes_back_as_it_was_kept() {
    on_both(|bench| async move {
        let (room, customers) = room_and_customers(&bench, &["ACME".to_owned()]).await;
        let owed = Obligation::owe(&room.id, &customers[0], ClockStart::confirmed(noon()));
        let mut tx = bench.begin().await;
        assert!(tx.insert_obligation(&owed).await.expect("inserts"));
        assert!(!tx.insert_obligation(&owed).await.expect("is there"));
        assert_eq!(tx.obligation(&owed.id).await.expect("reads"), owed);
        let (changed, steps) = owed.clone().take_due(owed.step_at(Step::DraftFull));
        assert_eq!(steps.len(), 2);
        tx.update_obligation(&changed, 1).await.expect("updates");
        assert_conflict(tx.update_obligation(&changed, 1).await, 1, 2);
        assert_eq!(
            tx.obligations_of(&room.id).await.expect("reads"),
            std::slice::from_ref(&changed)
        );
        let found = tx.obligation_of(&room.id, &customers[0].id).await.expect("reads");
        assert_eq!(found, Some(changed));
    })
    .await;
}

#[tokio::test]
async fn what_is_owed_anew_stands_beside_what_was_owed_before() {
    on_both(|bench| async move {
        let (room, customers) = room_and_customers(&bench, &["ACME".to_owned()]).await;
        let acme = &customers[0];
        let owed = Obligation::owe(&room.id, acme, ClockStart::confirmed(noon()));
        let notice = Notice::prepare_holding(&room.id, 1, "digest".to_owned(), minutes(1));
        let told = owed.clone().told(&notice.id, minutes(2)).expect("it runs");
        let anew = told
            .owe_anew(acme, ClockStart::confirmed(minutes(90)))
            .expect("it was told");
        let mut tx = bench.begin().await;
        for each in [&anew, &told] {
            assert!(tx.insert_obligation(each).await.expect("inserts"));
        }
        let now = tx.obligation_of(&room.id, &acme.id).await.expect("reads");
        assert_eq!(now.as_ref(), Some(&anew), "the last round");
        let all = tx.obligations_to(&room.id, &acme.id).await.expect("reads");
        assert_eq!(all, [told.clone(), anew.clone()]);

        // A letter of the first round is under way for the first round alone, and so is one of an older version.
        let mut letter = letter_to(&room.id, &notice.id, &acme.id, "a@acme.example");
        tx.insert_notice(&notice).await.expect("inserts");
        for obligation in [None, Some(told.id.clone())] {
            if let About::Letter { obligation: of, .. } = &mut letter.about {
                of.clone_from(&obligation);
            }
            let before = letter.version;
            if obligation.is_none() {
                assert!(tx.enqueue(&letter, b"message").await.expect("enqueues"));
            } else {
                letter.version += 1;
                tx.update_delivery(&letter, before).await.expect("changes");
            }
            let underway = tx.customers_with_letters_underway(&room.id).await.expect("reads");
            assert!(
                underway.contains(&(acme.id.clone(), obligation.clone())),
                "{underway:?}"
            );
            let sent = tx.notices_sent(&room.id).await.expect("reads");
            assert_eq!(sent.len(), 1);
            assert_eq!(sent[0].obligation, obligation);
        }
    })
    .await;
}

#[tokio::test]
async fn letters_that_were_taken_come_with_the_instant_and_those_that_came_back_do_not() {
    on_both(|bench| async move {
        let (room, customers) = room_and_customers(&bench, &["ACME".to_owned()]).await;
        let acme = &customers[0];
        let notice = Notice::prepare_holding(&room.id, 1, "digest".to_owned(), minutes(1));
        let mut tx = bench.begin().await;
        tx.insert_notice(&notice).await.expect("inserts");
        let mut taken = Vec::new();
        for (name, at) in [("late", minutes(9)), ("early", minutes(3)), ("waits", minutes(1))] {
            let mut letter = letter_to(&room.id, &notice.id, &acme.id, &format!("{name}@acme.example"));
            if name != "waits" {
                letter.state = DeliveryState::Accepted {
                    at,
                    answer: "250 ok".to_owned(),
                    by: "mx.example:25".to_owned(),
                };
            }
            assert!(tx.enqueue(&letter, b"message").await.expect("enqueues"));
            taken.push(letter);
        }
        let at = |taken: Vec<NoticeSent>| taken.into_iter().map(|one| one.at).collect::<Vec<_>>();
        let found = tx.letters_taken(&room.id).await.expect("reads");
        assert_eq!(
            (&found[0].customer, found[0].kind),
            (&acme.id, NoticeKind::Holding)
        );
        assert_eq!(
            at(found),
            [minutes(3), minutes(9)],
            "the earliest first, and what waits not at all"
        );
        let mut early = taken.swap_remove(1);
        let before = early.version;
        early.version += 1;
        early.state = DeliveryState::Refused {
            at: minutes(10),
            answer: "550 not here".to_owned(),
        };
        tx.update_delivery(&early, before).await.expect("changes");
        assert_eq!(at(tx.letters_taken(&room.id).await.expect("reads")), [minutes(9)]);
    })
    .await;
}

#[tokio::test]
async fn what_people_said_of_words_comes_back_and_the_second_writer_is_told() {
    on_both(|bench| async move {
        let words = |language: &str| TemplateWords {
            language: language.to_owned(),
            digest: format!("digest of {language}"),
        };
        let mut tx = bench.begin().await;
        assert_eq!(tx.words_approval(&words("de")).await.expect("reads"), None);
        let forward = WordsApproval::put_forward(None, &words("de"), &person(), noon()).expect("forward");
        tx.keep_words_approval(&forward, 0).await.expect("keeps");
        assert_conflict(tx.keep_words_approval(&forward, 0).await, 0, 1);
        let approved = forward
            .clone()
            .approve(&Actor::Operator, minutes(1))
            .expect("a second");
        tx.keep_words_approval(&approved, 1).await.expect("keeps");
        assert_conflict(tx.keep_words_approval(&approved, 1).await, 1, 2);
        let english = WordsApproval::put_forward(None, &words("en"), &person(), noon()).expect("forward");
        tx.keep_words_approval(&english, 0).await.expect("keeps");
        assert_eq!(
            tx.words_approval(&words("de")).await.expect("reads"),
            Some(approved.clone())
        );
        assert_eq!(tx.words_approvals().await.expect("reads"), [approved, english]);
    })
    .await;
}

#[tokio::test]
async fn the_reason_of_a_miss_that_an_older_version_kept_is_kept() {
    on_both(|bench| async move {
        let (room, customers) = room_and_customers(&bench, &["ACME".to_owned()]).await;
        let owed = Obligation::owe(&room.id, &customers[0], ClockStart::confirmed(noon()));
        let (missed, _) = owed.take_due(minutes(60 * 72));
        let explained = missed
            .explain_miss("the relay was down", &person(), minutes(60 * 73))
            .expect("a miss");
        let mut tx = bench.begin().await;
        tx.insert_obligation(&explained).await.expect("inserts");
        tx.commit().await.expect("commits");
        // As it stood in the state before, and as the migration finds it.
        bench
            .force("UPDATE obligation SET body = REPLACE(body, '\"miss_reason\":', '\"why\":')")
            .await
            .expect("changes");
        let mut tx = bench.read().await;
        let before = tx.obligation(&explained.id).await.expect("reads");
        assert!(before.wants_reason(), "without the migration it would be lost");
        drop(tx);
        let migration = match bench.store.engine() {
            Engine::Sqlite => include_str!("../../../../migrations/sqlite/0015_miss_reason.sql"),
            Engine::Postgres => include_str!("../../../../migrations/postgres/0015_miss_reason.sql"),
        };
        bench.force(migration).await.expect("migrates");
        let mut tx = bench.read().await;
        let after = tx.obligation(&explained.id).await.expect("reads");
        assert_eq!(after, explained);
    })
    .await;
}

#[tokio::test]
async fn obligations_are_found_when_their_step_is_due_and_not_before() {
    on_both(|bench| async move {
        let (room, customers) = room_and_customers(&bench, &["ACME".to_owned(), "beta".to_owned()]).await;
        let first = Obligation::owe(&room.id, &customers[0], ClockStart::confirmed(noon()));
        let second = Obligation::owe(&room.id, &customers[1], ClockStart::confirmed(minutes(30)));
        let mut tx = bench.begin().await;
        assert_eq!(tx.next_step_at().await.expect("reads"), None);
        tx.insert_obligation(&second).await.expect("inserts");
        tx.insert_obligation(&first).await.expect("inserts");
        let step_at = first.step_at(Step::ListAffected);
        assert_eq!(tx.next_step_at().await.expect("reads"), Some(step_at));
        let before = step_at - chrono::Duration::microseconds(1);
        assert!(tx.obligations_due(before, 10).await.expect("reads").is_empty());
        assert_eq!(
            tx.obligations_due(step_at, 10).await.expect("reads"),
            std::slice::from_ref(&first)
        );
        let both = tx.obligations_due(minutes(60 * 24), 10).await.expect("reads");
        assert_eq!(both, [first.clone(), second.clone()]);
        assert_eq!(
            tx.obligations_due(minutes(60 * 24), 1)
                .await
                .expect("reads")
                .len(),
            1
        );

        let ended = first.clone().end("cleared", &person(), noon()).expect("ends");
        tx.update_obligation(&ended, 1).await.expect("updates");
        assert_eq!(tx.next_obligation_due().await.expect("reads"), Some(second));
        let counts = tx.telling_counts(TellingOf::Real).await.expect("counts");
        let of_room = counts[&room.id];
        assert_eq!(
            (of_room.untold, of_room.told, of_room.told_late, of_room.ended),
            (1, 0, 0, 1)
        );
        assert_eq!(
            tx.telling_counts(TellingOf::One(&room.id)).await.expect("counts"),
            counts
        );
    })
    .await;
}

#[tokio::test]
async fn obligations_are_paged_by_deadline_and_filtered() {
    on_both(|bench| async move {
        let keys: Vec<String> = (0..11).map(|n| format!("c{n}")).collect();
        let (room, customers) = room_and_customers(&bench, &keys).await;
        let mut tx = bench.begin().await;
        for (one, n) in customers.iter().zip(0..) {
            let owed = Obligation::owe(&room.id, one, ClockStart::confirmed(minutes(n / 3)));
            tx.insert_obligation(&owed).await.expect("inserts");
        }
        let everything = ObligationFilter::default();
        let all = every_page!(2, page => tx.obligations(&everything, &page).await);
        let mut sorted = all.clone();
        sorted.sort_by_key(|o| (o.deadline.due_at, o.id.clone()));
        assert_eq!((all.len(), &all), (11, &sorted));
        let some = ObligationFilter {
            incident: Some(room.id.clone()),
            customer: Some(customers[4].id.clone()),
            states: vec!["running".to_owned()],
            ..ObligationFilter::default()
        };
        let found = every_page!(5, page => tx.obligations(&some, &page).await);
        assert_eq!(found.len(), 1);
        let none = ObligationFilter {
            states: vec!["told".to_owned()],
            ..some
        };
        assert!(every_page!(5, page => tx.obligations(&none, &page).await).is_empty());
    })
    .await;
}

/// One obligation of each kind that a miss can come to, and two that want no reason.
fn misses(room: &Incident, customers: &[Customer]) -> [Obligation; 5] {
    let owed = |n: usize| Obligation::owe(&room.id, &customers[n], ClockStart::confirmed(noon()));
    let (deadline, later) = (minutes(60 * 72), minutes(60 * 73));
    let notice = Notice::prepare_holding(&room.id, 1, "digest".to_owned(), noon());
    let in_time = owed(0).told(&notice.id, minutes(60)).expect("it runs");
    let late = owed(1).told(&notice.id, later).expect("it runs");
    let cleared = owed(2).end("test data only", &person(), later).expect("it runs");
    let (missed, _) = owed(3).take_due(deadline);
    let (explained, _) = owed(4).take_due(deadline);
    let explained = explained
        .end("test data only", &person(), later)
        .expect("it was missed");
    let explained = explained.explain_miss("the relay was down", &person(), later);
    [in_time, late, cleared, missed, explained.expect("a miss")]
}

async fn unexplained(bench: &Bench) -> Vec<CustomerId> {
    let mut tx = bench.read().await;
    let filter = ObligationFilter {
        states: vec!["running".to_owned()],
        unexplained: true,
        ..ObligationFilter::default()
    };
    let found = every_page!(2, page => tx.obligations(&filter, &page).await);
    let mut found: Vec<_> = found.into_iter().map(|owed| owed.customer).collect();
    found.sort();
    found
}

#[tokio::test]
async fn whatever_was_missed_is_found_until_somebody_says_why() {
    on_both(|bench| async move {
        let keys: Vec<String> = (0..6).map(|n| format!("c{n}")).collect();
        let (room, customers) = room_and_customers(&bench, &keys).await;
        let all = misses(&room, &customers);
        let mut practised = incident("Practised", Severity::Sev1, noon());
        practised.drill = true;
        let mut tx = bench.begin().await;
        let practised = tx.insert_incident(practised).await.expect("inserts");
        let (drilled, _) = Obligation::owe(&practised.id, &customers[5], ClockStart::confirmed(noon()))
            .take_due(minutes(60 * 72));
        for owed in all.iter().chain([&drilled]) {
            tx.insert_obligation(owed).await.expect("inserts");
        }
        tx.commit().await.expect("commits");
        let wanting = |numbers: &[usize]| {
            let mut ids: Vec<_> = numbers.iter().map(|n| customers[*n].id.clone()).collect();
            ids.sort();
            ids
        };
        assert_eq!(
            unexplained(&bench).await,
            wanting(&[1, 2, 3]),
            "told late, cleared late and missed; a drill owes nobody a reason"
        );

        // What an older version kept is found as well.
        let migration = match bench.store.engine() {
            Engine::Sqlite => include_str!("../../../../migrations/sqlite/0017_wants_reason.sql"),
            Engine::Postgres => include_str!("../../../../migrations/postgres/0017_wants_reason.sql"),
        };
        let fills = migration
            .split(';')
            .find(|part| part.contains("UPDATE obligation"));
        bench
            .force("UPDATE obligation SET wants_reason = 0")
            .await
            .expect("changes");
        assert!(unexplained(&bench).await.is_empty());
        bench
            .force(fills.expect("it fills the column"))
            .await
            .expect("migrates");
        assert_eq!(unexplained(&bench).await, wanting(&[1, 2, 3]));

        let mut tx = bench.begin().await;
        let told_late = all[1].clone();
        let read = told_late.version;
        let explained = told_late.explain_miss("the relay was down", &person(), minutes(60 * 74));
        tx.update_obligation(&explained.expect("a miss"), read)
            .await
            .expect("updates");
        tx.commit().await.expect("commits");
        assert_eq!(unexplained(&bench).await, wanting(&[2, 3]));
    })
    .await;
}

#[tokio::test]
async fn a_file_that_was_counted_on_is_kept_once_and_since_when() {
    on_both(|bench| async move {
        let (room, _) = room_and_customers(&bench, &[]).await;
        let counted = |since: i64, sha256: &str| RuleCounted {
            path: "obligations/contract-dpa/rule.yaml".to_owned(),
            since: minutes(since),
            sha256: sha256.to_owned(),
        };
        let (first, second) = (counted(1, "a1"), counted(2, "b2"));
        let mut tx = bench.begin().await;
        assert_eq!(tx.rules_counted(&room.id).await.expect("reads"), []);
        for (counted, text) in [(&second, "second"), (&first, "first"), (&second, "second")] {
            tx.keep_rule_counted(&room.id, counted, text)
                .await
                .expect("keeps");
        }
        tx.commit().await.expect("commits");
        let mut tx = bench.read().await;
        assert_eq!(tx.rules_counted(&room.id).await.expect("reads"), [first, second]);
        let text = tx.rule_file("b2").await.expect("reads");
        assert_eq!(text.as_deref(), Some("second"));
        assert_eq!(tx.rule_file("c3").await.expect("reads"), None);
    })
    .await;
}

#[tokio::test]
async fn a_notice_and_its_letters_come_back_and_letters_are_replaced_as_a_whole() {
    on_both(|bench| async move {
        let (room, customers) = room_and_customers(&bench, &["ACME".to_owned(), "beta".to_owned()]).await;
        let facts = NoticeFacts {
            what_happened: "A key was stolen".to_owned(),
            what_information: "names".to_owned(),
            likely_consequences: "mail".to_owned(),
            what_we_did: "revoked it".to_owned(),
            what_you_should_do: "rotate".to_owned(),
            not_yet_known: "how".to_owned(),
            contained: "yes".to_owned(),
            ..NoticeFacts::default()
        };
        let draft = Notice::draft(&room.id, NoticeKind::Full, facts.into(), person(), noon());
        let holding = Notice::prepare_holding(&room.id, 1, "digest".to_owned(), minutes(1));
        let mut tx = bench.begin().await;
        assert!(tx.insert_notice(&draft).await.expect("inserts"));
        assert!(tx.insert_notice(&holding).await.expect("inserts"));
        assert!(!tx.insert_notice(&holding).await.expect("is there"));
        let letters: Vec<_> = customers.iter().map(|c| letter(&draft, c)).collect();
        tx.replace_letters(&draft.id, &letters).await.expect("replaces");
        tx.replace_letters(&draft.id, &letters).await.expect("replaces");
        let mut read = tx.letters(&draft.id).await.expect("reads");
        read.sort_by_key(|l| l.recipients.clone());
        assert_eq!(read, letters);
        assert_eq!(tx.letter(&letters[1].id).await.expect("reads"), letters[1]);
        let found = tx.letter_by_code(&letters[1].check_code).await.expect("reads");
        assert_eq!(found.as_ref(), Some(&letters[1]));
        assert_eq!(tx.letter_by_code("0000-0000").await.expect("reads"), None);
        tx.replace_letters(&draft.id, &letters[..1])
            .await
            .expect("replaces");
        let gone = tx.letter(&letters[1].id).await;
        assert!(matches!(gone, Err(StoreError::NotFound { .. })));

        let filled = draft.clone().with_letters(&letters).expect("fills");
        let submitted = filled.submit(&person(), minutes(2)).expect("submits");
        assert!(tx.notices_waiting_for_approval().await.expect("reads").is_empty());
        tx.update_notice(&submitted, draft.version)
            .await
            .expect("updates");
        assert_conflict(tx.update_notice(&submitted, 1).await, 1, submitted.version);
        let waiting = tx.notices_waiting_for_approval().await.expect("reads");
        assert_eq!(waiting, std::slice::from_ref(&submitted));
        assert_eq!(tx.notice(&submitted.id).await.expect("reads"), submitted);
        let all = tx.notices_of(&room.id).await.expect("reads");
        assert_eq!(all, [submitted.clone(), holding.clone()]);
        assert_eq!(tx.newest_notices(1).await.expect("reads"), [holding]);
    })
    .await;
}

#[tokio::test]
async fn who_was_told_late_is_not_still_to_be_told_and_a_withdrawal_tells_nobody() {
    on_both(|bench| async move {
        let keys = ["ACME", "beta", "gamma", "delta"].map(str::to_owned);
        let (room, customers) = room_and_customers(&bench, &keys).await;
        let mut tx = bench.begin().await;
        let mut owed = Vec::new();
        for customer in &customers {
            let one = Obligation::owe(&room.id, customer, ClockStart::confirmed(noon()));
            tx.insert_obligation(&one).await.expect("inserts");
            owed.push(one);
        }
        let holding = Notice::prepare_holding(&room.id, 1, "digest".to_owned(), noon());
        let facts = NoticeFacts::default();
        let taken_back = Notice::draft(&room.id, NoticeKind::Withdrawn, facts.into(), person(), noon());
        tx.insert_notice(&holding).await.expect("inserts");
        tx.insert_notice(&taken_back).await.expect("inserts");
        let all = |untold, told, told_late, ended| TellingCounts {
            untold,
            told,
            told_late,
            ended,
            questions: 0,
        };
        let counts = tx.telling_counts(TellingOf::Real).await.expect("counts");
        assert_eq!(counts[&room.id], all(4, 0, 0, 0));

        // The first is told in time, the second late, and to the third only a withdrawal arrives. The fourth waits.
        let first = owed[0].clone().told(&holding.id, minutes(1)).expect("told");
        tx.update_obligation(&first, 1).await.expect("updates");
        for missed in &owed[1..3] {
            let (missed, _) = missed.clone().take_due(minutes(60 * 73));
            tx.update_obligation(&missed, 1).await.expect("updates");
        }
        for (notice, customer) in [(&holding, &customers[1]), (&taken_back, &customers[2])] {
            let mut letter = letter_to(&room.id, &notice.id, &customer.id, "soc@customer.example");
            letter.state = DeliveryState::Accepted {
                at: minutes(60 * 74),
                answer: "250 ok".to_owned(),
                by: "relay".to_owned(),
            };
            tx.enqueue(&letter, b"bytes").await.expect("enqueues");
        }
        let counts = tx.telling_counts(TellingOf::One(&room.id)).await.expect("counts");
        assert_eq!(counts[&room.id], all(2, 1, 1, 0));
        let gone = tx.notices_gone(&room.id).await.expect("counts");
        assert_eq!(gone[&holding.id].customers, 1);

        let ended = owed[3].clone().end("cleared", &person(), noon()).expect("ends");
        tx.update_obligation(&ended, 1).await.expect("updates");
        let counts = tx.telling_counts(TellingOf::Real).await.expect("counts");
        assert_eq!(counts[&room.id], all(1, 1, 1, 1));
    })
    .await;
}
