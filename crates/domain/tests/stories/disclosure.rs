//! Suspected, confirmed, rejected; and who is affected.

use crate::samples::{customer, friday, incident, minutes, person};
use chrono::Duration;
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_domain::customer::CountsFrom;
use watchkeeper_domain::detection::TenantTrace;
use watchkeeper_domain::event::SourceName;
use watchkeeper_domain::incident::{
    Around, Disclosure, Incident, Intent, Phase, Proposal, Severity, Standing, TransitionError,
};
use watchkeeper_domain::span::Span;

fn suspected() -> Incident {
    incident(Severity::Sev1)
        .suspect_disclosure(
            "a key was used from elsewhere",
            Span::hours(24),
            &person("ana"),
            friday(),
        )
        .expect("open")
        .subject
}

fn confirmed() -> Incident {
    suspected()
        .confirm_disclosure(
            "the access log shows it",
            friday() + minutes(30),
            &person("lea"),
            friday() + minutes(40),
        )
        .expect("suspected")
        .subject
}

fn proposal(key: &str, events: u64) -> Proposal {
    let trace = TenantTrace {
        at_most: None,
        events,
        first_at: friday(),
        last_at: friday() + minutes(3),
        first_event: (SourceName("edge".to_owned()), "event-1".to_owned()),
    };
    Proposal {
        customer: customer(key, None).id,
        traces: BTreeMap::from([(format!("t-{key}"), trace)]),
    }
}

#[test]
fn a_second_confirmation_does_not_restart_the_clock() {
    let first = confirmed();
    assert_eq!(first.disclosure.confirmed_at(), Some(friday() + minutes(30)));
    let later = friday() + Duration::days(2);
    let refused = first.confirm_disclosure("again", later, &person("lea"), later);
    let said = refused.expect_err("it is confirmed already").to_string();
    assert!(
        said.contains("the clock runs from the first confirmation"),
        "{said}"
    );
}

#[test]
fn a_confirmed_disclosure_is_neither_suspected_again_nor_rejected() {
    let now = friday() + minutes(60);
    assert!(
        confirmed()
            .suspect_disclosure("again", Span::hours(24), &person("ana"), now)
            .is_err()
    );
    assert!(
        confirmed()
            .reject_disclosure("it was a test", &person("ana"), now)
            .is_err()
    );
}

#[test]
fn an_incident_does_not_close_while_a_suspicion_is_undecided() {
    let now = friday() + minutes(60);
    let refused = suspected().enter_phase(
        Phase::Closed,
        "it is over",
        Around::default(),
        &person("ana"),
        now,
    );
    let said = refused.expect_err("undecided").to_string();
    assert!(said.contains("confirm it or reject it"), "{said}");

    let rejected = suspected()
        .reject_disclosure("the key is the customer's own", &person("lea"), now)
        .expect("suspected");
    assert!(
        rejected
            .subject
            .enter_phase(
                Phase::Closed,
                "it is over",
                Around::default(),
                &person("ana"),
                now
            )
            .is_ok()
    );
}

#[test]
fn a_decision_ends_its_timer_and_a_confirmation_asks_for_obligations() {
    let outcome = suspected()
        .confirm_disclosure("seen", friday(), &person("lea"), friday() + minutes(5))
        .expect("suspected");
    assert!(outcome.intents.contains(&Intent::Owe));
    let Disclosure::Confirmed {
        suspected_at,
        recorded_at,
        ..
    } = outcome.subject.disclosure
    else {
        panic!("it is confirmed");
    };
    assert_eq!(
        (suspected_at, recorded_at),
        (Some(friday()), friday() + minutes(5))
    );
}

#[test]
fn what_was_rejected_can_be_suspected_anew_and_a_new_decision_is_due() {
    let rejected = suspected()
        .reject_disclosure("a drill", &person("lea"), friday())
        .expect("suspected")
        .subject;
    let monday = friday() + Duration::days(3);
    let again = rejected
        .suspect_disclosure("it was no drill", Span::hours(24), &person("ana"), monday)
        .expect("a rejection is not the end");
    let Disclosure::Suspected { decide_by, .. } = again.subject.disclosure else {
        panic!("it is suspected");
    };
    assert_eq!(decide_by, monday + Duration::hours(24));
}

#[test]
fn a_confirmation_needs_a_reason_and_an_instant_that_has_been() {
    let now = friday() + minutes(10);
    let silent = suspected().confirm_disclosure(" ", now, &person("lea"), now);
    assert!(matches!(silent, Err(TransitionError::NoReason { .. })));
    let tomorrow = suspected().confirm_disclosure("seen", now + minutes(1), &person("lea"), now);
    assert!(matches!(tomorrow, Err(TransitionError::BadInstant { .. })));
    let ancient = suspected().confirm_disclosure("seen", now - Duration::days(800), &person("lea"), now);
    assert!(matches!(ancient, Err(TransitionError::BadInstant { .. })));
}

#[test]
fn evidence_proposes_customers_once_and_fresher_figures_do_not_propose_them_again() {
    let first = incident(Severity::Sev1)
        .propose_affected(vec![proposal("acme", 3)], BTreeSet::new(), friday())
        .expect("new");
    assert_eq!(first.entries.len(), 1);
    let same = first
        .subject
        .clone()
        .propose_affected(vec![proposal("acme", 3)], BTreeSet::new(), friday());
    assert_eq!(same, None);
    let fresher = first
        .subject
        .propose_affected(vec![proposal("acme", 9)], BTreeSet::new(), friday())
        .expect("fresher figures");
    assert!(fresher.entries.is_empty());
    let traces = &fresher.subject.affected[&customer("acme", None).id].traces;
    assert_eq!(traces["t-acme"].events, 9);
}

