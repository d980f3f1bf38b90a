//! What people do. Each operation loads, lets the domain decide, and commits once; `read` is the version that the caller has seen.

pub mod affected;
pub mod alerts;
pub mod askings;
pub mod bounces;
pub mod breach;
pub mod changes;
mod customer_entries;
mod customer_rows;
pub mod customers;
pub mod deliveries;
pub mod drafts;
pub mod drills;
pub mod erasures;
mod follow;
pub mod holding_words;
pub mod incidents;
pub mod law;
pub mod notices;
mod passwords;
pub mod people;
pub mod portal;
pub mod preflight;
pub mod ses_events;
pub mod sessions;
pub mod sources;
pub mod travel;
pub mod why;
