//! Templates of letters, as data: blocks of text in one language, from which plain text and HTML are both made.
//!
//! `letters/FOLDER/LANGUAGE/language.yaml` holds a language's words and the parts that its letters share; `KIND.yaml` beside it is a
//! letter. Texts are strict templates: a field that does not exist is found when the file is read, not when the deadline comes.

use super::kind::{FactField, NoticeFacts, NoticeKind};
use super::layout::Laid;
use super::letter::{LetterContext, MachineFacts, ToldBy};
use crate::customer::Channel;
use crate::id::digest;
use chrono::{DateTime, Datelike, Utc};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Parts may contain parts, but not themselves.
const DEEPEST_PART: u8 = 4;

/// A language's words, and the parts that its letters share.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LetterLanguage {
    /// What stands where a fact is not known.
    pub unknown: String,
    /// The days of the week, Monday first.
    pub days: [String; 7],
    /// The months.
    pub months: [String; 12],
    /// How an instant is written: a template with `weekday`, `day`, `month`, `year` and `time`.
    pub instant: String,
    /// What each kind of notice of an incident is called, where a later one speaks of it.
    pub kinds: BTreeMap<NoticeKind, String>,
    /// What it is called where people told the customer by hand.
    pub by_hand: BTreeMap<Channel, String>,
    /// Blocks that several letters share, by name.
    #[serde(default)]
    parts: BTreeMap<String, Vec<Block>>,
    /// The text that it was read from.
    #[serde(skip)]
    source: String,
}

impl LetterLanguage {
    /// Reads `language.yaml`.
    ///
    /// # Errors
    /// Says the line and what is wrong.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut language: Self = serde_yaml_ng::from_str(text).map_err(|fault| fault.to_string())?;
        let kinds = NoticeKind::ALL.into_iter().filter(|kind| kind.of_incident());
        let kinds = kinds.filter(|kind| !language.kinds.contains_key(kind));
        let channels = Channel::ALL
            .into_iter()
            .filter(|channel| channel.by_hand().is_some());
        let channels = channels.filter(|channel| !language.by_hand.contains_key(channel));
        let missing = [
            ("kinds", kinds.map(NoticeKind::name).collect::<Vec<_>>()),
            ("by_hand", channels.map(Channel::name).collect()),
        ];
        let faults: Vec<String> = missing
            .into_iter()
            .filter(|(_, missing)| !missing.is_empty())
            .map(|(key, missing)| format!("{key}: name these too: {}", missing.join(", ")))
            .collect();
        if !faults.is_empty() {
            return Err(faults.join("; "));
        }
        text.clone_into(&mut language.source);
        Ok(language)
    }

    /// What that is called by which a customer was told.
    pub(super) fn told_by(&self, by: ToldBy) -> Option<String> {
        match by {
            ToldBy::Notice(kind) => self.kinds.get(&kind),
            ToldBy::Hand(channel) => self.by_hand.get(&channel),
        }
        .cloned()
    }

    /// An instant in UTC, as this language writes it, kept in one line.
    ///
    /// # Errors
    /// When the template names a field that does not exist.
    pub fn written(&self, at: DateTime<Utc>) -> Result<String, String> {
        let parts = minijinja::context! {
            weekday => self.days[at.weekday().num_days_from_monday() as usize],
            day => at.day(),
            month => self.months[at.month0() as usize],
            year => at.year(),
            time => at.format("%H:%M").to_string(),
        };
        let mut environment = minijinja::Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        let text = environment.render_named_str("instant", &self.instant, parts);
        Ok(text.map_err(|fault| format!("{fault:#}"))?.replace(' ', "\u{a0}"))
    }
}

/// One letter's template, in one language.
#[derive(Debug, Clone)]
pub struct LetterTemplate {
    /// For which kind.
    pub kind: NoticeKind,
    /// What it says.
    sheet: Sheet,
}

impl std::ops::Deref for LetterTemplate {
    type Target = Sheet;

    fn deref(&self) -> &Sheet {
        &self.sheet
    }
}

/// The blocks of a template, whatever they are filled with.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// The name of its file, without its ending.
    name: String,
    /// Language, BCP 47.
    pub language: String,
    /// The language's words.
    pub words: LetterLanguage,
    /// The text that it was read from.
    pub source: String,
    blocks: Vec<(String, Block)>,
    texts: minijinja::Environment<'static>,
}

