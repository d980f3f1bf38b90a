//! A contract that says otherwise: from when it counts, who is told, and that somebody rings up.

use super::*;
use watchkeeper_domain::customer::{Channel, CountsFrom};
use watchkeeper_domain::incident::{Disclosure, TaskState};
use watchkeeper_domain::obligation::rule::Moment;
use watchkeeper_stories::company::full_account;

/// Two contracts as the company's own list has them: one counts from the suspicion and asks for a call, one counts from awareness.
const TERMS: &str = r#"[
  {"key": "V-aldermoor", "name": "Aldermoor Surgeries", "notify_within": "24h",
   "terms": {"counts_from": "suspected", "recipients": ["security", "legal"], "channel": "phone"}, "tags": ["health"]},
  {"key": "V-fenland", "name": "Fenland Research", "terms": {"counts_from": "aware"}}
]"#;

async fn a_contract_that_says_otherwise_is_kept(place: Place) {
    let mut house = House::open(place, Setup::default()).await;
    let lead = house.actor(MARA).await;
    let desk = house.desk().clone();
    let import = desk
        .import_customers(TERMS.as_bytes(), true, &lead)
        .await
        .expect("a list");
    assert!(import.committed, "{:?}", import.faults);
    let changes = import.changed[0].changes.join(", ");
    assert!(
        changes.contains("counts_from: confirmed → suspected") && changes.contains("channel: email → phone"),
        "{changes}"
    );
    let customers = house.customers().await;
    let surgeries = &customers["V-aldermoor"];
    assert_eq!(surgeries.contacts.len(), 3, "whoever the list leaves out stays");
    assert_eq!(surgeries.terms.counts_from, CountsFrom::Suspected);
    assert_eq!(surgeries.terms.channel, Channel::Phone);

    let incident = declared(&house).await;
    let suspected_at = house.now();
    desk.suspect_disclosure(&incident.id, None, "the link was opened", &lead)
        .await
        .expect("suspected");
    for victim in [VICTIMS[0], VICTIMS[5]] {
        let customer = customers[&victim.key()].id.clone();
        let why = "the link named its files";
        desk.set_affected(&incident.id, &customer, Standing::Confirmed, why, &lead)
            .await
            .expect("affected");
    }
    let incident = house.incident().await;
    let Disclosure::Suspected { decide_by, .. } = incident.disclosure else {
        panic!("it is suspected");
    };
    assert_eq!(
        decide_by - suspected_at,
        Duration::hours(16),
        "two thirds of what the first contract gives"
    );

    house.pass(Duration::hours(10));
    let confirmed_at = house.now();
    desk.confirm_disclosure(&incident.id, None, "the log shows it", None, &lead)
        .await
        .expect("confirmed");
    let owed = of(&house, &incident, VICTIMS[0]).await;
    assert_eq!(owed.deadline.due_at, suspected_at + Duration::hours(24));
    assert!(
        owed.deadline
            .explanation
            .contains("the suspicion of it. Suspected 20"),
        "{}",
        owed.deadline.explanation
    );
    let other = of(&house, &incident, VICTIMS[5]).await;
    assert_eq!(other.deadline.due_at, confirmed_at + Duration::hours(72));
    assert!(
        other
            .deadline
            .explanation
            .contains("Nobody has recorded that moment before the confirmation. Confirmed 20"),
        "{}",
        other.deadline.explanation
    );

    let aware = (Moment::Aware, suspected_at + Duration::hours(1));
    desk.record_moment(&incident.id, None, aware, "the first answer on the phone", &lead)
        .await
        .expect("recorded");
    let moved = of(&house, &incident, VICTIMS[5]).await;
    assert_eq!(moved.deadline.due_at, suspected_at + Duration::hours(73));
    assert!(
        moved.deadline.explanation.contains("Before, it counted from"),
        "both stay in sight: {}",
        moved.deadline.explanation
    );

    house
        .send_notice(&incident, NoticeKind::Full, full_account())
        .await;
    for address in [VICTIMS[0].security_contact(), VICTIMS[0].legal_contact()] {
        assert_eq!(house.relay.mails_to(&address).len(), 1, "{address}");
    }
    assert_eq!(
        house.relay.mails_to(&VICTIMS[5].legal_contact()).len(),
        0,
        "its contract names nobody: the security contact alone"
    );
    let by_hand: Vec<_> = house
        .incident()
        .await
        .tasks
        .into_iter()
        .filter(|task| task.title.starts_with("Tell by phone"))
        .collect();
    assert_eq!(by_hand.len(), 1);
    assert!(
        by_hand[0].title.ends_with(": Aldermoor Surgeries"),
        "{}",
        by_hand[0].title
    );
    assert_eq!(
        (by_hand[0].due_at, &by_hand[0].state),
        (Some(owed.deadline.due_at), &TaskState::Open)
    );
    let whom = by_hand[0].by_hand.as_ref().expect("whom to tell by hand");
    assert_eq!(
        (whom.channel, whom.customers.as_slice()),
        (Channel::Phone, [owed.customer.clone()].as_slice()),
        "so that the task leads to what is written down of the call"
    );
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_that_says_otherwise_is_kept_on_sqlite() {
    a_contract_that_says_otherwise_is_kept(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_that_says_otherwise_is_kept_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_contract_that_says_otherwise_is_kept(place).await;
    }
}

async fn a_customer_that_is_mended_after_the_confirmation_is_told_as_it_stands_then(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let confirmed_at = incident.disclosure.confirmed_at().expect("confirmed");
    let lead = house.actor(MARA).await;
    let victim = VICTIMS
        .into_iter()
        .find(|victim| victim.hours == 72)
        .expect("one");
    house.pass(Duration::hours(2));
    let mended = format!(
        r#"[{{"key": "{}", "name": "Mended Ltd", "notify_within": "48h", "contacts": [
             {{"name": "Security", "email": "alarm@mended.example", "role": "security"}}]}}]"#,
        victim.key()
    );
    let import = house
        .desk()
        .import_customers(mended.as_bytes(), true, &lead)
        .await
        .expect("a list");
    assert!(import.committed, "{:?}", import.faults);

    let owed = of(&house, &incident, victim).await;
    assert_eq!(owed.rule, "contract.dpa");
    assert_eq!(owed.deadline.due_at, confirmed_at + Duration::hours(48));
    let before = owed.deadline.before.last().expect("both stay in sight");
    assert_eq!(before.due_at, confirmed_at + Duration::hours(72));

    // A contract that gives more time changes no clock that runs.
    let longer = mended.replace("48h", "96h");
    house
        .desk()
        .import_customers(longer.as_bytes(), true, &lead)
        .await
        .expect("a list");
    let owed = of(&house, &incident, victim).await;
    assert_eq!(owed.deadline.due_at, confirmed_at + Duration::hours(48));

    house.clock.set(confirmed_at + Duration::hours(44));
    house.settle().await;
    assert_eq!(house.relay.mails_to("alarm@mended.example").len(), 1);
    assert_eq!(
        house.relay.mails_to(&victim.security_contact()).len(),
        0,
        "an address of yesterday"
    );
    house.verified_audit().await;
}

#[tokio::test]
async fn a_customer_that_is_mended_after_the_confirmation_is_told_as_it_stands_then_on_sqlite() {
    a_customer_that_is_mended_after_the_confirmation_is_told_as_it_stands_then(Place::sqlite()).await;
}

#[tokio::test]
async fn a_customer_that_is_mended_after_the_confirmation_is_told_as_it_stands_then_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_customer_that_is_mended_after_the_confirmation_is_told_as_it_stands_then(place).await;
    }
}
