//! What people are told of sources, in one page for all that changed in the same look.

use super::Trouble;
use super::gauge::Standing;
use crate::event::SourceName;
use crate::words::minute;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// What became of a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new.
    Began,
    /// It stands, and people were told of it long ago.
    Again,
    /// It stands, and has become much worse than people were told.
    Worse,
    /// It is gone.
    Ended,
}

/// What became of a trouble, before it is said whose and which.
pub(super) struct News {
    change: Change,
    since: DateTime<Utc>,
    reason: String,
    remedy: String,
}

impl News {
    pub(super) fn of(change: Change, standing: &Standing) -> Self {
        Self {
            change,
            since: standing.since,
            reason: standing.reason.clone(),
            remedy: standing.remedy.clone(),
        }
    }

    pub(super) fn told(self, source: &SourceName, trouble: Trouble) -> Told {
        Told {
            source: source.clone(),
            trouble,
            change: self.change,
            since: self.since,
            reason: self.reason,
            remedy: self.remedy,
        }
    }
}

/// What people are told of one trouble of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Whose.
    pub source: SourceName,
    /// Which.
    pub trouble: Trouble,
    /// What became of it.
    pub change: Change,
    /// Since when it is there, or was.
    pub since: DateTime<Utc>,
    /// What is wrong, or was.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl Told {
    fn line(&self) -> String {
        let what = match (self.trouble, self.change) {
            (Trouble::Failing, Change::Ended) => "is read again",
            (Trouble::Failing, _) => "cannot be read",
            (Trouble::Losing, Change::Ended) => "loses nothing any more",
            (Trouble::Losing, _) => "loses events",
            (Trouble::Unreadable, Change::Ended) => "can be parsed again",
            (Trouble::Unreadable, _) => "cannot be parsed",
            (Trouble::Behind, Change::Ended) => "has caught up",
            (Trouble::Behind, _) => "is behind",
            (Trouble::Quiet, Change::Ended) => "speaks again",
            (Trouble::Quiet, _) => "is quiet",
        };
        let still = match self.change {
            Change::Again => "still: ",
            Change::Worse => "worse: ",
            Change::Began | Change::Ended => "",
        };
        format!("{still}{} {what}", self.source)
    }
}

/// What people are to be told now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word(pub Vec<Told>);

impl Word {
    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong first, then what ended.
    fn ordered(&self) -> impl Iterator<Item = &Told> {
        let ended = |told: &&Told| told.change == Change::Ended;
        let wrong = self.0.iter().filter(move |told| !ended(told));
        wrong.chain(self.0.iter().filter(ended))
    }

    /// In a line, as the subject of a page.
    #[must_use]
    pub fn line(&self) -> String {
        let lines: Vec<String> = self.ordered().map(Told::line).collect();
        let noun = if lines.len() == 1 { "source" } else { "sources" };
        format!("{noun}: {}", lines.join("; "))
    }

    /// What is wrong with each, since when, and what to do.
    #[must_use]
    pub fn body(&self) -> String {
        let mut text = String::new();
        for told in self.ordered() {
            let _ = writeln!(text, "{}", told.line());
            let _ = match told.change {
                Change::Ended => writeln!(text, "  It was so since {}: {}", minute(told.since), told.reason),
                Change::Began | Change::Again | Change::Worse => writeln!(
                    text,
                    "  Since {}: {}\n  To do: {}",
                    minute(told.since),
                    told.reason,
                    told.remedy
                ),
            };
            text.push('\n');
        }
        text.push_str("What a source does not tell, no detector sees.\n");
        text
    }
}
