//! Watchkeeper's words and rules.
//!
//! Events come in, detectors judge them, alerts wake people, incidents organise people, obligations bind people to a deadline,
//! notices go out, and every step leaves a record that cannot be quietly changed. The modules below are that flow, in its order.
//! Nothing here does IO: a decision takes what is known and the present instant, and gives back what changes.

// Something happened.
pub mod event;

// Whether we would hear of it.
pub mod source_health;

// What hearing of it costs.
pub mod source_cost;

// A detector says that it matters.
pub mod detection;

// Like detections, folded together.
pub mod alert;

// People are on it.
pub mod incident;

// What people should do.
pub mod playbook;

// Whom to wake, and what to say.
pub mod page;

// Whose data it is.
pub mod customer;

// What contract and law now ask, and by when.
pub mod obligation;

// What we are about to change, and whether it touches the security of what customers gave us.
pub mod change;

// An incident or a change: what there is to tell of.
pub mod matter;

// What we tell whom.
pub mod notice;

// One message to one recipient, until it is accepted.
pub mod delivery;

// What Amazon SNS hands over about it, and whether it is SNS that does.
pub mod sns;

// Whether customers could be told today.
pub mod preflight;

// The same way for practice, with nobody outside.
pub mod drill;

// What the law wants kept of every breach and suspicion.
pub mod register;

// What authorities are told of a breach.
pub mod regulator;

// The record that cannot be quietly changed.
pub mod audit;

// Who is taken out of the records, and what stays of them.
pub mod erasure;

// What all of them need: who may do what, who did it, injected time, names of things, lengths of time, words.
pub mod access;
pub mod actor;
pub mod clock;
pub mod id;
pub mod span;
pub mod words;
