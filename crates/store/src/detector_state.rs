//! The detectors' state in pieces: a base, and what each checkpoint changed since.
//!
//! A delta is added in the transaction of its checkpoint. When deltas have piled up, somebody puts base and deltas together into a
//! new base: its pieces are written beside those in force, one short transaction each, and [`Tx::set_detector_base`] puts them in
//! force at once. What came meanwhile has higher numbers and stays. Whoever is killed in between leaves pieces that nobody reads;
//! [`Tx::forget_detector_pieces`] takes them away.
//!
//! What is in a piece is the engine's affair.

use crate::statement::sql;
use crate::{StoreError, Tx};

/// The row of the one engine.
const ENGINE: &str = "engine";

/// The base that deltas have: none.
const DELTA: i64 = 0;

/// The detectors' state at the last checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DetectorState {
    /// The number of the last delta that is in the base; 0 without one.
    pub base: i64,
    /// The base's pieces, in order.
    pub base_pieces: Vec<Vec<u8>>,
    /// What changed since, in order: number and content.
    pub deltas: Vec<(i64, Vec<u8>)>,
}

impl DetectorState {
    /// The number of the last checkpoint that changed the state; 0 before the first.
    #[must_use]
    pub fn last(&self) -> i64 {
        self.deltas.last().map_or(self.base, |(seq, _)| *seq)
    }

    /// Base and deltas in the order in which they were written.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let deltas = self.deltas.iter().map(|(_, bytes)| bytes);
        self.base_pieces.iter().chain(deltas).map(Vec::as_slice)
    }

    /// Base and deltas in the order in which they were written, without copying them.
    #[must_use]
    pub fn into_pieces(self) -> Vec<Vec<u8>> {
        let mut pieces = self.base_pieces;
        pieces.extend(self.deltas.into_iter().map(|(_, bytes)| bytes));
        pieces
    }
}

impl Tx {
    /// The detectors' state at the last checkpoint. In a transaction of [`Store::read`](crate::Store::read) base and deltas are of
    /// one instant.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the database does not answer.
    pub async fn detector_state(&mut self) -> Result<DetectorState, StoreError> {
        let base = self.detector_base().await?;
        let pieces = if base == DELTA {
            Vec::new()
        } else {
            let rows = sql("SELECT bytes FROM detector_state_piece WHERE base = $1 ORDER BY seq").bind(base);
            self.all::<(Vec<u8>,)>(rows).await?
        };
        let rows =
            sql("SELECT seq, bytes FROM detector_state_piece WHERE base = $1 AND seq > $2 ORDER BY seq")
                .bind(DELTA)
                .bind(base);
        Ok(DetectorState {
            base,
            base_pieces: pieces.into_iter().map(|(bytes,)| bytes).collect(),
            deltas: self.all(rows).await?,
        })
    }

    /// Keeps what checkpoint number `seq`, from 1, changed.
    ///
    /// # Errors
    /// [`StoreError::Database`]; also where another process has written this number already.
    pub async fn add_detector_delta(&mut self, seq: i64, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.add_detector_piece(DELTA, seq, bytes).await
    }

    /// Keeps piece number `part`, from 0, of a base that holds everything up to delta `base`. It is in force only after
    /// [`Self::set_detector_base`].
    ///
    /// # Errors
    /// [`StoreError::Database`]; also where such a piece is there: forget first what an earlier attempt left.
    pub async fn add_detector_base_piece(
        &mut self,
        base: i64,
        part: i64,
        bytes: Vec<u8>,
    ) -> Result<(), StoreError> {
        self.add_detector_piece(base, part, bytes).await
    }

    async fn add_detector_piece(&mut self, base: i64, seq: i64, bytes: Vec<u8>) -> Result<(), StoreError> {
        let insert = sql("INSERT INTO detector_state_piece (base, seq, bytes) VALUES ($1, $2, $3)")
            .bind(base)
            .bind(seq)
            .bind(bytes);
        self.execute(insert).await?;
        Ok(())
    }

    /// Puts a base of so many pieces in force, in place of the base `from` and of every delta up to `to`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where another base than `from` is in force, or pieces of the new one are missing; nothing has changed
    /// then.
    pub async fn set_detector_base(&mut self, from: i64, to: i64, pieces: usize) -> Result<(), StoreError> {
        let count = sql("SELECT COUNT(*) FROM detector_state_piece WHERE base = $1").bind(to);
        let (found,) = self.one::<(i64,)>(count).await?;
        let expected = i64::try_from(pieces).unwrap_or(i64::MAX);
        if found != expected {
            return Err(StoreError::Conflict {
                what: "number of pieces of the detectors' base",
                id: to.to_string(),
                expected,
                found,
            });
        }
        let update = sql("UPDATE detector_state_base SET base = $1 WHERE id = $2 AND base = $3")
            .bind(to)
            .bind(ENGINE)
            .bind(from);
        if self.execute(update).await? == 1 {
            return Ok(());
        }
        Err(StoreError::Conflict {
            what: "base of the detectors' state",
            id: ENGINE.to_owned(),
            expected: from,
            found: self.detector_base().await?,
        })
    }

    /// Takes away some pieces that are not in force, at most `limit`, and tells how many they were. Never call it between the first
    /// piece of a new base and the moment that it is in force: the new base would lack pieces, and be refused.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the database does not answer.
    pub async fn forget_detector_pieces(&mut self, limit: u32) -> Result<u64, StoreError> {
        let base = self.detector_base().await?;
        let delete = sql(
            "DELETE FROM detector_state_piece WHERE (base, seq) IN (SELECT base, seq FROM detector_state_piece \
             WHERE (base = 0 AND seq <= $1) OR (base <> 0 AND base <> $1) ORDER BY base, seq LIMIT $2)",
        )
        .bind(base)
        .bind(limit);
        self.execute(delete).await
    }

    async fn detector_base(&mut self) -> Result<i64, StoreError> {
        let row = sql("SELECT base FROM detector_state_base WHERE id = $1").bind(ENGINE);
        Ok(self.first::<(i64,)>(row).await?.map_or(DELTA, |(base,)| base))
    }
}
