//! A customer was told, cleared, sent a withdrawal, and is affected after all: what was told tells nothing any more, so that everything
//! is owed anew, and what was owed before stays as it was.

use super::bounces::{bounce_of_the_first, told_by_one_letter};
use super::pack::exported;
use super::*;
use watchkeeper_domain::delivery::proof::{Level, proof_of_telling};
use watchkeeper_domain::id::CustomerId;
use watchkeeper_respond::pack::Scope;
use watchkeeper_stories::auditor::{rows, said, unpacked, verified};
use watchkeeper_stories::company::full_account;

const VICTIM: Victim = VICTIMS[4];

/// Everything that is or was owed to the customer, the first round first.
async fn rounds(house: &House, incident: &Incident) -> Vec<Obligation> {
    let customer = theirs(house).await;
    let mut owed = house.obligations(incident).await;
    owed.retain(|owed| owed.customer == customer);
    owed.sort_by_key(Obligation::round);
    owed
}

async fn theirs(house: &House) -> CustomerId {
    house.customers().await[&VICTIM.key()].id.clone()
}

async fn stands(house: &mut House, incident: &Incident, to: Standing, evidence: &str) {
    let (mara, customer) = (house.actor(MARA).await, theirs(house).await);
    let desk = house.desk().clone();
    desk.set_affected(&incident.id, &customer, to, evidence, &mara)
        .await
        .expect("changed");
    house.settle().await;
}

async fn withdrawn(house: &mut House, incident: &Incident) {
    let why = NoticeFacts {
        why_withdrawn: "the files were test data".to_owned(),
        ..NoticeFacts::default()
    };
    house.send_notice(incident, NoticeKind::Withdrawn, why).await;
}

async fn who_was_told_otherwise_is_owed_anew_and_the_ladder_runs_again(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    house
        .send_notice(&incident, NoticeKind::Full, full_account())
        .await;
    let first = rounds(&house, &incident).await.remove(0);
    assert!(matches!(first.state, ObligationState::Told { in_time: true, .. }));

    // Cleared and found again while nothing was taken back: what was told still tells it.
    stands(&mut house, &incident, Standing::Cleared, "test data only").await;
    stands(&mut house, &incident, Standing::Possible, "no, it was not").await;
    assert_eq!(rounds(&house, &incident).await, std::slice::from_ref(&first));

    stands(&mut house, &incident, Standing::Cleared, "test data after all").await;
    withdrawn(&mut house, &incident).await;
    house.pass(Duration::hours(100));
    house.settle().await;
    assert_eq!(rounds(&house, &incident).await, std::slice::from_ref(&first));
    stands(
        &mut house,
        &incident,
        Standing::Confirmed,
        "its files are offered for sale",
    )
    .await;
    let found_at = house.now();

    let both = rounds(&house, &incident).await;
    assert_eq!(both[0], first, "what was owed before stays as it was");
    let anew = &both[1];
    assert_eq!((both.len(), anew.round()), (2, 2));
    assert_eq!(anew.state, ObligationState::Running);
    assert_eq!(
        (anew.deadline.from, anew.deadline.due_at),
        (found_at, found_at + Duration::hours(VICTIM.hours))
    );
    for word in ["was withdrawn", "found affected after all", "a clock of its own"] {
        let explanation = &anew.deadline.explanation;
        assert!(
            explanation.contains(word),
            "`{word}` is missing in: {explanation}"
        );
    }

    for step in Step::ALL.into_iter().filter(|step| *step != Step::Overdue) {
        let (pages, letters) = reach(&mut house, anew.step_at(step)).await;
        // That its only customer is confirmed leaves nothing to verify on the list.
        let expected = match step {
            Step::ListAffected => incident_lists_possible(&house).await,
            _ => true,
        };
        assert_eq!(!pages.is_empty(), expected, "{step:?}");
        let told = match step {
            Step::SendHolding => vec![VICTIM.security_contact()],
            _ => Vec::new(),
        };
        assert_eq!(recipients(&letters), told, "{step:?}");
    }
    let both = rounds(&house, &incident).await;
    assert_eq!(both[0], first);
    assert!(matches!(
        both[1].state,
        ObligationState::Told { in_time: true, .. }
    ));
    the_holding_notice_says_so(&house, &incident).await;
    both_rounds_are_proved(&mut house, &incident).await;
    house.everything_arrived_once().await;
    house.verified_audit().await;
}

async fn incident_lists_possible(house: &House) -> bool {
    let affected = house.incident().await.affected;
    affected
        .values()
        .any(|known| known.standing == Standing::Possible)
}

