//! Checks of the house itself: its letters, its people, its log.

use super::{Check, CheckName, Finding};
use crate::span::{Span, in_words};
use chrono::{DateTime, Duration, Utc};
use std::collections::BTreeMap;

/// What was seen of the letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LettersSeen {
    /// How many templates were filled with samples.
    pub filled: usize,
    /// What could not be read or filled: path and reason.
    pub faults: Vec<(String, String)>,
    /// Playbooks whose folder of letters is not there: playbook and folder.
    pub without_letters: Vec<(String, String)>,
    /// How many customers read a language that has no letters of its own, by language; they get the English ones.
    pub fall_back: BTreeMap<String, usize>,
    /// Languages in which customers would get a holding notice whose words nobody has approved: how many customers, and whether somebody
    /// has put the words forward.
    pub unapproved: BTreeMap<String, (usize, bool)>,
}

/// Judges the letters: each was filled with samples, and every customer has letters or those in English.
#[must_use]
pub fn letters(seen: LettersSeen) -> Check {
    let mut findings: Vec<Finding> = seen
        .faults
        .into_iter()
        .map(|(path, fault)| {
            let remedy = "mend the file; `watchkeeper config check` reads it again, a restart takes it";
            Finding::new(path.clone(), format!("{path}: {fault}"), remedy)
        })
        .collect();
    findings.extend(seen.without_letters.into_iter().map(|(playbook, folder)| {
        let seen = format!("the playbook `{playbook}` names letters/{folder}, which has none");
        Finding::new(
            format!("playbook {playbook}"),
            seen,
            "add that folder of letters, or name another in the playbook",
        )
    }));
    findings.extend(seen.unapproved.into_iter().map(|(language, (customers, waits))| {
        let read = match customers {
            0 => "which every language falls back to".to_owned(),
            1 => "which 1 customer would get".to_owned(),
            customers => format!("which {customers} customers would get"),
        };
        let said = format!("nobody has approved the words of the holding notice in `{language}`, {read}; it goes by the clock all the same");
        let remedy = if waits {
            "somebody with the role legal who did not put them forward reads and approves them (Breach desk, pre-flight)"
        } else {
            "whoever answers for the words puts them forward, and a second person with the role legal approves them (Breach desk, pre-flight)"
        };
        Finding::new(format!("words {language}"), said, remedy)
    }));
    let fall_back = seen.fall_back.into_iter().map(|(language, count)| {
        let customers = if count == 1 {
            "customer reads"
        } else {
            "customers read"
        };
        format!("{count} {customers} `{language}`, in which there are no letters; they get the English ones")
    });
    Check::judged(
        CheckName::Letters,
        format!("{} letters were filled with samples", seen.filled),
        findings,
    )
    .noting(fall_back)
}

/// A role that pages go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Post {
    /// A step of the paging policy, counted from 0.
    OnCall(usize),
    /// Whoever may lead incidents: the security lead, and commanders.
    Leads,
    /// Whoever may approve notices.
    Counsel,
    /// Executives, as configured.
    Executives,
}

/// Who holds a post.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeopleSeen {
    /// How many people with an open account, and topics, a page reaches.
    pub reached: usize,
    /// Addresses and topics that are named and reach nobody.
    pub nobody: Vec<String>,
}

