//! VPC flow logs: one record a line, its fields in the order of the flow log's own format, named as AWS names them.
//!
//! The order is AWS's default (version 2) unless the configuration gives another, or the file begins with a heading, as the files
//! that AWS delivers to S3 do. Fields and their meaning: Amazon VPC user guide, "Flow log records". A field that AWS leaves out of a
//! record (`-`) is left out of the event; what has traffic also gets `src_ip` and `dst_ip`.

use super::{Parsed, log_source, time};
use serde_json::{Map, Value};

/// The default format, which is that of version 2.
const DEFAULT: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action \
                       log-status";

/// Every field that AWS offers, up to version 10, and whether its values are numbers.
const FIELDS: [(&str, bool); 42] = [
    ("version", true),
    ("account-id", false),
    ("interface-id", false),
    ("srcaddr", false),
    ("dstaddr", false),
    ("srcport", true),
    ("dstport", true),
    ("protocol", true),
    ("packets", true),
    ("bytes", true),
    ("start", true),
    ("end", true),
    ("action", false),
    ("log-status", false),
    ("vpc-id", false),
    ("subnet-id", false),
    ("instance-id", false),
    ("tcp-flags", true),
    ("type", false),
    ("pkt-srcaddr", false),
    ("pkt-dstaddr", false),
    ("region", false),
    ("az-id", false),
    ("sublocation-type", false),
    ("sublocation-id", false),
    ("pkt-src-aws-service", false),
    ("pkt-dst-aws-service", false),
    ("flow-direction", false),
    ("traffic-path", true),
    ("ecs-cluster-arn", false),
    ("ecs-cluster-name", false),
    ("ecs-container-instance-arn", false),
    ("ecs-container-instance-id", false),
    ("ecs-container-id", false),
    ("ecs-second-container-id", false),
    ("ecs-service-name", false),
    ("ecs-task-definition-arn", false),
    ("ecs-task-arn", false),
    ("ecs-task-id", false),
    ("reject-reason", false),
    ("resource-id", false),
    ("encryption-status", true),
];

/// The fewest fields of a heading: two words could be anything.
const SHORTEST_HEADING: usize = 4;

fn field(name: &str) -> Option<(&'static str, bool)> {
    FIELDS.iter().find(|(known, _)| *known == name).copied()
}

/// The name of a field as AWS's `LogFormat` writes it: `${srcaddr}`, or bare.
fn bare(name: &str) -> &str {
    name.strip_prefix("${")
        .and_then(|name| name.strip_suffix('}'))
        .unwrap_or(name)
}

/// The names in a flow log's format that are no fields of AWS.
pub(crate) fn unknown_fields(format: &str) -> Vec<String> {
    let names = format.split_whitespace().map(bare);
    names
        .filter(|name| field(name).is_none())
        .map(str::to_owned)
        .collect()
}

/// Whether a line names the fields of the records behind it.
pub(super) fn is_heading(line: &str) -> bool {
    line.len() <= 2_048
        && line.split_whitespace().count() >= SHORTEST_HEADING
        && line.split_whitespace().all(|name| field(name).is_some())
}

/// Whether a line looks like a record of the default format.
pub(super) fn resembles(line: &str) -> bool {
    if !line.starts_with(|first: char| first.is_ascii_digit() || first == 'v') || line.len() > 2_048 {
        return false;
    }
    let values: Vec<&str> = line.split_whitespace().collect();
    let [version, account, _, .., status] = values[..] else {
        return false;
    };
    let digits = |text: &str, most: usize| text.len() <= most && text.bytes().all(|b| b.is_ascii_digit());
    let record = values.len() >= 14
        && digits(version, 2)
        && (account == "unknown" || account.len() == 12 && digits(account, 12))
        && matches!(status, "OK" | "NODATA" | "SKIPDATA");
    record || is_heading(line)
}

/// The record in a line, whose fields stand in the order of `format`; nothing in a heading.
pub(super) fn parse(line: &str, format: Option<&str>) -> Vec<Parsed> {
    if is_heading(line) {
        return Vec::new();
    }
    vec![record(line, format.unwrap_or(DEFAULT)).unwrap_or_else(|reason| Parsed::unreadable(line, reason))]
}

