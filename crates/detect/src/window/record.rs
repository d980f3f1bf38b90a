//! One event as a group remembers it while undecided: small, since a flood makes millions of them.
//!
//! What every event has stands in fields; what only the detection's words need (id, actors, tenants, the counted value's text)
//! is packed into bytes and read when a detection takes the record. A name that is also a value of the group's key is
//! written as its place there. The event's line is not here but in [`Lines`](crate::lines::Lines), by its position.

use super::event_id;
use super::key::GroupKey;
use super::small::{Small, put_number, take_bytes, take_number};
use serde::{Deserialize, Serialize};

/// Where an event's line stands among the kept lines; [`Line::NONE`] where none was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Line(pub(crate) u64);

impl Line {
    pub(crate) const NONE: Self = Self(0);
}

/// One event that counts, while its group is undecided. 64 bytes, and more only for long ids and names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// When it counts: when it happened, or when it was collected if it claims to be from the future. In microseconds.
    pub(crate) at: i64,
    /// The hash of the counted value, or the bits of the number; 0 for rules that count events.
    pub(crate) value: u64,
    pub(crate) line: Line,
    /// Index of its source.
    pub(crate) source: u32,
    /// How many events it stands for: more than one where repeated values were put together.
    pub(crate) weight: u32,
    told: Told,
}

/// Packed: a byte of marks, the id, and what the marks say there is of actors, tenants, the value's text, and the instant that
/// the event claims where it counts at another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Told(Small<30>);

/// The lowest two bits are the id's form.
const FORM: u8 = 3;
const ACTORS: u8 = 4;
const TENANTS: u8 = 8;
const VALUE: u8 = 16;
const CLAIMED: u8 = 32;

/// The text of a counted value is only kept to be named.
const VALUE_TEXT: usize = 208;

/// More names than these say nothing about who it was.
const MOST_NAMES: usize = 64;

/// Who an event is about, read from it once whatever the number of rules that count it. One text holds all names, so that it can
/// be used for every event without allocating.
#[derive(Debug, Default)]
pub(crate) struct Names {
    text: String,
    /// Index of the actor field, and where in the text the actor ends.
    actors: Vec<(u32, usize)>,
    /// Where in the text each tenant ends; tenants follow the actors.
    tenants: Vec<usize>,
}

impl Names {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.actors.clear();
        self.tenants.clear();
    }

    /// Adds an actor; actors come before tenants.
    pub(crate) fn add_actor(&mut self, field: u32, actor: &str) {
        self.text.push_str(actor);
        self.actors.push((field, self.text.len()));
    }

    pub(crate) fn add_tenant(&mut self, tenant: &str) {
        self.text.push_str(tenant);
        self.tenants.push(self.text.len());
    }

    /// Index of the actor field, and the actor.
    pub(crate) fn actors(&self) -> impl ExactSizeIterator<Item = (u32, &str)> {
        let mut start = 0;
        self.actors
            .iter()
            .map(move |(field, end)| (*field, &self.text[std::mem::replace(&mut start, *end)..*end]))
    }

    pub(crate) fn tenants(&self) -> impl ExactSizeIterator<Item = &str> {
        let mut start = self.actors.last().map_or(0, |(_, end)| *end);
        self.tenants
            .iter()
            .map(move |end| &self.text[std::mem::replace(&mut start, *end)..*end])
    }
}

/// What an event tells, before it is packed for a group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'e> {
    /// When it counts.
    pub(crate) at: i64,
    /// When it says it happened.
    pub(crate) claimed: i64,
    pub(crate) source: u32,
    pub(crate) id: &'e str,
    pub(crate) line: Line,
    pub(crate) names: &'e Names,
}

/// What a rule counts of an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'e> {
    /// The event itself.
    Nothing,
    /// A value, by its hash and its text.
    Text(u64, &'e str),
    /// A number, for figures over numbers.
    Number(f64),
}

/// A name as records write it: `(place in the key << 1 | 1)`, or `(length << 1)` and the text. Equal names are equal bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Name(Small<22>);

impl std::borrow::Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Name {
    pub(crate) fn new(written: &[u8]) -> Self {
        Self(Small::new(written))
    }

