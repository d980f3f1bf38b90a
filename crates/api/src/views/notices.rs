//! Notices with their letters, and what the reader may do with them.

use serde::Serialize;
use std::collections::BTreeMap;
use watchkeeper_domain::access::{Permission, User};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::id::{CustomerId, LetterId, NoticeId, UserId};
use watchkeeper_domain::matter::MatterId;
use watchkeeper_domain::notice::{
    Finding, Hand, KindField, Letter, LetterWords, Notice, NoticeFacts, NoticeKind, NoticeState, Receipt,
    Weight, base_language,
};
use watchkeeper_domain::obligation::{Obligation, ToldByHand};
use watchkeeper_respond::library::Library;
use watchkeeper_store::{StoreError, Tx};

/// A notice with its letters.
#[derive(Debug, Serialize)]
pub(crate) struct NoticeView {
    /// `INC-0042` or `CHG-0007`.
    reference: String,
    letters: Vec<LetterView>,
    /// What people write in this kind, in the order of the letter.
    fields: Vec<KindField>,
    missing: Vec<String>,
    findings: Vec<Finding>,
    languages: Vec<LanguageView>,
    /// What the customers were told last before this notice: what a continuation is compared with.
    told_before: Option<NoticeFacts>,
    may: May,
    /// Who of all people may approve it: whoever may approve notices and had no hand in it. Who begins or changes it leaves the list.
    approvers: Vec<Approver>,
    notice: Notice,
}

/// A language that letters exist in, and how many customers of this notice read it.
#[derive(Debug, Serialize)]
struct LanguageView {
    language: String,
    customers: usize,
}

/// Whom a letter is for; its text is asked for by its id, since there may be thousands.
#[derive(Debug, Serialize)]
struct LetterView {
    id: LetterId,
    customer: CustomerId,
    customer_name: String,
    recipients: Vec<String>,
    hash: String,
    /// Of a holding notice: its words, and who had approved them when it went.
    template: Option<LetterWords>,
    /// How people told the customer by hand in the same round.
    by_hand: Vec<ToldByHand>,
}

/// Somebody who may approve the notice.
#[derive(Debug, Serialize)]
struct Approver {
    user: UserId,
    name: String,
    /// Whether they were paged to approve it.
    paged: bool,
}

/// What the reader may do now.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct May {
    /// Why the reader may not approve it, whatever their role.
    hand: Option<Hand>,
    edit: bool,
    submit: bool,
    approve: bool,
    #[serde(rename = "return")]
    send_back: bool,
    discard: bool,
}

impl May {
    fn of(notice: &Notice, reader: &User) -> Self {
        let me = Actor::person(&reader.id);
        let drafts = reader.may(Permission::DraftNotices);
        let approves = reader.may(Permission::ApproveNotices);
        let begun = matches!(notice.state, NoticeState::Draft | NoticeState::Returned { .. });
        let hand = notice.hand_of(&me);
        let submitted = matches!(notice.state, NoticeState::Submitted { .. });
        let second_person = submitted && hand.is_none();
        Self {
            hand,
            // Whoever edits has a hand in it: the second person returns the notice instead, and stays able to approve it.
            edit: drafts && (begun || (submitted && !(approves && second_person))),
            submit: drafts
                && begun
                && notice.letters > 0
                && notice.missing().is_empty()
                && !notice
                    .findings()
                    .iter()
                    .any(|finding| finding.weight == Weight::Must),
            approve: approves && second_person,
            send_back: approves && submitted,
            discard: drafts && notice.may_be_discarded(),
        }
    }
}

