//! Letters: a template, filled for one customer.
//!
//! Takes a template and what is known; gives a letter. Which notice it belongs to and who approves it is decided in the module above.

use super::layout;
use super::template::{Filling, LetterTemplate};
use super::{FactField, Letter, LetterWords, Notice, NoticeFacts, NoticeKind, TemplateWords};
use crate::change::Change;
use crate::customer::{Channel, Customer};
use crate::id::{LetterId, digest};
use crate::incident::{Incident, Standing};
use crate::matter::Matter;
use crate::obligation::Obligation;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// What a template may name. Instants are UTC and written out in the letter's language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LetterContext {
    /// `INC-0042` or `CHG-0007`.
    pub reference: String,
    /// The customer's name.
    pub customer: String,
    /// What there is to say of a disclosure, or of a change.
    #[serde(flatten)]
    pub particulars: LetterParticulars,
    /// As of when the facts stand.
    pub as_of: String,
    /// When the next update comes at the latest, where one is promised.
    pub next_update_by: Option<String>,
    /// The last notice that this customer was sent before: its name in the letter's language.
    pub earlier: Option<String>,
    /// When that was sent.
    pub earlier_at: Option<String>,
    /// The fields in which the author said something.
    pub says: Vec<FactField>,
    /// The word for what is not known.
    pub unknown: String,
    /// Who speaks.
    pub company: String,
    /// Whom to ask.
    pub contact: String,
    /// Where this notice can be checked: to be typed in.
    pub check_at: String,
    /// The code that identifies it there.
    pub check_code: String,
    /// `[DRILL] ` or nothing: stands before subject and title, whatever the template says.
    #[serde(skip)]
    pub drill: &'static str,
    /// The facts for machines.
    #[serde(skip)]
    pub machine: MachineFacts,
}

/// What only the letters of an incident may name, and what only those of a change may: what belongs to the other is a field that does
/// not exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum LetterParticulars {
    /// Of a disclosure.
    Disclosure {
        /// The customer's tenant identifiers that the evidence names, or all where none are named.
        tenants: Vec<String>,
        /// Whether the customer is confirmed to be affected; else it is possible.
        confirmed: bool,
        /// Whether records that are kept as evidence name the customer; else it was found otherwise.
        named: bool,
        /// Whether what the customer was told before was withdrawn, and the customer is affected after all.
        again: bool,
        /// When the customer was first told, where that was before: see [`FirstTold`]. Else this letter is the first.
        first_told: Option<String>,
        /// By what that was, in the letter's language.
        first_by: Option<String>,
        /// When the disclosure was confirmed.
        confirmed_at: String,
        /// By when the customer had to be told.
        due_at: String,
        /// The limit, such as `72h`.
        limit: String,
    },
    /// Of a change.
    Change {
        /// The change, in a line.
        change: String,
        /// When it takes effect.
        effective_at: String,
    },
}

/// What a machine of the customer's can read, for the customer's own duties. Instants are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MachineFacts {
    /// Of a disclosure.
    Disclosure(DisclosureFacts),
    /// Of a change.
    Change(ChangeFacts),
}

/// Facts of a change for machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeFacts {
    /// `CHG-0007`.
    pub reference: String,
    /// What kind of notice.
    pub notice: NoticeKind,
    /// The change, in a line.
    pub change: String,
    /// When it takes effect.
    pub effective_at: String,
    /// As of when the facts stand.
    pub facts_as_of: String,
    /// The code of the letter.
    pub check_code: String,
}

/// Facts of a disclosure for machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisclosureFacts {
    /// `INC-0042`.
    pub reference: String,
    /// What kind of notice.
    pub notice: NoticeKind,
    /// When the disclosure was confirmed.
    pub confirmed_at: String,
    /// As of when the facts stand.
    pub facts_as_of: String,
    /// By when the customer had to be told.
    pub due_at: String,
    /// The limit, such as `72h`.
    pub notify_within: String,
    /// When the customer was first told, where that was before: see [`FirstTold`]. Absent where this notice is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_told_at: Option<String>,
    /// By which kind of notice that was, or how by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_told_by: Option<ToldBy>,
    /// `confirmed`, `possible` or `cleared`.
    pub affected: Standing,
    /// The customer's tenants concerned.
    pub tenants: Vec<String>,
    /// When the next update comes at the latest.
    pub next_update_by: Option<String>,
    /// The code of the letter.
    pub check_code: String,
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

