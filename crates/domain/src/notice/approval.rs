//! The words that go out by the clock. A holding notice is sent while nobody acts, so that nobody reads it then: somebody reads its words
//! beforehand, and that is the second pair of eyes.
//!
//! An approval is of words: of a template's digest in one language. Whoever changes a byte of them has words that nobody has approved.
//! They go all the same when the deadline comes, since silence would be worse, and everything says that they did.

use super::{Letter, NoticeError, NoticeKind};
use crate::actor::Actor;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Which words: a template in one language, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateWords {
    /// Language, BCP 47.
    pub language: String,
    /// Digest of the template and of the words that its language shares; see [`Sheet::version`](super::Sheet::version).
    pub digest: String,
}

/// Somebody did something with words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordsAct {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
}

/// What people said of words: who answers for having written or changed them, and who approved them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordsApproval {
    /// Which words.
    pub language: String,
    /// Their digest.
    pub digest: String,
    /// Counts every change.
    pub version: i64,
    /// Who put them forward as theirs, the first first.
    pub put_forward: Vec<WordsAct>,
    /// Who approved them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<WordsAct>,
    /// Approvals that were taken back, the first first. None of them counts for what goes afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken_back: Vec<WordsTakenBack>,
}

/// An approval that somebody took back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordsTakenBack {
    /// Who had put the words forward, the first first.
    pub put_forward: Vec<WordsAct>,
    /// Who had approved them.
    pub approved: WordsAct,
    /// Who took it back.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
    /// Why.
    pub why: String,
}

impl WordsTakenBack {
    /// SHA-256 of the reason, hex: what the log says of it.
    #[must_use]
    pub fn why_sha256(&self) -> String {
        hex::encode(Sha256::digest(self.why.as_bytes()))
    }
}

impl WordsApproval {
    /// Somebody puts words forward as theirs: they wrote or changed them, or answer for them as they came with the product. `known` is
    /// what was said of these words before.
    ///
    /// # Errors
    /// Words that are approved need nothing more.
    pub fn put_forward(
        known: Option<Self>,
        words: &TemplateWords,
        by: &Actor,
        at: DateTime<Utc>,
    ) -> Result<Self, NoticeError> {
        let mut approval = known.unwrap_or_else(|| Self {
            language: words.language.clone(),
            digest: words.digest.clone(),
            version: 0,
            put_forward: Vec::new(),
            approved: None,
            taken_back: Vec::new(),
        });
        if approval.approved.is_some() {
            return Err(NoticeError::WordsApproved);
        }
        approval.version += 1;
        approval.put_forward.push(WordsAct { by: by.clone(), at });
        Ok(approval)
    }

    /// A second person approves them.
    ///
    /// # Errors
    /// Refused to everybody who put them forward, before somebody has, and a second time.
    pub fn approve(mut self, by: &Actor, at: DateTime<Utc>) -> Result<Self, NoticeError> {
        if self.approved.is_some() {
            return Err(NoticeError::WordsApproved);
        }
        if self.put_forward.is_empty() {
            return Err(NoticeError::WordsNobodys);
        }
        if self.put_forward.iter().any(|act| act.by == *by) {
            return Err(NoticeError::WordsOfTheirOwn { who: by.clone() });
        }
        self.version += 1;
        self.approved = Some(WordsAct { by: by.clone(), at });
        Ok(self)
    }

    /// One person takes the approval back. From then on the words are as if nobody had put them forward: two people read them again. What
    /// went before went with the approval that it had.
    ///
    /// # Errors
    /// Refused where nobody has approved them, and without a reason.
    pub fn take_back(mut self, why: &str, by: &Actor, at: DateTime<Utc>) -> Result<Self, NoticeError> {
        let why = why.trim();
        if why.is_empty() {
            return Err(NoticeError::WordsNoReason);
        }
        let approved = self.approved.take().ok_or(NoticeError::WordsNotApproved)?;
        self.version += 1;
        self.taken_back.push(WordsTakenBack {
            put_forward: std::mem::take(&mut self.put_forward),
            approved,
            by: by.clone(),
            at,
            why: why.to_owned(),
        });
        Ok(self)
    }

    /// Whether it is of these words.
    #[must_use]
    pub fn is_of(&self, words: &TemplateWords) -> bool {
        self.digest == words.digest && self.language == words.language
    }
}

/// The words that a letter was filled from, and who had approved them when it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterWords {
    /// Language, BCP 47.
    pub language: String,
    /// Their digest.
    pub digest: String,
    /// Who had approved them when the letter was put on its way, and when. None before that, and where nobody had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<WordsAct>,
}

impl LetterWords {
    /// Which words they are.
    #[must_use]
    pub fn words(&self) -> TemplateWords {
        TemplateWords {
            language: self.language.clone(),
            digest: self.digest.clone(),
        }
    }
}

impl Letter {
    /// Binds the letter, which goes now, to the approval of its words; says whether there is one. Only the letters of a holding notice
    /// rest on one: every other is read and approved itself.
    pub fn bind_words(&mut self, approvals: &[WordsApproval]) -> bool {
        let Some(template) = &mut self.template else {
            return false;
        };
        let words = template.words();
        let approval = approvals.iter().find(|approval| approval.is_of(&words));
        template.approved = approval.and_then(|approval| approval.approved.clone());
        template.approved.is_some()
    }
}

/// The words that letters of a kind are filled from and that were approved beforehand, or should have been.
pub(super) fn words_of(kind: NoticeKind, letters: &[Letter]) -> BTreeSet<TemplateWords> {
    if kind != NoticeKind::Holding {
        return BTreeSet::new();
    }
    let used = letters.iter().filter_map(|letter| letter.template.as_ref());
    used.map(LetterWords::words).collect()
}
