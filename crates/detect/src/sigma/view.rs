//! An event as rules see it: the fields that rules ask for, each looked up once, whatever the number of rules that ask.
//!
//! A [`Scratch`] holds the memory that one event after another uses; nothing is allocated for an event once it has grown.

use super::json::{self, JsonFault, Quotes, Taken};
use super::paths::{NodeId, Paths, ROOT};
use bumpalo::Bump;
use serde_json::{Map, Value};
use std::cell::OnceCell;
use std::collections::HashMap;
use watchkeeper_domain::event::Event;

/// A field path, resolved to a number when the rules are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FieldId(u32);

impl FieldId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Every field path that some rule asks for.
#[derive(Debug, Default, Clone)]
pub(crate) struct Fields {
    names: Vec<String>,
    /// The names come from rules, so that nobody who sends events can choose names that collide.
    ids: HashMap<String, FieldId, foldhash::fast::RandomState>,
}

impl Fields {
    pub(crate) fn id(&mut self, name: &str) -> FieldId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = FieldId(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(name.to_owned());
        self.ids.insert(name.to_owned(), id);
        id
    }

    pub(crate) fn name(&self, id: FieldId) -> &str {
        &self.names[id.index()]
    }

    /// Every one of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = FieldId> {
        (0..self.names.len() as u32).map(FieldId)
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}

/// What kind of value a field has; its text stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Number,
    Bool(bool),
    /// An object, as JSON.
    Object,
}

impl Form {
    /// The number that a value of this kind is, also where it came as text.
    pub(crate) fn number(self, text: &str) -> Option<f64> {
        match self {
            Self::Text | Self::Number => number(text),
            Self::Bool(_) | Self::Object => None,
        }
    }
}

/// One value of a field; a list has several.
#[derive(Debug)]
pub(crate) struct Scalar<'a> {
    pub(crate) field: FieldId,
    pub(crate) form: Form,
    pub(crate) text: &'a str,
    rank: u8,
    /// Place of the field's next value, plus one.
    next: u32,
    lower: OnceCell<&'a str>,
}

impl<'a> Scalar<'a> {
    fn new(field: FieldId, rank: u8, form: Form, text: &'a str) -> Self {
        Self {
            field,
            form,
            text,
            rank,
            next: 0,
            lower: OnceCell::new(),
        }
    }

    /// The text in lower case.
    pub(crate) fn lower(&self, memory: &'a Bump) -> &'a str {
        self.lower.get_or_init(|| fold_into(self.text, memory))
    }

    /// The number it is, also where it came as text.
    pub(crate) fn number(&self) -> Option<f64> {
        self.form.number(self.text)
    }
}

/// The text in lower case, each character by itself: `str::to_lowercase` looks at the neighbours of a sigma, and then a part of
/// a text would no longer be a part of it.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // The long s is one in lower case already, and yet the same letter where case does not matter (Unicode, CaseFolding).
    let lower = text.chars().flat_map(char::to_lowercase);
    lower.map(|c| if c == 'ſ' { 's' } else { c }).collect()
}

fn fold_into<'a>(text: &str, memory: &'a Bump) -> &'a str {
    if text.is_ascii() {
        let lower = memory.alloc_str(text);
        lower.make_ascii_lowercase();
        return lower;
    }
    memory.alloc_str(&fold(text))
}

/// A text as a number: decimal digits with sign, point and exponent; not `inf`, not `nan`.
pub(crate) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Where the values of a field are, in the event of that number.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    event: u64,
    first: u32,
    last: u32,
    /// The event in which the field is there without a value: null, or an empty list.
    empty: u64,
}

/// Memory that one event after another uses.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    memory: Bump,
    quotes: Quotes,
    taken: Taken,
    slots: Vec<Slot>,
    /// The number of the event that is looked at: what a slot holds of another is out of date.
    event: u64,
}