/// A letter's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LetterFile {
    subject: String,
    body: Vec<Block>,
}

/// A block: one of its texts, and on what condition it stands in the letter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BlockFile")]
struct Block {
    when: Option<String>,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Title(String),
    Lead(String),
    Paragraph(String),
    Heading(String),
    Subheading(String),
    /// The author's words; where there are none, a text of ours, steps of ours, or the word for what is unknown.
    Said(FactField, Otherwise),
    Steps(Vec<String>),
    Particulars(Vec<[String; 2]>),
    /// Facts for machines.
    Data,
    /// A part that letters share.
    Part(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Otherwise {
    Unknown,
    Text(String),
    Steps(Vec<String>),
}

/// A block as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BlockFile {
    when: Option<String>,
    title: Option<String>,
    lead: Option<String>,
    paragraph: Option<String>,
    heading: Option<String>,
    subheading: Option<String>,
    said: Option<FactField>,
    otherwise: Option<String>,
    steps: Option<Vec<String>>,
    particulars: Option<Vec<[String; 2]>>,
    data: bool,
    part: Option<String>,
}

impl TryFrom<BlockFile> for Block {
    type Error = String;

    fn try_from(file: BlockFile) -> Result<Self, String> {
        let mut found = Vec::new();
        found.extend(file.title.map(What::Title));
        found.extend(file.lead.map(What::Lead));
        found.extend(file.paragraph.map(What::Paragraph));
        found.extend(file.heading.map(What::Heading));
        found.extend(file.subheading.map(What::Subheading));
        found.extend(file.particulars.map(What::Particulars));
        found.extend(file.part.map(What::Part));
        found.extend(file.data.then_some(What::Data));
        match (file.said, file.otherwise, file.steps) {
            (Some(field), None, None) => found.push(What::Said(field, Otherwise::Unknown)),
            (Some(field), Some(text), None) => found.push(What::Said(field, Otherwise::Text(text))),
            (Some(field), None, Some(steps)) => found.push(What::Said(field, Otherwise::Steps(steps))),
            (Some(_), Some(_), Some(_)) => {
                return Err("beside `said` stands `otherwise` or `steps`, not both".to_owned());
            }
            (None, Some(_), _) => return Err("`otherwise` stands beside `said`".to_owned()),
            (None, None, Some(steps)) => found.push(What::Steps(steps)),
            (None, None, None) => {}
        }
        let count = found.len();
        match (found.pop(), count) {
            (Some(what), 1) => Ok(Self {
                when: file.when,
                what,
            }),
            _ => Err(format!(
                "a block is one of title, lead, paragraph, heading, subheading, said, steps, particulars, data, part; this one has {count} of them"
            )),
        }
    }
}

impl LetterTemplate {
    /// Reads `KIND.yaml` of a language, and fills it with samples, so that what cannot be filled is found now.
    ///
    /// # Errors
    /// Says the line or the block, and what is wrong.
    pub fn read(
        language: &str,
        kind: NoticeKind,
        text: &str,
        words: &LetterLanguage,
    ) -> Result<Self, String> {
        let template = Self {
            kind,
            sheet: Sheet::read(kind.name(), language, text, words)?,
        };
        template.rehearse()?;
        Ok(template)
    }

    /// Fills it with samples: everything known, and nothing.
    ///
    /// # Errors
    /// Says the block, and what is wrong.
    pub fn rehearse(&self) -> Result<(), String> {
        for context in LetterContext::samples(self)? {
            self.subject(&context)?;
            self.lay(&context, &NoticeFacts::default())?;
        }
        Ok(())
    }

    /// The template for a language, or the English one.
    #[must_use]
    pub fn choose<'a>(templates: &'a [Self], kind: NoticeKind, language: &str) -> Option<&'a Self> {
        choose(templates.iter().filter(|t| t.kind == kind), language, |t| {
            &t.language
        })
    }

    /// The subject line, filled.
    ///
    /// # Errors
    /// Names the field that is missing.
    pub fn subject(&self, context: &LetterContext) -> Result<String, String> {
        self.sheet.subject(&context.filling(&NoticeFacts::default()))
    }

    /// The blocks of the letter, filled.
    ///
    /// # Errors
    /// Names the block and the field that is missing.
    pub(super) fn lay(&self, context: &LetterContext, facts: &NoticeFacts) -> Result<Vec<Laid>, String> {
        self.sheet.lay(&context.filling(facts))
    }
}

