//! The page where a recipient checks a notice: is it ours, and is it as we sent it?

use crate::desk::{Desk, RespondError};
use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use watchkeeper_domain::access::sign_in_delay;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::notice::{NoticeKind, NoticeState};

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
                let genuine = GenuineNotice {
                    reference: incident.reference(),
                    kind: notice.kind,
                    subject: letter.subject.clone(),
                    sent_at: *at,
                    text_sha256: sha256(&letter.text),
                    approved_hash: hash.clone(),
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

fn sha256(text: &str) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(text.as_bytes()))
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