    /// The name in full.
    pub(crate) fn text(&self, key: &GroupKey) -> String {
        let mut bytes = self.0.as_bytes();
        let head = take_number(&mut bytes);
        if head & 1 == 1 {
            return key.part((head >> 1) as usize).to_owned();
        }
        String::from_utf8_lossy(take_bytes(&mut bytes, (head >> 1) as usize)).into_owned()
    }

    pub(crate) fn bytes_apart(&self) -> usize {
        self.0.bytes_apart()
    }
}

impl Record {
    /// Packs what `facts` tell for a group with this key.
    #[cfg(test)]
    pub(crate) fn new(facts: &Facts<'_>, key: &GroupKey, value: Value<'_>) -> Self {
        Self::packed(facts, key, value, &mut Vec::new())
    }

    /// The same; `buffer` is used and left dirty.
    pub(crate) fn packed(facts: &Facts<'_>, key: &GroupKey, value: Value<'_>, buffer: &mut Vec<u8>) -> Self {
        let (hash, text) = match value {
            Value::Nothing => (0, None),
            Value::Text(hash, text) => (hash, Some(text)),
            Value::Number(number) => (number.to_bits(), None),
        };
        Self {
            at: facts.at,
            value: hash,
            line: facts.line,
            source: facts.source,
            weight: 1,
            told: Told::pack(facts, key, text, buffer),
        }
    }

    /// An event that is counted and never named: the base of a share.
    pub(crate) fn bare(facts: &Facts<'_>) -> Self {
        Self {
            at: facts.at,
            value: 0,
            line: Line::NONE,
            source: facts.source,
            weight: 1,
            told: Told(Small::default()),
        }
    }

    /// The number, for rules that make a figure of numbers.
    pub(crate) fn number(&self) -> f64 {
        f64::from_bits(self.value)
    }

    /// The event's id within its source.
    pub(crate) fn event(&self) -> String {
        let mut id = String::new();
        self.event_into(&mut id);
        id
    }

    /// Writes the event's id within its source over what is in `id`.
    pub(crate) fn event_into(&self, id: &mut String) {
        let (marks, mut rest) = self.told.split();
        id.clear();
        event_id::take_into(&mut rest, marks & FORM, id);
    }

    /// When the event says it happened.
    pub(crate) fn claimed(&self) -> i64 {
        self.at.saturating_add(self.told().claimed_after)
    }

    /// Everything that only words need.
    pub(crate) fn told(&self) -> Telling<'_> {
        let (marks, mut rest) = self.told.split();
        event_id::skip(&mut rest, marks & FORM);
        Telling::read(marks, rest)
    }

    /// Lets this record stand for another one too, which is forgotten: whom that one names, this one names.
    pub(crate) fn stand_for(&mut self, gone: &Self) {
        self.weight = self.weight.saturating_add(gone.weight);
        self.told.merge(&gone.told());
    }

    /// Bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.told.0.bytes_apart()
    }
}

/// What is packed in a record, still in its bytes.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Telling<'r> {
    actors: &'r [u8],
    tenants: &'r [u8],
    value: Option<&'r [u8]>,
    claimed_after: i64,
}

impl<'r> Telling<'r> {
    fn read(marks: u8, mut rest: &'r [u8]) -> Self {
        let mut telling = Telling::default();
        if marks & ACTORS != 0 {
            let count = take_number(&mut rest).min(MOST_NAMES as u64);
            let actors = rest;
            for _ in 0..count {
                take_number(&mut rest);
                take_name(&mut rest);
            }
            telling.actors = &actors[..actors.len() - rest.len()];
        }
        if marks & TENANTS != 0 {
            let count = take_number(&mut rest).min(MOST_NAMES as u64);
            let tenants = rest;
            for _ in 0..count {
                take_name(&mut rest);
            }
            telling.tenants = &tenants[..tenants.len() - rest.len()];
        }
        if marks & VALUE != 0 {
            telling.value = Some(take_name(&mut rest));
        }
        if marks & CLAIMED != 0 {
            let zigzag = take_number(&mut rest);
            telling.claimed_after = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
        }
        telling
    }

