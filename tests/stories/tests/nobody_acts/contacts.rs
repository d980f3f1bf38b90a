//! A contact that is no more.

use super::*;
use watchkeeper_domain::access::AccessRole;
use watchkeeper_domain::customer::ContactRole;
use watchkeeper_domain::notice::LetterPart;
use watchkeeper_respond::operations::customers::{ContactFacts, CustomerFacts};
use watchkeeper_respond::operations::people::NewAccount;
use watchkeeper_stories::company::full_account;

/// A person declares an incident, one customer is affected, and its full notice was approved: the letter is the only message in the
/// outbox.
pub(crate) async fn one_letter_in_the_outbox(place: Place, setup: Setup) -> (House, Incident) {
    let mut house = House::open(place, setup).await;
    let ines = house.user(INES).await;
    let incident = declared(&house).await;
    let lead = house.actor(MARA).await;
    let customer = house.customers().await[&VICTIMS[2].key()].id.clone();
    let desk = house.desk().clone();
    desk.set_affected(
        &incident.id,
        &customer,
        Standing::Confirmed,
        "the link named its files",
        &lead,
    )
    .await
    .expect("affected");
    desk.confirm_disclosure(&incident.id, None, "the link was opened", None, &lead)
        .await
        .expect("confirmed");
    let notice = desk
        .draft_notice(&incident.id, NoticeKind::Full, full_account().into(), &lead)
        .await
        .expect("drafted");
    let notice = desk.submit_notice(&notice.id, &lead).await.expect("submitted");
    house.settle().await;
    desk.approve_notice(&notice.id, &notice.content_hash, &ines)
        .await
        .expect("approved");
    (house, incident)
}

