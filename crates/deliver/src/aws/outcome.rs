//! From an error of the SDK to what it says about the message.

use crate::channel::{SendError, StageError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::fmt::Debug;
use watchkeeper_domain::delivery::Hindrance;

/// Errors that pass by themselves, although they are answered with a 4xx: throttling, and credentials or a clock that are put right.
const PASSING: [&str; 14] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "Throttled",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "KMSThrottling",
    "KMSThrottlingException",
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "ServiceUnavailable",
];

/// How a service refuses.
pub(crate) struct Refusals {
    /// The service's name, in reasons.
    pub(crate) service: &'static str,
    /// Codes of a 4xx that is about us and not about this message: mail waits for that to be put right, or takes another way.
    pub(crate) about_us: &'static [&'static str],
    /// Codes of a 5xx by which the service itself says that it did not do it. A 5xx without one may be a gateway's, behind which the
    /// service went on.
    pub(crate) failed: &'static [&'static str],
}

pub(crate) fn refused(reason: impl Into<String>) -> SendError {
    SendError::Refused {
        reason: reason.into(),
        transcript: Vec::new(),
    }
}

/// That the message goes could not be committed, so it did not go.
pub(crate) fn unmarked(StageError(reason): StageError) -> SendError {
    SendError::Retry {
        after: None,
        hindrance: Hindrance::Relay,
        reason,
        transcript: Vec::new(),
    }
}

/// Gives an error its meaning. These services do not recognise a repeated message, so whatever may have been taken is called ambiguous,
/// never a plain retry.
pub(crate) fn of<E, R>(refusals: &Refusals, error: &SdkError<E, R>, said: String) -> SendError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: Debug + AsStatus,
{
    let reason: String = crate::one_line(&format!("{}: {}", refusals.service, describe(error)))
        .chars()
        .take(2000)
        .collect();
    let transcript = vec![said, format!("* {reason}")];
    match verdict(refusals, error) {
        Verdict::NotTaken => SendError::Retry {
            after: None,
            hindrance: Hindrance::Relay,
            reason,
            transcript,
        },
        Verdict::Never => SendError::Refused { reason, transcript },
        Verdict::Unknown => SendError::Ambiguous { reason, transcript },
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    NotTaken,
    Never,
    Unknown,
}

fn verdict<E: ProvideErrorMetadata, R: AsStatus>(refusals: &Refusals, error: &SdkError<E, R>) -> Verdict {
    match error {
        SdkError::ConstructionFailure(_) => Verdict::NotTaken,
        SdkError::DispatchFailure(failure)
            if failure.is_user()
                || failure
                    .as_connector_error()
                    .is_none_or(|error| never_connected(error)) =>
        {
            Verdict::NotTaken
        }
        SdkError::ServiceError(answer) => {
            let code = answer.err().code();
            let passing = code.is_some_and(|code| PASSING.contains(&code));
            let about_us = code.is_some_and(|code| refusals.about_us.contains(&code));
            match answer.raw().status() {
                429 | 503 => Verdict::NotTaken,
                _ if passing => Verdict::NotTaken,
                400..=499 if about_us => Verdict::NotTaken,
                500..=599 if code.is_some_and(|code| refusals.failed.contains(&code)) => Verdict::NotTaken,
                400..=499 => Verdict::Never,
                _ => Verdict::Unknown,
            }
        }
        _ => Verdict::Unknown,
    }
}

/// Whether the request certainly never left, because there was no connection.
fn never_connected(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused)
        {
            return true;
        }
        // The SDK's types for a failed connect are private; their words are the only thing that tells it from a broken answer.
        let words = error.to_string();
        if words.contains("HTTP connect timeout")
            || words.contains("dns error")
            || words.contains("(Connect)")
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// What an error says, in the service's own words where there are any.
pub(crate) fn describe<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: Debug,
{
    match error {
        SdkError::ServiceError(answer) => {
            let code = answer.err().code().unwrap_or("an error without a code");
            let message = answer.err().message().unwrap_or("no message");
            format!("{code}: {message}")
        }
        other => DisplayErrorContext(other).to_string(),
    }
}

/// The HTTP status of an answer.
pub(crate) trait AsStatus {
    fn status(&self) -> u16;
}

impl AsStatus for Response {
    fn status(&self) -> u16 {
        self.status().as_u16()
    }
}
