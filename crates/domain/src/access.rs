//! Who may do what: roles of people who sign in, and the permission that each route names.

use crate::id::UserId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a person is to the product. A person can hold several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessRole {
    /// Sees everything but decides nothing.
    Viewer,
    /// Answers alerts and works on incidents.
    Responder,
    /// Leads incidents and decides on disclosures.
    Commander,
    /// Examines the record: sees everything, verifies the audit log and takes evidence away; changes nothing.
    Auditor,
    /// Counsel and compliance: approves notices and answers for obligations.
    Legal,
    /// Keeps people, customers, tokens and the machine.
    Admin,
}

impl AccessRole {
    /// All roles, the least powerful first.
    pub const ALL: [Self; 6] = [
        Self::Viewer,
        Self::Responder,
        Self::Commander,
        Self::Auditor,
        Self::Legal,
        Self::Admin,
    ];

    /// What the role may do.
    #[must_use]
    pub fn permissions(self) -> &'static [Permission] {
        use Permission::{
            AdvanceClock, ApproveNotices, DecideDisclosure, DraftNotices, ExportEvidence, KeepCustomers,
            KeepPeople, LeadIncidents, ReadAudit, Respond, View,
        };
        match self {
            Self::Viewer => &[View],
            Self::Responder => &[View, Respond, DraftNotices],
            Self::Commander => &[
                View,
                Respond,
                LeadIncidents,
                DecideDisclosure,
                DraftNotices,
                ReadAudit,
            ],
            Self::Auditor => &[View, ReadAudit, ExportEvidence],
            Self::Legal => &[
                View,
                Respond,
                DecideDisclosure,
                DraftNotices,
                ApproveNotices,
                KeepCustomers,
                ReadAudit,
                ExportEvidence,
            ],
            Self::Admin => &[View, KeepPeople, KeepCustomers, ReadAudit, AdvanceClock],
        }
    }
}

/// One thing that somebody may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Read incidents, alerts, obligations, notices, customers, sources and detectors.
    View,
    /// Acknowledge, write to the timeline, work on tasks, take and hand over roles, declare an incident.
    Respond,
    /// Change severity and phase, assign roles to others, close.
    LeadIncidents,
    /// Suspect, confirm or reject a disclosure; say which customers are affected.
    DecideDisclosure,
    /// Write notices and submit them for approval.
    DraftNotices,
    /// Approve or return a notice that somebody else wrote.
    ApproveNotices,
    /// Add, import and change customers, their contracts and contacts.
    KeepCustomers,
    /// Add people, change their roles, make tokens.
    KeepPeople,
    /// Read and verify the audit log.
    ReadAudit,
    /// Take evidence away: the auditor's pack, the register of breaches, packs for regulators.
    ExportEvidence,
    /// Move the clock of a demo or drill.
    AdvanceClock,
}

/// A person who signs in. The password's hash stays in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// Where pages and mails go; also the name to sign in with, in lower case.
    pub email: String,
    /// The person's name.
    pub name: String,
    /// What the person is to the product.
    pub roles: BTreeSet<AccessRole>,
    /// Whether the password was issued and must be replaced before anything else.
    pub must_change_password: bool,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// When the account was closed; a closed account cannot sign in and is not paged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<DateTime<Utc>>,
}

impl User {
    /// Whether one of the person's roles allows it, and the account is open.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.closed_at.is_none()
            && self
                .roles
                .iter()
                .any(|role| role.permissions().contains(&permission))
    }

    /// Everything the person may do.
    #[must_use]
    pub fn permissions(&self) -> BTreeSet<Permission> {
        if self.closed_at.is_some() {
            return BTreeSet::new();
        }
        self.roles
            .iter()
            .flat_map(|role| role.permissions())
            .copied()
            .collect()
    }
}

/// The smallest number of characters in a password (NIST SP 800-63B-4 §3.1.1.2 asks for 15 where it is the only factor).
pub const PASSWORD_MIN_CHARS: usize = 15;

/// Why a new password is refused; `None` when it is fine. No composition rules (NIST SP 800-63B-4 §3.1.1.2).
#[must_use]
pub fn password_fault(password: &str, user: &User) -> Option<String> {
    let chars = password.chars().count();
    if chars < PASSWORD_MIN_CHARS {
        return Some(format!(
            "the password has {chars} characters; use at least {PASSWORD_MIN_CHARS}"
        ));
    }
    if password.len() > 256 {
        return Some(format!(
            "the password has {} bytes; use at most 256",
            password.len()
        ));
    }
    let lower = password.to_lowercase();
    let mailbox = user.email.split('@').next().unwrap_or_default();
    if mailbox.len() > 3 && lower.contains(mailbox) {
        return Some("the password contains the name of the account; choose another".to_owned());
    }
    let distinct: BTreeSet<char> = lower.chars().collect();
    (distinct.len() < 5).then(|| "the password repeats a few characters; choose another".to_owned())
}

/// How long after the last of `failures` failed sign-ins the next attempt is judged: 0 s up to 3, then 2, 4, 8 … 256 s.
#[must_use]
pub fn sign_in_delay(failures: u32) -> chrono::Duration {
    match failures.checked_sub(3) {
        None | Some(0) => chrono::Duration::zero(),
        Some(over) => chrono::Duration::seconds(1 << over.min(8)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_who_writes_notices_by_role_alone_can_also_approve_but_legal() {
        for role in AccessRole::ALL {
            let approves = role.permissions().contains(&Permission::ApproveNotices);
            assert_eq!(approves, role == AccessRole::Legal, "{role:?}");
        }
    }

    #[test]
    fn sign_in_slows_down_and_stops_slowing_at_256_seconds() {
        let seconds: Vec<i64> = [0, 3, 4, 5, 11, 50]
            .map(|n| sign_in_delay(n).num_seconds())
            .to_vec();
        assert_eq!(seconds, [0, 0, 2, 4, 256, 256]);
    }
}
