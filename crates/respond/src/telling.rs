//! What follows from what became of a message: a customer was told, or is no longer; the next contact is tried; somebody must pick up the
//! phone. Whether a server refused during the conversation or reported it a day later makes no difference here.

use crate::desk::{Desk, RespondError};
use crate::outbox::says_what_was_queued;
use chrono::{DateTime, Utc};
use serde_json::json;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::delivery::report::StatusCode;
use watchkeeper_domain::delivery::{About, Delivery, DeliveryState};
use watchkeeper_domain::id::{CustomerId, LetterId, NoticeId, ObligationId};
use watchkeeper_domain::incident::{EntryKind, TimelineEntry};
use watchkeeper_domain::matter::{Matter, MatterId};
use watchkeeper_domain::notice::NoticeKind;
use watchkeeper_domain::obligation::Obligation;
use watchkeeper_domain::page::PageReason;
use watchkeeper_store::Tx;

/// Which letter a delivery carries.
#[derive(Clone, Copy)]
pub(crate) struct LetterOf<'a> {
    pub(crate) matter: &'a MatterId,
    pub(crate) notice: &'a NoticeId,
    pub(crate) letter: &'a LetterId,
    pub(crate) customer: &'a CustomerId,
    pub(crate) obligation: Option<&'a ObligationId>,
}

impl<'a> LetterOf<'a> {
    /// The letter; none where the delivery is a page, or a dry run, which tells nobody.
    pub(crate) fn of(delivery: &'a Delivery) -> Option<Self> {
        match &delivery.about {
            About::Page { .. }
            | About::HousePage { .. }
            | About::DryRun { .. }
            | About::Asking { .. }
            | About::Checkpoint { .. } => None,
            About::Letter {
                matter,
                notice,
                letter,
                customer,
                obligation,
            } => Some(Self {
                matter,
                notice,
                letter,
                customer,
                obligation: obligation.as_ref(),
            }),
        }
    }
}

/// What was owed to the customer of a letter when it was written; nothing where it is about a change, which is owed to nobody by a clock.
async fn owed_by(tx: &mut Tx, letter: LetterOf<'_>) -> Result<Option<Obligation>, RespondError> {
    match (letter.matter, letter.obligation) {
        (MatterId::Incident(_), Some(obligation)) => Ok(Some(tx.obligation(obligation).await?)),
        // Of an older version, in which there was one round.
        (MatterId::Incident(incident), None) => {
            let owed = tx.obligations_to(incident, letter.customer).await?;
            Ok(owed.into_iter().find(|owed| owed.has(None)))
        }
        (MatterId::Change(_), _) => Ok(None),
    }
}

/// Whether the customer of a letter is told from the beginning again since it was written.
async fn is_of_a_round_before(tx: &mut Tx, letter: LetterOf<'_>) -> Result<bool, RespondError> {
    let MatterId::Incident(incident) = letter.matter else {
        return Ok(false);
    };
    let last = tx.obligation_of(incident, letter.customer).await?;
    Ok(last.is_some_and(|last| !last.has(letter.obligation)))
}

impl Desk {
    /// Our relay took a letter: the customer is told.
    pub(crate) async fn told(
        &self,
        tx: &mut Tx,
        letter: LetterOf<'_>,
        answer: &str,
        now: DateTime<Utc>,
    ) -> Result<(), RespondError> {
        let by = Actor::worker("delivery");
        let mut first = false;
        if let Some(obligation) = owed_by(tx, letter).await? {
            let before = obligation.version;
            let id = obligation.id.clone();
            if let Some(told) = obligation.told(letter.notice, now) {
                tx.update_obligation(&told, before).await?;
                let detail =
                    json!({"notice": letter.notice, "customer": letter.customer, "version": told.version});
                self.record(tx, &by, "obligation.told", id.as_str(), detail)
                    .await?;
                first = true;
            }
        } else if letter.matter.change().is_some() {
            first = tx.letters_accepted(letter.notice, letter.customer).await? == 1;
        }
        // Who was told by an earlier notice gets the first message of this one all the same.
        let word = if first {
            " told: the notice was submitted, our relay took it"
        } else if letter.matter.change().is_none()
            && tx.letters_accepted(letter.notice, letter.customer).await? <= 1
        {
            ": the notice was submitted, our relay took it"
        } else {
            ": another message of the notice was submitted, our relay took it"
        };
        let text = format!("{}{word} ({answer})", letter.customer);
        // The incident or change is not read for it: with thousands affected that would be most of the work.
        let entry = TimelineEntry::new(letter.matter, EntryKind::Delivered, now, now, &by, text);
        tx.append_entries(&[entry]).await?;
        Ok(())
    }

