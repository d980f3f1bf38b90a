//! Changes of the service: judged by two people, told to the customers that pay on the day, and a fault where nobody told them.

use chrono::{DateTime, Duration, Utc};
use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::PathBuf;
use watchkeeper_domain::access::User;
use watchkeeper_domain::change::{
    Change, ChangeCourse, ChangeError, ChangeFault, ChangeProposal, ChangeState,
};
use watchkeeper_domain::customer::{Contact, ContactRole, ContractTerms, Customer};
use watchkeeper_domain::delivery::{Channel, Delivery};
use watchkeeper_domain::id::CustomerId;
use watchkeeper_domain::incident::TimelineEntry;
use watchkeeper_domain::notice::{MachineFacts, Notice, NoticeError, NoticeFacts, Written};
use watchkeeper_domain::page::PageReason;
use watchkeeper_domain::register::Period;
use watchkeeper_respond::RespondError;
use watchkeeper_respond::operations::portal::{Checked, Response};
use watchkeeper_respond::pack::Scope;
use watchkeeper_store::PageRequest;
use watchkeeper_stories::auditor::{rows, said, unpacked, verified};
use watchkeeper_stories::company::{BYSTANDERS, INES, JONAS, MARA, TOMAS, VICTIMS};
use watchkeeper_stories::house::{House, Setup, is_letter, pages_for};
use watchkeeper_stories::place::Place;
use watchkeeper_testbed::smtp::{Act, Stage};

fn proposal(effective_at: DateTime<Utc>) -> ChangeProposal {
    ChangeProposal {
        title: "Another company keeps our backups".to_owned(),
        what: "Encrypted backups move from Oakvault to Tidehouse.".to_owned(),
        why: "Oakvault closes its service.".to_owned(),
        effective_at,
    }
}

/// What Mara writes, with a German translation.
fn written() -> Written {
    let facts = |what: &str| NoticeFacts {
        what_changes: what.to_owned(),
        why_it_changes: "Oakvault closes its service.".to_owned(),
        effect_on_data: "Backups are kept in Ireland instead of the Netherlands.".to_owned(),
        what_you_should_do: "Nothing, unless your records name Oakvault.".to_owned(),
        ..NoticeFacts::default()
    };
    Written {
        facts: facts("Encrypted backups move from Oakvault to Tidehouse."),
        translations: [(
            "de".to_owned(),
            facts("Verschlüsselte Sicherungen ziehen zu Tidehouse um."),
        )]
        .into(),
        next_update_by: None,
    }
}

/// Mara proposes a change that takes effect in 60 days, Tomás judges it, Inês agrees.
async fn agreed(house: &mut House, substantial: bool) -> Change {
    let (mara, tomas) = (house.actor(MARA).await, house.actor(TOMAS).await);
    let ines = house.user(INES).await;
    let desk = house.desk().clone();
    let effective_at = house.now() + Duration::days(60);
    let change = desk
        .propose_change(proposal(effective_at), &mara)
        .await
        .expect("proposed");
    let judgement = (substantial, "another processor holds customers' data");
    let change = desk
        .assess_change(&change.id, Some(change.version), judgement, &tomas)
        .await
        .expect("judged");
    house.settle().await;
    desk.agree_change(&change.id, Some(change.version), &ines)
        .await
        .expect("agreed")
}

/// Mara writes and submits the notice.
async fn submitted(house: &House, change: &Change) -> Notice {
    let mara = house.actor(MARA).await;
    let desk = house.desk();
    let notice = desk
        .draft_change_notice(&change.id, written(), &mara)
        .await
        .expect("begun");
    desk.submit_notice(&notice.id, &mara).await.expect("submitted")
}

async fn approved(house: &mut House, notice: &Notice) -> Notice {
    let ines = house.user(INES).await;
    let approved = house
        .desk()
        .approve_notice(&notice.id, &notice.content_hash, &ines)
        .await;
    house.settle().await;
    approved.expect("approved")
}

async fn now_is(house: &House, change: &Change) -> Change {
    let mut tx = house.desk().store().read().await.expect("a transaction");
    tx.change(&change.id).await.expect("the change")
}

async fn deliveries(house: &House, change: &Change) -> Vec<Delivery> {
    let mut tx = house.desk().store().read().await.expect("a transaction");
    tx.deliveries_of(&change.id).await.expect("deliveries")
}

