//! Every test of the store runs on SQLite and on PostgreSQL.

mod alerts;
mod audit;
mod bench;
mod bounces;
mod changes;
mod customers;
mod detector_state;
mod incidents;
mod obligations;
mod opening;
mod outbox;
mod people;
mod pipeline;
mod preflights;
mod samples;
mod schema;
mod timelines;