impl Scratch {
    /// The event; where its fields stand in its text, they are read from there.
    pub(crate) fn event<'a>(&'a mut self, event: &'a Event, paths: &Paths, fields: &Fields) -> View<'a> {
        self.next(fields);
        let mut fill = Fill::new(&self.memory, &mut self.slots, self.event);
        let mut body = None;
        if let Some(besides) = event.besides_text() {
            self.quotes.read(event.raw.as_bytes());
            fill.object(besides, ROOT, paths, 0);
            let names = besides.keys();
            let instead = names.filter_map(|name| paths.child(ROOT, name.as_bytes()));
            let instead = bumpalo::collections::Vec::from_iter_in(instead, &self.memory);
            match json::read_once(
                &event.raw,
                &self.quotes,
                paths,
                &instead,
                &mut self.taken,
                &mut fill,
            ) {
                Ok(()) => {
                    body = Some(Body::Json {
                        escapes: self.quotes.escapes(),
                        besides: Some(besides),
                    });
                }
                // A key stands twice: of its values the last counts, as everywhere where all fields are built.
                Err(_) => {
                    self.event += 1;
                    fill.begin_again(self.event);
                }
            }
        }
        let body = body.unwrap_or_else(|| {
            let fields = event.fields();
            fill.object(fields, ROOT, paths, 0);
            Body::Fields(fields)
        });
        let (scalars, empty) = fill.done();
        View::new(
            body,
            &event.raw,
            scalars,
            empty,
            &self.memory,
            &self.slots,
            self.event,
        )
    }

    /// The event that this JSON text is.
    pub(crate) fn json<'a>(
        &'a mut self,
        text: &'a str,
        paths: &Paths,
        fields: &Fields,
    ) -> Result<View<'a>, JsonFault> {
        self.next(fields);
        self.quotes.read(text.as_bytes());
        let mut fill = Fill::new(&self.memory, &mut self.slots, self.event);
        json::read(text, &self.quotes, paths, &mut fill)?;
        let (scalars, empty) = fill.done();
        let body = Body::Json {
            escapes: self.quotes.escapes(),
            besides: None,
        };
        Ok(View::new(
            body,
            text,
            scalars,
            empty,
            &self.memory,
            &self.slots,
            self.event,
        ))
    }

    fn next(&mut self, fields: &Fields) {
        self.memory.reset();
        self.event += 1;
        if self.slots.len() < fields.len() {
            self.slots.resize(fields.len(), Slot::default());
        }
    }
}

/// Takes the values of one event as they are found.
#[derive(Debug)]
pub(crate) struct Fill<'a, 's> {
    memory: &'a Bump,
    scalars: bumpalo::collections::Vec<'a, Scalar<'a>>,
    /// Fields that are there without a value.
    empty: bumpalo::collections::Vec<'a, FieldId>,
    slots: &'s mut [Slot],
    event: u64,
}

impl<'a, 's> Fill<'a, 's> {
    fn new(memory: &'a Bump, slots: &'s mut [Slot], event: u64) -> Self {
        Self {
            memory,
            // As many as fill a cache line or two of pointers: most events have no more.
            scalars: bumpalo::collections::Vec::with_capacity_in(32, memory),
            empty: bumpalo::collections::Vec::new_in(memory),
            slots,
            event,
        }
    }

    /// Forgets what was found; what comes is of the event of that number.
    fn begin_again(&mut self, event: u64) {
        self.scalars.clear();
        self.empty.clear();
        self.event = event;
    }