/// A customer, kept as somebody else's import would.
async fn keep(house: &House, customer: &Customer, read: Option<i64>) {
    let mut tx = house.desk().store().begin().await.expect("a transaction");
    tx.upsert_customer(customer, read).await.expect("kept");
    tx.commit().await.expect("committed");
}

fn newcomer(at: DateTime<Utc>) -> Customer {
    Customer {
        id: CustomerId::derived(&["V-late"]),
        version: 1,
        key: "V-late".to_owned(),
        name: "Latecomer Ltd".to_owned(),
        tenants: ["t-late".to_owned()].into(),
        notify_within: None,
        contract: String::new(),
        terms: ContractTerms::default(),
        tags: BTreeSet::new(),
        language: "en".to_owned(),
        paying: true,
        contacts: vec![Contact {
            name: "Security".to_owned(),
            email: "security@late.example".to_owned(),
            role: ContactRole::Security,
            added_at: None,
            verified_at: None,
            trouble: None,
        }],
        created_at: at,
        updated_at: at,
    }
}

/// These customers stop paying, by an import that is looked at first.
async fn stop_paying(house: &House, customers: &[Customer]) {
    let mut list = "key,name,paying\n".to_owned();
    for customer in customers {
        list.push_str(&format!("{},{},no\n", customer.key, customer.name));
    }
    let (desk, by) = (house.desk(), house.actor(INES).await);
    let looked = desk.import_customers(list.as_bytes(), false, &by).await;
    assert_eq!(
        looked.expect("a preview").changed[0].changes,
        ["paying: yes → no"]
    );
    let import = desk.import_customers(list.as_bytes(), true, &by).await;
    assert!(import.expect("an import").committed);
}

/// The pack of all time, verified and taken apart.
async fn packed(house: &House) -> PathBuf {
    let mut bytes = Cursor::new(Vec::new());
    let (scope, by) = (Scope::Period(Period::ALWAYS), house.actor(INES).await);
    house
        .desk()
        .export_pack(scope, &mut bytes, &by, &mut |_| {})
        .await
        .expect("packed");
    let zip = house.place.folder().join("pack.zip");
    std::fs::write(&zip, bytes.into_inner()).expect("written");
    let key = house.desk().log_key().to_string();
    let verdict = verified(&zip, &["--key", &key]);
    assert!(verdict.status.success(), "{}", said(&verdict));
    let folder = house.place.folder().join("pack");
    unpacked(&zip, &folder);
    folder
}

async fn paged(house: &House, change: &Change, what: &str) -> BTreeSet<String> {
    let says = |reason: &PageReason| matches!(reason, PageReason::ChangeDue { text } if text.contains(what));
    let all = deliveries(house, change).await;
    let pages = all.into_iter().filter(|delivery| pages_for(delivery, says));
    let recipients: Vec<String> = pages
        .filter(|delivery| delivery.channel == Channel::Email)
        .map(|delivery| delivery.recipient)
        .collect();
    let reached: BTreeSet<String> = recipients.iter().cloned().collect();
    assert_eq!(
        reached.len(),
        recipients.len(),
        "nobody is paged twice: {recipients:?}"
    );
    reached
}

fn addresses(people: &[User]) -> BTreeSet<String> {
    people.iter().map(|user| user.email.clone()).collect()
}

