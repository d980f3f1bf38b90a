//! Reports to authorities, as JSON for programs and as PDF for people. That somebody took one away is a record of the log, with the
//! digest of its bytes.

mod face;
mod pdf;

pub use pdf::{Drawn, draw, lacking};

use crate::desk::{Desk, RespondError};
use crate::settle::Said;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::id::IncidentId;
use watchkeeper_domain::incident::{Incident, Particular};
use watchkeeper_domain::regulator::{RegulatorForm, RegulatorReport, ReportClock, ReportInput};
use watchkeeper_store::StoreError;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportFormat {
    /// For programs; `docs/schemas/regulator-report.json` describes it.
    Json,
    /// For people.
    Pdf,
}

impl ReportFormat {
    /// Its name, which is also how its files end.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Pdf => "pdf",
        }
    }

    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Pdf => "application/pdf",
        }
    }
}

/// A report that was taken away.
#[derive(Debug, Clone)]
pub struct ExportedReport {
    /// A name for the file, in ASCII.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// Its digest, hex: what the log says of it.
    pub sha256: String,
    /// What stands in it.
    pub report: RegulatorReport,
    /// Characters that the font of the PDF lacks: each stands in it as its code, `[U+4E2D]`.
    pub lacking: BTreeSet<char>,
}

/// The code of a character: `U+4E2D`.
#[must_use]
pub fn code_of(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

impl Desk {
    /// What every form says of an incident now.
    ///
    /// # Errors
    /// Where there is no such incident, or the store cannot be read.
    pub async fn regulator_reports(&self, id: &IncidentId) -> Result<Vec<RegulatorReport>, RespondError> {
        let mut tx = self.store.read().await?;
        let incident = tx.incident(id).await?;
        let notices = tx.notices_of(id).await?;
        let forms = RegulatorForm::ALL.into_iter();
        Ok(forms
            .map(|form| self.report_of(form, &incident, &notices))
            .collect())
    }

    /// The incident with a number.
    ///
    /// # Errors
    /// Where there is none, or the store cannot be read.
    pub async fn incident_of_number(&self, number: i64) -> Result<IncidentId, RespondError> {
        let found = self.store.read().await?.incident_by_number(number).await?;
        found.map(|incident| incident.id).ok_or_else(|| {
            let id = format!("INC-{number:04}");
            RespondError::Store(StoreError::NotFound { what: "incident", id })
        })
    }

    /// Writes a report, and records that `by` took it away.
    ///
    /// # Errors
    /// Where there is no such incident, where the report cannot be written, and where the store cannot be read or written.
    pub async fn export_report(
        &self,
        id: &IncidentId,
        (form, format): (RegulatorForm, ReportFormat),
        by: &Actor,
    ) -> Result<ExportedReport, RespondError> {
        let report = {
            let mut tx = self.store.read().await?;
            let incident = tx.incident(id).await?;
            let notices = tx.notices_of(id).await?;
            self.report_of(form, &incident, &notices)
        };
        // Drawn before the turn to write is taken: others do not wait for a PDF. The record names the version that was read.
        let (bytes, lacking) = written(&report, format)?;
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let codes: Vec<String> = lacking.iter().copied().map(code_of).collect();
        let detail = json!({
            "form": form,
            "format": format,
            "sha256": sha256,
            "version": report.incident_version,
            "as_of": report.as_of,
            "missing": report.missing.len(),
            "lacking": codes,
        });
        let mut tx = self.begin().await?;
        self.record(&mut tx, by, "report.exported", id.as_str(), detail)
            .await?;
        self.commit(tx).await?;
        if !codes.is_empty() {
            tracing::warn!(
                incident = report.reference,
                form = form.name(),
                characters = codes.join(" "),
                "the font of the PDF lacks characters; they stand in it as their codes"
            );
        }
        let name = format!(
            "watchkeeper-{}-{}.{}",
            form.name(),
            report.reference,
            format.name()
        );
        Ok(ExportedReport {
            name,
            bytes,
            sha256,
            report,
            lacking,
        })
    }

    /// Somebody says what an authority asks of an incident.
    ///
    /// # Errors
    /// See [`Incident::record_particular`].
    pub async fn record_particular(
        &self,
        id: &IncidentId,
        read: Option<i64>,
        particular: Particular,
        text: &str,
        by: &Actor,
    ) -> Result<Incident, RespondError> {
        let said = Said {
            by,
            action: "particular.recorded",
            detail: json!({"particular": particular, "sha256": hex::encode(Sha256::digest(text.trim().as_bytes()))}),
        };
        self.decide(id, read, said, |incident| {
            incident.record_particular(particular, text, by, self.now())
        })
        .await
    }

    fn report_of(
        &self,
        form: RegulatorForm,
        incident: &Incident,
        notices: &[watchkeeper_domain::notice::Notice],
    ) -> RegulatorReport {
        let house = self.house();
        let input = ReportInput {
            incident,
            notices,
            sender: &house.sender,
            contact: &house.regulator,
            clock: self.clock_of(form, incident),
            now: self.now(),
        };
        RegulatorReport::of(form, input)
    }

    /// The clock that a form answers, also where its rule does not page anybody: who asks for the form knows that the law applies.
    fn clock_of(&self, form: RegulatorForm, incident: &Incident) -> ReportClock {
        let (rule, phase) = form.clock();
        let library = &self.house().library;
        let situation = incident.situation(rule);
        let submitted_at = situation.submitted.get(phase).copied();
        let rule = library.rules.iter().find(|known| known.id == rule);
        let calendar = rule.and_then(|rule| library.calendars.get(&rule.jurisdiction));
        let Some((rule, calendar)) = rule.zip(calendar) else {
            return ReportClock {
                due_at: None,
                submitted_at,
            };
        };
        let mut phases = rule.due(&situation, calendar).into_iter();
        let due = phases.find(|(known, _)| known.id == phase);
        ReportClock {
            due_at: due.and_then(|(_, due)| due.due_at()),
            submitted_at,
        }
    }
}

/// The report's bytes, and the characters that they could not show.
fn written(
    report: &RegulatorReport,
    format: ReportFormat,
) -> Result<(Vec<u8>, BTreeSet<char>), RespondError> {
    match format {
        ReportFormat::Json => {
            let mut text = serde_json::to_vec_pretty(report).map_err(|fault| {
                RespondError::Unavailable(format!("the report cannot be written: {fault}"))
            })?;
            text.push(b'\n');
            Ok((text, BTreeSet::new()))
        }
        ReportFormat::Pdf => {
            let drawn = draw(report)?;
            Ok((drawn.bytes, drawn.lacking))
        }
    }
}
