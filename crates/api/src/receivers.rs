//! Pushes of sources: answered only once they are safe on disk, which the receiver of the source sees to.

use crate::access::bearer;
use crate::errors::Problem;
use crate::extract::Path;
use crate::state::ApiState;
use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use watchkeeper_collect::Receiver;
use watchkeeper_collect::receive::{
    Accepted, FirehoseHeaders, NO_TOPIC, OtlpAnswer, PushError, PushHeaders, SnsAccepted,
};
use watchkeeper_domain::access::Permission;
use watchkeeper_domain::sns;

/// Lines, one record each, or a list of JSON objects. `Authorization: Bearer` carries a secret of the source, or an API token that may
/// respond: whoever may write evidence into an incident may also hand in log lines.
pub(crate) async fn ingest(
    State(state): State<ApiState>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let accepted = match admitted(&state, &source, &headers, body).await {
        Ok((receiver, body)) => receiver.accept_lines(body, said(&headers)).await,
        Err(Refusal::Push(error)) => Err(error),
        Err(Refusal::Problem(problem)) => return problem.into_response(),
    };
    match accepted {
        Ok(accepted) => lines_stored(&accepted),
        Err(error) => refused(&error),
    }
}

/// 207 where some records were refused: those that could be kept are stored, and need not come again.
fn lines_stored(accepted: &Accepted) -> Response {
    let mut answer = json!({"records": accepted.records, "duplicate": accepted.duplicate});
    if accepted.refused.count == 0 {
        return Json(answer).into_response();
    }
    let reasons: Vec<String> = accepted.refused.first.iter().map(ToString::to_string).collect();
    answer["refused"] = accepted.refused.count.into();
    answer["reasons"] = reasons.into();
    (StatusCode::MULTI_STATUS, Json(answer)).into_response()
}

/// Logs of OpenTelemetry. The secret of the source is carried as for lines; answers and errors are in the encoding of the request.
pub(crate) async fn otlp_logs(
    State(state): State<ApiState>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let said = said(&headers);
    let answer = match admitted(&state, &source, &headers, body).await {
        Ok((receiver, body)) => receiver.accept_otlp(body, said).await,
        Err(Refusal::Push(error)) => OtlpAnswer::refused(&error, said.content_type),
        Err(Refusal::Problem(problem)) => return problem.into_response(),
    };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = [(header::CONTENT_TYPE, answer.content_type)];
    later((status, kind, answer.body).into_response(), answer.retry_after)
}

/// Why a push did not reach its receiver.
enum Refusal {
    Push(PushError),
    Problem(Problem),
}

/// The receiver of a push that may come in, and its body. Who may not push learns of nothing, and nothing of theirs is read.
async fn admitted(
    state: &ApiState,
    source: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Arc<Receiver>, Bytes), Refusal> {
    let receiver = receiver(state, source);
    let secret = bearer(headers);
    let own_secret = receiver
        .as_ref()
        .is_some_and(|receiver| receiver.authorises(secret));
    if !own_secret && !token_may_push(state, secret).await.map_err(Refusal::Problem)? {
        // Whether there is such a source is nobody's business without a secret.
        return Err(Refusal::Push(PushError::Unauthorised));
    }
    let receiver = receiver
        .ok_or_else(|| Refusal::Problem(Problem::not_found("no source with this name takes pushes")))?;
    let body = read_push(&receiver, body).await.map_err(Refusal::Push)?;
    Ok((receiver, body))
}

fn said(headers: &HeaderMap) -> PushHeaders<'_> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    PushHeaders {
        content_type: text("content-type"),
        content_encoding: text("content-encoding"),
        idempotency_key: text("idempotency-key"),
    }
}

/// A request of the Firehose HTTP endpoint protocol.
pub(crate) async fn firehose(
    State(state): State<ApiState>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let said = FirehoseHeaders {
        access_key: text("x-amz-firehose-access-key"),
        request_id: text("x-amz-firehose-request-id"),
        protocol_version: text("x-amz-firehose-protocol-version"),
        source_arn: text("x-amz-firehose-source-arn"),
        common_attributes: text("x-amz-firehose-common-attributes"),
        content_encoding: text("content-encoding"),
    };
    let answer = match receiver(&state, &source) {
        Some(receiver) if receiver.authorises(said.access_key) => match read_push(&receiver, body).await {
            Ok(body) => receiver.accept_firehose(said, body).await,
            Err(error) => return firehose_refused(&state, said.request_id, &error),
        },
        _ => return firehose_refused(&state, said.request_id, &PushError::Unauthorised),
    };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    later((status, Json(answer.body)).into_response(), answer.retry_after)
}

