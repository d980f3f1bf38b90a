//! One line of a selection: a field, its modifiers, and the values it is compared with.

use super::pattern::Pattern;
use super::time_part::TimePart;
use super::trial::{Expression, Together};
use super::view::{FieldId, Form, Scalar, View};
use std::hash::{BuildHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::OnceLock;

/// A compiled line of a selection.
#[derive(Debug)]
pub(crate) struct Item {
    /// None for keywords, which are looked for in the whole event.
    pub(crate) field: Option<FieldId>,
    /// Whether every test must hold, instead of one (modifier `all`).
    pub(crate) all: bool,
    /// Whether a match is turned round (modifier `neq`).
    pub(crate) negated: bool,
    pub(crate) tests: Vec<Test>,
    /// How the tests are tried on a value; None inside where they are tried one after the other.
    together: OnceLock<Option<Box<Together>>>,
}

/// What one value of the rule asks of the field.
#[derive(Debug, PartialEq)]
pub(crate) enum Test {
    Pattern(Pattern),
    Number(f64),
    Bool(bool),
    Null,
    Exists(bool),
    Regex(Expression),
    Network(Network),
    Compare(Ordering, f64),
    Field {
        other: FieldId,
        place: super::pattern::Place,
        cased: bool,
    },
    /// A part of a timestamp: the same number, or on one side of it.
    Time {
        part: TimePart,
        ordering: Option<Ordering>,
        asked: i64,
    },
}

/// The comparisons of the modifiers `gt`, `gte`, `lt` and `lte`, and of correlation conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ordering {
    Greater,
    AtLeast,
    Less,
    AtMost,
}

impl Ordering {
    pub(crate) fn holds<T: PartialOrd + Copy>(self, found: T, asked: T) -> bool {
        match self {
            Self::Greater => found > asked,
            Self::AtLeast => found >= asked,
            Self::Less => found < asked,
            Self::AtMost => found <= asked,
        }
    }
}

/// An IP network in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    address: u128,
    mask: u128,
    v4: bool,
}

impl Network {
    /// Reads `192.0.2.0/24`, `192.0.2.0/255.255.255.0` or `2001:db8::/32`; a missing length means the single address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (
                address,
                Some(length.parse().ok().or_else(|| length_of_mask(address, length))?),
            ),
            None => (text, None),
        };
        let (bits, width, v4) = match address.parse().ok()? {
            IpAddr::V4(v4) => (u128::from(u32::from(v4)), 32, true),
            IpAddr::V6(v6) => (u128::from(v6), 128, false),
        };
        let length = length.unwrap_or(width);
        let host = width.checked_sub(length)?;
        let mask = if host == 128 { 0 } else { u128::MAX << host };
        Some(Self {
            address: bits & mask,
            mask,
            v4,
        })
    }

    fn contains(self, text: &str) -> bool {
        let Ok(address) = text.trim().parse::<IpAddr>() else {
            return false;
        };
        let bits = match address {
            IpAddr::V4(v4) => self.v4.then(|| u128::from(u32::from(v4))),
            IpAddr::V6(v6) if self.v4 => v6.to_ipv4_mapped().map(|v4| u128::from(u32::from(v4))),
            IpAddr::V6(v6) => Some(u128::from(v6)),
        };
        bits.is_some_and(|bits| bits & self.mask == self.address)
    }
}

/// How many ones the mask of an IPv4 address begins with, if nothing but zeros follows: 24 for `255.255.255.0`.
fn length_of_mask(address: &str, mask: &str) -> Option<u32> {
    address.parse::<Ipv4Addr>().ok()?;
    let bits = u32::from(mask.parse::<Ipv4Addr>().ok()?);
    let ones = bits.leading_ones();
    (ones + bits.trailing_zeros() >= 32).then_some(ones)
}

impl Item {
    pub(crate) fn new(field: Option<FieldId>, all: bool, negated: bool, tests: Vec<Test>) -> Self {
        Self {
            field,
            all,
            negated,
            tests,
            together: OnceLock::new(),
        }
    }

    /// Whether another line asks for just the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let said = |item: &Self| (item.field, item.all, item.negated);
        said(self) == said(other) && self.tests == other.tests
    }

    /// The same for lines that ask for the same.
    pub(crate) fn hash(&self, hasher: &impl BuildHasher) -> u64 {
        let mut state = hasher.build_hasher();
        (self.field, self.all, self.negated, self.tests.len()).hash(&mut state);
        for test in &self.tests {
            match test {
                Test::Pattern(pattern) => pattern.longest_text().hash(&mut state),
                Test::Regex(expression) => expression.as_str().hash(&mut state),
                Test::Number(number) => number_key(*number).hash(&mut state),
                other => std::mem::discriminant(other).hash(&mut state),
            }
        }
        state.finish()
    }

    /// Whether the event has what this line asks for.
    pub(crate) fn matches(&self, view: &View<'_>) -> bool {
        if let Some(field) = self.field {
            let together = self.together.get_or_init(|| Together::of(self).map(Box::new));
            if let Some(together) = together {
                return together.holds(field, &self.tests, view) != self.negated;
            }
        }
        self.matches_one_by_one(view)
    }

    /// The same, each test by itself.
    pub(crate) fn matches_one_by_one(&self, view: &View<'_>) -> bool {
        let one = |test: &Test| match self.field {
            Some(field) => test.holds(field, view),
            None => test.holds_anywhere(view),
        };
        let found = if self.all {
            self.tests.iter().all(one)
        } else {
            self.tests.iter().any(one)
        };
        found != self.negated
    }
}