async fn a_substantial_change_is_told_once_to_each_customer_that_pays_on_the_day(place: Place) {
    let mut house = House::open(place, Setup::default()).await;
    let unpaying = house.customers().await[&VICTIMS[0].key()].clone();
    stop_paying(&house, std::slice::from_ref(&unpaying)).await;
    let change = agreed(&mut house, true).await;
    assert_eq!(change.reference(), "CHG-0001");
    let notice = submitted(&house, &change).await;
    assert_eq!(notice.letters as usize, VICTIMS.len() - 1 + BYSTANDERS);

    let mara = house.user(MARA).await;
    let refused = house
        .desk()
        .approve_notice(&notice.id, &notice.content_hash, &mara)
        .await;
    assert!(matches!(refused, Err(RespondError::Forbidden(_))), "{refused:?}");
    let notice = approved(&mut house, &notice).await;

    house.pass(Duration::days(1));
    let late = newcomer(house.now());
    keep(&house, &late, None).await;
    house.settle().await;

    let told = now_is(&house, &change).await;
    let ChangeState::Told { told: what, .. } = &told.state else {
        panic!("{told:#?}");
    };
    assert_eq!((&what.notice, what.customers), (&notice.id, notice.letters));
    let letters = house.letters(&notice).await;
    let customers = house.customers().await;
    let lettered: BTreeSet<&CustomerId> = letters.iter().map(|letter| &letter.customer).collect();
    assert!(!lettered.contains(&unpaying.id), "it does not pay");
    assert!(!lettered.contains(&late.id), "it came the day after");
    assert!(house.relay.mails_to("security@late.example").is_empty());
    assert!(house.relay.mails_to(&VICTIMS[0].security_contact()).is_empty());
    let sent: Vec<Delivery> = deliveries(&house, &change)
        .await
        .into_iter()
        .filter(is_letter)
        .collect();
    assert_eq!(sent.len(), letters.len());
    for delivery in &sent {
        assert_eq!(delivery.state.name(), "accepted");
        assert_eq!(house.relay.mails_to(&delivery.recipient).len(), 1, "each once");
    }
    for victim in &VICTIMS[1..] {
        let letter = letters
            .iter()
            .find(|l| l.customer == customers[&victim.key()].id)
            .expect("a letter");
        let german = letter
            .text
            .contains("Verschlüsselte Sicherungen ziehen zu Tidehouse um.");
        assert_eq!(german, victim.reads_german(), "{}", letter.text);
        assert!(letter.subject.contains("CHG-0001"), "{}", letter.subject);
    }
    house.verified_audit().await;

    let folder = packed(&house).await;
    let register = rows(&folder, "changes.csv");
    assert_eq!(register[0]["customers_told"], letters.len().to_string());
    let attempts = rows(&folder, "recipients.csv");
    assert_eq!(attempts.len(), letters.len(), "one attempt each");
    assert!(
        attempts
            .iter()
            .all(|row| row["change"] == "CHG-0001" && row["incident"].is_empty())
    );
}

async fn a_recipient_checks_the_notice_of_a_change_acknowledges_it_and_asks(place: Place) {
    let mut house = House::open(place, Setup::default()).await;
    let change = agreed(&mut house, true).await;
    let notice = submitted(&house, &change).await;
    let notice = approved(&mut house, &notice).await;
    house.pass(Duration::minutes(6));
    house.settle().await;
    let letter = house.letters(&notice).await.remove(0);
    let desk = house.desk().clone();
    let Ok(Checked::Genuine(genuine)) = desk.open_notice(&letter.check_code, "198.51.100.7").await else {
        panic!("the notice is ours");
    };
    assert_eq!(
        (genuine.reference.as_str(), &genuine.text),
        ("CHG-0001", &letter.text)
    );
    assert_eq!(genuine.approved_hash, notice.content_hash);
    assert_eq!(genuine.text_sha256, letter.text_sha256());
    let proof = genuine.proof.expect("sealed by now");
    let (record, _) = proof.verify(desk.log_key()).expect("it holds");
    assert!(record.detail.contains(&letter.text_sha256()), "{}", record.detail);
    let Some(MachineFacts::Change(facts)) = genuine.facts else {
        panic!("facts of a change");
    };
    assert_eq!(facts.reference, "CHG-0001");

    let said = [
        Response::Acknowledge {
            name: "Vera Blum",
            role: "CISO",
        },
        Response::Ask {
            name: "Vera Blum",
            text: "Is the new processor certified?",
        },
    ];
    for response in said {
        let answered = desk
            .respond_to_notice(&letter.check_code, "198.51.100.7", response)
            .await;
        assert!(matches!(answered, Ok(Checked::Genuine(_))), "{answered:?}");
    }
    let asked = |reason: &PageReason| matches!(reason, PageReason::QuestionAsked { .. });
    let pages: Vec<Delivery> = deliveries(&house, &change)
        .await
        .into_iter()
        .filter(|delivery| pages_for(delivery, asked))
        .collect();
    assert_eq!(pages.len(), 1, "whoever proposed it is asked");
    assert_eq!(pages[0].recipient, MARA.email);
    let ines = house.actor(INES).await;
    desk.answer_question(&letter.id, 1, "Yes, ISO 27001.", &ines)
        .await
        .expect("answered");
    house.verified_audit().await;
}

