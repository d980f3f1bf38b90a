//! Obligations as the breach desk shows them: the ladder with its steps, the notices, and the proof.

use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_domain::access::User;
use watchkeeper_domain::customer::{Channel, Contact, ContactRole, Customer};
use watchkeeper_domain::delivery::{About, Delivery, DeliveryState};
use watchkeeper_domain::id::{CustomerId, IncidentId, NoticeId, UserId};
use watchkeeper_domain::incident::Incident;
use watchkeeper_domain::notice::{Notice, NoticeKind, TemplateWords, WordsApproval};
use watchkeeper_domain::obligation::{Miss, Obligation, ObligationState, Step};
use watchkeeper_store::{NoticeGone, StoreError, TellingCounts, Tx};

/// An obligation with everything around it.
#[derive(Debug, Serialize)]
pub(crate) struct ObligationView {
    customer_name: String,
    incident_reference: String,
    incident_title: String,
    drill: bool,
    next: Option<NextStep>,
    recipients: usize,
    /// How the contract wants the customer told beside the e-mail.
    channel: Channel,
    /// Whom to call, in order of preference; nobody in a drill, in which no customer hears of anything.
    contacts: Vec<Callee>,
    ladder: Vec<LadderStep>,
    holding: Option<NoticeState>,
    full: Option<NoticeState>,
    proof: Proof,
    /// How often the customer is told from the beginning, this time included.
    round: u32,
    /// The miss, whatever came of it.
    miss: Option<Miss>,
    /// When a customer whose deadline was missed was told all the same: by the first message to them that stands.
    told_late_at: Option<DateTime<Utc>>,
    /// Whether the customer is still to be told.
    untold: bool,
    #[serde(flatten)]
    obligation: Obligation,
}

/// A contact whom people tell by hand.
#[derive(Debug, Serialize)]
struct Callee {
    name: String,
    email: String,
    role: ContactRole,
}

/// Whom to call of a customer, in order of preference: also whoever no mail reaches.
fn callees(incident: &Incident, customer: Option<&Customer>) -> Vec<Callee> {
    let Some(customer) = customer.filter(|_| !incident.drill) else {
        return Vec::new();
    };
    let callee = |contact: &Contact| Callee {
        name: contact.name.clone(),
        email: contact.email.clone(),
        role: contact.role,
    };
    customer.contacts_in_order().into_iter().map(callee).collect()
}

#[derive(Debug, Serialize)]
struct NextStep {
    step: Step,
    what: &'static str,
    at: DateTime<Utc>,
}

#[derive(Debug, Serialize)]
struct LadderStep {
    step: Step,
    what: &'static str,
    at: DateTime<Utc>,
    taken_at: Option<DateTime<Utc>>,
    late: bool,
}

#[derive(Debug, Serialize)]
struct NoticeState {
    #[serde(flatten)]
    heading: Heading,
    /// Languages of a holding notice that has not gone to the customer yet whose words nobody has approved.
    unapproved: Vec<String>,
}

/// What became of the messages to one customer.
#[derive(Debug, Default, Serialize)]
struct Proof {
    queued: u64,
    submitted: u64,
    remote_accepted: u64,
    refused: u64,
    bounced: u64,
    possible_duplicates: u64,
}

impl Proof {
    fn add(&mut self, delivery: &Delivery) {
        match delivery.state {
            DeliveryState::Queued { .. } | DeliveryState::Claimed { .. } => self.queued += 1,
            DeliveryState::Accepted { .. } => self.submitted += 1,
            DeliveryState::Refused { .. } => self.refused += 1,
            DeliveryState::Bounced { .. } => self.bounced += 1,
        }
        self.remote_accepted += u64::from(delivery.stands() && delivery.remote_accepted.is_some());
        self.possible_duplicates += u64::from(delivery.possible_duplicate);
    }
}

/// What the obligations of one incident share.
struct Around {
    incident: Incident,
    notices: Vec<Notice>,
    /// Letters by customer.
    letters: BTreeMap<CustomerId, Vec<Delivery>>,
    /// What people said of the words of holding notices.
    approvals: Vec<WordsApproval>,
    /// Everybody with an account.
    people: Vec<User>,
}

impl Around {
    async fn load(tx: &mut Tx, id: &IncidentId) -> Result<Self, StoreError> {
        let mut around = Self::without_letters(tx, id).await?;
        for delivery in tx.deliveries_of(id).await? {
            if let About::Letter { customer, .. } = &delivery.about {
                let customer = customer.clone();
                around.letters.entry(customer).or_default().push(delivery);
            }
        }
        Ok(around)
    }

