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

/// How much the process grew with `keys` live keys that are grouped by these fields, and what the set says it takes.
fn grown_and_told(group_by: &str, keys: u32) -> (usize, usize) {
    let limits = Limits {
        groups_per_rule: 2_000_000,
        records_per_rule: 2_000_000,
        evidence_bytes: 8_192,
        ..Limits::default()
    };
    let mut set = set_within(&RULES.replace("[src_ip]", group_by), limits);
    let observe = |set: &mut DetectorSet, n: u32| {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + n).to_string();
        let id = format!("1c0a46a2-3b1f-4f6e-9d2c-{n:012x}");
        let fields = json!({"result": "failure", "src_ip": address, "tenant": format!("t-{}", n % 1_000)});
        set.observe(&event(&id, 0, fields));
    };
    (0..100).for_each(|n| observe(&mut set, n));
    let before = resident();
    (100..keys).for_each(|n| observe(&mut set, n));
    let grown = resident().saturating_sub(before);
    let told = set.state_bytes();
    // What it took is not for the next one to take again.
    std::mem::forget(set);
    (grown, told)
}

#[test]
fn fifty_thousand_live_keys_take_less_than_ten_megabytes_and_fourteen_with_what_tells_tenants_apart() {
    for (group_by, megabytes) in [("[src_ip]", 10), ("[tenant, src_ip]", 14)] {
        let (grown, told) = grown_and_told(group_by, 50_000);
        assert!(grown < megabytes << 20, "{group_by}: {grown} bytes");
        assert!(told < megabytes << 20, "{group_by}: {told}");
        assert!(
            grown == 0 || told * 2 > grown,
            "{group_by}: what is told is honest: {told} of {grown}"
        );
        println!("{group_by}: {told} of {grown}");
    }
}
