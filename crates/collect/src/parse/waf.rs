//! AWS WAF: the record's own fields, unchanged, and the request once more as access logs name it.
//!
//! Records as AWS WAF writes them (developer guide, "Log fields for protection pack (web ACL) traffic"), bare or in a list. The kind
//! of log is `product: aws, service: waf`; who has no access logs sets `log_source.category = "webserver"` for the source, and rules
//! for web servers judge the requests too.

use super::access_log::insert_uri;
use super::{Parsed, json, log_source, time};
use serde_json::{Map, Value};

pub(super) fn resembles(document: &str) -> bool {
    let has = |key: &str| document.contains(key);
    has("\"webaclId\"") && has("\"httpRequest\"") && has("\"action\"")
}

pub(super) fn parse(document: &str) -> Vec<Parsed> {
    match serde_json::from_str(document) {
        Ok(Value::Object(record)) => {
            vec![of_record(record).unwrap_or_else(|reason| Parsed::unreadable(document, reason))]
        }
        Ok(Value::Array(records)) => records.into_iter().map(of_listed).collect(),
        Ok(other) => vec![Parsed::unreadable(
            document,
            format!("expected a WAF record, found {}", json::kind(&other)),
        )],
        Err(e) => vec![Parsed::unreadable(document, format!("not JSON: {e}"))],
    }
}

fn of_listed(record: Value) -> Parsed {
    let raw = record.to_string();
    let parsed = match record {
        Value::Object(record) => of_record(record),
        other => Err(format!("expected a WAF record, found {}", json::kind(&other))),
    };
    let mut parsed = parsed.unwrap_or_else(|reason| Parsed::unreadable(&raw, reason));
    parsed.raw = Some(raw);
    parsed
}

fn of_record(mut fields: Map<String, Value>) -> Result<Parsed, String> {
    let at = fields.get("timestamp").and_then(|told| time::of_value(told, 0));
    let at = at.ok_or("a WAF record without `timestamp` in milliseconds")?;
    if !fields.get("action").is_some_and(Value::is_string) {
        return Err("a WAF record without `action`".into());
    }
    let Some(Value::Object(request)) = fields.get("httpRequest").cloned() else {
        return Err("a WAF record without `httpRequest`".into());
    };
    insert_request(&mut fields, &request);
    let told = fields.get("responseCodeSent").and_then(status);
    if let Some(told) = told {
        fields.insert("sc-status".into(), told.into());
    }
    Ok(Parsed {
        at: Some(at),
        // Not `requestId`: one request passes several web ACLs, and each writes a record.
        id: None,
        log_source: log_source("aws", "waf"),
        fields,
        ..Parsed::default()
    })
}

/// AWS writes the code as a number or as text, and null where the web ACL sent no answer of its own.
fn status(told: &Value) -> Option<u64> {
    told.as_u64().or_else(|| told.as_str()?.parse().ok())
}

