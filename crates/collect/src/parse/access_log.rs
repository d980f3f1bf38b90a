//! Access logs of nginx and apache, as Sigma's category `webserver` names their fields.

use super::{Parsed, syslog};
use chrono::DateTime;
use regex::Regex;
use serde_json::{Map, Value};
use std::sync::LazyLock;
use watchkeeper_domain::event::LogSource;

/// `[vhost[:port]] client ident user [time] "request" status bytes ["referer" "agent" …]`
static LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"^(?:(?P<vhost>[^\s\x22]+) (?P<hosted>[0-9A-Fa-f.:]*[.:][0-9A-Fa-f.:]*)|(?P<client>[^\s\x22]+)) (?P<ident>[^\s\x22]+) (?P<user>[^\[\x22]*?) \[(?P<time>[^\]]{1,64})\] ",
        r"\x22(?P<request>(?:[^\x22\\]|\\.)*)\x22 (?P<status>\d{3}|-) (?P<bytes>\d+|-)",
        r"(?: \x22(?P<referer>(?:[^\x22\\]|\\.)*)\x22 \x22(?P<agent>(?:[^\x22\\]|\\.)*)\x22)?(?P<rest>.*)$",
    ))
    .ok()
});

pub(super) fn resembles(line: &str) -> bool {
    let matches = |line: &str| LINE.as_ref().is_some_and(|pattern| pattern.is_match(line));
    syslogged(line).map_or_else(|| matches(line), matches)
}

/// The line that a web server wrote to syslog, without syslog's front.
fn syslogged(line: &str) -> Option<&str> {
    let found = syslog::Line::read(line)?;
    let web_server = ["nginx", "apache", "apache2", "httpd", "haproxy", "caddy"].contains(&found.program());
    web_server.then(|| found.message())
}

pub(super) fn parse(line: &str) -> Parsed {
    let found = LINE.as_ref().and_then(|pattern| {
        // Syslog's front first: without a process number it could pass for a client, an identity and a user.
        pattern.captures(syslogged(line).unwrap_or(line))
    });
    let Some(found) = found else {
        return Parsed::unreadable(
            line,
            "not an access-log line: expected `client ident user [time] \"request\" status bytes …`",
        );
    };
    let text = |name: &str| found.name(name).map_or("", |m| m.as_str());
    let Some(at) = DateTime::parse_from_str(text("time"), "%d/%b/%Y:%H:%M:%S %z").ok() else {
        return Parsed::unreadable(
            line,
            format!(
                "`{}` is not a time like `17/May/2015:10:05:03 +0000`",
                text("time")
            ),
        );
    };
    let mut fields = Map::new();
    let client = found.name("hosted").map_or(text("client"), |m| m.as_str());
    fields.insert("c-ip".into(), client.into());
    fields.insert("src_ip".into(), client.into());
    if let Some(vhost) = found.name("vhost") {
        fields.insert("cs-host".into(), vhost.as_str().into());
    }
    insert_told(&mut fields, "cs-username", text("user"));
    insert_request(&mut fields, &unescape(text("request")));
    insert_number(&mut fields, "sc-status", text("status"));
    // "-" is how apache writes that no body was sent.
    insert_number(
        &mut fields,
        "sc-bytes",
        if text("bytes") == "-" { "0" } else { text("bytes") },
    );
    insert_told(&mut fields, "cs-referer", text("referer"));
    insert_told(&mut fields, "cs-user-agent", text("agent"));
    Parsed {
        at: Some(at.to_utc()),
        log_source: LogSource {
            category: Some("webserver".into()),
            ..LogSource::default()
        },
        fields,
        ..Parsed::default()
    }
}

/// `GET /path?query HTTP/1.1`; whatever else a client sent is kept whole as `cs-uri`, so that rules can look into it.
pub(super) fn insert_request(fields: &mut Map<String, Value>, request: &str) {
    let (method, uri, version) = split_request(request);
    if let Some(method) = method {
        fields.insert("cs-method".into(), method.into());
    }
    if let Some(version) = version {
        fields.insert("cs-version".into(), version.into());
    }
    let (stem, query) = uri.split_once('?').unwrap_or((uri, ""));
    insert_uri(fields, stem, query);
    // As it came: `/a?` is not `/a`.
    fields.insert("cs-uri".into(), uri.into());
}

/// What a request asked for, in Sigma's names.
pub(super) fn insert_uri(fields: &mut Map<String, Value>, stem: &str, query: &str) {
    let uri = if query.is_empty() {
        stem.to_owned()
    } else {
        format!("{stem}?{query}")
    };
    fields.insert("cs-uri".into(), uri.into());
    fields.insert("cs-uri-stem".into(), stem.into());
    fields.insert("cs-uri-query".into(), query.into());
    fields.insert("cs-uri-decoded".into(), decode_twice(stem, query).into());
}

fn split_request(request: &str) -> (Option<&str>, &str, Option<&str>) {
    let method_like = |m: &str| {
        !m.is_empty()
            && m.len() <= 32
            && m.bytes()
                .all(|b| b.is_ascii_alphabetic() || b == b'_' || b == b'-')
    };
    let Some((method, rest)) = request.split_once(' ').filter(|(m, _)| method_like(m)) else {
        return (None, request, None);
    };
    match rest.rsplit_once(' ') {
        Some((uri, version)) if version.starts_with("HTTP/") => (Some(method), uri, Some(version)),
        _ => (Some(method), rest, None),
    }
}

