//! What we tell whom: from the first notice to the last, one letter a customer, approved by a second person and bound to its bytes.
//!
//! Templates are strict: a field that is missing is an error and never an empty place. Rendering happens here, without IO; the
//! texts of the templates are handed in.

mod approval;
mod contact;
mod follow;
mod hands;
mod kind;
mod layout;
mod letter;
mod lint;
mod receipt;
mod template;

pub use approval::{LetterWords, TemplateWords, WordsAct, WordsApproval, WordsTakenBack};
pub use contact::{CONTACT_LETTER, ContactLetter, ContactTemplate};
pub use follow::{LetterFollowed, LetterPart};
pub use hands::{Hand, NoticeAct, NoticeReturned};
pub use kind::{FactField, KindField, NoticeFacts, NoticeKind};
pub use letter::{
    ChangeFacts, DisclosureFacts, Earlier, FirstTold, LetterAbout, LetterContext, LetterSubject,
    MachineFacts, Sender, ToldBy, render,
};
pub use lint::{Finding, Weight, lint};
pub use receipt::{Acknowledgement, Answer, MOST_QUESTIONS, Question, Receipt, ReceiptError};
pub use template::{LetterLanguage, LetterTemplate, Sheet, base_language};

use crate::actor::Actor;
use crate::id::{CustomerId, IncidentId, LetterId, NoticeId, ObligationId, UserId, digest};
use crate::matter::MatterId;
use crate::obligation::Obligation;
use crate::words::second;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Within which an update is promised where the author says nothing else.
pub const NEXT_UPDATE: Duration = Duration::hours(72);

/// A promised update is at least this far away when a notice is submitted or approved, so that it can be kept.
const SHORTEST_PROMISE: Duration = Duration::hours(1);

/// A promised update is at most this far away.
const LONGEST_PROMISE: Duration = Duration::days(30);

/// How many comments a notice takes, and how long one is, in bytes.
const MOST_COMMENTS: usize = 200;
const LONGEST_COMMENT: usize = 4000;

/// What people write: the facts, in other languages too, and when they promise to write again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// What the author says.
    #[serde(default)]
    pub facts: NoticeFacts,
    /// The same in other languages, by BCP 47 language without region.
    #[serde(default)]
    pub translations: BTreeMap<String, NoticeFacts>,
    /// When the next update comes at the latest; none means [`NEXT_UPDATE`] from now, where the kind promises one.
    #[serde(default)]
    pub next_update_by: Option<DateTime<Utc>>,
}

impl From<NoticeFacts> for Written {
    fn from(facts: NoticeFacts) -> Self {
        Self {
            facts,
            ..Self::default()
        }
    }
}

/// Somebody remarks on a notice, such as counsel on a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeComment {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
    /// On which field; none is the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<FactField>,
    /// On which version of the notice.
    pub version: i64,
    /// What.
    pub text: String,
}

/// What stood in a notice when it was submitted last: what the next reading is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadBefore {
    /// By whom it was submitted.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
    /// What it said.
    pub facts: NoticeFacts,
    /// The same in other languages.
    #[serde(default)]
    pub translations: BTreeMap<String, NoticeFacts>,
}

/// A notice in one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its id.
    pub id: NoticeId,
    /// Counts every change.
    pub version: i64,
    /// About which incident or change.
    #[serde(flatten)]
    pub matter: MatterId,
    /// What kind.
    pub kind: NoticeKind,
    /// Of a holding notice: for which round of telling it is, see [`Obligation::round`]. 1 for every other.
    #[serde(default = "first_round", skip_serializing_if = "is_first_round")]
    pub round: u32,
    /// Who began it. In records of older versions: who wrote in it last.
    pub author: Actor,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// Everybody who began it or changed its words, in whichever version: none of them approves it. Empty in records of older versions,
    /// whose `author` is the only one that is known.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub writers: BTreeSet<Actor>,
    /// Who changed its words last, where somebody did since it was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<NoticeAct>,
    /// What the author says.
    pub facts: NoticeFacts,
    /// The same in other languages, by BCP 47 language without region.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub translations: BTreeMap<String, NoticeFacts>,
    /// As of when the facts stand: when they were written last. Absent in a holding notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts_as_of: Option<DateTime<Utc>>,
    /// When the next update comes at the latest, as the letters promise; a holding notice promises it by customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_update_by: Option<DateTime<Utc>>,
    /// What people remarked, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comments: Vec<NoticeComment>,
    /// What it said when it was submitted the time before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_before: Option<ReadBefore>,
    /// Why it was returned the last time, also after it was changed and submitted again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<NoticeReturned>,
    /// Who was paged to approve it since it was submitted last.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub asked: BTreeSet<UserId>,
    /// Digest over every letter: what an approval is bound to.
    pub content_hash: String,
    /// How many letters.
    pub letters: u64,
    /// Of a holding notice: the words that its letters are filled from.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub words: BTreeSet<TemplateWords>,
    /// Of a holding notice: how many letters went with words that nobody had approved beforehand.
    #[serde(default, skip_serializing_if = "is_none_of_them")]
    pub unapproved: u64,
    /// Letters that followed changes of their customers since it was submitted, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub followed: Vec<LetterFollowed>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: NoticeState,
}

