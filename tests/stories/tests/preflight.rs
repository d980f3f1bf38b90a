//! Every day it is made sure that customers could be told; and once a year contacts are asked whether they are the right ones.

use chrono::Duration;
use watchkeeper::config::Preflight as Asked;
use watchkeeper_domain::access::AccessRole;
use watchkeeper_domain::customer::asking::ContactAnswer;
use watchkeeper_domain::preflight::{CheckName, CheckResult, Preflight};
use watchkeeper_respond::operations::people::NewAccount;
use watchkeeper_respond::operations::portal::Checked;
use watchkeeper_stories::company::{INES, MARA, TOMAS, VICTIMS};
use watchkeeper_stories::house::{House, Setup};
use watchkeeper_stories::place::Place;
use watchkeeper_testbed::dns::DnsServer;

const SPF: &str = "v=spf1 ip4:192.0.2.0/24 -all";

async fn house(place: Place) -> (House, DnsServer) {
    house_in(place, Setup::default()).await
}

async fn house_in(place: Place, setup: Setup) -> (House, DnsServer) {
    let dns = DnsServer::start().await;
    dns.texts("paperplane.example", &["something else", SPF]);
    dns.texts("_dmarc.paperplane.example", &["v=DMARC1; p=reject"]);
    let setup = Setup {
        preflight: Some(Asked {
            resolver: Some(dns.address()),
            sends_from: vec!["192.0.2.7".parse().expect("an address")],
            ..Asked::default()
        }),
        ..setup
    };
    let mut house = House::open(place, setup).await;
    // One counsel alone is a fault: nobody would approve what she writes.
    let second = NewAccount {
        email: "lea@paperplane.example".to_owned(),
        name: "Lea Brandt".to_owned(),
        roles: [AccessRole::Legal].into(),
    };
    let mara = house.actor(MARA).await;
    house.desk().add_user(second, &mara).await.expect("an account");
    house.settle().await;
    (house, dns)
}

/// How the pre-flights came out, the newest first.
async fn taken(house: &House) -> Vec<Preflight> {
    let mut tx = house.desk().store().read().await.expect("a transaction");
    tx.preflights(100).await.expect("pre-flights")
}

fn failed(run: &Preflight) -> Vec<CheckName> {
    run.failed().map(|check| check.check).collect()
}

async fn next_day(house: &mut House) {
    house.pass(Duration::days(1));
    house.settle().await;
}

async fn what_fails_is_paged_once_and_recovery_is_said(place: Place) {
    let (mut house, dns) = house(place).await;
    assert!(
        taken(&house).await.is_empty(),
        "the first one is due in the morning"
    );
    next_day(&mut house).await;
    let runs = taken(&house).await;
    assert_eq!((runs.len(), failed(&runs[0])), (1, vec![]), "{:#?}", runs[0]);
    assert_eq!(house.relay.mails_to(MARA.email).len(), 0);

    dns.texts("paperplane.example", &["v=spf1 -all"]);
    next_day(&mut house).await;
    assert_eq!(failed(&taken(&house).await[0]), [CheckName::Spf]);
    let pages = house.relay.mails_to(TOMAS.email);
    assert_eq!(pages.len(), 1);
    assert_eq!(pages[0].subject, "Pre-flight: failed: SPF record");
    assert!(
        pages[0].text.contains("To do: publish one TXT record"),
        "{}",
        pages[0].text
    );
    next_day(&mut house).await;
    assert_eq!(
        house.relay.mails_to(TOMAS.email).len(),
        1,
        "it was said yesterday"
    );

    // Three days without the service are one pre-flight.
    let before = taken(&house).await.len();
    house.go_down();
    house.pass(Duration::days(3));
    dns.texts("paperplane.example", &[SPF]);
    house.come_up().await;
    house.settle().await;
    let runs = taken(&house).await;
    assert_eq!(runs.len(), before + 1);
    assert_eq!(runs[0].recovered, [CheckName::Spf]);
    let pages = house.relay.mails_to(TOMAS.email);
    assert_eq!(pages.len(), 2);
    assert_eq!(pages[1].subject, "Pre-flight: mended: SPF record");

    dns.fail(true);
    next_day(&mut house).await;
    assert_eq!(
        failed(&taken(&house).await[0]),
        [CheckName::Spf, CheckName::Dmarc]
    );
    house.verified_audit().await;
}