    fn done(self) -> (&'a [Scalar<'a>], &'a [FieldId]) {
        (self.scalars.into_bump_slice(), self.empty.into_bump_slice())
    }

    /// A field that is there without a value: null, or an empty list.
    pub(crate) fn nothing(&mut self, field: FieldId) {
        let slot = &mut self.slots[field.index()];
        if slot.empty != self.event {
            slot.empty = self.event;
            self.empty.push(field);
        }
    }

    /// A text that stands in the event as it is.
    #[inline]
    pub(crate) fn text(&mut self, field: FieldId, rank: u8, text: &'a str) {
        self.put(Scalar::new(field, rank, Form::Text, text));
    }

    /// A text that had to be made, such as one whose escapes were resolved.
    pub(crate) fn made_text(&mut self, field: FieldId, rank: u8, text: &str) {
        let text = self.memory.alloc_str(text);
        self.put(Scalar::new(field, rank, Form::Text, text));
    }

    #[inline]
    pub(crate) fn number(&mut self, field: FieldId, rank: u8, text: &'a str) {
        self.put(Scalar::new(field, rank, Form::Number, text));
    }

    pub(crate) fn made_number(&mut self, field: FieldId, rank: u8, text: &str) {
        let text = self.memory.alloc_str(text);
        self.put(Scalar::new(field, rank, Form::Number, text));
    }

    pub(crate) fn truth(&mut self, field: FieldId, rank: u8, truth: bool) {
        let text = if truth { "true" } else { "false" };
        self.put(Scalar::new(field, rank, Form::Bool(truth), text));
    }

    /// An object where a rule asks for a value.
    pub(crate) fn whole(&mut self, field: FieldId, rank: u8, json: &'a str) {
        self.put(Scalar::new(field, rank, Form::Object, json));
    }

    #[inline]
    fn put(&mut self, scalar: Scalar<'a>) {
        let place = self.scalars.len() as u32;
        let slot = &mut self.slots[scalar.field.index()];
        if slot.event != self.event {
            (slot.event, slot.first, slot.last) = (self.event, place, place);
        } else {
            let known = self.scalars[slot.last as usize].rank;
            match scalar.rank.cmp(&known) {
                // A key that contains the dots wins over nested ones, wherever it stands.
                std::cmp::Ordering::Less => (slot.first, slot.last) = (place, place),
                std::cmp::Ordering::Equal => {
                    self.scalars[slot.last as usize].next = place + 1;
                    slot.last = place;
                }
                std::cmp::Ordering::Greater => return,
            }
        }
        self.scalars.push(scalar);
    }

    /// An object whose text had to be made.
    pub(crate) fn made_whole(&mut self, field: FieldId, rank: u8, json: &str) {
        let json = self.memory.alloc_str(json);
        self.whole(field, rank, json);
    }

    fn object(&mut self, object: &'a Map<String, Value>, node: NodeId, paths: &Paths, depth: usize) {
        for (key, value) in object {
            let found = paths.child(node, key.as_bytes()).or_else(|| {
                // Windows says `Threat Name` where Sigma says `ThreatName`.
                let spaced = depth == 0 && key.contains(' ');
                spaced
                    .then(|| paths.child(node, key.replace(' ', "").as_bytes()))
                    .flatten()
            });
            if let Some(child) = found {
                self.value(value, child, paths, depth + 1);
            }
        }
    }

    fn value(&mut self, value: &'a Value, node: NodeId, paths: &Paths, depth: usize) {
        let field = paths.field(node);
        match (value, field) {
            (Value::Array(items), field) => {
                if let (Some((field, _)), true) = (field, items.is_empty()) {
                    self.nothing(field);
                }
                for item in items {
                    self.value(item, node, paths, depth + 1);
                }
            }
            (Value::Object(inner), field) => {
                self.object(inner, node, paths, depth);
                if let Some((field, rank)) = field {
                    self.made_whole(field, rank, &value.to_string());
                }
            }
            (_, None) => {}
            (Value::Null, Some((field, _))) => self.nothing(field),
            (Value::String(text), Some((field, rank))) => self.text(field, rank, text),
            (Value::Number(number), Some((field, rank))) => {
                self.made_number(field, rank, &number.to_string());
            }
            (Value::Bool(truth), Some((field, rank))) => self.truth(field, rank, *truth),
        }
    }
}

/// Where the values that no rule names are found, for keywords.
#[derive(Debug, Clone, Copy)]
enum Body<'a> {
    Fields(&'a Map<String, Value>),
    /// The raw text is the event, with the fields besides.
    Json {
        escapes: bool,
        besides: Option<&'a Map<String, Value>>,
    },
}

/// An event with the fields that rules ask for.
#[derive(Debug)]
pub(crate) struct View<'a> {
    body: Body<'a>,
    /// The line as it came.
    pub(crate) raw: &'a str,
    scalars: &'a [Scalar<'a>],
    empty: &'a [FieldId],
    pub(crate) memory: &'a Bump,
    slots: &'a [Slot],
    event: u64,
    everything: OnceCell<Vec<Scalar<'a>>>,
    raw_lower: OnceCell<&'a str>,
    besides_stand_in_raw: OnceCell<bool>,
}

