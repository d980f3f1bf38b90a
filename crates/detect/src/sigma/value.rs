//! From one value of a line, as its modifiers read it, to the tests it asks for.

use super::encoding;
use super::item::{Network, Test};
use super::modifier::{Compiler, Encoding, How, Modifiers};
use super::pattern::{Pattern, Place, Reading, plain_text};
use super::placeholder;
use super::regex_syntax;
use super::time_part::TimePart;
use super::trial::Expression;
use crate::yaml::{Node, Value};
use regex::RegexBuilder;

/// How large a compiled regular expression may be, in bytes.
const REGEX_BYTES: usize = 2 << 20;

impl Modifiers {
    /// The tests that one value stands for; several where it has placeholders or is looked for in several encodings.
    pub(super) fn compiled(
        &self,
        value: &Node,
        field: &str,
        compiler: &mut Compiler<'_>,
    ) -> Result<Vec<Test>, String> {
        if let Value::Map(entries) = &value.value {
            let inner = entries.first().map_or("name", |entry| entry.key.as_str());
            return Err(format!(
                "a map stands where a value is needed: write the path as the key, such as `{field}.{inner}`"
            ));
        }
        let mut tests = Vec::new();
        for value in self.expanded(&value.value, compiler)? {
            tests.extend(self.tests(&value, field.is_empty(), compiler)?);
        }
        Ok(tests)
    }

    fn expanded(&self, value: &Value, compiler: &Compiler<'_>) -> Result<Vec<Value>, String> {
        match value {
            Value::Text(text) if self.expand => {
                let quote = if self.how == How::Regex {
                    regex::escape
                } else {
                    str::to_owned
                };
                let texts = placeholder::expand(text, quote, compiler.limits)?;
                Ok(texts.into_iter().map(Value::Text).collect())
            }
            other => Ok(vec![other.clone()]),
        }
    }

    fn tests(&self, value: &Value, keyword: bool, compiler: &mut Compiler<'_>) -> Result<Vec<Test>, String> {
        if let Some(part) = self.part {
            return self.time(part, value).map(|test| vec![test]);
        }
        let test = match self.how {
            How::Text => return self.text_tests(value, keyword),
            How::Exists => Test::Exists(truth(value).ok_or("`exists` needs `true` or `false`")?),
            How::Regex => self.regex(value)?,
            How::Network => {
                let text = as_text(value).ok_or("`cidr` needs a network such as `192.0.2.0/24`")?;
                let network = Network::parse(text.trim()).ok_or_else(|| {
                    format!("`{text}` is not a network: write `192.0.2.0/24` or `2001:db8::/32`")
                })?;
                Test::Network(network)
            }
            How::Compare(ordering) => {
                let number = as_number(value).ok_or("`gt`, `gte`, `lt` and `lte` need a number")?;
                Test::Compare(ordering, number)
            }
            How::Field => {
                let name = match value {
                    Value::Text(text) => plain_text(text),
                    _ => None,
                };
                let name = name.ok_or("`fieldref` needs the name of a field, without wildcards")?;
                Test::Field {
                    other: compiler.fields.id(&compiler.mapping.first(&name)),
                    place: self.place,
                    cased: self.cased,
                }
            }
        };
        Ok(vec![test])
    }

    fn time(&self, part: TimePart, value: &Value) -> Result<Test, String> {
        let (lowest, highest) = part.range();
        let number = as_number(value).filter(|number| number.fract() == 0.0);
        let asked = number
            .map(|number| number as i64)
            .filter(|number| (lowest..=highest).contains(number))
            .ok_or_else(|| format!("a whole number from {lowest} to {highest} is needed here"))?;
        let ordering = match self.how {
            How::Compare(ordering) => Some(ordering),
            _ => None,
        };
        Ok(Test::Time {
            part,
            ordering,
            asked,
        })
    }