/// The template for a language, for the language without its region, or the English one.
pub(super) fn choose<'a, T>(
    templates: impl Iterator<Item = &'a T>,
    language: &str,
    of: impl Fn(&T) -> &str,
) -> Option<&'a T> {
    let preferred = [language, base_language(language), "en"];
    let rank = |template: &T| preferred.iter().position(|wanted| of(template) == *wanted);
    templates
        .filter_map(|template| Some((rank(template)?, template)))
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, template)| template)
}

/// What a sheet is filled with.
pub(super) struct Filling<'a> {
    /// What its texts may name.
    pub(super) values: minijinja::Value,
    /// What stands before subject and title, whatever the template says.
    pub(super) drill: &'a str,
    /// What the author says.
    pub(super) facts: &'a NoticeFacts,
    /// The facts for machines, where there are any.
    pub(super) machine: Option<&'a MachineFacts>,
}

impl Sheet {
    /// Reads a letter's file and compiles its texts.
    ///
    /// # Errors
    /// Says the line or the block, and what is wrong.
    pub(super) fn read(
        name: &str,
        language: &str,
        text: &str,
        words: &LetterLanguage,
    ) -> Result<Self, String> {
        let file: LetterFile = serde_yaml_ng::from_str(text).map_err(|fault| fault.to_string())?;
        let mut template = Self {
            name: name.to_owned(),
            language: language.to_owned(),
            words: words.clone(),
            source: text.to_owned(),
            blocks: Vec::new(),
            texts: minijinja::Environment::new(),
        };
        template
            .texts
            .set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        template.compile("subject", &file.subject)?;
        for (index, block) in file.body.into_iter().enumerate() {
            template.take(format!("body[{index}]"), block, 0)?;
        }
        Ok(template)
    }

    /// Keeps a block and compiles its texts; a part is taken apart into its blocks, once.
    fn take(&mut self, place: String, block: Block, depth: u8) -> Result<(), String> {
        if let What::Part(name) = &block.what {
            if depth == DEEPEST_PART {
                return Err(format!(
                    "{place}.part: parts stand in parts {DEEPEST_PART} deep at most"
                ));
            }
            let Some(blocks) = self.words.parts.get(name).cloned() else {
                let names: Vec<&str> = self.words.parts.keys().map(String::as_str).collect();
                return Err(format!(
                    "{place}.part: there is no part `{name}` here; language.yaml has {}",
                    names.join(", ")
                ));
            };
            for (index, mut inner) in blocks.into_iter().enumerate() {
                inner.when = match (inner.when.take(), &block.when) {
                    (Some(inner), Some(outer)) => Some(format!("({outer}) and ({inner})")),
                    (inner, outer) => inner.or_else(|| outer.clone()),
                };
                self.take(format!("{place}.{name}[{index}]"), inner, depth + 1)?;
            }
            return Ok(());
        }
        if let Some(when) = &block.when {
            self.compile(
                &format!("{place}.when"),
                &format!("{{% if {when} %}}x{{% endif %}}"),
            )?;
        }
        for (part, text) in block.texts() {
            self.compile(&format!("{place}.{part}"), text)?;
        }
        self.blocks.push((place, block));
        Ok(())
    }

    fn compile(&mut self, place: &str, text: &str) -> Result<(), String> {
        self.texts
            .add_template_owned(place.to_owned(), text.to_owned())
            .map_err(|fault| self.fault(place, &fault))
    }

    fn fault(&self, place: &str, fault: &minijinja::Error) -> String {
        format!("letter {}.{}, {place}: {fault:#}", self.name, self.language)
    }

    fn fill(&self, place: &str, values: &minijinja::Value) -> Result<String, String> {
        let template = self.texts.get_template(place);
        template
            .and_then(|template| template.render(values))
            .map_err(|fault| self.fault(place, &fault))
    }

