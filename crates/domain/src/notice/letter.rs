//! Letters: strict templates, filled for one customer.
//!
//! Takes a template's text and what is known; gives a letter. Which notice it belongs to and who approves it is decided in the
//! module above. A field that a template names and that does not exist is an error, never an empty place.

use super::{Letter, Notice, NoticeFacts, NoticeKind};
use crate::customer::Customer;
use crate::id::{LetterId, digest};
use crate::incident::Incident;
use crate::obligation::Obligation;
use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// The text of one letter's templates, in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterTemplate {
    /// Language, BCP 47.
    pub language: String,
    /// For which kind.
    pub kind: NoticeKind,
    /// The subject line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML.
    pub html: String,
}

impl LetterTemplate {
    /// Digest of its source: which version was in force.
    #[must_use]
    pub fn version(&self) -> String {
        digest(&[&self.subject, &self.text, &self.html])
    }

    /// The template for a language, or the English one.
    #[must_use]
    pub fn choose<'a>(templates: &'a [Self], kind: NoticeKind, language: &str) -> Option<&'a Self> {
        let of = |wanted: &str| templates.iter().find(|t| t.kind == kind && t.language == wanted);
        let base = language.split('-').next().unwrap_or(language);
        of(language).or_else(|| of(base)).or_else(|| of("en"))
    }
}

/// What a template may name. Instants are UTC and written out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterContext {
    /// `INC-0042`.
    pub reference: String,
    /// The customer's name.
    pub customer: String,
    /// Its tenant identifiers that the evidence names, or all where none are named.
    pub tenants: Vec<String>,
    /// Whether the customer is confirmed to be affected; else it is possible.
    pub confirmed: bool,
    /// When the disclosure was confirmed, in the letter's language.
    pub confirmed_at: String,
    /// The same instant for machines (RFC 3339).
    pub confirmed_at_rfc3339: String,
    /// By when the customer had to be told, in the letter's language.
    pub due_at: String,
    /// The same instant for machines (RFC 3339).
    pub due_at_rfc3339: String,
    /// The limit, such as `72h`.
    pub limit: String,
    /// As of when the facts stand and the customer is informed, in the letter's language.
    pub as_of: String,
    /// The same instant for machines (RFC 3339).
    pub as_of_rfc3339: String,
    /// When the next update comes at the latest.
    pub next_update_by: String,
    /// Who speaks.
    pub company: String,
    /// Whom to ask.
    pub contact: String,
    /// Where this notice can be checked: to be typed in.
    pub check_at: String,
    /// The code that identifies it there.
    pub check_code: String,
    /// `[DRILL] ` or nothing.
    pub drill: String,
    /// What the author says.
    pub facts: NoticeFacts,
}

/// Who speaks in letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sender {
    /// The company's name.
    pub company: String,
    /// Where answers go.
    pub contact: String,
    /// The address of the page where a notice can be checked, typed in by hand.
    pub check_at: String,
}

/// One customer's letter.
///
/// # Errors
/// Names the template, its line and the field that is missing.
pub fn render(
    template: &LetterTemplate,
    notice: &Notice,
    incident: &Incident,
    obligation: &Obligation,
    customer: &Customer,
    sender: &Sender,
    as_of: DateTime<Utc>,
) -> Result<Letter, String> {
    let language = &template.language;
    let context = context(notice, incident, obligation, customer, sender, as_of, language);
    let mut letter = Letter {
        id: LetterId::derived(&[notice.id.as_str(), customer.id.as_str()]),
        notice: notice.id.clone(),
        customer: customer.id.clone(),
        recipients: customer
            .first_recipients()
            .into_iter()
            .map(|contact| contact.email.clone())
            .collect(),
        subject: fill(template, "subject", &template.subject, &context)?
            .trim()
            .replace(['\r', '\n'], " "),
        text: fill(template, "text", &template.text, &context)?,
        html: fill(template, "html", &template.html, &context)?,
        check_code: context.check_code.clone(),
        hash: String::new(),
    };
    letter.hash = letter.digest();
    Ok(letter)
}

/// The code by which a recipient finds the letter on the page where notices are checked. It follows from the notice's id, 80 bits of
/// which are random, so that it cannot be guessed, and the same letter always has the same code.
fn check_code(notice: &Notice, customer: &Customer) -> String {
    let code = &digest(&[notice.id.as_str(), customer.id.as_str(), "check"])[..12];
    format!("{}-{}-{}", &code[..4], &code[4..8], &code[8..])
}

fn context(
    notice: &Notice,
    incident: &Incident,
    obligation: &Obligation,
    customer: &Customer,
    sender: &Sender,
    as_of: DateTime<Utc>,
    language: &str,
) -> LetterContext {
    let instant = |at: DateTime<Utc>| written_out(at, language);
    let machine = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let affected = incident.affected.get(&customer.id);
    let named: Vec<String> = affected
        .map(|a| a.traces.keys().cloned().collect())
        .unwrap_or_default();
    LetterContext {
        reference: incident.reference(),
        customer: customer.name.clone(),
        tenants: if named.is_empty() {
            customer.tenants.iter().cloned().collect()
        } else {
            named
        },
        confirmed: affected.is_some_and(|a| a.standing == crate::incident::Standing::Confirmed),
        confirmed_at: instant(obligation.deadline.from),
        confirmed_at_rfc3339: machine(obligation.deadline.from),
        due_at: instant(obligation.deadline.due_at),
        due_at_rfc3339: machine(obligation.deadline.due_at),
        limit: obligation.deadline.limit.to_string(),
        as_of: instant(as_of),
        as_of_rfc3339: machine(as_of),
        next_update_by: instant(as_of + chrono::Duration::hours(72)),
        company: sender.company.clone(),
        contact: sender.contact.clone(),
        check_at: sender.check_at.clone(),
        check_code: check_code(notice, customer),
        drill: if incident.drill {
            "[DRILL] ".to_owned()
        } else {
            String::new()
        },
        facts: notice.facts.clone(),
    }
}

/// An instant as a letter in `language` writes it, in UTC; English where there are no words for the language.
fn written_out(at: DateTime<Utc>, language: &str) -> String {
    const DAYS: [&str; 7] = [
        "Montag",
        "Dienstag",
        "Mittwoch",
        "Donnerstag",
        "Freitag",
        "Samstag",
        "Sonntag",
    ];
    const MONTHS: [&str; 12] = [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ];
    if language.split('-').next() != Some("de") {
        return at.format("%A, %-d %B %Y, %H:%M UTC").to_string();
    }
    let day = DAYS[at.weekday().num_days_from_monday() as usize];
    let month = MONTHS[at.month0() as usize];
    format!(
        "{day}, {}. {month} {}, {}",
        at.day(),
        at.year(),
        at.format("%H:%M UTC")
    )
}

fn fill(
    template: &LetterTemplate,
    part: &str,
    source: &str,
    context: &LetterContext,
) -> Result<String, String> {
    let name = format!("{}.{}.{part}", template.kind.name(), template.language);
    let mut environment = minijinja::Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_auto_escape_callback(move |name| {
        if name.ends_with(".html") {
            minijinja::AutoEscape::Html
        } else {
            minijinja::AutoEscape::None
        }
    });
    environment
        .render_named_str(&name, source, context)
        .map_err(|fault| format!("letter {name}: {fault:#}"))
}
