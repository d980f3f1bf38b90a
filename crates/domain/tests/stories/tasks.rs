//! Tasks that the product itself sees done.

use crate::samples::{customer, friday, incident_with, minutes, person, playbooks};
use watchkeeper_domain::incident::{
    Act, Incident, Intent, Outcome, Severity, Standing, TaskState, TimerKind, TimerState,
};
use watchkeeper_domain::notice::NoticeKind;
use watchkeeper_domain::page::PagingPolicy;
use watchkeeper_domain::playbook::Playbook;
use watchkeeper_domain::span::Span;

fn shipped(name: &str) -> Playbook {
    let mut all = playbooks().into_iter();
    all.find_map(|(found, playbook)| (found == name).then_some(playbook))
        .expect("shipped")
}

/// A stolen key, by the playbook for it, with a disclosure suspected.
fn suspected() -> Outcome<Incident> {
    incident_with(Severity::Sev1, Some(&shipped("cloud-credential-theft")))
        .suspect_disclosure("a key was used", Span::hours(24), &person("ana"), friday())
        .expect("open")
}

/// How many tasks that the act does are open, and how many of their timers run.
fn open(incident: &Incident, act: Act) -> (usize, usize) {
    let theirs = || {
        let tasks = incident.tasks.iter();
        tasks.filter(move |task| task.done_by == Some(act))
    };
    assert!(theirs().count() > 0, "the playbook has a task for {act:?}");
    let running = |timer: &&watchkeeper_domain::incident::Timer| {
        timer.state == TimerState::Running
            && matches!(&timer.kind, TimerKind::Task { task } if theirs().any(|each| each.id == *task))
    };
    (
        theirs().filter(|task| task.state == TaskState::Open).count(),
        incident.timers.iter().filter(running).count(),
    )
}

fn says(outcome: &Outcome<Incident>, text: &str) -> bool {
    outcome.entries.iter().any(|entry| entry.text.contains(text))
}

#[test]
fn a_task_is_done_by_the_act_that_it_asks_for_and_its_timer_ends() {
    let suspected = suspected();
    assert!(says(
        &suspected,
        "Task done by recording the suspicion: Record the suspicion"
    ));
    assert_eq!(open(&suspected.subject, Act::SuspectDisclosure), (0, 0));
    assert_eq!(open(&suspected.subject, Act::DecideDisclosure), (1, 1));

    let acme = customer("acme", None).id;
    let confirmed = suspected
        .subject
        .set_affected(&acme, Standing::Possible, "named", &person("lea"), friday())
        .expect("new")
        .subject
        .confirm_disclosure("the log shows it", friday(), &person("lea"), friday())
        .expect("suspected");
    assert!(says(&confirmed, "Task done by deciding on the disclosure"));
    assert_eq!(open(&confirmed.subject, Act::DecideDisclosure), (0, 0));
    assert_eq!(
        open(&confirmed.subject, Act::VerifyCustomers),
        (1, 1),
        "one is only possible"
    );

    let verified = confirmed
        .subject
        .set_affected(&acme, Standing::Confirmed, "its files", &person("lea"), friday())
        .expect("changed")
        .subject;
    assert_eq!(open(&verified, Act::VerifyCustomers), (0, 0));

    assert!(
        verified
            .clone()
            .full_notice_submitted(&person("ana"), friday())
            .is_none(),
        "here the task asks for the second person, too"
    );
    let holding = verified.notice_sent(
        NoticeKind::Holding,
        None,
        &[],
        "sent".to_owned(),
        &person("ana"),
        friday(),
    );
    assert_eq!(open(&holding.subject, Act::SendFullNotice), (1, 1));
    let full = holding.subject.notice_sent(
        NoticeKind::Full,
        None,
        &[],
        "sent".to_owned(),
        &person("ana"),
        friday(),
    );
    assert_eq!(open(&full.subject, Act::SendFullNotice), (0, 0));
}

#[test]
fn a_task_that_asks_for_a_draft_is_done_when_the_full_notice_is_submitted() {
    let incident = incident_with(Severity::Sev1, Some(&shipped("customer-data-exfiltration")));
    assert_eq!(open(&incident, Act::SubmitFullNotice), (1, 1));
    let submitted = incident
        .full_notice_submitted(&person("ana"), friday())
        .expect("a task asks for it");
    assert_eq!(open(&submitted.subject, Act::SubmitFullNotice), (0, 0));
    assert!(
        submitted
            .subject
            .full_notice_submitted(&person("ana"), friday())
            .is_none(),
        "once"
    );
}

#[test]
fn tasks_of_a_playbook_that_takes_over_are_done_where_the_incident_has_seen_them_done() {
    let stuffing = incident_with(Severity::Sev2, Some(&shipped("credential-stuffing")));
    let suspected = stuffing
        .suspect_disclosure("an account let it in", Span::hours(24), &person("ana"), friday())
        .expect("open")
        .subject;
    let taken_over = suspected
        .adopt(&shipped("cloud-credential-theft"), friday() + minutes(1))
        .expect("another playbook");
    assert!(says(&taken_over, "Task done by recording the suspicion"));
    assert_eq!(open(&taken_over.subject, Act::SuspectDisclosure), (0, 0));
}

#[test]
fn nobody_is_paged_for_what_was_done_or_belongs_to_a_playbook_that_was_replaced() {
    let stuffing = incident_with(Severity::Sev2, Some(&shipped("credential-stuffing")));
    let old: Vec<String> = stuffing.tasks.iter().map(|task| task.title.clone()).collect();
    let incident = stuffing
        .suspect_disclosure("an account let it in", Span::hours(24), &person("ana"), friday())
        .expect("open")
        .subject
        .adopt(&shipped("cloud-credential-theft"), friday())
        .expect("another playbook")
        .subject
        .confirm_disclosure("the log shows it", friday(), &person("lea"), friday())
        .expect("suspected")
        .subject;
    let policy = PagingPolicy { steps: Vec::new() };
    let fired = incident
        .fire_due(&policy, friday() + minutes(60 * 100))
        .expect("tasks are due");
    let asked: Vec<String> = fired
        .intents
        .iter()
        .filter_map(|intent| match intent {
            Intent::Page {
                reason: watchkeeper_domain::page::PageReason::TaskDue { title },
                ..
            } => Some(title.clone()),
            _ => None,
        })
        .collect();
    assert!(asked.iter().any(|title| title.contains("evoke")), "{asked:#?}");
    for done in ["Record the suspicion", "Confirm or reject the disclosure"] {
        assert!(
            !asked.iter().any(|title| title.contains(done)),
            "{done}: {asked:#?}"
        );
    }
    let both: Vec<&String> = asked.iter().filter(|title| old.contains(title)).collect();
    let new: Vec<String> = shipped("cloud-credential-theft")
        .tasks(friday())
        .into_iter()
        .map(|task| task.title)
        .collect();
    assert!(both.iter().all(|title| new.contains(title)), "{both:#?}");
}
