//! A disclosure is confirmed, and then nobody does anything: the clock does it all. Each step is looked for one second before it is
//! due, when nothing may happen, and at its instant, when it happens once.

use chrono::{DateTime, Duration, Utc};
use std::collections::BTreeSet;
use watchkeeper_domain::delivery::{About, Delivery};
use watchkeeper_domain::incident::{EntryKind, Incident, Severity, Standing, TimerKind, TimerState};
use watchkeeper_domain::notice::{NoticeFacts, NoticeKind};
use watchkeeper_domain::obligation::{Obligation, ObligationState, Step};
use watchkeeper_domain::page::PageReason;
use watchkeeper_respond::operations::incidents::Declaration;
use watchkeeper_stories::company::{INES, JONAS, MARA, TOMAS, VICTIMS, Victim};
use watchkeeper_stories::house::{House, Setup, file_source, is_letter, pages_for};
use watchkeeper_stories::logs;
use watchkeeper_stories::place::Place;
use watchkeeper_testbed::smtp::{Act, Stage};

/// A house in which the theft was just seen: one incident, seven customers in its evidence.
async fn after_the_theft(place: Place) -> House {
    let log = place.folder().join("app.log");
    let setup = Setup {
        sources: vec![file_source(&log)],
        sns: None,
    };
    let mut house = House::open(place, setup).await;
    let now = house.now();
    let mut lines = logs::ordinary(now - Duration::minutes(4));
    lines.extend(logs::stuffing(now - Duration::minutes(3)));
    lines.extend(logs::theft(now - Duration::minutes(2)));
    std::fs::write(&log, logs::text(&lines)).expect("the log is written");
    house.settle().await;
    let incident = house.incident().await;
    assert_eq!(incident.severity, Severity::Sev1);
    assert!(incident.affected.is_empty(), "nobody suspects a disclosure yet");
    house
}

/// The disclosure is confirmed by the commander-to-be, who does nothing else than answer the page.
async fn confirmed(house: &mut House) -> Incident {
    let mara = house.actor(MARA).await;
    let id = house.incident().await.id;
    house
        .desk()
        .acknowledge_incident(&id, &mara)
        .await
        .expect("acknowledged");
    let why = "the stolen key downloaded files of seven customers";
    let incident = house
        .desk()
        .confirm_disclosure(&id, None, why, None, &mara)
        .await
        .expect("confirmed");
    house.settle().await;
    assert_eq!(incident.affected.len(), VICTIMS.len());
    incident
}

fn emails(people: &[watchkeeper_stories::company::Person]) -> BTreeSet<String> {
    people.iter().map(|person| person.email.to_owned()).collect()
}

/// The pages of the ladder so far, and the letters.
async fn sent(house: &House) -> (Vec<Delivery>, Vec<Delivery>) {
    let incident = house.incident().await;
    let all = house.deliveries(&incident).await;
    let ladder = |d: &Delivery| pages_for(d, |reason| matches!(reason, PageReason::Ladder { .. }));
    let pages = all.iter().filter(|d| ladder(d)).cloned().collect();
    (pages, all.into_iter().filter(is_letter).collect())
}

fn recipients(deliveries: &[Delivery]) -> Vec<String> {
    let mut recipients: Vec<String> = deliveries.iter().map(|d| d.recipient.clone()).collect();
    recipients.sort();
    recipients
}

async fn step_at(house: &House, incident: &Incident, victim: Victim, step: Step) -> DateTime<Utc> {
    of(house, incident, victim).await.step_at(step)
}

async fn of(house: &House, incident: &Incident, victim: Victim) -> Obligation {
    let customer = house.customers().await[&victim.key()].id.clone();
    let owed = house.obligations(incident).await;
    owed.into_iter()
        .find(|o| o.customer == customer)
        .expect("the customer is owed a notice")
}

/// Lets the clock come to one second before `due`, when nothing of the ladder may happen, and then to `due`. Gives the pages and the
/// letters that this brought.
async fn reach(house: &mut House, due: DateTime<Utc>) -> (Vec<Delivery>, Vec<Delivery>) {
    house.clock.set(due - Duration::seconds(1));
    let before = sent(house).await;
    house.settle().await;
    let early = sent(house).await;
    assert_eq!(
        (early.0.len(), early.1.len()),
        (before.0.len(), before.1.len()),
        "something happened before {due}"
    );
    house.clock.set(due);
    house.settle().await;
    let after = sent(house).await;
    house.settle().await;
    let again = sent(house).await;
    assert_eq!(
        (again.0.len(), again.1.len()),
        (after.0.len(), after.1.len()),
        "it happened twice at {due}"
    );
    let new = |all: Vec<Delivery>, known: &[Delivery]| -> Vec<Delivery> {
        all.into_iter()
            .filter(|d| known.iter().all(|k| k.id != d.id))
            .collect()
    };
    (new(after.0, &before.0), new(after.1, &before.1))
}

