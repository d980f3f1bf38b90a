//! Who wrote, submitted and approved each notice, when, by which digest; and every letter that the digest is over.

use super::Pack;
use crate::desk::RespondError;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{Seek, Write};
use watchkeeper_domain::notice::{
    LetterWords, Notice, NoticeState, TemplateWords, WordsAct, WordsApproval, WordsTakenBack,
};

impl<W: Write + Seek + Send> Pack<'_, W> {
    pub(super) async fn write_approvals(&mut self) -> Result<(), RespondError> {
        let ids: Vec<_> = self.notices.keys().cloned().collect();
        let mut approvals = Vec::with_capacity(ids.len());
        self.archive.begin("letters.jsonl")?;
        for id in &ids {
            let notice = self.tx.notice(id).await?;
            let mut words: BTreeSet<TemplateWords> = BTreeSet::new();
            for letter in self.tx.letters(id).await? {
                words.extend(letter.template.as_ref().map(LetterWords::words));
                self.archive.line(&letter)?;
            }
            let mut said = Vec::new();
            for words in words {
                let approval = self.tx.words_approval(&words).await?;
                said.push(self.words(&words, approval.as_ref()));
            }
            approvals.push(self.approval(&notice, &said));
        }
        self.archive.json("approvals.json", &approvals)
    }

    /// Who put words forward, who approved them, and which approvals were taken back. What counts for a letter stands in the letter: an approval may be later than it.
    fn words(&self, words: &TemplateWords, approval: Option<&WordsApproval>) -> serde_json::Value {
        let act = |act: &WordsAct| json!({"at": act.at, "by": self.called(&act.by), "actor": act.by});
        let put_forward = approval.map(|known| known.put_forward.iter().map(act).collect::<Vec<_>>());
        let taken_back = approval.map(|known| {
            let one = |taken: &WordsTakenBack| {
                json!({
                    "put_forward": taken.put_forward.iter().map(act).collect::<Vec<_>>(),
                    "approved": act(&taken.approved),
                    "at": taken.at,
                    "by": self.called(&taken.by),
                    "actor": taken.by,
                    "why": taken.why,
                })
            };
            known.taken_back.iter().map(one).collect::<Vec<_>>()
        });
        json!({
            "language": words.language,
            "digest": words.digest,
            "put_forward": put_forward.unwrap_or_default(),
            "approved": approval.and_then(|known| known.approved.as_ref()).map(act),
            "taken_back": taken_back.unwrap_or_default(),
        })
    }

    fn approval(&self, notice: &Notice, words: &[serde_json::Value]) -> serde_json::Value {
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
            | NoticeState::Discarded { .. }
            | NoticeState::Prepared { .. } => json!(null),
        };
        let template = match &notice.state {
            NoticeState::Prepared { template } => json!(template),
            _ => json!(null),
        };
        let writers: Vec<_> = notice
            .writers
            .iter()
            .map(|by| json!({"by": self.called(by), "actor": by}))
            .collect();
        let edited = notice.edited.as_ref();
        let edited = edited.map(|act| json!({"at": act.at, "by": self.called(&act.by), "actor": act.by}));
        json!({
            "notice": notice.id,
            notice.matter.name(): notice.matter.as_str(),
            "kind": notice.kind,
            "state": notice.state.name(),
            "author": {"at": notice.created_at, "by": self.called(&notice.author), "actor": notice.author},
            "writers": writers,
            "edited": edited,
            "submitted": last("notice.submitted"),
            "approved": approved,
            "content_hash": notice.content_hash,
            "letters": notice.letters,
            "template": template,
            "words": words,
            "unapproved": notice.unapproved,
            "acts": acts,
        })
    }
}