    /// A letter that had been taken did not arrive. Where no other message to the customer stands, the customer was not told after all.
    pub(crate) async fn no_longer_told(
        &self,
        tx: &mut Tx,
        letter: LetterOf<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), RespondError> {
        let Some(obligation) = owed_by(tx, letter).await? else {
            return Ok(());
        };
        let notices = tx.notices_of(letter.matter).await?;
        // What takes back tells nobody what it takes back.
        let tells = |id: &NoticeId| {
            let notice = notices.iter().find(|notice| notice.id == *id);
            notice.is_some_and(|notice| notice.kind != NoticeKind::Withdrawn)
        };
        let standing: Vec<(NoticeId, DateTime<Utc>)> = tx
            .deliveries_to(letter.matter, letter.customer)
            .await?
            .iter()
            .filter_map(|delivery| match (&delivery.about, &delivery.state) {
                (
                    About::Letter {
                        notice,
                        obligation: of,
                        ..
                    },
                    DeliveryState::Accepted { at, .. },
                ) if obligation.has(of.as_ref()) && tells(notice) => Some((notice.clone(), *at)),
                _ => None,
            })
            .collect();
        let before = obligation.version;
        let by = Actor::worker("delivery");
        let matter = self.matter(tx, letter.matter).await?;
        let over = match &matter {
            Matter::Incident(incident) => {
                !incident.affects(letter.customer) || is_of_a_round_before(tx, letter).await?
            }
            Matter::Change(_) => false,
        };
        let Some(mut changed) = obligation.bounced(&standing) else {
            return Ok(());
        };
        if over {
            // Who is not affected is owed nothing, and what is owed anew has a clock of its own.
            let why = "what told them did not arrive, and it had been taken back before that was known";
            changed = changed.clone().take_back(why, &by, now).unwrap_or(changed);
        }
        tx.update_obligation(&changed, before).await?;
        let detail = json!({
            "customer": letter.customer,
            "state": changed.state.name(),
            "version": changed.version,
        });
        self.record(tx, &by, "obligation.bounced", changed.id.as_str(), detail)
            .await?;
        let text = if over && changed.state.name() == "ended" {
            format!(
                "{} had not been told: no message to them stands; nothing is owed for it any more",
                letter.customer
            )
        } else if standing.is_empty() {
            format!(
                "{} has not been told: no message to them stands any more, and the clock runs on until {}",
                letter.customer,
                watchkeeper_domain::words::second(changed.deadline.due_at)
            )
        } else {
            format!(
                "{}: what told them bounced; another message to them stands",
                letter.customer
            )
        };
        tx.append_entries(&[matter.entry(EntryKind::ObligationChanged, now, now, &by, text)])
            .await?;
        Ok(())
    }

