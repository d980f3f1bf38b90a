//! How severe a breach is for the people whose data it is, by ENISA's method ("Recommendations for a methodology of the assessment of
//! severity of personal data breaches", 2013): SE = DPC × EI + CB.
//!
//! It is shown beside the disclosure, in the register and to authorities. It never suppresses the promise to customers: nothing in this
//! product asks for it before telling anybody.

use super::{Disclosure, EntryKind, Incident, Outcome, TransitionError, reason};
use crate::actor::Actor;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is always said beside a score.
pub const NEVER_SUPPRESSES: &str = "The score informs people and authorities. It never suppresses or delays the notice that is owed to customers.";

/// What kind of data (DPC): the basic score of the processing context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataKind {
    /// 1: biographical data, contact details.
    Simple,
    /// 2: location, traffic data, habits and preferences.
    Behavioural,
    /// 3: income, transactions, accounts, payment data.
    Financial,
    /// 4: health, political or religious beliefs, sexual life and the like.
    Sensitive,
}

impl DataKind {
    /// Its basic score.
    #[must_use]
    pub fn basic(self) -> i8 {
        match self {
            Self::Simple => 1,
            Self::Behavioural => 2,
            Self::Financial => 3,
            Self::Sensitive => 4,
        }
    }

    /// The word that files use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Behavioural => "behavioural",
            Self::Financial => "financial",
            Self::Sensitive => "sensitive",
        }
    }
}

/// One kind of data, and how what is particular about it raises or lowers its score: volume, the people concerned, how old or wrong it
/// is, whether it was public anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConcerned {
    /// What kind.
    pub kind: DataKind,
    /// From -3 to 3; the sum is held between 1 and 4.
    #[serde(default)]
    pub adjustment: i8,
}

impl DataConcerned {
    /// Its score: 1 to 4.
    #[must_use]
    pub fn score(self) -> i8 {
        self.kind.basic().saturating_add(self.adjustment).clamp(1, 4)
    }
}

/// How easily people can be identified by the data (EI).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identification {
    /// 0.25: extremely hard.
    Negligible,
    /// 0.5: possible with much effort, or with other data.
    Limited,
    /// 0.75: by some search.
    Significant,
    /// 1: at once.
    Maximum,
}

impl Identification {
    fn quarters(self) -> i32 {
        match self {
            Self::Negligible => 1,
            Self::Limited => 2,
            Self::Significant => 3,
            Self::Maximum => 4,
        }
    }
}

/// How far something was lost: confidentiality, integrity, availability.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// 0: not lost.
    #[default]
    None,
    /// 0.25: to a known number of recipients; altered, but it can be undone; unavailable for a while.
    Partial,
    /// 0.5: to an unknown number of recipients; altered for good; unavailable for good.
    Full,
}

impl Loss {
    fn quarters(self) -> i32 {
        match self {
            Self::None => 0,
            Self::Partial => 1,
            Self::Full => 2,
        }
    }
}

/// What the score follows from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeverityInputs {
    /// Which data; the highest counts.
    pub data: Vec<DataConcerned>,
    /// How easily people are identified by it.
    pub identification: Identification,
    /// Loss of confidentiality.
    #[serde(default)]
    pub confidentiality: Loss,
    /// Loss of integrity.
    #[serde(default)]
    pub integrity: Loss,
    /// Loss of availability.
    #[serde(default)]
    pub availability: Loss,
    /// Whether somebody meant harm.
    #[serde(default)]
    pub malice: bool,
}

/// How severe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreachLevel {
    /// Below 2: inconveniences.
    Low,
    /// Below 3: significant inconveniences that can be overcome.
    Medium,
    /// Below 4: significant consequences, overcome with serious difficulties.
    High,
    /// From 4: significant or even irreversible consequences.
    VeryHigh,
}

impl BreachLevel {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::VeryHigh => "very high",
        }
    }
}

/// A score, in quarters, so that it is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BreachScore(i32);

impl fmt::Display for BreachScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Quarters(self.0))
    }
}

/// A number of quarters as people write it: `0.25`, `1.5`, `2`.
struct Quarters(i32);

impl fmt::Display for Quarters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = ["", ".25", ".5", ".75"][usize::try_from(self.0 % 4).unwrap_or(0)];
        write!(f, "{}{rest}", self.0 / 4)
    }
}

