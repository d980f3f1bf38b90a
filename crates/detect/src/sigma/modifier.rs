//! Sigma's modifiers (specification 2.1, "Modifiers"): from `field|contains|all` and its values to a compiled [`Item`].

use super::condition::listed;
use super::item::{Item, Network, Ordering, Test};
use super::pattern::{Pattern, Place, Reading, plain_text};
use super::view::Fields;
use crate::limits::Limits;
use crate::yaml::{Node, Value};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex::RegexBuilder;

/// Every modifier that is understood, in the order messages list them.
const ALLOWED: [&str; 27] = [
    "contains",
    "startswith",
    "endswith",
    "all",
    "cased",
    "exists",
    "re",
    "i",
    "m",
    "s",
    "cidr",
    "base64",
    "base64offset",
    "wide",
    "utf16le",
    "utf16be",
    "utf16",
    "windash",
    "fieldref",
    "gt",
    "gte",
    "lt",
    "lte",
    "neq",
    "expand",
    "ignorecase",
    "multiline",
];

/// How large a compiled regular expression may be.
const REGEX_BYTES: usize = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wide {
    Little,
    Big,
    Marked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Plain,
    Base64,
    Base64Offset,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Text,
    Exists,
    Regex,
    Network,
    Compare(Ordering),
    Field,
}

/// What the modifiers of one line say together.
#[derive(Debug)]
struct Modifiers {
    how: How,
    place: Place,
    all: bool,
    cased: bool,
    negated: bool,
    windash: bool,
    expand: bool,
    wide: Option<Wide>,
    encoding: Encoding,
    flags: Vec<char>,
}

/// A fault of one line: at the key, or at one of its values.
pub(crate) struct ItemFault {
    pub(crate) line: Option<usize>,
    pub(crate) reason: String,
}

/// Compiles `field|modifier|…: values`. Every fault is told at once.
pub(crate) fn item(
    key: &str,
    values: &Node,
    fields: &mut Fields,
    limits: &Limits,
) -> Result<Item, Vec<ItemFault>> {
    let mut parts = key.split('|');
    let field = parts.next().unwrap_or_default();
    let modifiers = Modifiers::read(parts).map_err(|reasons| {
        let at_key = |reason| ItemFault { line: None, reason };
        reasons.into_iter().map(at_key).collect::<Vec<_>>()
    })?;
    let mut tests = Vec::new();
    let mut faults = Vec::new();
    for value in values.items() {
        let made = modifiers.expanded(value, limits).and_then(|texts| {
            let compile = |value: &Value| modifiers.tests(value, field.is_empty(), fields);
            let mut compile = compile;
            texts.iter().try_for_each(|value| {
                tests.extend(compile(value)?);
                Ok(())
            })
        });
        if let Err(reason) = made {
            faults.push(ItemFault {
                line: Some(value.line),
                reason,
            });
        }
    }
    if values.items().is_empty() {
        faults.push(ItemFault {
            line: None,
            reason: "the list of values is empty: give at least one".into(),
        });
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Item {
        field: (!field.is_empty()).then(|| fields.id(field)),
        all: modifiers.all,
        negated: modifiers.negated,
        tests,
    })
}

impl Modifiers {
    fn read<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, Vec<String>> {
        let mut read = Self {
            how: How::Text,
            place: Place::Whole,
            all: false,
            cased: false,
            negated: false,
            windash: false,
            expand: false,
            wide: None,
            encoding: Encoding::Plain,
            flags: Vec::new(),
        };
        let faults: Vec<_> = names.filter_map(|name| read.take(name).err()).collect();
        if faults.is_empty() {
            read.agree().map_err(|fault| vec![fault])?;
            Ok(read)
        } else {
            Err(faults)
        }
    }

    fn take(&mut self, name: &str) -> Result<(), String> {
        let how = match name {
            "contains" => return self.set_place(Place::Anywhere),
            "startswith" => return self.set_place(Place::Start),
            "endswith" => return self.set_place(Place::End),
            "all" => return flag(&mut self.all),
            "cased" => return flag(&mut self.cased),
            "neq" => return flag(&mut self.negated),
            "windash" => return flag(&mut self.windash),
            "expand" => return flag(&mut self.expand),
            "wide" | "utf16le" => return self.set_wide(Wide::Little),
            "utf16be" => return self.set_wide(Wide::Big),
            "utf16" => return self.set_wide(Wide::Marked),
            "base64" => return self.set_encoding(Encoding::Base64),
            "base64offset" => return self.set_encoding(Encoding::Base64Offset),
            "i" | "ignorecase" => return self.set_flag('i', name),
            "m" | "multiline" => return self.set_flag('m', name),
            "s" | "dotall" => return self.set_flag('s', name),
            "exists" => How::Exists,
            "re" => How::Regex,
            "cidr" => How::Network,
            "fieldref" => How::Field,
            "gt" => How::Compare(Ordering::Greater),
            "gte" => How::Compare(Ordering::AtLeast),
            "lt" => How::Compare(Ordering::Less),
            "lte" => How::Compare(Ordering::AtMost),
            unknown => {
                return Err(format!(
                    "the modifier `{unknown}` is not known: allowed are {}",
                    listed(&ALLOWED)
                ));
            }
        };
        if self.how != How::Text {
            return Err(format!(
                "the modifier `{name}` cannot stand beside another that compares"
            ));
        }
        self.how = how;
        Ok(())
    }

