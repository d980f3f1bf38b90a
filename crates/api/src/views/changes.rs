//! Changes, with the names of who decided what, and what the reader may do with them.

use super::names::{Names, Titles};
use super::proof::{ProofView, proof_of_change_view};
use chrono::{DateTime, Utc};
use serde::Serialize;
use watchkeeper_domain::access::{Permission, User};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::change::{Change, ChangeCourse, ChangeState, ChangeStep};
use watchkeeper_domain::id::ChangeId;
use watchkeeper_domain::notice::Notice;
use watchkeeper_store::{StoreError, Tx};

/// A change of the register.
#[derive(Debug, Serialize)]
pub(crate) struct ChangeRow {
    reference: String,
    proposed_by_name: String,
    /// Who wrote what it says besides.
    revised_by_names: Vec<String>,
    judged_by_name: Option<String>,
    agreed_by_name: Option<String>,
    withdrawn_by_name: Option<String>,
    /// What time asks for next.
    next_step: Option<NextStep>,
    #[serde(flatten)]
    change: Change,
}

#[derive(Debug, Serialize)]
struct NextStep {
    step: ChangeStep,
    due_at: DateTime<Utc>,
}

impl ChangeRow {
    fn of(change: Change, names: &Names) -> Self {
        let withdrawn = match &change.course {
            ChangeCourse::Withdrawn { withdrawn_by, .. } => Some(names.of(withdrawn_by)),
            ChangeCourse::Planned | ChangeCourse::Effective { .. } => None,
        };
        Self {
            reference: change.reference(),
            proposed_by_name: names.of(&change.proposed_by),
            revised_by_names: change.revised_by.iter().map(|by| names.of(by)).collect(),
            judged_by_name: change.verdict().map(|verdict| names.of(&verdict.by)),
            agreed_by_name: change.agreement().map(|agreement| names.of(&agreement.by)),
            withdrawn_by_name: withdrawn,
            next_step: change.next_step().map(|(step, due_at)| NextStep { step, due_at }),
            change,
        }
    }
}

/// Changes of the register, in this order.
pub(crate) async fn change_rows(
    tx: &mut Tx,
    changes: Vec<Change>,
    titles: Titles,
) -> Result<Vec<ChangeRow>, StoreError> {
    let names = Names::of_people(tx, titles).await?;
    let rows = changes.into_iter().map(|change| ChangeRow::of(change, &names));
    Ok(rows.collect())
}

/// What the reader may do now.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct May {
    revise: bool,
    assess: bool,
    agree: bool,
    write: bool,
    withdraw: bool,
}

impl May {
    fn of(change: &Change, reader: &User) -> Self {
        let drafts = reader.may(Permission::DraftNotices);
        let planned = matches!(change.course, ChangeCourse::Planned);
        let withdrawn = matches!(change.course, ChangeCourse::Withdrawn { .. });
        let told = matches!(change.state, ChangeState::Told { .. });
        let waits = matches!(change.state, ChangeState::Assessed { .. });
        let unjudged = waits || matches!(change.state, ChangeState::Proposed);
        Self {
            revise: drafts && planned && !told,
            assess: drafts && unjudged && !withdrawn,
            agree: reader.may(Permission::ApproveNotices)
                && waits
                && !withdrawn
                && change.second_person(&Actor::person(&reader.id)),
            write: drafts && change.must_be_owed().is_ok(),
            withdraw: drafts && planned,
        }
    }
}

/// A change with its notices and with what can be proved about having told it.
#[derive(Debug, Serialize)]
pub(crate) struct ChangeView {
    change: ChangeRow,
    notices: Vec<Notice>,
    /// How many customers pay now, to whom its notice would go.
    paying: usize,
    proof: Option<ProofView>,
    may: May,
}

/// A change as `reader` sees it.
pub(crate) async fn change_view(
    tx: &mut Tx,
    id: &ChangeId,
    titles: Titles,
    reader: &User,
    now: DateTime<Utc>,
) -> Result<ChangeView, StoreError> {
    let change = tx.change(id).await?;
    let names = Names::of_people(tx, titles).await?;
    Ok(ChangeView {
        notices: tx.notices_of(id).await?,
        paying: tx.paying_customers().await?.len(),
        proof: proof_of_change_view(tx, &change, now).await?,
        may: May::of(&change, reader),
        change: ChangeRow::of(change, &names),
    })
}