    fn text_tests(&self, value: &Value, keyword: bool) -> Result<Vec<Test>, String> {
        let plain = self.place == Place::Whole
            && self.encoding == Encoding::Plain
            && self.wide.is_none()
            && !self.windash
            && !keyword;
        match value {
            Value::Null if plain => return Ok(vec![Test::Null]),
            Value::Bool(asked) if plain => return Ok(vec![Test::Bool(*asked)]),
            // Beyond this two whole numbers can be one float; such a one is compared by its digits.
            Value::Integer(integer) if plain && integer.unsigned_abs() <= 1 << 53 => {
                return Ok(vec![Test::Number(*integer as f64)]);
            }
            Value::Float(float) if plain => return Ok(vec![Test::Number(*float)]),
            _ => {}
        }
        let Some(text) = as_text(value) else {
            return Err(if keyword {
                "a text is needed here: keywords are texts that are looked for in the whole event".into()
            } else {
                "a text or number is needed here; `null` stands without modifiers".into()
            });
        };
        if keyword && text.trim_matches('*').is_empty() {
            return Err("an empty keyword would match every event: give a text".into());
        }
        let reading = Reading {
            place: if keyword { Place::Anywhere } else { self.place },
            cased: self.cased || self.encoding != Encoding::Plain,
            windash: self.windash,
        };
        if self.encoding == Encoding::Plain && self.wide.is_none() {
            return Ok(vec![Test::Pattern(Pattern::new(&text, reading))]);
        }
        let plain = plain_text(&text)
            .ok_or("a text to be encoded cannot have wildcards: escape them as `\\*` and `\\?`")?;
        self.encoded(&plain, reading)
    }

    fn encoded(&self, text: &str, reading: Reading) -> Result<Vec<Test>, String> {
        let texts = match (self.encoding, self.wide) {
            (Encoding::Plain, Some(wide)) => vec![encoding::as_characters(text, wide).ok_or(
                "without `base64` or `base64offset` after it, a text to be made wide can have ASCII alone",
            )?],
            (Encoding::Plain, None) => vec![text.to_owned()],
            (Encoding::Base64, wide) => vec![encoding::base64(&encoding::bytes(text, wide))],
            (Encoding::Base64Offset, wide) => encoding::offsets(&encoding::bytes(text, wide)),
        };
        if texts.iter().any(String::is_empty) {
            return Err(
                "the text is too short to be found in its encoding: give at least three characters".into(),
            );
        }
        let patterns = texts
            .iter()
            .map(|text| Test::Pattern(Pattern::literal(text, reading)));
        Ok(patterns.collect())
    }

    fn regex(&self, value: &Value) -> Result<Test, String> {
        let text = as_text(value).ok_or("`re` needs a regular expression")?;
        let flags: String = self.flags.iter().collect();
        let flagged = if flags.is_empty() {
            text
        } else {
            format!("(?{flags}){text}")
        };
        let translated = regex_syntax::translate(&flagged)
            .map_err(|fault| format!("this regular expression cannot be used: {fault}"))?;
        // A search finds a match anywhere, so `contains` says nothing new.
        let placed = match self.place {
            Place::Whole | Place::Anywhere => translated,
            Place::Start => format!(r"\A(?:{translated})"),
            Place::End => format!(r"(?:{translated})\z"),
        };
        let built = RegexBuilder::new(&placed)
            .size_limit(REGEX_BYTES)
            .dfa_size_limit(REGEX_BYTES)
            .build();
        built.map(|regex| Test::Regex(Expression::new(regex))).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => format!(
                "this regular expression cannot be used: compiled it is larger than {REGEX_BYTES} bytes; lower its counts in braces, or split it into several values"
            ),
            error => {
                let told = error.to_string();
                let told = told.lines().last().unwrap_or_default().trim_start_matches("error: ");
                format!("this regular expression cannot be used: {told}")
            }
        })
    }
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Text(text) if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("yes") => {
            Some(true)
        }
        Value::Text(text) if text.eq_ignore_ascii_case("false") || text.eq_ignore_ascii_case("no") => {
            Some(false)
        }
        _ => None,
    }
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(integer) => Some(*integer as f64),
        Value::Float(float) => Some(*float),
        Value::Text(text) => super::view::number(text),
        _ => None,
    }
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