/// A message of a topic of SNS. SNS sends again what is not answered with 2xx.
pub(crate) async fn post_sns(
    State(state): State<ApiState>,
    Path(source): Path<String>,
    body: Body,
) -> Response {
    match take_sns(&state, &source, body).await {
        Ok(answer) => answer.into_response(),
        Err(error) => refused(&error),
    }
}

async fn take_sns(state: &ApiState, source: &str, body: Body) -> Result<Json<serde_json::Value>, PushError> {
    let unavailable = |fault: &watchkeeper_deliver::OriginError| PushError::Unavailable {
        reason: format!("SNS cannot be asked: {fault}"),
        retry_after: Duration::from_secs(30),
    };
    // A source that takes no messages of SNS has no topics, and answers as one that is not there.
    let receiver = receiver(state, source).ok_or_else(|| PushError::Refused(NO_TOPIC.to_owned()))?;
    let reading = receiver.read_message()?;
    let body = read(body, sns::LARGEST, MESSAGE_WITHIN).await?;
    drop(reading);
    let envelope = receiver.read_sns(&body)?;
    let topic = envelope.topic().clone();
    let certificate = state.sns.certificate(envelope.certificate()).await;
    let certificate = certificate.map_err(|fault| unavailable(&fault))?;
    let taken = match receiver.accept_sns(envelope, &certificate).await? {
        SnsAccepted::Stored(accepted) => {
            return Ok(Json(
                json!({"records": accepted.records, "duplicate": accepted.duplicate}),
            ));
        }
        SnsAccepted::Confirm(confirmation) => {
            let confirmed = state.sns.confirm(&confirmation).await;
            confirmed.map_err(|fault| unavailable(&fault))?;
            tracing::info!(%topic, source, "the subscription of a source is confirmed");
            "confirmed"
        }
        SnsAccepted::Unsubscribed => {
            tracing::error!(%topic, source, "the subscription of a source has ended: subscribe again");
            "unsubscribed"
        }
    };
    Ok(Json(json!({"taken": taken})))
}

fn receiver(state: &ApiState, source: &str) -> Option<Arc<Receiver>> {
    state.receivers.get(source).cloned()
}

async fn token_may_push(state: &ApiState, secret: Option<&str>) -> Result<bool, Problem> {
    let Some(secret) = secret else { return Ok(false) };
    let holder = state.desk.token_holder(secret).await?;
    Ok(holder.is_some_and(|(user, _)| user.may(Permission::Respond)))
}

/// A body comes at this rate at least, after a minute's grace: whoever is slower would keep others out.
const SLOWEST_BYTES_PER_SECOND: u64 = 100_000;
const GRACE: Duration = Duration::from_secs(60);

/// A message of SNS, which is short, comes within this time.
const MESSAGE_WITHIN: Duration = Duration::from_secs(10);

async fn read_push(receiver: &Receiver, body: Body) -> Result<Bytes, PushError> {
    let _reading = receiver.read_body()?;
    let limit = receiver.max_body_bytes();
    let longest = Duration::from_secs(limit as u64 / SLOWEST_BYTES_PER_SECOND);
    read(body, limit, GRACE + longest).await
}

async fn read(body: Body, limit: usize, within: Duration) -> Result<Bytes, PushError> {
    let Ok(read) = tokio::time::timeout(within, to_bytes(body, limit)).await else {
        return Err(PushError::Unavailable {
            reason: format!("the body did not come within {} seconds", within.as_secs()),
            retry_after: GRACE,
        });
    };
    read.map_err(|error| {
        // The limit is the one fault that the client can mend; a connection that broke has nobody to answer.
        let too_large = std::error::Error::source(&error)
            .is_some_and(|source| source.to_string().contains("length limit"));
        if too_large {
            PushError::TooLarge(format!(
                "the body is larger than the {limit} bytes that this source takes; cut it into several"
            ))
        } else {
            PushError::Malformed("the body ended early".to_owned())
        }
    })
}

fn refused(error: &PushError) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({
        "type": "urn:watchkeeper:problem:push-refused",
        "title": "Nothing was stored",
        "status": status.as_u16(),
        "detail": error.to_string(),
    });
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    later(
        (status, kind, body.to_string()).into_response(),
        error.retry_after(),
    )
}

/// The protocol wants its own form of answer, also for what no receiver has seen.
fn firehose_refused(state: &ApiState, request_id: Option<&str>, error: &PushError) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({
        "requestId": request_id.unwrap_or_default(),
        "timestamp": state.desk.now().timestamp_millis(),
        "errorMessage": error.to_string(),
    });
    later((status, Json(body)).into_response(), error.retry_after())
}

fn later(mut response: Response, after: Option<Duration>) -> Response {
    if let Some(after) = after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, after.as_secs().max(1).into());
    }
    response
}
