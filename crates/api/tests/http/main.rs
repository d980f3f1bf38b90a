//! The whole HTTP side in one process: a real store in a temporary folder, a clock that the test holds, requests by hand.

mod bounces;
mod breach;
mod changes;
mod customers;
mod evidence;
mod guard;
mod incidents;
mod pages;
mod people;
mod portal;
mod preflight;
mod receivers;
mod rules;
mod signing_in;
mod sns;
mod stream;
mod support;
