//! An incident from its opening to its closing: phases, severity, tasks, the timeline.

use crate::samples::{Sketch, alert, at, friday, incident, incident_with, minutes, person, playbooks, user};
use watchkeeper_domain::alert::Alert;
use watchkeeper_domain::detection::Level;
use watchkeeper_domain::incident::{
    Acknowledgement, Around, EntryKind, Incident, Intent, Phase, Role, Severity, TaskState, TimerKind,
    TimerState, TransitionError,
};
use watchkeeper_domain::page::{PageReason, PageTarget};
use watchkeeper_domain::span::Span;

fn closed() -> Incident {
    incident(Severity::Sev2)
        .enter_phase(
            Phase::Closed,
            "it is over",
            Around::default(),
            &person("ana"),
            friday() + minutes(60),
        )
        .expect("nothing stands against closing")
        .subject
}

#[test]
fn an_incident_for_an_alert_is_opened_once_and_pages_the_on_call() {
    let first = Incident::open_for(&alert(), None, friday());
    let again = Incident::open_for(&alert(), None, friday() + minutes(5));
    assert_eq!(first.subject.id, again.subject.id);
    assert_eq!(
        first.intents,
        [Intent::Page {
            target: PageTarget::OnCall { step: 0 },
            reason: PageReason::Opened
        }]
    );
    assert_eq!(first.entries.len(), 1);
    assert_eq!(first.subject.alerts, 1);
    assert_eq!(first.subject.severity, Severity::Sev2);
}

#[test]
fn a_closed_incident_refuses_what_changes_it_and_says_how_to_reopen_it() {
    let ana = person("ana");
    let now = friday() + minutes(90);
    let refusals: Vec<(&str, Option<TransitionError>)> = vec![
        ("acknowledge", closed().acknowledge(&ana, now).err()),
        (
            "severity",
            closed().change_severity(Severity::Sev1, "worse", &ana, now).err(),
        ),
        ("status", closed().post_status("all is well", &ana, now).err()),
        (
            "assign",
            closed().assign(Role::Scribe, &user("ben"), &ana, now).err(),
        ),
        (
            "offer",
            closed().offer_role(Role::Scribe, &user("ben"), &ana, now).err(),
        ),
        ("accept", closed().accept_role(Role::Scribe, &ana, now).err()),
        (
            "suspect",
            closed()
                .suspect_disclosure("seen", Span::hours(24), &ana, now)
                .err(),
        ),
        (
            "confirm",
            closed().confirm_disclosure("seen", now, &ana, now).err(),
        ),
        (
            "phase",
            closed()
                .enter_phase(Phase::Contain, "it is over", Around::default(), &ana, now)
                .err(),
        ),
    ];
    for (attempt, refusal) in refusals {
        let said = refusal
            .unwrap_or_else(|| panic!("{attempt} was not refused"))
            .to_string();
        assert!(
            said.contains("reopen it by moving it to `analyze`"),
            "{attempt}: {said}"
        );
    }
}

#[test]
fn closing_ends_all_timers_and_reopening_makes_a_status_update_due_again() {
    let closed = closed();
    assert_eq!(closed.next_due_at(), None);
    assert_eq!(closed.closed_at, Some(friday() + minutes(60)));

    let monday = at("2026-06-08T08:00:00Z");
    let reopened = closed
        .enter_phase(
            Phase::Analyze,
            "it is over",
            Around::default(),
            &person("ana"),
            monday,
        )
        .expect("a closed incident can come back")
        .subject;
    assert_eq!(reopened.closed_at, None);
    assert_eq!(reopened.next_due_at(), Some(monday + minutes(60)));
}

#[test]
fn phases_go_back_as_well_since_incidents_come_back() {
    let ana = person("ana");
    let contained = incident(Severity::Sev2)
        .enter_phase(Phase::Contain, "it is over", Around::default(), &ana, friday())
        .expect("forward");
    let again = contained
        .subject
        .enter_phase(Phase::Analyze, "it is over", Around::default(), &ana, friday())
        .expect("back");
    assert_eq!(again.subject.phase, Phase::Analyze);
    assert!(
        again
            .subject
            .enter_phase(Phase::Analyze, "it is over", Around::default(), &ana, friday())
            .is_err()
    );
}

#[test]
fn a_second_answer_to_the_page_changes_nothing() {
    let answered = incident(Severity::Sev2)
        .acknowledge(&person("ana"), friday())
        .expect("first")
        .subject;
    let again = answered
        .clone()
        .acknowledge(&person("ben"), friday() + minutes(1))
        .expect("second");
    assert_eq!(again.subject, answered);
    assert!(again.entries.is_empty());
    let Acknowledgement::Acknowledged { by, .. } = answered.acknowledgement else {
        panic!("it was answered");
    };
    assert_eq!(by, person("ana"));
}

