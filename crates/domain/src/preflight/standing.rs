//! Who is told of what, and when again: a trouble that lasts is not paged every day.

use super::{Check, CheckName};
use crate::page::PageTarget;
use crate::span::Span;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What goes on failing in the same way is told again after this.
pub const AGAIN_AFTER: Span = Span::hours(7 * 24);

/// How many findings of a check a page names.
const MOST_TOLD: usize = 10;

/// What people were told of that has not ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// By check.
    pub open: BTreeMap<CheckName, Open>,
}

/// A check that fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Since when.
    pub since: DateTime<Utc>,
    /// When people were told last.
    pub told_at: DateTime<Utc>,
    /// The findings that stand, by key.
    pub keys: BTreeSet<String>,
}

/// What people are to be told now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word {
    /// Checks that fail: all of them where one has something new, or was told of long ago.
    pub failing: Vec<CheckName>,
    /// Checks that recovered.
    pub recovered: Vec<CheckName>,
}

impl Word {
    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.failing.is_empty() && self.recovered.is_empty()
    }

    /// Who is paged: whoever one of the checks concerns.
    #[must_use]
    pub fn pages(&self) -> Vec<PageTarget> {
        let mut targets: Vec<PageTarget> = Vec::new();
        for target in self
            .failing
            .iter()
            .chain(&self.recovered)
            .flat_map(|check| check.pages())
        {
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        targets
    }

    /// In a line, as the subject of a page.
    #[must_use]
    pub fn line(&self) -> String {
        let titles = |checks: &[CheckName]| {
            let titles: Vec<&str> = checks.iter().map(|check| check.title()).collect();
            titles.join(", ")
        };
        match (self.failing.as_slice(), self.recovered.as_slice()) {
            ([], recovered) => format!("mended: {}", titles(recovered)),
            (failing, _) => format!("failed: {}", titles(failing)),
        }
    }

    /// What to do about each failing check, and what was mended.
    #[must_use]
    pub fn body(&self, checks: &[Check]) -> String {
        let mut text = String::new();
        if self.failing.is_empty() {
            text.push_str("What the pre-flight had found is mended.\n");
        } else {
            text.push_str("As things stand, customers could not be told as they should be.\n");
        }
        for check in checks.iter().filter(|check| self.failing.contains(&check.check)) {
            let _ = writeln!(text, "\n{}", check.check.title());
            for finding in check.findings.iter().take(MOST_TOLD) {
                let _ = writeln!(text, "- {}\n  To do: {}", finding.seen, finding.remedy);
            }
            let more = check.findings.len().saturating_sub(MOST_TOLD) + check.more;
            if more > 0 {
                let _ = writeln!(text, "- and {more} more");
            }
        }
        for check in &self.recovered {
            let _ = writeln!(text, "\n{}: mended", check.title());
        }
        text
    }
}

impl Standing {
    /// What stands after these checks, and what people are to be told: what is new at once, what stays after [`AGAIN_AFTER`], and what
    /// ended. A finding that went away and comes back is new.
    #[must_use]
    pub fn after(mut self, checks: &[Check], at: DateTime<Utc>) -> (Self, Word) {
        let failing: Vec<&Check> = checks.iter().filter(|check| check.failed()).collect();
        let names: BTreeSet<CheckName> = failing.iter().map(|check| check.check).collect();
        let recovered = self.open.keys().filter(|name| !names.contains(name));
        let recovered: Vec<CheckName> = recovered.copied().collect();
        self.open.retain(|name, _| names.contains(name));
        let telling = failing.iter().any(|check| {
            self.open.get(&check.check).is_none_or(|open| {
                at - open.told_at >= AGAIN_AFTER.duration()
                    || check.keys().any(|key| !open.keys.contains(key))
            })
        });
        for check in &failing {
            let keys = check.keys().map(str::to_owned).collect();
            let open = self.open.entry(check.check).or_insert(Open {
                since: at,
                told_at: at,
                keys: BTreeSet::new(),
            });
            open.keys = keys;
            if telling {
                open.told_at = at;
            }
        }
        let told = if telling {
            names.into_iter().collect()
        } else {
            Vec::new()
        };
        (
            self,
            Word {
                failing: told,
                recovered,
            },
        )
    }
}

impl Check {
    fn keys(&self) -> impl Iterator<Item = &str> {
        self.findings.iter().map(|finding| finding.key.as_str())
    }
}
