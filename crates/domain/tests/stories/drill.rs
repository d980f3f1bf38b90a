//! Drills: whom they reach, and how they are scored.

use crate::samples::{customer, friday, person};
use chrono::{DateTime, Duration, Utc};
use proptest::prelude::*;
use std::collections::BTreeSet;
use watchkeeper_domain::customer::ClockStart;
use watchkeeper_domain::drill::{DrillControl, DrillPolicy, DrillReach, DrillRecord, DrillReport, Verdict};
use watchkeeper_domain::id::{LetterId, NoticeId, UserId};
use watchkeeper_domain::incident::{
    Acknowledgement, Disclosure, Holder, Incident, Opening, Role, Severity, Standing,
};
use watchkeeper_domain::notice::{Answer, Notice, NoticeFacts, NoticeKind, NoticeState, Question, Receipt};
use watchkeeper_domain::obligation::{Obligation, ObligationState};

const MAILBOX: &str = "drill@company.example";

fn reach(entries: &[&str]) -> DrillReach {
    let mut reach = DrillReach::default();
    for entry in entries {
        reach.allow(entry).expect("a sound entry");
    }
    reach
}

fn drill() -> Incident {
    let opening = Opening {
        title: "A share link is open".to_owned(),
        summary: String::new(),
        severity: Severity::Sev2,
        by: person("ana"),
        at: friday(),
        playbook: None,
        drill: Some(MAILBOX),
    };
    Incident::open(opening).subject
}

#[test]
fn a_drill_reaches_exact_addresses_whole_domains_and_exact_topics_and_nobody_else() {
    let topic = "arn:aws:sns:eu-central-1:123456789012:oncall";
    let reach = reach(&["@company.example", "Counsel@lawfirm.example", topic]);
    for inside in [
        "a@company.example",
        "A@COMPANY.example",
        "counsel@lawfirm.example",
    ] {
        assert!(reach.holds_address(inside), "{inside}");
    }
    for outside in [
        "a@customer.example",
        "partner@lawfirm.example",
        "a@sub.company.example",
        "a@notcompany.example",
        "a@company.example.evil.example",
        "a@evil.example, b@company.example",
        "a@evil.example>@company.example",
        "@company.example",
        "company.example",
        "",
        topic,
    ] {
        assert!(!reach.holds_address(outside), "{outside}");
    }
    assert!(reach.holds_topic(topic));
    assert!(!reach.holds_topic("arn:aws:sns:eu-central-1:123456789012:oncall2"));
    assert!(!reach.holds_topic("@company.example"));
}

#[test]
fn an_entry_that_names_nobody_is_a_fault() {
    for entry in [
        "",
        "company.example",
        "@",
        "@localhost",
        "*@company.example ",
        "arn:aws:sqs:eu-central-1:1:q",
        "arn:aws:sns:eu-central-1:1:*",
        "arn:aws:sns:eu-central-1:1:",
    ] {
        let fault = DrillReach::default().allow(entry).expect_err(entry);
        assert!(fault.contains(entry), "{fault}");
    }
}

#[test]
fn no_drill_without_whom_it_may_reach_and_the_fault_says_what_to_write() {
    let none = DrillPolicy::default()
        .mailbox()
        .map(str::to_owned)
        .expect_err("nobody");
    assert!(none.contains("[drill] reach = "), "{none}");
    let mut policy = DrillPolicy {
        reach: reach(&["@company.example"]),
        customers_to: None,
    };
    assert!(policy.mailbox().is_err());
    policy.customers_to = Some("drill@elsewhere.example".to_owned());
    assert!(policy.mailbox().is_err());
    policy.customers_to = Some(MAILBOX.to_owned());
    assert_eq!(policy.mailbox(), Ok(MAILBOX));
}

#[test]
fn in_a_drill_one_mailbox_stands_for_every_customer_and_nobody_comes_after_it() {
    let acme = customer("acme", None);
    let drill = drill();
    assert_eq!(drill.recipients(&acme), [MAILBOX]);
    let real = BTreeSet::from(["security@acme.example".to_owned()]);
    assert_eq!(drill.next_recipient(&acme, &real).as_deref(), Some(MAILBOX));
    let tried = BTreeSet::from([MAILBOX.to_owned()]);
    assert_eq!(drill.next_recipient(&acme, &tried), None);
    // A drill that lost its terms reaches nobody rather than a customer.
    let mut without = drill;
    without.drill_terms = None;
    assert!(without.recipients(&acme).is_empty());
    assert_eq!(without.next_recipient(&acme, &BTreeSet::new()), None);
}

