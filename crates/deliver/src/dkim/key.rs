//! The private key of a signer, read from its file once. Nothing of it is ever shown.

use crate::fault::ConfigFault;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use sha2::{Digest, Sha256};
use std::path::Path;

/// `SEQUENCE { OBJECT IDENTIFIER rsaEncryption, NULL }` (RFC 3279, 2.3.1).
const RSA_ENCRYPTION: [u8; 15] = [
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

pub(super) enum SigningKey {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({}, …)", self.kind())
    }
}

impl SigningKey {
    pub(super) fn read(path: &Path) -> Result<Self, ConfigFault> {
        let fault = |problem: String, remedy: &str| {
            ConfigFault::new(
                "key_file",
                format!("`{}` {problem}", path.display()),
                remedy.to_owned(),
            )
        };
        let pem = std::fs::read(path).map_err(|error| {
            fault(
                format!("cannot be read: {error}"),
                "name a file that this process may read; `openssl genrsa 2048` makes a key",
            )
        })?;
        let not_a_key = "write one private key as PEM: RSA (PKCS#8 or PKCS#1) or Ed25519 (PKCS#8); `openssl genrsa 2048` makes one";
        // The parser's own words could quote what it read.
        let der = PrivateKeyDer::from_pem_slice(&pem)
            .map_err(|_| fault("holds no private key in PEM form".to_owned(), not_a_key))?;
        let rsa = |read: Result<RsaKeyPair, ring::error::KeyRejected>| {
            read.map(|key| Self::Rsa(Box::new(key)))
                .map_err(|rejected| rejected.to_string())
        };
        let key = match &der {
            PrivateKeyDer::Pkcs1(der) => rsa(RsaKeyPair::from_der(der.secret_pkcs1_der())),
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                match Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
                    Ok(key) => Ok(Self::Ed25519(key)),
                    Err(_) => rsa(RsaKeyPair::from_pkcs8(der)),
                }
            }
            _ => Err("it is of another kind".to_owned()),
        };
        key.map_err(|reason| {
            let remedy = if reason == "TooSmall" {
                "use an RSA key of 2048 bits or more; `openssl genrsa 2048` makes one"
            } else {
                not_a_key
            };
            fault(format!("holds a key that cannot be used ({reason})"), remedy)
        })
    }

    /// As the signature's tag `a` writes it.
    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa-sha256",
            Self::Ed25519(_) => "ed25519-sha256",
        }
    }

    /// As the record's tag `k` writes it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa",
            Self::Ed25519(_) => "ed25519",
        }
    }

    /// The public key as the record's tag `p` has it: a SubjectPublicKeyInfo for RSA (RFC 6376, 3.6.1, erratum 3017), the bare 32
    /// bytes for Ed25519 (RFC 8463, 4).
    pub(super) fn public(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.public_key().as_ref().to_vec(),
            Self::Rsa(key) => {
                let bits = [&[0], key.public().as_ref()].concat();
                let inner = [RSA_ENCRYPTION.to_vec(), tagged(0x03, &bits)].concat();
                tagged(0x30, &inner)
            }
        }
    }

    /// The signature of `text`; none when the key is damaged.
    pub(super) fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            // RFC 8463, 3: what is signed is the digest.
            Self::Ed25519(key) => Some(key.sign(&Sha256::digest(text)).as_ref().to_vec()),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature)
                    .ok()?;
                Some(signature)
            }
        }
    }
}

/// A DER value with its tag and length (X.690, 8.1.3).
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let used = &length[length.iter().take_while(|&&byte| byte == 0).count()..];
    let mut der = vec![tag];
    match used {
        [] => der.push(0),
        [short] if *short < 0x80 => der.push(*short),
        long => {
            // At most eight bytes.
            der.push(0x80 | long.len() as u8);
            der.extend(long);
        }
    }
    der.extend(content);
    der
}