async fn words_that_nobody_approved_are_paged_until_two_people_have_read_them(place: Place) {
    let setup = Setup {
        words_unread: true,
        ..Setup::default()
    };
    let (mut house, _dns) = house_in(place, setup).await;
    next_day(&mut house).await;
    let run = taken(&house).await.remove(0);
    assert_eq!(failed(&run), [CheckName::Letters]);
    let findings: Vec<&str> = run
        .failed()
        .flat_map(|check| &check.findings)
        .map(|finding| finding.key.as_str())
        .collect();
    assert_eq!(
        findings,
        ["words de", "words en"],
        "those that customers would get"
    );
    let pages = house.relay.mails_to(INES.email);
    assert_eq!(pages.len(), 1);
    assert!(
        pages[0].text.contains("nobody has approved the words"),
        "{}",
        pages[0].text
    );
    house.approve_words().await;
    next_day(&mut house).await;
    assert_eq!(taken(&house).await[0].recovered, [CheckName::Letters]);
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_nobody_approved_are_paged_until_two_people_have_read_them_on_sqlite() {
    words_that_nobody_approved_are_paged_until_two_people_have_read_them(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_nobody_approved_are_paged_until_two_people_have_read_them_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        words_that_nobody_approved_are_paged_until_two_people_have_read_them(place).await;
    }
}

fn code(text: &str) -> String {
    let line = text.lines().find(|line| line.trim_start().starts_with("Code"));
    let word = line.and_then(|line| line.split_whitespace().last());
    word.expect("a code").to_owned()
}

async fn contacts_are_asked_after_a_year_and_who_does_not_answer_is_named(place: Place) {
    let (mut house, _dns) = house(place).await;
    let asked = VICTIMS[2];
    house.pass(Duration::days(364));
    house.settle().await;
    assert_eq!(house.relay.mails_to(&asked.security_contact()).len(), 0);
    house.pass(Duration::days(2));
    house.settle().await;
    house.settle().await;
    let mails = house.relay.mails_to(&asked.security_contact());
    assert_eq!(mails.len(), 1, "asked once");
    assert!(!mails[0].text.contains("://"), "{}", mails[0].text);

    let answer = ContactAnswer::Right { name: "Ada" };
    let wrong = house
        .desk()
        .answer_for_contact("0000-0000-0000", "192.0.2.1", answer)
        .await;
    assert_eq!(wrong.expect("an answer"), Checked::Unknown);
    let checked = house
        .desk()
        .answer_for_contact(&code(&mails[0].text), "192.0.2.2", answer)
        .await
        .expect("taken");
    assert!(matches!(checked, Checked::Contact(_)), "{checked:?}");
    let customer = house.customers().await[&asked.key()].clone();
    let contact = customer
        .contacts
        .iter()
        .find(|c| c.email == asked.security_contact());
    assert_eq!(contact.and_then(|c| c.verified_at), Some(house.now()));

    // The others are reminded after two weeks, and stop counting two weeks later.
    house.pass(Duration::days(15));
    house.settle().await;
    assert_eq!(
        house.relay.mails_to(&asked.security_contact()).len(),
        1,
        "it has answered"
    );
    let silent = VICTIMS[3].security_contact();
    let mails = house.relay.mails_to(&silent);
    assert_eq!(mails.len(), 2);
    assert_eq!(code(&mails[0].text), code(&mails[1].text));
    assert_eq!(failed(&taken(&house).await[0]), []);
    house.pass(Duration::days(15));
    house.settle().await;
    assert_eq!(house.relay.mails_to(&silent).len(), 2, "reminded once");
    let run = taken(&house).await.remove(0);
    let coverage = run
        .checks
        .iter()
        .find(|check| check.check == CheckName::Contacts)
        .expect("a check");
    assert_eq!(coverage.result, CheckResult::Failed);
    let names = |name: &str| {
        coverage
            .findings
            .iter()
            .any(|finding| finding.seen.contains(name))
    };
    assert!(names(VICTIMS[3].name) && !names(asked.name), "{coverage:#?}");
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_paged_once_and_recovery_is_said_on_sqlite() {
    what_fails_is_paged_once_and_recovery_is_said(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_paged_once_and_recovery_is_said_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        what_fails_is_paged_once_and_recovery_is_said(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_are_asked_after_a_year_and_who_does_not_answer_is_named_on_sqlite() {
    contacts_are_asked_after_a_year_and_who_does_not_answer_is_named(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_are_asked_after_a_year_and_who_does_not_answer_is_named_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        contacts_are_asked_after_a_year_and_who_does_not_answer_is_named(place).await;
    }
}
