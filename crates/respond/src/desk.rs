//! The desk that people and workers act at: the store, the clock and how the house is set up.

use crate::house::House;
use crate::link::SigningKey;
use crate::return_path::ReturnPaths;
use crate::seal::signer_kept_in;
use chrono::{DateTime, Utc};
use std::sync::Arc;
use tokio::sync::watch;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::alert::AlertError;
use watchkeeper_domain::audit::NewRecord;
use watchkeeper_domain::audit::note::Signer;
use watchkeeper_domain::change::ChangeError;
use watchkeeper_domain::clock::Clock;
use watchkeeper_domain::customer::asking::AskingError;
use watchkeeper_domain::incident::TransitionError;
use watchkeeper_domain::notice::{NoticeError, ReceiptError};
use watchkeeper_store::{Store, StoreError, Tx};

/// Where decisions are taken and committed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Desk {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) house: Arc<House>,
    pub(crate) key: SigningKey,
    pub(crate) signer: Arc<Signer>,
    pub(crate) return_paths: Option<Arc<ReturnPaths>>,
    changed: watch::Sender<u64>,
}

/// Why an operation did not happen.
#[derive(Debug, thiserror::Error)]
pub enum RespondError {
    /// The store refused: a version conflict, something that is not there, or the database itself.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The incident refused.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// The change refused.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The notice refused.
    #[error(transparent)]
    Notice(#[from] NoticeError),
    /// What a recipient does with a letter is refused.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// What a contact answers is refused.
    #[error(transparent)]
    Asking(#[from] AskingError),
    /// The alert refused.
    #[error(transparent)]
    Alert(#[from] AlertError),
    /// What was sent in is wrong: each fault with its field.
    #[error("{} faults in what was sent", .0.len())]
    Invalid(Vec<Fault>),
    /// The person may not.
    #[error("{0}")]
    Forbidden(String),
    /// Something this installation cannot do as it is set up.
    #[error("{0}")]
    Unavailable(String),
}

/// One thing that is wrong with what was sent in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// Where, such as `contacts[1].email`.
    pub field: String,
    /// What is wrong, and what to write instead.
    pub detail: String,
}

impl Fault {
    /// What is wrong with a field.
    #[must_use]
    pub fn new(field: &str, detail: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            detail: detail.into(),
        }
    }
}

impl RespondError {
    /// One fault of one field.
    #[must_use]
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![Fault::new(field, detail)])
    }
}

impl Desk {
    /// A desk over an opened and migrated store. The keys that sign links and the log's checkpoints are made at the first start and
    /// kept in the store.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn open(store: Store, clock: Arc<dyn Clock>, house: House) -> Result<Self, RespondError> {
        let key = SigningKey::kept_in(&store).await?;
        let signer = signer_kept_in(&store, &house.base_url).await?;
        let return_paths = match &house.bounces {
            Some(domain) => Some(Arc::new(ReturnPaths::kept_in(&store, domain).await?)),
            None => None,
        };
        Ok(Self {
            store,
            clock,
            house: Arc::new(house),
            key,
            signer,
            return_paths,
            changed: watch::Sender::new(0),
        })
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// How the house is set up.
    #[must_use]
    pub fn house(&self) -> &House {
        &self.house
    }

    /// The store, for reading views.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Rises whenever something was committed through this desk; whoever shows changes looks at the audit log then.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// A transaction that changes something: it waits for its turn to append to the audit log before it touches anything else.
    pub(crate) async fn begin(&self) -> Result<Tx, RespondError> {
        let mut tx = self.store.begin().await?;
        tx.take_turn().await?;
        Ok(tx)
    }

    /// Commits and tells whoever shows changes.
    pub(crate) async fn commit(&self, tx: Tx) -> Result<(), RespondError> {
        crate::crash::point("commit.before");
        tx.commit().await?;
        crate::crash::point("commit.after");
        self.wake();
        Ok(())
    }

    /// Tells workers and whoever shows changes to look again.
    pub(crate) fn wake(&self) {
        self.changed.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Records a change of state in the audit log.
    pub(crate) async fn record(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        action: &'static str,
        subject: &str,
        detail: serde_json::Value,
    ) -> Result<(), RespondError> {
        let new = NewRecord {
            actor: actor.clone(),
            action,
            subject: subject.to_owned(),
            detail,
        };
        tx.record(&new, self.now()).await?;
        Ok(())
    }
}
