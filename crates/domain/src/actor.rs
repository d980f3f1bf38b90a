//! Who did it: every change of state names an actor.

use crate::id::UserId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who or what changed something. People appear by id, so that the record holds no personal data of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// A person, signed in, or acting through a signed link that was sent to them.
    Person {
        /// Who.
        user: UserId,
    },
    /// A detector, by its rule's id.
    Detector {
        /// The rule's id.
        detector: String,
    },
    /// What happens by itself: `ladder`, `timers`, `delivery`, `preflight`.
    Worker {
        /// Which worker.
        worker: String,
    },
    /// The engineer at the machine's command line.
    Operator,
}

impl Actor {
    /// The person `user`.
    #[must_use]
    pub fn person(user: &UserId) -> Self {
        Self::Person { user: user.clone() }
    }

    /// The worker `worker`.
    #[must_use]
    pub fn worker(worker: &str) -> Self {
        Self::Worker {
            worker: worker.to_owned(),
        }
    }

    /// The person's id, when it is a person.
    #[must_use]
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::Person { user } => Some(user),
            Self::Detector { .. } | Self::Worker { .. } | Self::Operator => None,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person { user } => write!(f, "{user}"),
            Self::Detector { detector } => write!(f, "detector {detector}"),
            Self::Worker { worker } => write!(f, "worker {worker}"),
            Self::Operator => f.write_str("operator"),
        }
    }
}
