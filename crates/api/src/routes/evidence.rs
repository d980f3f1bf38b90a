//! What auditors and authorities take away: the auditor's pack, the register of breaches, and reports to authorities. Taking something away is a record of the
//! log, so it is a POST.

use super::Table;
use crate::access::{Access, Caller};
use crate::errors::Problem;
use crate::extract::{Attachment, Json, Path, Query, as_attachment};
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::io::{Seek as _, SeekFrom};
use tokio_util::io::ReaderStream;
use watchkeeper_domain::access::Permission;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::id::IncidentId;
use watchkeeper_domain::register::{Period, RegisterEntry};
use watchkeeper_domain::regulator::{RegulatorForm, RegulatorReport};
use watchkeeper_respond::pack::Scope;
use watchkeeper_respond::report::{self, ReportFormat};
use watchkeeper_respond::{Desk, register};

pub(super) fn mount(table: &mut Table) {
    let export = Access::Needs(Permission::ExportEvidence);
    table.post("/api/v1/packs", export, pack);
    table.get("/api/v1/register", export, register_shown);
    table.post("/api/v1/register", export, register_taken);
    table.get(
        "/api/v1/incidents/{id}/reports",
        Access::Needs(Permission::View),
        reports_shown,
    );
    table.post("/api/v1/incidents/{id}/reports/{form}", export, report_taken);
}

/// Of which days; both ends are optional, and the last day counts whole.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Days {
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
}

impl Days {
    fn period(&self) -> Result<Period, Problem> {
        Period::days(self.from, self.to).map_err(|fault| Problem::fault("to", fault))
    }
}

/// Of one incident, or of days.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PackAsked {
    #[serde(default)]
    incident: Option<IncidentId>,
    #[serde(default)]
    from: Option<NaiveDate>,
    #[serde(default)]
    to: Option<NaiveDate>,
}

async fn scope_of(desk: &Desk, asked: &PackAsked) -> Result<Scope, Problem> {
    let PackAsked { incident, from, to } = asked;
    let Some(incident) = incident else {
        let days = Days { from: *from, to: *to };
        return Ok(Scope::Period(days.period()?));
    };
    if from.is_some() || to.is_some() {
        let fault = "ask for one incident or for days, not for both";
        return Err(Problem::fault("incident", fault));
    }
    Ok(Scope::Incident(
        desk.store().read().await?.incident(incident).await?.number,
    ))
}

/// The pack is written whole before the answer begins, so that what cannot be written is a problem and not half of a file.
async fn pack(
    State(desk): State<Desk>,
    caller: Caller,
    Json(asked): Json<PackAsked>,
) -> Result<Response, Problem> {
    let scope = scope_of(&desk, &asked).await?;
    let by = caller.actor();
    // Compressing is work for a thread of its own.
    let runtime = tokio::runtime::Handle::current();
    let written = tokio::task::spawn_blocking(move || runtime.block_on(write(&desk, scope, &by)));
    let file = written.await.map_err(|_| Problem::internal())??;
    let body = Body::from_stream(ReaderStream::new(tokio::fs::File::from_std(file)));
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_DISPOSITION, as_attachment(&scope.file_name())),
    ];
    Ok((headers, body).into_response())
}

/// A file without a name: it is gone when nobody reads it any more, also when the process dies.
async fn write(desk: &Desk, scope: Scope, by: &Actor) -> Result<std::fs::File, Problem> {
    let unwritable = |fault: std::io::Error| {
        tracing::error!(%fault, "a pack could not be written to a temporary file");
        Problem::internal()
    };
    let mut file = tempfile::tempfile().map_err(unwritable)?;
    desk.export_pack(scope, std::io::BufWriter::new(&mut file), by, &mut |_| {})
        .await?;
    file.seek(SeekFrom::Start(0)).map_err(unwritable)?;
    Ok(file)
}

/// The register, as programs read it.
#[derive(Serialize)]
struct RegisterView {
    entries: Vec<RegisterEntry>,
}

async fn register_shown(
    State(desk): State<Desk>,
    Query(days): Query<Days>,
) -> Result<Json<RegisterView>, Problem> {
    let entries = desk.register(days.period()?).await?;
    Ok(Json(RegisterView { entries }))
}

async fn register_taken(
    State(desk): State<Desk>,
    caller: Caller,
    Json(days): Json<Days>,
) -> Result<Attachment, Problem> {
    let text = desk.export_register(days.period()?, &caller.actor()).await?;
    Ok(Attachment {
        name: register::REGISTER.to_owned(),
        text,
    })
}

/// A report as it would be written now.
#[derive(Serialize)]
struct ReportView {
    #[serde(flatten)]
    report: RegulatorReport,
    /// Characters that the font of the PDF lacks, by code; they would stand in it as their codes.
    pdf_lacks: Vec<String>,
}

#[derive(Serialize)]
struct ReportsView {
    reports: Vec<ReportView>,
}

async fn reports_shown(
    State(desk): State<Desk>,
    Path(id): Path<IncidentId>,
) -> Result<Json<ReportsView>, Problem> {
    let reports = desk.regulator_reports(&id).await?.into_iter();
    let view = |report| -> Result<ReportView, Problem> {
        let lacking = report::lacking(&report)?;
        let pdf_lacks = lacking.into_iter().map(report::code_of).collect();
        Ok(ReportView { report, pdf_lacks })
    };
    let reports = reports.map(view).collect::<Result<_, _>>()?;
    Ok(Json(ReportsView { reports }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportAsked {
    format: ReportFormat,
}

async fn report_taken(
    State(desk): State<Desk>,
    caller: Caller,
    Path((id, form)): Path<(IncidentId, RegulatorForm)>,
    Json(asked): Json<ReportAsked>,
) -> Result<Response, Problem> {
    let exported = desk
        .export_report(&id, (form, asked.format), &caller.actor())
        .await?;
    let headers = [
        (header::CONTENT_TYPE, asked.format.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, as_attachment(&exported.name)),
    ];
    Ok((headers, exported.bytes).into_response())
}
