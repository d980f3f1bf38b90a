//! List prices and limits of the APIs that sources call, in one place: change them here, with the day on which they were looked up.

/// For which region they are; others cost up to some ten per cent more.
pub const REGION: &str = "us-east-1";

/// When they were looked up.
pub const AS_OF: &str = "2026-03";

/// Where they are written.
pub const WRITTEN_AT: [&str; 2] = [
    "https://aws.amazon.com/sqs/pricing/",
    "https://aws.amazon.com/s3/pricing/",
];

/// USD for a request of SQS, standard queue, 0.40 a million; a receive of more than 64 KB counts as several. The first million a month of
/// an account is free, which is not taken off, since other tools use it, too.
pub(super) const SQS_REQUEST: f64 = 0.40 / 1_000_000.0;

/// USD for a GET of S3, standard storage: 0.0004 a thousand, the same as a request of SQS.
pub(super) const S3_GET: f64 = 0.0004 / 1_000.0;

/// How many calls of FilterLogEvents a second AWS allows to an account and region, for all tools together; some regions have more.
pub(super) const FILTER_LOG_EVENTS_A_SECOND: f64 = 5.0;
