//! Taking what mail servers report about our messages.

use crate::desk::{Desk, RespondError};
use crate::return_path::{ReturnPaths, Unwelcome};
use crate::telling::LetterOf;
use serde_json::json;
use sha2::{Digest, Sha256};
use watchkeeper_deliver::bounce::{addressees, read_report};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::delivery::report::{Effect, Report};
use watchkeeper_domain::delivery::{About, Delivery, DeliveryState};
use watchkeeper_domain::id::DeliveryId;
use watchkeeper_domain::incident::EntryKind;
use watchkeeper_store::{KeptReport, StoreError, Tx};

/// How much of a report is kept, in bytes; its digest is of the whole.
pub const LONGEST_REPORT: usize = 256 * 1024;

/// How many reports about one message are kept; further ones are counted. A delay is reported some times, and who knows a return path
/// can write to it.
const MOST_REPORTS: u64 = 20;

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Taken {
    /// The message did not arrive.
    Bounced,
    /// A server of the recipient's has it.
    RemoteAccepted,
    /// It is late; noted.
    Delayed,
    /// The recipient called it unwanted; noted.
    Complained,
    /// It says what was known: counted.
    Repeated,
    /// It is no report: counted.
    NotAReport,
    /// It is about nothing that we sent: counted.
    Unknown,
    /// Its address is made up: counted.
    Forged,
}

impl Taken {
    /// As counters write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bounced => "bounced",
            Self::RemoteAccepted => "remote_accepted",
            Self::Delayed => "delayed",
            Self::Complained => "complained",
            Self::Repeated => "repeated",
            Self::NotAReport => "not_a_report",
            Self::Unknown => "unknown",
            Self::Forged => "forged",
        }
    }
}

impl Desk {
    /// Whether an address is a return path of ours. What is not is counted.
    ///
    /// # Errors
    /// When it cannot be counted.
    pub async fn takes_report_to(&self, address: &str) -> Result<bool, RespondError> {
        match self.return_paths()?.delivery_of(address) {
            Ok(_) => Ok(true),
            Err(unwelcome) => {
                let mut tx = self.store.begin().await?;
                self.count(&mut tx, kind_of(unwelcome), "an address").await?;
                tx.commit().await?;
                Ok(false)
            }
        }
    }

    /// Takes a report that came to `address`: keeps it with its message, and commits what follows. Success means that it is safe.
    ///
    /// # Errors
    /// When it could not be kept, or the message is being sent at this moment: hand it in again later. What is forged, unknown or known
    /// already is no error; it is counted and changes nothing.
    pub async fn take_report(&self, address: &str, raw: &[u8]) -> Result<Taken, RespondError> {
        let paths = self.return_paths()?;
        let mut tx = self.begin().await?;
        let taken = match paths.delivery_of(address) {
            Ok(id) => {
                self.take_report_on(&mut tx, &id, raw, read_report(raw).ok())
                    .await?
            }
            Err(unwelcome) => self.count(&mut tx, kind_of(unwelcome), "an address").await?,
        };
        self.commit(tx).await?;
        metrics::counter!("watchkeeper_bounce_reports_total", "taken" => taken.name()).increment(1);
        Ok(taken)
    }

    /// Takes a report that came without its envelope: the address is looked for in the headers that name recipients.
    ///
    /// # Errors
    /// See [`Desk::take_report`].
    pub async fn take_raw_report(&self, raw: &[u8]) -> Result<Taken, RespondError> {
        let paths = self.return_paths()?;
        let named = addressees(raw);
        let ours = named.iter().find(|address| paths.delivery_of(address).is_ok());
        let forged = || {
            named
                .iter()
                .find(|address| paths.delivery_of(address) == Err(Unwelcome::Forged))
        };
        let address = ours.or_else(forged).map_or("", String::as_str);
        self.take_report(address, raw).await
    }

    fn return_paths(&self) -> Result<&ReturnPaths, RespondError> {
        self.return_paths.as_deref().ok_or_else(|| {
            RespondError::Unavailable(
                "bounce reports are not taken here: add [mail.bounces] with a domain to the configuration"
                    .to_owned(),
            )
        })
    }

