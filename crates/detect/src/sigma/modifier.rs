//! Sigma's modifiers (specification 2.1, appendix "Modifiers"): from `field|contains|all` and its values to a compiled [`Item`].
//!
//! What the modifiers say together is read here; what they make of a value stands in [`super::value`].

use super::condition::listed;
use super::encoding::Wide;
use super::item::{Item, Ordering};
use super::pattern::Place;
use super::pipeline::Mapping;
use super::similar::similar;
use super::time_part::TimePart;
use super::view::Fields;
use crate::limits::Limits;
use crate::yaml::Node;

/// Every modifier that is understood, in the order messages list them.
pub(crate) const ALLOWED: [&str; 34] = [
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
    "ignorecase",
    "multiline",
    "dotall",
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
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    Base64,
    Base64Offset,
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum How {
    Text,
    Exists,
    Regex,
    Network,
    Compare(Ordering),
    Field,
}

/// What the modifiers of one line say together.
#[derive(Debug)]
pub(super) struct Modifiers {
    pub(super) how: How,
    pub(super) place: Place,
    all: bool,
    pub(super) cased: bool,
    negated: bool,
    pub(super) windash: bool,
    pub(super) expand: bool,
    pub(super) wide: Option<Wide>,
    pub(super) encoding: Encoding,
    pub(super) flags: Vec<char>,
    pub(super) part: Option<TimePart>,
}

/// A fault of one line: at the key, or at one of its values.
pub(crate) struct ItemFault {
    pub(crate) line: Option<usize>,
    pub(crate) reason: String,
}

/// What the items of a rule are compiled with.
pub(crate) struct Compiler<'a> {
    pub(crate) fields: &'a mut Fields,
    pub(crate) limits: &'a Limits,
    /// The names that the events have for the fields of the rule.
    pub(crate) mapping: &'a Mapping,
}

/// The field that a key such as `field|contains|all` names, as the rule calls it.
pub(crate) fn field_of(key: &str) -> &str {
    key.split('|').next().unwrap_or_default()
}

/// Compiles `field|modifier|…: values`, looking at the field that the events call `field`. Every fault is told at once.
pub(crate) fn item(
    key: &str,
    field: &str,
    values: &Node,
    compiler: &mut Compiler<'_>,
) -> Result<Item, Vec<ItemFault>> {
    let modifiers = Modifiers::read(key.split('|').skip(1), field.is_empty()).map_err(|reasons| {
        let at_key = |reason| ItemFault { line: None, reason };
        reasons.into_iter().map(at_key).collect::<Vec<_>>()
    })?;
    let mut tests = Vec::new();
    let mut faults = Vec::new();
    for value in values.items() {
        match modifiers.compiled(value, field, compiler) {
            Ok(made) => tests.extend(made),
            Err(reason) => faults.push(ItemFault {
                line: Some(value.line),
                reason,
            }),
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
    if tests.is_empty() {
        return Err(vec![ItemFault {
            line: None,
            reason: "the placeholders stand for no value: configure at least one".into(),
        }]);
    }
    let field = (!field.is_empty()).then(|| compiler.fields.id(field));
    Ok(Item::new(field, modifiers.all, modifiers.negated, tests))
}

impl Modifiers {
    fn read<'a>(names: impl Iterator<Item = &'a str>, keyword: bool) -> Result<Self, Vec<String>> {
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
            part: None,
        };
        let faults: Vec<_> = names.filter_map(|name| read.take(name).err()).collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        read.agree().map_err(|fault| vec![fault])?;
        let needs_field =
            matches!(read.how, How::Exists | How::Compare(_) | How::Field) || read.part.is_some();
        if keyword && needs_field {
            return Err(vec![
                "this modifier needs a field before it: keywords take texts, `re` and `cidr`".into(),
            ]);
        }
        Ok(read)
    }

    fn take(&mut self, name: &str) -> Result<(), String> {
        if let Some(part) = TimePart::named(name) {
            return match self.part.replace(part) {
                None => Ok(()),
                Some(_) => {
                    Err("only one of `minute`, `hour`, `day`, `week`, `month` and `year` is allowed".into())
                }
            };
        }
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
                let near = ALLOWED.iter().find(|known| similar(known, unknown));
                let hint = near.map_or(String::new(), |near| format!(", did you mean `{near}`"));
                return Err(format!(
                    "the modifier `{unknown}` is not known{hint}: allowed are {}",
                    listed(&ALLOWED)
                ));
            }
        };
        if self.how != How::Text {
            return Err(format!(
                "the modifier `{name}` cannot stand beside another that compares: leave one of them off"
            ));
        }
        self.how = how;
        Ok(())
    }

    fn set_place(&mut self, place: Place) -> Result<(), String> {
        if self.place != Place::Whole && self.place != place {
            return Err("only one of `contains`, `startswith` and `endswith` is allowed".into());
        }
        self.place = place;
        Ok(())
    }

    fn set_wide(&mut self, wide: Wide) -> Result<(), String> {
        if self.encoding != Encoding::Plain {
            return Err("`wide` and the `utf16` modifiers stand before `base64` and `base64offset`: the text is made wide first".into());
        }
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
            return Err(format!(
                "the modifier `{name}` is allowed after `re` only, as in `field|re|{name}`"
            ));
        }
        self.flags.push(letter);
        Ok(())
    }

    /// Whether the modifiers can mean something together.
    fn agree(&self) -> Result<(), String> {
        let placed = self.place != Place::Whole;
        let encoded = self.windash || self.wide.is_some() || self.encoding != Encoding::Plain;
        if self.part.is_some() {
            let plain = !placed && !encoded && !self.cased && !self.expand;
            return if plain && matches!(self.how, How::Text | How::Compare(_)) {
                Ok(())
            } else {
                Err("`minute`, `hour`, `day`, `week`, `month` and `year` are allowed with `gt`, `gte`, `lt`, `lte`, `neq` and `all` only".into())
            };
        }
        match self.how {
            How::Text => Ok(()),
            How::Field if encoded || self.expand => {
                Err("`fieldref` is allowed with `startswith`, `endswith`, `contains`, `cased`, `neq` and `all` only".into())
            }
            How::Regex if encoded => {
                Err("`re` is allowed with `i`, `m`, `s`, `startswith`, `endswith`, `contains`, `cased`, `all`, `neq` and `expand` only".into())
            }
            How::Network if encoded || placed || self.cased => {
                Err("`cidr` is allowed with `all`, `neq` and `expand` only".into())
            }
            How::Exists if encoded || placed || self.cased || self.all || self.expand => {
                Err("`exists` is allowed with `neq` only".into())
            }
            How::Compare(_) if encoded || placed || self.cased || self.expand => {
                Err("`gt`, `gte`, `lt` and `lte` are allowed with `all`, `neq` and the time modifiers only".into())
            }
            _ => Ok(()),
        }
    }
}

fn flag(flag: &mut bool) -> Result<(), String> {
    *flag = true;
    Ok(())
}
