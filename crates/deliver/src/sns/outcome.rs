//! From an error of the SDK to what it says about the message.

use crate::channel::SendError;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::publish::PublishError;
use aws_smithy_types::error::display::DisplayErrorContext;

/// Errors that pass by themselves, although SNS answers them with a 4xx: throttling, and credentials or a clock that are put right.
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

pub(super) fn refused(reason: impl Into<String>) -> SendError {
    SendError::Refused {
        reason: reason.into(),
        transcript: Vec::new(),
    }
}

/// Gives an error its meaning. A standard topic does not recognise a repeated message, so whatever may have been published is called
/// ambiguous, never a plain retry.
pub(super) fn of<R>(error: &SdkError<PublishError, R>, said: String) -> SendError
where
    R: std::fmt::Debug + AsStatus,
{
    let reason: String = crate::one_line(&format!("SNS: {}", describe(error)))
        .chars()
        .take(2000)
        .collect();
    let transcript = vec![said, format!("* {reason}")];
    match verdict(error) {
        Verdict::NotTaken => SendError::Retry {
            after: None,
            hindrance: watchkeeper_domain::delivery::Hindrance::Relay,
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

fn verdict<R: AsStatus>(error: &SdkError<PublishError, R>) -> Verdict {
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
            let passing = answer.err().code().is_some_and(|code| PASSING.contains(&code));
            match answer.raw().status() {
                429 | 503 => Verdict::NotTaken,
                _ if passing => Verdict::NotTaken,
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

fn describe<R: std::fmt::Debug>(error: &SdkError<PublishError, R>) -> String {
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
pub(super) trait AsStatus {
    fn status(&self) -> u16;
}

impl AsStatus for aws_sdk_sns::config::http::HttpResponse {
    fn status(&self) -> u16 {
        self.status().as_u16()
    }
}
