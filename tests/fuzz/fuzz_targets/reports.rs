#![no_main]
//! Mail from anybody: reading it as a report, as a mail, and as what names its recipients never panics, and what comes out is bounded.

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use std::sync::LazyLock;
use watchkeeper_deliver::bounce::addressees;
use watchkeeper_deliver::{parse_received, read_report};
use watchkeeper_domain::delivery::report::{Action, LONGEST_FIELD, StatusCode};
use watchkeeper_fuzz::{mutate::Mutator, seeds};

const WORDS: [&str; 40] = [
    "\r\n", "\r\n\r\n", "\n\n", "--b\r\n", "--b--\r\n", "MIME-Version: 1.0\r\n", "Content-Type: ", "multipart/report; boundary=b", "message/delivery-status",
    "message/global-delivery-status", "message/rfc822", "text/plain", "text/html", "Content-Transfer-Encoding: base64\r\n", "quoted-printable",
    "Reporting-MTA: dns; ", "Final-Recipient: rfc822; ", "Action: failed\r\n", "Action: delayed\r\n", "Action: delivered\r\n", "Action: relayed\r\n", "Action: expanded\r\n",
    "Action: complained\r\n", "Status: 5.1.1\r\n", "Status: 4.4.7 (x)\r\n", "Status: 999.1.1\r\n", "Remote-MTA: dns; ", "Diagnostic-Code: smtp; ", "Delivered-To: ",
    "X-Original-To: ", "To: ", "<b+dlv_1.00@bounces.example.com>", "=?utf-8?B?", "=?utf-8?Q?=00?=", "\u{0}", "\u{7f}", "é", " \t", ";", ",",
];

static MUTATOR: LazyLock<Mutator> = LazyLock::new(|| Mutator::new(seeds::reports(), &WORDS));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { MUTATOR.mutate(data, size, max_size, seed) });

fn is_line(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= LONGEST_FIELD && !text.contains(char::is_control)
}

fuzz_target!(|data: &[u8]| {
    if let Ok(report) = read_report(data) {
        assert_ne!(report.action, Action::Complained, "no mail says so");
        for field in [&report.remote_mta, &report.diagnostic, &report.reporting_mta] {
            assert!(field.as_deref().is_none_or(is_line), "{field:?}");
        }
        assert_eq!(StatusCode::read(&report.status.to_string()), Some(report.status));
        // Reports are kept as JSON and read again.
        let kept = serde_json::to_string(&report).expect("JSON");
        assert_eq!(serde_json::from_str::<watchkeeper_domain::delivery::report::Report>(&kept).expect("read again"), report);
    }
    let named = addressees(data);
    assert!(named.len() <= 100 && named.iter().all(|address| address.contains('@')));
    if let Ok(mail) = parse_received(data) {
        assert_eq!(mail.raw, data);
    }
});
