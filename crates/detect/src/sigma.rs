//! The rules.
use serde::Serialize;
/// How mature a rule is (Sigma specification 2.1, "Status").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Proven over a long time.
    Stable,
    /// No obvious false positives on test systems.
    Test,
    /// New; may be noisy.
    Experimental,
    /// Replaced by another rule.
    Deprecated,
    /// Cannot be used as it is.
    Unsupported,
}