#[test]
fn what_people_decided_about_a_customer_stays_whatever_the_evidence_adds() {
    let acme = customer("acme", None).id;
    let cleared = incident(Severity::Sev1)
        .propose_affected(vec![proposal("acme", 3)], BTreeSet::new(), friday())
        .expect("new")
        .subject
        .set_affected(
            &acme,
            Standing::Cleared,
            "the files were public",
            &person("lea"),
            friday(),
        )
        .expect("evidence is given")
        .subject;
    let again = cleared
        .propose_affected(vec![proposal("acme", 30)], BTreeSet::new(), friday())
        .expect("fresher figures")
        .subject;
    assert_eq!(again.affected[&acme].standing, Standing::Cleared);
    assert_eq!(again.affected[&acme].changes.len(), 2);
}

#[test]
fn what_is_owed_follows_the_list_while_a_disclosure_is_in_question() {
    let list = |incident: Incident| {
        let proposed = incident.propose_affected(vec![proposal("acme", 3)], BTreeSet::new(), friday());
        proposed.expect("new").intents
    };
    assert_eq!(list(incident(Severity::Sev1)), []);
    assert_eq!(
        list(suspected()),
        [Intent::Owe],
        "a contract may count from the suspicion"
    );
    assert_eq!(list(confirmed()), [Intent::Owe]);
    let by_hand = confirmed()
        .set_affected(
            &customer("beta", None).id,
            Standing::Possible,
            "they called",
            &person("lea"),
            friday(),
        )
        .expect("evidence is given");
    assert_eq!(by_hand.intents, [Intent::Owe]);
}

#[test]
fn a_change_of_standing_needs_evidence_and_must_change_something() {
    let acme = customer("acme", None).id;
    let bare = confirmed().set_affected(&acme, Standing::Confirmed, "", &person("lea"), friday());
    assert!(matches!(bare, Err(TransitionError::NoReason { .. })));
    let set = confirmed()
        .set_affected(&acme, Standing::Confirmed, "seen", &person("lea"), friday())
        .expect("new")
        .subject;
    assert!(
        set.set_affected(&acme, Standing::Confirmed, "seen again", &person("lea"), friday())
            .is_err()
    );
}

#[test]
fn tenants_that_no_customer_claims_are_kept_in_sight() {
    let unclaimed = BTreeSet::from(["t-nobody".to_owned()]);
    let outcome = incident(Severity::Sev1)
        .propose_affected(Vec::new(), unclaimed.clone(), friday())
        .expect("news");
    assert_eq!(outcome.subject.unclaimed_tenants, unclaimed);
}

#[test]
fn a_decision_is_extended_with_a_reason_and_never_beyond_three_days() {
    let by = person("lea");
    let later = |hours| friday() + Duration::hours(hours);
    for refused in [23, 24, 73] {
        let outcome = suspected().extend_suspicion(later(refused), "logs are missing", &by, friday());
        assert!(
            matches!(outcome, Err(TransitionError::BadInstant { .. })),
            "{refused} h"
        );
    }
    assert!(
        suspected()
            .extend_suspicion(later(48), " ", &by, friday())
            .is_err()
    );
    assert!(
        confirmed()
            .extend_suspicion(later(48), "why", &by, friday())
            .is_err()
    );
    let extended = suspected()
        .extend_suspicion(later(48), "logs are missing", &by, friday())
        .expect("extended")
        .subject;
    assert_eq!(
        extended.next_due_at(),
        suspected().next_due_at().min(Some(later(48)))
    );
    assert!(matches!(
        extended.disclosure,
        Disclosure::Suspected { at, decide_by, .. } if at == friday() && decide_by == later(48)
    ));
}

#[test]
fn a_list_changes_many_customers_at_once_and_says_so_once() {
    let ids: Vec<_> = ["acme", "globex"].map(|key| customer(key, None).id).into();
    let outcome = confirmed()
        .set_all_affected(
            &ids,
            Standing::Confirmed,
            "the analyst's list",
            &person("lea"),
            friday(),
        )
        .expect("listed");
    assert_eq!((outcome.entries.len(), outcome.intents.len()), (1, 1));
    assert!(
        outcome
            .subject
            .affected
            .values()
            .all(|a| a.standing == Standing::Confirmed)
    );
    let again =
        outcome
            .subject
            .set_all_affected(&ids, Standing::Confirmed, "again", &person("lea"), friday());
    assert!(again.is_err(), "nothing would change");
}

#[test]
fn a_suspicion_is_decided_on_before_a_contract_that_counts_from_it_runs_out() {
    let mut customer = customer("acme", Some(Span::hours(24)));
    let mut incident = suspected();
    assert_eq!(customer.decision_wanted_by(&incident.moments_in_force()), None);
    customer.terms.counts_from = CountsFrom::Aware;
    assert_eq!(
        customer.decision_wanted_by(&incident.moments_in_force()),
        None,
        "nobody recorded that we were aware"
    );
    customer.terms.counts_from = CountsFrom::Suspected;
    let wanted = customer.decision_wanted_by(&incident.moments_in_force());
    let wanted = wanted.expect("it was suspected");
    assert_eq!(wanted, friday() + Duration::hours(16));
    let entry = incident.decide_no_later_than(wanted, friday());
    assert!(
        entry
            .expect("it is earlier")
            .text
            .contains("The decision on the disclosure is due by")
    );
    assert!(incident.timers.iter().any(|timer| timer.due_at == wanted));
    assert!(
        incident.decide_no_later_than(wanted, friday()).is_none(),
        "it stands already"
    );
    let late = wanted - Duration::hours(20);
    let entry = incident.decide_no_later_than(late, friday());
    assert!(entry.is_some());
    assert!(
        incident.timers.iter().any(|timer| timer.due_at == friday()),
        "what is past is due now"
    );
}