fn says(delivery: &Delivery, what: &str) -> bool {
    pages_for(
        delivery,
        |reason| matches!(reason, PageReason::Ladder { text } if text.contains(what)),
    )
}

// ---- the page that nobody answers

async fn an_unanswered_page_escalates(place: Place) {
    let mut house = after_the_theft(place).await;
    let running = |incident: &Incident, wanted: fn(&TimerKind) -> bool| {
        let timers = incident.timers.iter();
        let mut found = timers
            .filter(|t| t.state == TimerState::Running && wanted(&t.kind))
            .map(|t| t.due_at);
        found.next().expect("the timer runs")
    };
    let acknowledge = |kind: &TimerKind| matches!(kind, TimerKind::Acknowledge { .. });
    let status = |kind: &TimerKind| matches!(kind, TimerKind::StatusUpdate { .. });
    let escalations = async |house: &House| -> Vec<String> {
        let all = house.deliveries(&house.incident().await).await;
        let escalated: Vec<Delivery> = all
            .into_iter()
            .filter(|d| pages_for(d, |r| *r == PageReason::NotAcknowledged))
            .collect();
        recipients(&escalated)
    };
    let reminders = async |house: &House| -> Vec<String> {
        let all = house.deliveries(&house.incident().await).await;
        let due: Vec<Delivery> = all
            .into_iter()
            .filter(|d| pages_for(d, |r| *r == PageReason::StatusUpdateDue))
            .collect();
        recipients(&due)
    };
    let opened = house.relay.mails_to(TOMAS.email);
    assert!(
        opened
            .iter()
            .any(|mail| mail.subject.contains("new incident") && mail.acknowledge_link().is_some()),
        "{opened:#?}"
    );
    assert_eq!(
        house.relay.mails_to(MARA.email).len(),
        0,
        "the second step is not woken while the first has time"
    );

    let due = running(&house.incident().await, acknowledge);
    house.clock.set(due - Duration::seconds(1));
    house.settle().await;
    assert_eq!(escalations(&house).await, Vec::<String>::new());
    house.clock.set(due);
    house.settle().await;
    house.settle().await;
    assert_eq!(escalations(&house).await, [MARA.email]);
    // The second step has ten minutes; being the last one, it is repeated.
    let again = running(&house.incident().await, acknowledge);
    assert_eq!(again, due + Duration::minutes(10));
    house.clock.set(again - Duration::seconds(1));
    house.settle().await;
    assert_eq!(escalations(&house).await.len(), 1);
    house.clock.set(again);
    house.settle().await;
    assert_eq!(escalations(&house).await, [MARA.email, MARA.email]);

    let due = running(&house.incident().await, status);
    house.clock.set(due - Duration::seconds(1));
    house.settle().await;
    assert_eq!(reminders(&house).await, Vec::<String>::new());
    house.clock.set(due);
    house.settle().await;
    house.settle().await;
    assert_eq!(
        reminders(&house).await,
        [TOMAS.email],
        "nobody commands, so the on-call is reminded"
    );

    // Answering ends the escalation, and only that.
    let mail = house.relay.mails_to(MARA.email).pop().expect("a page");
    let link = mail.acknowledge_link().expect("a signed link");
    let token = link.rsplit('/').next().expect("a token");
    house
        .desk()
        .acknowledge_by_link(token)
        .await
        .expect("the link is good");
    let count = escalations(&house).await.len();
    house.pass(Duration::hours(2));
    house.settle().await;
    assert_eq!(escalations(&house).await.len(), count);
    assert_eq!(reminders(&house).await.len(), 2, "the status update is still due");
    house.everything_arrived_once().await;
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_page_escalates_on_sqlite() {
    an_unanswered_page_escalates(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_page_escalates_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        an_unanswered_page_escalates(place).await;
    }
}

// ---- the whole ladder

/// Whom a step pages, when nobody has taken a role.
fn paged_at(step: Step) -> BTreeSet<String> {
    match step {
        Step::ListAffected => emails(&[TOMAS]),
        Step::DraftFull => emails(&[MARA, INES]),
        Step::Escalate | Step::LastCall | Step::SendHolding | Step::Overdue => emails(&[TOMAS, INES, JONAS]),
    }
}

fn words_of(step: Step) -> &'static str {
    match step {
        Step::ListAffected => "verify the list of",
        Step::DraftFull => "no full notice approved",
        Step::Escalate => "a holding notice will go by itself",
        Step::LastCall => "last call",
        Step::SendHolding => "holding notice sent",
        Step::Overdue => "deadline missed",
    }
}