/// Percent-decoded twice, since attackers encode twice to pass filters that decode once; `+` is a blank in the query.
fn decode_twice(stem: &str, query: &str) -> String {
    let once = if query.is_empty() {
        percent_decode(stem.as_bytes())
    } else {
        let mut bytes = percent_decode(stem.as_bytes());
        bytes.push(b'?');
        bytes.extend(percent_decode(query.replace('+', " ").as_bytes()));
        bytes
    };
    String::from_utf8_lossy(&percent_decode(&once)).into_owned()
}

pub(super) fn percent_decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        match (first, after) {
            (b'%', [high, low, beyond @ ..]) if nibble(*high).is_some() && nibble(*low).is_some() => {
                decoded.push(nibble(*high).unwrap_or(0) << 4 | nibble(*low).unwrap_or(0));
                rest = beyond;
            }
            _ => {
                decoded.push(first);
                rest = after;
            }
        }
    }
    decoded
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// Undoes the escapes of nginx (`\x22`) and apache (`\"`), which protect the line and not the meaning.
pub(super) fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        match (first, after) {
            (b'\\', [b'x', high, low, beyond @ ..]) if nibble(*high).is_some() && nibble(*low).is_some() => {
                plain.push(nibble(*high).unwrap_or(0) << 4 | nibble(*low).unwrap_or(0));
                rest = beyond;
            }
            (b'\\', [escaped, beyond @ ..]) => {
                plain.push(match escaped {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    other => *other,
                });
                rest = beyond;
            }
            _ => {
                plain.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

pub(super) fn insert_told(fields: &mut Map<String, Value>, name: &str, text: &str) {
    if !text.is_empty() && text != "-" {
        fields.insert(name.into(), unescape(text).into());
    }
}

pub(super) fn insert_number(fields: &mut Map<String, Value>, name: &str, digits: &str) {
    if let Ok(number) = digits.parse::<u64>() {
        fields.insert(name.into(), number.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(line: &str) -> Value {
        let parsed = parse(line);
        assert_eq!(parsed.unparsed, None, "{line}");
        Value::Object(parsed.fields)
    }

    #[test]
    fn a_combined_line_gives_every_field() {
        let line = r#"203.0.113.9 - ann [17/May/2015:12:05:03 +0200] "GET /a%2e?q=1+%2527&x HTTP/1.1" 404 17 "https://e.example/" "curl/8 \"x\"""#;
        let parsed = parse(line);
        assert_eq!(
            parsed.at.map(|a| a.to_rfc3339()).as_deref(),
            Some("2015-05-17T10:05:03+00:00")
        );
        assert_eq!(parsed.log_source.category.as_deref(), Some("webserver"));
        assert_eq!(
            Value::Object(parsed.fields),
            json!({"c-ip": "203.0.113.9", "src_ip": "203.0.113.9", "cs-username": "ann", "cs-method": "GET", "cs-version": "HTTP/1.1",
                "cs-uri": "/a%2e?q=1+%2527&x", "cs-uri-stem": "/a%2e", "cs-uri-query": "q=1+%2527&x", "cs-uri-decoded": "/a.?q=1 '&x",
                "sc-status": 404, "sc-bytes": 17, "cs-referer": "https://e.example/", "cs-user-agent": "curl/8 \"x\""})
        );
    }

    #[test]
    fn common_lines_virtual_hosts_and_odd_requests_are_read() {
        let common = fields(r#"1.2.3.4 - - [17/May/2015:10:05:03 +0000] "HEAD / HTTP/1.0" 304 -"#);
        assert_eq!(
            (&common["sc-bytes"], &common["cs-method"]),
            (&json!(0), &json!("HEAD"))
        );
        let hosted = fields(
            r#"shop.example:443 1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5 "-" "-""#,
        );
        assert_eq!(
            (&hosted["cs-host"], &hosted["c-ip"]),
            (&json!("shop.example:443"), &json!("1.2.3.4"))
        );
        let handshake =
            fields(r#"1.2.3.4 - - [17/May/2015:10:05:03 +0000] "\x16\x03\x01 a" 400 150 "-" "-""#);
        assert_eq!(handshake.get("cs-method"), None);
        assert_eq!(handshake["cs-uri"], json!("\u{16}\u{3}\u{1} a"));
        let spaced = fields(
            r#"::1 - a b [17/May/2015:10:05:03 +0000] "GET /a b.txt HTTP/1.1" 200 1 "-" "x" "-" 0.01"#,
        );
        assert_eq!(
            (&spaced["cs-username"], &spaced["cs-uri"]),
            (&json!("a b"), &json!("/a b.txt"))
        );
    }

    #[test]
    fn what_a_web_server_wrote_to_syslog_is_read_without_syslogs_front() {
        let line = r#"Sep 15 16:13:46 web nginx: 1.2.3.4 - - [15/Sep/2021:16:13:46 +0000] "POST /wp-login.php HTTP/1.1" 200 5364 "-" "x""#;
        let parsed = fields(line);
        assert_eq!(
            (&parsed["c-ip"], &parsed["cs-uri"]),
            (&json!("1.2.3.4"), &json!("/wp-login.php"))
        );
        assert!(resembles(line) && !resembles("Sep 15 16:13:46 web nginx: started"));
        assert!(!resembles(&line.replace("nginx:", "logger[7]:")));
    }

    #[test]
    fn a_line_that_is_none_says_what_was_expected() {
        let parsed = parse("hello");
        assert!(
            parsed
                .unparsed
                .is_some_and(|reason| reason.contains("expected `client ident user"))
        );
        assert_eq!(parsed.fields["message"], json!("hello"));
        assert!(
            parse(r#"1.2.3.4 - - [yesterday] "GET / HTTP/1.0" 200 1"#)
                .unparsed
                .is_some_and(|r| r.contains("yesterday"))
        );
    }
}
