//! SNS by somebody else: messages as it posts them over HTTPS, signed with the Python package `cryptography`.

use crate::python;
use chrono::{DateTime, Utc};

/// Writes a key and its certificate, valid between two instants.
const GENERATE: &str = r#"
import sys, datetime
from cryptography import x509
from cryptography.x509.oid import NameOID
from cryptography.hazmat.primitives import hashes, serialization as s
from cryptography.hazmat.primitives.asymmetric import rsa
begin, end = (datetime.datetime.fromtimestamp(int(at), datetime.timezone.utc) for at in sys.argv[1:3])
key = rsa.generate_private_key(65537, 2048)
name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
made = made.serial_number(1).not_valid_before(begin).not_valid_after(end).sign(key, hashes.SHA256())
sys.stdout.write(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()).decode())
sys.stdout.write(made.public_bytes(s.Encoding.PEM).decode())
"#;

/// Signs the message on standard input, as the developer guide describes it, with the key in the first argument.
const SIGN: &str = r#"
import sys, json, base64
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
message = json.load(sys.stdin)
key = serialization.load_pem_private_key(sys.argv[1].encode(), None)
names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
if message["Type"] != "Notification":
    names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
text = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
digest = hashes.SHA1() if message["SignatureVersion"] == "1" else hashes.SHA256()
message["Signature"] = base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), digest)).decode()
json.dump(message, sys.stdout)
"#;

/// Whoever signs for SNS.
#[derive(Debug)]
pub struct Publisher {
    key: String,
    /// The certificate, as PEM.
    pub certificate: String,
}

/// What is published, before it is signed.
#[derive(Debug, Clone)]
pub struct Publication<'a> {
    /// `Notification`, `SubscriptionConfirmation` or `UnsubscribeConfirmation`.
    pub kind: &'a str,
    /// The topic's ARN, which names the region.
    pub topic: &'a str,
    /// The text.
    pub text: &'a str,
    /// When.
    pub at: DateTime<Utc>,
    /// `1` (SHA-1) or `2` (SHA-256).
    pub version: &'a str,
}

impl Publisher {
    /// Somebody with a new key, whose certificate is valid between two instants.
    ///
    /// # Panics
    /// When Python cannot make one; the message says why.
    #[must_use]
    pub fn new(begin: DateTime<Utc>, end: DateTime<Utc>) -> Self {
        let (begin, end) = (begin.timestamp().to_string(), end.timestamp().to_string());
        let said = run(GENERATE, &[&begin, &end], "");
        let (key, certificate) = said
            .split_once("-----BEGIN CERTIFICATE")
            .expect("two blocks of PEM");
        Self {
            key: key.to_owned(),
            certificate: format!("-----BEGIN CERTIFICATE{certificate}"),
        }
    }

    /// The message as it is posted.
    ///
    /// # Panics
    /// When Python cannot sign it; the message says why.
    #[must_use]
    pub fn post(&self, publication: &Publication<'_>) -> String {
        let region = publication
            .topic
            .split(':')
            .nth(3)
            .expect("the ARN names a region");
        let host = format!("https://sns.{region}.amazonaws.com");
        let mut message = serde_json::json!({
            "Type": publication.kind,
            "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
            "TopicArn": publication.topic,
            "Message": publication.text,
            "Timestamp": publication.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            "SignatureVersion": publication.version,
            "SigningCertURL": format!("{host}/SimpleNotificationService-0a1b2c.pem"),
        });
        if publication.kind == "Notification" {
            message["Subject"] = "Amazon SES Email Event Notification".into();
            message["UnsubscribeURL"] = format!("{host}/?Action=Unsubscribe").into();
        } else {
            message["Token"] = "2336412f37fb687f5d51e6e241d09c805a5a57b3".into();
            message["SubscribeURL"] = format!("{host}/?Action=ConfirmSubscription&Token=2336412f37").into();
        }
        run(SIGN, &[&self.key], &message.to_string())
    }
}

fn run(script: &str, arguments: &[&str], input: &str) -> String {
    let (good, said) = python::script(script, arguments, input.as_bytes());
    assert!(good, "{said}");
    said
}