async fn the_clock_takes_every_step(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let confirmed_at = incident.disclosure.confirmed_at().expect("confirmed");
    let [day, threedays] = [24, 72].map(|hours| {
        VICTIMS
            .into_iter()
            .filter(|v| v.hours == hours)
            .collect::<Vec<_>>()
    });
    assert_eq!((day.len(), threedays.len()), (1, 6));
    let mut instants = Vec::new();
    for group in [&day, &threedays] {
        for step in Step::ALL.into_iter().filter(|step| *step != Step::Overdue) {
            let at = step_at(&house, &incident, group[0], step).await;
            let limit = Duration::hours(group[0].hours);
            assert_eq!(at, confirmed_at + limit * step.seventy_seconds() / 72);
            instants.push((at, step, group));
        }
    }
    instants.sort_by_key(|(at, step, _)| (*at, *step));
    for (at, step, group) in instants {
        let (pages, letters) = reach(&mut house, at).await;
        // Where the day's last call and the three days' first step fall on one instant, both page.
        let pages: Vec<Delivery> = pages.into_iter().filter(|d| says(d, words_of(step))).collect();
        assert_eq!(
            recipients(&pages).into_iter().collect::<BTreeSet<_>>(),
            paged_at(step),
            "{step:?} at {at}"
        );
        assert_eq!(pages.len(), paged_at(step).len(), "{step:?} pages each once");
        assert!(
            pages.iter().all(|d| says(d, &format!("{} ", group.len()))),
            "{step:?} counts {} customers",
            group.len()
        );
        let told: Vec<String> = group.iter().map(Victim::security_contact).collect();
        let expected = if step == Step::SendHolding {
            told
        } else {
            Vec::new()
        };
        assert_eq!(recipients(&letters), expected, "{step:?} at {at}");
    }
    // Everybody was told before the limit: the deadline comes and nothing is a miss.
    for victim in VICTIMS {
        let obligation = of(&house, &incident, victim).await;
        let sent_at = obligation.step_at(Step::SendHolding);
        let ObligationState::Told {
            at, in_time: true, ..
        } = obligation.state
        else {
            panic!("{obligation:#?}")
        };
        assert_eq!(at, sent_at);
        holding_letter_is_right(&house, &incident, victim).await;
    }
    let last = confirmed_at + Duration::hours(72);
    for due in [confirmed_at + Duration::hours(73), last + Duration::hours(24)] {
        let (pages, letters) = reach(&mut house, due).await;
        assert_eq!(
            (recipients(&pages), recipients(&letters)),
            (Vec::new(), Vec::new())
        );
    }
    house.everything_arrived_once().await;
    house.verified_audit().await;
}

/// How the letter tells a customer its deadline; in German as far as no name of a day or month is in it.
fn promised(due_at: DateTime<Utc>, victim: Victim) -> String {
    if victim.reads_german() {
        return due_at.format("%Y, %H:%M UTC").to_string();
    }
    due_at
        .format("Promised to you by:      %A, %-d %B %Y, %H:%M UTC")
        .to_string()
}

