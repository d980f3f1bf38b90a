//! The recipient's page: is the notice ours and as we sent it, what else was sent, has it been read, what is unclear?
//!
//! Whoever has the code of a letter speaks for its customer; no account is needed. A code that no letter has is counted against the
//! address that it came from, whatever was to be done with it.

use crate::desk::{Desk, RespondError};
use crate::operations::askings::AskedContact;
use crate::outbox::says_what_was_queued;
use crate::seal::prove;
use crate::telling::LetterOf;
use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use watchkeeper_domain::access::sign_in_delay;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::audit::note::InclusionProof;
use watchkeeper_domain::customer::asking::{Asking, ContactAnswer};
use watchkeeper_domain::delivery::{About, DeliveryState};
use watchkeeper_domain::id::{LetterId, digest};
use watchkeeper_domain::incident::EntryKind;
use watchkeeper_domain::matter::{Matter, MatterId};
use watchkeeper_domain::notice::{Letter, MachineFacts, Notice, NoticeKind, NoticeState, Receipt};
use watchkeeper_domain::page::PageReason;
use watchkeeper_store::{AuditFilter, PageRequest, Tx};

/// What the page says about a code that was typed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// The notice is ours.
    Genuine(Box<GenuineNotice>),
    /// It is a contact that was asked whether it is still the right one.
    Contact(Box<AskedContact>),
    /// No letter with this code was sent.
    Unknown,
    /// Too many codes that no letter has were typed in from there.
    Wait {
        /// For how long.
        seconds: i64,
    },
}

/// A notice that is ours. Says nothing that the customer's letters do not say, but for who acknowledged and asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenuineNotice {
    /// `INC-0042` or `CHG-0007`.
    pub reference: String,
    /// The customer's language, BCP 47.
    pub language: String,
    /// Which kind.
    pub kind: NoticeKind,
    /// The subject line.
    pub subject: String,
    /// The letter's text.
    pub text: String,
    /// When it was put on its way.
    pub sent_at: DateTime<Utc>,
    /// SHA-256 of the letter's text, hex: the text of a mail can be compared with it.
    pub text_sha256: String,
    /// The digest that the approval was bound to.
    pub approved_hash: String,
    /// When a mail server first took a message with this letter.
    pub accepted_at: Option<DateTime<Utc>>,
    /// Proof that the log has the record of that; none until a checkpoint has the record.
    pub proof: Option<InclusionProof>,
    /// What a machine of the customer's can read.
    pub facts: Option<MachineFacts>,
    /// What else was sent to the same customer about the same incident or change, the newest first.
    pub others: Vec<OtherNotice>,
    /// What recipients did with the letter.
    pub receipt: Receipt,
}

/// Another notice to the same customer about the same incident or change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherNotice {
    /// Which kind.
    pub kind: NoticeKind,
    /// The subject line.
    pub subject: String,
    /// The letter's text.
    pub text: String,
    /// When it was put on its way.
    pub sent_at: DateTime<Utc>,
}

/// What a recipient does with a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Response<'a> {
    /// Confirms that the right people have read it.
    Acknowledge {
        /// Who.
        name: &'a str,
        /// What they are; may be empty.
        role: &'a str,
    },
    /// Asks.
    Ask {
        /// Who.
        name: &'a str,
        /// What.
        text: &'a str,
    },
}

/// A letter that was sent, found by its code.
struct Found {
    letter: Letter,
    notice: Notice,
    matter: Matter<'static>,
    sent_at: DateTime<Utc>,
    hash: String,
}

/// What comes of looking a code up.
enum Looked {
    Found(Box<Found>),
    Asking(Box<Asking>),
    /// A letter that is not what was sent.
    Changed(Box<Letter>, MatterId),
    Unknown,
    Wait(i64),
}

