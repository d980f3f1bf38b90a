//! What stands in the way of closing an incident, and what is closed over with a reason.

use crate::samples::{customer, friday, incident, incident_with, minutes, person, playbooks, user};
use chrono::{DateTime, Duration, Utc};
use proptest::prelude::*;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::customer::ClockStart;
use watchkeeper_domain::id::CustomerId;
use watchkeeper_domain::incident::{
    Around, Incident, LawClock, LetterGone, Phase, Role, Severity, Standing, StillOpen, TransitionError,
};
use watchkeeper_domain::notice::{Notice, NoticeFacts, NoticeKind, Written};
use watchkeeper_domain::obligation::Obligation;
use watchkeeper_domain::playbook::Playbook;
use watchkeeper_domain::span::Span;

const WHY: &str = "the rest is followed in the tracker";

fn now() -> DateTime<Utc> {
    friday() + minutes(60)
}

/// An incident that somebody commands, with no playbook: nothing is open.
fn led() -> Incident {
    incident(Severity::Sev2)
        .assign(Role::Commander, &user("ana"), &person("ana"), friday())
        .expect("vacant")
        .subject
}

/// The disclosure is confirmed, and `acme` is on the list as `standing`.
fn confirmed(standing: Standing) -> Incident {
    led()
        .confirm_disclosure("the log shows it", friday(), &person("lea"), friday())
        .expect("open")
        .subject
        .set_affected(&acme(), standing, "the log names it", &person("lea"), friday())
        .expect("new on the list")
        .subject
}

fn acme() -> CustomerId {
    customer("acme", None).id
}

fn exfiltration() -> Playbook {
    let mut shipped = playbooks().into_iter();
    shipped
        .find_map(|(name, playbook)| (name == "customer-data-exfiltration").then_some(playbook))
        .expect("shipped")
}

fn owed(incident: &Incident) -> Obligation {
    Obligation::owe(
        &incident.id,
        &customer("acme", None),
        ClockStart::confirmed(friday()),
    )
}

fn told(incident: &Incident) -> (Obligation, LetterGone) {
    let notice = draft(incident, NoticeKind::Full, NoticeFacts::default()).id;
    let owed = owed(incident).told(&notice, now()).expect("running");
    let letter = LetterGone {
        customer: acme(),
        kind: NoticeKind::Full,
        obligation: Some(owed.id.clone()),
    };
    (owed, letter)
}

fn draft(incident: &Incident, kind: NoticeKind, facts: NoticeFacts) -> Notice {
    Notice::draft(&incident.id, kind, Written::from(facts), person("ana"), now())
}

fn close(incident: &Incident, around: Around<'_>, why: &str) -> Result<String, TransitionError> {
    let closed = incident
        .clone()
        .enter_phase(Phase::Closed, why, around, &person("ana"), now())?;
    assert_eq!(closed.subject.closed_at, Some(now()));
    Ok(closed.entries[0].text.clone())
}