    /// Index of the actor field, and the name as it is written.
    pub(crate) fn actors(&self) -> impl Iterator<Item = (u32, &'r [u8])> + use<'r> {
        let mut rest = self.actors;
        std::iter::from_fn(move || {
            (!rest.is_empty()).then(|| (take_number(&mut rest) as u32, take_name(&mut rest)))
        })
    }

    /// The tenants' names as they are written.
    pub(crate) fn tenants(&self) -> impl Iterator<Item = &'r [u8]> + use<'r> {
        let mut rest = self.tenants;
        std::iter::from_fn(move || (!rest.is_empty()).then(|| take_name(&mut rest)))
    }

    /// The counted value's text.
    pub(crate) fn value(&self) -> Option<&'r [u8]> {
        self.value
    }
}

impl Told {
    fn pack(facts: &Facts<'_>, key: &GroupKey, value: Option<&str>, bytes: &mut Vec<u8>) -> Self {
        bytes.clear();
        bytes.push(0);
        let mut marks = event_id::put(bytes, facts.id);
        let names = facts.names;
        if names.actors().len() > 0 {
            marks |= ACTORS;
            put_number(bytes, names.actors().len().min(MOST_NAMES) as u64);
            for (field, actor) in names.actors().take(MOST_NAMES) {
                put_number(bytes, u64::from(field));
                put_name(bytes, actor, key);
            }
        }
        if names.tenants().len() > 0 {
            marks |= TENANTS;
            put_number(bytes, names.tenants().len().min(MOST_NAMES) as u64);
            for tenant in names.tenants().take(MOST_NAMES) {
                put_name(bytes, tenant, key);
            }
        }
        if let Some(value) = value {
            marks |= VALUE;
            put_name(bytes, cut(value, VALUE_TEXT), key);
        }
        if facts.claimed != facts.at {
            marks |= CLAIMED;
            let after = facts.claimed.saturating_sub(facts.at);
            put_number(bytes, ((after << 1) ^ (after >> 63)) as u64);
        }
        bytes[0] = marks;
        Self(Small::new(bytes))
    }

    fn split(&self) -> (u8, &[u8]) {
        self.0
            .as_bytes()
            .split_first()
            .map_or((0, &[]), |(marks, rest)| (*marks, rest))
    }

    fn merge(&mut self, gone: &Telling<'_>) {
        let (marks, rest) = self.split();
        let mut after_id = rest;
        event_id::skip(&mut after_id, marks & FORM);
        let id = &rest[..rest.len() - after_id.len()];
        let own = Telling::read(marks, after_id);
        let mut actors: Vec<_> = own.actors().collect();
        let mut tenants: Vec<_> = own.tenants().collect();
        let known = (actors.len(), tenants.len());
        for actor in gone
            .actors()
            .filter(|actor| !own.actors().any(|known| known == *actor))
        {
            actors.push(actor);
        }
        for tenant in gone
            .tenants()
            .filter(|tenant| !own.tenants().any(|known| known == *tenant))
        {
            tenants.push(tenant);
        }
        if known == (actors.len(), tenants.len()) {
            return;
        }
        actors.truncate(MOST_NAMES);
        tenants.truncate(MOST_NAMES);
        let mut bytes = vec![0];
        bytes.extend_from_slice(id);
        let mut joined = marks & !(ACTORS | TENANTS);
        if !actors.is_empty() {
            joined |= ACTORS;
            put_number(&mut bytes, actors.len() as u64);
            for (field, actor) in actors {
                put_number(&mut bytes, u64::from(field));
                bytes.extend_from_slice(actor);
            }
        }
        if !tenants.is_empty() {
            joined |= TENANTS;
            put_number(&mut bytes, tenants.len() as u64);
            tenants.iter().for_each(|tenant| bytes.extend_from_slice(tenant));
        }
        if let Some(value) = own.value {
            bytes.extend_from_slice(value);
        }
        if marks & CLAIMED != 0 {
            let after = own.claimed_after;
            put_number(&mut bytes, ((after << 1) ^ (after >> 63)) as u64);
        }
        bytes[0] = joined;
        self.0 = Small::new(&bytes);
    }
}

