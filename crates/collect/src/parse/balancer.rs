//! Access logs of AWS's load balancers (ALB, and the classic one), as Sigma's category `webserver` names their fields.
//!
//! Fields and their order: Elastic Load Balancing user guides, "Access logs for your Application Load Balancer" and "… Classic Load
//! Balancer". AWS adds fields at the end from time to time; those that are not known are left alone.

use super::access_log::{insert_number, insert_request, insert_told, unescape};
use super::words::Words;
use super::{Parsed, time};
use serde_json::{Map, Value};
use watchkeeper_domain::event::LogSource;

/// The fields behind the request and the client's program, in their order.
const BEHIND: [&str; 16] = [
    "ssl-cipher",
    "ssl-protocol",
    "target-group-arn",
    "trace-id",
    "cs-host",
    "chosen-cert-arn",
    "matched-rule-priority",
    "request-creation-time",
    "actions-executed",
    "redirect-url",
    "error-reason",
    "target-port-list",
    "target-status-code-list",
    "classification",
    "classification-reason",
    "conn-trace-id",
];
const KINDS: [&str; 6] = ["http", "https", "h2", "grpcs", "ws", "wss"];
/// Fields of the classic load balancer behind its request: it has no kind in front.
const CLASSIC_BEHIND: usize = 2;

