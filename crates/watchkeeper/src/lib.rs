//! Watchkeeper in one binary: configuration, wiring, lifecycle and command line. What it does is in the crates below.

pub mod app;
pub mod bounces;
pub mod cli;
pub mod commands;
pub mod config;
pub mod demo;
pub mod embedded;
pub mod logs;
pub mod rules;
pub mod run;
