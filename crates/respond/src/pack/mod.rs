//! The auditor's pack: one zip with everything that shows, without this product, what happened, who was told, when, and who decided it.
//!
//! It is read at one instant, after the audit log was sealed, and written file by file, so that its size is bounded by the disk alone.
//! The same state gives the same bytes. That somebody took it away is itself a record of the log, with the digest of its manifest.

mod approvals;
mod archive;
mod changes;
mod incidents;
mod log;
mod messages;
mod obligations;

pub use archive::Content;

use crate::desk::{Desk, RespondError};
use crate::operations::drills::report_of;
use crate::register::{REGISTER, write_register};
use crate::workers::seal::Sealing;
use archive::Archive;
use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Seek, Write};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::change::Change;
use watchkeeper_domain::id::{DeliveryId, IncidentId, NoticeId, UserId};
use watchkeeper_domain::incident::Incident;
use watchkeeper_domain::register::Period;
use watchkeeper_store::{StoreError, Tx};

/// Of what a pack tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Of the incident with this number.
    Incident(i64),
    /// Of every incident that was opened in a time, and every change that was proposed in it; drills are none of them.
    Period(Period),
}

impl Scope {
    /// A name for the file, in ASCII.
    #[must_use]
    pub fn file_name(self) -> String {
        let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
        let of = match self {
            Self::Incident(number) => reference(number),
            Self::Period(period) if period == Period::ALWAYS => "all".to_owned(),
            Self::Period(Period { from, until }) if until == Period::ALWAYS.until => {
                format!("from-{}", day(from))
            }
            Self::Period(Period { from, until }) => {
                let last = day(until - Duration::seconds(1));
                if from == Period::ALWAYS.from {
                    format!("to-{last}")
                } else {
                    format!("{}-to-{last}", day(from))
                }
            }
        };
        format!("watchkeeper-pack-{of}.zip")
    }
}

fn reference(number: i64) -> String {
    format!("INC-{number:04}")
}

/// A pack that was written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Packed {
    /// How many incidents it tells of.
    pub incidents: usize,
    /// SHA-256 of its manifest, hex: what the audit log says of it.
    pub manifest_sha256: String,
    /// Every file in it but the manifest.
    pub files: Vec<Content>,
}

/// How far the writing has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being written.
    pub what: &'static str,
    /// How much of it.
    pub done: u64,
    /// Of how much.
    pub of: u64,
}

/// Is told how far the writing has come.
pub type Watcher<'w> = &'w mut (dyn FnMut(Progress) + Send);

/// The verifiers that need nothing of this product.
const VERIFY_PACK: &str = include_str!("../../../../docs/verify-pack.py");
const VERIFY_PROOF: &str = include_str!("../../../../docs/verify-proof.py");
const README: &str = include_str!("README.txt");

/// A pack that is being written.
struct Pack<'p, W: Write + Seek> {
    desk: &'p Desk,
    tx: Tx,
    archive: Archive<W>,
    watcher: Watcher<'p>,
    /// The numbers of the incidents it tells of, in order.
    numbers: Vec<i64>,
    /// The changes that it tells of, in the order of their numbers.
    changes: Vec<Change>,
    people: BTreeMap<UserId, String>,
    /// What the log is searched for.
    deliveries: BTreeSet<DeliveryId>,
    notices: BTreeMap<NoticeId, Vec<log::Act>>,
}

impl Desk {
    /// Writes the pack of these incidents to `to`, and records that `by` took it away.
    ///
    /// # Errors
    /// Where there is no such incident, where the log cannot be sealed, and where something cannot be read or written.
    pub async fn export_pack<W: Write + Seek + Send>(
        &self,
        scope: Scope,
        to: W,
        by: &Actor,
        watcher: Watcher<'_>,
    ) -> Result<Packed, RespondError> {
        Sealing::new(self.clone()).everything().await?;
        let packed = self.write_pack(scope, to, watcher).await?;
        let (subject, detail) = match scope {
            Scope::Incident(number) => ("incident", json!({"number": number})),
            Scope::Period(period) => ("period", json!(period)),
        };
        let detail = json!({
            "scope": detail,
            "incidents": packed.incidents,
            "manifest_sha256": packed.manifest_sha256,
            "files": packed.files.len(),
        });
        let mut tx = self.begin().await?;
        self.record(&mut tx, by, "pack.exported", subject, detail).await?;
        self.commit(tx).await?;
        Ok(packed)
    }

