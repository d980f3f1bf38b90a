//! A change, from its proposal until it has taken effect.

use crate::samples::{friday, person};
use chrono::{DateTime, Duration, Utc};
use watchkeeper_domain::change::{
    Change, ChangeCourse, ChangeError, ChangeFault, ChangeOutcome, ChangeProposal, ChangeStep, NOTICE_TIME,
};
use watchkeeper_domain::id::NoticeId;
use watchkeeper_domain::page::PageTarget;

/// Sixty days after the proposal.
fn effective_at() -> DateTime<Utc> {
    friday() + Duration::days(60)
}

fn proposal() -> ChangeProposal {
    ChangeProposal {
        title: "Another company keeps our backups".to_owned(),
        what: "Backups move to another company".to_owned(),
        why: "The old one closes".to_owned(),
        effective_at: effective_at(),
    }
}

fn days(days: i64) -> DateTime<Utc> {
    friday() + Duration::days(days)
}

/// What Ana proposed on Friday.
pub(crate) fn proposed() -> Change {
    Change::propose(proposal(), NOTICE_TIME, &person("ana"), friday())
        .expect("sound")
        .subject
}

/// Ana proposed it, Max judged it.
fn judged(substantial: bool) -> Change {
    let judged = proposed().assess(
        substantial,
        "because of the new processor",
        &person("max"),
        days(1),
    );
    judged.expect("proposed").subject
}

/// Lea, counsel, agreed.
fn agreed(substantial: bool) -> Change {
    let agreed = judged(substantial).agree(&person("lea"), days(2));
    agreed.expect("judged").subject
}

fn told() -> Change {
    let notice = NoticeId::derived(&["notice"]);
    let told = agreed(true).tell(&notice, 3, &person("lea"), days(3));
    told.expect("owed").subject
}

fn steps(outcome: &ChangeOutcome) -> Vec<ChangeStep> {
    outcome.subject.steps.iter().map(|taken| taken.step).collect()
}

#[test]
fn neither_who_wrote_a_change_nor_who_judged_it_agrees_with_the_judgement() {
    for who in ["ana", "max"] {
        let refused = judged(true).agree(&person(who), days(2));
        assert!(matches!(refused, Err(ChangeError::SamePerson { .. })), "{who}");
    }
    let revised = proposed().revise(proposal(), NOTICE_TIME, &person("lea"), days(1));
    let judged = revised
        .expect("planned")
        .subject
        .assess(true, "why", &person("max"), days(1));
    let refused = judged.expect("proposed").subject.agree(&person("lea"), days(2));
    assert!(
        matches!(refused, Err(ChangeError::SamePerson { .. })),
        "who revised it wrote it too"
    );
}

#[test]
fn a_judgement_that_it_is_not_substantial_takes_two_people_as_well_and_is_told_to_nobody() {
    assert!(matches!(
        judged(false).agree(&person("max"), days(2)),
        Err(ChangeError::SamePerson { .. })
    ));
    let refused = agreed(false).must_be_owed();
    assert!(matches!(refused, Err(ChangeError::NotFrom { .. })), "{refused:?}");
    let outcome = agreed(false).take_due(effective_at()).expect("due");
    assert_eq!(steps(&outcome), [ChangeStep::Effect], "nobody is warned about it");
    assert_eq!((outcome.subject.fault(), outcome.intents.len()), (None, 0));
}

#[test]
fn a_judgement_needs_a_reason_and_stands_once_two_people_agree() {
    let silent = proposed().assess(true, "  ", &person("max"), days(1));
    assert!(matches!(silent, Err(ChangeError::Length { field: "reason", .. })));
    let again = judged(false).assess(true, "on reflection", &person("zoe"), days(1));
    assert!(again.is_ok(), "until then somebody may see it otherwise");
    let late = agreed(false).assess(true, "on reflection", &person("zoe"), days(3));
    assert!(matches!(late, Err(ChangeError::NotFrom { .. })));
}

#[test]
fn what_is_revised_is_judged_again() {
    let revised = agreed(true).revise(
        ChangeProposal {
            effective_at: days(90),
            ..proposal()
        },
        NOTICE_TIME,
        &person("ana"),
        days(3),
    );
    let revised = revised.expect("planned").subject;
    assert_eq!((revised.verdict(), revised.state.name()), (None, "proposed"));
    assert_eq!(revised.tell_by, days(60));
    let told = told().revise(proposal(), NOTICE_TIME, &person("ana"), days(4));
    assert!(
        matches!(told, Err(ChangeError::NotFrom { .. })),
        "customers were told what stands there"
    );
}