fn first_round() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_first_round(round: &u32) -> bool {
    *round == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_none_of_them(letters: &u64) -> bool {
    *letters == 0
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
    /// Somebody gave it up before it was submitted; it goes to nobody.
    Discarded {
        /// By whom.
        by: Actor,
        /// When.
        at: DateTime<Utc>,
        /// Why.
        why: String,
    },
    /// A holding notice: its words are approved beforehand, and it goes when the ladder says so, approved or not.
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
            Self::Discarded { .. } => "discarded",
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
    /// What is owed to them, which it tells of. None where it is about a change, and in letters of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obligation: Option<ObligationId>,
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
    /// What a machine of the customer's can read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<MachineFacts>,
    /// Of a holding notice: the words that it was filled from, and who had approved them when it went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<LetterWords>,
    /// Digest of subject, text, HTML and recipients. The facts for machines follow from what the text is made from.
    pub hash: String,
}

impl Letter {
    /// SHA-256 of its text, hex: what a recipient can compare with the text of the mail.
    #[must_use]
    pub fn text_sha256(&self) -> String {
        use sha2::{Digest, Sha256};
        hex::encode(Sha256::digest(self.text.as_bytes()))
    }

    /// SHA-256 of what it says, hex, whoever it goes to: subject, text and HTML, each preceded by its length.
    #[must_use]
    pub fn words_sha256(&self) -> String {
        digest(&[&self.subject, &self.text, &self.html])
    }

    /// When the customer was first told, as the letter says; none where it says that it is the first.
    #[must_use]
    pub fn first_told(&self) -> Option<DateTime<Utc>> {
        self.facts.as_ref()?.first_told().map(|first| first.at)
    }

    /// When the customer hears again at the latest, as the letter says.
    #[must_use]
    pub fn promised(&self) -> Option<DateTime<Utc>> {
        let MachineFacts::Disclosure(facts) = self.facts.as_ref()? else {
            return None;
        };
        let by = facts.next_update_by.as_deref()?;
        Some(DateTime::parse_from_rfc3339(by).ok()?.to_utc())
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
    #[error("{who} {hand}; somebody who had no hand in it must approve it")]
    HadAHand {
        /// Who tried.
        who: Actor,
        /// Which hand they had in it.
        hand: Hand,
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
        fields: Vec<String>,
    },
    /// Something in it must not go out.
    #[error("change these first: {}", findings.join("; "))]
    Objections {
        /// Field, words, and what is wrong.
        findings: Vec<String>,
    },
    /// The next update is promised for an instant that cannot be kept, or is too far away.
    #[error(
        "the next update is promised by {}; promise an instant at least one hour and at most thirty days from now", second(*by)
    )]
    Promise {
        /// By when.
        by: DateTime<Utc>,
    },
    /// There is nobody to tell.
    #[error("{why}")]
    Nobody {
        /// Why, and what to do.
        why: &'static str,
    },
    /// A comment is empty, too long, or one too many.
    #[error("write a comment of 1 to {LONGEST_COMMENT} bytes; a notice takes {MOST_COMMENTS}")]
    Comment,
    /// The law forbids to tell for a while.
    #[error(
        "a legal hold is in force, so that nothing goes to customers; lift it first, or wait until it ends"
    )]
    Held,
    /// A reason is needed.
    #[error("say what must change")]
    NoReason,
    /// A reason is needed to give a notice up.
    #[error("say why the notice is discarded: the reason becomes part of the record")]
    NoReasonToDiscard,
    /// Words are approved by somebody who did not put them forward.
    #[error("{who} put these words forward; a second person must approve them")]
    WordsOfTheirOwn {
        /// Who tried.
        who: Actor,
    },
    /// Nobody has put the words forward.
    #[error("nobody has put these words forward yet: whoever wrote or changed them does so first")]
    WordsNobodys,
    /// The words are approved.
    #[error("these words are approved; change the template, and its new words are put forward and approved")]
    WordsApproved,
    /// There is no approval to take back.
    #[error("nobody has approved these words: there is nothing to take back")]
    WordsNotApproved,
    /// An approval is taken back for a reason.
    #[error("say why the approval is taken back: the reason becomes part of the record")]
    WordsNoReason,
    /// No letter is filled from words of this digest in this language.
    #[error("the words of the holding notice in `{language}` are not those that were read; read them again")]
    WordsChanged {
        /// Which language.
        language: String,
    },
}

