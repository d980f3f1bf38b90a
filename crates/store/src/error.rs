//! What the store refuses, in words that say what to do.

/// What went wrong between the product and its database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed it since it was read.
    #[error(
        "{what} {id} was changed meanwhile: version {expected} was read, version {found} stands; read it again"
    )]
    Conflict {
        /// The kind of thing.
        what: &'static str,
        /// Which.
        id: String,
        /// The version that the writer had read.
        expected: i64,
        /// The version that stands.
        found: i64,
    },
    /// There is no such thing.
    #[error("there is no {what} `{id}`")]
    NotFound {
        /// The kind of thing.
        what: &'static str,
        /// What was asked for.
        id: String,
    },
    /// What must be unique belongs to something else.
    #[error("{what} `{value}` is taken already by {by}")]
    Taken {
        /// What must be unique: `tenant`, `customer key`, `email`.
        what: &'static str,
        /// The value.
        value: String,
        /// To what it belongs.
        by: String,
    },
    /// What stands in the database is not what this version writes.
    #[error("{what} `{id}` cannot be read back: {detail}")]
    Corrupt {
        /// The kind of thing.
        what: &'static str,
        /// Which.
        id: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A cursor that no page of this list gave out.
    #[error("this is not a cursor of this list; take `next` of the page before as it is, or leave it out")]
    BadCursor,
    /// A page of no or too many items.
    #[error("a page cannot have {limit} items; ask for 1 to {}", crate::page::LIMIT_MAX)]
    BadLimit {
        /// What was asked for.
        limit: u32,
    },
    /// The address of a database that cannot be understood.
    #[error("database url `{url}`: {reason}")]
    BadUrl {
        /// The address, without user, password and parameters.
        url: String,
        /// What is wrong and what to write instead.
        reason: String,
    },
    /// The database is not as its migrations say.
    #[error("cannot bring the database's tables up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The database or the way to it.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl StoreError {
    /// Whether the same transaction, done again from its start, may well succeed: a deadlock that the database broke up, a
    /// serialisation failure, a lock that was not had in time.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        let Self::Database(error) = self else {
            return false;
        };
        match error {
            sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) => true,
            sqlx::Error::Database(fault) => fault.code().is_some_and(|code| {
                // PostgreSQL: serialization_failure, deadlock_detected. SQLite: BUSY and its extended codes.
                matches!(code.as_ref(), "40001" | "40P01" | "5" | "261" | "517")
            }),
            _ => false,
        }
    }

    /// Whether it says that something unique was there already.
    pub(crate) fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(fault)) if fault.is_unique_violation())
    }
}
