//! Obligations: looked for by when their next step is due, listed by when they end.

use crate::body::{found, read, read_all, write};
use crate::page::{Page, PageRequest};
use crate::statement::{Statement, instant, micros, sql};
use crate::{StoreError, Tx};
use chrono::{DateTime, Utc};
use watchkeeper_domain::id::{CustomerId, IncidentId, ObligationId};
use watchkeeper_domain::obligation::Obligation;

const OBLIGATION: &str = "obligation";
const PROBE: (&str, &str) = (OBLIGATION, "SELECT version FROM obligation WHERE id = $1");

/// Which obligations are wanted; an empty list and `None` stand for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObligationFilter {
    /// The incident.
    pub incident: Option<IncidentId>,
    /// The customer.
    pub customer: Option<CustomerId>,
    /// Names of states: `running`, `told`, `missed`, `ended`.
    pub states: Vec<String>,
    /// Beside these states, whatever was missed and has no reason yet, told or ended as it may be. A drill's misses want none.
    pub unexplained: bool,
    /// Only what is really owed, without drills.
    pub real: bool,
}

/// Leaves out what belongs to drills.
const REAL: &str = " AND incident NOT IN (SELECT id FROM incident WHERE drill = 1)";

/// Takes in what was missed and not explained; a drill owes nobody anything, and so no reason.
const UNEXPLAINED: &str =
    " OR (wants_reason = 1 AND incident NOT IN (SELECT id FROM incident WHERE drill = 1)))";

/// Binds what `INSERT` and `UPDATE` have in common, in the order of the columns.
fn columns(statement: Statement, obligation: &Obligation) -> Result<Statement, StoreError> {
    Ok(statement
        .bind(&obligation.id)
        .bind(obligation.version)
        .bind(&obligation.incident)
        .bind(&obligation.customer)
        .bind(obligation.state.name())
        .bind(micros(obligation.deadline.due_at))
        .bind(obligation.next_step().map(|(_, at)| at))
        .bind(obligation.round())
        .bind(i64::from(obligation.wants_reason()))
        .bind(write(OBLIGATION, obligation.id.as_str(), obligation)?))
}

impl Tx {
    /// Keeps a new obligation; `false` says that it was owed already and nothing has changed.
    pub async fn insert_obligation(&mut self, obligation: &Obligation) -> Result<bool, StoreError> {
        let insert = sql(
            "INSERT INTO obligation (id, version, incident, customer, state, due_at, next_step_at, round, \
             wants_reason, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING",
        );
        Ok(self.execute(columns(insert, obligation)?).await? > 0)
    }

    /// Keeps a changed obligation, or [`StoreError::Conflict`] where another version than `read_version` stands.
    pub async fn update_obligation(
        &mut self,
        obligation: &Obligation,
        read_version: i64,
    ) -> Result<(), StoreError> {
        let update = sql(
            "UPDATE obligation SET version = $2, incident = $3, customer = $4, state = $5, due_at = $6, \
             next_step_at = $7, round = $8, wants_reason = $9, body = $10 WHERE id = $1 AND version = $11",
        );
        let changed = self
            .execute(columns(update, obligation)?.bind(read_version))
            .await?;
        self.must_have_changed(changed, PROBE, obligation.id.as_str(), read_version)
            .await
    }

    /// An obligation, or [`StoreError::NotFound`].
    pub async fn obligation(&mut self, id: &ObligationId) -> Result<Obligation, StoreError> {
        let row = self.first::<(String,)>(sql("SELECT body FROM obligation WHERE id = $1").bind(id));
        let (body,) = found(row.await?, OBLIGATION, id.as_str())?;
        read(OBLIGATION, id.as_str(), &body)
    }

    /// What is owed for an incident, the earliest deadline first.
    pub async fn obligations_of(&mut self, incident: &IncidentId) -> Result<Vec<Obligation>, StoreError> {
        let rows =
            sql("SELECT id, body FROM obligation WHERE incident = $1 ORDER BY due_at, id").bind(incident);
        read_all(OBLIGATION, self.all(rows).await?)
    }