async fn a_contact_that_refuses_the_letter_of_a_change_is_followed_by_the_next(place: Place) {
    let mut house = House::open(place, Setup::default()).await;
    let victim = VICTIMS[2];
    let mut others = house.customers().await;
    others.remove(&victim.key());
    stop_paying(&house, &others.into_values().collect::<Vec<_>>()).await;
    let change = agreed(&mut house, true).await;
    let notice = submitted(&house, &change).await;
    house.settle().await;
    let refusal = Act::reply("550 5.1.1 no such user");
    house.relay.server().script_once(Stage::Rcpt, refusal);
    approved(&mut house, &notice).await;
    assert_eq!(house.relay.mails_to(&victim.security_contact()).len(), 0);
    assert_eq!(house.relay.mails_to(&victim.legal_contact()).len(), 1);
    let mut tx = house.desk().store().read().await.expect("a transaction");
    let entries = tx
        .timeline(&change.id, &PageRequest::first(20))
        .await
        .expect("a timeline");
    let told = |entry: &&TimelineEntry| entry.text.contains("told: the notice was submitted");
    assert_eq!(entries.items.iter().filter(told).count(), 1);
}

async fn four_eyes_judge_a_change_and_what_changed_since_is_not_sent(place: Place) {
    let mut house = House::open(place, Setup::default()).await;
    let desk = house.desk().clone();
    let (mara, ines) = (house.actor(MARA).await, house.user(INES).await);
    let by_ines = house.actor(INES).await;
    let effective_at = house.now() + Duration::days(60);
    let proposed = desk
        .propose_change(proposal(effective_at), &by_ines)
        .await
        .expect("proposed");
    let early = desk.draft_change_notice(&proposed.id, written(), &mara).await;
    assert!(
        matches!(early, Err(RespondError::Change(ChangeError::NotFrom { .. }))),
        "nobody has judged it"
    );
    desk.assess_change(&proposed.id, None, (true, "another processor"), &mara)
        .await
        .expect("judged");
    let refused = desk.agree_change(&proposed.id, None, &ines).await;
    assert!(matches!(
        refused,
        Err(RespondError::Change(ChangeError::SamePerson { .. }))
    ));

    let change = agreed(&mut house, true).await;
    let notice = submitted(&house, &change).await;
    let joined = newcomer(house.now());
    keep(&house, &joined, None).await;
    let stale = desk.approve_notice(&notice.id, &notice.content_hash, &ines).await;
    assert!(
        matches!(stale, Err(RespondError::Invalid(_))),
        "somebody pays who has no letter"
    );
    desk.return_notice(&notice.id, "a customer joined", &by_ines)
        .await
        .expect("returned");
    let again = desk.submit_notice(&notice.id, &mara).await.expect("submitted");
    assert_eq!(again.letters, notice.letters + 1);

    let later = proposal(effective_at + Duration::days(30));
    desk.revise_change(&change.id, None, later, &mara)
        .await
        .expect("revised");
    let refused = desk.approve_notice(&again.id, &again.content_hash, &ines).await;
    assert!(
        matches!(refused, Err(RespondError::Change(ChangeError::NotFrom { .. }))),
        "two people have to judge what it says now: {refused:?}"
    );
    let early = desk.submit_notice(&again.id, &mara).await;
    assert!(
        matches!(early, Err(RespondError::Change(ChangeError::NotFrom { .. }))),
        "{early:?}"
    );
    let tomas = house.actor(TOMAS).await;
    desk.assess_change(&change.id, None, (true, "still another processor"), &tomas)
        .await
        .expect("judged");
    desk.agree_change(&change.id, None, &ines).await.expect("agreed");
    let refused = desk.approve_notice(&again.id, &again.content_hash, &ines).await;
    assert!(
        matches!(refused, Err(RespondError::Notice(NoticeError::NotFrom { .. }))),
        "its letters name another day now: {refused:?}"
    );
    assert!(
        deliveries(&house, &change).await.iter().all(|d| !is_letter(d)),
        "nothing went"
    );
}