fn names(incident: &Incident, around: Around<'_>) -> Vec<&'static str> {
    let open = incident.still_open(around, now());
    open.iter().map(StillOpen::name).collect()
}

#[test]
fn an_incident_with_nothing_open_is_closed_without_a_reason_and_keeps_one_that_is_given() {
    assert_eq!(
        close(&led(), Around::default(), " ").expect("nothing is open"),
        "Phase detect → closed"
    );
    assert_eq!(
        close(&led(), Around::default(), WHY).expect("nothing is open"),
        format!("Phase detect → closed: {WHY}")
    );
}

#[test]
fn it_is_not_closed_while_a_customer_is_still_to_be_told_whatever_the_reason() {
    let incident = confirmed(Standing::Possible);
    let owed = [owed(&incident)];
    let around = Around {
        owed: &owed,
        ..Around::default()
    };
    let said = close(&incident, around, WHY)
        .expect_err("a clock runs")
        .to_string();
    assert!(
        said.contains("1 customer is still to be told, the first deadline is 2026-06-08 14:20 UTC"),
        "{said}"
    );
}

#[test]
fn it_is_not_closed_while_a_customer_who_was_told_and_cleared_is_owed_a_withdrawal() {
    let incident = confirmed(Standing::Cleared);
    let (told, letter) = told(&incident);
    let (owed, gone) = ([told], [letter.clone()]);
    let around = Around {
        owed: &owed,
        gone: &gone,
        ..Around::default()
    };
    let said = close(&incident, around, WHY).expect_err("owed").to_string();
    assert!(
        said.contains("1 customer was told and is not affected: send the withdrawal"),
        "{said}"
    );

    let withdrawal = LetterGone {
        kind: NoticeKind::Withdrawn,
        ..letter.clone()
    };
    let gone = [letter, withdrawal];
    let around = Around {
        gone: &gone,
        ..around
    };
    close(&incident, around, WHY).expect("it was withdrawn");
}

#[test]
fn it_is_not_closed_while_what_was_wrong_is_written_and_the_correction_has_not_gone() {
    let incident = led();
    let wrong = NoticeFacts {
        what_was_wrong: "We wrote that no file was read".to_owned(),
        ..NoticeFacts::default()
    };
    let notices = [draft(&incident, NoticeKind::Correction, wrong)];
    let around = Around {
        notices: &notices,
        ..Around::default()
    };
    let said = close(&incident, around, WHY).expect_err("owed").to_string();
    assert!(
        said.contains("a correction of what customers were told"),
        "{said}"
    );

    let emptied = [draft(&incident, NoticeKind::Correction, NoticeFacts::default())];
    let around = Around {
        notices: &emptied,
        ..Around::default()
    };
    assert!(close(&incident, around, "").is_err(), "a draft needs a reason");
    close(&incident, around, WHY).expect("it says nothing");
}

#[test]
fn it_is_not_closed_while_a_miss_has_no_reason_save_in_a_drill() {
    let incident = confirmed(Standing::Confirmed);
    let later = friday() + Duration::hours(72);
    let (missed, _) = owed(&incident).take_due(later);
    let close = |incident: &Incident, owed: &Obligation, why: &str| {
        let around = Around {
            owed: std::slice::from_ref(owed),
            ..Around::default()
        };
        close(incident, around, why)
    };
    let said = close(&incident, &missed, WHY).expect_err("no reason").to_string();
    assert!(said.contains("each miss needs its reason"), "{said}");
    let drill = Incident {
        drill: true,
        ..incident.clone()
    };
    assert!(close(&drill, &missed, "").is_err(), "practised: it asks why");
    assert!(close(&drill, &missed, WHY).is_ok());
    let explained = missed
        .explain_miss("the relay was down", &person("lea"), later)
        .expect("missed");
    let left = close(&incident, &explained, WHY).expect("explained");
    assert!(
        left.contains("nothing has gone to 1 customer whose deadline was missed"),
        "{left}"
    );
}

#[test]
fn everything_that_stands_in_the_way_and_everything_that_needs_a_reason_is_told_at_once() {
    let playbook = exfiltration();
    let incident = incident_with(Severity::Sev1, Some(&playbook))
        .suspect_disclosure("a key was used", Span::hours(24), &person("ana"), friday())
        .expect("open")
        .subject
        .set_affected(&acme(), Standing::Possible, "named", &person("lea"), friday())
        .expect("new")
        .subject;
    let owed = [owed(&incident)];
    let notices = [draft(&incident, NoticeKind::Full, NoticeFacts::default())];
    let clocks = [LawClock {
        rule: "gdpr.33_1".to_owned(),
        phase: "notification".to_owned(),
        title: "Report to the supervisory authority".to_owned(),
        since: friday(),
        due_at: friday() + minutes(30),
        target: false,
    }];
    let around = Around {
        owed: &owed,
        notices: &notices,
        clocks: &clocks,
        gone: &[],
    };
    let found = names(&incident, around);
    let tasks = playbook
        .phases
        .iter()
        .map(|phase| phase.tasks.len())
        .sum::<usize>();
    assert_eq!(
        found[..2],
        ["suspicion", "not_told"],
        "what stands in the way first"
    );
    for (what, times) in [
        ("report", 1),
        ("draft", 1),
        ("register", 1),
        ("vacant", 4),
        ("task", tasks),
    ] {
        assert_eq!(
            found.iter().filter(|name| **name == what).count(),
            times,
            "{what}"
        );
    }
    let said = close(&incident, around, "")
        .expect_err("much is open")
        .to_string();
    for part in [
        "confirm it or reject it",
        "still to be told",
        "nothing submitted for Report to the supervisory authority (notification), which was due",
        "the notice “Full notice” is a draft and has not gone",
        "nobody is commander, which is required",
        "the register of breaches does not say",
        &format!("{tasks} open tasks (3 overdue)"),
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn what_is_left_open_stands_in_the_timeline_with_the_reason() {
    let incident = incident_with(Severity::Sev1, Some(&exfiltration()));
    assert!(matches!(
        close(&incident, Around::default(), ""),
        Err(TransitionError::StillOpen { in_the_way, .. }) if in_the_way.is_empty()
    ));
    let left = close(&incident, Around::default(), WHY).expect("with a reason");
    assert!(left.contains(WHY) && left.contains("Left open: "), "{left}");
    assert!(
        left.contains(" more"),
        "the first are named, the rest are counted: {left}"
    );
}

#[test]
fn a_promised_update_is_open_since_its_timer_goes_on() {
    let by = Actor::worker("ladder");
    let promising = led()
        .notice_sent(
            NoticeKind::Holding,
            Some(now() + Duration::hours(48)),
            &[],
            "sent".to_owned(),
            &by,
            friday(),
        )
        .subject;
    assert_eq!(names(&promising, Around::default()), ["promised_update"]);
}

proptest! {
    /// Whatever stands around it: an incident that was closed had nothing in the way, and a reason where anything was open.
    #[test]
    fn nothing_in_the_way_is_closed_over(
        runs in any::<bool>(),
        missed in any::<bool>(),
        cleared in any::<bool>(),
        letter in any::<bool>(),
        drill in any::<bool>(),
        why in prop_oneof![Just(""), Just(WHY)],
    ) {
        let incident = Incident {
            drill,
            ..confirmed(if cleared { Standing::Cleared } else { Standing::Confirmed })
        };
        let mut all = Vec::new();
        if missed {
            all.push(owed(&incident).take_due(friday() + Duration::hours(72)).0);
        } else if runs {
            all.push(owed(&incident));
        }
        let (_, gone) = told(&incident);
        let gone = if letter { vec![gone] } else { Vec::new() };
        let around = Around { owed: &all, gone: &gone, ..Around::default() };
        let open = incident.still_open(around, now());
        let stops = open.iter().any(|each| each.in_the_way(drill));
        prop_assert_eq!(
            close(&incident, around, why).is_ok(),
            !stops && (open.is_empty() || !why.is_empty())
        );
        prop_assert!(!(stops && drill), "nobody outside is owed anything in a drill");
        prop_assert_eq!(
            !drill && (missed || runs || (cleared && letter && !all.is_empty())),
            stops
        );
    }
}