fn put_name(bytes: &mut Vec<u8>, name: &str, key: &GroupKey) {
    if let Some(place) = key.place_of(name) {
        put_number(bytes, (place as u64) << 1 | 1);
        return;
    }
    let name = cut(name, 1 << 12);
    put_number(bytes, (name.len() as u64) << 1);
    bytes.extend_from_slice(name.as_bytes());
}

fn take_name<'r>(bytes: &mut &'r [u8]) -> &'r [u8] {
    let whole = *bytes;
    let head = take_number(bytes);
    if head & 1 == 0 {
        take_bytes(bytes, (head >> 1) as usize);
    }
    &whole[..whole.len() - bytes.len()]
}

/// The beginning of a text, at most so many bytes, cut between characters.
pub(crate) fn cut(text: &str, longest: usize) -> &str {
    let mut end = text.len().min(longest);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(parts: &[&str]) -> GroupKey {
        let mut written = Vec::new();
        for part in parts {
            GroupKey::put(&mut written, part);
        }
        GroupKey::new(&written)
    }

    fn texts<'r>(names: impl Iterator<Item = &'r [u8]>, key: &GroupKey) -> Vec<String> {
        names.map(|name| Name::new(name).text(key)).collect()
    }

    #[test]
    fn what_was_packed_is_told_and_a_name_in_the_key_takes_one_byte() {
        let key = key_of(&["10.1.2.3", "", "x"]);
        let mut names = Names::default();
        names.add_actor(1, "10.1.2.3");
        names.add_actor(4, "somebody");
        names.add_tenant("x");
        names.add_tenant(&"long".repeat(20));
        let facts = Facts {
            at: 1_000,
            claimed: 400,
            source: 3,
            id: "1c0a46a2-3b1f-4f6e-9d2c-0123456789ab",
            line: Line(7),
            names: &names,
        };
        let record = Record::new(&facts, &key, Value::Text(9, "x"));
        assert_eq!(
            (record.event().as_str(), record.claimed(), record.value),
            (facts.id, 400, 9)
        );
        let told = record.told();
        assert_eq!(texts(told.tenants(), &key), ["x".to_owned(), "long".repeat(20)]);
        assert_eq!(
            texts(told.actors().map(|(_, name)| name), &key),
            ["10.1.2.3", "somebody"]
        );
        assert_eq!(told.actors().map(|(field, _)| field).collect::<Vec<_>>(), [1, 4]);
        assert_eq!(texts(told.value().into_iter(), &key), ["x"]);
        let bytes = postcard::to_allocvec(&record).unwrap();
        assert_eq!(postcard::from_bytes::<Record>(&bytes).unwrap(), record);
        let mut address = Names::default();
        address.add_actor(1, "10.1.2.3");
        let facts = Facts {
            names: &address,
            claimed: facts.at,
            ..facts
        };
        let short = Record::new(&facts, &key, Value::Nothing);
        assert_eq!(
            short.bytes(),
            size_of::<Record>(),
            "a usual event needs no allocation"
        );
    }

    #[test]
    fn a_record_that_stands_for_another_names_whom_that_named() {
        let key = key_of(&["a"]);
        let record = |actor: &str, tenant: &str| {
            let mut names = Names::default();
            names.add_actor(0, actor);
            names.add_tenant(tenant);
            let facts = Facts {
                at: 5,
                claimed: 6,
                source: 0,
                id: actor,
                line: Line::NONE,
                names: &names,
            };
            Record::new(&facts, &key, Value::Text(1, "v"))
        };
        let mut stays = record("b", "t");
        stays.stand_for(&record("a", "t"));
        stays.stand_for(&record("b", "u"));
        let told = stays.told();
        assert_eq!(
            (stays.weight, stays.event().as_str(), stays.claimed()),
            (3, "b", 6)
        );
        assert_eq!(texts(told.actors().map(|(_, name)| name), &key), ["b", "a"]);
        assert_eq!(texts(told.tenants(), &key), ["t", "u"]);
        assert_eq!(texts(told.value().into_iter(), &key), ["v"]);
    }
}
