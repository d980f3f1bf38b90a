//! The demo's mailbox. Every mail that comes is a row, twice when it comes twice: doubles must be seen.

use crate::body::found;
use crate::page::{Page, PageRequest};
use crate::statement::{instant, sql};
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use serde::Serialize;

/// A mail as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// What the list shows of it.
    pub header: MailHeader,
    /// The whole mail, byte for byte.
    pub raw: Vec<u8>,
}

/// What the list shows of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MailHeader {
    /// Its id, unique by reception.
    pub id: String,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// The return path.
    pub from: String,
    /// The recipient.
    pub to: String,
    /// The subject, decoded.
    pub subject: String,
}

/// Instant, position, id, sender, recipient, subject.
type HeaderRow = (i64, i64, String, String, String, String);

fn header((received_at, _, id, from, to, subject): HeaderRow) -> Result<MailHeader, StoreError> {
    Ok(MailHeader {
        id,
        received_at: instant(received_at)?,
        from,
        to,
        subject,
    })
}

impl Tx {
    /// Keeps a mail that came.
    pub async fn insert_mail(&mut self, mail: &Mail) -> Result<(), StoreError> {
        let insert = sql(
            "INSERT INTO mail (id, received_at, sender, recipient, subject, raw) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(mail.header.id.as_str())
        .bind(mail.header.received_at)
        .bind(mail.header.from.as_str())
        .bind(mail.header.to.as_str())
        .bind(mail.header.subject.as_str())
        .bind(mail.raw.as_slice());
        self.execute(insert).await?;
        Ok(())
    }

    /// A page of mails, the newest first.
    pub async fn mails(&mut self, page: &PageRequest) -> Result<Page<MailHeader>, StoreError> {
        let mut rows =
            sql("SELECT received_at, position, id, sender, recipient, subject FROM mail WHERE 1 = 1");
        if let Some((received_at, position)) = page.key::<(i64, i64)>("mails")? {
            rows = rows.and(" AND (received_at, position) < (").value(received_at);
            rows = rows.and(", ").value(position).and(")");
        }
        let rows = rows
            .and(" ORDER BY received_at DESC, position DESC LIMIT ")
            .value(page.rows());
        let rows = self.all::<HeaderRow>(rows).await?;
        Page::cut(rows, page, "mails", |row| (row.0, row.1), header)
    }

    /// A mail, or [`StoreError::NotFound`].
    pub async fn mail(&mut self, id: &str) -> Result<Mail, StoreError> {
        let row = sql("SELECT received_at, sender, recipient, subject, raw FROM mail WHERE id = $1").bind(id);
        let row = self.first::<(i64, String, String, String, Vec<u8>)>(row).await?;
        let (received_at, from, to, subject, raw) = found(row, "mail", id)?;
        let header = header((received_at, 0, id.to_owned(), from, to, subject))?;
        Ok(Mail { header, raw })
    }
}