    fn set_place(&mut self, place: Place) -> Result<(), String> {
        if self.place != Place::Whole {
            return Err("only one of `contains`, `startswith` and `endswith` is allowed".into());
        }
        self.place = place;
        Ok(())
    }

    fn set_wide(&mut self, wide: Wide) -> Result<(), String> {
        if self.wide.replace(wide).is_some() {
            return Err("only one of `wide`, `utf16le`, `utf16be` and `utf16` is allowed".into());
        }
        Ok(())
    }

    fn set_encoding(&mut self, encoding: Encoding) -> Result<(), String> {
        if self.encoding != Encoding::Plain {
            return Err("only one of `base64` and `base64offset` is allowed".into());
        }
        self.encoding = encoding;
        Ok(())
    }

    fn set_flag(&mut self, letter: char, name: &str) -> Result<(), String> {
        if self.how != How::Regex {
            return Err(format!("the modifier `{name}` is allowed after `re` only"));
        }
        self.flags.push(letter);
        Ok(())
    }

    /// Whether the modifiers can mean something together.
    fn agree(&self) -> Result<(), String> {
        let texts_only = self.place != Place::Whole
            || self.windash
            || self.wide.is_some()
            || self.encoding != Encoding::Plain;
        let allowed = match self.how {
            How::Text => self.wide.is_none() || self.encoding != Encoding::Plain,
            How::Field => {
                !self.windash && self.wide.is_none() && self.encoding == Encoding::Plain && !self.expand
            }
            How::Regex | How::Network => !texts_only && !self.cased,
            How::Exists => !texts_only && !self.cased && !self.all && !self.expand,
            How::Compare(_) => !texts_only && !self.cased && !self.expand,
        };
        if allowed {
            return Ok(());
        }
        Err(match self.how {
            How::Text => "`wide` and the `utf16` modifiers are allowed before `base64` or `base64offset` only".into(),
            How::Field => "`fieldref` is allowed with `startswith`, `endswith`, `contains`, `cased`, `neq` and `all` only".into(),
            How::Regex => "`re` is allowed with `i`, `m`, `s`, `all`, `neq` and `expand` only".into(),
            How::Network => "`cidr` is allowed with `all`, `neq` and `expand` only".into(),
            How::Exists => "`exists` is allowed with `neq` only".into(),
            How::Compare(_) => "`gt`, `gte`, `lt` and `lte` are allowed with `all` and `neq` only".into(),
        })
    }

    /// The value, or what its `%placeholder%` stands for.
    fn expanded(&self, value: &Node, limits: &Limits) -> Result<Vec<Value>, String> {
        let Value::Text(text) = &value.value else {
            return Ok(vec![value.value.clone()]);
        };
        if !self.expand {
            return Ok(vec![value.value.clone()]);
        }
        let mut texts = vec![text.clone()];
        let mut rest = text.as_str();
        while let Some((_, after)) = rest.split_once('%') {
            let Some((name, after)) = after.split_once('%') else {
                break;
            };
            let Some(values) = limits.placeholders.get(name) else {
                let known: Vec<_> = limits.placeholders.keys().collect();
                return Err(format!(
                    "the placeholder `%{name}%` is not configured: {}",
                    if known.is_empty() {
                        "there are none, so add it to the placeholders of the configuration".into()
                    } else {
                        format!("configured are {}", listed(&known))
                    }
                ));
            };
            let mark = format!("%{name}%");
            texts = texts
                .iter()
                .flat_map(|text| values.iter().map(|value| text.replacen(&mark, value, 1)))
                .collect();
            if texts.len() > 10_000 {
                return Err("the placeholders stand for more than 10,000 values together".into());
            }
            rest = after;
        }
        Ok(texts.into_iter().map(Value::Text).collect())
    }

