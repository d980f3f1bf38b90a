//! Commits what several tasks have to commit at the same moment in one transaction: whoever comes first commits for all who came
//! meanwhile. A commit waits for the disk, and many small ones would make everybody wait for it one after the other.

use crate::desk::RespondError;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// An item, and who waits for what became of it.
type Waiting<T, R> = (T, oneshot::Sender<Result<R, RespondError>>);

/// Items that wait for the next commit.
pub(crate) struct Together<T, R> {
    waiting: Mutex<Vec<Waiting<T, R>>>,
    turn: tokio::sync::Mutex<()>,
}

impl<T, R> Default for Together<T, R> {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }
}

impl<T, R> Together<T, R> {
    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting<T, R>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits `item`, with others that came meanwhile, by `all`: it gives a result for each, in their order.
    pub(crate) async fn commit<F, Results>(&self, item: T, all: F) -> Result<R, RespondError>
    where
        F: FnOnce(Vec<T>) -> Results,
        Results: Future<Output = Vec<Result<R, RespondError>>>,
    {
        let (answer, mut answered) = oneshot::channel();
        self.waiting().push((item, answer));
        tokio::select! {
            biased;
            result = &mut answered => return result.unwrap_or_else(|_| Err(lost())),
            _turn = self.turn.lock() => {
                let batch = std::mem::take(&mut *self.waiting());
                if !batch.is_empty() {
                    let (items, answers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
                    for (answer, result) in answers.into_iter().zip(all(items).await) {
                        // Who no longer waits has been cancelled: what was decided is committed all the same.
                        drop(answer.send(result));
                    }
                }
            }
        }
        answered.await.unwrap_or_else(|_| Err(lost()))
    }
}

fn lost() -> RespondError {
    RespondError::Unavailable(
        "whoever committed for several was stopped; what was not committed is done again".to_owned(),
    )
}
