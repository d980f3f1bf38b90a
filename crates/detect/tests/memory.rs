//! What live keys take of memory. The whole process is measured, so that no other test may run beside this one.

mod support;

use serde_json::json;
use support::{event, set_within};
use watchkeeper_detect::{DetectorSet, Limits};

const RULES: &str = "title: Failed sign-in\nname: failed\nlogsource: {product: app}\ndetection:\n  s: {result: failure}\n  condition: s\n---\n\
    title: Count\nid: count\ncorrelation:\n  type: event_count\n  rules: [failed]\n  group-by: [src_ip]\n  timespan: 1m\n  condition: {gte: 3}\n";

/// Memory that this process uses now, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<usize>().ok());
    kilobytes.unwrap_or(0) * 1024
}

#[test]
fn fifty_thousand_live_keys_take_less_than_ten_megabytes() {
    let keys = 50_000;
    let limits = Limits {
        groups_per_rule: 2_000_000,
        records_per_rule: 2_000_000,
        evidence_bytes: 8_192,
        ..Limits::default()
    };
    let mut set = set_within(RULES, limits);
    let observe = |set: &mut DetectorSet, n: u32| {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + n).to_string();
        let id = format!("1c0a46a2-3b1f-4f6e-9d2c-{n:012x}");
        set.observe(&event(&id, 0, json!({"result": "failure", "src_ip": address})));
    };
    (0..100).for_each(|n| observe(&mut set, n));
    let before = resident();
    (100..keys).for_each(|n| observe(&mut set, n));
    let grown = resident().saturating_sub(before);
    assert!(grown < 10 << 20, "{grown} bytes for {keys} keys");
    let told = set.state_bytes();
    assert!(told < 10 << 20, "{told}");
    assert!(
        grown == 0 || told * 2 > grown,
        "what is told is honest: {told} of {grown}"
    );
}