    /// For what says nothing of single customers: letters are by far the most of it.
    async fn without_letters(tx: &mut Tx, id: &IncidentId) -> Result<Self, StoreError> {
        Ok(Self {
            incident: tx.incident(id).await?,
            notices: tx.notices_of(id).await?,
            letters: BTreeMap::new(),
            approvals: tx.words_approvals().await?,
            people: tx.users().await?,
        })
    }

    /// What became of the messages that were written for an obligation.
    fn proof(&self, owed: &Obligation) -> Proof {
        let mut proof = Proof::default();
        for delivery in self.letters.get(&owed.customer).into_iter().flatten() {
            if matches!(&delivery.about, About::Letter { obligation, .. } if owed.has(obligation.as_ref())) {
                proof.add(delivery);
            }
        }
        proof
    }

    /// When a customer whose deadline was missed was told all the same. What takes back tells nobody what it takes back.
    fn told_late_at(&self, owed: &Obligation) -> Option<DateTime<Utc>> {
        if !matches!(owed.state, ObligationState::Missed { .. }) {
            return None;
        }
        let tells = |id: &NoticeId| {
            let mut notices = self.notices.iter();
            notices.any(|notice| notice.id == *id && notice.kind != NoticeKind::Withdrawn)
        };
        let letters = self.letters.get(&owed.customer).into_iter().flatten();
        letters
            .filter_map(|delivery| match (&delivery.about, &delivery.state) {
                (
                    About::Letter {
                        notice, obligation, ..
                    },
                    DeliveryState::Accepted { at, .. },
                ) if owed.has(obligation.as_ref()) && tells(notice) => Some(*at),
                _ => None,
            })
            .min()
    }

    /// Languages of a holding notice that waits for a customer, also where it went to others, whose words nobody has approved.
    fn unapproved(&self, notice: &Notice, owed: &Obligation) -> Vec<String> {
        let approved = |words: &&TemplateWords| {
            let mut known = self.approvals.iter().filter(|known| known.is_of(words));
            known.any(|known| known.approved.is_some())
        };
        let waits = owed.waits_for_holding(notice.round);
        let words = notice.words.iter().filter(|words| waits && !approved(words));
        words.map(|words| words.language.clone()).collect()
    }

    fn heading(&self, notice: &Notice) -> Heading {
        let state = notice.state.name();
        let approvers = if state == "submitted" {
            notice.approvers(&self.people)
        } else {
            Vec::new()
        };
        Heading {
            notice: notice.id.clone(),
            state,
            approvers: approvers.into_iter().map(|user| user.id.clone()).collect(),
        }
    }

    /// The newest notice of a kind that is for this round of telling.
    fn notice(&self, kind: NoticeKind, owed: &Obligation) -> Option<NoticeState> {
        let of_round = |notice: &&Notice| match (kind, &owed.again) {
            (NoticeKind::Holding, _) => notice.round == owed.round(),
            (_, Some(again)) => notice.created_at >= again.found_at,
            (_, None) => true,
        };
        let newest = self
            .notices
            .iter()
            .filter(|notice| notice.kind == kind && !notice.discarded())
            .filter(of_round)
            .max_by_key(|notice| notice.created_at);
        newest.map(|notice| NoticeState {
            heading: self.heading(notice),
            unapproved: self.unapproved(notice, owed),
        })
    }
}

/// How far the holding notices of an incident went, which go to each customer by the customer's own clock.
#[derive(Debug, Serialize)]
pub(crate) struct HoldingGone {
    /// To how many customers it went.
    customers: u64,
    /// To how many it is still to go by the clock.
    waiting: usize,
    /// When it goes to the next of them.
    next_at: Option<DateTime<Utc>>,
}

/// How far each holding notice among `notices` went.
pub(crate) fn holding_gone(
    notices: &[Notice],
    owed: &[Obligation],
    gone: &BTreeMap<NoticeId, NoticeGone>,
) -> BTreeMap<NoticeId, HoldingGone> {
    let holding = notices.iter().filter(|notice| notice.kind == NoticeKind::Holding);
    let went = |notice: &Notice| {
        let waiting = || owed.iter().filter(|owed| owed.waits_for_holding(notice.round));
        HoldingGone {
            customers: gone.get(&notice.id).map_or(0, |gone| gone.customers),
            waiting: waiting().count(),
            next_at: waiting().map(|owed| owed.step_at(Step::SendHolding)).min(),
        }
    };
    holding.map(|notice| (notice.id.clone(), went(notice))).collect()
}