impl<'a> View<'a> {
    fn new(
        body: Body<'a>,
        raw: &'a str,
        scalars: &'a [Scalar<'a>],
        empty: &'a [FieldId],
        memory: &'a Bump,
        slots: &'a [Slot],
        event: u64,
    ) -> Self {
        Self {
            body,
            raw,
            scalars,
            empty,
            memory,
            slots,
            event,
            everything: OnceCell::new(),
            raw_lower: OnceCell::new(),
            besides_stand_in_raw: OnceCell::new(),
        }
    }

    /// Every value that some rule asks for: first those besides the text, then in the order of the event.
    pub(crate) fn scalars(&self) -> &'a [Scalar<'a>] {
        self.scalars
    }

    /// Fields that rules ask for and that are there without a value.
    pub(crate) fn empty(&self) -> &'a [FieldId] {
        self.empty
    }

    /// Whether the field is there, be it empty or null (specification 2.1, modifier `exists`).
    pub(crate) fn is_present(&self, field: FieldId) -> bool {
        let slot = self.slots[field.index()];
        slot.event == self.event || slot.empty == self.event
    }

    /// The values of a field that are there; null is not.
    #[inline]
    pub(crate) fn values(&self, field: FieldId) -> Values<'a> {
        let slot = self.slots[field.index()];
        Values {
            scalars: self.scalars,
            next: if slot.event == self.event {
                slot.first + 1
            } else {
                0
            },
        }
    }

    /// The value of a field where it has just one that is no object.
    pub(crate) fn single(&self, field: FieldId) -> Option<&'a Scalar<'a>> {
        let mut values = self.values(field);
        let only = values.next()?;
        (values.next().is_none() && only.form != Form::Object).then_some(only)
    }

    /// Whether every text of the event stands in the raw line as it is, so that what is in the one is in the other.
    pub(crate) fn texts_stand_in_raw(&self) -> bool {
        match self.body {
            Body::Json { escapes, besides } => !escapes && self.besides_stand_in_raw(besides),
            Body::Fields(_) => false,
        }
    }

    /// Whether the fields besides say nothing that the raw line does not say; most are a value of it by another name.
    fn besides_stand_in_raw(&self, besides: Option<&Map<String, Value>>) -> bool {
        let Some(besides) = besides else { return true };
        *self.besides_stand_in_raw.get_or_init(|| {
            besides
                .values()
                .all(|value| value.as_str().is_some_and(|text| self.raw.contains(text)))
        })
    }

    /// Whether every text of the event stands in the raw line but for what JSON must escape: quotes, backslashes and control
    /// characters.
    pub(crate) fn texts_stand_in_raw_but_for_escapes(&self) -> bool {
        let raw = self.raw.as_bytes();
        let Body::Json { escapes, besides } = self.body else {
            return false;
        };
        if !self.besides_stand_in_raw(besides) {
            return false;
        }
        let mut from = 0;
        while escapes && let Some(at) = memchr::memchr(b'\\', &raw[from..]) {
            // Any character may hide behind `\u`, and `\/` need not be escaped.
            if let Some(b'u' | b'/') | None = raw.get(from + at + 1) {
                return false;
            }
            from += at + 2;
        }
        true
    }

    /// Every scalar anywhere in the event, for keywords.
    pub(crate) fn everything(&self) -> &[Scalar<'a>] {
        self.everything.get_or_init(|| {
            let mut found = Vec::new();
            match self.body {
                Body::Fields(fields) => fields.values().for_each(|value| self.leaves(value, &mut found)),
                Body::Json { besides, .. } => {
                    if let Ok(value) = serde_json::from_str::<Value>(self.raw) {
                        self.leaves(&value, &mut found);
                    }
                    let besides = besides.into_iter().flat_map(Map::values);
                    besides.for_each(|value| self.leaves(value, &mut found));
                }
            }
            found
        })
    }

    fn leaves(&self, value: &Value, found: &mut Vec<Scalar<'a>>) {
        let nowhere = FieldId(u32::MAX);
        let mut put =
            |form, text: &str| found.push(Scalar::new(nowhere, 0, form, self.memory.alloc_str(text)));
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.leaves(item, found)),
            Value::Object(inner) => inner.values().for_each(|value| self.leaves(value, found)),
            Value::Null => {}
            Value::String(text) => put(Form::Text, text),
            Value::Number(number) => put(Form::Number, &number.to_string()),
            Value::Bool(truth) => put(Form::Bool(*truth), if *truth { "true" } else { "false" }),
        }
    }

    /// The line as it came, in lower case.
    pub(crate) fn raw_lower(&self) -> &'a str {
        self.raw_lower.get_or_init(|| fold_into(self.raw, self.memory))
    }
}

/// The values of one field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    scalars: &'a [Scalar<'a>],
    next: u32,
}

