//! The worker `watch`: what it shows of its sources, what it keeps, and how it takes new rules.

mod checkpoints;
mod evidence;
mod post;
mod reload;
mod sources;