/// Judges whether whoever the ladder pages can be paged. Without anybody a page would go to somebody else, or to those who keep
/// accounts.
#[must_use]
pub fn people(posts: &BTreeMap<Post, PeopleSeen>) -> Check {
    let mut findings = Vec::new();
    let mut notes = Vec::new();
    let mut reached = Vec::new();
    for (post, seen) in posts {
        let (name, remedy) = match post {
            Post::OnCall(step) => (
                format!("step {} of the paging policy", step + 1),
                "name people with an open account, or topics, in [[paging.steps]]",
            ),
            Post::Leads => (
                "the security lead".to_owned(),
                "give somebody the role commander (Settings, People)",
            ),
            Post::Counsel => (
                "counsel".to_owned(),
                "give two people the role legal (Settings, People): nobody approves what they wrote themselves",
            ),
            Post::Executives => (
                "executives".to_owned(),
                "name people with an open account in [paging] executives",
            ),
        };
        if seen.reached == 0 && (*post != Post::Executives || !seen.nobody.is_empty()) {
            let said = format!("nobody can be paged as {name}");
            findings.push(Finding::new(name.clone(), said, remedy));
        } else if seen.reached == 0 {
            notes.push(
                "no executives are configured: the security lead and counsel are paged in their place"
                    .to_owned(),
            );
        } else {
            reached.push(format!("{name}: {}", seen.reached));
            if let (Post::Counsel, 1) = (post, seen.reached) {
                let said = "only one person may approve notices: what they write or submit themselves, nobody can approve";
                findings.push(Finding::new(
                    format!("{name} alone"),
                    said,
                    "give a second person the role legal (Settings, People)",
                ));
            }
            findings.extend(seen.nobody.iter().map(|nobody| {
                let said = format!("{nobody} is named as {name} and has no open account or topic");
                Finding::new(format!("{name} {nobody}"), said, remedy)
            }));
        }
    }
    Check::judged(CheckName::People, reached.join(", "), findings).noting(notes)
}

/// What was seen of the audit log, after it was to be sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSeen {
    /// When the newest checkpoint was signed.
    pub sealed_at: Option<DateTime<Utc>>,
    /// When the oldest record was appended that no checkpoint has.
    pub unsealed_since: Option<DateTime<Utc>>,
    /// How often the log is sealed.
    pub every: Span,
    /// Why it could not be sealed just now.
    pub fault: Option<String>,
    /// What is known of witnesses outside.
    pub witnesses: WitnessesSeen,
}

/// What is known of witnesses outside, to whom a checkpoint of the log goes every week.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WitnessesSeen {
    /// How many are named.
    pub named: usize,
    /// When a checkpoint was last put on its way.
    pub sent_at: Option<DateTime<Utc>>,
    /// When a server last took one.
    pub taken_at: Option<DateTime<Utc>>,
}

impl WitnessesSeen {
    /// What must be done: witnesses are named, and for more than a week no server has taken a checkpoint for them.
    fn finding(&self, now: DateTime<Utc>) -> Option<Finding> {
        let patience = Duration::days(1);
        let waits = self.sent_at.filter(|sent| now - *sent > patience)?;
        let taken = self.taken_at.is_some_and(|taken| taken >= waits);
        (self.named > 0 && !taken).then(|| {
            let seen = format!(
                "no server took the checkpoint that was sent to the witnesses on {}",
                crate::words::minute(waits)
            );
            let remedy = "mend the addresses in [audit] witnesses, or the relay: what nobody outside keeps can be rewritten unseen";
            Finding::new("unwitnessed", seen, remedy)
        })
    }

    fn note(&self) -> Option<String> {
        (self.named == 0).then(|| {
            "no witness is named in [audit] witnesses: checkpoints leave the house in the headers of mails alone, and in a quiet week none does"
                .to_owned()
        })
    }
}

/// Judges whether the log is sealed: nothing keeps it from being sealed, and what happened three times the period ago, and at least a
/// quarter of an hour, has a checkpoint.
#[must_use]
pub fn audit_log(seen: &AuditSeen, now: DateTime<Utc>) -> Check {
    let patience = (seen.every.duration() * 3).max(Duration::minutes(15));
    let said = seen.sealed_at.map_or_else(
        || "no checkpoint yet".to_owned(),
        |at| format!("the newest checkpoint is of {}", crate::words::minute(at)),
    );
    let late = seen
        .unsealed_since
        .map(|since| now - since)
        .filter(|waited| *waited > patience);
    let waited = late.map(|waited| format!("records have waited {} for a checkpoint", in_words(waited)));
    let findings = seen.fault.clone().or(waited).map(|seen| {
        let remedy = "run `watchkeeper audit verify`: it says whether the log still is what was signed; the service's own log says why \
                      the worker `sealing` does not go on";
        Finding::new("unsealed", seen, remedy)
    });
    let findings = findings.into_iter().chain(seen.witnesses.finding(now));
    Check::judged(CheckName::AuditLog, said, findings.collect()).noting(seen.witnesses.note())
}
