#![no_main]
//! Events from anybody: the reader of JSON text never panics, and says the same as a whole parse of the text.

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::LazyLock;
use watchkeeper_detect::{DetectorSet, Limits, MatcherThread, records};
use watchkeeper_domain::event::{EntityFields, Event, Fields, LogSource, SourceName};
use watchkeeper_fuzz::{file, mutate::Mutator, seeds};

/// Every field that the rules below ask for.
const ASKED: [&str; 9] = ["a", "b.c", "n", "t", "ip", "Threat Name", "ThreatName", "list.name", "é"];

/// One selection a rule, over few names, so that mutations meet them.
const SELECTIONS: [&str; 29] = [
    "{a: x}", "{a|contains: 'é'}", "{a|startswith: '\\\\'}", "{a|endswith: ''}", "{a: 'x*y?z'}", "{a|cased: X}", "{a: null}",
    "{a: ''}", "{a|exists: true}", "{a|exists: false}", "{a|re: '^[a-z]+$'}", "{a|re|i: '\\u00c9|\\n'}", "{a|fieldref: b.c}",
    "{b.c: 1}", "{b.c|contains|all: [p, q]}", "{b.c|neq: 2}", "{n: 10}", "{n|gt: 1.5}", "{n: true}", "{n|lte: -1}",
    "{t|hour: 3}", "{t|minute|gte: 30}", "{ip|cidr: [10.0.0.0/8, '2001:db8::/32']}", "{ThreatName: x}", "{list.name: [x, y]}",
    "{'é|contains': x}", "[word, '\"quoted\"', 'back\\\\slash']", "{'|re': '^wo.d$'}", "{'|cidr': 192.0.2.0/24}",
];

const WORDS: [&str; 48] = [
    "\"a\":", "\"b\":{\"c\":", "\"b.c\":", "\"n\":", "\"t\":", "\"ip\":", "\"Threat Name\":", "\"ThreatName\":", "\"list\":[{\"name\":",
    "\"é\":", "\"\\u00e9\":", "\"\\u0061\":", "\"x\"", "\"é\"", "\"\\u00e9\"", "\"\\ud83d\\ude00\"", "\"\\ud800\"", "\"\\\\\"", "\"\\\"\"", "\\", "\"", "{", "}", "[",
    "]", ",", ":", "null", "true", "false", "10", "1.5", "-1", "1e2", "1E400", "007", "-0", "0.0", "18446744073709551616", "\"2026-01-05T03:30:00Z\"",
    "1767582000", "\"10.1.2.3\"", "\"192.0.2.7\"", "\"word\"", "\"Records\":[", " ", "\n", "\u{1}",
];