    /// Digest of its source: which version was in force.
    #[must_use]
    pub fn version(&self) -> String {
        digest(&[&self.source, &self.words.source])
    }

    /// The subject line, filled.
    pub(super) fn subject(&self, with: &Filling<'_>) -> Result<String, String> {
        let subject = self.fill("subject", &with.values)?;
        let line = subject.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(format!("{}{line}", with.drill))
    }

    /// The blocks of the letter, filled.
    pub(super) fn lay(&self, with: &Filling<'_>) -> Result<Vec<Laid>, String> {
        let mut laid = Vec::with_capacity(self.blocks.len());
        for (place, block) in &self.blocks {
            let stands =
                block.when.is_none() || !self.fill(&format!("{place}.when"), &with.values)?.is_empty();
            if stands {
                let fill = |part: &str| self.fill(&format!("{place}.{part}"), &with.values);
                laid.push(self.lay_block(block, with, fill)?);
            }
        }
        Ok(laid)
    }

    fn lay_block(
        &self,
        block: &Block,
        with: &Filling<'_>,
        fill: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Laid, String> {
        let steps = |steps: &[String]| {
            (0..steps.len())
                .map(|index| fill(&format!("steps[{index}]")))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(match &block.what {
            What::Title(_) => Laid::Title(format!("{}{}", with.drill, fill("title")?)),
            What::Lead(_) => Laid::Lead(fill("lead")?),
            What::Paragraph(_) => Laid::Paragraph(fill("paragraph")?),
            What::Heading(_) => Laid::Heading(fill("heading")?),
            What::Subheading(_) => Laid::Subheading(fill("subheading")?),
            What::Said(field, otherwise) => match (with.facts.get(*field), otherwise) {
                ("", Otherwise::Unknown) => Laid::Paragraph(self.words.unknown.clone()),
                ("", Otherwise::Text(_)) => Laid::Paragraph(fill("otherwise")?),
                ("", Otherwise::Steps(fallback)) => Laid::Steps(steps(fallback)?),
                (text, _) => Laid::Said(text.to_owned()),
            },
            What::Steps(list) => Laid::Steps(steps(list)?),
            What::Particulars(pairs) => {
                let pair = |index: usize| {
                    let part = |side: usize| fill(&format!("particulars[{index}][{side}]"));
                    Ok((part(0)?, part(1)?))
                };
                Laid::Particulars((0..pairs.len()).map(pair).collect::<Result<_, String>>()?)
            }
            What::Data => {
                let none = || "this letter has no facts for machines; leave `data` out".to_owned();
                Laid::Data(with.machine.ok_or_else(none)?.json()?)
            }
            // Parts were taken apart when the template was read.
            What::Part(name) => return Err(format!("the part `{name}` was not taken apart")),
        })
    }
}

impl Block {
    /// Its texts, each with its place in the block.
    fn texts<'a>(&'a self) -> Vec<(String, &'a str)> {
        fn one<'a>(name: &str, text: &'a str) -> Vec<(String, &'a str)> {
            vec![(name.to_owned(), text)]
        }
        match &self.what {
            What::Title(text) => one("title", text),
            What::Lead(text) => one("lead", text),
            What::Paragraph(text) => one("paragraph", text),
            What::Heading(text) => one("heading", text),
            What::Subheading(text) => one("subheading", text),
            What::Said(_, Otherwise::Text(text)) => one("otherwise", text),
            What::Steps(list) | What::Said(_, Otherwise::Steps(list)) => {
                let numbered = list.iter().enumerate();
                numbered
                    .map(|(index, text)| (format!("steps[{index}]"), text.as_str()))
                    .collect()
            }
            What::Particulars(pairs) => {
                let sides = |(index, pair): (usize, &'a [String; 2])| {
                    [0, 1].map(|side| (format!("particulars[{index}][{side}]"), pair[side].as_str()))
                };
                pairs.iter().enumerate().flat_map(sides).collect()
            }
            What::Said(_, Otherwise::Unknown) | What::Data | What::Part(_) => Vec::new(),
        }
    }
}

/// A language without its region: `de` of `de-AT`.
#[must_use]
pub fn base_language(language: &str) -> &str {
    language.split('-').next().unwrap_or(language)
}
