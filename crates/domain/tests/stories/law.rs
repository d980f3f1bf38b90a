//! Clocks of law page people before they run out: nobody has to look at a list to be in time.

use crate::rules::rules;
use crate::samples::{friday, incident, minutes, person, policy};
use chrono::{DateTime, Duration, Utc};
use proptest::prelude::*;
use std::collections::BTreeMap;
use watchkeeper_domain::incident::{
    Around, Incident, Intent, LawClock, LawStep, Outcome, PauseAsked, Phase, Severity, TimerKind, TimerState,
    TransitionError,
};
use watchkeeper_domain::obligation::calendar::Calendar;
use watchkeeper_domain::obligation::rule::{Moment, ObligationRule};
use watchkeeper_domain::page::{PageReason, PageTarget};

fn rule() -> ObligationRule {
    shipped("eu-nis2_23")
}

fn shipped(name: &str) -> ObligationRule {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../playbooks/obligations");
    let text = std::fs::read_to_string(format!("{folder}/{name}/rule.yaml")).expect("the rule ships");
    let mut rule = ObligationRule::read(&text).expect("it is sound");
    rule.enabled = true;
    rule
}

fn calendars(rule: &ObligationRule) -> BTreeMap<String, Calendar> {
    BTreeMap::from([(rule.jurisdiction.clone(), Calendar::utc())])
}

/// The incident with the clocks that run at `now`, as every decision leaves it.
fn kept(mut incident: Incident, rule: &ObligationRule, now: DateTime<Utc>) -> Incident {
    let clocks = incident.law_clocks(std::slice::from_ref(rule), &calendars(rule));
    incident.keep_clocks(&clocks, now);
    incident
}

fn aware(at: DateTime<Utc>) -> (Incident, ObligationRule) {
    let rule = rule();
    let known = crate::samples::incident(Severity::Sev2)
        .record_moment(Moment::Aware, at, "seen in the logs", &person("ines"), at)
        .expect("recorded")
        .subject;
    (kept(known, &rule, at), rule)
}

#[test]
fn a_rule_binds_an_incident_of_which_the_company_became_aware_while_it_was_in_force() {
    let at = friday();
    let (incident, in_force) = aware(at);
    let day = at.date_naive();
    let bound = |incident: &Incident, rule: &ObligationRule| {
        let rules = std::slice::from_ref(rule);
        let found = incident.bound_by(rules).count();
        let clocks = incident.law_clocks(rules, &calendars(rule)).len();
        assert_eq!(found > 0, clocks > 0, "what binds has clocks, and nothing else");
        found > 0
    };
    assert!(bound(&incident, &in_force));
    let until = |valid_to| ObligationRule {
        valid_to: Some(valid_to),
        ..in_force.clone()
    };
    let from = |valid_from| ObligationRule {
        valid_from,
        ..in_force.clone()
    };
    let next = Duration::days(1);
    assert!(bound(&incident, &until(day)) && bound(&incident, &from(day)));
    assert!(!bound(&incident, &until(day - next)), "it had been repealed");
    assert!(!bound(&incident, &from(day + next)), "it was not law yet");
    let off = ObligationRule {
        enabled: false,
        ..in_force
    };
    assert!(!bound(&incident, &off), "nobody turned it on");
}

/// What the clocks of law say at `now`, and whom they page.
fn fired(incident: Incident, now: DateTime<Utc>) -> (Incident, Vec<String>, Vec<PageTarget>) {
    let Some(Outcome { subject, intents, .. }) = incident.clone().fire_due(&policy(), now) else {
        return (incident, Vec::new(), Vec::new());
    };
    let mut said = Vec::new();
    let mut paged = Vec::new();
    for intent in intents {
        if let Intent::Page {
            target,
            reason: PageReason::Ladder { text },
        } = intent
        {
            said.push(text);
            paged.push(target);
        }
    }
    said.dedup();
    (subject, said, paged)
}

fn running(incident: &Incident) -> Vec<(&LawClock, LawStep)> {
    let law = incident
        .timers
        .iter()
        .filter(|timer| timer.state == TimerState::Running);
    law.filter_map(|timer| match &timer.kind {
        TimerKind::Law { clock, step } => Some((clock, *step)),
        _ => None,
    })
    .collect()
}

