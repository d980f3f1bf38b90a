//! Notices and their letters.

use crate::body::{found, parse, read, read_all, write};
use crate::deliveries::DELIVERY;
use crate::statement::{Statement, instant, micros, sql};
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use watchkeeper_domain::delivery::{About, Delivery, DeliveryState};
use watchkeeper_domain::id::{CustomerId, LetterId, NoticeId, ObligationId};
use watchkeeper_domain::matter::MatterId;
use watchkeeper_domain::notice::{Letter, Notice, NoticeKind};

const NOTICE: &str = "notice";
const LETTER: &str = "letter";
const PROBE: (&str, &str) = (NOTICE, "SELECT version FROM notice WHERE id = $1");

/// A notice that a customer was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeSent {
    /// The customer.
    pub customer: CustomerId,
    /// The notice.
    pub notice: NoticeId,
    /// Its kind.
    pub kind: NoticeKind,
    /// For which obligation its letter was written; letters of older versions name none.
    pub obligation: Option<ObligationId>,
    /// When the customer's first message was put on its way; of letters that were taken, when a mail server took the message.
    pub at: DateTime<Utc>,
}

/// Binds what `INSERT` and `UPDATE` have in common, in the order of the columns.
fn columns(statement: Statement, notice: &Notice) -> Result<Statement, StoreError> {
    Ok(statement
        .bind(&notice.id)
        .bind(notice.version)
        .bind(&notice.matter)
        .bind(notice.state.name())
        .bind(micros(notice.created_at))
        .bind(write(NOTICE, notice.id.as_str(), notice)?))
}

impl Tx {
    /// Keeps a new notice; `false` says that it was there already (the holding notice of an incident has a derived id) and nothing
    /// has changed.
    pub async fn insert_notice(&mut self, notice: &Notice) -> Result<bool, StoreError> {
        let insert = sql(
            "INSERT INTO notice (id, version, matter, state, created_at, body) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING",
        );
        Ok(self.execute(columns(insert, notice)?).await? > 0)
    }

    /// Keeps a changed notice, or [`StoreError::Conflict`] where another version than `read_version` stands.
    pub async fn update_notice(&mut self, notice: &Notice, read_version: i64) -> Result<(), StoreError> {
        let update = sql(
            "UPDATE notice SET version = $2, matter = $3, state = $4, created_at = $5, body = $6 \
             WHERE id = $1 AND version = $7",
        );
        let changed = self.execute(columns(update, notice)?.bind(read_version)).await?;
        self.must_have_changed(changed, PROBE, notice.id.as_str(), read_version)
            .await
    }

    /// A notice, or [`StoreError::NotFound`].
    pub async fn notice(&mut self, id: &NoticeId) -> Result<Notice, StoreError> {
        found(self.notice_opt(id).await?, NOTICE, id.as_str())
    }

    /// A notice, if there is one with this id.
    pub async fn notice_opt(&mut self, id: &NoticeId) -> Result<Option<Notice>, StoreError> {
        let row = self.first::<(String,)>(sql("SELECT body FROM notice WHERE id = $1").bind(id));
        row.await?
            .map(|(body,)| read(NOTICE, id.as_str(), &body))
            .transpose()
    }

    /// Every notice of an incident or a change, the oldest first.
    pub async fn notices_of(&mut self, matter: impl Into<MatterId>) -> Result<Vec<Notice>, StoreError> {
        let rows = sql("SELECT id, body FROM notice WHERE matter = $1 ORDER BY created_at, id");
        let rows = rows.bind(&matter.into());
        read_all(NOTICE, self.all(rows).await?)
    }

    /// Every notice of every incident and change, the newest first, at most `limit`.
    pub async fn newest_notices(&mut self, limit: u32) -> Result<Vec<Notice>, StoreError> {
        let rows = sql("SELECT id, body FROM notice ORDER BY created_at DESC, id DESC LIMIT $1").bind(limit);
        read_all(NOTICE, self.all(rows).await?)
    }

    /// What was sent to customers about an incident or a change.
    pub async fn notices_sent(&mut self, matter: impl Into<MatterId>) -> Result<Vec<NoticeSent>, StoreError> {
        let matter = matter.into();
        let rows = sql("SELECT customer, notice, obligation, MIN(created_at) FROM delivery \
             WHERE matter = $1 AND notice IS NOT NULL AND customer IS NOT NULL GROUP BY customer, notice, obligation")
        .bind(&matter);
        let rows = self.all::<(String, String, Option<String>, i64)>(rows).await?;
        let kinds: BTreeMap<NoticeId, NoticeKind> = self
            .notices_of(&matter)
            .await?
            .into_iter()
            .map(|notice| (notice.id, notice.kind))
            .collect();
        rows.into_iter()
            .map(|(customer, notice, obligation, at)| {
                let customer = parse("customer of a delivery", customer)?;
                let notice: NoticeId = parse("notice of a delivery", notice)?;
                let kind = found(kinds.get(&notice).copied(), NOTICE, notice.as_str())?;
                Ok(NoticeSent {
                    customer,
                    notice,
                    kind,
                    obligation: obligation
                        .map(|id| parse("obligation of a delivery", id))
                        .transpose()?,
                    at: instant(at)?,
                })
            })
            .collect()
    }

