//! The page where a recipient checks a notice: is it ours, and is it as we sent it?

use crate::desk::{Desk, RespondError};
use crate::seal::prove;
use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use watchkeeper_domain::access::sign_in_delay;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::audit::note::InclusionProof;
use watchkeeper_domain::delivery::{About, DeliveryState};
use watchkeeper_domain::id::IncidentId;
use watchkeeper_domain::notice::{Letter, NoticeKind, NoticeState};
use watchkeeper_store::{AuditFilter, PageRequest, Tx};

/// What the page says about a code that was typed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// The notice is ours.
    Genuine(Box<GenuineNotice>),
    /// No letter with this code was sent.
    Unknown,
    /// Too many codes that no letter has were typed in from there.
    Wait {
        /// For how long.
        seconds: i64,
    },
}

/// A notice that is ours. Says nothing that the recipient's letter does not say, and names nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenuineNotice {
    /// `INC-0042`.
    pub reference: String,
    /// Holding or full.
    pub kind: NoticeKind,
    /// The subject line.
    pub subject: String,
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
}

impl Desk {
    /// Looks a code up for somebody at `address`; codes that no letter has are counted and slow further ones down.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn check_notice(&self, code: &str, address: &str) -> Result<Checked, RespondError> {
        let code = normal(code);
        let key = format!("check:{address}");
        let now = self.now();
        let mut tx = self.begin().await?;
        let failures = tx.failures(&key).await?;
        let ready_at = failures.last_at.map(|at| at + sign_in_delay(failures.count));
        if let Some(wait) = ready_at
            .map(|at| at - now)
            .filter(|wait| *wait > Duration::zero())
        {
            return Ok(Checked::Wait {
                seconds: wait.num_seconds() + 1,
            });
        }
        let letter = tx.letter_by_code(&code).await?;
        if let Some(letter) = letter {
            let notice = tx.notice(&letter.notice).await?;
            let sent = !tx
                .addresses_tried(&letter.notice, &letter.customer)
                .await?
                .is_empty();
            if let (true, NoticeState::Sent { at, hash, .. }) = (sent, &notice.state) {
                let incident = tx.incident(&notice.incident).await?;
                let (accepted_at, proof) = accepted(&mut tx, &notice.incident, &letter).await?;
                let genuine = GenuineNotice {
                    reference: incident.reference(),
                    kind: notice.kind,
                    subject: letter.subject.clone(),
                    sent_at: *at,
                    text_sha256: letter.text_sha256(),
                    approved_hash: hash.clone(),
                    accepted_at,
                    proof,
                };
                let by = Actor::worker("check");
                self.record(&mut tx, &by, "letter.checked", letter.id.as_str(), json!({}))
                    .await?;
                self.commit(tx).await?;
                return Ok(Checked::Genuine(Box::new(genuine)));
            }
        }
        tx.add_failure(&key, now).await?;
        tx.commit().await?;
        Ok(Checked::Unknown)
    }
}

/// When a mail server first took the letter, and proof that the log has the record of that.
async fn accepted(
    tx: &mut Tx,
    incident: &IncidentId,
    letter: &Letter,
) -> Result<(Option<DateTime<Utc>>, Option<InclusionProof>), RespondError> {
    let deliveries = tx.deliveries_to(incident, &letter.customer).await?;
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