/// A notice that a customer was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier {
    /// What kind.
    pub kind: NoticeKind,
    /// When it was put on its way.
    pub at: DateTime<Utc>,
}

/// What a letter is about.
#[derive(Debug, Clone, Copy)]
pub enum LetterAbout<'a> {
    /// A disclosure.
    Disclosure {
        /// The incident.
        incident: &'a Incident,
        /// What is owed to the customer.
        obligation: &'a Obligation,
    },
    /// A change.
    Change(&'a Change),
}

impl<'a> LetterAbout<'a> {
    fn matter(self) -> Matter<'a> {
        match self {
            Self::Disclosure { incident, .. } => Matter::from(incident),
            Self::Change(change) => Matter::from(change),
        }
    }

    fn obligation(self) -> Option<&'a Obligation> {
        match self {
            Self::Disclosure { obligation, .. } => Some(obligation),
            Self::Change(_) => None,
        }
    }
}

/// By what a customer was first told of a disclosure, and when: from then on it knows, and from then on its own limits can count.
///
/// A notice counts from when a mail server took it, where it did not come back and still stands; what people told by hand, from when they
/// say that they did, for they write down what shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstTold {
    /// By what.
    pub by: ToldBy,
    /// When.
    pub at: DateTime<Utc>,
}

/// By what a customer was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ToldBy {
    /// A notice of this kind.
    Notice(NoticeKind),
    /// People, in this way.
    Hand(Channel),
}

/// Whom a letter is for, and about what.
#[derive(Debug, Clone, Copy)]
pub struct LetterSubject<'a> {
    /// About what.
    pub about: LetterAbout<'a>,
    /// The customer.
    pub customer: &'a Customer,
    /// Who speaks.
    pub sender: &'a Sender,
    /// The last notice that the customer was sent before this one.
    pub earlier: Option<Earlier>,
    /// By what the customer was told before this letter, where it was.
    pub first: Option<FirstTold>,
}

/// One customer's letter.
///
/// # Errors
/// Names the template, its block and the field that is missing.
pub fn render(
    template: &LetterTemplate,
    notice: &Notice,
    subject: LetterSubject<'_>,
) -> Result<Letter, String> {
    let customer = subject.customer;
    let context = LetterContext::of(template, notice, subject)?;
    let line = template.subject(&context)?;
    let blocks = template.lay(&context, notice.facts_in(&template.language))?;
    let mut letter = Letter {
        id: LetterId::derived(&[notice.id.as_str(), customer.id.as_str()]),
        notice: notice.id.clone(),
        customer: customer.id.clone(),
        obligation: subject.about.obligation().map(|owed| owed.id.clone()),
        recipients: subject.about.matter().recipients(customer),
        text: layout::text(&blocks),
        html: layout::html(&blocks, &template.language, &line),
        subject: line,
        check_code: context.check_code,
        facts: Some(context.machine),
        template: (notice.kind == NoticeKind::Holding).then(|| LetterWords {
            language: template.language.clone(),
            digest: template.version(),
            approved: None,
        }),
        hash: String::new(),
    };
    letter.hash = letter.digest();
    Ok(letter)
}

impl LetterTemplate {
    /// Which words it has, as they stand.
    #[must_use]
    pub fn words_as_they_stand(&self) -> TemplateWords {
        TemplateWords {
            language: self.language.clone(),
            digest: self.version(),
        }
    }

    /// Subject and text, filled with samples, for somebody who is to approve the words.
    ///
    /// # Errors
    /// Says the block, and what is wrong.
    pub fn sample(&self) -> Result<(String, String), String> {
        let [context, _] = LetterContext::samples(self)?;
        let context = LetterContext { drill: "", ..context };
        let blocks = self.lay(&context, &NoticeFacts::default())?;
        Ok((self.subject(&context)?, layout::text(&blocks)))
    }
}