#[test]
fn a_drill_is_due_where_there_was_none_and_more_than_a_year_after_the_last() {
    let closed = friday();
    assert!(DrillControl::at(closed, None).due);
    let control = DrillControl::at(closed, Some(closed));
    let due_at = control.due_at.expect("a year later");
    assert!(!control.due && !DrillControl::at(due_at, Some(closed)).due);
    assert!(DrillControl::at(due_at + Duration::seconds(1), Some(closed)).due);
}

/// When each act of a drill was done, in minutes after it began (questions: after they were asked); none where it was not.
#[derive(Debug, Clone)]
struct Acts {
    acknowledged: Option<i64>,
    commanded: Option<i64>,
    decided: Option<i64>,
    listed: [Option<i64>; 2],
    approved: Option<i64>,
    told: [Option<i64>; 2],
    answered: [Option<i64>; 2],
    closed: Option<i64>,
}

/// Everything at once.
const PROMPT: Acts = Acts {
    acknowledged: Some(1),
    commanded: Some(2),
    decided: Some(30),
    listed: [Some(40), Some(50)],
    approved: Some(60),
    told: [Some(61), Some(61)],
    answered: [Some(5), Some(6)],
    closed: Some(100),
};

fn at(minutes: i64) -> DateTime<Utc> {
    friday() + Duration::minutes(minutes)
}

/// The report of a drill, suspected and confirmed as of its beginning, with two customers, after these acts.
fn report(acts: &Acts) -> DrillReport {
    let mut incident = drill();
    incident.number = 7;
    let by = person("ana");
    if let Some(done) = acts.acknowledged {
        incident.acknowledgement = Acknowledgement::Acknowledged {
            by: by.clone(),
            at: at(done),
        };
    }
    if let Some(done) = acts.commanded {
        let post = incident.posts.entry(Role::Commander).or_default();
        post.holder = Some(Holder {
            user: UserId::derived(&["ana"]),
            since: at(done),
        });
    }
    let mut obligations = Vec::new();
    if let Some(done) = acts.decided {
        incident.disclosure = Disclosure::Confirmed {
            by: by.clone(),
            at: friday(),
            recorded_at: at(done),
            why: "as the script says".to_owned(),
            suspected_at: Some(friday()),
            reversal: None,
            moving: None,
            moved: Vec::new(),
        };
    }
    for (key, (listed, told)) in ["acme", "zeta"].iter().zip(acts.listed.iter().zip(acts.told)) {
        let customer = customer(key, None);
        incident = incident
            .set_affected(&customer.id, Standing::Possible, "the script", &by, friday())
            .expect("listed")
            .subject;
        if let Some(done) = listed {
            incident = incident
                .set_affected(&customer.id, Standing::Confirmed, "the script", &by, at(*done))
                .expect("verified")
                .subject;
        }
        if acts.decided.is_some() {
            let mut owed = Obligation::owe(&incident.id, &customer, ClockStart::confirmed(friday()));
            if let Some(done) = told {
                let in_time = at(done) <= owed.deadline.due_at;
                let notice = NoticeId::derived(&["n"]);
                owed.state = ObligationState::Told {
                    at: at(done),
                    notice,
                    in_time,
                };
            }
            obligations.push(owed);
        }
    }
    let mut notice = Notice::draft(
        &incident.id,
        NoticeKind::Full,
        NoticeFacts::default().into(),
        by.clone(),
        friday(),
    );
    if let Some(done) = acts.approved {
        notice.state = NoticeState::Sent {
            at: at(done),
            approved_by: person("ben"),
            hash: String::new(),
        };
    }
    let question = |answered: &Option<i64>| Question {
        at: at(200),
        name: "A. Reader".to_owned(),
        text: "Which files?".to_owned(),
        answer: answered.map(|done| Answer {
            by: by.clone(),
            at: at(200 + done),
            text: "These.".to_owned(),
        }),
    };
    let receipt = Receipt {
        letter: LetterId::derived(&["l"]),
        version: 1,
        notice: notice.id.clone(),
        matter: (&incident.id).into(),
        customer: customer("acme", None).id,
        opened_at: at(100),
        acknowledged: None,
        questions: acts.answered.iter().map(question).collect(),
    };
    incident.closed_at = acts.closed.map(at);
    let record = DrillRecord {
        incident: &incident,
        obligations: &obligations,
        notices: &[notice],
        receipts: &[receipt],
    };
    DrillReport::of(record, at(60 * 24 * 30)).expect("a drill")
}