    /// Takes what was reported about a message, whichever way it came: `report` is what `raw` says, none where it says nothing.
    pub(super) async fn take_report_on(
        &self,
        tx: &mut Tx,
        id: &DeliveryId,
        raw: &[u8],
        report: Option<Report>,
    ) -> Result<Taken, RespondError> {
        let delivery = match tx.delivery(id).await {
            Ok(delivery) => delivery,
            Err(StoreError::NotFound { .. }) => return self.count(tx, Taken::Unknown, id.as_str()).await,
            Err(fault) => return Err(fault.into()),
        };
        let digest = hex::encode(Sha256::digest(raw));
        let (kept, same) = tx.reports_kept(id, &digest).await?;
        if same {
            return self.count(tx, Taken::Repeated, id.as_str()).await;
        }
        let now = self.now();
        let before = delivery.version;
        let was_queued = matches!(delivery.state, DeliveryState::Queued { .. });
        let (delivery, report, taken) = match report {
            None => (delivery, None, Taken::NotAReport),
            Some(report) => {
                let (delivery, effect) = delivery
                    .reported(&report, now)
                    .map_err(|busy| RespondError::Unavailable(busy.to_string()))?;
                let taken = match effect {
                    Effect::Bounced => Taken::Bounced,
                    Effect::RemoteAccepted => Taken::RemoteAccepted,
                    Effect::Delayed => Taken::Delayed,
                    Effect::Complained => Taken::Complained,
                    Effect::Nothing => Taken::Repeated,
                };
                (delivery, Some(report), taken)
            }
        };
        let changes = delivery.version != before;
        if kept >= MOST_REPORTS && !changes {
            return self.count(tx, Taken::Repeated, id.as_str()).await;
        }
        let kept = KeptReport {
            digest,
            received_at: now,
            effect: taken.name().to_owned(),
            report: report.clone(),
            bytes: raw.len() as u64,
            raw: raw[..raw.len().min(LONGEST_REPORT)].to_vec(),
        };
        tx.insert_report(id, &kept).await?;
        if matches!(taken, Taken::Repeated | Taken::NotAReport) {
            self.count(tx, taken, id.as_str()).await?;
        }
        let Some(report) = report.filter(|_| taken != Taken::Repeated) else {
            return Ok(taken);
        };
        if changes {
            tx.update_delivery(&delivery, before).await?;
        }
        self.record_report(tx, &delivery, &report, &kept).await?;
        if let (true, DeliveryState::Accepted { answer, .. }, Some(letter)) =
            (was_queued, &delivery.state, LetterOf::of(&delivery))
        {
            // Nobody knew how the attempt had ended; now somebody does.
            self.told(tx, letter, answer, now).await?;
        }
        self.follow_report(tx, &delivery, &report, taken).await?;
        Ok(taken)
    }

    async fn record_report(
        &self,
        tx: &mut Tx,
        delivery: &Delivery,
        report: &Report,
        kept: &KeptReport,
    ) -> Result<(), RespondError> {
        let detail = json!({
            "effect": kept.effect,
            "action": report.action,
            "status": report.status,
            "report_sha256": kept.digest,
            "version": delivery.version,
        });
        let by = Actor::worker("bounces");
        self.record(tx, &by, "delivery.reported", delivery.id.as_str(), detail)
            .await
    }

    /// What follows from a report that says something new.
    async fn follow_report(
        &self,
        tx: &mut Tx,
        delivery: &Delivery,
        report: &Report,
        taken: Taken,
    ) -> Result<(), RespondError> {
        let now = self.now();
        let line = report.line();
        if matches!(delivery.about, About::DryRun { .. }) {
            // It tells nobody, so that nothing follows from it; the report is kept with it.
            return Ok(());
        }
        if let About::Asking { asking, .. } = &delivery.about {
            if taken == Taken::Bounced && report.status.is_of_address() {
                self.asking_failed(tx, asking, &line).await?;
            }
            return Ok(());
        }
        let Some(letter) = LetterOf::of(delivery) else {
            let what = match taken {
                Taken::Bounced => format!("bounced ({line})"),
                Taken::Delayed => format!("is delayed ({line})"),
                _ => return Ok(()),
            };
            return self.page_failed(tx, delivery, &what, now).await;
        };
        if taken == Taken::Bounced {
            let submitted = matches!(
                &delivery.state,
                DeliveryState::Bounced {
                    submitted: Some(_),
                    ..
                }
            );
            if submitted {
                self.no_longer_told(tx, letter, now).await?;
            }
            self.letter_address_failed(tx, letter.customer, delivery, (report.status, &line))
                .await?;
            if report.status.is_policy() {
                self.mail_refused(tx, letter, report.status).await?;
            }
            let what = format!("bounced ({line})");
            return self.try_next_contact(tx, delivery, letter, &what, now).await;
        }
        let matter = self.matter(tx, letter.matter).await?;
        let text = match taken {
            Taken::RemoteAccepted => {
                format!("The mail server of {} has the message ({line})", letter.customer)
            }
            Taken::Complained => format!("{} called a message unwanted ({line})", letter.customer),
            _ => format!("A message to {} is delayed ({line})", letter.customer),
        };
        let by = Actor::worker("bounces");
        tx.append_entries(&[matter.entry(EntryKind::Delivered, now, now, &by, text)])
            .await?;
        Ok(())
    }

    pub(super) async fn count(&self, tx: &mut Tx, taken: Taken, detail: &str) -> Result<Taken, RespondError> {
        tx.count_bounce(taken.name(), self.now(), detail).await?;
        Ok(taken)
    }
}

fn kind_of(unwelcome: Unwelcome) -> Taken {
    match unwelcome {
        Unwelcome::NotOurs => Taken::Unknown,
        Unwelcome::Forged => Taken::Forged,
    }
}
