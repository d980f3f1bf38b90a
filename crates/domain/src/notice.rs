//! What we tell whom: holding notice and full notice, one letter a customer, approved by a second person and bound to its bytes.
//!
//! Templates are strict: a field that is missing is an error and never an empty place. Rendering happens here, without IO; the
//! texts of the templates are handed in.

mod letter;

pub use letter::{LetterContext, LetterTemplate, Sender, render};

use crate::actor::Actor;
use crate::id::{CustomerId, IncidentId, LetterId, NoticeId, digest};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What kind of notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// What is known so far, from a template that was approved beforehand; goes by itself before the deadline.
    Holding,
    /// The whole account, written by people and approved by a second one.
    Full,
}

impl NoticeKind {
    /// The name of its templates.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Holding => "holding",
            Self::Full => "full",
        }
    }
}

/// What the author says; the same for every customer. An empty field is rendered as "not yet known".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NoticeFacts {
    /// What happened.
    pub what_happened: String,
    /// What information was or may have been disclosed.
    pub what_information: String,
    /// What may follow from it.
    pub likely_consequences: String,
    /// What we did and will do.
    pub what_we_did: String,
    /// What the customer should do.
    pub what_you_should_do: String,
    /// What is not known yet.
    pub not_yet_known: String,
    /// Whether it is contained: `yes`, `no` or words in between.
    pub contained: String,
}

impl NoticeFacts {
    /// Fields that a full notice cannot do without and that are empty.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let required = [
            ("what_happened", &self.what_happened),
            ("what_information", &self.what_information),
            ("likely_consequences", &self.likely_consequences),
            ("what_we_did", &self.what_we_did),
            ("what_you_should_do", &self.what_you_should_do),
        ];
        required
            .into_iter()
            .filter(|(_, text)| text.trim().is_empty())
            .map(|(name, _)| name)
            .collect()
    }
}

/// A notice in one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its id.
    pub id: NoticeId,
    /// Counts every change.
    pub version: i64,
    /// The incident.
    pub incident: IncidentId,
    /// What kind.
    pub kind: NoticeKind,
    /// Who wrote it.
    pub author: Actor,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// What the author says.
    pub facts: NoticeFacts,
    /// Digest over every letter: what an approval is bound to.
    pub content_hash: String,
    /// How many letters.
    pub letters: u64,
    /// Where it stands.
    #[serde(flatten)]
    pub state: NoticeState,
}

/// Where a notice stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum NoticeState {
    /// It is being written.
    Draft,
    /// It waits for the second person.
    Submitted {
        /// By whom.
        by: Actor,
        /// When.
        at: DateTime<Utc>,
    },
    /// The second person wants it changed.
    Returned {
        /// By whom.
        by: Actor,
        /// When.
        at: DateTime<Utc>,
        /// Why.
        why: String,
    },
    /// A holding notice: its template was approved beforehand, and it goes when the ladder says so.
    Prepared {
        /// Version of the template's text: digest of its source.
        template: String,
    },
    /// Its messages are in the outbox.
    Sent {
        /// When.
        at: DateTime<Utc>,
        /// Who approved it, for a full notice; the ladder, for a holding notice.
        approved_by: Actor,
        /// The digest that was approved and sent.
        hash: String,
    },
}

impl NoticeState {
    /// The state's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Submitted { .. } => "submitted",
            Self::Returned { .. } => "returned",
            Self::Prepared { .. } => "prepared",
            Self::Sent { .. } => "sent",
        }
    }
}

/// One customer's rendering of a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Derived from notice and customer.
    pub id: LetterId,
    /// The notice.
    pub notice: NoticeId,
    /// To whom.
    pub customer: CustomerId,
    /// To which addresses, one message each.
    pub recipients: Vec<String>,
    /// In a line; names no customer, since subjects are seen by others.
    pub subject: String,
    /// As plain text.
    pub text: String,
    /// As HTML without outside resources.
    pub html: String,
    /// The code by which a recipient finds it on the page where notices are checked.
    pub check_code: String,
    /// Digest of subject, text, HTML and recipients.
    pub hash: String,
}