impl Desk {
    /// Looks a code up for somebody at `address`, and records that the letter was opened.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn open_notice(&self, code: &str, address: &str) -> Result<Checked, RespondError> {
        let mut tx = self.begin().await?;
        let found = match self.look_up(&mut tx, code, address).await? {
            Looked::Found(found) => found,
            Looked::Asking(asking) => {
                let customer = tx.customer(&asking.customer).await?;
                return Ok(Checked::Contact(Box::new(AskedContact {
                    customer: customer.name,
                    language: customer.language,
                    asking: *asking,
                })));
            }
            other => return self.refused(tx, other).await,
        };
        let receipt = self.opened(&mut tx, &found).await?;
        let genuine = genuine(&mut tx, *found, receipt).await?;
        self.commit(tx).await?;
        Ok(Checked::Genuine(Box::new(genuine)))
    }

    /// A recipient acknowledges a letter or asks about it.
    ///
    /// # Errors
    /// What [`Receipt`] refuses.
    pub async fn respond_to_notice(
        &self,
        code: &str,
        address: &str,
        response: Response<'_>,
    ) -> Result<Checked, RespondError> {
        let mut tx = self.begin().await?;
        let found = match self.look_up(&mut tx, code, address).await? {
            Looked::Found(found) => found,
            other => return self.refused(tx, other).await,
        };
        let receipt = self.opened(&mut tx, &found).await?;
        let before = receipt.version;
        let now = self.now();
        let customer = tx.customer(&found.letter.customer).await?;
        let by = Actor::worker("portal");
        let mut entries = Vec::new();
        let (receipt, action, text, detail) = match response {
            Response::Acknowledge { name, role } => {
                let receipt = receipt.acknowledge(name, role, now)?;
                let who = receipt.acknowledged.as_ref().map_or("", |a| a.name.as_str());
                let text = format!("{} acknowledged the notice: {who}", customer.name);
                let detail = json!({"notice": found.letter.notice, "version": receipt.version});
                (receipt, "letter.acknowledged", text, detail)
            }
            Response::Ask { name, text } => {
                let receipt = receipt.ask(name, text, now)?;
                let number = receipt.questions.len();
                let asked = receipt.questions.last();
                let who = asked.map_or("", |question| question.name.as_str());
                let reason = PageReason::QuestionAsked {
                    customer: customer.name.clone(),
                };
                let occasion = format!("question/{}/{number}", found.letter.id);
                // Of an incident counsel answers it, and whoever is in charge must know of it. Who is both gets one message. A change is
                // its proposer's to explain.
                let counsel = matches!(found.matter, Matter::Incident(_)).then(|| found.matter.counsel());
                for target in [Some(found.matter.in_charge()), counsel].into_iter().flatten() {
                    let paged = self
                        .page(&mut tx, &found.matter, &target, &reason, &occasion)
                        .await?;
                    entries.extend(paged);
                }
                let text = format!("{} asks about the notice: {who}", customer.name);
                let detail = json!({
                    "question": number,
                    "text_sha256": asked.map(|question| digest(&[&question.text])),
                    "version": receipt.version,
                });
                (receipt, "letter.asked", text, detail)
            }
        };
        tx.update_receipt(&receipt, before).await?;
        entries.insert(0, found.matter.entry(EntryKind::Delivered, now, now, &by, text));
        tx.append_entries(&entries).await?;
        self.record(&mut tx, &by, action, found.letter.id.as_str(), detail)
            .await?;
        let genuine = genuine(&mut tx, *found, receipt).await?;
        self.commit(tx).await?;
        Ok(Checked::Genuine(Box::new(genuine)))
    }

    /// A contact says whether it is still the right one for security notices.
    ///
    /// # Errors
    /// What [`Asking::answered`] refuses.
    pub async fn answer_for_contact(
        &self,
        code: &str,
        address: &str,
        answer: ContactAnswer<'_>,
    ) -> Result<Checked, RespondError> {
        let mut tx = self.begin().await?;
        let asking = match self.look_up(&mut tx, code, address).await? {
            Looked::Asking(asking) => *asking,
            // The code of a notice is good for that notice and nothing else.
            Looked::Found(_) => return Ok(Checked::Unknown),
            other => return self.refused(tx, other).await,
        };
        let asked = self.take_contact_answer(&mut tx, asking, answer).await?;
        self.commit(tx).await?;
        Ok(Checked::Contact(Box::new(asked)))
    }

    /// Somebody of ours answers a recipient's question; the answer stands on the recipient's page.
    ///
    /// # Errors
    /// What [`Receipt::answer`] refuses, and a letter that nobody has opened.
    pub async fn answer_question(
        &self,
        letter: &LetterId,
        number: usize,
        text: &str,
        by: &Actor,
    ) -> Result<Receipt, RespondError> {
        let mut tx = self.begin().await?;
        let receipt = tx.receipt(letter).await?;
        let before = receipt.version;
        let now = self.now();
        let receipt = receipt.answer(number, text, by, now)?;
        tx.update_receipt(&receipt, before).await?;
        let matter = self.matter(&mut tx, &receipt.matter).await?;
        let text = format!("Question {number} of {} answered", receipt.customer);
        tx.append_entries(&[matter.entry(EntryKind::Delivered, now, now, by, text)])
            .await?;
        let answer = receipt.questions[number - 1]
            .answer
            .as_ref()
            .map(|a| digest(&[&a.text]));
        let detail = json!({"question": number, "text_sha256": answer, "version": receipt.version});
        self.record(&mut tx, by, "letter.answered", letter.as_str(), detail)
            .await?;
        self.commit(tx).await?;
        Ok(receipt)
    }

    /// Finds the letter, or the asking, with a code; codes that no letter has are counted and slow further ones down.
    async fn look_up(&self, tx: &mut Tx, code: &str, address: &str) -> Result<Looked, RespondError> {
        let code = normal(code);
        let key = format!("check:{address}");
        let now = self.now();
        let failures = tx.failures(&key).await?;
        let ready_at = failures.last_at.map(|at| at + sign_in_delay(failures.count));
        if let Some(wait) = ready_at
            .map(|at| at - now)
            .filter(|wait| *wait > Duration::zero())
        {
            return Ok(Looked::Wait(wait.num_seconds() + 1));
        }
        if let Some(letter) = tx.letter_by_code(&code).await? {
            let notice = tx.notice(&letter.notice).await?;
            let tried = tx.addresses_tried(&letter.notice, &letter.customer).await?;
            for recipient in &tried {
                if !says_what_was_queued(tx, &letter, recipient).await? {
                    return Ok(Looked::Changed(Box::new(letter), notice.matter));
                }
            }
            if let (false, NoticeState::Sent { at, hash, .. }) = (tried.is_empty(), &notice.state) {
                return Ok(Looked::Found(Box::new(Found {
                    matter: self.matter(tx, &notice.matter).await?,
                    sent_at: *at,
                    hash: hash.clone(),
                    letter,
                    notice,
                })));
            }
        }
        if let Some(asking) = tx.asking_by_code(&code).await? {
            return Ok(Looked::Asking(Box::new(asking)));
        }
        tx.add_failure(&key, now).await?;
        Ok(Looked::Unknown)
    }

    /// What is said where no letter can be shown. The count of failures is kept, and of a letter that was changed whoever is in charge is
    /// told.
    async fn refused(&self, mut tx: Tx, looked: Looked) -> Result<Checked, RespondError> {
        match looked {
            Looked::Wait(seconds) => Ok(Checked::Wait { seconds }),
            // A contact's code does nothing to a notice, and says nothing about one.
            Looked::Unknown | Looked::Found(_) | Looked::Asking(_) => {
                tx.commit().await?;
                Ok(Checked::Unknown)
            }
            Looked::Changed(letter, matter) => {
                let changed = LetterOf {
                    matter: &matter,
                    notice: &letter.notice,
                    letter: &letter.id,
                    customer: &letter.customer,
                    obligation: letter.obligation.as_ref(),
                };
                self.letter_changed(&mut tx, changed, self.now()).await?;
                self.commit(tx).await?;
                let why = "this notice is not what was sent and is not shown; our security team has been told, and will write to you";
                Err(RespondError::Unavailable(why.to_owned()))
            }
        }
    }

    /// The letter's receipt; it begins when the letter is opened for the first time.
    async fn opened(&self, tx: &mut Tx, found: &Found) -> Result<Receipt, RespondError> {
        let by = Actor::worker("portal");
        let letter = &found.letter;
        if let Some(receipt) = tx.receipt_opt(&letter.id).await? {
            self.record(tx, &by, "letter.checked", letter.id.as_str(), json!({}))
                .await?;
            return Ok(receipt);
        }
        let now = self.now();
        let receipt = Receipt::open(letter, found.matter.id(), now);
        tx.insert_receipt(&receipt).await?;
        let text = format!("{} opened the notice on the portal", letter.customer);
        let entry = found.matter.entry(EntryKind::Delivered, now, now, &by, text);
        tx.append_entries(&[entry]).await?;
        let detail = json!({"notice": letter.notice, "text_sha256": letter.text_sha256()});
        self.record(tx, &by, "letter.opened", letter.id.as_str(), detail)
            .await?;
        Ok(receipt)
    }
}