async fn a_contact_that_is_refused_is_followed_by_the_next(place: Place) {
    let (mut house, incident) = one_letter_in_the_outbox(place, Setup::default()).await;
    let victim = VICTIMS[2];
    house
        .relay
        .server()
        .script_once(Stage::Rcpt, Act::reply("550 5.1.1 no such user"));
    house.settle().await;
    assert_eq!(house.relay.mails_to(&victim.security_contact()).len(), 0);
    assert_eq!(house.relay.mails_to(&victim.legal_contact()).len(), 1);
    let state = of(&house, &incident, victim).await.state;
    assert!(
        matches!(state, ObligationState::Told { in_time: true, .. }),
        "{state:?}"
    );
    let unreached = house.deliveries(&incident).await;
    let unreached = unreached
        .iter()
        .filter(|d| pages_for(d, |r| matches!(r, PageReason::CustomerUnreached { .. })));
    assert_eq!(unreached.count(), 0);
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_is_refused_is_followed_by_the_next_on_sqlite() {
    a_contact_that_is_refused_is_followed_by_the_next(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_is_refused_is_followed_by_the_next_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_contact_that_is_refused_is_followed_by_the_next(place).await;
    }
}

async fn when_every_contact_is_refused_somebody_is_told_to_call(place: Place) {
    let (mut house, incident) = one_letter_in_the_outbox(place, Setup::default()).await;
    let victim = VICTIMS[2];
    let contacts = house.customers().await[&victim.key()].contacts.len();
    for _ in 0..contacts {
        house
            .relay
            .server()
            .script_once(Stage::Rcpt, Act::reply("550 5.1.1 no such user"));
    }
    house.settle().await;
    let all = house.deliveries(&incident).await;
    let letters: Vec<&Delivery> = all.iter().filter(|d| is_letter(d)).collect();
    assert_eq!(letters.len(), contacts);
    assert!(
        letters.iter().all(|d| d.state.name() == "refused"),
        "{letters:#?}"
    );
    let state = of(&house, &incident, victim).await.state;
    assert_eq!(state, ObligationState::Running, "nobody was told");
    let unreached: Vec<Delivery> = all
        .iter()
        .filter(|d| matches!(&d.about, About::Page { reason: PageReason::CustomerUnreached { customer }, .. } if customer == victim.name))
        .cloned()
        .collect();
    assert_eq!(
        recipients(&unreached).into_iter().collect::<BTreeSet<_>>(),
        emails(&[TOMAS, INES])
    );
    assert_eq!(unreached.len(), 2);
    for person in [TOMAS, INES] {
        let mails = house.relay.mails_to(person.email);
        let told = mails.iter().filter(|mail| {
            mail.text
                .contains(&format!("No contact reached at {}", victim.name))
        });
        assert_eq!(told.count(), 1, "{mails:#?}");
    }
    // The ladder goes on: the customer is owed a notice until somebody has told them.
    let due = of(&house, &incident, victim).await.step_at(Step::Overdue);
    house.clock.set(due);
    house.settle().await;
    assert!(matches!(
        of(&house, &incident, victim).await.state,
        ObligationState::Missed { .. }
    ));
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_every_contact_is_refused_somebody_is_told_to_call_on_sqlite() {
    when_every_contact_is_refused_somebody_is_told_to_call(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_every_contact_is_refused_somebody_is_told_to_call_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        when_every_contact_is_refused_somebody_is_told_to_call(place).await;
    }
}

/// The new security contact of a customer, while a notice to it waits.
const SUCCESSOR: &str = "soc@calderandhythe.example";

async fn a_letter_that_waits_for_approval_follows_its_customer(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let (mara, ines) = (house.actor(MARA).await, house.user(INES).await);
    let desk = house.desk().clone();
    let notice = desk
        .draft_notice(&incident.id, NoticeKind::Full, full_account().into(), &mara)
        .await
        .expect("drafted");
    let read = desk.submit_notice(&notice.id, &mara).await.expect("submitted");
    let victim = VICTIMS[2];
    let customer = house.customers().await[&victim.key()].clone();
    // Another counsel writes down whom to tell now.
    let account = NewAccount {
        email: "lea@paperplane.example".to_owned(),
        name: "Lea Brandt".to_owned(),
        roles: [AccessRole::Legal].into(),
    };
    let (lea, _) = desk.add_user(account, &mara).await.expect("an account");
    let as_lea = watchkeeper_domain::actor::Actor::person(&lea.id);
    let facts = CustomerFacts {
        name: customer.name,
        tenants: customer.tenants,
        notify_within: customer.notify_within,
        contract: customer.contract,
        terms: Some(customer.terms),
        tags: None,
        language: customer.language,
        paying: None,
        contacts: vec![ContactFacts {
            name: "SOC".to_owned(),
            email: SUCCESSOR.to_owned(),
            role: ContactRole::Security,
        }],
    };
    desk.keep_customer(&customer.key, Some(customer.version), facts, &as_lea)
        .await
        .expect("changed");
    let mut tx = desk.store().read().await.expect("a transaction");
    let waiting = tx.notice(&notice.id).await.expect("the notice");
    let letters = tx.letters(&notice.id).await.expect("letters");
    drop(tx);
    assert_eq!(waiting.state.name(), "submitted", "nobody has to submit it again");
    assert_ne!(waiting.content_hash, read.content_hash);
    let followed: Vec<_> = waiting
        .followed
        .iter()
        .map(|one| (&one.customer, &one.by))
        .collect();
    assert_eq!(followed, [(&customer.id, &as_lea)]);
    assert!(waiting.followed[0].parts.contains(&LetterPart::Recipients));
    let theirs = letters.iter().find(|letter| letter.customer == customer.id);
    assert_eq!(theirs.expect("theirs").recipients, [SUCCESSOR]);

    let stale = desk.approve_notice(&notice.id, &read.content_hash, &ines).await;
    let stale = stale.expect_err("she read other letters").to_string();
    assert!(stale.contains("read it again"), "{stale}");
    let own = desk.approve_notice(&notice.id, &waiting.content_hash, &lea).await;
    let own = own.expect_err("she changed a letter").to_string();
    assert!(
        own.contains("changed a customer while this notice waited"),
        "{own}"
    );
    desk.approve_notice(&notice.id, &waiting.content_hash, &ines)
        .await
        .expect("approved as it stands");
    house.settle().await;
    assert_eq!(house.relay.mails_to(SUCCESSOR).len(), 1);
    assert_eq!(house.relay.mails_to(&victim.security_contact()).len(), 0);
    house.everything_arrived_once().await;
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_waits_for_approval_follows_its_customer_on_sqlite() {
    a_letter_that_waits_for_approval_follows_its_customer(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_waits_for_approval_follows_its_customer_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_letter_that_waits_for_approval_follows_its_customer(place).await;
    }
}
