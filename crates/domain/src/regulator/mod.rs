//! Reports to authorities: what an incident knows, in the order of the article that asks for it.
//!
//! Nothing is invented: an answer is what people recorded for authorities, what a notice says, what somebody assessed, or what the
//! evidence has; each says which. What nobody knows yet says so, and is listed as missing. A report is a draft for counsel to read.

mod answers;
mod form;

pub use form::RegulatorForm;

use crate::id::IncidentId;
use crate::incident::{Incident, Particular};
use crate::notice::{Notice, Sender};
use crate::register::NOT_YET_KNOWN;
use answers::Known;
use chrono::{DateTime, Utc};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

/// What every report says of itself.
pub const DRAFT_FOR_COUNSEL: &str = "A draft from the records, for counsel to read. It is not legal advice, and nothing was submitted by making it.";

/// The version of the report's form as JSON.
const FORMAT: u32 = 1;

/// Whom an authority asks, as the configuration says; what is not set is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegulatorContact {
    /// The data protection officer, or another person or office.
    pub name: Option<String>,
    /// What that person is: `Data protection officer`.
    pub role: Option<String>,
    /// Where mail goes.
    pub email: Option<String>,
    /// A telephone number; toll-free, where 45 CFR 164.404(c)(1)(E) asks for one.
    pub phone: Option<String>,
    /// The postal address.
    pub address: Option<String>,
}

/// The clock that a report answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReportClock {
    /// The last instant in time; none while the clock has not started, or where the rule is not there.
    pub due_at: Option<DateTime<Utc>>,
    /// When somebody submitted what it asks for.
    pub submitted_at: Option<DateTime<Utc>>,
}

/// What a report is made from.
#[derive(Debug, Clone, Copy)]
pub struct ReportInput<'i> {
    /// The incident.
    pub incident: &'i Incident,
    /// Its notices, the oldest first.
    pub notices: &'i [Notice],
    /// Who speaks in letters.
    pub sender: &'i Sender,
    /// Whom an authority asks.
    pub contact: &'i RegulatorContact,
    /// The clock that the report answers.
    pub clock: ReportClock,
    /// The present instant.
    pub now: DateTime<Utc>,
}

/// A report to an authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegulatorReport {
    /// Counts changes of this form.
    pub format: u32,
    /// Which form.
    pub form: RegulatorForm,
    /// The form in a line.
    pub title: &'static str,
    /// The law that asks for it.
    pub law: &'static str,
    /// Who reads it, by role.
    pub recipient: &'static str,
    /// That counsel reads it before anybody else does.
    pub status: &'static str,
    /// How people call the incident.
    pub reference: String,
    /// The incident.
    pub incident: IncidentId,
    /// Which version of the incident says so.
    pub incident_version: i64,
    /// Whether it is only a drill.
    pub drill: bool,
    /// As of when it stands.
    pub as_of: DateTime<Utc>,
    /// The company that reports.
    pub organisation: String,
    /// The articles, in the order of the law.
    pub sections: Vec<ReportSection>,
    /// What is not yet known.
    pub missing: Vec<Missing>,
}

/// What one letter of an article asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportSection {
    /// In a word or two.
    pub heading: &'static str,
    /// Article and letter of the law.
    pub source: &'static str,
    /// The answers.
    pub items: Vec<ReportItem>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportItem {
    /// What is asked.
    pub label: &'static str,
    /// What is known; none while nobody knows it.
    pub value: Option<String>,
    /// Where the answer comes from, and as of when it stands.
    pub basis: Option<String>,
}

impl ReportItem {
    /// The answer as people read it.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.value.as_deref().unwrap_or(NOT_YET_KNOWN)
    }
}

impl Serialize for ReportItem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut item = serializer.serialize_struct("ReportItem", 4)?;
        item.serialize_field("label", self.label)?;
        item.serialize_field("known", &self.value.is_some())?;
        item.serialize_field("value", self.shown())?;
        item.serialize_field("basis", &self.basis)?;
        item.end()
    }
}

/// Something that an article asks and nobody knows yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Article and letter of the law.
    pub source: &'static str,
    /// What is asked.
    pub label: &'static str,
    /// What people can record to answer it; none where it is a moment, a clock, or the configuration's to say.
    pub particular: Option<Particular>,
}

impl RegulatorReport {
    /// What a form says of an incident.
    #[must_use]
    pub fn of(form: RegulatorForm, input: ReportInput<'_>) -> Self {
        let layout = form.layout();
        let known = Known::new(input, layout.to_customer);
        let mut missing = Vec::new();
        let mut sections = Vec::new();
        for article in layout.articles {
            let mut items = Vec::new();
            for ask in article.asks {
                let answer = known.answer(ask.from);
                if answer.is_none() && ask.from == form::From::Customers {
                    continue;
                }
                if answer.is_none() {
                    missing.push(Missing {
                        source: article.source,
                        label: ask.label,
                        particular: answers::recorded_as(ask.from),
                    });
                }
                let (value, basis) = answer.map_or((None, None), |answer| (Some(answer.value), answer.basis));
                items.push(ReportItem {
                    label: ask.label,
                    value,
                    basis,
                });
            }
            sections.push(ReportSection {
                heading: article.heading,
                source: article.source,
                items,
            });
        }
        let incident = input.incident;
        Self {
            format: FORMAT,
            form,
            title: layout.title,
            law: layout.law,
            recipient: layout.to,
            status: DRAFT_FOR_COUNSEL,
            reference: incident.reference(),
            incident: incident.id.clone(),
            incident_version: incident.version,
            drill: incident.drill,
            as_of: input.now,
            organisation: input.sender.company.clone(),
            sections,
            missing,
        }
    }
}
