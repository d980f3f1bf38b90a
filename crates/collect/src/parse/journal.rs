//! Entries of journald in JSON: what `journalctl -o json` prints, and what its export format becomes (systemd.journal-fields(7)).
//!
//! Fields keep journald's names; `host`, `program`, `pid`, `message`, `severity` and `facility` are there by the names that syslog lines
//! have, so that a rule for one reads the other. What sshd and FTP servers say is read further.

use super::{Context, Interpretation, Parsed, log_source, sshd, syslog};
use chrono::DateTime;
use serde_json::{Map, Value};
use watchkeeper_domain::event::LogSource;

pub(super) fn resembles(trimmed: &str) -> bool {
    trimmed.starts_with('{') && trimmed.contains("\"__REALTIME_TIMESTAMP\"")
}

pub(super) fn parse(how: &Interpretation, line: &str, context: Context) -> Vec<Parsed> {
    let entry = match serde_json::from_str(line) {
        Ok(Value::Object(entry)) => entry,
        Ok(_) => {
            return vec![Parsed::unreadable(
                line,
                "an entry of journald should be a JSON object",
            )];
        }
        Err(e) => return vec![Parsed::unreadable(line, format!("not JSON: {e}"))],
    };
    let mut parsed = front(entry);
    let program = text(&parsed.fields, "program").to_owned();
    let message = text(&parsed.fields, "message").to_owned();
    if sshd::is_sshd(&program) {
        parsed.log_source = log_source("linux", "sshd");
        sshd::insert_meaning("sshd", &message, &mut parsed.fields);
        return vec![parsed];
    }
    parsed.with_message(how, syslog::structured_part(&message), context)
}

fn front(entry: Map<String, Value>) -> Parsed {
    let first = |names: &[&str]| {
        names
            .iter()
            .map(|name| text(&entry, name))
            .find(|text| !text.is_empty())
    };
    let microseconds =
        first(&["_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"]).and_then(|t| t.parse().ok());
    let program = first(&["SYSLOG_IDENTIFIER", "_COMM"])
        .unwrap_or_default()
        .to_owned();
    let mut named: Vec<(&str, Value)> = Vec::new();
    for (name, from) in [
        ("host", &["_HOSTNAME"][..]),
        ("message", &["MESSAGE"][..]),
        ("unit", &["_SYSTEMD_UNIT", "UNIT"][..]),
    ] {
        named.extend(first(from).map(|text| (name, text.into())));
    }
    if let Some(pid) = first(&["_PID", "SYSLOG_PID"]).and_then(|pid| pid.parse::<u64>().ok()) {
        named.push(("pid", pid.into()));
    }
    let number = |name: &str| text(&entry, name).parse::<u8>().ok();
    let (severity, facility) = syslog::words(number("PRIORITY"), number("SYSLOG_FACILITY"));
    named.extend(severity.map(|word| ("severity", word.into())));
    named.extend(facility.map(|word| ("facility", word.into())));
    let source = LogSource {
        product: Some("linux".into()),
        service: (!program.is_empty()).then(|| program.to_ascii_lowercase()),
        ..LogSource::default()
    };
    if !program.is_empty() {
        named.push(("program", program.into()));
    }
    let at = microseconds.and_then(DateTime::from_timestamp_micros);
    let id = first(&["__CURSOR"]).map(str::to_owned);
    let mut fields = entry;
    fields.extend(named.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Parsed {
        at,
        id,
        log_source: source,
        fields,
        ..Parsed::default()
    }
}

fn text<'f>(fields: &'f Map<String, Value>, name: &str) -> &'f str {
    match fields.get(name) {
        Some(Value::String(text)) => text,
        // A field that was given several times is a list; the first is what a program said first.
        Some(Value::Array(items)) => items.first().and_then(Value::as_str).unwrap_or_default(),
        _ => "",
    }
}
