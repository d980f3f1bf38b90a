//! What authorities ask and no event tells: how many people, whose data, why, what it does across borders. People record it, each time
//! with who and when; what was recorded before stays in the record.

use super::{EntryKind, Incident, Outcome, TransitionError, reason};
use crate::actor::Actor;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The longest statement, in bytes.
pub const LONGEST_PARTICULAR: usize = 8_000;

/// How many statements on one question an incident keeps.
const MOST_RECORDS: usize = 100;

/// A question that authorities ask of a breach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Particular {
    /// What happened, as told to an authority.
    Nature,
    /// Categories of the people whose data it is.
    SubjectCategories,
    /// About how many people.
    SubjectCount,
    /// Categories of records: which kinds of data.
    RecordCategories,
    /// About how many records.
    RecordCount,
    /// What is likely to follow for the people.
    Consequences,
    /// What was done and is proposed, also to mitigate adverse effects.
    Measures,
    /// Why the notification comes after its deadline.
    DelayReasons,
    /// Whether unlawful or malicious acts are suspected to be the cause.
    UnlawfulAct,
    /// Whether it has, or could have, an impact across borders.
    CrossBorder,
    /// How severe it is.
    Severity,
    /// What it does to services and to whoever depends on them.
    Impact,
    /// Indicators of compromise.
    Indicators,
    /// The type of threat, or the root cause that is likely to have triggered it.
    RootCause,
    /// Which individuals, or where the list of them is.
    Individuals,
    /// What individuals should do to protect themselves.
    ProtectiveSteps,
}

impl Particular {
    /// All of them, in the order in which forms ask.
    pub const ALL: [Self; 16] = [
        Self::Nature,
        Self::SubjectCategories,
        Self::SubjectCount,
        Self::RecordCategories,
        Self::RecordCount,
        Self::Consequences,
        Self::Measures,
        Self::DelayReasons,
        Self::UnlawfulAct,
        Self::CrossBorder,
        Self::Severity,
        Self::Impact,
        Self::Indicators,
        Self::RootCause,
        Self::Individuals,
        Self::ProtectiveSteps,
    ];

    /// Its name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nature => "nature",
            Self::SubjectCategories => "subject_categories",
            Self::SubjectCount => "subject_count",
            Self::RecordCategories => "record_categories",
            Self::RecordCount => "record_count",
            Self::Consequences => "consequences",
            Self::Measures => "measures",
            Self::DelayReasons => "delay_reasons",
            Self::UnlawfulAct => "unlawful_act",
            Self::CrossBorder => "cross_border",
            Self::Severity => "severity",
            Self::Impact => "impact",
            Self::Indicators => "indicators",
            Self::RootCause => "root_cause",
            Self::Individuals => "individuals",
            Self::ProtectiveSteps => "protective_steps",
        }
    }

    /// As people read it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Nature => "What happened",
            Self::SubjectCategories => "Categories of data subjects",
            Self::SubjectCount => "Approximate number of data subjects",
            Self::RecordCategories => "Categories of records: types of information",
            Self::RecordCount => "Approximate number of records",
            Self::Consequences => "Likely consequences",
            Self::Measures => "Measures taken or proposed, applied and ongoing",
            Self::DelayReasons => "Reasons for the delay",
            Self::UnlawfulAct => "Suspected unlawful or malicious acts",
            Self::CrossBorder => "Impact across borders",
            Self::Severity => "Severity",
            Self::Impact => "Impact",
            Self::Indicators => "Indicators of compromise",
            Self::RootCause => "Type of threat or root cause",
            Self::Individuals => "Identification of each individual",
            Self::ProtectiveSteps => "Steps that individuals should take",
        }
    }
}

/// What somebody said to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticularRecord {
    /// What.
    pub text: String,
    /// Who said it.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
}

impl Incident {
    /// Somebody says what an authority asks. What was said before stays in the record; the newest counts.
    ///
    /// # Errors
    /// Refused without a text, for one that is too long, and after a hundred statements on one question. A closed incident takes them,
    /// since final reports follow it.
    pub fn record_particular(
        mut self,
        particular: Particular,
        text: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let text = reason(text, "record what an authority asks")?;
        let records = self.particulars.entry(particular).or_default();
        if text.len() > LONGEST_PARTICULAR || records.len() >= MOST_RECORDS {
            return Err(TransitionError::NotFrom {
                from: format!(
                    "{} of {} bytes, {} before it",
                    particular.name(),
                    text.len(),
                    records.len()
                ),
                attempted: "record this of",
                remedy: "write at most 8000 bytes, and at most 100 times to one question",
            });
        }
        let told = format!("For authorities, {}: {text}", particular.title().to_lowercase());
        records.push(ParticularRecord {
            text,
            by: by.clone(),
            at,
        });
        Ok(self.changed(EntryKind::DisclosureChanged, by, at, told))
    }

    /// What somebody said last to a question.
    #[must_use]
    pub fn particular(&self, particular: Particular) -> Option<&ParticularRecord> {
        self.particulars.get(&particular)?.last()
    }
}
