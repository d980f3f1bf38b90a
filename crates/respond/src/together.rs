//! Commits what several tasks have to commit at the same moment in one transaction: whoever comes first commits for all who came
//! meanwhile. A commit waits for the disk, and many small ones would make everybody wait for it one after the other.

use crate::desk::RespondError;
use async_trait::async_trait;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Whoever can commit several items at once.
#[async_trait]
pub(crate) trait CommitAll<T, R> {
    /// Commits all of them in one transaction, or none; gives a result for each, in their order.
    async fn commit_all(&self, items: &[T]) -> Result<Vec<R>, RespondError>;
}

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

    /// Commits `item`, with others that came meanwhile, in one transaction of `by`; where that fails, each in one of its own, so that one
    /// does not keep the others from being committed.
    pub(crate) async fn commit(&self, item: T, by: &impl CommitAll<T, R>) -> Result<R, RespondError> {
        let (answer, mut answered) = oneshot::channel();
        self.waiting().push((item, answer));
        tokio::select! {
            biased;
            result = &mut answered => return result.unwrap_or_else(|_| Err(lost())),
            _turn = self.turn.lock() => {
                let batch = std::mem::take(&mut *self.waiting());
                if !batch.is_empty() {
                    let (items, answers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
                    for (answer, result) in answers.into_iter().zip(each(&items, by).await) {
                        // Who no longer waits has been cancelled: what was decided is committed all the same.
                        drop(answer.send(result));
                    }
                }
            }
        }
        answered.await.unwrap_or_else(|_| Err(lost()))
    }
}

async fn each<T, R>(items: &[T], by: &impl CommitAll<T, R>) -> Vec<Result<R, RespondError>> {
    if let Ok(results) = by.commit_all(items).await {
        return results.into_iter().map(Ok).collect();
    }
    let mut results = Vec::with_capacity(items.len());
    for item in items {
        let alone = by.commit_all(std::slice::from_ref(item)).await;
        results.push(alone.and_then(|mut alone| alone.pop().ok_or_else(lost)));
    }
    results
}

fn lost() -> RespondError {
    RespondError::Unavailable(
        "whoever committed for several was stopped; what was not committed is done again".to_owned(),
    )
}