    /// Writes the pack as the records stand, and records nothing.
    ///
    /// # Errors
    /// As [`Desk::export_pack`].
    pub async fn write_pack<W: Write + Seek + Send>(
        &self,
        scope: Scope,
        to: W,
        watcher: Watcher<'_>,
    ) -> Result<Packed, RespondError> {
        let mut tx = self.store.read().await?;
        let numbers = numbers_of(&mut tx, scope).await?;
        let changes = match scope {
            Scope::Period(Period { from, until }) => tx.changes_proposed(from, until).await?,
            Scope::Incident(_) => Vec::new(),
        };
        let users = tx.users().await?;
        let mut pack = Pack {
            desk: self,
            tx,
            archive: Archive::new(to),
            watcher,
            numbers,
            changes,
            people: users
                .iter()
                .map(|user| (user.id.clone(), format!("{} <{}>", user.name, user.email)))
                .collect(),
            deliveries: BTreeSet::new(),
            notices: BTreeMap::new(),
        };
        pack.archive.file("README.txt", README.as_bytes())?;
        pack.write_people(&users)?;
        pack.write_incidents(scope).await?;
        pack.write_timelines().await?;
        pack.write_changes(scope)?;
        pack.write_obligations().await?;
        pack.write_customers().await?;
        pack.write_recipients().await?;
        pack.write_messages().await?;
        pack.write_log().await?;
        pack.write_approvals().await?;
        pack.write_rules()?;
        pack.write_rules_counted().await?;
        pack.write_drill(scope).await?;
        write_register(
            &mut pack.tx,
            &pack.numbers,
            &pack.people,
            pack.archive.begin(REGISTER)?,
        )
        .await?;
        pack.archive
            .file("verify/verify-pack.py", VERIFY_PACK.as_bytes())?;
        pack.archive
            .file("verify/verify-proof.py", VERIFY_PROOF.as_bytes())?;
        pack.end(scope).await
    }
}

/// The numbers of the incidents that are asked for, in order.
async fn numbers_of(tx: &mut Tx, scope: Scope) -> Result<Vec<i64>, RespondError> {
    match scope {
        Scope::Period(Period { from, until }) => Ok(tx.incident_numbers(from, until).await?),
        Scope::Incident(number) => match tx.incident_by_number(number).await? {
            Some(_) => Ok(vec![number]),
            None => Err(StoreError::NotFound {
                what: "incident",
                id: reference(number),
            }
            .into()),
        },
    }
}

/// The number of an incident that people call `INC-0042`, or only `42`.
#[must_use]
pub fn number_of(reference: &str) -> Option<i64> {
    let text = reference.trim();
    Incident::number_of(text).or_else(|| Incident::number_of(&format!("INC-{text}")))
}

/// Who it was, for an auditor: people by name and address, everything else by what it is.
pub(crate) fn called(people: &BTreeMap<UserId, String>, actor: &Actor) -> String {
    let known = actor.user().and_then(|user| people.get(user));
    known.cloned().unwrap_or_else(|| actor.to_string())
}