impl Letter {
    /// SHA-256 of its text, hex: what a recipient can compare with the text of the mail.
    #[must_use]
    pub fn text_sha256(&self) -> String {
        use sha2::{Digest, Sha256};
        hex::encode(Sha256::digest(self.text.as_bytes()))
    }

    /// The digest of what is told and to whom.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut parts = vec![self.customer.as_str(), &self.subject, &self.text, &self.html];
        parts.extend(self.recipients.iter().map(String::as_str));
        digest(&parts)
    }
}

/// The digest over letters, whatever their order: what an approval is bound to.
#[must_use]
pub fn content_hash(letters: &[Letter]) -> String {
    let mut digests: Vec<String> = letters.iter().map(Letter::digest).collect();
    digests.sort();
    digest(&digests.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What a notice refuses, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// The thing cannot be done from here.
    #[error("cannot {attempted} a notice that is {from}")]
    NotFrom {
        /// The state it is in.
        from: &'static str,
        /// What was tried.
        attempted: &'static str,
    },
    /// Four eyes.
    #[error("{who} wrote or submitted this notice; a second person must approve it")]
    SamePerson {
        /// Who tried.
        who: Actor,
    },
    /// What is approved is not what stands there.
    #[error(
        "the notice has changed since it was read: approved {approved}, but its content is {content}; read it again"
    )]
    Changed {
        /// The digest that was read.
        approved: String,
        /// The digest that stands.
        content: String,
    },
    /// Something must be said first.
    #[error("write these first: {}", fields.join(", "))]
    Incomplete {
        /// Which fields.
        fields: Vec<&'static str>,
    },
    /// There is nobody to tell.
    #[error("no customer is affected; put customers on the list first")]
    Nobody,
    /// The law forbids to tell for a while.
    #[error(
        "a legal hold is in force, so that nothing goes to customers; lift it first, or wait until it ends"
    )]
    Held,
    /// A reason is needed.
    #[error("say what must change")]
    NoReason,
}

impl Notice {
    /// A full notice to be written.
    #[must_use]
    pub fn draft(incident: &IncidentId, facts: NoticeFacts, author: Actor, at: DateTime<Utc>) -> Self {
        Self {
            id: NoticeId::generate(at),
            version: 1,
            incident: incident.clone(),
            kind: NoticeKind::Full,
            author,
            created_at: at,
            facts,
            content_hash: content_hash(&[]),
            letters: 0,
            state: NoticeState::Draft,
        }
    }

    /// The holding notice of an incident: there is one, from a template that was approved beforehand.
    #[must_use]
    pub fn prepare_holding(incident: &IncidentId, template: String, at: DateTime<Utc>) -> Self {
        Self {
            id: NoticeId::generate(at),
            version: 1,
            incident: incident.clone(),
            kind: NoticeKind::Holding,
            author: Actor::worker("ladder"),
            created_at: at,
            facts: NoticeFacts::default(),
            content_hash: content_hash(&[]),
            letters: 0,
            state: NoticeState::Prepared { template },
        }
    }

    /// The notice with letters rendered anew. A notice that was submitted is a draft again, since what was read has changed.
    ///
    /// # Errors
    /// What was sent stays as it is.
    pub fn with_letters(mut self, letters: &[Letter]) -> Result<Self, NoticeError> {
        if matches!(self.state, NoticeState::Sent { .. }) {
            return Err(self.not_from("change"));
        }
        let hash = content_hash(letters);
        if hash != self.content_hash {
            self.version += 1;
            self.content_hash = hash;
            self.letters = letters.len() as u64;
            if matches!(self.state, NoticeState::Submitted { .. }) {
                self.state = NoticeState::Draft;
            }
        }
        Ok(self)
    }

