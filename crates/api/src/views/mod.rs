//! What the API shows: the domain's own form where it serves, and more only where a screen needs it.

pub(crate) mod alerts;
pub(crate) mod changes;
pub(crate) mod clocks;
pub(crate) mod closing;
pub(crate) mod deliveries;
pub(crate) mod detectors;
pub(crate) mod incidents;
pub(crate) mod names;
pub(crate) mod notices;
pub(crate) mod obligations;
pub(crate) mod proof;
pub(crate) mod sources;