impl<W: Write + Seek + Send> Pack<'_, W> {
    fn tell(&mut self, what: &'static str, done: usize, of: usize) {
        (self.watcher)(Progress {
            what,
            done: done as u64,
            of: of as u64,
        });
    }

    fn called(&self, actor: &Actor) -> String {
        called(&self.people, actor)
    }

    /// Incident number `number`, which is there as long as the transaction lasts.
    async fn incident(&mut self, number: i64) -> Result<Incident, RespondError> {
        let incident = self.tx.incident_by_number(number).await?;
        incident.ok_or_else(|| {
            RespondError::Unavailable(format!("incident {number} vanished while the pack was written"))
        })
    }

    /// The ids of the incidents, in the order of their numbers.
    async fn ids(&mut self) -> Result<Vec<IncidentId>, RespondError> {
        let mut ids = Vec::with_capacity(self.numbers.len());
        for number in self.numbers.clone() {
            ids.push(self.incident(number).await?.id);
        }
        Ok(ids)
    }

    /// The rules, calendars, playbooks and letters in force, each as its file, and which of the rules bind.
    fn write_rules(&mut self) -> Result<(), RespondError> {
        let library = &self.desk.house.library;
        for (path, text) in &library.sources {
            self.archive.file(format!("rules/{path}"), text.as_bytes())?;
        }
        let rules: Vec<_> = library
            .rules
            .iter()
            .map(|rule| json!({"id": rule.id, "title": rule.title, "binds": rule.enabled, "source": rule.source}))
            .collect();
        let letters: Vec<_> = library
            .letters
            .iter()
            .flat_map(|(folder, letters)| letters.iter().map(move |letter| (folder, letter)))
            .map(|(folder, letter)| {
                json!({"folder": folder, "language": letter.language, "kind": letter.kind, "version": letter.version()})
            })
            .collect();
        let unusable: Vec<_> = library
            .faults
            .iter()
            .map(|(path, fault)| json!({"path": path, "fault": fault}))
            .collect();
        let index = json!({"rules": rules, "letters": letters, "unusable": unusable});
        self.archive.json("rules/index.json", &index)
    }

    /// The files that what is owed was counted on, as they stood then, by their digests; and since when which incident was.
    async fn write_rules_counted(&mut self) -> Result<(), RespondError> {
        let mut lines = Vec::new();
        let mut written: BTreeSet<String> = BTreeSet::new();
        for number in self.numbers.clone() {
            let incident = self.incident(number).await?;
            for counted in self.tx.rules_counted(&incident.id).await? {
                let today = self.desk.house.library.sources.get(&counted.path);
                let Some(text) = self.tx.rule_file(&counted.sha256).await? else {
                    continue;
                };
                lines.push(json!({
                    "incident": incident.reference(),
                    "incident_id": incident.id,
                    "path": counted.path,
                    "since": counted.since,
                    "sha256": counted.sha256,
                    "stands_today": today == Some(&text),
                }));
                if written.insert(counted.sha256.clone()) {
                    let name = format!("rules-counted/{}.yaml", counted.sha256);
                    self.archive.file(name, text.as_bytes())?;
                }
            }
        }
        self.archive.begin("rules-counted.jsonl")?;
        for line in &lines {
            self.archive.line(line)?;
        }
        Ok(())
    }

    /// How a drill went, where the pack is of one.
    async fn write_drill(&mut self, scope: Scope) -> Result<(), RespondError> {
        let Scope::Incident(number) = scope else {
            return Ok(());
        };
        let incident = self.incident(number).await?;
        match report_of(&mut self.tx, &incident, self.desk.now()).await? {
            Some(report) => self.archive.json("drill.json", &report),
            None => Ok(()),
        }
    }

    async fn end(mut self, scope: Scope) -> Result<Packed, RespondError> {
        let (head, head_hash) = self.tx.audit_head().await?;
        let of = match scope {
            Scope::Incident(number) => json!({"incident": reference(number)}),
            Scope::Period(period) if period == Period::ALWAYS => json!("all"),
            Scope::Period(period) => json!(period),
        };
        let about = json!({
            "format": "watchkeeper-pack/1",
            "scope": of,
            "incidents": self.numbers.len(),
            "log": {"name": self.desk.log_key().name, "records": head, "head": head_hash},
        });
        let incidents = self.numbers.len();
        let (manifest_sha256, files) = self.archive.end(about)?;
        Ok(Packed {
            incidents,
            manifest_sha256,
            files,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::number_of;

    #[test]
    fn an_incident_is_found_by_its_reference_or_its_number() {
        assert_eq!(["INC-0042", "inc-42", " 42 "].map(number_of), [Some(42); 3]);
        assert_eq!(
            ["", "INC-", "0", "-3", "+3", "INC-4x", "é"].map(number_of),
            [None; 7]
        );
    }
}