impl Notice {
    /// A notice to be written.
    #[must_use]
    pub fn draft(
        matter: impl Into<MatterId>,
        kind: NoticeKind,
        written: Written,
        author: Actor,
        at: DateTime<Utc>,
    ) -> Self {
        let notice = Self {
            id: NoticeId::generate(at),
            version: 1,
            matter: matter.into(),
            kind,
            round: 1,
            writers: BTreeSet::from([author.clone()]),
            edited: None,
            author,
            created_at: at,
            facts: NoticeFacts::default(),
            translations: BTreeMap::new(),
            facts_as_of: None,
            next_update_by: None,
            comments: Vec::new(),
            read_before: None,
            returned: None,
            asked: BTreeSet::new(),
            content_hash: content_hash(&[]),
            letters: 0,
            words: BTreeSet::new(),
            unapproved: 0,
            followed: Vec::new(),
            state: NoticeState::Draft,
        };
        notice.with_written(written, at)
    }

    fn with_written(mut self, written: Written, at: DateTime<Utc>) -> Self {
        self.facts = written.facts;
        self.translations = written.translations;
        self.facts_as_of = Some(at);
        self.next_update_by = self
            .kind
            .promises_update()
            .then(|| written.next_update_by.unwrap_or(at + NEXT_UPDATE));
        self
    }

    /// As of when its facts stand. A holding notice stands as of the confirmation, so that rendering it again gives the same bytes.
    #[must_use]
    pub fn as_of(&self, obligation: Option<&Obligation>) -> DateTime<Utc> {
        match (self.kind, obligation) {
            (NoticeKind::Holding, Some(obligation)) => obligation.deadline.from,
            _ => self.facts_as_of.unwrap_or(self.created_at),
        }
    }

    /// When its customers hear again at the latest. A holding notice may go as late as the deadline, and promises from there.
    #[must_use]
    pub fn next_update_for(&self, obligation: Option<&Obligation>) -> Option<DateTime<Utc>> {
        match (self.kind, obligation) {
            (NoticeKind::Holding, Some(obligation)) => Some(obligation.deadline.due_at + NEXT_UPDATE),
            _ => self.next_update_by,
        }
    }

    /// What continues an earlier notice is not begun for nobody: nobody would notice, until it is submitted, that it goes nowhere.
    ///
    /// # Errors
    /// Says why there is nobody, and what to do first.
    pub fn must_go_to_somebody(&self) -> Result<(), NoticeError> {
        if self.letters == 0 && self.kind.continues() {
            return Err(NoticeError::Nobody {
                why: self.kind.nobody(),
            });
        }
        Ok(())
    }

