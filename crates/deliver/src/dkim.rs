//! DKIM signatures (RFC 6376): a frozen mail says for itself, to whoever receives it, that it is from our domain and was not changed.
//!
//! Takes the final bytes of a mail, gives the same bytes with one `DKIM-Signature` before them. The instant of the signature is the
//! mail's own date, and both algorithms give the same signature for the same text, so that the same draft still gives the same bytes.
//!
//! Written here rather than taken from a library because every library that signs takes the time from the machine, and because a
//! composed mail is plain ASCII with CRLF: of RFC 6376 only `relaxed/relaxed` over such bytes is needed. An independent verifier
//! (dkimpy) checks the signatures in the tests.

mod canonical;
mod config;
mod key;

pub use config::DkimConfig;

use crate::compose::FrozenMail;
use crate::fault::ConfigFaults;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use key::SigningKey;
use sha2::{Digest, Sha256};

/// Headers that are named once more than they occur, so that none can be added on the way without breaking the signature (RFC 6376,
/// 8.15).
const NONE_MAY_BE_ADDED: [&str; 9] = [
    "From",
    "To",
    "Cc",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
];

/// The longest line of the signature's own header, which is folded (RFC 5322, 2.1.1).
const FOLD_AT: usize = 76;

/// Signs mail as a domain.
#[derive(Debug)]
pub struct DkimSigner {
    domain: String,
    selector: String,
    key: SigningKey,
}

/// A mail could not be signed; nothing of it went out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the mail could not be signed with DKIM: {0}")]
pub struct DkimError(&'static str);

impl DkimSigner {
    /// A signer as the settings say.
    ///
    /// # Errors
    /// All faults of the settings at once, among them a key that cannot be read or is too short. No fault shows anything of the key.
    pub fn open(config: &DkimConfig) -> Result<Self, ConfigFaults> {
        let mut faults = config.validate();
        let key = SigningKey::read(&config.key_file)
            .map_err(|fault| faults.push(fault))
            .ok();
        match key {
            Some(key) if faults.is_empty() => Ok(Self {
                domain: config.domain.to_ascii_lowercase(),
                selector: config.selector.clone(),
                key,
            }),
            _ => Err(ConfigFaults(faults)),
        }
    }

    /// The domain that signs.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The name of the DNS record that verifiers ask for.
    #[must_use]
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// The text of the DNS record (type TXT) that verifiers ask for.
    #[must_use]
    pub fn record(&self) -> String {
        let public = STANDARD.encode(self.key.public());
        format!("v=DKIM1; k={}; p={public}", self.key.kind())
    }

    /// The mail with its signature in front, signed at `at`.
    ///
    /// # Errors
    /// When a header that must be signed is missing, or the key fails.
    pub fn sign(&self, mail: FrozenMail, at: DateTime<Utc>) -> Result<FrozenMail, DkimError> {
        let (fields, body) =
            canonical::split(&mail.bytes).ok_or(DkimError("the message has no end of its headers"))?;
        let named = named(&fields);
        if !named.iter().any(|name| name.eq_ignore_ascii_case("from")) {
            return Err(DkimError("the message has no From"));
        }
        let body_hash = STANDARD.encode(Sha256::digest(canonical::body(body)));
        let unsigned = self.header(&named, &body_hash, at);
        let mut signed = canonical::headers(&fields, &named);
        signed.extend(canonical::header(unsigned.as_bytes()));
        let signature = self
            .key
            .sign(&signed)
            .ok_or(DkimError("the key did not sign; is it damaged?"))?;
        let mut bytes = unsigned.into_bytes();
        bytes.extend(folded(&STANDARD.encode(signature), "b=".len() + 1).into_bytes());
        bytes.extend(b"\r\n");
        bytes.extend(&mail.bytes);
        Ok(FrozenMail {
            sha256: hex::encode(Sha256::digest(&bytes)),
            bytes,
            message_id: mail.message_id,
        })
    }

    /// The signature's header up to `b=`, without a line end.
    fn header(&self, named: &[String], body_hash: &str, at: DateTime<Utc>) -> String {
        let mut list = String::new();
        let mut column = "h=".len() + 1;
        for (index, name) in named.iter().enumerate() {
            let colon = if index > 0 { ":" } else { "" };
            if column + name.len() + 1 > FOLD_AT {
                list.push_str(colon);
                list.push_str("\r\n\t");
                column = 1;
                list.push_str(name);
            } else {
                list.push_str(colon);
                list.push_str(name);
            }
            column += name.len() + 1;
        }
        format!(
            "DKIM-Signature: v=1; a={}; c=relaxed/relaxed;\r\n\td={};\r\n\ts={}; t={};\r\n\th={list};\r\n\tbh={body_hash};\r\n\tb=",
            self.key.algorithm(),
            self.domain,
            self.selector,
            at.timestamp(),
        )
    }
}

/// Every header of the mail, the last one first where a name occurs twice, and once more those of which none may be added.
fn named(fields: &[&[u8]]) -> Vec<String> {
    let own = fields
        .iter()
        .rev()
        .filter_map(|field| Some(String::from_utf8_lossy(canonical::name(field)?).into_owned()));
    own.chain(NONE_MAY_BE_ADDED.map(str::to_owned)).collect()
}

/// Text without spaces, cut into lines; the first one begins at `column`.
fn folded(text: &str, column: usize) -> String {
    let mut lines = String::with_capacity(text.len() + text.len() / 24);
    let mut column = column;
    for c in text.chars() {
        if column >= FOLD_AT {
            lines.push_str("\r\n\t");
            column = 1;
        }
        lines.push(c);
        column += 1;
    }
    lines
}
