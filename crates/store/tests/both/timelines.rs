use crate::bench::{Bench, on_both};
use crate::samples::{customer, incident, letter_to, minutes, noon, person};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::audit::{Misfit, NewRecord};
use watchkeeper_domain::delivery::DeliveryState;
use watchkeeper_domain::erasure::Traces;
use watchkeeper_domain::id::{IncidentId, NoticeId};
use watchkeeper_domain::incident::{EntryKind, Severity, TimelineEntry};
use watchkeeper_store::{CONTACT_ERASED, Engine, Erased};

const DISARM_SQLITE: &str = "DROP TRIGGER timeline_entry_update; DROP TRIGGER timeline_entry_delete";
const DISARM_POSTGRES: &str = "ALTER TABLE timeline_entry DISABLE TRIGGER USER";

async fn disarm(bench: &Bench) {
    let sql = match bench.store.engine() {
        Engine::Sqlite => DISARM_SQLITE,
        Engine::Postgres => DISARM_POSTGRES,
    };
    bench.force(sql).await.expect("disarms");
}

/// An incident with three entries, the second of which names somebody.
async fn told(bench: &Bench) -> (IncidentId, Vec<TimelineEntry>) {
    let mut tx = bench.begin().await;
    let room = tx
        .insert_incident(incident("Stolen key", Severity::Sev1, noon()))
        .await
        .expect("inserts");
    let texts = [
        "Opened",
        "Dana Vries (dana@acme.example) acknowledged",
        "A mail server accepted it",
    ];
    let entries: Vec<TimelineEntry> = texts
        .iter()
        .zip(1..)
        .map(|(text, n)| {
            room.entry(
                EntryKind::Delivered,
                noon(),
                minutes(n),
                &person(),
                (*text).to_owned(),
            )
        })
        .collect();
    tx.append_entries(&entries[..2]).await.expect("appends");
    tx.append_entries(&entries[2..]).await.expect("appends");
    tx.commit().await.expect("commits");
    (room.id, entries)
}

/// How many entries are as they were written.
async fn verified(bench: &Bench) -> Result<u64, Misfit> {
    let verdict = bench.store.verify_audit(None, Vec::new()).await;
    verdict.expect("walks").map(|verified| verified.entries)
}

async fn misfit_of(bench: &Bench) -> (i64, String) {
    let misfit = verified(bench).await.expect_err("something does not fit");
    (misfit.seq, misfit.what)
}

#[tokio::test]
async fn an_entry_that_is_changed_is_found_with_the_record_that_commits_to_it() {
    on_both(|bench| async move {
        let (_, entries) = told(&bench).await;
        assert_eq!(verified(&bench).await, Ok(3));
        let change = "UPDATE timeline_entry SET body = replace(body, 'acknowledged', 'never read it')";
        let refusal = bench.force(change).await.expect_err("refused").to_string();
        assert!(refusal.contains("never changed"), "{refusal}");
        disarm(&bench).await;
        bench.force(change).await.expect("changes");
        let (seq, what) = misfit_of(&bench).await;
        assert_eq!(seq, 1);
        assert!(
            what.contains(entries[1].id.as_str()) && what.contains("changed"),
            "{what}"
        );
    })
    .await;
}

#[tokio::test]
async fn an_entry_that_is_removed_or_put_in_past_the_log_is_found() {
    on_both(|bench| async move {
        let (_, entries) = told(&bench).await;
        disarm(&bench).await;
        let put_in = "INSERT INTO timeline_entry (id, matter, recorded_at, body) \
             SELECT 'ent_forged', matter, recorded_at + 1, replace(body, id, 'ent_forged') FROM timeline_entry \
             WHERE body LIKE '%accepted it%'";
        bench.force(put_in).await.expect("puts in");
        let (_, what) = misfit_of(&bench).await;
        assert!(
            what.contains("ent_forged") && what.contains("put in past the log"),
            "{what}"
        );
        bench
            .force("DELETE FROM timeline_entry WHERE id = 'ent_forged' OR body LIKE '%accepted it%'")
            .await
            .expect("removes");
        let (seq, what) = misfit_of(&bench).await;
        assert_eq!(seq, 2);
        assert!(
            what.contains(entries[2].id.as_str()) && what.contains("removed"),
            "{what}"
        );
    })
    .await;
}

