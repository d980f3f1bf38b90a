//! DKIM by somebody else: `dkimpy` verifies what we sign, and `cryptography` makes keys.

use crate::python;

/// Verifies the mail on standard input; the record is what DNS would answer to its name.
const VERIFY: &str = r#"
import sys, dkim
name, record = sys.argv[1].encode(), sys.argv[2].encode()
asked = []
def answer(asks, timeout=5):
    asked.append(asks)
    return record if asks.rstrip(b".") == name else None
try:
    good = dkim.DKIM(sys.stdin.buffer.read(), minkey=1024).verify(dnsfunc=answer)
except dkim.DKIMException as fault:
    good = False
    print("dkimpy:", fault)
print("asked for", asked)
sys.exit(0 if good else 1)
"#;

/// Writes a new private key as PEM.
const GENERATE: &str = r#"
import sys
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import rsa, ed25519
kind, bits = sys.argv[1], int(sys.argv[2])
key = ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else rsa.generate_private_key(65537, bits)
form = s.PrivateFormat.TraditionalOpenSSL if kind == "pkcs1" else s.PrivateFormat.PKCS8
sys.stdout.write(key.private_bytes(s.Encoding.PEM, form, s.NoEncryption()).decode())
"#;

/// What a key is, and how its file has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// RSA of so many bits, PKCS#8.
    Rsa(u32),
    /// RSA of 2048 bits, PKCS#1.
    RsaPkcs1,
    /// Ed25519, PKCS#8.
    Ed25519,
}

/// A new private key as PEM.
///
/// # Panics
/// When Python cannot make one; the message says why.
#[must_use]
pub fn private_key(key: Key) -> String {
    let (kind, bits) = match key {
        Key::Rsa(bits) => ("pkcs8", bits),
        Key::RsaPkcs1 => ("pkcs1", 2048),
        Key::Ed25519 => ("ed25519", 0),
    };
    let (good, said) = python::script(GENERATE, &[kind, &bits.to_string()], b"");
    assert!(good, "cannot make a key: {said}");
    said
}

/// Whether `mail` has a signature that the `record` at `name` in DNS verifies.
///
/// # Errors
/// What the verifier said.
///
/// # Panics
/// When the verifier cannot be run.
pub fn verify(mail: &[u8], name: &str, record: &str) -> Result<(), String> {
    let (good, said) = python::script(VERIFY, &[name, record], mail);
    if good { Ok(()) } else { Err(said) }
}
