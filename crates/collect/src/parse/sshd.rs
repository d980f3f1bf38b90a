//! Syslog lines of sshd: what happened, to whom, from where.
//!
//! Lines of other programs in the same file are read too, as `service: <program>` with `event: other`.

use super::{Parsed, ftp, log_source, syslog};
use chrono::{DateTime, Utc};
use regex::Regex;
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// What sshd says, in the order in which it is tried.
static MESSAGES: LazyLock<Option<Vec<(&'static str, Regex)>>> = LazyLock::new(|| compile().ok());

fn compile() -> Result<Vec<(&'static str, Regex)>, regex::Error> {
    const FROM: &str = r"(?P<src_ip>\S+?)(?: port (?P<src_port>\d+))?";
    // The user comes from the client and may contain ` from `: it is matched greedily, so that the last ` from ` counts.
    let messages = [
        (
            "failed",
            r"^Failed (?P<method>\S+) for (?P<invalid>invalid user )?(?P<user>.*) from FROM(?: ssh\d?)?(?: \[preauth\])?(?:: .*)?$",
        ),
        (
            "accepted",
            r"^Accepted (?P<method>\S+) for (?P<user>.*) from FROM(?: ssh\d?)?(?:: [A-Z0-9-]+ (?P<fingerprint>[0-9A-Za-z:+/=]+)\b.*|: .*)?$",
        ),
        (
            "invalid_user",
            r"^(?:Invalid|Illegal) user (?P<user>.*?) ?from FROM\s*(?:\[preauth\])?$",
        ),
        (
            "max_attempts_exceeded",
            r"^(?:error: )?maximum authentication attempts exceeded for (?P<invalid>invalid user )?(?P<user>.*) from FROM(?: ssh\d?)?(?: \[preauth\])?$",
        ),
        (
            "received_disconnect",
            r"^Received disconnect from FROM(?:: |:\d+:(?: |$)).*$",
        ),
        (
            "disconnected",
            r"^Disconnected from (?:(?P<invalid>invalid user )|(?P<trying>authenticating user )|user )(?P<user>.*) (?P<src_ip>\S+) port (?P<src_port>\d+)(?: \[preauth\])?$",
        ),
        ("disconnected", r"^Disconnected from FROM(?: \[preauth\])?$"),
        (
            "connection_closed",
            r"^Connection (?:closed|reset) by (?:(?P<invalid>invalid user )|(?P<trying>authenticating user )|user )(?P<user>.*) (?P<src_ip>\S+) port (?P<src_port>\d+)(?: \[preauth\])?$",
        ),
        (
            "connection_closed",
            r"^Connection (?:closed|reset) by FROM(?: \[preauth\])?$",
        ),
        ("connection", r"^Connection from FROM on .*$"),
        (
            "no_identification",
            r"^Did not receive identification string from FROM(?: \[preauth\])?$",
        ),
        (
            "bad_protocol",
            r"^Bad protocol version identification .* from FROM$",
        ),
        // What OpenSSH 8 and later say instead.
        ("bad_protocol", r"^banner exchange: Connection from FROM: .*$"),
        (
            "bad_protocol",
            r"^error: (?:kex_exchange_identification|kex_protocol_error): .*$",
        ),
        (
            "login_timeout",
            r"^(?:fatal: )?Timeout before authentication for (?:connection from )?FROM(?: to .*)?(?:, pid = \d+)?$",
        ),
        (
            "connection_refused",
            r"^refused connect from \S+ \((?P<src_ip>[^\s)]+)\)$",
        ),
        // Penalties are those of OpenSSH 9.8 and later.
        (
            "connection_dropped",
            r"^(?:drop_connection: )?drop connection #\d+ from \[(?P<src_ip>[^\]]+)\]:(?P<src_port>\d+) on \[[^\]]*\]:\d+ (?:past \S+|penalty: .*)$",
        ),
        (
            "pam_failure",
            r"^error: PAM: .* for (?P<invalid>illegal user )?(?P<user>.*) from FROM(?: via \S+)?$",
        ),
        (
            "root_refused",
            r"^ROOT LOGIN REFUSED \x46ROM FROM(?: \[preauth\])?$",
        ),
        (
            "negotiation_failed",
            r"^(?:fatal: )?Unable to negotiate with FROM: .*$",
        ),
        (
            "user_not_allowed",
            r"^User (?P<user>.*) from FROM not allowed because .*$",
        ),
        (
            "pam_failure",
            r"^pam_unix\(sshd:auth\): authentication failure;.* rhost=(?P<src_ip>\S*)(?:\s+user=(?P<user>.*))?\s*$",
        ),
        (
            "session_opened",
            r"^pam_unix\(sshd:session\): session opened for user (?P<user>[^\s(]+).*$",
        ),
        (
            "session_closed",
            r"^pam_unix\(sshd:session\): session closed for user (?P<user>.*)$",
        ),
        ("listening", r"^Server listening on .*$"),
    ];
    messages
        .into_iter()
        .map(|(event, pattern)| Regex::new(&pattern.replace("FROM", FROM)).map(|regex| (event, regex)))
        .collect()
}

pub(super) fn resembles(line: &str) -> bool {
    syslog::Line::read(line).is_some_and(|line| is_sshd(line.program()))
}

pub(super) fn is_sshd(program: &str) -> bool {
    matches!(program, "sshd" | "sshd-session" | "sshd-auth")
}

pub(super) fn parse(line: &str, collected_at: DateTime<Utc>, utc_offset_minutes: i32) -> Vec<Parsed> {
    let Some(found) = syslog::Line::read(line.trim_end_matches(['\r', '\n'])) else {
        return vec![Parsed::unreadable(
            line,
            "not a syslog line: expected `Mar 27 13:06:56 host sshd[1]: …` or the same with an ISO time",
        )];
    };
    let Some(at) = found.at(collected_at, utc_offset_minutes) else {
        return vec![Parsed::unreadable(
            line,
            "the time in front of the line does not exist",
        )];
    };
    let program = found.program();
    if ftp::is_daemon(program) {
        return ftp::parse(line, collected_at, utc_offset_minutes);
    }
    let service = if is_sshd(program) {
        "sshd".to_owned()
    } else {
        program.to_ascii_lowercase()
    };
    let (message_said, times) = syslog::unfold(found.message());
    let mut fields = found.fields();
    insert_meaning(&service, message_said, &mut fields);
    let parsed = Parsed {
        at,
        log_source: if is_sshd(program) {
            log_source("linux", &service)
        } else {
            found.log_source()
        },
        fields,
        ..Parsed::default()
    };
    vec![parsed; times]
}

pub(super) fn insert_meaning(service: &str, message: &str, fields: &mut Map<String, Value>) {
    let found = MESSAGES
        .iter()
        .flatten()
        .filter(|_| service == "sshd")
        .find_map(|(event, pattern)| pattern.captures(message).map(|found| (*event, found)));
    let Some((event, found)) = found else {
        fields.insert("event".into(), "other".into());
        return;
    };
    let method = found.name("method").map(|m| m.as_str());
    fields.insert("event".into(), event_name(event, method).into());
    for name in ["user", "src_ip", "method", "fingerprint"] {
        if let Some(value) = found.name(name).map(|m| m.as_str()).filter(|v| !v.is_empty()) {
            fields.insert(name.into(), value.into());
        }
    }
    if let Some(port) = found
        .name("src_port")
        .and_then(|p| p.as_str().parse::<u32>().ok())
    {
        fields.insert("src_port".into(), port.into());
    }
    if found.name("invalid").is_some() || event == "invalid_user" {
        fields.insert("invalid_user".into(), true.into());
    }
    if found.name("trying").is_some() {
        fields.insert("authenticating".into(), true.into());
    }
    if message.ends_with("[preauth]") {
        fields.insert("preauth".into(), true.into());
    }
}

/// `failed_password` stands for everything that was typed; a refused key or the opening `none` is no guess at a password.
fn event_name(event: &'static str, method: Option<&str>) -> &'static str {
    match (event, method) {
        ("failed", Some("publickey" | "hostbased")) => "failed_publickey",
        ("failed", Some("none")) => "failed_none",
        ("failed", _) => "failed_password",
        (event, _) => event,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(message: &str) -> Value {
        let line = format!("Mar 27 13:06:56 gate sshd[12]: {message}");
        let collected = DateTime::from_timestamp(1_491_000_000, 0).unwrap();
        let mut found = parse(&line, collected, 0);
        assert_eq!(found.len(), 1, "{message}");
        let parsed = found.remove(0);
        assert_eq!(
            parsed.at.map(|a| a.to_rfc3339()).as_deref(),
            Some("2017-03-27T13:06:56+00:00")
        );
        Value::Object(parsed.fields)
    }

    #[test]
    fn each_message_tells_what_who_and_from_where() {
        for (message, event, user, address, port) in [
            (
                "Failed password for root from 10.0.0.1 port 22 ssh2",
                "failed_password",
                json!("root"),
                json!("10.0.0.1"),
                json!(22),
            ),
            (
                "Failed password for invalid user x from y from 10.0.0.1 port 5 ssh2",
                "failed_password",
                json!("x from y"),
                json!("10.0.0.1"),
                json!(5),
            ),
            (
                "Failed keyboard-interactive/pam for a from 10.0.0.1 port 5 ssh2",
                "failed_password",
                json!("a"),
                json!("10.0.0.1"),
                json!(5),
            ),
            (
                "Failed publickey for a from fe80::1%eth0 port 5 ssh2: RSA SHA256:abc",
                "failed_publickey",
                json!("a"),
                json!("fe80::1%eth0"),
                json!(5),
            ),
            (
                "Accepted publickey for ubuntu from 85.245.107.41 port 54259 ssh2: RSA SHA256:Kl",
                "accepted",
                json!("ubuntu"),
                json!("85.245.107.41"),
                json!(54259),
            ),
            (
                "Invalid user admin from 1.2.3.4",
                "invalid_user",
                json!("admin"),
                json!("1.2.3.4"),
                Value::Null,
            ),
            (
                "Invalid user  from 1.2.3.4 port 9",
                "invalid_user",
                Value::Null,
                json!("1.2.3.4"),
                json!(9),
            ),
            (
                "Received disconnect from 1.2.3.4 port 9:11: Bye Bye [preauth]",
                "received_disconnect",
                Value::Null,
                json!("1.2.3.4"),
                json!(9),
            ),
            (
                "Disconnected from authenticating user root 1.2.3.4 port 9 [preauth]",
                "disconnected",
                json!("root"),
                json!("1.2.3.4"),
                json!(9),
            ),
            (
                "Disconnected from 1.2.3.4 port 9",
                "disconnected",
                Value::Null,
                json!("1.2.3.4"),
                json!(9),
            ),
            (
                "Connection closed by 1.2.3.4 port 9 [preauth]",
                "connection_closed",
                Value::Null,
                json!("1.2.3.4"),
                json!(9),
            ),
            (
                "error: maximum authentication attempts exceeded for invalid user b from 1.2.3.4 port 9 ssh2 [preauth]",
                "max_attempts_exceeded",
                json!("b"),
                json!("1.2.3.4"),
                json!(9),
            ),
            (
                "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=1.2.3.4  user=root",
                "pam_failure",
                json!("root"),
                json!("1.2.3.4"),
                Value::Null,
            ),
            (
                "Unable to negotiate with 1.2.3.4 port 9: no matching cipher found",
                "negotiation_failed",
                Value::Null,
                json!("1.2.3.4"),
                json!(9),
            ),
            ("something new", "other", Value::Null, Value::Null, Value::Null),
        ] {
            let fields = one(message);
            let get = |name: &str| fields.get(name).cloned().unwrap_or(Value::Null);
            assert_eq!(get("event"), json!(event), "{message}");
            assert_eq!(
                (get("user"), get("src_ip"), get("src_port")),
                (user, address, port),
                "{message}"
            );
            assert_eq!(get("message"), json!(message));
        }
    }

    #[test]
    fn what_scanners_leave_behind_has_a_name_and_an_address() {
        for (message, event) in [
            (
                "banner exchange: Connection from 1.2.3.4 port 9: invalid format",
                "bad_protocol",
            ),
            (
                "Did not receive identification string from 1.2.3.4 port 9",
                "no_identification",
            ),
            (
                "Bad protocol version identification 'GET / HTTP/1.1' from 1.2.3.4 port 9",
                "bad_protocol",
            ),
            (
                "fatal: Timeout before authentication for 1.2.3.4 port 9",
                "login_timeout",
            ),
            (
                "refused connect from scan.example (1.2.3.4)",
                "connection_refused",
            ),
            ("ROOT LOGIN REFUSED FROM 1.2.3.4 port 9 [preauth]", "root_refused"),
            (
                "drop connection #0 from [1.2.3.4]:57742 on [10.0.0.5]:22 penalty: failed authentication",
                "connection_dropped",
            ),
            (
                "drop connection #10 from [1.2.3.4]:57742 on [10.0.0.5]:22 past MaxStartups",
                "connection_dropped",
            ),
            (
                "error: PAM: Authentication failure for root from 1.2.3.4",
                "pam_failure",
            ),
            (
                "Failed password for root from 1.2.3.4 port 9 ssh2 [preauth]",
                "failed_password",
            ),
        ] {
            let fields = one(message);
            assert_eq!(
                (&fields["event"], &fields["src_ip"]),
                (&json!(event), &json!("1.2.3.4")),
                "{message}"
            );
        }
        let key = one("Accepted publickey for ada from 1.2.3.4 port 9 ssh2: ED25519 SHA256:Kl8k/Z+r");
        assert_eq!(key["fingerprint"], json!("SHA256:Kl8k/Z+r"));
        let left = one("Connection closed by authenticating user root 1.2.3.4 port 9 [preauth]");
        assert_eq!(
            (&left["authenticating"], &left["preauth"]),
            (&json!(true), &json!(true))
        );
        let stayed = one("Disconnected from user ada 1.2.3.4 port 9");
        assert_eq!(
            (stayed.get("authenticating"), stayed.get("preauth")),
            (None, None)
        );
    }

    #[test]
    fn folded_repeats_count_each_attempt() {
        let line = "Mar 27 13:06:56 gate sshd[12]: message repeated 5 times: [ Failed password for root from 1.2.3.4 port 9 ssh2]";
        let found = parse(line, DateTime::from_timestamp(1_491_000_000, 0).unwrap(), 0);
        assert_eq!(found.len(), 5);
        assert!(
            found
                .iter()
                .all(|p| p.fields["event"] == "failed_password" && p.fields["user"] == "root")
        );
    }

    #[test]
    fn iso_times_and_rfc5424_are_read_and_other_programs_keep_their_name() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for line in [
            "2026-03-27T13:06:56.123456+01:00 gate sshd[12]: Invalid user a from 1.2.3.4",
            "<38>1 2026-03-27T12:06:56.123456Z gate sshd-session 12 - - Invalid user a from 1.2.3.4",
            "<38>2026-03-27T12:06:56.123456Z gate sshd[12]: Invalid user a from 1.2.3.4",
        ] {
            let found = parse(line, now, 0);
            assert_eq!(
                found[0].at.map(|a| a.timestamp_micros()),
                Some(1_774_613_216_123_456),
                "{line}"
            );
            assert_eq!(found[0].fields["event"], "invalid_user", "{line}");
            assert_eq!(found[0].log_source, log_source("linux", "sshd"));
        }
        let sudo = parse(
            "Mar 27 13:06:56 gate sudo: pam_unix(sudo:session): session opened",
            now,
            0,
        );
        assert_eq!(sudo[0].log_source, log_source("linux", "sudo"));
        assert!(parse("no syslog", now, 0)[0].unparsed.is_some());
    }
}
