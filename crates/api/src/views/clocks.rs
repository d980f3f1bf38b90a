//! The clocks of law, as the breach desk shows them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use watchkeeper_domain::incident::{ClockPause, Incident, MomentRecord, SetAside, Submission};
use watchkeeper_domain::obligation::rule::{Confidence, Moment, ObligationRule, Pause, PhaseDue, Target};
use watchkeeper_respond::Library;

/// What laws ask of an incident.
#[derive(Debug, Serialize)]
pub(crate) struct ClocksView {
    moments: Vec<MomentView>,
    rules: Vec<RuleView>,
    /// Rules that are switched off until counsel has read them; those that may bind anybody first.
    unread: Vec<UnreadView>,
}

/// A rule that is switched off, and what it would ask.
#[derive(Debug, Serialize)]
struct UnreadView {
    #[serde(flatten)]
    rule: RuleView,
    /// Whether it may bind whoever holds other companies' personal data.
    may_bind: bool,
}

/// A moment, and everything that was recorded of it.
#[derive(Debug, Serialize)]
struct MomentView {
    moment: Moment,
    /// The instant that counts; none while nobody knows.
    at: Option<DateTime<Utc>>,
    /// The oldest first.
    records: Vec<MomentRecord>,
}

/// A rule that binds, and what it asks.
#[derive(Debug, Serialize)]
struct RuleView {
    id: String,
    title: String,
    source: String,
    confidence: Confidence,
    last_verified: chrono::NaiveDate,
    jurisdiction: String,
    trigger: String,
    recipients: String,
    applies_if: String,
    /// Who said that it does not apply to the incident, and why.
    set_aside: Option<SetAside>,
    /// For which reasons its clocks may stand.
    may_pause: Vec<Pause>,
    /// Pauses that were recorded, the first recorded first.
    pauses: Vec<ClockPause>,
    phases: Vec<PhaseView>,
}

/// A phase of a rule.
#[derive(Debug, Serialize)]
struct PhaseView {
    id: String,
    requires: Vec<String>,
    due: PhaseDue,
    submitted: Option<Submission>,
    /// Whether what was submitted was in time; none where nothing was, or where no instant was due.
    in_time: Option<bool>,
    /// What the company set itself, where the law names no number.
    target: Option<Target>,
    /// Whether what was submitted kept the company's own target; none where nothing was, or there is none. No matter of law.
    target_met: Option<bool>,
}

/// The clocks of an incident. What is owed to customers has its own list, one entry a customer.
pub(crate) fn clocks_view(incident: &Incident, library: &Library) -> ClocksView {
    let in_force = incident.moments_in_force();
    let records = |moment: &Moment| incident.moments.get(moment).cloned().unwrap_or_default();
    let moments = Moment::ALL.iter().map(|moment| MomentView {
        moment: *moment,
        at: in_force.get(moment).copied(),
        records: records(moment),
    });
    ClocksView {
        moments: moments.collect(),
        rules: incident
            .bound_by(&library.rules)
            .filter_map(|rule| rule_view(incident, rule, library))
            .collect(),
        unread: unread(incident, library),
    }
}

fn unread(incident: &Incident, library: &Library) -> Vec<UnreadView> {
    let off = library
        .rules
        .iter()
        .filter(|rule| !rule.enabled && !rule.is_promise());
    let mut unread: Vec<UnreadView> = off
        .filter_map(|rule| {
            Some(UnreadView {
                rule: rule_view(incident, rule, library)?,
                may_bind: rule.may_bind_anybody(),
            })
        })
        .collect();
    unread.sort_by(|a, b| (!a.may_bind, &a.rule.id).cmp(&(!b.may_bind, &b.rule.id)));
    unread
}

fn rule_view(incident: &Incident, rule: &ObligationRule, library: &Library) -> Option<RuleView> {
    // A rule without its calendar is not sound, and not in the library.
    let calendar = library.calendars.get(&rule.jurisdiction)?;
    let situation = incident.situation(&rule.id);
    let submissions = incident.submissions.get(&rule.id);
    let phases = rule.due(&situation, calendar).into_iter().map(|(phase, due)| {
        let submitted = submissions.and_then(|phases| phases.get(&phase.id)).cloned();
        let in_time = submitted
            .as_ref()
            .zip(due.due_at())
            .map(|(submitted, due_at)| submitted.at <= due_at);
        let target_met = submitted
            .as_ref()
            .zip(due.target_at())
            .map(|(submitted, target_at)| submitted.at <= target_at);
        PhaseView {
            target: phase.target.clone(),
            target_met,
            id: phase.id.clone(),
            requires: phase.requires.clone(),
            due,
            submitted,
            in_time,
        }
    });
    Some(RuleView {
        phases: phases.collect(),
        id: rule.id.clone(),
        title: rule.title.clone(),
        source: rule.source.clone(),
        confidence: rule.confidence,
        last_verified: rule.last_verified,
        jurisdiction: calendar.name.clone(),
        trigger: rule.trigger.clone(),
        recipients: rule.recipients.clone(),
        applies_if: rule.applies_if.clone(),
        set_aside: incident.set_aside.get(&rule.id).cloned(),
        may_pause: rule.pauses.clone(),
        pauses: incident.pauses.get(&rule.id).cloned().unwrap_or_default(),
    })
}
