//! Sigma's language: what a rule file says, compiled.
//!
//! [`document`] reads a YAML document into a rule or tells every fault of it, with the names that [`pipeline`]s give its fields;
//! [`filter`]s are joined to rules; [`rule`] evaluates a detection rule; the counting rules of [`correlation`] are evaluated by
//! [`crate::window`].

pub(crate) mod collection;
pub(crate) mod condition;
pub(crate) mod correlation;
pub(crate) mod correlation_document;
pub(crate) mod detection_document;
pub(crate) mod document;
pub(crate) mod encoding;
pub(crate) mod filter;
pub(crate) mod item;
pub(crate) mod json;
pub(crate) mod literals;
pub(crate) mod modifier;
pub(crate) mod paths;
pub(crate) mod pattern;
pub(crate) mod pipeline;
pub(crate) mod placeholder;
pub(crate) mod regex_bracket;
pub(crate) mod regex_class;
pub(crate) mod regex_syntax;
pub(crate) mod regex_tree;
pub(crate) mod rule;
pub(crate) mod similar;
pub(crate) mod temporal_document;
pub(crate) mod threshold_document;
pub(crate) mod time_part;
pub(crate) mod trial;
pub(crate) mod value;
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