/// An incident as the breach desk heads its customers, whatever rows are shown below.
#[derive(Debug, Serialize)]
pub(crate) struct TellingRow {
    incident: IncidentId,
    reference: String,
    title: String,
    drill: bool,
    counts: TellingCounts,
    holding: Option<Heading>,
    full: Option<Heading>,
    /// How far the holding notice went.
    holding_gone: Option<HoldingGone>,
    /// Languages in which the holding notice is to go with words that nobody has approved.
    unapproved: BTreeSet<String>,
}

/// A notice, and what there is to do about it.
#[derive(Debug, Serialize)]
struct Heading {
    notice: NoticeId,
    state: &'static str,
    /// Of a notice that waits for its approval: who may approve it.
    approvers: Vec<UserId>,
}

/// The heading of an incident at the breach desk.
pub(crate) async fn telling_row(
    tx: &mut Tx,
    id: &IncidentId,
    counts: TellingCounts,
) -> Result<TellingRow, StoreError> {
    let around = Around::without_letters(tx, id).await?;
    let owed = tx.obligations_of(id).await?;
    let gone = tx.notices_gone(id).await?;
    let mut gone = holding_gone(&around.notices, &owed, &gone);
    let newest = |kind: NoticeKind| {
        let notices = around.notices.iter();
        let of_kind = notices.filter(|notice| notice.kind == kind && !notice.discarded());
        of_kind.max_by_key(|notice| notice.created_at)
    };
    let holding = newest(NoticeKind::Holding);
    let unapproved = holding.map(|notice| {
        let languages = owed.iter().flat_map(|owed| around.unapproved(notice, owed));
        languages.collect()
    });
    Ok(TellingRow {
        reference: around.incident.reference(),
        title: around.incident.title.clone(),
        drill: around.incident.drill,
        counts,
        holding_gone: holding.and_then(|notice| gone.remove(&notice.id)),
        holding: holding.map(|notice| around.heading(notice)),
        full: newest(NoticeKind::Full).map(|notice| around.heading(notice)),
        unapproved: unapproved.unwrap_or_default(),
        incident: id.clone(),
    })
}

/// Obligations with everything around them, in the same order.
pub(crate) async fn obligation_views(
    tx: &mut Tx,
    obligations: Vec<Obligation>,
) -> Result<Vec<ObligationView>, StoreError> {
    let incidents: BTreeSet<IncidentId> = obligations.iter().map(|o| o.incident.clone()).collect();
    let mut around = BTreeMap::new();
    for incident in incidents {
        around.insert(incident.clone(), Around::load(tx, &incident).await?);
    }
    let ids: BTreeSet<CustomerId> = obligations.iter().map(|o| o.customer.clone()).collect();
    let customers = tx.customers_by_ids(&ids.into_iter().collect::<Vec<_>>()).await?;
    let customers: BTreeMap<CustomerId, Customer> =
        customers.into_iter().map(|c| (c.id.clone(), c)).collect();
    let mut views = Vec::with_capacity(obligations.len());
    for obligation in obligations {
        if let Some(around) = around.get(&obligation.incident) {
            views.push(view(obligation, around, &customers));
        }
    }
    Ok(views)
}

fn view(
    obligation: Obligation,
    around: &Around,
    customers: &BTreeMap<CustomerId, Customer>,
) -> ObligationView {
    let customer = customers.get(&obligation.customer);
    let told_late_at = around.told_late_at(&obligation);
    let ladder = Step::ALL.into_iter().map(|step| {
        let taken = obligation.steps.iter().find(|taken| taken.step == step);
        LadderStep {
            step,
            what: step.what(),
            at: obligation.step_at(step),
            taken_at: taken.map(|taken| taken.at),
            late: taken.is_some_and(|taken| taken.late()),
        }
    });
    ObligationView {
        customer_name: customer.map(|customer| customer.name.clone()).unwrap_or_default(),
        incident_reference: around.incident.reference(),
        incident_title: around.incident.title.clone(),
        drill: around.incident.drill,
        next: obligation.next_step().map(|(step, at)| NextStep {
            step,
            what: step.what(),
            at,
        }),
        recipients: customer.map_or(0, |customer| around.incident.recipients(customer).len()),
        channel: customer
            .map(|customer| customer.terms.channel)
            .unwrap_or_default(),
        contacts: callees(&around.incident, customer),
        ladder: ladder.collect(),
        holding: around.notice(NoticeKind::Holding, &obligation),
        full: around.notice(NoticeKind::Full, &obligation),
        proof: around.proof(&obligation),
        round: obligation.round(),
        miss: obligation.miss(),
        told_late_at,
        untold: match obligation.state {
            ObligationState::Running => true,
            ObligationState::Missed { .. } => told_late_at.is_none(),
            ObligationState::Told { .. } | ObligationState::Ended { .. } => false,
        },
        obligation,
    }
}
