//! What people do in the register of changes: propose, judge, agree, write to the paying customers, withdraw.
//!
//! The notice of a change is written, submitted and approved by the operations on notices; what is particular to a change is here: that
//! it may be told at all, and to whom. It goes to the customers that pay at the instant of the approval, since that is when it is put on
//! its way: whoever pays on that day is told, and who comes later finds the change in force. The list is kept as the letters of the
//! notice, which never change once it was sent.

use super::notices::about;
use crate::desk::{Desk, RespondError};
use crate::library::DEFAULT_LETTERS;
use crate::settle::{Said, must_be_read};
use serde_json::json;
use std::collections::BTreeSet;
use watchkeeper_domain::access::{Permission, User};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::change::{Change, ChangeProposal};
use watchkeeper_domain::id::{ChangeId, CustomerId};
use watchkeeper_domain::incident::EntryKind;
use watchkeeper_domain::matter::Matter;
use watchkeeper_domain::notice::{
    Letter, LetterAbout, LetterSubject, Notice, NoticeKind, NoticeState, Written, render,
};
use watchkeeper_store::Tx;

impl Desk {
    /// Somebody proposes a change.
    ///
    /// # Errors
    /// See [`Change::propose`].
    pub async fn propose_change(&self, proposal: ChangeProposal, by: &Actor) -> Result<Change, RespondError> {
        let outcome = Change::propose(proposal, self.house.change_notice, by, self.now())?;
        let said = Said {
            by,
            action: "change.proposed",
            detail: json!({"effective_at": outcome.subject.effective_at}),
        };
        let mut tx = self.begin().await?;
        let change = self.settle_change(&mut tx, None, outcome, said).await?;
        self.commit(tx).await?;
        Ok(change)
    }

    /// Somebody changes what a change says; its judgement falls, and letters that were not sent are rendered anew.
    ///
    /// # Errors
    /// See [`Change::revise`].
    pub async fn revise_change(
        &self,
        id: &ChangeId,
        read: Option<i64>,
        proposal: ChangeProposal,
        by: &Actor,
    ) -> Result<Change, RespondError> {
        let mut tx = self.begin().await?;
        let change = tx.change(id).await?;
        must_be_read(read, change.version, "change", id.as_str())?;
        let before = change.version;
        let outcome = change.revise(proposal, self.house.change_notice, by, self.now())?;
        let said = Said {
            by,
            action: "change.revised",
            detail: json!({"effective_at": outcome.subject.effective_at}),
        };
        let change = self.settle_change(&mut tx, Some(before), outcome, said).await?;
        for notice in tx.notices_of(id).await? {
            if !matches!(
                notice.state,
                NoticeState::Sent { .. } | NoticeState::Discarded { .. }
            ) {
                self.render_letters(&mut tx, &Matter::from(&change), notice)
                    .await?;
            }
        }
        self.commit(tx).await?;
        Ok(change)
    }

    /// Somebody judges whether a change is substantial for security; counsel is paged to agree.
    ///
    /// # Errors
    /// See [`Change::assess`].
    pub async fn assess_change(
        &self,
        id: &ChangeId,
        read: Option<i64>,
        (substantial, reason): (bool, &str),
        by: &Actor,
    ) -> Result<Change, RespondError> {
        let now = self.now();
        let said = Said {
            by,
            action: "change.assessed",
            detail: json!({"substantial": substantial}),
        };
        self.decide_change(id, read, said, |change| {
            change.assess(substantial, reason, by, now)
        })
        .await
    }

    /// Another person agrees with the judgement.
    ///
    /// # Errors
    /// See [`Change::agree`].
    pub async fn agree_change(
        &self,
        id: &ChangeId,
        read: Option<i64>,
        by: &User,
    ) -> Result<Change, RespondError> {
        if !by.may(Permission::ApproveNotices) {
            return Err(RespondError::Forbidden(
                "only counsel can agree with the judgement of a change".to_owned(),
            ));
        }
        let now = self.now();
        let actor = Actor::person(&by.id);
        let said = Said {
            by: &actor,
            action: "change.agreed",
            detail: json!({}),
        };
        self.decide_change(id, read, said, |change| change.agree(&actor, now))
            .await
    }

    /// A change does not come.
    ///
    /// # Errors
    /// See [`Change::withdraw`].
    pub async fn withdraw_change(
        &self,
        id: &ChangeId,
        read: Option<i64>,
        why: &str,
        by: &Actor,
    ) -> Result<Change, RespondError> {
        let now = self.now();
        let said = Said {
            by,
            action: "change.withdrawn",
            detail: json!({}),
        };
        self.decide_change(id, read, said, |change| change.withdraw(why, by, now))
            .await
    }

    /// Somebody begins the notice of a change.
    ///
    /// # Errors
    /// See [`Change::must_be_owed`].
    pub async fn draft_change_notice(
        &self,
        id: &ChangeId,
        written: Written,
        by: &Actor,
    ) -> Result<Notice, RespondError> {
        self.must_be_readable(&written)?;
        let mut tx = self.begin().await?;
        let change = tx.change(id).await?;
        change.must_be_owed()?;
        self.begin_notice(tx, Matter::from(change), NoticeKind::SecurityChange, written, by)
            .await
    }

    /// The letters to every customer that pays now, or to those of them who are among `only`.
    pub(crate) async fn letters_on(
        &self,
        tx: &mut Tx,
        change: &Change,
        notice: &Notice,
        only: Option<&BTreeSet<CustomerId>>,
    ) -> Result<Vec<Letter>, RespondError> {
        let mut letters = Vec::new();
        for customer in &tx.paying_customers().await? {
            if only.is_some_and(|only| !only.contains(&customer.id)) {
                continue;
            }
            let template = self.template(DEFAULT_LETTERS, notice.kind, &customer.language)?;
            let subject = LetterSubject {
                about: LetterAbout::Change(change),
                customer,
                sender: &self.house.sender,
                earlier: None,
                first: None,
            };
            letters.push(render(template, notice, subject).map_err(RespondError::Unavailable)?);
        }
        Ok(letters)
    }

    /// The notice of a change is on its way: its record, and that the change is told.
    pub(crate) async fn say_told(
        &self,
        tx: &mut Tx,
        change: Change,
        notice: &Notice,
        by: &Actor,
        (action, text): (&'static str, &str),
    ) -> Result<(), RespondError> {
        let (now, before) = (self.now(), change.version);
        let text = format!("{} {text}", notice.kind.title());
        let entry = Matter::from(&change).entry(EntryKind::NoticeChanged, now, now, by, text);
        tx.append_entries(&[entry]).await?;
        self.record(tx, by, action, notice.id.as_str(), about(notice))
            .await?;
        let outcome = change.tell(&notice.id, notice.letters, by, now)?;
        let said = Said {
            by,
            action: "change.told",
            detail: json!({"notice": notice.id, "customers": notice.letters}),
        };
        self.settle_change(tx, Some(before), outcome, said).await?;
        Ok(())
    }
}
