//! Reading ahead: while a batch is judged, the next one is read and parsed beside it.
//!
//! What was read ahead is used only by whoever goes on from where it began; else it is thrown away, and the same is read again. So a
//! reading leaves nothing behind that another one would need.

use crate::source::CollectError;
use tokio::task::JoinHandle;
use watchkeeper_domain::event::SourceName;

/// What is read from a place on, beside the work on what lies before it; at most one reading.
#[derive(Debug)]
pub(crate) struct Ahead<P, T> {
    reading: Option<(P, JoinHandle<T>)>,
}

impl<P, T> Default for Ahead<P, T> {
    fn default() -> Self {
        Self { reading: None }
    }
}

impl<P: PartialEq, T: Send + 'static> Ahead<P, T> {
    /// Begins to read from `place` on, and does not wait for it.
    pub(crate) fn begin(&mut self, place: P, read: impl FnOnce() -> T + Send + 'static) {
        self.reading = Some((place, tokio::task::spawn_blocking(read)));
    }

    /// What lies behind `place`, and whether it is what was read ahead from there, or what `read` gives now.
    ///
    /// # Errors
    /// Where the process ends before the reading has begun.
    ///
    /// # Panics
    /// Where the reading did.
    pub(crate) async fn take(
        &mut self,
        source: &SourceName,
        place: P,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, bool), CollectError> {
        let (reading, ahead) = match self.reading.take() {
            Some((from, reading)) if from == place => (reading, true),
            _ => (tokio::task::spawn_blocking(read), false),
        };
        match reading.await {
            Ok(read) => Ok((read, ahead)),
            Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
            Err(_) => Err(CollectError::Retryable {
                what: format!("source {source} stops"),
                after: None,
            }),
        }
    }
}