    /// A letter will not arrive at its address: the next contact is told; where none is left, whoever is in charge is paged. `what` says
    /// what happened to the message.
    pub(crate) async fn try_next_contact(
        &self,
        tx: &mut Tx,
        delivery: &Delivery,
        letter: LetterOf<'_>,
        what: &str,
        now: DateTime<Utc>,
    ) -> Result<(), RespondError> {
        let by = Actor::worker("delivery");
        let matter = self.matter(tx, letter.matter).await?;
        let customer = tx.customer(letter.customer).await?;
        let tried = tx.addresses_tried(letter.notice, letter.customer).await?;
        let taken_back = is_of_a_round_before(tx, letter).await?;
        let text = match matter.next_recipient(&customer, &tried) {
            _ if taken_back => format!(
                "A message to {} {what}; nobody else gets it, since it was taken back, and they are told anew",
                letter.customer
            ),
            Some(address) => {
                let notice = tx.notice(letter.notice).await?;
                let body = tx.letter(letter.letter).await?;
                if !says_what_was_queued(tx, &body, &delivery.recipient).await? {
                    return self.letter_changed(tx, letter, now).await;
                }
                let sealed = tx.last_checkpoint().await?.map(|last| last.note);
                self.enqueue_letter(tx, &matter, &notice, (&body, &address), sealed.as_deref())
                    .await?;
                format!(
                    "A message to {} {what}; the next contact is tried",
                    letter.customer
                )
            }
            None => {
                let reached = tx.letters_accepted(letter.notice, letter.customer).await?;
                if reached == 0 {
                    let reason = PageReason::CustomerUnreached {
                        customer: customer.name.clone(),
                    };
                    let occasion = format!("unreached/{}", delivery.id);
                    self.alarm(tx, &matter, &reason, &occasion).await?;
                }
                format!(
                    "A message to {} {what}; no contact is left: call them",
                    letter.customer
                )
            }
        };
        tx.append_entries(&[matter.entry(EntryKind::Delivered, now, now, &by, text)])
            .await?;
        Ok(())
    }

    /// A letter is not what it was when it went into the outbox: nothing of it goes, and whoever is in charge and counsel are paged.
    pub(crate) async fn letter_changed(
        &self,
        tx: &mut Tx,
        letter: LetterOf<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), RespondError> {
        let matter = self.matter(tx, letter.matter).await?;
        let customer = tx.customer(letter.customer).await?.name;
        let by = Actor::worker("delivery");
        let detail = json!({"notice": letter.notice, "customer": letter.customer});
        self.record(tx, &by, "letter.changed", letter.letter.as_str(), detail)
            .await?;
        let text = format!(
            "The letter to {} is not the one that the record binds it to, and is held back. Verify the record (`watchkeeper audit verify`), \
             find out who changed it, and tell the customer by another notice",
            letter.customer
        );
        tx.append_entries(&[matter.entry(EntryKind::Delivered, now, now, &by, text)])
            .await?;
        let reason = PageReason::LetterChanged { customer };
        let occasion = format!("letter-changed/{}", letter.letter);
        self.alarm(tx, &matter, &reason, &occasion).await
    }

    /// A customer's server refused our mail as such. It is said once a notice, since what one server says of our mail others may say
    /// as well, and to whoever can mend it before the deadline.
    pub(crate) async fn mail_refused(
        &self,
        tx: &mut Tx,
        letter: LetterOf<'_>,
        status: StatusCode,
    ) -> Result<(), RespondError> {
        let matter = self.matter(tx, letter.matter).await?;
        let reason = PageReason::MailRefused {
            customer: tx.customer(letter.customer).await?.name,
            status: status.to_string(),
        };
        let occasion = format!("mail-refused/{}", letter.notice);
        self.alarm(tx, &matter, &reason, &occasion).await
    }

    /// Pages whoever is in charge, and counsel.
    async fn alarm(
        &self,
        tx: &mut Tx,
        matter: &Matter<'_>,
        reason: &PageReason,
        occasion: &str,
    ) -> Result<(), RespondError> {
        let mut entries = Vec::new();
        for target in [matter.in_charge(), matter.counsel()] {
            entries.extend(self.page(tx, matter, &target, reason, occasion).await?);
        }
        tx.append_entries(&entries).await?;
        Ok(())
    }

    /// A page did not reach somebody: it is said, and its timer goes on to the next step by itself.
    pub(crate) async fn page_failed(
        &self,
        tx: &mut Tx,
        delivery: &Delivery,
        what: &str,
        now: DateTime<Utc>,
    ) -> Result<(), RespondError> {
        let Some(matter) = delivery.about.matter() else {
            // It is about the house; its own record and the log are where it is said.
            tracing::error!(delivery = %delivery.id, what, "a page about the house did not arrive");
            return Ok(());
        };
        let matter = self.matter(tx, matter).await?;
        let text = format!("A page to {} {what}", delivery.recipient);
        let entry = matter.entry(EntryKind::Delivered, now, now, &Actor::worker("delivery"), text);
        tx.append_entries(&[entry]).await?;
        Ok(())
    }
}