    /// The author says something else.
    ///
    /// # Errors
    /// A holding notice comes from its template, and what was sent stays as it is.
    pub fn edit(mut self, facts: NoticeFacts, by: &Actor) -> Result<Self, NoticeError> {
        match self.state {
            NoticeState::Draft | NoticeState::Submitted { .. } | NoticeState::Returned { .. } => {}
            NoticeState::Prepared { .. } | NoticeState::Sent { .. } => return Err(self.not_from("edit")),
        }
        self.version += 1;
        self.facts = facts;
        self.author = by.clone();
        self.state = NoticeState::Draft;
        Ok(self)
    }

    /// The author asks for approval.
    ///
    /// # Errors
    /// Refused while fields are missing or nobody is affected.
    pub fn submit(mut self, by: &Actor, at: DateTime<Utc>) -> Result<Self, NoticeError> {
        match self.state {
            NoticeState::Draft | NoticeState::Returned { .. } => {}
            NoticeState::Submitted { .. } | NoticeState::Prepared { .. } | NoticeState::Sent { .. } => {
                return Err(self.not_from("submit"));
            }
        }
        let fields = self.facts.missing();
        if !fields.is_empty() {
            return Err(NoticeError::Incomplete { fields });
        }
        if self.letters == 0 {
            return Err(NoticeError::Nobody);
        }
        self.version += 1;
        self.state = NoticeState::Submitted { by: by.clone(), at };
        Ok(self)
    }

    /// The second person wants it changed.
    ///
    /// # Errors
    /// Only what was submitted can be returned, and only with a reason.
    pub fn send_back(mut self, why: &str, by: &Actor, at: DateTime<Utc>) -> Result<Self, NoticeError> {
        if !matches!(self.state, NoticeState::Submitted { .. }) {
            return Err(self.not_from("return"));
        }
        let why = why.trim().to_owned();
        if why.is_empty() {
            return Err(NoticeError::NoReason);
        }
        self.version += 1;
        self.state = NoticeState::Returned {
            by: by.clone(),
            at,
            why,
        };
        Ok(self)
    }

    /// The second person approves what was read, and it is sent: `read` is the digest of what was on the screen, `letters` are what
    /// would go. Both must be the notice's content, to the byte.
    ///
    /// # Errors
    /// Refused for the author and the submitter, and when one byte differs.
    pub fn approve(
        mut self,
        read: &str,
        letters: &[Letter],
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Self, NoticeError> {
        let NoticeState::Submitted { by: submitter, .. } = &self.state else {
            return Err(self.not_from("approve"));
        };
        if *by == self.author || by == submitter {
            return Err(NoticeError::SamePerson { who: by.clone() });
        }
        let standing = content_hash(letters);
        if read != self.content_hash || standing != self.content_hash {
            return Err(NoticeError::Changed {
                approved: read.to_owned(),
                content: standing,
            });
        }
        self.version += 1;
        self.state = NoticeState::Sent {
            at,
            approved_by: by.clone(),
            hash: standing,
        };
        Ok(self)
    }

    /// The ladder sends the holding notice.
    ///
    /// # Errors
    /// Only a prepared one, and only to somebody.
    pub fn dispatch_holding(mut self, letters: &[Letter], at: DateTime<Utc>) -> Result<Self, NoticeError> {
        if !matches!(
            self.state,
            NoticeState::Prepared { .. } | NoticeState::Sent { .. }
        ) || self.kind != NoticeKind::Holding
        {
            return Err(self.not_from("dispatch"));
        }
        if letters.is_empty() {
            return Err(NoticeError::Nobody);
        }
        self.version += 1;
        self.content_hash = content_hash(letters);
        self.letters = letters.len() as u64;
        self.state = NoticeState::Sent {
            at,
            approved_by: Actor::worker("ladder"),
            hash: self.content_hash.clone(),
        };
        Ok(self)
    }

    fn not_from(&self, attempted: &'static str) -> NoticeError {
        NoticeError::NotFrom {
            from: self.state.name(),
            attempted,
        }
    }
}