impl Values<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.next == 0
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a Scalar<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let scalar = self.scalars.get(self.next.checked_sub(1)? as usize)?;
        self.next = scalar.next;
        Some(scalar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn both(event: &Value, names: &[&str]) -> Vec<Vec<String>> {
        let mut fields = Fields::default();
        let ids: Vec<_> = names.iter().map(|name| fields.id(name)).collect();
        let paths = Paths::new(ids.iter().copied(), &fields);
        let texts = |view: &View<'_>| -> Vec<Vec<String>> {
            let of = |id: &FieldId| view.values(*id).map(|scalar| scalar.text.to_owned()).collect();
            ids.iter().map(of).collect()
        };
        let mut scratch = Scratch::default();
        let mut event: Event = serde_json::from_value(json!({
            "id": "1", "source": "s", "at": "2026-01-05T09:00:00Z", "collected_at": "2026-01-05T09:00:00Z",
            "log_source": {}, "fields": event, "raw": event.to_string(),
        }))
        .unwrap();
        let from_fields = texts(&scratch.event(&event, &paths, &fields));
        let text = serde_json::to_string_pretty(event.fields()).unwrap();
        let from_text = texts(&scratch.json(&text, &paths, &fields).unwrap());
        assert_eq!(
            texts(&scratch.json(&event.raw, &paths, &fields).unwrap()),
            from_fields
        );
        assert_eq!(from_text, from_fields);
        // What stands besides the text is there instead of the text's field of that name, and is no second value of it.
        let mut besides = event.fields().clone();
        besides.retain(|name, _| name.len() % 2 == 0);
        event.fields = watchkeeper_domain::event::Fields::in_text(besides);
        assert_eq!(texts(&scratch.event(&event, &paths, &fields)), from_fields);
        from_fields
    }

    #[test]
    fn a_path_passes_through_lists_and_a_key_with_dots_wins() {
        let event =
            json!({"r": [{"arn": "a"}, {"arn": ["b", "c"]}], "x": {"y": 2, "z": 3}, "x.y": 1, "n": null});
        let found = both(&event, &["r.arn", "x.y", "x.z", "x.q", "n"]);
        assert_eq!(found, [vec!["a", "b", "c"], vec!["1"], vec!["3"], vec![], vec![]]);
    }

    #[test]
    fn texts_with_escapes_and_numbers_of_every_form_are_read_the_same_from_text_and_fields() {
        let event = json!({
            "quoted \"key\"": "say \"hi\" \\ \u{1}\u{e9}\n", "Threat Name": "EICAR", "big": 12_345_678_901_234_567_890_u64,
            "negative": -5, "fraction": 1.50, "small": 1e-7, "truth": true, "empty": "", "nested": {"": "no name"},
        });
        let names = [
            "quoted \"key\"",
            "ThreatName",
            "big",
            "negative",
            "fraction",
            "small",
            "truth",
            "empty",
            "nested.",
        ];
        let found = both(&event, &names);
        assert_eq!(found[0], ["say \"hi\" \\ \u{1}\u{e9}\n"]);
        assert_eq!(
            (&found[1][..], &found[4][..]),
            (&["EICAR".to_owned()][..], &["1.5".to_owned()][..])
        );
        assert!(found.iter().all(|values| values.len() == 1), "{found:?}");
    }

    #[test]
    fn what_is_not_json_is_refused_with_the_place() {
        let mut fields = Fields::default();
        let paths = Paths::new([fields.id("a"), fields.id("b.c")].into_iter(), &fields);
        let mut scratch = Scratch::default();
        for (text, at) in [
            ("", 0),
            ("[1]", 0),
            ("{\"a\": 1", 7),
            ("{\"a\" 1}", 5),
            ("{\"a\": }", 6),
            ("{\"a\": tru}", 6),
            ("{\"x\": [1, 2}, \"a\": 1}", 11),
            ("{\"a\": \"open}", 12),
            ("{\"a\": 1} {}", 9),
            ("{\"a\": 1,}", 8),
            ("{\"a\": \"\\x\"}", 6),
            ("{\"a\": 1 2}", 8),
            ("{\"a\": 1\u{0}}", 7),
            ("{\"a\"\u{b}: 1}", 4),
        ] {
            let fault = scratch.json(text, &paths, &fields).map(|_| ()).unwrap_err();
            assert_eq!(fault.at, at, "{text}: {fault}");
        }
        let deep = format!("{{\"b\": {}", "[".repeat(100_000));
        assert!(scratch.json(&deep, &paths, &fields).is_err());
        let deep = format!("{{\"z\": {}", "{\"b\":".repeat(100_000));
        assert!(scratch.json(&deep, &paths, &fields).is_err());
    }

    #[test]
    fn only_decimal_texts_are_numbers() {
        assert_eq!(number(" 4.5e1 "), Some(45.0));
        assert_eq!(
            (number("inf"), number("0x10"), number("1.2.3.4"), number("")),
            (None, None, None, None)
        );
    }
}