#[test]
fn half_of_the_time_pages_counsel_two_thirds_the_commander_and_five_sixths_the_executives() {
    let (known, _) = aware(friday());
    let before = fired(
        known.clone(),
        friday() + Duration::hours(12) - Duration::seconds(1),
    );
    assert!(before.1.is_empty(), "{:?}", before.1);
    // The early warning is due after 24 hours, the notification after 72.
    for (hours, left, targets) in [
        (12, "12 h left", 1),
        (16, "8 h left", 2),
        (20, "4 h left", 3),
        (24, "deadline passed now", 3),
    ] {
        let at = friday() + Duration::hours(hours);
        let (_, said, paged) = fired(known.clone(), at);
        let early: Vec<&String> = said
            .iter()
            .filter(|text| text.contains("early_warning"))
            .collect();
        assert_eq!(early.len(), 1, "{hours} h: {said:?}");
        assert!(early[0].starts_with(left), "{hours} h: {early:?}");
        assert_eq!(paged.len(), targets, "{hours} h: {paged:?}");
        assert_eq!(paged[0], PageTarget::Counsel);
    }
}

#[test]
fn a_deadline_that_passed_pages_daily_until_something_is_submitted() {
    let (known, rule) = aware(friday());
    let late = friday() + Duration::hours(24);
    let (known, said, _) = fired(known, late);
    assert_eq!(said.len(), 1, "{said:?}");
    let (known, said, _) = fired(known, late + Duration::hours(23));
    assert!(
        !said.iter().any(|text| text.contains("early_warning")),
        "{said:?}"
    );
    let (known, said, _) = fired(known, late + Duration::hours(24));
    assert!(
        said.iter()
            .any(|text| text.starts_with("deadline passed 1 d ago")),
        "{said:?}"
    );
    let at = late + Duration::hours(25);
    let submitted = known
        .record_submission(&rule, "early_warning", at, "CSIRT 4711", &person("ines"), at)
        .expect("recorded")
        .subject;
    let submitted = kept(submitted, &rule, at);
    assert!(
        running(&submitted)
            .iter()
            .all(|(clock, _)| clock.phase != "early_warning")
    );
    let (_, said, _) = fired(submitted, late + Duration::hours(200));
    assert!(
        !said.iter().any(|text| text.contains("early_warning")),
        "{said:?}"
    );
}

#[test]
fn steps_that_passed_while_the_service_was_down_page_once_with_what_is_true_now() {
    let (known, _) = aware(friday());
    let (known, said, _) = fired(known, friday() + Duration::hours(21));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("3 h left"), "{said:?}");
    let next = running(&known)
        .into_iter()
        .find(|(clock, _)| clock.phase == "early_warning");
    assert_eq!(next.map(|(_, step)| step), Some(LawStep::Overdue));
}

#[test]
fn a_moment_that_is_moved_moves_the_clocks() {
    let (known, rule) = aware(friday());
    let earlier = friday() - Duration::hours(30);
    let now = friday() + minutes(5);
    let moved = known
        .record_moment(
            Moment::Aware,
            earlier,
            "the support ticket said so",
            &person("ines"),
            now,
        )
        .expect("recorded")
        .subject;
    let moved = kept(moved, &rule, now);
    let (_, said, _) = fired(moved.clone(), now);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("deadline passed 6 h"),
        "it is overdue at once: {said:?}"
    );
    assert_eq!(
        running(&moved).len(),
        running(&kept(moved.clone(), &rule, now)).len()
    );
}

#[test]
fn a_rule_that_does_not_apply_pages_nobody_and_pages_at_once_when_it_applies_after_all() {
    let (known, rule) = aware(friday());
    let counsel = person("ines");
    assert!(
        known
            .clone()
            .set_rule_aside(&rule, " ", &counsel, friday())
            .is_err()
    );
    let aside = known
        .set_rule_aside(&rule, "we are no essential entity", &counsel, friday())
        .expect("set aside")
        .subject;
    assert!(
        aside
            .clone()
            .set_rule_aside(&rule, "again", &counsel, friday())
            .is_err()
    );
    let aside = kept(aside, &rule, friday());
    assert_eq!(running(&aside), []);
    let later = friday() + Duration::hours(30);
    assert!(fired(aside.clone(), later).1.is_empty());
    let applies = aside
        .take_rule_up(&rule, "the ministry says that we are one", &counsel, later)
        .expect("taken up")
        .subject;
    let applies = kept(applies, &rule, later);
    let (_, said, _) = fired(applies, later);
    assert!(
        said.iter()
            .any(|text| text.starts_with("deadline passed 6 h ago")),
        "{said:?}"
    );
}

