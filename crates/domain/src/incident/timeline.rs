//! What happened to an incident or a change, and when it was written down: append-only.

use crate::actor::Actor;
use crate::audit::commitment::Salt;
use crate::id::EntryId;
use crate::matter::MatterId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One line of the timeline of an incident or a change. It is never changed; a correction is another entry. Only what names a person can be
/// erased from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// Its id; ids sort by the time of recording.
    pub id: EntryId,
    /// Of what.
    #[serde(flatten)]
    pub matter: MatterId,
    /// When it happened in the world.
    pub happened_at: DateTime<Utc>,
    /// When it was written down.
    pub recorded_at: DateTime<Utc>,
    /// Who did or wrote it.
    pub by: Actor,
    /// What kind of entry.
    pub kind: EntryKind,
    /// In words. People appear by id; views replace ids by names.
    pub text: String,
    /// What the log's commitment to it is salted with; none once something was erased from it.
    #[serde(default, skip_serializing_if = "Salt::is_none")]
    pub salt: Salt,
}

impl TimelineEntry {
    /// A new entry.
    #[must_use]
    pub fn new(
        matter: impl Into<MatterId>,
        kind: EntryKind,
        happened_at: DateTime<Utc>,
        recorded_at: DateTime<Utc>,
        by: &Actor,
        text: String,
    ) -> Self {
        Self {
            id: EntryId::generate(recorded_at),
            matter: matter.into(),
            happened_at,
            recorded_at,
            by: by.clone(),
            kind,
            text,
            salt: Salt::random(),
        }
    }

    /// What the log commits to: everything that the entry says. Instants, who and kind are taken as its JSON writes them, so that a
    /// script can do the same with an exported line.
    #[must_use]
    pub fn commitment(&self) -> String {
        let written = |value: serde_json::Result<serde_json::Value>| match value {
            Ok(serde_json::Value::String(text)) => text,
            Ok(other) => other.to_string(),
            Err(_) => String::new(),
        };
        self.salt.commit(&[
            self.id.as_str(),
            self.matter.as_str(),
            &written(serde_json::to_value(self.happened_at)),
            &written(serde_json::to_value(self.recorded_at)),
            &written(serde_json::to_value(&self.by)),
            &written(serde_json::to_value(self.kind)),
            &self.text,
        ])
    }
}

/// What kind of entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// The incident was opened.
    Opened,
    /// An alert joined.
    AlertJoined,
    /// Somebody was paged or reminded.
    Paged,
    /// Somebody answered the page.
    Acknowledged,
    /// The severity changed.
    SeverityChanged,
    /// Somebody says anew what it is.
    TitleChanged,
    /// The phase changed.
    PhaseChanged,
    /// A role was taken, offered or handed over.
    RoleChanged,
    /// A timer ran out.
    TimerFired,
    /// A task ended.
    TaskChanged,
    /// Where things stand.
    StatusUpdate,
    /// Somebody's note.
    Note,
    /// A decision and its reason.
    Decision,
    /// A piece of evidence.
    Evidence,
    /// A disclosure was suspected, confirmed or rejected.
    DisclosureChanged,
    /// The list of affected customers changed.
    AffectedChanged,
    /// An obligation began, took a step of its ladder, or ended.
    ObligationChanged,
    /// A notice was written, submitted, approved or sent.
    NoticeChanged,
    /// A change was proposed, judged, agreed to or withdrawn, took effect, or was not told in time.
    ChangeMoved,
    /// A message was accepted, refused, or its fate is unknown.
    Delivered,
}

impl EntryKind {
    /// Whether people write it themselves; the other kinds are written by changes of state only.
    #[must_use]
    pub fn by_hand(self) -> bool {
        matches!(self, Self::Note | Self::Decision | Self::Evidence)
    }
}