async fn the_holding_notice_says_so(house: &House, incident: &Incident) {
    let mut tx = house.desk().store().read().await.expect("a transaction");
    let notices = tx.notices_of(&incident.id).await.expect("notices");
    let holding = notices.iter().filter(|n| n.kind == NoticeKind::Holding);
    let holding: BTreeMap<u32, _> = holding.map(|notice| (notice.round, notice)).collect();
    assert_eq!(
        holding[&1].state.name(),
        "prepared",
        "everybody had the full notice in time"
    );
    assert_eq!(holding[&2].state.name(), "sent");
    let letters = tx.letters(&holding[&2].id).await.expect("letters");
    assert_eq!(letters.len(), 1, "nobody else is told twice");
    assert!(
        letters[0].text.contains("you are affected after\nall"),
        "{}",
        letters[0].text
    );
}

async fn both_rounds_are_proved(house: &mut House, incident: &Incident) {
    let owed = house.obligations(incident).await;
    let deliveries = house.deliveries(incident).await;
    let proof = proof_of_telling(&owed, &deliveries, &BTreeMap::new(), house.now());
    let submitted = &proof.levels[0];
    assert_eq!(
        (submitted.level, submitted.in_time, submitted.never),
        (Level::Submitted, VICTIMS.len() as u64 + 1, 0),
        "both rounds count"
    );
    let customer = theirs(house).await;
    let of_them = proof.customers.iter().filter(|proof| proof.customer == customer);
    let messages: Vec<(u32, usize)> = of_them
        .map(|proof| (proof.round, proof.recipients.len()))
        .collect();
    assert_eq!(
        messages,
        [(1, 2), (2, 1)],
        "the full notice and its withdrawal; the holding notice"
    );

    let (packed, bytes) = exported(house, Scope::Incident(incident.number)).await;
    let zip = house.place.folder().join("again.zip");
    std::fs::write(&zip, &bytes).expect("written");
    let key = house.desk().log_key().to_string();
    let sound = verified(&zip, &["--key", &key, "--manifest", &packed.manifest_sha256]);
    assert!(sound.status.success(), "{}", said(&sound));
    let folder = house.place.folder().join("again");
    unpacked(&zip, &folder);
    let owed = rows(&folder, "obligations.csv");
    let of_them: Vec<(&str, &str, &str)> = owed
        .iter()
        .filter(|row| row["owed_to"].contains(VICTIM.name))
        .map(|row| {
            (
                row["round"].as_str(),
                row["state"].as_str(),
                row["on_time"].as_str(),
            )
        })
        .collect();
    assert_eq!(of_them, [("1", "told", "yes"), ("2", "told", "yes")]);
}

async fn what_bounces_after_it_was_taken_back_starts_no_clock_of_the_round_before(place: Place) {
    let (mut house, incident, listener) = told_by_one_letter(place).await;
    let told = house.obligations(&incident).await.remove(0);
    let (mara, customer) = (house.actor(MARA).await, told.customer.clone());
    let desk = house.desk().clone();
    desk.set_affected(
        &incident.id,
        &customer,
        Standing::Cleared,
        "test data only",
        &mara,
    )
    .await
    .expect("cleared");
    withdrawn(&mut house, &incident).await;
    house.pass(Duration::hours(1));
    desk.set_affected(
        &incident.id,
        &customer,
        Standing::Confirmed,
        "offered for sale",
        &mara,
    )
    .await
    .expect("found again");
    let victim = super::bounces::VICTIM;
    bounce_of_the_first(&house, &listener, &victim.security_contact()).await;
    house.settle().await;
    let mut both = house.obligations(&incident).await;
    both.sort_by_key(Obligation::round);
    assert_eq!(both.len(), 2, "{both:#?}");
    assert_eq!(
        both[0].state.name(),
        "ended",
        "what was taken back is not told again: {:#?}",
        both[0]
    );
    assert_eq!(both[1].state, ObligationState::Running);
    let next = house.relay.mails_to(&victim.legal_contact());
    assert!(next.is_empty(), "nobody else gets what was taken back");
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_told_otherwise_is_owed_anew_and_the_ladder_runs_again_on_sqlite() {
    who_was_told_otherwise_is_owed_anew_and_the_ladder_runs_again(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_told_otherwise_is_owed_anew_and_the_ladder_runs_again_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        who_was_told_otherwise_is_owed_anew_and_the_ladder_runs_again(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_bounces_after_it_was_taken_back_starts_no_clock_of_the_round_before_on_sqlite() {
    what_bounces_after_it_was_taken_back_starts_no_clock_of_the_round_before(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_bounces_after_it_was_taken_back_starts_no_clock_of_the_round_before_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        what_bounces_after_it_was_taken_back_starts_no_clock_of_the_round_before(place).await;
    }
}
