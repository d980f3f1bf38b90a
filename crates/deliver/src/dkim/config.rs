//! Settings of DKIM signatures.

use crate::fault::ConfigFault;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// As which domain mail is signed. Holds no secret: the key is named by its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DkimConfig {
    /// The domain that signs: that of the author's address, or one above it, so that DMARC finds them aligned.
    pub domain: String,
    /// Which of the domain's keys; the record stands at `SELECTOR._domainkey.DOMAIN`.
    pub selector: String,
    /// The private key: PEM, RSA with 2048 bits or more (PKCS#8 or PKCS#1), or Ed25519 (PKCS#8).
    pub key_file: PathBuf,
}

impl DkimConfig {
    /// Everything that is wrong with what is written; empty when nothing is. Touches no file.
    #[must_use]
    pub fn validate(&self) -> Vec<ConfigFault> {
        let mut faults = Vec::new();
        if !labels(&self.domain) || !self.domain.contains('.') {
            faults.push(ConfigFault::new(
                "domain",
                format!("`{}` is not a domain", crate::one_line(&self.domain)),
                "write the domain of mail.from, such as \"example.com\", without @ and in its xn-- form",
            ));
        }
        if !labels(&self.selector) {
            faults.push(ConfigFault::new(
                "selector",
                format!("`{}` is not a selector", crate::one_line(&self.selector)),
                "write letters, digits and hyphens, such as \"watch2026\"",
            ));
        }
        faults
    }

    /// Whether DMARC takes a signature of this domain for one of `address`: it is the address's domain or one above it.
    #[must_use]
    pub fn aligned_with(&self, address: &str) -> bool {
        let own = self.domain.to_ascii_lowercase();
        let of = address
            .rsplit('@')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        of == own || of.ends_with(&format!(".{own}"))
    }
}

/// Names between dots as DNS has them (RFC 1035, 2.3.1).
pub(crate) fn labels(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}