#[test]
fn a_final_report_is_paged_for_though_the_incident_is_closed() {
    let (known, rule) = aware(friday());
    let at = friday() + Duration::hours(2);
    let submitted = known
        .record_submission(&rule, "notification", at, "CSIRT 4711", &person("ines"), at)
        .expect("recorded")
        .subject;
    let closed = submitted
        .enter_phase(
            Phase::Closed,
            "it is over",
            Around::default(),
            &person("ines"),
            at,
        )
        .expect("closed")
        .subject;
    let closed = kept(closed, &rule, at);
    assert!(running(&closed).iter().any(|(clock, _)| clock.phase == "final"));
    let (_, said, _) = fired(closed, at + Duration::days(20));
    assert!(said.iter().any(|text| text.contains("(final)")), "{said:?}");
}

#[test]
fn where_the_law_names_no_number_people_are_reminded_of_our_own_target_as_what_it_is() {
    let rule = shipped("gdpr-33_2");
    let known = incident(Severity::Sev2)
        .record_moment(
            Moment::Aware,
            friday(),
            "seen in the logs",
            &person("ines"),
            friday(),
        )
        .expect("recorded")
        .subject;
    let known = kept(known, &rule, friday());
    let clocks = running(&known);
    assert_eq!(clocks.len(), 1);
    let (clock, step) = clocks[0];
    assert!(clock.target, "{clock:?}");
    assert_eq!(
        (clock.due_at, step),
        (friday() + Duration::hours(24), LawStep::Remind)
    );
    let (known, said, _) = fired(known, friday() + Duration::hours(12));
    assert!(
        said[0].contains("until our own target, which is no deadline of the law"),
        "{said:?}"
    );
    let (known, said, _) = fired(known, friday() + Duration::hours(25));
    assert!(
        said[0].starts_with("our own target, which is no deadline of the law, passed"),
        "{said:?}"
    );
    let submitted = known
        .record_submission(
            &rule,
            "notice",
            friday() + Duration::hours(25),
            "told them",
            &person("ines"),
            friday() + Duration::hours(25),
        )
        .expect("recorded")
        .subject;
    let after = kept(submitted, &rule, friday() + Duration::hours(25));
    assert!(
        running(&after).is_empty(),
        "what was submitted is reminded of no more"
    );
}

#[test]
fn a_target_stands_only_where_the_law_leaves_the_time_open() {
    let sound = shipped("gdpr-33_2");
    let calendars = BTreeMap::from([(sound.jurisdiction.clone(), Calendar::utc())]);
    assert_eq!(sound.faults(&calendars), Vec::<String>::new());
    let mut numbered = shipped("gdpr-33_1");
    numbered.phases[0].target = sound.phases[0].target.clone();
    let faults = numbered.faults(&calendars);
    assert!(
        faults
            .iter()
            .any(|fault| fault.contains("the law names a number here")),
        "{faults:?}"
    );
    let mut nobodys = sound.clone();
    if let Some(target) = &mut nobodys.phases[0].target {
        target.source = " ".to_owned();
    }
    let faults = nobodys.faults(&calendars);
    assert!(
        faults.iter().any(|fault| fault.contains("target.source")),
        "{faults:?}"
    );
    let mut another = sound;
    if let Some(target) = &mut another.phases[0].target {
        target.within = watchkeeper_domain::span::Span::hours(48);
    }
    let faults = another.faults(&calendars);
    assert!(
        faults.iter().any(|fault| fault.contains("own targets are")),
        "examples hold it: {faults:?}"
    );
}

