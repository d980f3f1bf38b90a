//! Notices with their letters, and what the reader may do with them.

use serde::Serialize;
use std::collections::BTreeMap;
use watchkeeper_domain::access::{Permission, User};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::id::{CustomerId, NoticeId};
use watchkeeper_domain::notice::{Letter, Notice, NoticeKind, NoticeState};
use watchkeeper_store::{StoreError, Tx};

/// A notice with its letters.
#[derive(Debug, Serialize)]
pub(crate) struct NoticeView {
    incident_reference: String,
    letters: Vec<LetterView>,
    missing: Vec<&'static str>,
    may: May,
    notice: Notice,
}

#[derive(Debug, Serialize)]
struct LetterView {
    #[serde(flatten)]
    letter: Letter,
    customer_name: String,
}

/// What the reader may do now.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct May {
    edit: bool,
    submit: bool,
    approve: bool,
    #[serde(rename = "return")]
    send_back: bool,
}

impl May {
    fn of(notice: &Notice, reader: &User) -> Self {
        let me = Actor::person(&reader.id);
        let drafts = reader.may(Permission::DraftNotices);
        let approves = reader.may(Permission::ApproveNotices);
        let begun = matches!(notice.state, NoticeState::Draft | NoticeState::Returned { .. });
        let second_person = match &notice.state {
            NoticeState::Submitted { by, .. } => *by != me && notice.author != me,
            _ => false,
        };
        let submitted = matches!(notice.state, NoticeState::Submitted { .. });
        Self {
            // Whoever edits becomes the author: the second person returns the notice instead, and stays able to approve it.
            edit: drafts && (begun || (submitted && !(approves && second_person))),
            submit: drafts && begun && notice.facts.missing().is_empty() && notice.letters > 0,
            approve: approves && second_person,
            send_back: approves && submitted,
        }
    }
}

/// A notice as `reader` sees it.
pub(crate) async fn notice_view(tx: &mut Tx, id: &NoticeId, reader: &User) -> Result<NoticeView, StoreError> {
    let notice = tx.notice(id).await?;
    let letters = tx.letters(id).await?;
    let ids: Vec<CustomerId> = letters.iter().map(|letter| letter.customer.clone()).collect();
    let customers = tx.customers_by_ids(&ids).await?;
    let names: BTreeMap<CustomerId, String> = customers.into_iter().map(|c| (c.id, c.name)).collect();
    let view = |letter: Letter| LetterView {
        customer_name: names.get(&letter.customer).cloned().unwrap_or_default(),
        letter,
    };
    let missing = if notice.kind == NoticeKind::Full {
        notice.facts.missing()
    } else {
        Vec::new()
    };
    Ok(NoticeView {
        incident_reference: tx.incident(&notice.incident).await?.reference(),
        letters: letters.into_iter().map(view).collect(),
        missing,
        may: May::of(&notice, reader),
        notice,
    })
}
