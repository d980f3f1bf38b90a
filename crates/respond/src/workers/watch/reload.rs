//! Reads the rules again when they change. It takes a [`RuleFiles`], looks at it every few seconds beside the events, and gives the
//! files once they have stopped changing. What the engine makes of them is the watch's affair.
//!
//! A file that is being written is not a rule yet: read in the middle it would be quarantined and lose its windows. So what changed is
//! read only after two looks in a row have found the same, and read anew when it changed under the reading.

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::JoinHandle;
use watchkeeper_detect::{ReloadReport, RuleFile};

/// How often rules are looked at. Two looks must agree, so that a change is in force after some five seconds.
pub const LOOK_EVERY: Duration = Duration::seconds(2);

/// How many ids of detectors a record of the audit log names; all are counted.
const IDS_RECORDED: usize = 200;

/// Where rules are read from. Both calls may block: they are made beside the workers.
pub trait RuleFiles: Send + Sync + std::fmt::Debug {
    /// A mark that changes whenever a file changes, comes or goes, such as a list of paths, sizes and instants of change.
    ///
    /// # Errors
    /// In words, which path cannot be looked at and why.
    fn mark(&self) -> Result<String, String>;

    /// Every file, in a fixed order.
    ///
    /// # Errors
    /// In words, which path cannot be read and why.
    fn read(&self) -> Result<Vec<RuleFile>, String>;
}

/// Asks the watch to read its rules again with its next turn, whether or not they seem to have changed.
#[derive(Debug, Clone, Default)]
pub struct ReloadBell(Arc<AtomicBool>);