/// The code by which a recipient finds the letter on the page where notices are checked. It follows from the notice's id, 80 bits of
/// which are random, so that it cannot be guessed, and the same letter always has the same code.
fn check_code(notice: &Notice, customer: &Customer) -> String {
    let code = &digest(&[notice.id.as_str(), customer.id.as_str(), "check"])[..12];
    format!("{}-{}-{}", &code[..4], &code[4..8], &code[8..])
}

/// An instant as machines read it.
fn machine(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The customer's tenants that the evidence names, or all where none are named.
fn tenants_concerned(incident: &Incident, customer: &Customer) -> Vec<String> {
    let named = incident.affected.get(&customer.id).map(|a| &a.traces);
    match named.filter(|traces| !traces.is_empty()) {
        Some(traces) => traces.keys().cloned().collect(),
        None => customer.tenants.iter().cloned().collect(),
    }
}

/// What a letter says of its subject, to people and to machines.
fn particulars(
    template: &LetterTemplate,
    notice: &Notice,
    subject: LetterSubject<'_>,
) -> Result<(LetterParticulars, MachineFacts), String> {
    let words = &template.words;
    let check_code = check_code(notice, subject.customer);
    match subject.about {
        LetterAbout::Disclosure { incident, obligation } => {
            let deadline = &obligation.deadline;
            let affected = incident.affected.get(&subject.customer.id);
            let standing = affected.map_or(Standing::Possible, |a| a.standing);
            let tenants = tenants_concerned(incident, subject.customer);
            let first = subject.first;
            let said = LetterParticulars::Disclosure {
                tenants: tenants.clone(),
                confirmed: standing == Standing::Confirmed,
                named: affected.is_some_and(|a| !a.traces.is_empty()),
                first_told: first.map(|first| words.written(first.at)).transpose()?,
                first_by: first.and_then(|first| words.told_by(first.by)),
                again: obligation.again.is_some(),
                confirmed_at: words.written(deadline.from)?,
                due_at: words.written(deadline.due_at)?,
                limit: deadline.limit.to_string(),
            };
            let facts = DisclosureFacts {
                reference: incident.reference(),
                notice: notice.kind,
                confirmed_at: machine(deadline.from),
                facts_as_of: machine(notice.as_of(Some(obligation))),
                due_at: machine(deadline.due_at),
                notify_within: deadline.limit.to_string(),
                first_told_at: first.map(|first| machine(first.at)),
                first_told_by: first.map(|first| first.by),
                affected: standing,
                tenants,
                next_update_by: notice.next_update_for(Some(obligation)).map(machine),
                check_code,
            };
            Ok((said, MachineFacts::Disclosure(facts)))
        }
        LetterAbout::Change(change) => {
            let said = LetterParticulars::Change {
                change: change.title.clone(),
                effective_at: words.written(change.effective_at)?,
            };
            let facts = ChangeFacts {
                reference: change.reference(),
                notice: notice.kind,
                change: change.title.clone(),
                effective_at: machine(change.effective_at),
                facts_as_of: machine(notice.as_of(None)),
                check_code,
            };
            Ok((said, MachineFacts::Change(facts)))
        }
    }
}

impl LetterContext {
    fn of(template: &LetterTemplate, notice: &Notice, subject: LetterSubject<'_>) -> Result<Self, String> {
        let words = &template.words;
        let facts = notice.facts_in(&template.language);
        let instant = |at: DateTime<Utc>| words.written(at);
        let matter = subject.about.matter();
        let obligation = subject.about.obligation();
        let (particulars, machine) = particulars(template, notice, subject)?;
        Ok(Self {
            reference: matter.reference(),
            customer: subject.customer.name.clone(),
            particulars,
            as_of: instant(notice.as_of(obligation))?,
            next_update_by: notice.next_update_for(obligation).map(instant).transpose()?,
            earlier: subject
                .earlier
                .and_then(|earlier| words.kinds.get(&earlier.kind).cloned()),
            earlier_at: subject.earlier.map(|earlier| instant(earlier.at)).transpose()?,
            says: notice
                .kind
                .fields()
                .into_iter()
                .map(|f| f.field)
                .filter(|field| !facts.get(*field).is_empty())
                .collect(),
            unknown: words.unknown.clone(),
            company: subject.sender.company.clone(),
            contact: subject.sender.contact.clone(),
            check_at: subject.sender.check_at.clone(),
            check_code: check_code(notice, subject.customer),
            drill: if matter.drill() { "[DRILL] " } else { "" },
            machine,
        })
    }

    /// Contexts that a template must be able to be filled with: everything known, and nothing.
    pub(super) fn samples(template: &LetterTemplate) -> Result<[Self; 2], String> {
        let at = template.words.written(DateTime::UNIX_EPOCH)?;
        let machine = MachineFacts::Change(ChangeFacts {
            reference: String::new(),
            notice: template.kind,
            change: String::new(),
            effective_at: String::new(),
            facts_as_of: String::new(),
            check_code: String::new(),
        });
        let disclosure = |tenants: &[&str]| LetterParticulars::Disclosure {
            tenants: tenants.iter().map(|tenant| (*tenant).to_owned()).collect(),
            confirmed: !tenants.is_empty(),
            named: !tenants.is_empty(),
            again: !tenants.is_empty(),
            first_told: (!tenants.is_empty()).then(|| at.clone()),
            first_by: template
                .words
                .kinds
                .get(&template.kind)
                .cloned()
                .filter(|_| !tenants.is_empty()),
            confirmed_at: at.clone(),
            due_at: at.clone(),
            limit: "72h".to_owned(),
        };
        let change = || LetterParticulars::Change {
            change: "Sample".to_owned(),
            effective_at: at.clone(),
        };
        let particulars = |tenants: &[&str]| {
            if template.kind.of_incident() {
                disclosure(tenants)
            } else {
                change()
            }
        };
        let (known, unknown) = (particulars(&["sample"]), particulars(&[]));
        let full = Self {
            reference: "INC-0001".to_owned(),
            customer: "Sample".to_owned(),
            particulars: known,
            as_of: at.clone(),
            next_update_by: Some(at.clone()),
            earlier: template.words.kinds.get(&template.kind).cloned(),
            earlier_at: Some(at),
            says: template.kind.fields().into_iter().map(|f| f.field).collect(),
            unknown: template.words.unknown.clone(),
            company: "Sample".to_owned(),
            contact: "security@sample.example".to_owned(),
            check_at: "sample.example/check".to_owned(),
            check_code: "0000-0000-0000".to_owned(),
            drill: "[DRILL] ",
            machine,
        };
        let bare = Self {
            particulars: unknown,
            next_update_by: None,
            earlier: None,
            earlier_at: None,
            says: Vec::new(),
            drill: "",
            ..full.clone()
        };
        Ok([full, bare])
    }

    /// What a template is filled with.
    pub(super) fn filling<'a>(&'a self, facts: &'a NoticeFacts) -> Filling<'a> {
        Filling {
            values: minijinja::Value::from_serialize(self),
            drill: self.drill,
            facts,
            machine: Some(&self.machine),
        }
    }
}

impl MachineFacts {
    /// By what the customer was told before; none where the letter is the first.
    #[must_use]
    pub fn first_told(&self) -> Option<FirstTold> {
        let Self::Disclosure(facts) = self else {
            return None;
        };
        let at = DateTime::parse_from_rfc3339(facts.first_told_at.as_deref()?).ok()?;
        Some(FirstTold {
            by: facts.first_told_by?,
            at: at.to_utc(),
        })
    }

    /// As a letter writes them.
    pub(super) fn json(&self) -> Result<String, String> {
        serde_json::to_string_pretty(self)
            .map_err(|fault| format!("the facts for machines cannot be written: {fault}"))
    }
}

impl Notice {
    /// What the author says to a reader of `language`: the translation into it, or the facts as they were written first.
    #[must_use]
    pub fn facts_in(&self, language: &str) -> &NoticeFacts {
        self.translations.get(language).unwrap_or(&self.facts)
    }
}
