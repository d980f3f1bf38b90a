//! Server access logs of S3 buckets.
//!
//! Fields and their order: Amazon S3 User Guide, "Amazon S3 server access log format". The request keeps a web server's names, so that
//! rules for the category `webserver` see it; what S3 adds keeps S3's own names in small letters.

use super::Parsed;
use super::access_log::{insert_number, insert_request, insert_told, unescape};
use super::words::Words;
use chrono::DateTime;
use serde_json::Map;
use watchkeeper_domain::event::LogSource;

/// The fields behind the client's program, in their order.
const BEHIND: [&str; 9] = [
    "version-id",
    "host-id",
    "signature-version",
    "cipher-suite",
    "authentication-type",
    "cs-host",
    "tls-version",
    "access-point-arn",
    "acl-required",
];

/// Whether a line looks like one.
pub(super) fn resembles(line: &str) -> bool {
    let mut words = Words::of(line);
    let owner = words.next().unwrap_or_default();
    owner.len() == 64
        && owner.bytes().all(|b| b.is_ascii_hexdigit())
        && words.nth(1).is_some_and(|at| instant(at).is_some())
        && words.count() >= 13
}

fn instant(text: &str) -> Option<DateTime<chrono::FixedOffset>> {
    DateTime::parse_from_str(text, "%d/%b/%Y:%H:%M:%S %z").ok()
}

pub(super) fn parse(line: &str) -> Parsed {
    record(line).unwrap_or_else(|reason| Parsed::unreadable(line, reason))
}

fn record(line: &str) -> Result<Parsed, String> {
    let words: Vec<&str> = Words::of(line).collect();
    let [
        owner,
        bucket,
        at,
        address,
        requester,
        request_id,
        operation,
        key,
        request,
        status,
        error,
        sent,
        size,
        total,
        turn_around,
        referer,
        agent,
        behind @ ..,
    ] = words.as_slice()
    else {
        return Err(format!(
            "expected an access-log line of a bucket, which has 17 fields and more, found {}",
            words.len()
        ));
    };
    let instant =
        instant(at).ok_or_else(|| format!("`{at}` is not a time like `06/Feb/2019:00:00:38 +0000`"))?;
    let mut fields = Map::new();
    for (name, word) in [
        ("bucket-owner", owner),
        ("bucket", bucket),
        ("c-ip", address),
        ("src_ip", address),
        ("cs-username", requester),
        ("request-id", request_id),
        ("operation", operation),
        ("key", key),
        ("error-code", error),
        ("cs-referer", referer),
        ("cs-user-agent", agent),
    ] {
        insert_told(&mut fields, name, word);
    }
    for (name, word) in [
        ("sc-status", status),
        ("sc-bytes", sent),
        ("object-size", size),
        ("total-time", total),
        ("turn-around-time", turn_around),
    ] {
        insert_number(&mut fields, name, word);
    }
    if *request != "-" {
        insert_request(&mut fields, &unescape(request));
    }
    for (name, word) in BEHIND.iter().zip(behind) {
        insert_told(&mut fields, name, word);
    }
    Ok(Parsed {
        at: Some(instant.to_utc()),
        log_source: LogSource {
            category: Some("webserver".into()),
            product: Some("aws".into()),
            service: Some("s3".into()),
        },
        fields,
        ..Parsed::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    // From the user guide.
    const LINE: &str = r#"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be DOC-EXAMPLE-BUCKET1 [06/Feb/2019:00:00:38 +0000] 192.0.2.3 79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be 3E57427F3EXAMPLE REST.GET.VERSIONING - "GET /DOC-EXAMPLE-BUCKET1?versioning HTTP/1.1" 200 - 113 - 7 - "-" "S3Console/0.4" - s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234= SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader DOC-EXAMPLE-BUCKET1.s3.us-west-1.amazonaws.com TLSV1.2 arn:aws:s3:us-west-1:123456789012:accesspoint/example-AP Yes"#;

    #[test]
    fn a_line_gives_a_web_servers_fields_and_those_of_s3() {
        assert!(resembles(LINE));
        let parsed = parse(LINE);
        assert_eq!(parsed.unparsed, None);
        let fields = Value::Object(parsed.fields);
        for (name, value) in [
            ("c-ip", json!("192.0.2.3")),
            ("operation", json!("REST.GET.VERSIONING")),
            ("bucket", json!("DOC-EXAMPLE-BUCKET1")),
            ("cs-uri-query", json!("versioning")),
            ("sc-status", json!(200)),
            ("sc-bytes", json!(113)),
            ("cs-user-agent", json!("S3Console/0.4")),
            ("acl-required", json!("Yes")),
        ] {
            assert_eq!(fields[name], value, "{name}");
        }
        assert_eq!(fields.get("key"), None);
        assert_eq!(parsed.at.map(|at| at.timestamp()), Some(1_549_411_238));
    }

    #[test]
    fn what_is_none_is_kept_with_the_reason() {
        assert!(!resembles("a b [c] d"));
        assert!(
            parse("a b")
                .unparsed
                .is_some_and(|reason| reason.contains("17 fields"))
        );
        assert!(
            parse(&LINE.replace("06/Feb/2019:00:00:38 +0000", "then"))
                .unparsed
                .is_some()
        );
    }
}
