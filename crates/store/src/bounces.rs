//! What mail servers reported about messages, as it came; and how often something came that changes nothing.

use crate::body::{count, read, write};
use crate::statement::{instant, sql};
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use watchkeeper_domain::delivery::report::Report;
use watchkeeper_domain::id::DeliveryId;

const REPORT: &str = "bounce report";

/// A report as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptReport {
    /// SHA-256 of the whole message, lower-case hex.
    pub digest: String,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// What it changed, by name.
    pub effect: String,
    /// What it says; none where it could not be understood.
    pub report: Option<Report>,
    /// How many bytes came.
    pub bytes: u64,
    /// The message as it came; where it was very long, its beginning.
    #[serde(skip)]
    pub raw: Vec<u8>,
}

/// What is kept beside the raw message.
#[derive(Serialize, Deserialize)]
struct Body {
    report: Option<Report>,
    bytes: u64,
}

/// How often something came that changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BounceTally {
    /// What: `forged`, `unknown`, `repeated`, `not_a_report`.
    pub kind: String,
    /// How often.
    pub count: u64,
    /// When last.
    pub last_at: DateTime<Utc>,
    /// About what, the last time.
    pub last_detail: String,
}

impl Tx {
    /// Keeps a report; `false` says that the same one was kept before and nothing has changed.
    pub async fn insert_report(&mut self, id: &DeliveryId, kept: &KeptReport) -> Result<bool, StoreError> {
        let body = Body {
            report: kept.report.clone(),
            bytes: kept.bytes,
        };
        let insert = sql(
            "INSERT INTO bounce_report (delivery, digest, received_at, effect, body, raw) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (delivery, digest) DO NOTHING",
        )
        .bind(id)
        .bind(kept.digest.as_str())
        .bind(kept.received_at)
        .bind(kept.effect.as_str())
        .bind(write(REPORT, id.as_str(), &body)?)
        .bind(kept.raw.as_slice());
        Ok(self.execute(insert).await? > 0)
    }

    /// Every report about a delivery, the first one first.
    pub async fn reports_of(&mut self, id: &DeliveryId) -> Result<Vec<KeptReport>, StoreError> {
        let rows = sql(
            "SELECT digest, received_at, effect, body, raw FROM bounce_report WHERE delivery = $1 \
             ORDER BY position",
        )
        .bind(id);
        let rows = self.all::<(String, i64, String, String, Vec<u8>)>(rows).await?;
        rows.into_iter()
            .map(|(digest, received_at, effect, body, raw)| {
                let Body { report, bytes } = read(REPORT, &digest, &body)?;
                Ok(KeptReport {
                    digest,
                    received_at: instant(received_at)?,
                    effect,
                    report,
                    bytes,
                    raw,
                })
            })
            .collect()
    }

    /// How many reports about a delivery are kept, and whether one of them has this digest.
    pub async fn reports_kept(&mut self, id: &DeliveryId, digest: &str) -> Result<(u64, bool), StoreError> {
        let row = sql(
            "SELECT COUNT(*), CAST(COALESCE(MAX(CASE WHEN digest = $2 THEN 1 ELSE 0 END), 0) AS BIGINT) \
             FROM bounce_report WHERE delivery = $1",
        )
        .bind(id)
        .bind(digest);
        let (kept, same) = self.one::<(i64, i64)>(row).await?;
        Ok((count(kept), same > 0))
    }

    /// Counts something that changes nothing.
    pub async fn count_bounce(
        &mut self,
        kind: &str,
        at: DateTime<Utc>,
        detail: &str,
    ) -> Result<(), StoreError> {
        let upsert = sql(
            "INSERT INTO bounce_tally (kind, count, last_at, last_detail) VALUES ($1, 1, $2, $3) \
             ON CONFLICT (kind) DO UPDATE SET count = bounce_tally.count + 1, last_at = excluded.last_at, \
             last_detail = excluded.last_detail",
        )
        .bind(kind)
        .bind(at)
        .bind(detail);
        self.execute(upsert).await?;
        Ok(())
    }

    /// How often what came that changes nothing, by kind.
    pub async fn bounce_tallies(&mut self) -> Result<Vec<BounceTally>, StoreError> {
        let rows = sql("SELECT kind, count, last_at, last_detail FROM bounce_tally ORDER BY kind");
        let rows = self.all::<(String, i64, i64, String)>(rows).await?;
        rows.into_iter()
            .map(|(kind, n, last_at, last_detail)| {
                Ok(BounceTally {
                    kind,
                    count: count(n),
                    last_at: instant(last_at)?,
                    last_detail,
                })
            })
            .collect()
    }
}