/// Every text of the tables that hold what is kept about mail.
async fn everything(bench: &Bench) -> String {
    const TABLES: [(&str, &str); 7] = [
        ("delivery", "recipient || destination || body"),
        ("transcript", "outcome || lines"),
        ("bounce_report", "body"),
        ("timeline_entry", "body"),
        ("letter", "body"),
        ("asking", "email || body"),
        ("audit", "actor || detail"),
    ];
    let mut all = String::new();
    for (table, columns) in TABLES {
        let sql = format!("SELECT {columns} FROM {table}");
        for text in bench.texts(&sql).await {
            all.push_str(&text);
            all.push('\n');
        }
    }
    all
}

#[tokio::test]
async fn whoever_is_erased_is_nowhere_and_what_was_sent_still_counts() {
    on_both(|bench| async move {
        let (room, entries) = told(&bench).await;
        let acme = customer("ACME", &["t-1"]);
        let notice = NoticeId::derived(&["n"]);
        let mut tx = bench.begin().await;
        tx.upsert_customer(&acme, None).await.expect("keeps");
        let theirs = letter_to(&room, &notice, &acme.id, "Dana@acme.example");
        let others = letter_to(&room, &notice, &acme.id, "jo.dana@acme.example");
        for (delivery, answer) in [(&theirs, "250 2.1.5 <dana@acme.example> ok"), (&others, "250 ok")] {
            assert!(tx.enqueue(delivery, b"To: somebody").await.expect("enqueues"));
            let mut accepted = delivery.clone();
            accepted.version += 1;
            accepted.state = DeliveryState::Accepted {
                at: minutes(2),
                answer: answer.to_owned(),
                by: "relay".to_owned(),
            };
            tx.update_delivery(&accepted, delivery.version)
                .await
                .expect("updates");
            let lines = [
                format!("C: RCPT TO:<{}>", delivery.recipient),
                format!("S: {answer}"),
            ];
            tx.add_transcript(&delivery.id, minutes(2), "accepted", &lines)
                .await
                .expect("keeps");
        }
        let traces = Traces::of("dana@acme.example", ["Dana Vries"]);
        let erased = tx
            .erase(&acme.id, "dana@acme.example", &traces)
            .await
            .expect("erases");
        let expected = Erased {
            deliveries: vec![theirs.id.clone()],
            entries: vec![entries[1].id.clone()],
            ..Erased::default()
        };
        assert_eq!(erased, expected);
        let record = NewRecord {
            actor: Actor::Operator,
            action: CONTACT_ERASED,
            subject: acme.id.to_string(),
            detail: serde_json::json!({"entries": erased.entries}),
        };
        tx.record(&record, minutes(3)).await.expect("records");
        tx.commit().await.expect("commits");

        let left = everything(&bench).await.to_lowercase();
        assert!(!left.contains("dana vries"), "{left}");
        let addresses = left.matches("dana@acme.example").count();
        assert_eq!(addresses, left.matches("jo.dana@acme.example").count(), "{left}");
        let mut tx = bench.read().await;
        assert_eq!(tx.delivery_message(&theirs.id).await.expect("reads"), None);
        assert!(tx.delivery_message(&others.id).await.expect("reads").is_some());
        let kept = tx.delivery(&theirs.id).await.expect("reads");
        assert_eq!(
            (kept.recipient.as_str(), kept.state.name()),
            ("[erased]", "accepted")
        );
        let said = tx.transcripts(&theirs.id).await.expect("reads").remove(0).lines;
        assert_eq!(said, ["C: RCPT TO:<[erased]>", "S: 250 2.1.5 <[erased]> ok"]);
        drop(tx);
        // What the log committed to and was erased is no misfit, since a record says so; the others are compared as before.
        assert_eq!(verified(&bench).await, Ok(2));
    })
    .await;
}

#[tokio::test]
async fn an_entry_that_was_made_illegible_without_a_record_of_an_erasure_is_found() {
    on_both(|bench| async move {
        let (_, entries) = told(&bench).await;
        let quietly = "UPDATE timeline_entry SET body = replace(body, 'acknowledged', '[erased]'), erased = erased + 1 \
             WHERE body LIKE '%acknowledged%'";
        bench.force(quietly).await.expect("the way of an erasure is open");
        let (seq, what) = misfit_of(&bench).await;
        assert_eq!(seq, 1);
        assert!(what.contains(entries[1].id.as_str()), "{what}");
    })
    .await;
}