proptest! {
    #[test]
    fn steps_come_in_their_order_within_every_limit(seconds in 72_i64..40_000_000) {
        let clock = LawClock {
            rule: "r".into(),
            phase: "p".into(),
            title: "t".into(),
            since: friday(),
            due_at: friday() + Duration::seconds(seconds),
            target: false,
        };
        let steps: Vec<DateTime<Utc>> = LawStep::ALL.into_iter().map(|step| clock.step_at(step)).collect();
        prop_assert!(steps.is_sorted());
        prop_assert!(steps[0] > clock.since && steps[3] == clock.due_at);
    }

    #[test]
    fn however_late_it_is_looked_at_one_step_is_said_and_the_next_lies_ahead(after in 0_i64..10_000) {
        let (known, _) = aware(friday());
        let now = friday() + minutes(after);
        let (known, said, _) = fired(known, now);
        let early = said.iter().filter(|text| text.contains("early_warning")).count();
        prop_assert_eq!(early, usize::from(after >= 12 * 60));
        prop_assert!(known.next_due_at().is_none_or(|next| next > now) || after < 12 * 60);
    }
}

/// Somebody writes down what the FBI asked for.
fn paused(
    incident: Incident,
    rule: &ObligationRule,
    until: DateTime<Utc>,
    at: DateTime<Utc>,
) -> Result<Incident, TransitionError> {
    let asked = PauseAsked {
        reason: &rule.pauses[0].reason,
        evidence: " letter of 9 June, folder 12 ",
        from: at,
        until,
    };
    let outcome = incident.pause_clock(rule, asked, &person("lea"), at)?;
    assert!(matches!(
        outcome.intents[..],
        [Intent::Page {
            target: PageTarget::Leads,
            ..
        }]
    ));
    Ok(outcome.subject)
}

#[test]
fn a_clock_stands_for_a_reason_of_its_rule_with_evidence_and_until_an_instant() {
    let rule = ObligationRule {
        enabled: true,
        ..rules()
            .into_iter()
            .find(|rule| rule.id == "us.sec_105")
            .expect("it ships")
    };
    let start = friday() + minutes(1);
    let later = |days: i64| start + Duration::days(days);
    let incident = incident(Severity::Sev1)
        .record_moment(
            Moment::Determined,
            friday(),
            "the board says so",
            &person("ana"),
            start,
        )
        .expect("it is past")
        .subject;
    let clocks = |incident: &Incident| incident.law_clocks(std::slice::from_ref(&rule), &calendars(&rule));
    let before = clocks(&incident)[0].due_at;
    let stands = paused(incident.clone(), &rule, later(30), start).expect("a reason of the rule");
    assert_eq!(
        stands.pauses["us.sec_105"][0].evidence,
        "letter of 9 June, folder 12"
    );
    assert_eq!(
        clocks(&stands)[0].due_at,
        later(30),
        "what is due in a pause is due when it ends"
    );

    let longer = paused(stands.clone(), &rule, later(61), later(1));
    assert!(
        longer
            .expect_err("sixty days in all")
            .to_string()
            .contains("60 days at most"),
        "all pauses count together"
    );
    let asked = |reason, evidence, from, until| PauseAsked {
        reason,
        evidence,
        from,
        until,
    };
    let named = rule.pauses[0].reason.as_str();
    for (asked, fault) in [
        (
            asked("we need more time", "a wish", start, later(3)),
            "reason for a pause",
        ),
        (asked(named, " ", start, later(3)), "evidence"),
        (
            asked(named, "a letter", later(1), later(3)),
            "the beginning of the pause",
        ),
        (asked(named, "a letter", friday(), start), "the end of the pause"),
    ] {
        let refused = incident.clone().pause_clock(&rule, asked, &person("lea"), start);
        let said = refused.expect_err(fault).to_string();
        assert!(said.contains(fault), "{said}");
    }

    let lifted = stands.resume_clock(&rule, "the letter was withdrawn", &person("ana"), later(10));
    let lifted = lifted.expect("it stood").subject;
    assert_eq!(clocks(&lifted)[0].due_at, later(10).max(before));
    let again = lifted.resume_clock(&rule, "again", &person("ana"), later(11));
    assert!(again.is_err(), "none stands");
}