#[test]
fn an_alert_that_is_worse_raises_the_severity_and_pages_who_is_in_charge() {
    let calm = incident(Severity::Sev3);
    let commanded = calm
        .assign(Role::Commander, &user("ana"), &person("ana"), friday())
        .expect("takes")
        .subject;
    let critical = Sketch {
        level: Level::Critical,
        ..Sketch::number(2)
    };
    let outcome = commanded.join(&Alert::open(critical.detection(), friday()), friday());
    assert_eq!(outcome.subject.severity, Severity::Sev1);
    assert_eq!(
        outcome.intents,
        [Intent::Page {
            target: PageTarget::Person { user: user("ana") },
            reason: PageReason::Worsened
        }]
    );
    let kinds: Vec<EntryKind> = outcome.entries.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::AlertJoined, EntryKind::SeverityChanged]);
}

#[test]
fn an_alert_that_is_less_severe_leaves_the_severity_alone() {
    let low = Sketch {
        level: Level::Low,
        ..Sketch::number(2)
    };
    let outcome = incident(Severity::Sev1).join(&Alert::open(low.detection(), friday()), friday());
    assert_eq!(outcome.subject.severity, Severity::Sev1);
    assert!(outcome.intents.is_empty());
}

#[test]
fn the_severity_changes_only_with_a_reason() {
    let refused = incident(Severity::Sev2).change_severity(Severity::Sev4, "  ", &person("ana"), friday());
    assert!(matches!(refused, Err(TransitionError::NoReason { .. })));
}

#[test]
fn a_task_that_is_done_is_not_asked_for_again() {
    let (_, playbook) = playbooks().remove(0);
    let incident = incident_with(Severity::Sev2, Some(&playbook));
    let task = incident
        .tasks
        .iter()
        .find(|task| task.due_at.is_some())
        .expect("a task is due")
        .clone();
    let ana = person("ana");
    let done = incident
        .complete_task(&task.id, &ana, friday())
        .expect("open")
        .subject;
    let timer = done.timers.iter().find(|t| {
        t.kind
            == TimerKind::Task {
                task: task.id.clone(),
            }
    });
    assert!(matches!(
        timer.expect("it had a timer").state,
        TimerState::Done { .. }
    ));
    assert!(done.clone().complete_task(&task.id, &ana, friday()).is_err());
    assert!(done.skip_task(&task.id, "not needed", &ana, friday()).is_err());
}

#[test]
fn a_task_is_skipped_only_with_a_reason() {
    let (_, playbook) = playbooks().remove(0);
    let incident = incident_with(Severity::Sev2, Some(&playbook));
    let task = incident.tasks[0].id.clone();
    let refused = incident.clone().skip_task(&task, " ", &person("ana"), friday());
    assert!(matches!(refused, Err(TransitionError::NoReason { .. })));
    let skipped = incident
        .skip_task(&task, "there is no such key", &person("ana"), friday())
        .expect("reasoned");
    assert!(matches!(
        skipped.subject.tasks[0].state,
        TaskState::Skipped { .. }
    ));
    assert!(skipped.entries[0].text.contains("there is no such key"));
}

#[test]
fn the_timeline_takes_what_happened_earlier_and_refuses_what_is_to_come() {
    let ana = person("ana");
    let before = friday() - minutes(300);
    let note = incident(Severity::Sev2)
        .write(
            EntryKind::Note,
            "the key was seen in a build log",
            Some(before),
            &ana,
            friday(),
        )
        .expect("the past is written down");
    assert_eq!(
        (note.entries[0].happened_at, note.entries[0].recorded_at),
        (before, friday())
    );

    let later =
        incident(Severity::Sev2).write(EntryKind::Note, "x", Some(friday() + minutes(1)), &ana, friday());
    assert!(matches!(later, Err(TransitionError::BadInstant { .. })));
}

#[test]
fn nobody_writes_by_hand_what_only_a_change_of_state_may_say() {
    for kind in [
        EntryKind::Acknowledged,
        EntryKind::DisclosureChanged,
        EntryKind::NoticeChanged,
    ] {
        let refused = incident(Severity::Sev2).write(kind, "so it was", None, &person("ana"), friday());
        assert!(refused.is_err(), "{kind:?}");
    }
}

