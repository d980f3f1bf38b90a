//! Who was written to, with which bytes, and what mail servers answered.

use super::Pack;
use crate::desk::RespondError;
use crate::outbox::{message_sha256, thaw};
use crate::table::{Table, at, cell, instant, shown, yes};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Seek, Write};
use watchkeeper_deliver::Message;
use watchkeeper_domain::customer::Customer;
use watchkeeper_domain::delivery::proof::OnPortal;
use watchkeeper_domain::delivery::{About, Delivery, DeliveryState};
use watchkeeper_domain::id::{CustomerId, DeliveryId, LetterId, NoticeId, ObligationId};
use watchkeeper_domain::matter::Matter;
use watchkeeper_domain::notice::{Notice, Receipt};

/// A letter on its way: what it is about, its notice, its customer.
struct Sent<'s> {
    matter: &'s Matter<'s>,
    notice: Option<&'s Notice>,
    customer: Option<&'s Customer>,
    delivery: &'s Delivery,
    receipt: Option<&'s Receipt>,
}

/// Whose letter a delivery carries; nothing where it is a page or a rehearsal, which no customer gets.
fn letter_of(delivery: &Delivery) -> Option<(&NoticeId, &CustomerId, &LetterId)> {
    match &delivery.about {
        About::Letter {
            notice,
            customer,
            letter,
            ..
        } => Some((notice, customer, letter)),
        About::Page { .. }
        | About::HousePage { .. }
        | About::DryRun { .. }
        | About::Asking { .. }
        | About::Checkpoint { .. } => None,
    }
}

/// For which obligation a letter was written; letters of older versions name none, and there was one for each customer then.
fn written_for(delivery: &Delivery) -> Option<&ObligationId> {
    match &delivery.about {
        About::Letter { obligation, .. } => obligation.as_ref(),
        About::Page { .. }
        | About::HousePage { .. }
        | About::DryRun { .. }
        | About::Asking { .. }
        | About::Checkpoint { .. } => None,
    }
}