async fn holding_letter_is_right(house: &House, incident: &Incident, victim: Victim) {
    let mails = house.relay.mails_to(&victim.security_contact());
    assert_eq!(mails.len(), 1, "{mails:#?}");
    let mail = &mails[0];
    let reference = incident.reference();
    let [subject, kind] = if victim.reads_german() {
        ["Sicherheitsmitteilung", "ERSTE MITTEILUNG"]
    } else {
        ["Security notice", "FIRST NOTICE"]
    };
    assert!(
        mail.subject.starts_with(&format!("{subject} {reference}")),
        "{}",
        mail.subject
    );
    assert!(
        mail.text.contains(kind) && mail.text.contains(victim.name),
        "{}",
        mail.text
    );
    assert!(mail.text.contains(&victim.tenant()), "{}", mail.text);
    let due_at = of(house, incident, victim).await.deadline.due_at;
    assert!(mail.text.contains(&promised(due_at, victim)), "{}", mail.text);
    for other in VICTIMS.iter().filter(|other| other.name != victim.name) {
        let html = mail.html.as_deref().unwrap_or_default();
        assert!(
            !mail.text.contains(other.name) && !mail.text.contains(&other.tenant()),
            "{} in the letter to {}",
            other.name,
            victim.name
        );
        assert!(
            !html.contains(&other.tenant()),
            "{} in the letter to {}",
            other.name,
            victim.name
        );
    }
    let mut tx = house.desk().store().read().await.expect("a transaction");
    let notices = tx.notices_of(&incident.id).await.expect("notices");
    assert!(
        notices.iter().all(|notice| notice.kind == NoticeKind::Holding),
        "nobody wrote a full notice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_takes_every_step_on_sqlite() {
    the_clock_takes_every_step(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_takes_every_step_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        the_clock_takes_every_step(place).await;
    }
}

// ---- the service was down

/// Every step of every obligation is recorded once, with the instant it was due.
fn each_step_once(obligation: &Obligation, until: Step) {
    let taken: Vec<Step> = obligation.steps.iter().map(|taken| taken.step).collect();
    let expected: Vec<Step> = Step::ALL.into_iter().filter(|step| *step <= until).collect();
    assert_eq!(taken, expected);
    for taken in &obligation.steps {
        assert_eq!(taken.due_at, obligation.step_at(taken.step));
    }
}

async fn what_was_missed_while_down_is_done_at_once(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let confirmed_at = incident.disclosure.confirmed_at().expect("confirmed");
    house.go_down();
    // Down from the confirmation on, over the instant at which the holding notice was to go, and back before the limit.
    house.clock.set(confirmed_at + Duration::hours(70));
    house.come_up().await;
    house.settle().await;
    for victim in VICTIMS {
        let obligation = of(&house, &incident, victim).await;
        assert!(
            obligation
                .steps
                .iter()
                .all(watchkeeper_domain::obligation::StepTaken::late),
            "{obligation:#?}"
        );
        assert_eq!(
            house.relay.mails_to(&victim.security_contact()).len(),
            1,
            "{} is told at once",
            victim.name
        );
        match victim.hours {
            72 => {
                each_step_once(&obligation, Step::SendHolding);
                assert!(
                    matches!(obligation.state, ObligationState::Told { at, in_time: true, .. } if at == house.now()),
                    "{obligation:#?}"
                );
            }
            _ => {
                each_step_once(&obligation, Step::Overdue);
                assert!(
                    matches!(obligation.state, ObligationState::Missed { why: None, .. }),
                    "{obligation:#?}"
                );
            }
        }
    }
    let entries = house.timeline(&incident).await;
    let steps: Vec<_> = entries
        .iter()
        .filter(|e| e.kind == EntryKind::ObligationChanged && e.recorded_at == house.now())
        .collect();
    assert!(
        !steps.is_empty() && steps.iter().all(|e| e.text.contains("(late by ")),
        "{steps:#?}"
    );
    let (pages, letters) = sent(&house).await;
    assert_eq!(letters.len(), VICTIMS.len());
    // Reminders before the last step of each group no longer help: one page a group and person.
    let expected = |what: &str| pages.iter().filter(|d| says(d, what)).count();
    assert_eq!(
        (expected("deadline missed"), expected("holding notice sent")),
        (3, 3),
        "{pages:#?}"
    );
    assert_eq!(pages.len(), 6, "{pages:#?}");
    house.pass(Duration::minutes(10));
    house.settle().await;
    let again = sent(&house).await;
    assert_eq!((again.0.len(), again.1.len()), (pages.len(), letters.len()));
    house.everything_arrived_once().await;
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_while_down_is_done_at_once_on_sqlite() {
    what_was_missed_while_down_is_done_at_once(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_while_down_is_done_at_once_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        what_was_missed_while_down_is_done_at_once(place).await;
    }
}

async fn a_service_that_was_down_over_the_whole_limit_still_tells_everybody(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    house.go_down();
    house
        .clock
        .set(incident.disclosure.confirmed_at().expect("confirmed") + Duration::hours(100));
    house.come_up().await;
    house.settle().await;
    for victim in VICTIMS {
        let obligation = of(&house, &incident, victim).await;
        each_step_once(&obligation, Step::Overdue);
        assert!(
            matches!(obligation.state, ObligationState::Missed { .. }),
            "{obligation:#?}"
        );
        assert_eq!(
            house.relay.mails_to(&victim.security_contact()).len(),
            1,
            "telling goes on"
        );
    }
    let (pages, letters) = sent(&house).await;
    let missed: Vec<Delivery> = pages
        .iter()
        .filter(|d| says(d, "deadline missed for 7 customers"))
        .cloned()
        .collect();
    assert_eq!(
        recipients(&missed).into_iter().collect::<BTreeSet<_>>(),
        paged_at(Step::Overdue)
    );
    assert_eq!((pages.len(), letters.len()), (3, 7), "{pages:#?}");
    house.everything_arrived_once().await;
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_was_down_over_the_whole_limit_still_tells_everybody_on_sqlite() {
    a_service_that_was_down_over_the_whole_limit_still_tells_everybody(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_was_down_over_the_whole_limit_still_tells_everybody_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_service_that_was_down_over_the_whole_limit_still_tells_everybody(place).await;
    }
}

// ---- the relay was down

async fn a_relay_that_is_down_over_the_deadline_makes_a_miss_and_no_loss(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let confirmed_at = incident.disclosure.confirmed_at().expect("confirmed");
    house.relay.go_down();
    let [send, overdue] = [66, 72].map(|hours| confirmed_at + Duration::hours(hours));
    house.clock.set(send);
    house.settle().await;
    let (_, letters) = sent(&house).await;
    assert_eq!(letters.len(), VICTIMS.len());
    assert!(
        letters
            .iter()
            .all(|d| d.state.name() == "queued" && d.attempts >= 1),
        "{letters:#?}"
    );
    house.clock.set(overdue - Duration::seconds(1));
    house.settle().await;
    for victim in VICTIMS.into_iter().filter(|v| v.hours == 72) {
        assert_eq!(
            of(&house, &incident, victim).await.state,
            ObligationState::Running
        );
    }
    house.clock.set(overdue);
    house.settle().await;
    for victim in VICTIMS {
        let state = of(&house, &incident, victim).await.state;
        assert!(
            matches!(state, ObligationState::Missed { why: None, .. }),
            "{state:?}"
        );
    }
    // The relay comes back, turns mail away for a while, and then takes it.
    house.relay.come_back().await;
    house
        .relay
        .server()
        .script(Stage::Rcpt, Act::reply("451 4.3.2 try again later"));
    house.pass(Duration::hours(1));
    house.settle().await;
    assert_eq!(house.relay.mails_to(&VICTIMS[0].security_contact()).len(), 0);
    house.relay.server().clear_script();
    house.pass(Duration::hours(1));
    house.settle().await;
    for victim in VICTIMS {
        assert_eq!(
            house.relay.mails_to(&victim.security_contact()).len(),
            1,
            "{}",
            victim.name
        );
        let state = of(&house, &incident, victim).await.state;
        assert!(
            matches!(state, ObligationState::Missed { .. }),
            "told too late stays a miss: {state:?}"
        );
    }
    let (_, letters) = sent(&house).await;
    assert_eq!(letters.len(), VICTIMS.len(), "no letter was written twice");
    house.everything_arrived_once().await;
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_down_over_the_deadline_makes_a_miss_and_no_loss_on_sqlite() {
    a_relay_that_is_down_over_the_deadline_makes_a_miss_and_no_loss(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_down_over_the_deadline_makes_a_miss_and_no_loss_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_relay_that_is_down_over_the_deadline_makes_a_miss_and_no_loss(place).await;
    }
}

// ---- a contact that is no more

/// A person declares an incident, one customer is affected, and its full notice was approved: the letter is the only message in the
/// outbox.
async fn one_letter_in_the_outbox(place: Place) -> (House, Incident) {
    let mut house = House::open(place, Setup::default()).await;
    let (mara, ines) = (house.user(MARA).await, house.user(INES).await);
    let declaration = Declaration {
        title: "A share link was open to the world".to_owned(),
        severity: Severity::Sev2,
        summary: String::new(),
        playbook: None,
    };
    let incident = house.desk().declare(&mara, declaration).await.expect("declared");
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
    let text = || "known".to_owned();
    let facts = NoticeFacts {
        what_happened: text(),
        what_information: text(),
        likely_consequences: text(),
        what_we_did: text(),
        what_you_should_do: text(),
        ..NoticeFacts::default()
    };
    let notice = desk
        .draft_notice(&incident.id, facts, &lead)
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
    let (mut house, incident) = one_letter_in_the_outbox(place).await;
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
    let (mut house, incident) = one_letter_in_the_outbox(place).await;
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
