//! JSON Schemas (draft 2020-12) of the documents that the engine reads, for editors and for checks outside of it.
//!
//! They ask for the shapes that YAML can show; that a reference names a rule, that a regular expression can be run or that
//! modifiers fit together is for [`lint`](crate::lint) to say.

/// Of a detection rule, with the tests it carries.
pub const RULE: &str = include_str!("../schema/rule.schema.json");

/// Of a correlation, Sigma's types and our own.
pub const CORRELATION: &str = include_str!("../schema/correlation.schema.json");

/// Of a filter.
pub const FILTER: &str = include_str!("../schema/filter.schema.json");

/// Of a pipeline in our own form; pySigma's form is checked when it is loaded.
pub const PIPELINE: &str = include_str!("../schema/pipeline.schema.json");
