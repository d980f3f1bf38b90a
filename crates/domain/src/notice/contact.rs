//! The letter that asks a contact whether it is still the right one. It is no notice: it tells nobody of anything, belongs to no
//! incident, and needs no approval beyond that of its template.

use super::layout;
use super::template::{Filling, LetterLanguage, Sheet, choose};
use super::{NoticeFacts, Sender};
use crate::customer::asking::{Asking, AskingState};
use crate::customer::{Contact, Customer};
use chrono::{DateTime, Utc};
use serde::Serialize;

/// The name of the template's file, without its ending.
pub const CONTACT_LETTER: &str = "contact";

/// The template in one language.
#[derive(Debug, Clone)]
pub struct ContactTemplate(Sheet);

/// What the template may name.
#[derive(Debug, Clone, Serialize)]
struct ContactContext<'a> {
    customer: &'a str,
    name: &'a str,
    address: &'a str,
    /// When the contact was last verified; none where it never was.
    verified_at: Option<String>,
    /// By when an answer is wanted.
    answer_by: String,
    /// Whether it was asked before.
    reminder: bool,
    company: &'a str,
    contact: &'a str,
    check_at: &'a str,
    check_code: &'a str,
}

/// The letter, filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactLetter {
    /// The subject line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

impl ContactTemplate {
    /// Reads the template of a language, and fills it with samples.
    ///
    /// # Errors
    /// Says the line or the block, and what is wrong.
    pub fn read(language: &str, text: &str, words: &LetterLanguage) -> Result<Self, String> {
        let template = Self(Sheet::read(CONTACT_LETTER, language, text, words)?);
        template.rehearse()?;
        Ok(template)
    }

    /// Its language, BCP 47.
    #[must_use]
    pub fn language(&self) -> &str {
        &self.0.language
    }

    /// The template for a language, or the English one.
    #[must_use]
    pub fn choose<'a>(templates: &'a [Self], language: &str) -> Option<&'a Self> {
        choose(templates.iter(), language, Self::language)
    }

    /// Fills it with samples: first and asked again, verified before and never.
    ///
    /// # Errors
    /// Says the block, and what is wrong.
    pub fn rehearse(&self) -> Result<(), String> {
        let at = self.0.words.written(DateTime::UNIX_EPOCH)?;
        for reminder in [false, true] {
            self.fill(&ContactContext {
                customer: "Sample",
                name: "Sample",
                address: "security@sample.example",
                verified_at: reminder.then(|| at.clone()),
                answer_by: at.clone(),
                reminder,
                company: "Sample",
                contact: "security@sample.example",
                check_at: "sample.example/check",
                check_code: "0000-0000-0000",
            })?;
        }
        Ok(())
    }

    /// The letter to one contact.
    ///
    /// # Errors
    /// Names the block and the field that is missing.
    pub fn letter(
        &self,
        customer: &Customer,
        contact: &Contact,
        asking: &Asking,
        sender: &Sender,
    ) -> Result<ContactLetter, String> {
        let words = &self.0.words;
        let written = |at: DateTime<Utc>| words.written(at);
        let reminded = matches!(asking.state, AskingState::Waiting { reminded_at: Some(_) });
        self.fill(&ContactContext {
            customer: &customer.name,
            name: &contact.name,
            address: &contact.email,
            verified_at: contact.verified_at.map(written).transpose()?,
            answer_by: written(asking.answer_by())?,
            reminder: reminded,
            company: &sender.company,
            contact: &sender.contact,
            check_at: &sender.check_at,
            check_code: &asking.code,
        })
    }

    fn fill(&self, context: &ContactContext<'_>) -> Result<ContactLetter, String> {
        let filling = Filling {
            values: minijinja::Value::from_serialize(context),
            drill: "",
            facts: &NoticeFacts::default(),
            machine: None,
        };
        let subject = self.0.subject(&filling)?;
        let blocks = self.0.lay(&filling)?;
        Ok(ContactLetter {
            text: layout::text(&blocks),
            html: layout::html(&blocks, &self.0.language, &subject),
            subject,
        })
    }
}
