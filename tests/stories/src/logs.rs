//! What the company's services log: JSON lines that name product and service themselves.

use crate::company::{BYSTANDERS, VICTIMS, bystander_tenant};
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::{Value, json};

/// Where the thief comes from (TEST-NET-3).
pub const THIEF: &str = "203.0.113.77";
/// The key that the thief has found.
pub const STOLEN_KEY: &str = "fdk_svc_7be0c41d92aa36f5";
/// How many files of each customer are taken.
pub const FILES_EACH: usize = 3;

/// One line, and when it was written.
pub type Line = (DateTime<Utc>, String);

fn line(at: DateTime<Utc>, service: &str, mut fields: Value) -> Line {
    fields["timestamp"] = at.to_rfc3339_opts(SecondsFormat::Millis, true).into();
    fields["product"] = "filedrop".into();
    fields["service"] = service.into();
    (at, fields.to_string())
}

/// A quarter of an hour of an ordinary day that ends at `until`: every customer signs in and reads its own files.
#[must_use]
pub fn ordinary(until: DateTime<Utc>) -> Vec<Line> {
    let mut lines = Vec::new();
    for number in 0..BYSTANDERS {
        let at = until - Duration::minutes(15) + Duration::seconds(20 * i64::try_from(number).unwrap_or(0));
        let (address, tenant) = (format!("192.0.2.{}", 10 + number), bystander_tenant(number));
        let sign_in = json!({"event": "sign_in", "user": format!("anna@bystander-{number:02}.example"), "tenant": tenant,
            "src_ip": address, "result": "success", "mfa": true, "protocol": "https"});
        lines.push(line(at, "auth", sign_in));
        for file in 0..3 {
            let at = at + Duration::seconds(file + 1);
            let read = json!({"api_key": format!("fdk_live_{number:02}"), "tenant": tenant, "action": "download",
                "path": format!("/v1/files/{number}-{file}/content"), "bytes": 48_000, "src_ip": address, "status": 200});
            lines.push(line(at, "api", read));
        }
    }
    lines.sort();
    lines
}

/// Stolen passwords are tried for a minute from `start`; the last one opens the door.
#[must_use]
pub fn stuffing(start: DateTime<Utc>) -> Vec<Line> {
    let attempt = |number: i64, user: String, result: &str| {
        let fields = json!({"event": "sign_in", "user": user, "src_ip": THIEF, "result": result,
            "reason": "unknown_user", "mfa": false, "protocol": "https"});
        line(start + Duration::seconds(2 * number), "auth", fields)
    };
    let mut lines: Vec<Line> = (0..30)
        .map(|n| attempt(n, format!("user{n}@freemail.example"), "failure"))
        .collect();
    lines.push(attempt(
        30,
        "dennis.kolb@paperplane.example".to_owned(),
        "success",
    ));
    lines
}

/// The stolen key lists and downloads files of every victim, for a minute from `start`.
#[must_use]
pub fn theft(start: DateTime<Utc>) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut second = 0;
    let mut call = |action: &str, tenant: String, path: String| {
        let fields = json!({"api_key": STOLEN_KEY, "user": "dennis.kolb@paperplane.example", "tenant": tenant, "action": action,
            "path": path, "bytes": 7_400_000, "src_ip": THIEF, "status": 200});
        lines.push(line(start + Duration::seconds(second), "api", fields));
        second += 2;
    };
    for victim in VICTIMS {
        call(
            "list",
            victim.tenant(),
            format!("/v1/tenants/{}/files", victim.tenant()),
        );
    }
    for file in 0..FILES_EACH {
        for victim in VICTIMS {
            call(
                "download",
                victim.tenant(),
                format!("/v1/files/{}-{file}/content", victim.slug),
            );
        }
    }
    lines
}

/// How many events name each victim.
#[must_use]
pub fn events_each() -> u64 {
    1 + FILES_EACH as u64
}

/// Lines as a file holds them.
#[must_use]
pub fn text(lines: &[Line]) -> String {
    lines.iter().map(|(_, line)| format!("{line}\n")).collect()
}
