//! Who is still to be told: the one place that counts it, for the badge, the breach desk and the incident.

use crate::body::{count, parse};
use crate::statement::{instant, sql};
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeMap;
use watchkeeper_domain::id::{IncidentId, NoticeId};

/// Where telling the customers of an incident stands. Of each customer the last round of what is owed counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TellingCounts {
    /// The clock runs, or the deadline was missed and no message to them stands.
    pub untold: u64,
    /// Told before the deadline was missed.
    pub told: u64,
    /// The deadline was missed, and a message was submitted to them afterwards.
    pub told_late: u64,
    /// Nothing is owed any more.
    pub ended: u64,
    /// Questions of recipients that wait for an answer.
    pub questions: u64,
}

/// Of which incidents it is counted where telling stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TellingOf<'a> {
    /// Of this one.
    One(&'a IncidentId),
    /// Of every one that is no drill.
    Real,
    /// Of every one.
    All,
}

/// To how many customers a notice went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeGone {
    /// Customers with a message of it in the outbox or beyond.
    pub customers: u64,
    /// When the first of them was put there.
    pub first_at: DateTime<Utc>,
    /// When the last was.
    pub last_at: DateTime<Utc>,
}

impl std::ops::AddAssign for TellingCounts {
    fn add_assign(&mut self, other: Self) {
        self.untold += other.untold;
        self.told += other.told;
        self.told_late += other.told_late;
        self.ended += other.ended;
        self.questions += other.questions;
    }
}

impl Tx {
    /// Where telling stands, of one incident or of every one, drills among them or not.
    pub async fn telling_counts(
        &mut self,
        of: TellingOf<'_>,
    ) -> Result<BTreeMap<IncidentId, TellingCounts>, StoreError> {
        // A letter that takes back what was told tells nobody; its kind stands in the notice, written by ourselves.
        let rows = sql("SELECT owed.incident, CASE \
                 WHEN owed.state = 'running' THEN 'untold' \
                 WHEN owed.state <> 'missed' THEN owed.state \
                 WHEN EXISTS (SELECT 1 FROM delivery WHERE delivery.matter = owed.incident \
                     AND delivery.customer = owed.customer AND delivery.state = 'accepted' \
                     AND (delivery.obligation = owed.id OR (delivery.obligation IS NULL AND owed.round = 1)) \
                     AND delivery.notice IN (SELECT id FROM notice WHERE body NOT LIKE '%\"kind\":\"withdrawn\"%')) \
                 THEN 'late' ELSE 'untold' END AS stands, COUNT(*) FROM obligation AS owed \
             WHERE NOT EXISTS (SELECT 1 FROM obligation AS later WHERE later.incident = owed.incident \
                 AND later.customer = owed.customer AND later.round > owed.round)");
        let rows = match of {
            TellingOf::One(incident) => rows.and(" AND owed.incident = ").value(incident),
            TellingOf::Real => {
                rows.and(" AND owed.incident NOT IN (SELECT id FROM incident WHERE drill = 1)")
            }
            TellingOf::All => rows,
        };
        let rows = rows.and(" GROUP BY owed.incident, stands");
        let mut counts: BTreeMap<IncidentId, TellingCounts> = BTreeMap::new();
        for (of, stands, n) in self.all::<(String, String, i64)>(rows).await? {
            let counts = counts.entry(parse("incident", of)?).or_default();
            match stands.as_str() {
                "told" => counts.told = count(n),
                "late" => counts.told_late = count(n),
                "ended" => counts.ended = count(n),
                _ => counts.untold = count(n),
            }
        }
        let asked = sql("SELECT matter, CAST(SUM(unanswered) AS BIGINT) FROM receipt WHERE unanswered > 0");
        let asked = match of {
            TellingOf::One(incident) => asked.and(" AND matter = ").value(incident),
            TellingOf::Real => asked.and(" AND matter IN (SELECT id FROM incident WHERE drill = 0)"),
            TellingOf::All => asked.and(" AND matter IN (SELECT id FROM incident)"),
        };
        let asked = asked.and(" GROUP BY matter");
        for (of, n) in self.all::<(String, i64)>(asked).await? {
            counts.entry(parse("incident", of)?).or_default().questions = count(n);
        }
        Ok(counts)
    }

    /// Of each notice of an incident, to how many customers it went.
    pub async fn notices_gone(
        &mut self,
        incident: &IncidentId,
    ) -> Result<BTreeMap<NoticeId, NoticeGone>, StoreError> {
        let rows = sql(
            "SELECT notice, COUNT(DISTINCT customer), MIN(created_at), MAX(created_at) FROM delivery \
             WHERE matter = $1 AND notice IS NOT NULL GROUP BY notice",
        )
        .bind(incident);
        let rows = self.all::<(String, i64, i64, i64)>(rows).await?;
        rows.into_iter()
            .map(|(notice, customers, first, last)| {
                let gone = NoticeGone {
                    customers: count(customers),
                    first_at: instant(first)?,
                    last_at: instant(last)?,
                };
                Ok((parse("notice", notice)?, gone))
            })
            .collect()
    }
}
