//! What happens by itself. Each worker's `turn()` takes no input, is idempotent and has one code path; it looks for what is due,
//! whether it was woken or came round by itself.

pub mod askings;
pub mod changes;
pub mod delivery;
pub mod ladder;
pub mod preflight;
pub mod seal;
pub mod sources;
pub mod timers;
pub mod watch;
pub mod witness;

use crate::desk::RespondError;
use async_trait::async_trait;

/// What a turn did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Something; there may be more to do at once.
    Busy,
    /// Nothing was due.
    Idle,
}

/// Something that happens by itself.
#[async_trait]
pub trait Worker: Send {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;

    /// Does what is due now.
    ///
    /// # Errors
    /// When something could not be committed: nothing was changed then, and the next turn tries again.
    async fn turn(&mut self) -> Result<Turn, RespondError>;

    /// Brings to its end what turns have begun and left under way, before the worker is dropped.
    ///
    /// # Errors
    /// As of a turn.
    async fn finish(&mut self) -> Result<(), RespondError> {
        Ok(())
    }
}
