//! The register of changes: what was judged with which reason, who agreed, who was told and when.

use super::{Pack, Scope};
use crate::desk::RespondError;
use crate::table::{Table, at, cell, shown};
use std::io::{Seek, Write};
use watchkeeper_domain::change::{Change, ChangeCourse, ChangeFault};

const COLUMNS: [&str; 22] = [
    "reference",
    "title",
    "what",
    "why",
    "proposed_at",
    "proposed_by",
    "revised_by",
    "state",
    "course",
    "effective_at",
    "tell_by",
    "substantial",
    "reason",
    "judged_at",
    "judged_by",
    "agreed_at",
    "agreed_by",
    "told_at",
    "customers_told",
    "notice",
    "fault",
    "withdrawn",
];

impl<W: Write + Seek + Send> Pack<'_, W> {
    /// Every change of the scope, in the order of the numbers. An incident has none.
    pub(super) fn write_changes(&mut self, scope: Scope) -> Result<(), RespondError> {
        if matches!(scope, Scope::Incident(_)) {
            return Ok(());
        }
        self.archive.begin("changes.csv")?;
        Table::new(&mut self.archive, &COLUMNS)?.end()?;
        for change in self.changes.clone() {
            self.change_row(&change)?;
        }
        Ok(())
    }

    fn change_row(&mut self, change: &Change) -> Result<(), RespondError> {
        let (verdict, agreement, told) = (change.verdict(), change.agreement(), change.told());
        let revised: Vec<String> = change.revised_by.iter().map(|by| self.called(by)).collect();
        let withdrawn = match &change.course {
            ChangeCourse::Withdrawn {
                withdrawn_by,
                withdrawn_why,
                ..
            } => format!("{}: {withdrawn_why}", self.called(withdrawn_by)),
            ChangeCourse::Planned | ChangeCourse::Effective { .. } => String::new(),
        };
        let substantial = match verdict.map(|verdict| verdict.substantial) {
            None => "not judged",
            Some(true) => "yes",
            Some(false) => "no",
        };
        let row = [
            shown(change.reference()),
            cell(&change.title),
            cell(&change.what),
            cell(&change.why),
            at(Some(change.proposed_at)),
            shown(self.called(&change.proposed_by)),
            shown(revised.join("; ")),
            cell(change.state.name()),
            cell(change.course.name()),
            at(Some(change.effective_at)),
            at(Some(change.tell_by)),
            cell(substantial),
            cell(verdict.map_or("", |verdict| &verdict.reason)),
            at(verdict.map(|verdict| verdict.at)),
            shown(
                verdict
                    .map(|verdict| self.called(&verdict.by))
                    .unwrap_or_default(),
            ),
            at(agreement.map(|agreement| agreement.at)),
            shown(
                agreement
                    .map(|agreement| self.called(&agreement.by))
                    .unwrap_or_default(),
            ),
            at(told.map(|told| told.at)),
            shown(told.map(|told| told.customers.to_string()).unwrap_or_default()),
            shown(told.map(|told| told.notice.to_string()).unwrap_or_default()),
            cell(change.fault().map_or("", ChangeFault::what)),
            shown(withdrawn),
        ];
        Table::more(&mut self.archive).row(row)
    }
}
