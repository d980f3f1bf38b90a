//! The answers of OTLP over HTTP: what was stored, what of it was not, and errors as `google.rpc.Status`, each in the encoding of the
//! request.

use super::Encoding;
use super::messages::{ExportLogsServiceResponse, PartialSuccess, Status};
use crate::push::Refused;
use crate::receive::PushError;
use prost::Message as _;
use serde_json::json;

/// The body for a request whose good records lie on disk.
pub(crate) fn stored(refused: &Refused, encoding: Encoding) -> Vec<u8> {
    let message = refused.told();
    match encoding {
        Encoding::Protobuf => ExportLogsServiceResponse {
            partial_success: (refused.count > 0).then(|| PartialSuccess {
                rejected_log_records: i64::try_from(refused.count).unwrap_or(i64::MAX),
                error_message: message,
            }),
        }
        .encode_to_vec(),
        Encoding::Json if refused.count == 0 => b"{}".to_vec(),
        Encoding::Json => json!({"partialSuccess": {
            "rejectedLogRecords": refused.count.to_string(),
            "errorMessage": message,
        }})
        .to_string()
        .into_bytes(),
    }
}

/// The body for a request of which nothing was stored.
pub(crate) fn refused(error: &PushError, encoding: Encoding) -> Vec<u8> {
    // The numbers of google.rpc.Code.
    let code = match error {
        PushError::Malformed(_) | PushError::Unsupported(_) | PushError::TooLarge(_) => 3,
        PushError::Refused(_) => 7,
        PushError::TooMany { .. } => 8,
        PushError::Unavailable { .. } => 14,
        PushError::Unauthorised => 16,
    };
    let message = error.to_string();
    match encoding {
        Encoding::Protobuf => Status { code, message }.encode_to_vec(),
        Encoding::Json => json!({"code": code, "message": message}).to_string().into_bytes(),
    }
}