impl ReloadBell {
    /// Rings it.
    pub fn ring(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn take(&self) -> bool {
        self.0.swap(false, Ordering::AcqRel)
    }

    fn rung(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What came of reading rules again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reloaded {
    /// When.
    pub at: DateTime<Utc>,
    /// How many detectors go on with their windows.
    pub kept: usize,
    /// Ids of detectors whose rule changed: their windows started anew.
    pub restarted: Vec<String>,
    /// Ids of detectors that are new.
    pub added: Vec<String>,
    /// Ids of detectors that are no longer there, or no longer run.
    pub gone: Vec<String>,
    /// How many faults keep rules from running.
    pub quarantined: usize,
}

impl Reloaded {
    pub(super) fn of(report: ReloadReport, at: DateTime<Utc>) -> Self {
        Self {
            at,
            kept: report.kept.len(),
            restarted: report.restarted,
            added: report.added,
            gone: report.gone,
            quarantined: report.quarantined,
        }
    }

    /// The detail of the audit record.
    pub(super) fn record(&self) -> serde_json::Value {
        let ids = |of: &[String]| of.iter().take(IDS_RECORDED).cloned().collect::<Vec<_>>();
        json!({
            "kept": self.kept,
            "restarted": self.restarted.len(),
            "added": self.added.len(),
            "gone": self.gone.len(),
            "quarantined": self.quarantined,
            "restarted_ids": ids(&self.restarted),
            "added_ids": ids(&self.added),
            "gone_ids": ids(&self.gone),
        })
    }
}

/// Rules cannot be read; those that were loaded last go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// Since when.
    pub since: DateTime<Utc>,
    /// Which path, and why.
    pub reason: String,
}

/// What a turn learns of the rules.
#[derive(Debug)]
pub(super) enum News {
    /// Nothing.
    None,
    /// They changed, or somebody asked for them.
    Changed(Vec<RuleFile>),
    /// They cannot be read.
    Unreadable(String),
    /// They can be read again, and are what runs.
    Readable,
}

/// What one look found.
#[derive(Debug)]
enum Look {
    /// The same as last time, or what runs.
    Same,
    /// Something changed, or is changing.
    Changing(String),
    /// The files under a mark that was the same before and after they were read.
    Read(String, Vec<RuleFile>),
}

/// Follows the rules.
#[derive(Debug)]
pub(super) struct RuleReader {
    files: Arc<dyn RuleFiles>,
    bell: ReloadBell,
    /// What runs.
    digest: [u8; 32],
    mark: Option<String>,
    /// What the last look found to be changing.
    changing: Option<String>,
    look: Option<JoinHandle<Result<Look, String>>>,
    asked: bool,
    next_at: Option<DateTime<Utc>>,
    /// Why the last look failed.
    failing: Option<String>,
    /// Why looks fail, as it was told.
    unreadable: Option<String>,
}

impl RuleReader {
    /// Follows `files`, of which `loaded` is what runs.
    pub(super) fn new(files: Arc<dyn RuleFiles>, loaded: &[RuleFile], bell: ReloadBell) -> Self {
        Self {
            files,
            bell,
            digest: digest(loaded),
            mark: None,
            changing: None,
            look: None,
            asked: false,
            next_at: None,
            failing: None,
            unreadable: None,
        }
    }

    /// Begins to look when it is time, and tells what a look has found. One that takes longer than `patience` is asked again in the
    /// next turn; without patience it is waited for.
    pub(super) async fn news(&mut self, now: DateTime<Utc>, patience: Option<std::time::Duration>) -> News {
        self.begin(now);
        let Some(look) = self.look.as_mut() else {
            return News::None;
        };
        let found = match patience {
            None => look.await,
            // Somebody waits who asked; nobody waits for the regular looks, which end before the next turn.
            Some(patience) if self.asked => match tokio::time::timeout(patience, look).await {
                Ok(found) => found,
                Err(_) => return News::None,
            },
            Some(_) if look.is_finished() => look.await,
            Some(_) => return News::None,
        };
        self.look = None;
        let asked = std::mem::take(&mut self.asked);
        match found {
            Ok(found) => self.take(found, asked),
            Err(panic) => self.take(Err(format!("reading rules broke off: {panic}")), asked),
        }
    }

    fn begin(&mut self, now: DateTime<Utc>) {
        let due = self.next_at.is_none_or(|at| now >= at) || self.bell.rung();
        if self.look.is_some() || !due {
            return;
        }
        self.next_at = Some(now + LOOK_EVERY);
        self.asked = self.bell.take();
        let (files, asked) = (Arc::clone(&self.files), self.asked);
        let (loaded, changing) = (self.mark.clone(), self.changing.clone());
        self.look = Some(tokio::task::spawn_blocking(move || {
            look(files.as_ref(), loaded.as_ref(), changing.as_ref(), asked)
        }));
    }

    fn take(&mut self, found: Result<Look, String>, asked: bool) -> News {
        let look = match found {
            Ok(look) => look,
            Err(reason) => {
                self.changing = None;
                // A file that another takes the place of is not there for a moment; the next look will see.
                if !asked && self.failing.as_ref() != Some(&reason) {
                    self.failing = Some(reason);
                    return News::None;
                }
                let known = self.unreadable.replace(reason.clone());
                let same = known.as_ref() == Some(&reason) && !asked;
                return if same {
                    News::None
                } else {
                    News::Unreadable(reason)
                };
            }
        };
        self.failing = None;
        let (mark, files) = match look {
            Look::Same => {
                self.changing = None;
                return self.readable();
            }
            Look::Changing(mark) => {
                self.changing = Some(mark);
                if asked {
                    self.bell.ring();
                }
                return News::None;
            }
            Look::Read(mark, files) => (mark, files),
        };
        self.changing = None;
        self.mark = Some(mark);
        let digest = digest(&files);
        if digest == self.digest && !asked {
            return self.readable();
        }
        self.digest = digest;
        self.unreadable = None;
        News::Changed(files)
    }

    fn readable(&mut self) -> News {
        match self.unreadable.take() {
            Some(_) => News::Readable,
            None => News::None,
        }
    }
}

fn look(
    files: &dyn RuleFiles,
    loaded: Option<&String>,
    changing: Option<&String>,
    asked: bool,
) -> Result<Look, String> {
    let mark = files.mark()?;
    if !asked && loaded == Some(&mark) {
        return Ok(Look::Same);
    }
    if !asked && changing != Some(&mark) {
        return Ok(Look::Changing(mark));
    }
    let read = files.read()?;
    // What cannot be read just now may be readable in a moment: the rules that run go on meanwhile, unless somebody asks.
    let passing = read.iter().find_map(|file| match &file.unreadable {
        Some((None, reason)) => Some(format!("{}: {reason}", file.path)),
        _ => None,
    });
    if let Some(reason) = passing.filter(|_| !asked) {
        return Err(reason);
    }
    let after = files.mark()?;
    Ok(if after == mark {
        Look::Read(mark, read)
    } else {
        Look::Changing(after)
    })
}

fn digest(files: &[RuleFile]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for file in files {
        let unreadable = format!("{:?}", file.unreadable);
        for part in [&file.path, &file.text, &unreadable] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
    }
    digest.finalize().into()
}