async fn a_change_that_is_not_substantial_stays_in_the_register_with_its_reason(place: Place) {
    let mut house = House::open(place, Setup::default()).await;
    let change = agreed(&mut house, false).await;
    house.pass(Duration::days(60));
    house.settle().await;
    let change = now_is(&house, &change).await;
    assert!(
        matches!(change.course, ChangeCourse::Effective { fault: None, .. }),
        "{change:#?}"
    );
    assert!(deliveries(&house, &change).await.iter().all(|d| !is_letter(d)));
    assert!(
        paged(&house, &change, "").await.is_empty(),
        "nobody is paged about time"
    );
    let folder = packed(&house).await;
    let rows = rows(&folder, "changes.csv");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["reference"], "CHG-0001");
    assert_eq!(rows[0]["substantial"], "no");
    assert_eq!(rows[0]["reason"], "another processor holds customers' data");
    assert!(rows[0]["agreed_by"].contains(INES.email), "{rows:?}");
    assert_eq!(rows[0]["fault"], "");
}

async fn a_change_that_nobody_tells_pages_before_it_is_late_when_it_is_and_when_it_takes_effect(
    place: Place,
) {
    let mut house = House::open(place, Setup::default()).await;
    let change = agreed(&mut house, true).await;
    let (mara, ines) = (house.user(MARA).await, house.user(INES).await);
    let jonas = house.user(JONAS).await;
    let began = change.proposed_at;

    house.clock.set(began + Duration::days(23) - Duration::seconds(1));
    house.settle().await;
    assert!(paged(&house, &change, "").await.is_empty(), "there is time");
    house.clock.set(began + Duration::days(23));
    house.settle().await;
    let both = addresses(&[mara, ines.clone()]);
    assert_eq!(paged(&house, &change, "to be told by").await, both);
    house.clock.set(began + Duration::days(30));
    house.settle().await;
    assert_eq!(
        paged(&house, &change, "not told in time").await,
        both,
        "Mara leads too"
    );

    // The service is down on the day itself.
    house.go_down();
    house.clock.set(began + Duration::days(61));
    house.come_up().await;
    house.settle().await;
    let executives = addresses(&[ines.clone(), jonas]);
    assert_eq!(paged(&house, &change, "a fault").await, executives);
    let effective = now_is(&house, &change).await;
    assert_eq!(effective.fault(), Some(ChangeFault::NotTold));

    let notice = submitted(&house, &effective).await;
    approved(&mut house, &notice).await;
    let told = now_is(&house, &change).await;
    assert!(told.told().is_some(), "late is better than never");
    assert_eq!(told.fault(), Some(ChangeFault::NotTold), "the fault stays");
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_substantial_change_is_told_once_to_each_customer_that_pays_on_the_day_on_sqlite() {
    a_substantial_change_is_told_once_to_each_customer_that_pays_on_the_day(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_substantial_change_is_told_once_to_each_customer_that_pays_on_the_day_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_substantial_change_is_told_once_to_each_customer_that_pays_on_the_day(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_checks_the_notice_of_a_change_acknowledges_it_and_asks_on_sqlite() {
    a_recipient_checks_the_notice_of_a_change_acknowledges_it_and_asks(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_checks_the_notice_of_a_change_acknowledges_it_and_asks_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_recipient_checks_the_notice_of_a_change_acknowledges_it_and_asks(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn four_eyes_judge_a_change_and_what_changed_since_is_not_sent_on_sqlite() {
    four_eyes_judge_a_change_and_what_changed_since_is_not_sent(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_eyes_judge_a_change_and_what_changed_since_is_not_sent_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        four_eyes_judge_a_change_and_what_changed_since_is_not_sent(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_not_substantial_stays_in_the_register_with_its_reason_on_sqlite() {
    a_change_that_is_not_substantial_stays_in_the_register_with_its_reason(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_not_substantial_stays_in_the_register_with_its_reason_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_change_that_is_not_substantial_stays_in_the_register_with_its_reason(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_nobody_tells_pages_before_it_is_late_when_it_is_and_when_it_takes_effect_on_sqlite() {
    a_change_that_nobody_tells_pages_before_it_is_late_when_it_is_and_when_it_takes_effect(Place::sqlite())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_nobody_tells_pages_before_it_is_late_when_it_is_and_when_it_takes_effect_on_postgresql()
 {
    if let Some(place) = Place::postgresql() {
        a_change_that_nobody_tells_pages_before_it_is_late_when_it_is_and_when_it_takes_effect(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_refuses_the_letter_of_a_change_is_followed_by_the_next_on_sqlite() {
    a_contact_that_refuses_the_letter_of_a_change_is_followed_by_the_next(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_refuses_the_letter_of_a_change_is_followed_by_the_next_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_contact_that_refuses_the_letter_of_a_change_is_followed_by_the_next(place).await;
    }
}