impl BreachScore {
    /// What the score stands for.
    #[must_use]
    pub fn level(self) -> BreachLevel {
        match self.0 {
            ..8 => BreachLevel::Low,
            8..12 => BreachLevel::Medium,
            12..16 => BreachLevel::High,
            16.. => BreachLevel::VeryHigh,
        }
    }
}

impl SeverityInputs {
    /// The data that counts: the one with the highest score.
    fn highest(&self) -> Option<DataConcerned> {
        self.data.iter().copied().max_by_key(|data| data.score())
    }

    fn circumstances(&self) -> i32 {
        let lost = [self.confidentiality, self.integrity, self.availability];
        lost.map(Loss::quarters).iter().sum::<i32>() + if self.malice { 2 } else { 0 }
    }

    /// The score; none where no data is named.
    #[must_use]
    pub fn score(&self) -> Option<BreachScore> {
        let data = self.highest()?;
        Some(BreachScore(
            i32::from(data.score()) * self.identification.quarters() + self.circumstances(),
        ))
    }

    /// The arithmetic in a line; none where no data is named.
    #[must_use]
    pub fn arithmetic(&self) -> Option<String> {
        let (data, score) = (self.highest()?, self.score()?);
        let adjusted = match data.adjustment {
            0 => String::new(),
            by => format!(" {by:+} held between 1 and 4"),
        };
        Some(format!(
            "DPC {} ({}{adjusted}) × EI {} + CB {} (confidentiality {}, integrity {}, availability {}, malice {}) = {score}, {}",
            data.score(),
            data.kind.name(),
            Quarters(self.identification.quarters()),
            Quarters(self.circumstances()),
            Quarters(self.confidentiality.quarters()),
            Quarters(self.integrity.quarters()),
            Quarters(self.availability.quarters()),
            if self.malice { "0.5" } else { "0" },
            score.level().name()
        ))
    }
}

/// An assessment, as somebody recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeverityAssessment {
    /// What it follows from.
    pub inputs: SeverityInputs,
    /// Who assessed it.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
    /// Why these inputs.
    pub why: String,
}

/// An assessment with what follows from it, as people and authorities read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AssessedSeverity {
    /// Such as `2.25`.
    pub score: String,
    /// `low`, `medium`, `high` or `very high`.
    pub level: &'static str,
    /// How the score comes about.
    pub arithmetic: String,
    /// Who assessed it.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
    /// Why these inputs.
    pub why: String,
}

impl SeverityAssessment {
    /// The score and its arithmetic; nothing where no data is named, which no assessment is recorded without.
    #[must_use]
    pub fn told(&self) -> Option<AssessedSeverity> {
        let score = self.inputs.score()?;
        Some(AssessedSeverity {
            score: score.to_string(),
            level: score.level().name(),
            arithmetic: self.inputs.arithmetic()?,
            by: self.by.clone(),
            at: self.at,
            why: self.why.clone(),
        })
    }
}

impl Incident {
    /// Somebody assesses how severe the breach is. What was assessed before stays in the record; the newest counts. Nothing that is owed
    /// changes by it.
    ///
    /// # Errors
    /// Refused without a reason, where no disclosure was ever suspected, and where no data is named or an adjustment goes beyond 3.
    pub fn assess_breach(
        mut self,
        inputs: SeverityInputs,
        why: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Outcome<Self>, TransitionError> {
        let why = reason(why, "assess the severity of a breach")?;
        if matches!(self.disclosure, Disclosure::None) {
            return Err(self.disclosure_is(
                "assess the severity of a breach in",
                "suspect a disclosure first: there is nothing to assess",
            ));
        }
        let beyond = inputs
            .data
            .iter()
            .any(|data| !(-3..=3).contains(&data.adjustment));
        let arithmetic = inputs.arithmetic().filter(|_| !beyond && inputs.data.len() <= 16);
        let Some(arithmetic) = arithmetic else {
            return Err(TransitionError::NotFrom {
                from: "not assessed".to_owned(),
                attempted: "assess the severity of a breach in",
                remedy: "name 1 to 16 kinds of data, each with an adjustment from -3 to 3",
            });
        };
        let text = format!("Severity of the breach by ENISA's method: {arithmetic}. {why}");
        self.assessments.push(SeverityAssessment {
            inputs,
            by: by.clone(),
            at,
            why,
        });
        Ok(self.changed(EntryKind::DisclosureChanged, by, at, text))
    }
}