fn insert_request(fields: &mut Map<String, Value>, request: &Map<String, Value>) {
    let text = |name: &str| {
        request
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    if let Some(client) = text("clientIp") {
        fields.insert("c-ip".into(), client.into());
        fields.insert("src_ip".into(), client.into());
    }
    for (name, field) in [("httpMethod", "cs-method"), ("httpVersion", "cs-version")] {
        if let Some(value) = text(name) {
            fields.insert(field.into(), value.into());
        }
    }
    if let Some(stem) = text("uri") {
        insert_uri(fields, stem, text("args").unwrap_or_default());
    }
    let headers = request.get("headers").and_then(Value::as_array);
    for header in headers.into_iter().flatten() {
        let part = |name: &str| header.get(name).and_then(Value::as_str);
        let (Some(name), Some(value)) = (part("name"), part("value")) else {
            continue;
        };
        let field = match name.to_ascii_lowercase().as_str() {
            "user-agent" => "cs-user-agent",
            "host" => "cs-host",
            "referer" => "cs-referer",
            "cookie" => "cs-cookie",
            _ => continue,
        };
        fields.entry(field).or_insert_with(|| value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const RECORD: &str = r#"{"timestamp":1576280412771,"formatVersion":1,"webaclId":"arn:aws:wafv2:eu-central-1:111122223333:regional/webacl/edge/3ffd","terminatingRuleId":"AWS-AWSManagedRulesSQLiRuleSet","terminatingRuleType":"MANAGED_RULE_GROUP","action":"BLOCK","terminatingRuleMatchDetails":[{"conditionType":"SQL_INJECTION","location":"QUERY_STRING","matchedData":["or","1"]}],"httpSourceName":"ALB","httpSourceId":"111122223333-app/edge/1","ruleGroupList":[{"ruleGroupId":"AWS#AWSManagedRulesSQLiRuleSet","terminatingRule":{"ruleId":"SQLi_QUERYARGUMENTS","action":"BLOCK"}}],"rateBasedRuleList":[],"nonTerminatingMatchingRules":[],"responseCodeSent":403,"httpRequest":{"clientIp":"203.0.113.9","country":"DE","headers":[{"name":"Host","value":"shop.example"},{"name":"User-Agent","value":"curl/7.53.1"},{"name":"Accept","value":"*/*"}],"uri":"/item","args":"id=1%27+or+1","httpVersion":"HTTP/1.1","httpMethod":"GET","requestId":"rid"},"labels":[{"name":"awswaf:managed:aws:sql-database:SQLi_QueryArguments"}]}"#;

    #[test]
    fn a_record_keeps_its_fields_and_gets_those_of_access_logs() {
        let found = parse(RECORD);
        let [parsed] = &found[..] else {
            panic!("{} events", found.len())
        };
        assert_eq!(parsed.at.map(|at| at.timestamp_millis()), Some(1_576_280_412_771));
        assert_eq!(parsed.log_source, log_source("aws", "waf"));
        let get = |name: &str| parsed.fields.get(name).cloned().unwrap_or(Value::Null);
        for (name, value) in [
            ("action", json!("BLOCK")),
            ("c-ip", json!("203.0.113.9")),
            ("src_ip", json!("203.0.113.9")),
            ("cs-method", json!("GET")),
            ("cs-version", json!("HTTP/1.1")),
            ("cs-uri", json!("/item?id=1%27+or+1")),
            ("cs-uri-stem", json!("/item")),
            ("cs-uri-query", json!("id=1%27+or+1")),
            ("cs-uri-decoded", json!("/item?id=1' or 1")),
            ("cs-host", json!("shop.example")),
            ("cs-user-agent", json!("curl/7.53.1")),
            ("sc-status", json!(403)),
        ] {
            assert_eq!(get(name), value, "{name}");
        }
        assert_eq!(
            get("labels")[0]["name"],
            json!("awswaf:managed:aws:sql-database:SQLi_QueryArguments")
        );
        assert!(resembles(RECORD));
    }

    #[test]
    fn a_list_gives_each_record_and_a_damaged_one_says_why() {
        let found = parse(&format!(
            "[{RECORD},{{\"timestamp\":1576280412771}},{{\"timestamp\":1,\"action\":\"ALLOW\"}},7]"
        ));
        let reasons: Vec<_> = found.iter().map(|p| p.unparsed.as_deref()).collect();
        assert_eq!(
            reasons,
            [
                None,
                Some("a WAF record without `action`"),
                Some("a WAF record without `httpRequest`"),
                Some("expected a WAF record, found a number"),
            ]
        );
        assert!(found[0].raw.is_some());
        for line in ["", "{", "null", r#"{"action":"BLOCK","httpRequest":{}}"#] {
            assert!(parse(line)[0].unparsed.is_some(), "{line}");
        }
        let odd = r#"{"timestamp":1576280412771,"action":"ALLOW","httpRequest":{"headers":[7,{"name":1},{}],"uri":3}}"#;
        assert_eq!(parse(odd)[0].unparsed, None);
    }
}