/// Whether a line looks like one.
pub(super) fn resembles(line: &str) -> bool {
    let mut words = Words::of(line);
    let (Some(first), Some(second), Some(third)) = (words.next(), words.next(), words.next()) else {
        return false;
    };
    let is_time = |word: &str| word.len() >= 20 && word.ends_with('Z') && time::of_text(word, 0).is_some();
    let rest = words.count();
    if KINDS.contains(&first) {
        return is_time(second) && third.contains('/') && rest >= 14;
    }
    // Time, name, client:port, backend:port, three durations, two statuses, two sizes, request, program, cipher, protocol.
    is_time(first)
        && rest >= 9
        && third
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

pub(super) fn parse(line: &str) -> Parsed {
    record(line).unwrap_or_else(|reason| Parsed::unreadable(line, reason))
}

fn record(line: &str) -> Result<Parsed, String> {
    let words: Vec<&str> = Words::of(line).collect();
    let kind = words.first().filter(|first| KINDS.contains(first));
    let rest = &words[usize::from(kind.is_some())..];
    let [
        at,
        name,
        client,
        target,
        request_time,
        target_time,
        response_time,
        status,
        target_status,
        received,
        sent,
        request,
        behind @ ..,
    ] = rest
    else {
        return Err(format!(
            "expected an access-log line of a load balancer, which has 12 fields and more, found {}",
            words.len()
        ));
    };
    let instant = time::of_text(at, 0)
        .ok_or_else(|| format!("`{at}` is not a time like `2018-07-02T22:23:00.186641Z`"))?;
    let mut fields = Map::new();
    if let Some(kind) = kind {
        fields.insert("type".into(), (*kind).into());
    }
    insert_told(&mut fields, "elb", name);
    let (address, port) = split_port(client);
    for alias in ["c-ip", "src_ip"] {
        insert_told(&mut fields, alias, address);
    }
    insert_number(&mut fields, "c-port", port);
    let (target, target_port) = split_port(target);
    insert_told(&mut fields, "s-ip", target);
    insert_number(&mut fields, "s-port", target_port);
    for (field, seconds) in [
        ("request-processing-time", request_time),
        ("target-processing-time", target_time),
        ("response-processing-time", response_time),
    ] {
        insert_seconds(&mut fields, field, seconds);
    }
    insert_number(&mut fields, "sc-status", status);
    insert_number(&mut fields, "target-status-code", target_status);
    insert_number(&mut fields, "cs-bytes", received);
    insert_number(&mut fields, "sc-bytes", sent);
    insert_whole_request(&mut fields, &unescape(request));
    if let [agent, behind @ ..] = behind {
        insert_told(&mut fields, "cs-user-agent", agent);
        let known = if kind.is_some() {
            BEHIND.len()
        } else {
            CLASSIC_BEHIND
        };
        for (field, word) in BEHIND.iter().take(known).zip(behind) {
            insert_told(&mut fields, field, word);
        }
    }
    Ok(Parsed {
        at: Some(instant),
        log_source: LogSource {
            category: Some("webserver".into()),
            product: Some("aws".into()),
            service: Some("elb".into()),
        },
        fields,
        ..Parsed::default()
    })
}

/// A load balancer writes the whole address, `GET https://host:443/path?query HTTP/2.0`; rules ask for what a web server would write.
fn insert_whole_request(fields: &mut Map<String, Value>, request: &str) {
    let mut parts = request.splitn(3, ' ');
    let (Some(method), Some(url), Some(version)) = (parts.next(), parts.next(), parts.next()) else {
        insert_request(fields, request);
        return;
    };
    let Some((_, behind_scheme)) = url.split_once("://") else {
        insert_request(fields, request);
        return;
    };
    let path = behind_scheme
        .find('/')
        .map_or("/", |slash| &behind_scheme[slash..]);
    let host = behind_scheme.split('/').next().unwrap_or_default();
    insert_request(fields, &format!("{method} {path} {version}"));
    insert_told(fields, "cs-host", host);
}

fn split_port(address: &str) -> (&str, &str) {
    let (address, port) = address.rsplit_once(':').unwrap_or((address, ""));
    (address.trim_start_matches('[').trim_end_matches(']'), port)
}

/// A duration in seconds; -1 says that there was none.
fn insert_seconds(fields: &mut Map<String, Value>, name: &str, seconds: &str) {
    if let Some(seconds) = seconds.parse::<f64>().ok().filter(|s| s.is_finite() && *s >= 0.0) {
        fields.insert(name.into(), seconds.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    // From the user guides.
    const ALB: &str = r#"https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/a%2e?q=1+2 HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:123456789012:certificate/12345678" 1 2018-07-02T22:22:48.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_123456"#;
    const CLASSIC: &str = r#"2015-05-13T23:39:43.945958Z my-loadbalancer 192.168.131.39:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0" - -"#;

    #[test]
    fn a_line_of_an_application_load_balancer_gives_a_web_servers_fields() {
        assert!(resembles(ALB));
        let parsed = parse(ALB);
        assert_eq!(parsed.unparsed, None);
        let fields = Value::Object(parsed.fields);
        for (name, value) in [
            ("c-ip", json!("192.168.131.39")),
            ("cs-method", json!("GET")),
            ("cs-uri", json!("/a%2e?q=1+2")),
            ("cs-uri-decoded", json!("/a.?q=1 2")),
            ("sc-status", json!(200)),
            ("cs-user-agent", json!("curl/7.46.0")),
            ("cs-host", json!("www.example.com")),
            ("conn-trace-id", json!("TID_123456")),
            ("s-ip", json!("10.0.0.1")),
        ] {
            assert_eq!(fields[name], value, "{name}");
        }
        assert_eq!(
            parsed.at.map(|at| at.timestamp_micros()),
            Some(1_530_570_180_186_641)
        );
    }

    #[test]
    fn a_classic_one_and_a_request_without_a_target_are_read() {
        assert!(resembles(CLASSIC));
        let parsed = parse(CLASSIC);
        assert_eq!(parsed.fields["cs-host"], "www.example.com:80");
        assert_eq!(parsed.fields["cs-uri"], "/");
        let broken = ALB
            .replace("10.0.0.1:80 0.086 0.048 0.037 200 200", "- -1 -1 -1 400 -")
            .replace(
                "GET https://www.example.com:443/a%2e?q=1+2 HTTP/1.1",
                "- http://www.example.com:80- -",
            );
        let parsed = parse(&broken);
        assert_eq!(
            (parsed.fields.get("s-ip"), &parsed.fields["sc-status"]),
            (None, &json!(400))
        );
        let six = parse(&ALB.replace("192.168.131.39:2817", "[2001:db8::1]:2817"));
        assert_eq!(six.fields["c-ip"], "2001:db8::1");
    }

    #[test]
    fn what_is_none_is_kept_with_the_reason() {
        assert!(!resembles("https is a word"));
        assert!(
            parse("https x")
                .unparsed
                .is_some_and(|reason| reason.contains("12 fields"))
        );
        assert!(
            parse(&ALB.replace("2018-07-02T22:23:00.186641Z", "then"))
                .unparsed
                .is_some()
        );
    }
}