impl Test {
    pub(super) fn holds(&self, field: FieldId, view: &View<'_>) -> bool {
        let mut values = view.values(field);
        match self {
            Self::Null => values.is_empty(),
            Self::Exists(asked) => view.is_present(field) == *asked,
            Self::Field { other, place, cased } => {
                let others = view.values(*other);
                let mut pairs = values.flat_map(|a| others.map(move |b| (a, b)));
                pairs.any(|(a, b)| {
                    if *cased {
                        place.has(a.text, b.text)
                    } else {
                        place.has(a.lower(view.memory), b.lower(view.memory))
                    }
                })
            }
            _ => values.any(|value| self.holds_for(value, view)),
        }
    }

    fn holds_for<'a>(&self, scalar: &Scalar<'a>, view: &View<'a>) -> bool {
        match self {
            Self::Pattern(pattern) if pattern.cased => pattern.matches(scalar.text),
            Self::Pattern(pattern) => pattern.matches(scalar.lower(view.memory)),
            Self::Number(asked) => scalar.number() == Some(*asked),
            Self::Bool(asked) => match scalar.form {
                Form::Bool(found) => found == *asked,
                Form::Text => scalar
                    .text
                    .eq_ignore_ascii_case(if *asked { "true" } else { "false" }),
                Form::Number | Form::Object => false,
            },
            Self::Regex(expression) => expression.is_in_value(scalar, view),
            Self::Network(network) => network.contains(scalar.text),
            Self::Compare(ordering, asked) => {
                scalar.number().is_some_and(|found| ordering.holds(found, *asked))
            }
            Self::Time {
                part,
                ordering,
                asked,
            } => part
                .of(scalar.form, scalar.text)
                .is_some_and(|found| match ordering {
                    Some(ordering) => ordering.holds(found, *asked),
                    None => found == *asked,
                }),
            Self::Null | Self::Exists(_) | Self::Field { .. } => false,
        }
    }

    /// Keywords are looked for in the line as it came and in every value of the event: a JSON line has its backslashes doubled, and
    /// a network or an anchored expression is about a value by itself.
    fn holds_anywhere(&self, view: &View<'_>) -> bool {
        let in_raw = match self {
            Self::Pattern(pattern) if pattern.cased => pattern.matches(view.raw),
            Self::Pattern(pattern) => pattern.matches(view.raw_lower()),
            Self::Regex(expression) => expression.is_in(view.raw),
            _ => false,
        };
        let raw_tells_all = matches!(self, Self::Pattern(_)) && view.texts_stand_in_raw();
        in_raw
            || !raw_tells_all
                && view
                    .everything()
                    .iter()
                    .any(|scalar| self.holds_for(scalar, view))
    }
}

/// The same number gives the same key, however it was written; zero has no sign.
pub(crate) fn number_key(number: f64) -> u64 {
    (if number == 0.0 { 0.0 } else { number }).to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_own_family_and_mapped_addresses() {
        let v4 = Network::parse("10.0.0.0/8").unwrap();
        assert!(v4.contains("10.255.0.1") && !v4.contains("11.0.0.1") && v4.contains("::ffff:10.1.1.1"));
        assert!(!v4.contains("fe80::1") && !v4.contains("not an address"));
        let v6 = Network::parse("2001:db8::/32").unwrap();
        assert!(v6.contains("2001:db8:1::2") && !v6.contains("2001:db9::"));
        let mapped = Network::parse("::ffff:0:0/96").unwrap();
        assert!(mapped.contains("::ffff:1.2.3.4") && !mapped.contains("1.2.3.4"));
        let all = Network::parse("::/0").unwrap();
        assert!(all.contains("fe80::1") && all.contains("::ffff:1.2.3.4"));
        assert_eq!(Network::parse("10.0.0.0/255.0.0.0"), Some(v4));
        assert_eq!(Network::parse("10.0.0.0/255.0.255.0"), None);
        assert_eq!(Network::parse("2001:db8::/255.255.0.0"), None);
        assert!(Network::parse("10.0.0.0/33").is_none() && Network::parse("10.0.0/8").is_none());
    }
}
