//! Standard logs of CloudFront: tab-separated, their fields named by a heading, or in AWS's order where there is none.
//!
//! Fields: Amazon CloudFront Developer Guide, "Standard log file fields". Their names are those of the extended log file format, as
//! Sigma has them, save that `cs(User-Agent)` is `cs-user-agent`. Values are percent-encoded, once more than the client did.

use super::access_log::{insert_uri, percent_decode};
use super::{Parsed, time};
use serde_json::{Map, Value};
use watchkeeper_domain::event::LogSource;

const MARK: &str = "#Fields:";

/// The order of AWS's files.
const DEFAULT: &str = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) \
                       cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken \
                       x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status \
                       fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len \
                       sc-range-start sc-range-end";

/// Whether a line stands before the records: `#Version: 1.0`, `#Fields: …`.
pub(super) fn is_heading(line: &str) -> bool {
    line.len() <= 8_192 && (line.starts_with("#Version:") || line.starts_with(MARK))
}

/// Whether a line looks like a record.
pub(super) fn resembles(line: &str) -> bool {
    let mut words = line.split('\t');
    let digits = |text: &str, form: &[u8]| {
        text.len() == form.len()
            && text.bytes().zip(form).all(|(found, form)| {
                if *form == b'0' {
                    found.is_ascii_digit()
                } else {
                    found == *form
                }
            })
    };
    words.next().is_some_and(|date| digits(date, b"0000-00-00"))
        && words.next().is_some_and(|time| digits(time, b"00:00:00"))
        && words.count() >= 22
}

/// The record in a line; nothing in a heading.
pub(super) fn parse(line: &str, heading: Option<&str>) -> Vec<Parsed> {
    if line.starts_with('#') {
        return Vec::new();
    }
    let names = heading
        .and_then(|heading| heading.strip_prefix(MARK))
        .unwrap_or(DEFAULT);
    vec![record(line, names).unwrap_or_else(|reason| Parsed::unreadable(line, reason))]
}

fn record(line: &str, names: &str) -> Result<Parsed, String> {
    let (named, found) = (names.split_whitespace().count(), line.split('\t').count());
    if found > named || found < 12 {
        return Err(format!(
            "expected {named} fields between tabs, as the heading names them, found {found}"
        ));
    }
    let mut fields = Map::new();
    let (mut date, mut clock) = ("", "");
    for (name, value) in names.split_whitespace().zip(line.split('\t')) {
        match name {
            "date" => date = value,
            "time" => clock = value,
            _ if value == "-" => {}
            _ => {
                fields.insert(sigma_name(name), typed(name, value));
            }
        }
    }
    let at = time::of_text(&format!("{date}T{clock}Z"), 0)
        .ok_or_else(|| format!("`{date}` and `{clock}` are not a date and a time"))?;
    if let Some(client) = fields.get("c-ip").cloned() {
        fields.insert("src_ip".into(), client);
    }
    let text = |name: &str| {
        fields
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (stem, query) = (text("cs-uri-stem"), text("cs-uri-query"));
    if !stem.is_empty() {
        insert_uri(&mut fields, &stem, &query);
    }
    Ok(Parsed {
        at: Some(at),
        log_source: LogSource {
            category: Some("webserver".into()),
            product: Some("aws".into()),
            service: Some("cloudfront".into()),
        },
        fields,
        ..Parsed::default()
    })
}

/// `cs(User-Agent)` → `cs-user-agent`.
fn sigma_name(name: &str) -> String {
    match name.strip_prefix("cs(").and_then(|rest| rest.strip_suffix(')')) {
        Some(header) => format!("cs-{}", header.to_ascii_lowercase()),
        None => name.to_owned(),
    }
}

fn typed(name: &str, value: &str) -> Value {
    match name {
        "sc-status" | "sc-bytes" | "cs-bytes" | "c-port" | "sc-content-len" => {
            value.parse::<u64>().map_or_else(|_| value.into(), Value::from)
        }
        // What the client sent was encoded by CloudFront; paths and queries are decoded where rules want them decoded.
        _ if name.starts_with("cs(") => String::from_utf8_lossy(&percent_decode(value.as_bytes())).into(),
        _ => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    // From the developer guide.
    const LINE: &str = "2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.100\tGET\td111111abcdef8.cloudfront.net\t/index.html\t200\t-\tMozilla/5.0%20(Windows%20NT%2010.0)\ta=%2527\t-\tHit\tSOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==\td111111abcdef8.cloudfront.net\thttps\t23\t0.001\t-\tTLSv1.2\tECDHE-RSA-AES128-GCM-SHA256\tHit\tHTTP/2.0\t-\t-\t11040\t0.001\tHit\ttext/html\t78\t-\t-";

    #[test]
    fn a_line_gives_a_web_servers_fields() {
        assert!(resembles(LINE));
        let parsed = parse(LINE, None).remove(0);
        assert_eq!(parsed.unparsed, None);
        let fields = Value::Object(parsed.fields);
        for (name, value) in [
            ("c-ip", json!("192.0.2.100")),
            ("src_ip", json!("192.0.2.100")),
            ("cs-method", json!("GET")),
            ("cs-host", json!("d111111abcdef8.cloudfront.net")),
            ("cs-uri-stem", json!("/index.html")),
            ("cs-uri-decoded", json!("/index.html?a='")),
            ("cs-user-agent", json!("Mozilla/5.0 (Windows NT 10.0)")),
            ("sc-status", json!(200)),
        ] {
            assert_eq!(fields[name], value, "{name}");
        }
        assert_eq!(
            parsed.at.map(|at| at.to_rfc3339()).as_deref(),
            Some("2019-12-04T21:02:31+00:00")
        );
    }

    #[test]
    fn a_heading_says_which_fields_there_are() {
        let heading = "#Fields: date time c-ip cs-method cs-uri-stem sc-status a b c d e f g";
        assert!(is_heading(heading) && is_heading("#Version: 1.0"));
        assert_eq!(parse(heading, Some(heading)), []);
        let line = "2019-12-04\t21:02:31\t192.0.2.1\tGET\t/x\t404\ta\tb\tc\td\te\tf\tg";
        let parsed = parse(line, Some(heading)).remove(0);
        assert_eq!(
            (&parsed.fields["sc-status"], &parsed.fields["cs-uri"]),
            (&json!(404), &json!("/x"))
        );
    }

    #[test]
    fn what_is_none_is_kept_with_the_reason() {
        assert!(
            parse("a\tb", None)
                .remove(0)
                .unparsed
                .is_some_and(|reason| reason.contains("between tabs"))
        );
        let yesterday = LINE.replace("2019-12-04", "yesterday");
        assert!(!resembles(&yesterday));
        assert!(parse(&yesterday, None).remove(0).unparsed.is_some());
    }
}
