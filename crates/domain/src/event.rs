//! Something happened: one log line or one finding, in Sigma's field names.
//!
//! Collectors make events, detectors judge them. An event is not stored on its way through: its source can be read again.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// The configured name of a source, such as `edge-access-log`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceName(pub String);

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of log an event comes from, in the words of Sigma's `logsource` (Sigma specification 2.1, "Log source").
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogSource {
    /// A class of products: `webserver`, `authentication`, `application`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// A product: `aws`, `linux`, `nginx`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// A service of the product: `cloudtrail`, `guardduty`, `sshd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

impl LogSource {
    /// Whether a rule that asks for `self` judges events of `other`: every part that is named must be the same.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let agrees = |asked: &Option<String>, found: &Option<String>| asked.is_none() || asked == found;
        agrees(&self.category, &other.category)
            && agrees(&self.product, &other.product)
            && agrees(&self.service, &other.service)
    }
}

/// Something that happened, as one source told it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Unique within the source and stable when it is read again: (source, id) tells a redelivery from a second event.
    pub id: String,
    /// Which source told it.
    pub source: SourceName,
    /// When it happened, to the millisecond: the only time that detectors know.
    pub at: DateTime<Utc>,
    /// When it was collected.
    pub collected_at: DateTime<Utc>,
    /// What kind of log it is.
    pub log_source: LogSource,
    /// The parsed fields, in Sigma's names for this log source; nested objects as they came.
    pub fields: Map<String, Value>,
    /// The line or document as it came.
    pub raw: String,
    /// Why the parser could not read it. Such an event is judged as text, counted and shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unparsed: Option<String>,
}

impl Event {
    /// The value at a dotted path: a key that itself contains the dots wins over a nested one.
    #[must_use]
    pub fn field(&self, path: &str) -> Option<&Value> {
        lookup(&self.fields, path)
    }

    /// The value at a dotted path as text; numbers and booleans in their JSON form, objects and lists not at all.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<String> {
        match self.field(path)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// The value at a dotted path, without hashing names or looking for dots: each field is compared with the beginning of the path.
fn lookup<'f>(fields: &'f Map<String, Value>, path: &str) -> Option<&'f Value> {
    /// Beyond this, hashing is faster than looking at each field.
    const FEW_FIELDS: usize = 48;
    if fields.len() > FEW_FIELDS {
        return hashed(fields, path);
    }
    let mut below = None;
    for (name, value) in fields {
        let Some(rest) = after(path, name) else { continue };
        if rest.is_empty() {
            return Some(value);
        }
        if let Some(rest) = rest.strip_prefix('.') {
            if below.is_some() {
                return hashed(fields, path);
            }
            below = Some((value, rest));
        }
    }
    match below {
        Some((Value::Object(inner), rest)) => lookup(inner, rest),
        _ => None,
    }
}

/// What follows `name` at the beginning of the path.
fn after<'p>(path: &'p str, name: &str) -> Option<&'p str> {
    // Most names differ in their first byte.
    if path.as_bytes().first() != name.as_bytes().first() {
        return None;
    }
    path.strip_prefix(name)
}

fn hashed<'f>(fields: &'f Map<String, Value>, path: &str) -> Option<&'f Value> {
    if let Some(value) = fields.get(path) {
        return Some(value);
    }
    let mut dots = path.match_indices('.');
    dots.find_map(|(dot, _)| match fields.get(&path[..dot]) {
        Some(Value::Object(inner)) => lookup(inner, &path[dot + 1..]),
        _ => None,
    })
}

/// Which fields name tenants and which name those who act; configured once, since every company names its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityFields {
    /// Fields whose value is a customer's identifier in the product.
    pub tenant: Vec<String>,
    /// Fields whose value identifies who acted: an address, a principal, a key.
    pub actor: Vec<String>,
}

impl Default for EntityFields {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        Self {
            tenant: owned(&["tenant", "tenant_id", "customer_id", "requestParameters.tenant"]),
            actor: owned(&[
                "c-ip",
                "src_ip",
                "sourceIPAddress",
                "api_key",
                "userIdentity.accessKeyId",
                "userIdentity.arn",
                "user",
                "resource.accessKeyDetails.accessKeyId",
                "service.action.awsApiCallAction.remoteIpDetails.ipAddressV4",
                "service.action.networkConnectionAction.remoteIpDetails.ipAddressV4",
            ]),
        }
    }
}

/// Somebody or something that an event is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Entity {
    /// Who acted: an address, a principal, a key.
    Actor(String),
    /// Whose data it concerns: a tenant identifier.
    Tenant(String),
}

impl EntityFields {
    /// The tenant identifiers an event names.
    pub fn tenants<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = String> + 'a {
        self.tenant
            .iter()
            .filter_map(|field| event.text(field))
            .filter(|text| !text.is_empty())
    }

    /// Those who acted, as the event names them, with the field that named them.
    pub fn actors<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = (&'a str, String)> + 'a {
        self.actor
            .iter()
            .filter_map(|field| event.text(field).map(|text| (field.as_str(), text)))
            .filter(|(_, text)| !text.is_empty() && text != "-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// By hashing and looking for dots.
    fn plainly<'a>(fields: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
        if let Some(value) = fields.get(path) {
            return Some(value);
        }
        path.match_indices('.')
            .find_map(|(dot, _)| match fields.get(&path[..dot]) {
                Some(Value::Object(inner)) => plainly(inner, &path[dot + 1..]),
                _ => None,
            })
    }

    #[test]
    fn fields_are_found_as_plainly_looked_up_however_many_there_are() {
        let mut value = serde_json::json!({"a.b": 1, "a": {"b": 2, "c": {"d": 3}}, "n": null, "n.o": {"p": 4}, "x.y": {"z": 5}, "x": {"y": {"w": 6}}, "q": 1, "q.r": {"s": 7}});
        for many in [false, true] {
            for number in 0..if many { 100 } else { 3 } {
                value[format!("f{number}")] = number.into();
            }
            let Value::Object(fields) = &value else {
                unreachable!()
            };
            for path in [
                "a.b", "a.c.d", "a.x", "a", "n", "n.o.p", "x.y.z", "x.y.w", "q.r.s", "f2", "f99", "y", "ab",
                "",
            ] {
                assert_eq!(lookup(fields, path), plainly(fields, path), "{path}");
            }
        }
    }

    #[test]
    fn a_dotted_key_wins_over_a_nested_one() {
        let Value::Object(fields) = json!({"a.b": 1, "a": {"b": 2, "c": {"d": 3}}}) else {
            unreachable!()
        };
        assert_eq!(lookup(&fields, "a.b"), Some(&json!(1)));
        assert_eq!(lookup(&fields, "a.c.d"), Some(&json!(3)));
        assert_eq!(lookup(&fields, "a.x"), None);
    }

    #[test]
    fn a_log_source_covers_what_it_does_not_name() {
        let aws = LogSource {
            product: Some("aws".into()),
            ..LogSource::default()
        };
        let cloudtrail = LogSource {
            service: Some("cloudtrail".into()),
            ..aws.clone()
        };
        assert!(aws.covers(&cloudtrail));
        assert!(!cloudtrail.covers(&aws));
    }
}