async fn genuine(tx: &mut Tx, found: Found, receipt: Receipt) -> Result<GenuineNotice, RespondError> {
    let Found {
        letter,
        notice,
        matter,
        sent_at,
        hash,
    } = found;
    let (accepted_at, proof) = accepted(tx, &notice.matter, &letter).await?;
    let mut others = Vec::new();
    let mut sent_at = sent_at;
    for sent in tx.notices_sent(&notice.matter).await? {
        if sent.customer != letter.customer {
            continue;
        }
        if sent.notice == notice.id {
            sent_at = sent.at;
            continue;
        }
        if let Some(theirs) = tx.letter_to(&sent.notice, &sent.customer).await? {
            others.push(OtherNotice {
                kind: sent.kind,
                subject: theirs.subject,
                text: theirs.text,
                sent_at: sent.at,
            });
        }
    }
    others.sort_by_key(|other| std::cmp::Reverse(other.sent_at));
    Ok(GenuineNotice {
        reference: matter.reference(),
        language: tx.customer(&letter.customer).await?.language,
        kind: notice.kind,
        subject: letter.subject.clone(),
        sent_at,
        text_sha256: letter.text_sha256(),
        approved_hash: hash,
        accepted_at,
        proof,
        facts: letter.facts.clone(),
        text: letter.text,
        others,
        receipt,
    })
}