#[test]
fn people_are_paged_a_week_before_telling_is_late_then_when_it_is_and_when_the_change_takes_effect_untold() {
    let change = agreed(true);
    assert_eq!(change.next_step(), Some((ChangeStep::Warn, days(23))));
    assert!(change.clone().take_due(days(23) - Duration::seconds(1)).is_none());
    let warned = change.take_due(days(23)).expect("due");
    assert_eq!(
        warned
            .intents
            .iter()
            .map(|page| page.target.clone())
            .collect::<Vec<_>>(),
        [warned.subject.in_charge(), PageTarget::Counsel]
    );
    let late = warned.subject.take_due(days(30)).expect("due");
    assert!(late.intents.iter().any(|page| page.target == PageTarget::Leads));
    let effective = late.subject.take_due(effective_at()).expect("due");
    assert!(
        effective
            .intents
            .iter()
            .any(|page| page.target == PageTarget::Executives)
    );
    let change = effective.subject;
    assert_eq!(change.fault(), Some(ChangeFault::NotTold));
    assert_eq!(change.next_step(), None);
    let told = change.tell(&NoticeId::derived(&["n"]), 3, &person("lea"), days(61));
    let told = told.expect("late is better than never").subject;
    assert_eq!(
        told.fault(),
        Some(ChangeFault::NotTold),
        "the fault stays in the record"
    );
}

#[test]
fn steps_that_were_missed_are_all_recorded_and_only_the_last_one_pages() {
    let outcome = proposed().take_due(days(70)).expect("due");
    assert_eq!(
        steps(&outcome),
        [ChangeStep::Warn, ChangeStep::Late, ChangeStep::Effect]
    );
    assert_eq!(outcome.entries.len(), 3);
    assert_eq!(outcome.intents.len(), 2, "counsel and executives, once");
    assert_eq!(outcome.subject.fault(), Some(ChangeFault::NotJudged));
}

#[test]
fn who_was_told_in_time_is_not_warned_and_the_change_takes_effect_without_a_fault() {
    let change = told();
    assert_eq!(change.next_step(), Some((ChangeStep::Effect, effective_at())));
    let outcome = change.take_due(effective_at()).expect("due");
    assert_eq!((outcome.subject.fault(), outcome.intents.len()), (None, 0));
    let twice = outcome
        .subject
        .tell(&NoticeId::derived(&["n"]), 3, &person("lea"), days(61));
    assert!(
        matches!(twice, Err(ChangeError::NotFrom { .. })),
        "it is told once"
    );
}

#[test]
fn what_is_withdrawn_is_neither_judged_nor_told_nor_waited_for() {
    let change = agreed(true).withdraw("the old company stays", &person("ana"), days(3));
    let change = change.expect("planned").subject;
    assert!(matches!(change.course, ChangeCourse::Withdrawn { .. }));
    assert_eq!(change.next_step(), None);
    assert!(change.must_be_owed().is_err());
    assert!(change.clone().withdraw("again", &person("ana"), days(4)).is_err());
    assert!(change.assess(true, "why", &person("max"), days(4)).is_err());
}

#[test]
fn texts_have_bounds_and_an_instant_of_another_century_is_a_slip() {
    let propose =
        |proposal| Change::propose(proposal, NOTICE_TIME, &person("ana"), friday()).map(|o| o.subject);
    let untitled = ChangeProposal {
        title: " \n".to_owned(),
        ..proposal()
    };
    assert!(matches!(
        propose(untitled),
        Err(ChangeError::Length { field: "title", .. })
    ));
    let long = ChangeProposal {
        what: "x".repeat(4001),
        ..proposal()
    };
    assert!(matches!(
        propose(long),
        Err(ChangeError::Length { field: "what", .. })
    ));
    let far = ChangeProposal {
        effective_at: friday() + Duration::days(36_500),
        ..proposal()
    };
    assert!(matches!(propose(far), Err(ChangeError::Farther { .. })));
}

#[test]
fn a_change_is_kept_as_json_and_read_again() {
    for change in [proposed(), judged(true), agreed(false), told()] {
        let text = serde_json::to_string(&change).expect("JSON");
        assert_eq!(serde_json::from_str::<Change>(&text).expect("a change"), change);
    }
    let effective = told().take_due(effective_at()).expect("due").subject;
    let text = serde_json::to_string(&effective).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Change>(&text).expect("a change"),
        effective
    );
}