    /// What a careful reader would object to, in every language.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = lint(self.kind, &self.facts, None);
        for (language, facts) in &self.translations {
            findings.extend(lint(self.kind, facts, Some(language)));
        }
        findings.sort_by_key(|finding| finding.weight);
        findings
    }

    /// Fields that must be written before it can be submitted; in a translation, with its language.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let mut missing: Vec<String> = self
            .facts
            .missing(self.kind)
            .into_iter()
            .map(str::to_owned)
            .collect();
        for (language, facts) in &self.translations {
            // Whatever was written first must be there in the translation too: half a translation would hide the other half.
            let lacks = self
                .kind
                .fields()
                .into_iter()
                .map(|f| f.field)
                .filter(|field| !self.facts.get(*field).is_empty() && facts.get(*field).is_empty());
            missing.extend(lacks.map(|field| format!("{} ({language})", field.name())));
        }
        missing
    }

    /// Somebody remarks on it; the content, and so an approval, stays as it is.
    ///
    /// # Errors
    /// An empty or overlong comment, or one too many.
    pub fn comment(
        mut self,
        field: Option<FactField>,
        text: &str,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Self, NoticeError> {
        let text = text.trim();
        if text.is_empty() || text.len() > LONGEST_COMMENT || self.comments.len() >= MOST_COMMENTS {
            return Err(NoticeError::Comment);
        }
        self.comments.push(NoticeComment {
            by: by.clone(),
            at,
            field,
            version: self.version,
            text: text.to_owned(),
        });
        self.version += 1;
        Ok(self)
    }

    /// Remembers what was submitted, before it changes: the next reader sees what is different.
    fn keep_what_was_read(&mut self) {
        if let NoticeState::Submitted { by, at } = &self.state {
            self.read_before = Some(ReadBefore {
                by: by.clone(),
                at: *at,
                facts: self.facts.clone(),
                translations: self.translations.clone(),
            });
        }
    }

    fn promise_can_be_kept(&self, now: DateTime<Utc>) -> Result<(), NoticeError> {
        match self.next_update_by {
            Some(by) if by < now + SHORTEST_PROMISE || by > now + LONGEST_PROMISE => {
                Err(NoticeError::Promise { by })
            }
            _ => Ok(()),
        }
    }

    /// The holding notice of an incident: there is one for each round of telling, from words that are approved beforehand.
    #[must_use]
    pub fn prepare_holding(incident: &IncidentId, round: u32, template: String, at: DateTime<Utc>) -> Self {
        Self {
            id: NoticeId::generate(at),
            version: 1,
            matter: incident.into(),
            kind: NoticeKind::Holding,
            round,
            author: Actor::worker("ladder"),
            created_at: at,
            writers: BTreeSet::new(),
            edited: None,
            facts: NoticeFacts::default(),
            translations: BTreeMap::new(),
            facts_as_of: None,
            next_update_by: None,
            comments: Vec::new(),
            read_before: None,
            returned: None,
            asked: BTreeSet::new(),
            content_hash: content_hash(&[]),
            letters: 0,
            words: BTreeSet::new(),
            unapproved: 0,
            followed: Vec::new(),
            state: NoticeState::Prepared { template },
        }
    }

    /// The notice with letters rendered anew. A notice that was submitted is a draft again, since what was read has changed.
    ///
    /// # Errors
    /// What was sent stays as it is.
    pub fn with_letters(mut self, letters: &[Letter]) -> Result<Self, NoticeError> {
        if matches!(
            self.state,
            NoticeState::Sent { .. } | NoticeState::Discarded { .. }
        ) {
            return Err(self.not_from("change"));
        }
        let hash = content_hash(letters);
        let words = approval::words_of(self.kind, letters);
        if hash != self.content_hash || words != self.words {
            self.version += 1;
            self.words = words;
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
    pub fn edit(mut self, written: Written, by: &Actor, at: DateTime<Utc>) -> Result<Self, NoticeError> {
        match self.state {
            NoticeState::Draft | NoticeState::Submitted { .. } | NoticeState::Returned { .. } => {}
            NoticeState::Prepared { .. } | NoticeState::Sent { .. } | NoticeState::Discarded { .. } => {
                return Err(self.not_from("edit"));
            }
        }
        self.keep_what_was_read();
        self.version += 1;
        self.followed.clear();
        // In a record of an older version the author is all that is known of who wrote in it.
        self.writers.insert(self.author.clone());
        self.writers.insert(by.clone());
        self.edited = Some(NoticeAct { by: by.clone(), at });
        self.state = NoticeState::Draft;
        Ok(self.with_written(written, at))
    }

    /// The author asks for approval; who is paged for it is written down by [`Notice::asking`].
    ///
    /// # Errors
    /// Refused while fields are missing, something in it must not go out, the next update is promised for an instant that cannot be
    /// kept, or there is nobody to send it to.
    pub fn submit(mut self, by: &Actor, at: DateTime<Utc>) -> Result<Self, NoticeError> {
        match self.state {
            NoticeState::Draft | NoticeState::Returned { .. } => {}
            NoticeState::Submitted { .. }
            | NoticeState::Prepared { .. }
            | NoticeState::Sent { .. }
            | NoticeState::Discarded { .. } => return Err(self.not_from("submit")),
        }
        let fields = self.missing();
        if !fields.is_empty() {
            return Err(NoticeError::Incomplete { fields });
        }
        let findings: Vec<String> = self
            .findings()
            .into_iter()
            .filter(|finding| finding.weight == Weight::Must)
            .map(|finding| {
                format!(
                    "{}: \"{}\" {}",
                    finding.field.name(),
                    finding.words,
                    finding.problem
                )
            })
            .collect();
        if !findings.is_empty() {
            return Err(NoticeError::Objections { findings });
        }
        self.promise_can_be_kept(at)?;
        if self.letters == 0 {
            return Err(NoticeError::Nobody {
                why: self.kind.nobody(),
            });
        }
        self.version += 1;
        self.followed.clear();
        self.state = NoticeState::Submitted { by: by.clone(), at };
        Ok(self)
    }

    /// The notice with those who are paged to approve it.
    #[must_use]
    pub fn asking(mut self, asked: BTreeSet<UserId>) -> Self {
        self.asked = asked;
        self
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
        self.keep_what_was_read();
        self.version += 1;
        self.returned = Some(NoticeReturned {
            by: by.clone(),
            at,
            why: why.clone(),
        });
        self.state = NoticeState::Returned {
            by: by.clone(),
            at,
            why,
        };
        Ok(self)
    }

    /// Somebody gives up what is being written. It stays as it is, goes to nobody and is in nobody's way.
    ///
    /// # Errors
    /// What waits for approval is returned first, and what was sent stays sent. A reason is needed.
    pub fn discard(mut self, why: &str, by: &Actor, at: DateTime<Utc>) -> Result<Self, NoticeError> {
        if !self.may_be_discarded() {
            return Err(self.not_from("discard"));
        }
        let why = why.trim().to_owned();
        if why.is_empty() {
            return Err(NoticeError::NoReasonToDiscard);
        }
        self.version += 1;
        self.state = NoticeState::Discarded {
            by: by.clone(),
            at,
            why,
        };
        Ok(self)
    }

    /// Whether it is being written, so that it can be given up.
    #[must_use]
    pub fn may_be_discarded(&self) -> bool {
        matches!(self.state, NoticeState::Draft | NoticeState::Returned { .. })
    }

    /// Whether somebody gave it up.
    #[must_use]
    pub fn discarded(&self) -> bool {
        matches!(self.state, NoticeState::Discarded { .. })
    }

    /// The second person approves what was read, and it is sent: `read` is the digest of what was on the screen, `letters` are what
    /// would go. Both must be the notice's content, to the byte.
    ///
    /// # Errors
    /// Refused for everybody who had a hand in it (see [`Notice::hand_of`]), and when one byte differs.
    pub fn approve(
        mut self,
        read: &str,
        letters: &[Letter],
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Self, NoticeError> {
        if !matches!(self.state, NoticeState::Submitted { .. }) {
            return Err(self.not_from("approve"));
        }
        if let Some(hand) = self.hand_of(by) {
            return Err(NoticeError::HadAHand {
                who: by.clone(),
                hand,
            });
        }
        let standing = content_hash(letters);
        if read != self.content_hash || standing != self.content_hash {
            return Err(NoticeError::Changed {
                approved: read.to_owned(),
                content: standing,
            });
        }
        self.promise_can_be_kept(at)?;
        self.version += 1;
        self.state = NoticeState::Sent {
            at,
            approved_by: by.clone(),
            hash: standing,
        };
        Ok(self)
    }

    /// The ladder sends the holding notice; `unapproved` of the letters that go now have words that nobody has approved.
    ///
    /// # Errors
    /// Only a prepared one, and only to somebody.
    pub fn dispatch_holding(
        mut self,
        letters: &[Letter],
        unapproved: u64,
        at: DateTime<Utc>,
    ) -> Result<Self, NoticeError> {
        if !matches!(
            self.state,
            NoticeState::Prepared { .. } | NoticeState::Sent { .. }
        ) || self.kind != NoticeKind::Holding
        {
            return Err(self.not_from("dispatch"));
        }
        if letters.is_empty() {
            return Err(NoticeError::Nobody {
                why: self.kind.nobody(),
            });
        }
        self.version += 1;
        self.content_hash = content_hash(letters);
        self.letters = letters.len() as u64;
        self.words = approval::words_of(self.kind, letters);
        self.unapproved += unapproved;
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
