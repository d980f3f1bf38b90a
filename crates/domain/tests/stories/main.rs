//! The rules of the domain, told as stories and held as properties.

mod access;
mod alerts;
mod askings;
mod assessment;
mod audit;
mod changes;
mod disclosure;
mod drill;
mod halt;
mod incidents;
mod law;
mod letters;
mod moments;
mod notices;
mod obligations;
mod playbooks;
mod preflight;
mod regulator;
mod reports;
mod roles;
mod rules;
mod samples;
mod ses;
mod spans;
mod spf;
mod timers;
