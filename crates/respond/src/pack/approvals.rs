//! Who wrote, submitted and approved each notice, when, by which digest; and every letter that the digest is over.

use super::Pack;
use crate::desk::RespondError;
use serde_json::json;
use std::io::{Seek, Write};
use watchkeeper_domain::notice::{Notice, NoticeState};

impl<W: Write + Seek + Send> Pack<'_, W> {
    pub(super) async fn write_approvals(&mut self) -> Result<(), RespondError> {
        let ids: Vec<_> = self.notices.keys().cloned().collect();
        let mut approvals = Vec::with_capacity(ids.len());
        self.archive.begin("letters.jsonl")?;
        for id in &ids {
            let notice = self.tx.notice(id).await?;
            for letter in self.tx.letters(id).await? {
                self.archive.line(&letter)?;
            }
            approvals.push(self.approval(&notice));
        }
        self.archive.json("approvals.json", &approvals)
    }

    fn approval(&self, notice: &Notice) -> serde_json::Value {
        let acts = self
            .notices
            .get(&notice.id)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let last = |action: &str| acts.iter().rev().find(|act| act.action == action);
        let approved = match &notice.state {
            NoticeState::Sent {
                at,
                approved_by,
                hash,
            } => {
                json!({"at": at, "by": self.called(approved_by), "actor": approved_by, "content_hash": hash})
            }
            NoticeState::Draft
            | NoticeState::Submitted { .. }
            | NoticeState::Returned { .. }
            | NoticeState::Prepared { .. } => json!(null),
        };
        let template = match &notice.state {
            NoticeState::Prepared { template } => json!(template),
            _ => json!(null),
        };
        json!({
            "notice": notice.id,
            notice.matter.name(): notice.matter.as_str(),
            "kind": notice.kind,
            "state": notice.state.name(),
            "author": {"at": notice.created_at, "by": self.called(&notice.author), "actor": notice.author},
            "submitted": last("notice.submitted"),
            "approved": approved,
            "content_hash": notice.content_hash,
            "letters": notice.letters,
            "template": template,
            "acts": acts,
        })
    }
}
