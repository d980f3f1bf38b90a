//! The register of breaches: every suspicion and every breach with its facts, its effects and what was done about it, also those that
//! were rejected, with the reason (GDPR Art. 33(5)).

use crate::actor::Actor;
use crate::id::IncidentId;
use crate::incident::{
    AssessedSeverity, Disclosure, Incident, Particular, SeverityAssessment, Standing, TimelineEntry,
};
use crate::notice::{Notice, NoticeKind, NoticeState};
use crate::obligation::rule::Moment;
use crate::obligation::{Obligation, ObligationState};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use serde::Serialize;

/// What is said of a thing that nobody knows yet.
pub const NOT_YET_KNOWN: &str = "not yet known";

/// A time whose incidents are asked for: those that were opened in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Period {
    /// Its first instant.
    pub from: DateTime<Utc>,
    /// The first instant after it.
    pub until: DateTime<Utc>,
}

impl Period {
    /// All time.
    pub const ALWAYS: Self = Self {
        from: DateTime::UNIX_EPOCH,
        until: DateTime::<Utc>::MAX_UTC,
    };

    /// From the beginning of one day to the end of another, in UTC; without a day, without that end.
    ///
    /// # Errors
    /// Where the last day lies before the first, or beyond the calendar.
    pub fn days(from: Option<NaiveDate>, to: Option<NaiveDate>) -> Result<Self, String> {
        let start = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
        let end = |day: NaiveDate| {
            let next = day.checked_add_days(Days::new(1));
            next.map(start)
                .ok_or_else(|| format!("{day} is the end of the calendar"))
        };
        let period = Self {
            from: from.map_or(Self::ALWAYS.from, start),
            until: to.map_or(Ok(Self::ALWAYS.until), end)?,
        };
        match (from, to) {
            (Some(from), Some(to)) if to < from => Err(format!(
                "the period ends ({to}) before it begins ({from}); write the earlier day first"
            )),
            _ => Ok(period),
        }
    }
}

/// A decision on a disclosure, or a moment that somebody recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegisterDecision {
    /// When it was so in the world.
    pub happened_at: DateTime<Utc>,
    /// When it was written down.
    pub recorded_at: DateTime<Utc>,
    /// By whom.
    pub by: Actor,
    /// In words.
    pub text: String,
}

/// One suspicion or breach.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RegisterEntry {
    /// The incident.
    pub incident: IncidentId,
    /// How people call it.
    pub reference: String,
    /// In a line.
    pub title: String,
    /// `suspected`, `confirmed` or `rejected`.
    pub state: &'static str,
    /// When it happened, as far as somebody recorded it.
    pub occurred_at: Option<DateTime<Utc>>,
    /// When it was seen.
    pub detected_at: Option<DateTime<Utc>>,
    /// When a disclosure was suspected.
    pub suspected_at: Option<DateTime<Utc>>,
    /// When the company was aware.
    pub aware_at: Option<DateTime<Utc>>,
    /// When it was confirmed; also where two people reversed that later.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// Who decided last.
    pub decided_by: Option<Actor>,
    /// Why: the reason of the suspicion, of the confirmation or of the rejection.
    pub reason: String,
    /// What happened; none while nobody has said it.
    pub facts: Option<String>,
    /// What information; none while nobody has said it.
    pub information: Option<String>,
    /// What follows from it; none while nobody has said it.
    pub effects: Option<String>,
    /// What was done about it; none while nobody has said it.
    pub remedy: Option<String>,
    /// How severe somebody found it last; none where nobody assessed it.
    pub severity: Option<AssessedSeverity>,
    /// Customers that are confirmed to be affected.
    pub customers_confirmed: usize,
    /// Customers that may be affected.
    pub customers_possible: usize,
    /// Customers that were cleared.
    pub customers_cleared: usize,
    /// Customers who were told in time.
    pub told_in_time: usize,
    /// Customers who were told too late, or not by the deadline, also where they were cleared after it.
    pub missed: usize,
    /// How many letters of the holding notice went with words that nobody had approved beforehand.
    pub words_unapproved: u64,
    /// Every decision, the oldest first.
    pub decisions: Vec<RegisterDecision>,
}

