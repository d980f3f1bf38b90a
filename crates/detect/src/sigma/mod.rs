//! Sigma's language: what a rule file says, compiled.
//!
//! [`document`] reads a YAML document into a rule or tells every fault of it; [`rule`] evaluates a detection rule; the counting
//! rules of [`correlation`] are evaluated by [`crate::window`].

pub(crate) mod condition;
pub(crate) mod correlation;
pub(crate) mod correlation_document;
pub(crate) mod document;
pub(crate) mod item;
pub(crate) mod modifier;
pub(crate) mod pattern;
pub(crate) mod rule;
pub(crate) mod view;

use serde::Serialize;

/// How mature a rule is (Sigma specification 2.1, "Status").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Proven over a long time in several environments.
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