impl<W: Write + Seek + Send> Pack<'_, W> {
    /// A row for each attempt at each message to a customer.
    pub(super) async fn write_recipients(&mut self) -> Result<(), RespondError> {
        self.archive.begin("recipients.csv")?;
        let columns = [
            "incident",
            "change",
            "notice",
            "kind",
            "obligation",
            "customer_key",
            "customer",
            "contact",
            "contact_role",
            "address",
            "message_id",
            "message",
            "message_sha256",
            "attempt",
            "attempted_at",
            "outcome",
            "possible_duplicate",
            "submitted_at",
            "submitted_to",
            "answer",
            "remote_accepted_at",
            "opened_at",
            "acknowledged_at",
            "acknowledged_by",
        ];
        Table::new(&mut self.archive, &columns)?.end()?;
        let numbers = self.numbers.clone();
        for (done, number) in numbers.iter().enumerate() {
            self.tell("recipients", done, numbers.len());
            let incident = self.incident(*number).await?;
            self.recipients_of(&Matter::from(incident)).await?;
        }
        for change in self.changes.clone() {
            self.recipients_of(&Matter::from(change)).await?;
        }
        Ok(())
    }

    async fn recipients_of(&mut self, matter: &Matter<'_>) -> Result<(), RespondError> {
        let notices = self.tx.notices_of(&matter.id()).await?;
        for notice in &notices {
            self.notices.entry(notice.id.clone()).or_default();
        }
        let deliveries = self.tx.deliveries_of(&matter.id()).await?;
        let receipts = self.tx.receipts_of(&matter.id()).await?;
        let told = deliveries.iter().filter_map(letter_of);
        let ids: BTreeSet<CustomerId> = told.map(|(_, customer, _)| customer.clone()).collect();
        let ids: Vec<CustomerId> = ids.into_iter().collect();
        let customers = self.tx.customers_by_ids(&ids).await?;
        let customers: BTreeMap<_, _> = customers.iter().map(|known| (&known.id, known)).collect();
        let receipts: BTreeMap<_, _> = receipts.iter().map(|known| (&known.letter, known)).collect();
        for delivery in &deliveries {
            let Some((notice, customer, letter)) = letter_of(delivery) else {
                continue;
            };
            self.deliveries.insert(delivery.id.clone());
            let sent = Sent {
                matter,
                notice: notices.iter().find(|known| known.id == *notice),
                customer: customers.get(customer).copied(),
                delivery,
                receipt: receipts.get(letter).copied(),
            };
            self.attempts(&sent).await?;
        }
        Ok(())
    }

    async fn attempts(&mut self, sent: &Sent<'_>) -> Result<(), RespondError> {
        let message = self.tx.delivery_message(&sent.delivery.id).await?;
        let message = message.as_deref().map(thaw).transpose()?;
        let message = message.as_ref();
        let transcripts = self.tx.transcripts(&sent.delivery.id).await?;
        if transcripts.is_empty() {
            return self.attempt_row(sent, message, (0, None, "not tried yet"));
        }
        for (index, attempt) in transcripts.iter().enumerate() {
            self.attempt_row(sent, message, (index + 1, Some(attempt.at), &attempt.outcome))?;
        }
        Ok(())
    }

    fn attempt_row(
        &mut self,
        sent: &Sent<'_>,
        message: Option<&Message>,
        (attempt, attempted_at, outcome): (usize, Option<chrono::DateTime<chrono::Utc>>, &str),
    ) -> Result<(), RespondError> {
        let Sent {
            matter,
            notice,
            customer,
            delivery,
            receipt,
        } = sent;
        let (incident, change) = match matter {
            Matter::Incident(incident) => (incident.reference(), String::new()),
            Matter::Change(change) => (String::new(), change.reference()),
        };
        let proof = delivery.proof(receipt.map(OnPortal::from).unwrap_or_default());
        let contact =
            customer.and_then(|customer| customer.contacts.iter().find(|c| c.email == delivery.recipient));
        let message_id = match message {
            Some(Message::Mail(mail)) => mail.message_id.as_str(),
            Some(Message::Topic(_)) | None => "",
        };
        let (submitted_at, submitted_to, answer) = match &delivery.state {
            DeliveryState::Accepted { at, answer, by } => (Some(*at), by.as_str(), answer.as_str()),
            DeliveryState::Refused { answer, .. } => (None, "", answer.as_str()),
            DeliveryState::Bounced {
                answer, submitted, ..
            } => (
                submitted.as_ref().map(|submission| submission.at),
                submitted.as_ref().map_or("", |submission| submission.by.as_str()),
                answer.as_str(),
            ),
            DeliveryState::Queued { last_answer, .. } => {
                (None, "", last_answer.as_deref().unwrap_or_default())
            }
            DeliveryState::Claimed { .. } => (None, "", "it is being sent"),
        };
        let row = [
            shown(incident),
            shown(change),
            shown(notice.map(|notice| notice.id.to_string()).unwrap_or_default()),
            cell(notice.map_or("", |notice| notice.kind.name())),
            shown(written_for(delivery).map(ToString::to_string).unwrap_or_default()),
            cell(customer.map_or("", |customer| &customer.key)),
            cell(customer.map_or("", |customer| &customer.name)),
            cell(contact.map_or("", |contact| &contact.name)),
            cell(contact.map_or("", |contact| contact.role.name())),
            cell(&delivery.recipient),
            cell(message_id),
            shown(message.map(|_| path_of(&delivery.id)).unwrap_or_default()),
            shown(message.map(message_sha256).unwrap_or_default()),
            shown(attempt),
            at(attempted_at),
            cell(outcome),
            yes(delivery.possible_duplicate),
            at(submitted_at),
            cell(submitted_to),
            cell(answer),
            at(proof.remote_accepted),
            at(proof.opened),
            at(proof.acknowledged),
            cell(
                receipt
                    .and_then(|r| r.acknowledged.as_ref())
                    .map_or("", |a| &a.name),
            ),
        ];
        Table::more(&mut self.archive).row(row)
    }

    /// Every message to a customer as its bytes went, and what was said while it went.
    pub(super) async fn write_messages(&mut self) -> Result<(), RespondError> {
        let deliveries = self.deliveries.clone();
        for (done, id) in deliveries.iter().enumerate() {
            self.tell("messages", done, deliveries.len());
            let message = self.tx.delivery_message(id).await?;
            if let Some(Message::Mail(mail)) = message.as_deref().map(thaw).transpose()? {
                self.archive.file(path_of(id), &mail.bytes)?;
            }
            let reports = self.tx.reports_of(id).await?;
            // A report that was erased has nothing to show; its digest stands in the log.
            for (index, report) in reports
                .iter()
                .enumerate()
                .filter(|(_, report)| !report.raw.is_empty())
            {
                let name = format!("dsn/{id}-{}.eml", index + 1);
                self.archive.file(name, &report.raw)?;
            }
            let transcripts = self.tx.transcripts(id).await?;
            if transcripts.is_empty() {
                continue;
            }
            self.archive.begin(format!("smtp/{id}.log"))?;
            for (index, attempt) in transcripts.iter().enumerate() {
                let mut text = format!(
                    "# attempt {}, ended {}: {}\n",
                    index + 1,
                    instant(attempt.at),
                    attempt.outcome
                );
                for line in &attempt.lines {
                    text.push_str(line);
                    text.push('\n');
                }
                self.archive
                    .write_all(text.as_bytes())
                    .map_err(crate::table::unwritten)?;
            }
        }
        Ok(())
    }
}

fn path_of(delivery: &DeliveryId) -> String {
    format!("messages/{delivery}.eml")
}