/// When a mail server first took the letter, and proof that the log has the record of that.
async fn accepted(
    tx: &mut Tx,
    matter: &MatterId,
    letter: &Letter,
) -> Result<(Option<DateTime<Utc>>, Option<InclusionProof>), RespondError> {
    let deliveries = tx.deliveries_to(matter, &letter.customer).await?;
    let first = deliveries
        .iter()
        .filter_map(|delivery| match (&delivery.about, &delivery.state) {
            (About::Letter { letter: of, .. }, DeliveryState::Accepted { at, .. }) if *of == letter.id => {
                Some((*at, delivery))
            }
            _ => None,
        })
        .min_by_key(|(at, _)| *at);
    let Some((at, delivery)) = first else {
        return Ok((None, None));
    };
    let filter = AuditFilter {
        subject: Some(delivery.id.to_string()),
        action: Some("delivery.attempted".to_owned()),
    };
    // The last attempt is the one that was accepted.
    let records = tx.audit_page(&filter, &PageRequest::first(1)).await?;
    let proof = match records.items.first() {
        Some(record) => prove(tx, record.seq).await?,
        None => None,
    };
    Ok((Some(at), proof))
}

/// The code as it is kept, however it was typed: `AB12 cd34 ef56` is `ab12-cd34-ef56`.
fn normal(code: &str) -> String {
    let plain: Vec<char> = code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(64)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    plain
        .chunks(4)
        .map(|chunk| chunk.iter().collect::<String>())
        .collect::<Vec<_>>()
        .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_however_it_is_typed() {
        for typed in ["ab12-cd34-ef56", " AB12 CD34 EF56 ", "ab12cd34ef56"] {
            assert_eq!(normal(typed), "ab12-cd34-ef56");
        }
    }
}
