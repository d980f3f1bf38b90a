//! What a careful reader would object to before a notice goes: claims without records, figures without an instant, words that say
//! nothing, what must not stand in a letter.
//!
//! Looks at what the author wrote, never at what the template says. Language matters only where phrases do; they are given for the
//! languages that letters ship in.

use super::kind::{FactField, NoticeFacts, NoticeKind};
use serde::Serialize;

/// Whether a finding keeps a notice from being submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// The notice is not submitted with it.
    Must,
    /// People decide.
    Should,
}

/// One objection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How heavy.
    pub weight: Weight,
    /// The field.
    pub field: FactField,
    /// The translation, where it is not in what was written first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The words that are objected to.
    pub words: String,
    /// What is wrong, and what to write instead.
    pub problem: &'static str,
}

/// Sentences that claim what only records can show.
const NO_EVIDENCE: &[&str] = &[
    "no evidence",
    "no indication",
    "no sign of",
    "not aware of any misuse",
    "keine hinweise",
    "keine anhaltspunkte",
    "kein missbrauch",
    "aucune preuve",
    "aucun élément",
    "aucun signe",
    "ninguna prueba",
    "no hay indicios",
];

/// Words that readers of breach notices have learned to read as evasion.
const EMPTY_WORDS: &[&str] = &[
    "take security seriously",
    "takes security seriously",
    "take your privacy",
    "abundance of caution",
    "highly sophisticated",
    "sophisticated attack",
    "industry-standard",
    "state-of-the-art",
    "sicherheit hat für uns höchste",
    "prenons la sécurité",
    "tomamos muy en serio",
    "rest assured",
];

/// What people write where something is still to come.
const PLACEHOLDERS: &[&str] = &[
    "todo",
    "tbd",
    "tbc",
    "xxx",
    "lorem ipsum",
    "[insert",
    "<insert",
    "???",
];

/// Says as of when a figure stands.
const AS_OF: &[&str] = &[
    "as of",
    "as at",
    "stand ",
    "stand:",
    "au ",
    "à la date",
    "en date du",
    "a fecha",
    "a día",
];

/// What a number counts, where it is a figure that can change.
const COUNTED: &[&str] = &[
    "record",
    "file",
    "object",
    "document",
    "invoice",
    "people",
    "person",
    "user",
    "account",
    "customer",
    "employee",
    "individual",
    "address",
    "key",
    "tenant",
    "table",
    "row",
    "message",
    "datensätze",
    "datei",
    "dateien",
    "dokument",
    "rechnung",
    "personen",
    "nutzer",
    "konten",
    "konto",
    "kunden",
    "mitarbeit",
    "fichier",
    "enregistrement",
    "personne",
    "utilisateur",
    "compte",
    "client",
    "facture",
    "registro",
    "archivo",
    "persona",
    "usuario",
    "cuenta",
    "cliente",
    "factura",
    "gb",
];

/// What a careful reader would object to in `facts` of a notice of this kind, the heavier first.
#[must_use]
pub fn lint(kind: NoticeKind, facts: &NoticeFacts, language: Option<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for KindText {
        field,
        required,
        text,
    } in texts(kind, facts)
    {
        let lower = text.to_lowercase();
        let mut say = |weight, words: &str, problem| {
            findings.push(Finding {
                weight,
                field,
                language: language.map(str::to_owned),
                words: words.trim().to_owned(),
                problem,
            });
        };
        if let Some(words) = first_of(&lower, PLACEHOLDERS) {
            // Only an empty field that may be empty reads "not yet known".
            let problem = if required {
                "is a placeholder; write what is meant, or what is not yet known of it"
            } else {
                "is a placeholder; write what is meant, or leave the field empty"
            };
            say(Weight::Must, words, problem);
        }
        if let Some(words) = first_of(&lower, NO_EVIDENCE)
            && facts.records_read.trim().is_empty()
        {
            say(
                Weight::Must,
                words,
                "claims what only records can show; say under \"records read\" which records cover the whole period, or say what was not recorded",
            );
        }
        if let Some(words) = link(&lower) {
            say(
                Weight::Must,
                words,
                "is a link: a letter asks nobody to follow one, since forged notices do; name the page in words",
            );
        }
        if let Some(words) = secret(text) {
            say(
                Weight::Must,
                words,
                "looks like a key or a password; it must not stand in a letter",
            );
        }
        for sentence in sentences(text) {
            let lower = sentence.to_lowercase();
            if let Some(figure) = figure(&lower)
                && first_of(&lower, AS_OF).is_none()
            {
                say(
                    Weight::Should,
                    &figure,
                    "is a figure that can change; say as of when it stands, such as \"as of 5 June, 14:00 UTC\"",
                );
            }
        }
        if let Some(words) = first_of(&lower, EMPTY_WORDS) {
            say(
                Weight::Should,
                words,
                "says nothing that the reader can use; say what was done instead",
            );
        }
    }
    findings.sort_by_key(|finding| (finding.weight, finding.field));
    findings
}

struct KindText<'a> {
    field: FactField,
    required: bool,
    text: &'a str,
}

fn texts(kind: NoticeKind, facts: &NoticeFacts) -> impl Iterator<Item = KindText<'_>> {
    kind.fields().into_iter().map(|f| KindText {
        field: f.field,
        required: f.required,
        text: facts.get(f.field),
    })
}

/// The first phrase that stands in `lower` as whole words.
fn first_of<'a>(lower: &str, phrases: &[&'a str]) -> Option<&'a str> {
    phrases.iter().copied().find(|phrase| {
        lower.match_indices(phrase).any(|(at, _)| {
            let before = lower[..at].chars().next_back();
            let after = lower[at + phrase.len()..].chars().next();
            let within = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            let begins = phrase.starts_with(|c: char| !c.is_alphanumeric()) || !within(before);
            let ends = phrase.ends_with(|c: char| !c.is_alphanumeric()) || !within(after);
            begins && ends
        })
    })
}

fn link(lower: &str) -> Option<&str> {
    lower.split_whitespace().find(|word| {
        ["http://", "https://", "www."]
            .iter()
            .any(|scheme| word.contains(scheme))
    })
}

/// A word that looks like a secret: a known prefix of keys, or what follows `password:`.
fn secret(text: &str) -> Option<&str> {
    let prefixes = ["AKIA", "ASIA", "ghp_", "xoxb-", "sk_live_", "-----BEGIN"];
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '-');
        if prefixes
            .iter()
            .any(|prefix| bare.starts_with(prefix) && bare.len() > prefix.len() + 4)
        {
            return Some(bare);
        }
        let asks = word.to_lowercase();
        if asks == "password:" || asks == "passwort:" {
            return words.peek().copied().or(Some(word));
        }
    }
    None
}

/// Sentences, roughly: a full stop that is followed by a space ends one, and so does a line.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split_inclusive(". "))
}

/// A number with what it counts, within the next three words.
fn figure(lower: &str) -> Option<String> {
    let words: Vec<&str> = lower.split_whitespace().collect();
    words.iter().enumerate().find_map(|(index, word)| {
        let plain = word.trim_matches(|c: char| !c.is_alphanumeric());
        let number = !plain.is_empty()
            && plain.chars().any(|c| c.is_ascii_digit())
            && plain.chars().all(|c| c.is_ascii_digit() || ",.'’".contains(c));
        if !number {
            return None;
        }
        let following = &words[index + 1..words.len().min(index + 4)];
        let counted = following
            .iter()
            .position(|next| COUNTED.iter().any(|thing| next.starts_with(thing)))?;
        Some(words[index..=index + 1 + counted].join(" "))
    })
}