fn verdict(report: &DrillReport, id: &str) -> Verdict {
    let check = report.checks.iter().find(|check| check.id == id);
    check.expect("a check of this name").verdict
}

#[test]
fn a_drill_in_which_all_is_done_in_time_has_the_full_score() {
    let report = report(&PROMPT);
    assert!(
        report.checks.iter().all(|check| check.verdict == Verdict::Met),
        "{report:#?}"
    );
    assert_eq!((report.score, report.points, report.worth), (100, 80, 80));
}

#[test]
fn a_drill_in_which_nobody_acts_scores_nothing() {
    let nothing = Acts {
        acknowledged: None,
        commanded: None,
        decided: None,
        listed: [None; 2],
        approved: None,
        told: [None; 2],
        answered: [None; 2],
        closed: None,
    };
    let report = report(&nothing);
    assert_eq!((report.score, report.worth), (0, 80), "{report:#?}");
}

#[test]
fn a_full_notice_after_36_of_72_counts_half_until_the_holding_notice_goes_by_itself() {
    let approved = |minutes| {
        let acts = Acts {
            approved: Some(minutes),
            ..PROMPT
        };
        let report = report(&acts);
        (verdict(&report, "approved"), report.score)
    };
    assert_eq!(approved(36 * 60), (Verdict::Met, 100));
    assert_eq!(approved(36 * 60 + 1), (Verdict::Partly, 93));
    assert_eq!(approved(66 * 60), (Verdict::NotMet, 87));
}

#[test]
fn a_customer_who_was_told_late_costs_a_part() {
    let acts = Acts {
        told: [Some(60), Some(72 * 60 + 1)],
        ..PROMPT
    };
    let report = report(&acts);
    assert_eq!(verdict(&report, "told"), Verdict::Partly);
    let told = report
        .checks
        .iter()
        .find(|check| check.id == "told")
        .expect("told");
    assert_eq!(
        (told.points, told.measured.as_str()),
        (5, "1 of 2 customers were told in time")
    );
}

#[test]
fn what_really_happens_has_no_score() {
    let incident = crate::samples::incident(Severity::Sev2);
    let record = DrillRecord {
        incident: &incident,
        obligations: &[],
        notices: &[],
        receipts: &[],
    };
    assert_eq!(DrillReport::of(record, friday()), None);
}

fn any_acts() -> impl Strategy<Value = Acts> {
    let act = || prop::option::of(0..80 * 60_i64);
    let two = || [act(), act()];
    (act(), act(), act(), two(), act(), two(), two(), act()).prop_map(
        |(acknowledged, commanded, decided, listed, approved, told, answered, closed)| Acts {
            acknowledged,
            commanded,
            decided,
            listed,
            approved,
            told,
            answered,
            closed,
        },
    )
}

proptest! {
    #[test]
    fn an_act_that_comes_later_never_raises_the_score(
        acts in any_acts(),
        later in 0..80 * 60_i64,
        which in 0..11_usize,
    ) {
        let mut moved = acts.clone();
        let Acts { acknowledged, commanded, decided, listed: [l1, l2], approved, told: [t1, t2], answered: [a1, a2], closed } = &mut moved;
        let all = [acknowledged, commanded, decided, l1, l2, approved, t1, t2, a1, a2, closed];
        for act in all.into_iter().skip(which).take(1).flatten() {
            *act += later;
        }
        prop_assert!(report(&moved).score <= report(&acts).score, "{acts:?} → {moved:?}");
    }
}