#[test]
fn every_decision_raises_the_version() {
    let before = incident(Severity::Sev2);
    let after = before
        .clone()
        .post_status("still looking", &person("ana"), friday())
        .expect("open")
        .subject;
    assert_eq!(after.version, before.version + 1);
    assert_eq!(after.summary, "still looking");
}

#[test]
fn what_a_detector_opened_is_called_after_the_worst_until_somebody_answers() {
    let medium = Sketch {
        level: Level::Medium,
        ..Sketch::number(1)
    };
    let mut critical = Sketch {
        level: Level::Critical,
        ..Sketch::number(2)
    }
    .detection();
    critical.title = "One key reads files of several tenants".to_owned();
    let critical = Alert::open(critical, friday());
    let opened = Incident::open_for(&Alert::open(medium.detection(), friday()), None, friday()).subject;

    let worse = opened.clone().join(&critical, friday()).subject;
    assert_eq!(worse.title, critical.title);

    let answered = opened
        .acknowledge(&person("ana"), friday())
        .expect("answers")
        .subject;
    let title = answered.title.clone();
    assert_eq!(answered.join(&critical, friday()).subject.title, title);
}

#[test]
fn an_incident_read_late_is_as_old_as_its_events() {
    let alert = Alert::open(Sketch::number(1).detection(), friday());
    let read_at = friday() + minutes(9 * 60);
    assert_eq!(
        Incident::open_for(&alert, None, read_at).subject.last_alert_at,
        alert.last_at
    );
}

#[test]
fn a_playbook_that_takes_over_adds_its_tasks_due_from_then_and_those_that_were_open_are_skipped_and_page_nobody()
 {
    let playbooks = playbooks();
    let [(_, first), (_, second), ..] = playbooks.as_slice() else {
        panic!("the repository has playbooks");
    };
    let began = incident_with(Severity::Sev2, Some(first));
    let tasks = began.tasks.len();
    let later = friday() + minutes(30);

    let kept = began.tasks[0].id.clone();
    let began = began
        .complete_task(&kept, &person("ana"), friday())
        .expect("open")
        .subject;
    let taken_over = began
        .clone()
        .adopt(second, later)
        .expect("another playbook")
        .subject;
    assert_eq!(taken_over.playbook, Some(second.pin()));
    assert_eq!(taken_over.tasks[0], began.tasks[0], "what was done stays done");
    for task in &taken_over.tasks[1..tasks] {
        assert!(
            matches!(&task.state, TaskState::Skipped { why, .. } if why.contains("took over from")),
            "{task:?}"
        );
    }
    assert_eq!(taken_over.tasks[tasks..], second.tasks(later)[..]);
    let timed = taken_over
        .timers
        .iter()
        .filter(|timer| matches!(timer.kind, TimerKind::Task { .. }) && timer.state == TimerState::Running)
        .count();
    let due = taken_over.tasks[tasks..]
        .iter()
        .filter(|task| task.due_at.is_some())
        .count();
    assert_eq!(timed, due);

    assert!(
        taken_over.adopt(second, later).is_none(),
        "it is in force already"
    );
}

#[test]
fn the_title_is_changed_by_hand_and_the_one_before_stays_in_the_timeline() {
    let ana = person("ana");
    let renamed = incident(Severity::Sev2)
        .retitle(" One key reads everything ", &ana, friday())
        .expect("open");
    assert_eq!(renamed.subject.title, "One key reads everything");
    assert_eq!(renamed.entries[0].kind, EntryKind::TitleChanged);
    assert_eq!(
        renamed.entries[0].text,
        "Title “Files are taken in bulk” → “One key reads everything”"
    );
    assert!(
        renamed
            .subject
            .clone()
            .retitle("One key reads everything", &ana, friday())
            .is_err()
    );
    assert!(renamed.subject.retitle(" ", &ana, friday()).is_err());
    assert!(closed().retitle("Over", &ana, friday()).is_err());
}

#[test]
fn the_worst_alert_is_kept_beside_the_title() {
    let first = alert();
    let opened = Incident::open_for(&first, None, friday()).subject;
    let worst = |incident: &Incident| incident.worst_alert.clone().expect("an alert").title;
    assert_eq!(worst(&opened), first.title);
    let as_bad = Alert {
        title: "As bad".to_owned(),
        ..first.clone()
    };
    let joined = opened.join(&as_bad, friday()).subject;
    assert_eq!(worst(&joined), first.title, "of equally severe ones the first");
    let worse = Alert {
        title: "Worse".to_owned(),
        severity: Severity::Sev1,
        ..first
    };
    let joined = joined.join(&worse, friday()).subject;
    assert_eq!(worst(&joined), "Worse");
}
