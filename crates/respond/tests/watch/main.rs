//! The worker `watch`: what it shows of its sources, what it keeps, and how it takes new rules.

mod checkpoints;
mod post;
mod reload;
mod sources;