/// A notice as `reader` sees it.
pub(crate) async fn notice_view(
    tx: &mut Tx,
    library: &Library,
    id: &NoticeId,
    reader: &User,
) -> Result<NoticeView, StoreError> {
    let notice = tx.notice(id).await?;
    let letters = tx.letters(id).await?;
    let ids: Vec<CustomerId> = letters.iter().map(|letter| letter.customer.clone()).collect();
    let customers = tx.customers_by_ids(&ids).await?;
    let reads = |language: &str| {
        customers
            .iter()
            .filter(|c| base_language(&c.language) == language)
            .count()
    };
    let languages = library.languages().into_iter();
    let languages = languages.map(|language| LanguageView {
        language: language.to_owned(),
        customers: reads(language),
    });
    let languages = languages.collect();
    let names: BTreeMap<CustomerId, String> = customers.into_iter().map(|c| (c.id, c.name)).collect();
    let owed = match &notice.matter {
        MatterId::Incident(incident) => tx.obligations_of(incident).await?,
        MatterId::Change(_) => Vec::new(),
    };
    let mut by_hand: BTreeMap<CustomerId, Vec<Obligation>> = BTreeMap::new();
    for each in owed.into_iter().filter(|owed| !owed.by_hand.is_empty()) {
        by_hand.entry(each.customer.clone()).or_default().push(each);
    }
    let told = |letter: &Letter| {
        let theirs = by_hand.get(&letter.customer).into_iter().flatten();
        let of_round = theirs.filter(|owed| owed.has(letter.obligation.as_ref()));
        of_round.flat_map(|owed| owed.by_hand.clone()).collect()
    };
    let view = |letter: Letter| LetterView {
        customer_name: names.get(&letter.customer).cloned().unwrap_or_default(),
        by_hand: told(&letter),
        template: letter.template,
        id: letter.id,
        customer: letter.customer,
        recipients: letter.recipients,
        hash: letter.hash,
    };
    let earlier = tx.notices_of(&notice.matter).await?.into_iter();
    let told_before = earlier
        .filter(|n| n.id != notice.id && n.kind != NoticeKind::Holding)
        .filter_map(|n| match n.state {
            NoticeState::Sent { at, .. } if at <= notice.created_at => Some((at, n.facts)),
            _ => None,
        })
        .max_by_key(|(at, _)| *at)
        .map(|(_, facts)| facts);
    let people = tx.users().await?;
    let approver = |user: &User| Approver {
        user: user.id.clone(),
        name: user.name.clone(),
        paged: notice.asked.contains(&user.id),
    };
    Ok(NoticeView {
        approvers: notice.approvers(&people).into_iter().map(approver).collect(),
        reference: reference_of(tx, &notice.matter).await?,
        letters: letters.into_iter().map(view).collect(),
        fields: notice.kind.fields(),
        missing: notice.missing(),
        findings: notice.findings(),
        languages,
        told_before,
        may: May::of(&notice, reader),
        notice,
    })
}

/// How people call what a notice is about.
async fn reference_of(tx: &mut Tx, matter: &MatterId) -> Result<String, StoreError> {
    Ok(match matter {
        MatterId::Incident(incident) => tx.incident(incident).await?.reference(),
        MatterId::Change(change) => tx.change(change).await?.reference(),
    })
}

/// What recipients did with a letter.
#[derive(Debug, Serialize)]
pub(crate) struct ReceiptView {
    customer_name: String,
    notice_kind: Option<NoticeKind>,
    #[serde(flatten)]
    receipt: Receipt,
}

/// What recipients did with the letters of an incident or a change, the one with the oldest opening first.
pub(crate) async fn receipt_views(
    tx: &mut Tx,
    matter: impl Into<MatterId>,
) -> Result<Vec<ReceiptView>, StoreError> {
    let matter = matter.into();
    let receipts = tx.receipts_of(&matter).await?;
    let ids: Vec<CustomerId> = receipts.iter().map(|receipt| receipt.customer.clone()).collect();
    let customers = tx.customers_by_ids(&ids).await?;
    let names: BTreeMap<CustomerId, String> = customers.into_iter().map(|c| (c.id, c.name)).collect();
    let notices = tx.notices_of(&matter).await?;
    let kinds: BTreeMap<NoticeId, NoticeKind> = notices.into_iter().map(|n| (n.id, n.kind)).collect();
    let view = |receipt: Receipt| ReceiptView {
        customer_name: names.get(&receipt.customer).cloned().unwrap_or_default(),
        notice_kind: kinds.get(&receipt.notice).copied(),
        receipt,
    };
    Ok(receipts.into_iter().map(view).collect())
}