    /// Letters about an incident or a change that a mail server took and that did not come back: each time, the earliest first.
    pub async fn letters_taken(
        &mut self,
        matter: impl Into<MatterId>,
    ) -> Result<Vec<NoticeSent>, StoreError> {
        let matter = matter.into();
        let kinds: BTreeMap<NoticeId, NoticeKind> = self
            .notices_of(&matter)
            .await?
            .into_iter()
            .map(|notice| (notice.id, notice.kind))
            .collect();
        let rows = sql(
            "SELECT id, body FROM delivery WHERE matter = $1 AND notice IS NOT NULL AND state = 'accepted'",
        )
        .bind(&matter);
        let mut taken = Vec::new();
        for delivery in read_all::<Delivery>(DELIVERY, self.all(rows).await?)? {
            if let (
                About::Letter {
                    notice,
                    customer,
                    obligation,
                    ..
                },
                DeliveryState::Accepted { at, .. },
            ) = (delivery.about, delivery.state)
            {
                taken.push(NoticeSent {
                    kind: found(kinds.get(&notice).copied(), NOTICE, notice.as_str())?,
                    customer,
                    notice,
                    obligation,
                    at,
                });
            }
        }
        taken.sort_by(|a, b| (a.at, &a.notice).cmp(&(b.at, &b.notice)));
        Ok(taken)
    }

    /// Notices that wait for a second person, the oldest first.
    pub async fn notices_waiting_for_approval(&mut self) -> Result<Vec<Notice>, StoreError> {
        let rows = sql("SELECT id, body FROM notice WHERE state = 'submitted' ORDER BY created_at, id");
        read_all(NOTICE, self.all(rows).await?)
    }

    /// Puts these letters in the place of those that the notice had.
    pub async fn replace_letters(&mut self, notice: &NoticeId, letters: &[Letter]) -> Result<(), StoreError> {
        self.execute(sql("DELETE FROM letter WHERE notice = $1").bind(notice))
            .await?;
        for letter in letters {
            let insert = sql(
                "INSERT INTO letter (id, notice, customer, check_code, body) VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(&letter.id)
            .bind(notice)
            .bind(&letter.customer)
            .bind(letter.check_code.as_str())
            .bind(write(LETTER, letter.id.as_str(), letter)?);
            self.execute(insert).await?;
        }
        Ok(())
    }

    /// Keeps a changed letter.
    pub async fn update_letter(&mut self, letter: &Letter) -> Result<(), StoreError> {
        let update = sql("UPDATE letter SET body = $2 WHERE id = $1")
            .bind(&letter.id)
            .bind(write(LETTER, letter.id.as_str(), letter)?);
        self.execute(update).await?;
        Ok(())
    }

    /// The letters of a notice, by customer.
    pub async fn letters(&mut self, notice: &NoticeId) -> Result<Vec<Letter>, StoreError> {
        let rows = sql("SELECT id, body FROM letter WHERE notice = $1 ORDER BY customer, id").bind(notice);
        read_all(LETTER, self.all(rows).await?)
    }

    /// The letter that a recipient found the code `check_code` in, if there is one.
    pub async fn letter_by_code(&mut self, check_code: &str) -> Result<Option<Letter>, StoreError> {
        let row = sql("SELECT id, body FROM letter WHERE check_code = $1").bind(check_code);
        let row = self.first::<(String, String)>(row).await?;
        row.map(|(id, body)| read(LETTER, &id, &body)).transpose()
    }

    /// A customer's letter of a notice, if it has one.
    pub async fn letter_to(
        &mut self,
        notice: &NoticeId,
        customer: &CustomerId,
    ) -> Result<Option<Letter>, StoreError> {
        let row = sql("SELECT id, body FROM letter WHERE notice = $1 AND customer = $2")
            .bind(notice)
            .bind(customer);
        let row = self.first::<(String, String)>(row).await?;
        row.map(|(id, body)| read(LETTER, &id, &body)).transpose()
    }

    /// A letter, or [`StoreError::NotFound`].
    pub async fn letter(&mut self, id: &LetterId) -> Result<Letter, StoreError> {
        let row = self.first::<(String,)>(sql("SELECT body FROM letter WHERE id = $1").bind(id));
        let (body,) = found(row.await?, LETTER, id.as_str())?;
        read(LETTER, id.as_str(), &body)
    }
}
