//! Watchkeeper's words and rules.
//!
//! Events come in, detectors judge them, alerts wake people, incidents organise people, obligations bind people to a deadline,
//! notices go out, and every step leaves a record that cannot be quietly changed. The modules below are that flow, in its order.
//! Nothing here does IO: a decision takes what is known and the present instant, and gives back what changes.

pub mod alert; // like detections, folded together
pub mod audit;
pub mod customer; // whose data it is
pub mod delivery; // one message to one recipient, until it is accepted
pub mod detection; // a detector says that it matters
pub mod event; // something happened
pub mod incident; // people are on it
pub mod notice; // what we tell whom
pub mod obligation; // what contract and law now ask, and by when
pub mod page; // whom to wake, and what to say
pub mod playbook; // what people should do // the record that cannot be quietly changed

pub mod access; // who may do what
pub mod actor; // who did it
pub mod clock; // time is injected
pub mod id; // names of things
pub mod span; // lengths of time
