//! Something happened: one log line or one finding, in Sigma's field names.
//!
//! Collectors make events, detectors judge them. An event is not stored on its way through: its source can be read again.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::OnceLock;

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

/// The fields of an event, in Sigma's names for its log source; nested objects as they came.
///
/// Most events are JSON, and rules ask for few of their fields: such an event's fields stand in its text, and are built into a map
/// only where somebody asks for all of them. [`Event::fields`] gives them.
#[derive(Debug, Clone)]
pub struct Fields(Place);

#[derive(Debug, Clone)]
enum Place {
    /// All of them.
    Here(Map<String, Value>),
    /// The event's text is a JSON object, and its keys are fields.
    InText {
        /// Those besides, each instead of the text's field of that name.
        besides: Map<String, Value>,
        /// All of them, once somebody asked.
        all: OnceLock<Map<String, Value>>,
    },
}

impl Fields {
    /// Fields that stand in the event's text, which must be a sound JSON object, and those `besides`: each of them instead of the text's
    /// field of that name.
    #[must_use]
    pub fn in_text(besides: Map<String, Value>) -> Self {
        Self(Place::InText {
            besides,
            all: OnceLock::new(),
        })
    }
}

impl Default for Fields {
    fn default() -> Self {
        Map::new().into()
    }
}

impl From<Map<String, Value>> for Fields {
    fn from(fields: Map<String, Value>) -> Self {
        Self(Place::Here(fields))
    }
}

/// An object that an event's text is; what is none has no fields, for who made the event has looked.
fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Whole<'e> {
            id: &'e str,
            source: &'e SourceName,
            at: DateTime<Utc>,
            collected_at: DateTime<Utc>,
            log_source: &'e LogSource,
            fields: &'e Map<String, Value>,
            raw: &'e str,
            #[serde(skip_serializing_if = "Option::is_none")]
            unparsed: Option<&'e str>,
        }
        Whole {
            id: &self.id,
            source: &self.source,
            at: self.at,
            collected_at: self.collected_at,
            log_source: &self.log_source,
            fields: self.fields(),
            raw: &self.raw,
            unparsed: self.unparsed.as_deref(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Self::from)
    }
}

/// Something that happened, as one source told it.
#[derive(Debug, Clone, Deserialize)]
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
    /// The parsed fields; [`Self::fields`] reads them.
    pub fields: Fields,
    /// The line or document as it came.
    pub raw: String,
    /// Why the parser could not read it. Such an event is judged as text, counted and shown.
    #[serde(default)]
    pub unparsed: Option<String>,
}

/// The same, wherever their fields stand.
impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            id,
            source,
            at,
            collected_at,
            log_source,
            fields: _,
            raw,
            unparsed,
        } = self;
        (id, source, at, collected_at) == (&other.id, &other.source, &other.at, &other.collected_at)
            && (log_source, raw, unparsed) == (&other.log_source, &other.raw, &other.unparsed)
            && self.fields() == other.fields()
    }
}

impl Event {
    /// All fields.
    #[must_use]
    pub fn fields(&self) -> &Map<String, Value> {
        match &self.fields.0 {
            Place::Here(fields) => fields,
            Place::InText { besides, all } => all.get_or_init(|| {
                let mut fields = object(&self.raw);
                fields.extend(besides.clone());
                fields
            }),
        }
    }

    /// Where the fields stand in the text: those besides, each of them instead of the text's field of that name.
    #[must_use]
    pub fn besides_text(&self) -> Option<&Map<String, Value>> {
        match &self.fields.0 {
            Place::Here(_) => None,
            Place::InText { besides, .. } => Some(besides),
        }
    }

    /// Sets a field.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        let fields = match &mut self.fields.0 {
            Place::Here(fields) => fields,
            Place::InText { besides, all } => {
                if let Some(all) = all.get_mut() {
                    all.insert(name.clone(), value.clone());
                }
                besides
            }
        };
        fields.insert(name, value);
    }

    /// Removes every field whose name, read without spaces, begins so: rules read `Threat Name` as `ThreatName`.
    pub fn remove_beginning(&mut self, beginning: &str) {
        let keep = |name: &String, _: &mut Value| !name.replace(' ', "").starts_with(beginning);
        if let Place::InText { besides, all } = &mut self.fields.0 {
            besides.retain(keep);
            all.take();
            // A name may also be written with escapes.
            if !self.raw.contains("\\u") && !self.raw.replace(' ', "").contains(beginning) {
                return;
            }
            self.fields = self.fields().clone().into();
        }
        if let Place::Here(fields) = &mut self.fields.0 {
            fields.retain(keep);
        }
    }

    /// The value at a dotted path: a key that itself contains the dots wins over a nested one.
    #[must_use]
    pub fn field(&self, path: &str) -> Option<&Value> {
        lookup(self.fields(), path)
    }

    /// The id of the finding that it tells of, where it is another detector's: GuardDuty tells a finding again each time it recurs, with
    /// whoever acted then.
    #[must_use]
    pub fn finding(&self) -> Option<String> {
        let log_source = &self.log_source;
        let is_finding = log_source.product.as_deref() == Some("aws")
            && log_source.service.as_deref() == Some("guardduty");
        is_finding.then(|| self.text("id")).flatten()
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

    fn event(fields: Fields, raw: &str) -> Event {
        Event {
            id: "1".into(),
            source: SourceName("s".into()),
            at: DateTime::UNIX_EPOCH,
            collected_at: DateTime::UNIX_EPOCH,
            log_source: LogSource::default(),
            fields,
            raw: raw.into(),
            unparsed: None,
        }
    }

    fn map(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn fields_that_stand_in_the_text_are_as_those_that_were_built_and_what_is_set_wins() {
        let raw = r#"{"a": {"b": 1}, "c": "\u0064", "evidence.x": 1, "e\u0076i dence.y": 2}"#;
        let mut in_text = event(Fields::in_text(map(json!({"c": "laid over"}))), raw);
        let mut built = event(
            map(json!({"a": {"b": 1}, "c": "laid over", "evidence.x": 1, "evi dence.y": 2})).into(),
            raw,
        );
        assert_eq!(in_text, built);
        for event in [&mut in_text, &mut built] {
            assert_eq!(event.text("a.b").as_deref(), Some("1"));
            event.insert("a", "set");
            event.insert("d", true);
            assert_eq!(
                event.fields(),
                &map(json!({"a": "set", "c": "laid over", "evidence.x": 1, "evi dence.y": 2, "d": true}))
            );
            event.remove_beginning("evidence.");
            assert_eq!(
                event.fields(),
                &map(json!({"a": "set", "c": "laid over", "d": true}))
            );
        }
        assert_eq!(
            serde_json::to_value(&in_text).unwrap(),
            serde_json::to_value(&built).unwrap()
        );
        assert_eq!(
            serde_json::from_value::<Event>(serde_json::to_value(&in_text).unwrap()).unwrap(),
            built
        );
    }

    #[test]
    fn names_that_are_not_there_are_removed_without_building_the_fields() {
        let mut event = event(Fields::in_text(map(json!({"evidence.x": 1}))), r#"{"a": 1}"#);
        event.remove_beginning("evidence.");
        assert_eq!(event.besides_text(), Some(&Map::new()));
        assert_eq!(event.fields(), &map(json!({"a": 1})));
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