static MUTATOR: LazyLock<Mutator> = LazyLock::new(|| {
    let mut texts = seeds::events();
    texts.push(r#"{"a":"x","b":{"c":[1,"p q",null]},"n":10,"t":"2026-01-05T03:30:00Z","ip":"10.1.2.3","list":[{"name":"x"},{"name":{}}]}"#.into());
    texts.push(r#"{"Records":[{"a":"\\","b.c":2.50,"Threat Name":"x"},{"a":[],"\u0061":"é"}]}"#.into());
    Mutator::new(texts, &WORDS)
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { MUTATOR.mutate(data, size, max_size, seed) });

struct Engine {
    set: DetectorSet,
    thread: MatcherThread,
    number: u64,
}

thread_local! {
    static ENGINE: RefCell<Engine> = RefCell::new(Engine::new());
}

fn log_source() -> LogSource {
    LogSource { product: Some("app".into()), ..LogSource::default() }
}

impl Engine {
    fn new() -> Self {
        let rules: Vec<String> = SELECTIONS.iter().enumerate().map(|(number, selection)| format!(
            "title: Rule {number}\nid: rule-{number}\nlogsource: {{product: app}}\ndetection:\n  s: {selection}\n  condition: s\n"
        )).collect();
        let limits = Limits { remembered_ids: 16, ..Limits::default() };
        let set = DetectorSet::load([file(&rules.join("---\n"))], EntityFields::default(), limits);
        assert!(set.quarantined().is_empty(), "{:#?}", set.quarantined());
        let thread = set.matcher(Some(&log_source()), &["userIdentity.arn"]).thread();
        Self { set, thread, number: 0 }
    }

    /// The rules that the text matches, read for what rules ask for alone; None where it is no event.
    fn by_text(&mut self, text: &str) -> Option<Vec<String>> {
        let judged = self.thread.judge(text).ok()?;
        judged.first_asked();
        for fired in judged.fired() {
            fired.fields();
        }
        let mut ids: Vec<_> = judged.fired().map(|fired| fired.detector.id.clone()).collect();
        assert_eq!(ids.len(), judged.matches());
        ids.sort();
        Some(ids)
    }

    /// The rules that the parsed event matches.
    fn by_fields(&mut self, text: &str, fields: impl Into<Fields>) -> Vec<String> {
        self.number += 1;
        let at = chrono::DateTime::from_timestamp(1_767_603_600, 0).unwrap_or_default();
        self.set.observe(&Event {
            id: self.number.to_string(),
            source: SourceName("fuzz".into()),
            at,
            collected_at: at,
            log_source: log_source(),
            raw: text.into(),
            fields: fields.into(),
            unparsed: None,
        });
        let mut ids: Vec<_> = self.set.drain().into_iter().map(|detection| detection.detector).collect();
        ids.sort();
        ids
    }
}

/// JSON in which no object has a key twice: of two, a whole parse keeps the last, and the reader sees both.
struct Unambiguous;

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unambiguous {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON in which no object has a key twice")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut known = HashSet::new();
        while let Some((key, Self)) = map.next_entry::<String, Self>()? {
            if !known.insert(key) {
                return Err(A::Error::custom("twice"));
            }
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }
}

/// Whether a value that rules ask for may be an object: as text it is what stands in the event, whose spaces and escapes another
/// parser does not keep.
fn asks_for_objects(value: &Value, asked: bool) -> bool {
    match value {
        Value::Object(inner) => {
            asked
                || inner.iter().any(|(key, value)| {
                    let asked = ASKED.iter().any(|name| *name == key || name.split('.').any(|step| step == key) || key.replace(' ', "") == *name);
                    asks_for_objects(value, asked && !matches!(key.as_str(), "b" | "list"))
                })
        }
        Value::Array(items) => items.iter().any(|item| asks_for_objects(item, asked)),
        _ => false,
    }
}

/// The text in one line and without the control characters in strings, which the reader lets pass.
fn without_controls(text: &str) -> String {
    let (mut within, mut escaped) = (false, false);
    let plain = text.chars().map(|c| {
        let quote = c == '"' && !escaped;
        escaped = within && c == '\\' && !escaped;
        within ^= quote;
        match c {
            c if within && c < ' ' => 'x',
            // One line: the place of a fault is a column then.
            '\t' | '\n' | '\r' => ' ',
            c => c,
        }
    });
    plain.collect()
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(found) = records(text) {
        let mut end = 0;
        for range in found {
            assert!(range.start >= end && !text[range.clone()].is_empty());
            end = range.end;
            ENGINE.with_borrow_mut(|engine| engine.by_text(&text[range]));
        }
    }
    let parsed = serde_json::from_str::<Value>(text);
    if parsed.is_ok() {
        let listed = matches!(&parsed, Ok(Value::Object(_) | Value::Array(_)));
        assert_eq!(records(text).is_ok(), listed, "what is JSON is found, be it one event or a list of them");
    }
    ENGINE.with_borrow_mut(|engine| {
        let found = engine.by_text(text);
        match parsed {
            Ok(Value::Object(fields)) => {
                let found = found.expect("an object is judged");
                if serde_json::from_str::<Unambiguous>(text).is_err() {
                    return;
                }
                let value = Value::Object(fields.clone());
                if !asks_for_objects(&value, false) {
                    assert_eq!(found, engine.by_fields(text, fields.clone()), "{text}");
                }
                let written = value.to_string();
                let found = engine.by_text(&written).expect("what was written is judged");
                // Some stand in the text, and some besides it, instead of the text's.
                let mut besides = fields.clone();
                let mut number = 0;
                besides.retain(|_, _| {
                    number += 1;
                    number % 3 == 0
                });
                assert_eq!(found, engine.by_fields(&written, Fields::in_text(besides)), "{written}");
                assert_eq!(found, engine.by_fields(&written, fields), "{written}");
            }
            Ok(_) => assert!(found.is_none(), "only an object is an event"),
            Err(_) if found.is_some() => refused_elsewhere(text),
            Err(_) => {}
        }
    });
});

/// What no rule asks for is passed over, whatever stands there; where rules ask, the reader refuses what JSON refuses.
fn refused_elsewhere(text: &str) {
    // It lets control characters pass in strings.
    let text = without_controls(text);
    let Err(error) = serde_json::from_str::<Value>(&text) else { return };
    // It takes two levels more than a whole parse.
    if error.to_string().starts_with("recursion limit") {
        return;
    }
    // A whole parse takes up to six bytes of an escape, be they in the string or behind it, before it says that they are none.
    let place = error.column().saturating_sub(1);
    let asked = |place| ASKED.contains(&path_at(&text, place).as_str());
    assert!(!asked(place) || !asked(place.saturating_sub(6)), "{error} was passed over in {text}");
}

/// The path of keys that leads to a place of a text which is JSON up to there.
fn path_at(text: &str, end: usize) -> String {
    let mut keys: Vec<Option<String>> = Vec::new();
    let mut key_follows = false;
    let mut at = 0;
    while at < end {
        match text.as_bytes()[at] {
            b'"' => {
                let Some(length) = string_end(&text[at..]) else { break };
                if std::mem::take(&mut key_follows) {
                    let key = serde_json::from_str::<String>(&text[at..at + length]).unwrap_or_default();
                    let key = if keys.len() == 1 { key.replace(' ', "") } else { key };
                    if let Some(last) = keys.last_mut() {
                        *last = Some(key);
                    }
                }
                at += length - 1;
            }
            b'{' => {
                keys.push(Some(String::new()));
                key_follows = true;
            }
            b'[' => keys.push(None),
            b'}' | b']' => drop(keys.pop()),
            b',' => key_follows = matches!(keys.last(), Some(Some(_))),
            _ => {}
        }
        at += 1;
    }
    keys.into_iter().flatten().collect::<Vec<_>>().join(".")
}

fn string_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}
