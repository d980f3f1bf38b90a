//! The demo's company: who works there, whose files it keeps, what its services log, and the story that befalls it.
//!
//! Takes: a directory and instants. Gives: customers and people to import, a paging policy, ordinary sources that read the
//! directory, and a [`Generator`] that writes logs there as the company's services would. Leaves alone: the product. The logs
//! come in through the same sources, detectors and rules as anybody's, so what the demo shows is what the product does.
//!
//! The company is Paperplane Transfer; its product, `filedrop`, delivers files for its customers. All names, addresses and
//! keys are invented, and lie in ranges that are set aside for documentation and benchmarks (RFC 2606, 5737, 2544).

mod background;
mod company;
mod findings;
mod generator;
mod logs;
mod pending;
mod scene;
mod sources;
mod story;

#[cfg(test)]
mod proof;
#[cfg(test)]
mod restarts;

pub use company::{DemoPerson, customers_csv, executives, paging, people};
pub use generator::{Generator, Written};
pub use sources::{FINDINGS_SOURCE, finding_secret, sources};
pub use story::{Beat, Story};
