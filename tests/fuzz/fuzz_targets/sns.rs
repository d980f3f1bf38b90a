#![no_main]
//! Messages from anybody who says that they are SNS: reading them never panics, nothing is believed that SNS did not sign, and what is
//! asked for leads to SNS and to nobody else.

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use std::sync::LazyLock;
use watchkeeper_domain::delivery::report::LONGEST_FIELD;
use watchkeeper_domain::delivery::ses::SesEvent;
use watchkeeper_domain::sns::{Envelope, TopicArn};
use watchkeeper_fuzz::{mutate::Mutator, seeds};

const WORDS: [&str; 42] = [
    "{", "}", "[", "]", ",", ":", "\"\"", "null", "\\u0000", "\\n", "\"Type\":", "\"Notification\"", "\"SubscriptionConfirmation\"", "\"UnsubscribeConfirmation\"",
    "\"SignatureVersion\":\"1\"", "\"SignatureVersion\":\"2\"", "https://sns.", ".amazonaws.com", ".amazonaws.com.cn", "/a.pem", "..", "@", "%2e", "#", "?",
    "arn:aws:sns:", "arn:aws-cn:sns:", "eu-central-1", "123456789012", "\"eventType\":", "\"notificationType\":", "\"Bounce\"", "\"Complaint\"", "\"Delivery\"",
    "\"DeliveryDelay\"", "\"Reject\"", "\"Permanent\"", "\"Transient\"", "\"status\":\"5.1.1\"", "\"tags\":", "\"headers\":", "dlv_",
];

static MUTATOR: LazyLock<Mutator> = LazyLock::new(|| Mutator::new(seeds::sns(), &WORDS));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { MUTATOR.mutate(data, size, max_size, seed) });

/// A certificate with whose key nothing of this was signed.
const CERTIFICATE: &[u8] = include_bytes!("../src/certificate.pem");

fn is_line(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= LONGEST_FIELD && !text.contains(char::is_control)
}

fuzz_target!(|data: &[u8]| {
    let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).expect("an instant");
    if let Ok(envelope) = Envelope::read(data) {
        let topic = envelope.topic().to_string();
        assert_eq!(topic.parse::<TopicArn>().as_ref(), Ok(envelope.topic()));
        let region = topic.split(':').nth(3).expect("a region");
        let host = format!("https://sns.{region}.amazonaws.com");
        let rest = envelope.certificate().as_str().strip_prefix(&host).expect("of SNS");
        let rest = rest.strip_prefix(".cn").unwrap_or(rest);
        assert!(rest.starts_with('/') && !rest.contains(['?', '#', '@', '%', '\\']), "{rest}");
        let topics = [envelope.topic().clone()];
        envelope.clone().believed(&topics, data, now).expect_err("no certificate");
        envelope.believed(&topics, CERTIFICATE, now).expect_err("nobody signed this");
    }
    if let Ok(event) = std::str::from_utf8(data).map_err(drop).and_then(|text| SesEvent::read(text).map_err(drop)) {
        for field in event.report.iter().flat_map(|report| [&report.remote_mta, &report.diagnostic, &report.reporting_mta]) {
            assert!(field.as_deref().is_none_or(is_line), "{field:?}");
        }
    }
});