    /// What is owed to one customer for an incident now: the last round of it.
    pub async fn obligation_of(
        &mut self,
        incident: &IncidentId,
        customer: &CustomerId,
    ) -> Result<Option<Obligation>, StoreError> {
        let row = sql(
            "SELECT id, body FROM obligation WHERE incident = $1 AND customer = $2 \
             ORDER BY round DESC, id LIMIT 1",
        )
        .bind(incident)
        .bind(customer);
        let row = self.first::<(String, String)>(row).await?;
        row.map(|(id, body)| read(OBLIGATION, &id, &body)).transpose()
    }

    /// Everything that is or was owed to one customer for an incident, the first round first.
    pub async fn obligations_to(
        &mut self,
        incident: &IncidentId,
        customer: &CustomerId,
    ) -> Result<Vec<Obligation>, StoreError> {
        let rows =
            sql("SELECT id, body FROM obligation WHERE incident = $1 AND customer = $2 ORDER BY round, id")
                .bind(incident)
                .bind(customer);
        read_all(OBLIGATION, self.all(rows).await?)
    }

    /// Obligations with a step that is due by `now`, the longest overdue first.
    pub async fn obligations_due(
        &mut self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Obligation>, StoreError> {
        let rows = sql(
            "SELECT id, body FROM obligation WHERE next_step_at IS NOT NULL AND next_step_at <= $1 \
             ORDER BY next_step_at, id LIMIT $2",
        )
        .bind(now)
        .bind(limit);
        read_all(OBLIGATION, self.all(rows).await?)
    }

    /// A page of obligations, the earliest deadline first.
    pub async fn obligations(
        &mut self,
        filter: &ObligationFilter,
        page: &PageRequest,
    ) -> Result<Page<Obligation>, StoreError> {
        let mut rows = sql("SELECT due_at, id, body FROM obligation WHERE 1 = 1");
        if let Some(incident) = &filter.incident {
            rows = rows.and(" AND incident = ").value(incident);
        }
        if let Some(customer) = &filter.customer {
            rows = rows.and(" AND customer = ").value(customer);
        }
        if !filter.states.is_empty() || filter.unexplained {
            rows = rows
                .and(" AND (state IN ")
                .list(filter.states.iter().map(String::as_str));
            rows = rows.and(if filter.unexplained { UNEXPLAINED } else { ")" });
        }
        if filter.real {
            rows = rows.and(REAL);
        }
        if let Some((due_at, id)) = page.key::<(i64, String)>("obligations")? {
            rows = rows.and(" AND (due_at, id) > (").value(due_at);
            rows = rows.and(", ").value(id).and(")");
        }
        let rows = rows.and(" ORDER BY due_at, id LIMIT ").value(page.rows());
        let rows = self.all::<(i64, String, String)>(rows).await?;
        Page::cut(
            rows,
            page,
            "obligations",
            |row| (row.0, row.1.clone()),
            |(_, id, body)| read(OBLIGATION, &id, &body),
        )
    }

    /// The running obligation whose deadline comes first; drills do not count.
    pub async fn next_obligation_due(&mut self) -> Result<Option<Obligation>, StoreError> {
        let row = sql("SELECT id, body FROM obligation WHERE state = 'running'")
            .and(REAL)
            .and(" ORDER BY due_at, id LIMIT 1");
        let row = self.first::<(String, String)>(row).await?;
        row.map(|(id, body)| read(OBLIGATION, &id, &body)).transpose()
    }

    /// When the next step of any obligation is due.
    pub async fn next_step_at(&mut self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let row = sql("SELECT MIN(next_step_at) FROM obligation WHERE next_step_at IS NOT NULL");
        self.one::<(Option<i64>,)>(row).await?.0.map(instant).transpose()
    }
}