impl RegisterEntry {
    /// What the register says of an incident; nothing where no disclosure was ever suspected, and nothing of a drill: no data was
    /// disclosed in it. `notices` are all of the incident,
    /// the oldest first; `decisions` are the entries of its timeline that tell of the disclosure.
    #[must_use]
    pub fn of(
        incident: &Incident,
        notices: &[Notice],
        obligations: &[Obligation],
        decisions: &[TimelineEntry],
    ) -> Option<Self> {
        if incident.drill {
            return None;
        }
        let (confirmed_at, decided_by, reason) = match &incident.disclosure {
            Disclosure::None => return None,
            Disclosure::Suspected { by, why, .. } => (None, by, why),
            Disclosure::Confirmed { at, by, why, .. } => (Some(*at), by, why),
            Disclosure::Rejected {
                by, why, reversed, ..
            } => (reversed.as_ref().map(|reversed| reversed.confirmed_at), by, why),
        };
        let moments = incident.moments_in_force();
        let moment = |moment: Moment| moments.get(&moment).copied();
        let told = told_facts(notices);
        let said = |text: Option<&String>| {
            let text = text.map(|text| text.trim()).filter(|text| !text.is_empty());
            text.map(ToOwned::to_owned)
        };
        // What nobody wrote for customers, somebody may have recorded on the incident. Where several questions say it, each is named.
        let recorded = |asked: &[Particular]| {
            let answers = asked
                .iter()
                .filter_map(|one| Some((one, incident.particular(*one)?)));
            let answers: Vec<String> = answers
                .map(|(one, record)| match asked.len() {
                    1 => record.text.clone(),
                    _ => format!("{}: {}", one.title(), record.text),
                })
                .collect();
            (!answers.is_empty()).then(|| answers.join("\n"))
        };
        let standing = |wanted: Standing| {
            let listed = incident.affected.values();
            listed.filter(|affected| affected.standing == wanted).count()
        };
        let in_time = |owed: &&Obligation| matches!(owed.state, ObligationState::Told { in_time: true, .. });
        Some(Self {
            incident: incident.id.clone(),
            reference: incident.reference(),
            title: incident.title.clone(),
            state: incident.disclosure.name(),
            occurred_at: moment(Moment::Occurred),
            detected_at: moment(Moment::Detected),
            suspected_at: moment(Moment::Suspected).or_else(|| first_suspicion(decisions)),
            aware_at: moment(Moment::Aware),
            confirmed_at,
            decided_by: Some(decided_by.clone()),
            reason: reason.clone(),
            facts: said(told.map(|told| &told.what_happened))
                .or_else(|| recorded(&[Particular::Nature]))
                .or_else(|| said(Some(&incident.summary))),
            information: said(told.map(|told| &told.what_information)).or_else(|| {
                recorded(&[
                    Particular::RecordCategories,
                    Particular::RecordCount,
                    Particular::SubjectCategories,
                    Particular::SubjectCount,
                ])
            }),
            effects: said(told.map(|told| &told.likely_consequences))
                .or_else(|| recorded(&[Particular::Consequences, Particular::Impact])),
            remedy: said(told.map(|told| &told.what_we_did)).or_else(|| recorded(&[Particular::Measures])),
            severity: incident.assessments.last().and_then(SeverityAssessment::told),
            customers_confirmed: standing(Standing::Confirmed),
            customers_possible: standing(Standing::Possible),
            customers_cleared: standing(Standing::Cleared),
            told_in_time: obligations.iter().filter(in_time).count(),
            missed: obligations.iter().filter(|owed| owed.miss().is_some()).count(),
            words_unapproved: notices.iter().map(|notice| notice.unapproved).sum(),
            decisions: decisions
                .iter()
                .map(|entry| RegisterDecision {
                    happened_at: entry.happened_at,
                    recorded_at: entry.recorded_at,
                    by: entry.by.clone(),
                    text: entry.text.clone(),
                })
                .collect(),
        })
    }
}

/// A rejection forgets when the suspicion was; its entry in the timeline does not.
fn first_suspicion(decisions: &[TimelineEntry]) -> Option<DateTime<Utc>> {
    let mut told = decisions.iter();
    told.find(|entry| entry.text.starts_with("Disclosure suspected"))
        .map(|entry| entry.happened_at)
}

/// What customers were told last, or what would be told next where nothing was sent yet.
#[must_use]
pub fn told_facts(notices: &[Notice]) -> Option<&crate::notice::NoticeFacts> {
    let accounts = || {
        let account = |notice: &&Notice| {
            matches!(notice.kind, NoticeKind::Full | NoticeKind::Final) && !notice.discarded()
        };
        notices.iter().rev().filter(account)
    };
    let sent = accounts().find(|notice| matches!(notice.state, NoticeState::Sent { .. }));
    sent.or_else(|| accounts().next()).map(|notice| &notice.facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a test's day")
    }

    #[test]
    fn a_period_has_its_last_day_whole() {
        let period = Period::days(Some(day("2026-04-01")), Some(day("2026-06-30"))).expect("sound");
        assert_eq!(period.from.to_rfc3339(), "2026-04-01T00:00:00+00:00");
        assert_eq!(period.until.to_rfc3339(), "2026-07-01T00:00:00+00:00");
    }

    #[test]
    fn a_period_that_ends_before_it_begins_is_refused_with_both_days() {
        let fault = Period::days(Some(day("2026-06-30")), Some(day("2026-04-01"))).expect_err("refused");
        assert!(
            fault.contains("2026-04-01") && fault.contains("2026-06-30"),
            "{fault}"
        );
        assert_eq!(Period::days(None, None), Ok(Period::ALWAYS));
    }
}