    fn tests(&self, value: &Value, keyword: bool, fields: &mut Fields) -> Result<Vec<Test>, String> {
        match self.how {
            How::Text => self.text_tests(value, keyword),
            How::Exists => match value {
                Value::Bool(asked) => Ok(vec![Test::Exists(*asked)]),
                _ => Err("`exists` needs `true` or `false`".into()),
            },
            How::Regex => self.regex(value).map(|test| vec![test]),
            How::Network => {
                let text = as_text(value).ok_or("`cidr` needs a network such as `192.0.2.0/24`")?;
                let network = Network::parse(&text).ok_or_else(|| {
                    format!("`{text}` is not a network: write `192.0.2.0/24` or `2001:db8::/32`")
                })?;
                Ok(vec![Test::Network(network)])
            }
            How::Compare(ordering) => {
                let number = match value {
                    Value::Integer(integer) => Some(*integer as f64),
                    Value::Float(float) => Some(*float),
                    Value::Text(text) => super::view::number(text),
                    _ => None,
                };
                let number = number.ok_or("`gt`, `gte`, `lt` and `lte` need a number")?;
                Ok(vec![Test::Compare(ordering, number)])
            }
            How::Field => {
                let Value::Text(other) = value else {
                    return Err("`fieldref` needs the name of a field".into());
                };
                Ok(vec![Test::Field {
                    other: fields.id(other),
                    place: self.place,
                    cased: self.cased,
                }])
            }
        }
    }

    fn text_tests(&self, value: &Value, keyword: bool) -> Result<Vec<Test>, String> {
        let plain =
            self.place == Place::Whole && self.encoding == Encoding::Plain && !self.windash && !keyword;
        match value {
            Value::Null if plain => return Ok(vec![Test::Null]),
            Value::Bool(asked) if plain => return Ok(vec![Test::Bool(*asked)]),
            Value::Integer(integer) if plain => return Ok(vec![Test::Number(*integer as f64)]),
            Value::Float(float) if plain => return Ok(vec![Test::Number(*float)]),
            _ => {}
        }
        let Some(text) = as_text(value) else {
            return Err("a text, a number, true, false or null is needed here".into());
        };
        if keyword && text.trim_matches('*').is_empty() {
            return Err("an empty keyword would match every event: give a text".into());
        }
        let reading = Reading {
            place: if keyword { Place::Anywhere } else { self.place },
            cased: self.cased || self.encoding != Encoding::Plain,
            windash: self.windash,
        };
        if self.encoding == Encoding::Plain {
            return Ok(vec![Test::Pattern(Pattern::new(&text, reading))]);
        }
        let plain = plain_text(&text)
            .ok_or("a text to be encoded cannot have wildcards: escape them as `\\*` and `\\?`")?;
        let bytes = self.bytes(&plain);
        let encoded = match self.encoding {
            Encoding::Base64Offset => offsets(&bytes),
            Encoding::Base64 | Encoding::Plain => vec![STANDARD.encode(&bytes)],
        };
        let patterns = encoded
            .iter()
            .map(|text| Test::Pattern(Pattern::literal(text, reading)));
        Ok(patterns.collect())
    }

    fn bytes(&self, text: &str) -> Vec<u8> {
        match self.wide {
            None => text.as_bytes().to_vec(),
            Some(Wide::Little) => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Some(Wide::Big) => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Some(Wide::Marked) => std::iter::once(0xfeff)
                .chain(text.encode_utf16())
                .flat_map(u16::to_le_bytes)
                .collect(),
        }
    }

    fn regex(&self, value: &Value) -> Result<Test, String> {
        let text = as_text(value).ok_or("`re` needs a regular expression")?;
        let built = RegexBuilder::new(&text)
            .case_insensitive(self.flags.contains(&'i'))
            .multi_line(self.flags.contains(&'m'))
            .dot_matches_new_line(self.flags.contains(&'s'))
            .size_limit(REGEX_BYTES)
            .dfa_size_limit(REGEX_BYTES)
            .build();
        built.map(Test::Regex).map_err(|error| {
            let told = error.to_string();
            let told = told.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!(
                "this regular expression cannot be used: {told}; look-around and back-references are not allowed, since they need backtracking"
            )
        })
    }
}

fn flag(flag: &mut bool) -> Result<(), String> {
    *flag = true;
    Ok(())
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(integer) => Some(integer.to_string()),
        Value::Float(float) => Some(float.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

/// The three ways a text can look inside base64, by where it begins; the characters that depend on its neighbours are cut off.
fn offsets(bytes: &[u8]) -> Vec<String> {
    let cut_front = [0, 2, 3];
    let cut_back = [0, 3, 2];
    (0..3)
        .map(|shift| {
            let mut shifted = vec![b' '; shift];
            shifted.extend_from_slice(bytes);
            let encoded = STANDARD.encode(&shifted);
            let end = encoded.len() - cut_back[shifted.len() % 3];
            encoded[cut_front[shift].min(end)..end].to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_offsets_find_a_text_wherever_it_begins() {
        assert_eq!(offsets(b"foobar"), ["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"]);
        for (shift, before) in ["", "x", "xy"].iter().enumerate() {
            let inside = STANDARD.encode(format!("{before}foobar and more"));
            assert!(inside.contains(&offsets(b"foobar")[shift]), "{inside}");
        }
    }
}