fn record(line: &str, format: &str) -> Result<Parsed, String> {
    let (names, values) = (format.split_whitespace().count(), line.split_whitespace().count());
    if names != values {
        return Err(format!(
            "expected a flow log record of {names} fields, found {values}: `flow_log_format` says which there are"
        ));
    }
    let mut fields = Map::new();
    for (name, value) in format.split_whitespace().zip(line.split_whitespace()) {
        let name = bare(name);
        if value != "-" {
            fields.insert(name.to_owned(), typed(name, value)?);
        }
    }
    for (address, alias) in [("srcaddr", "src_ip"), ("dstaddr", "dst_ip")] {
        if let Some(value) = fields.get(address).cloned() {
            fields.insert(alias.to_owned(), value);
        }
    }
    let at = ["end", "start"].iter().find_map(|name| fields.get(*name));
    let at = match at {
        Some(seconds) => Some(
            time::of_value(seconds, 0)
                .ok_or_else(|| format!("`{seconds}` is not a time in seconds since 1970"))?,
        ),
        None => None,
    };
    Ok(Parsed {
        at,
        log_source: log_source("aws", "vpcflow"),
        fields,
        ..Parsed::default()
    })
}

fn typed(name: &str, value: &str) -> Result<Value, String> {
    if !field(name).is_some_and(|(_, number)| number) {
        return Ok(value.into());
    }
    let number: u64 = value
        .parse()
        .map_err(|_| format!("`{name}` should be a number, found `{value}`"))?;
    Ok(number.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const RECORD: &str = "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK";

    fn one(line: &str, format: Option<&str>) -> Parsed {
        let mut found = parse(line, format);
        assert_eq!(found.len(), 1, "{line}");
        found.remove(0)
    }

    #[test]
    fn a_record_of_the_default_format_has_aws_names_and_numbers() {
        let parsed = one(RECORD, None);
        assert_eq!(
            Value::Object(parsed.fields),
            json!({"version": 2, "account-id": "123456789010", "interface-id": "eni-1235b8ca123456789",
                "srcaddr": "172.31.16.139", "dstaddr": "172.31.16.21", "srcport": 20641, "dstport": 22, "protocol": 6,
                "packets": 20, "bytes": 4249, "start": 1_418_530_010, "end": 1_418_530_070, "action": "ACCEPT",
                "log-status": "OK", "src_ip": "172.31.16.139", "dst_ip": "172.31.16.21"})
        );
        assert_eq!(parsed.at.map(|at| at.timestamp()), Some(1_418_530_070));
        assert_eq!(parsed.log_source, log_source("aws", "vpcflow"));
        assert!(resembles(RECORD));
    }

    #[test]
    fn a_record_without_traffic_is_an_event_too() {
        for status in ["NODATA", "SKIPDATA"] {
            let line = format!(
                "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - {status}"
            );
            let parsed = one(&line, None);
            assert_eq!(
                (&parsed.unparsed, &parsed.fields["log-status"]),
                (&None, &json!(status))
            );
            assert_eq!(parsed.fields.get("src_ip"), None);
            assert_eq!(parsed.at.map(|at| at.timestamp()), Some(1_431_280_934));
            assert!(resembles(&line));
        }
    }

    #[test]
    fn the_format_says_which_field_stands_where() {
        let format =
            "${version} ${vpc-id} ${srcaddr} ${dstaddr} ${tcp-flags} ${pkt-srcaddr} ${flow-direction} ${end}";
        let line = "5 vpc-0a1 203.0.113.9 10.0.0.5 2 203.0.113.9 ingress 1616729349";
        for format in [
            format,
            "version vpc-id srcaddr dstaddr tcp-flags pkt-srcaddr flow-direction end",
        ] {
            let parsed = one(line, Some(format));
            assert_eq!(
                (
                    &parsed.fields["tcp-flags"],
                    &parsed.fields["flow-direction"],
                    &parsed.fields["src_ip"]
                ),
                (&json!(2), &json!("ingress"), &json!("203.0.113.9"))
            );
            assert_eq!(parsed.at.map(|at| at.timestamp()), Some(1_616_729_349));
        }
        assert_eq!(
            unknown_fields("${version} ${source} srcaddr colour"),
            ["source", "colour"]
        );
    }

    #[test]
    fn a_heading_is_no_event_and_malformed_records_say_why() {
        assert!(parse(DEFAULT, None).is_empty() && resembles(DEFAULT));
        for (line, reason) in [
            (
                "2 123456789010 eni-1",
                "expected a flow log record of 14 fields, found 3",
            ),
            (
                &RECORD.replace("20641", "ssh") as &str,
                "`srcport` should be a number, found `ssh`",
            ),
            (&RECORD.replace("1418530070", "0"), "`0` is not a time"),
            (&RECORD.replace("4249", "-1"), "`bytes` should be a number"),
        ] {
            let told = one(line, None).unparsed.unwrap_or_default();
            assert!(told.contains(reason), "{line}: {told}");
        }
        for line in ["version 2 is out, and there is more OK", "2 3 4 OK", "", "2"] {
            assert!(!resembles(line), "{line}");
        }
    }
}
