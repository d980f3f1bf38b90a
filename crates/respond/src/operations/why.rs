//! Why a customer is on the list of an incident: the events that name it, what found it in them, and what they say was touched.

use crate::desk::{Desk, RespondError};
use crate::house::House;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_collect::parse::{Context, Interpretation, Origin};
use watchkeeper_detect::{Concerned, Touched};
use watchkeeper_domain::alert::Alert;
use watchkeeper_domain::customer::{BY_KEY, Customer};
use watchkeeper_domain::detection::{Evidence, TenantTrace};
use watchkeeper_domain::event::Event;
use watchkeeper_domain::id::{AlertId, CustomerId, IncidentId};
use watchkeeper_domain::incident::{AffectedChange, Standing};

/// How many events are shown; how many there are is told.
pub const EVENTS_SHOWN: usize = 100;

/// How many names of objects, people and kinds of data are shown each; how many there are is told.
pub const NAMES_SHOWN: usize = 50;

/// Why a customer is on the list.
#[derive(Debug, Clone, Serialize)]
pub struct WhyAffected {
    /// How sure it is; none where the customer is not on the list.
    pub standing: Option<Standing>,
    /// Who said so on what evidence, the oldest first.
    pub changes: Vec<AffectedChange>,
    /// What each alert says, with every event counted.
    pub alerts: Vec<AlertWhy>,
    /// Events that name the customer: no fewer than that, each counted once, however many alerts it belongs to.
    pub events_counted: u64,
    /// Set where alerts may have counted the same events: there are no more than that.
    pub events_at_most: Option<u64>,
    /// Those of them that are kept as evidence: what follows rests on these.
    pub events_kept: usize,
    /// The oldest of them, at most [`EVENTS_SHOWN`].
    pub events: Vec<NamingEvent>,
    /// Objects that they name, such as files.
    pub objects: Named,
    /// People that they name.
    pub people: Named,
    /// Kinds of data that they name.
    pub data_classes: Named,
}

/// What an alert says of the customer.
#[derive(Debug, Clone, Serialize)]
pub struct AlertWhy {
    /// The alert.
    pub alert: AlertId,
    /// Its title.
    pub title: String,
    /// What its events say, by tenant.
    pub tenants: BTreeMap<String, TenantTrace>,
}

/// An event that names the customer.
#[derive(Debug, Clone, Serialize)]
pub struct NamingEvent {
    /// Which source told it.
    pub source: String,
    /// Its id within the source.
    pub event: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The line as it came, cut.
    pub raw: String,
    /// What names the customer in it.
    pub by: Vec<Concerned>,
    /// What was done in it to what, and by whom, as far as it says so: fields and their values.
    pub says: Vec<(&'static str, String)>,
}

/// What tells best what an event is: what was done, to what, with what outcome, by whom.
const SAYS: [&str; 24] = [
    "event.action",
    "action",
    "event",
    "eventName",
    "http.request.method",
    "method",
    "url.path",
    "url.original",
    "path",
    "uri",
    "file.path",
    "object",
    "key",
    "bucket",
    "http.response.status_code",
    "status",
    "event.outcome",
    "result",
    "user.name",
    "user",
    "api_key",
    "source.ip",
    "src_ip",
    "client_ip",
];

/// Names that events mention.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Named {
    /// How many different ones: no fewer than that.
    pub count: usize,
    /// The first of them by name, at most [`NAMES_SHOWN`].
    pub names: Vec<String>,
}

impl Named {
    fn of(names: BTreeSet<String>) -> Self {
        Self {
            count: names.len(),
            names: names.into_iter().take(NAMES_SHOWN).collect(),
        }
    }
}

/// Events by instant, source and id.
type NamingEvents = BTreeMap<(DateTime<Utc>, String, String), NamingEvent>;

/// What evidence may call a customer: its tenants, and its key.
fn called(customer: &Customer) -> BTreeSet<String> {
    let by_key = format!("{BY_KEY}{}", customer.key);
    customer.tenants.iter().cloned().chain([by_key]).collect()
}

impl House {
    /// An event that was kept as evidence, read again as its source reads its lines.
    fn read_again(&self, evidence: &Evidence) -> Option<Event> {
        let default = Interpretation::default();
        let source = self.sources.get(&evidence.source);
        let how = source.map_or(&default, |source| &source.interpretation);
        let origin = Origin {
            source: &evidence.source,
            id: &evidence.event,
            context: Context::collected(evidence.at),
        };
        how.events(origin, &evidence.raw).into_iter().next()
    }

    /// Everything that an event names as a tenant, with what says so.
    fn concerned(&self, event: &Event) -> Vec<Concerned> {
        let by_field = self.entities.tenant.iter().filter_map(|field| {
            let tenant = event.text(field).filter(|text| !text.is_empty())?;
            Some(Concerned {
                rule: "detection.entities.tenant".to_owned(),
                found_in: format!("{field} = {tenant}"),
                tenant,
            })
        });
        by_field.chain(self.library.evidence.concerned(event)).collect()
    }
}

impl Desk {
    /// Why a customer is on the list of an incident.
    ///
    /// # Errors
    /// Where there is no such incident or customer.
    pub async fn why_affected(
        &self,
        incident: &IncidentId,
        customer: &CustomerId,
    ) -> Result<WhyAffected, RespondError> {
        let mut tx = self.store.read().await?;
        let incident = tx.incident(incident).await?;
        let customer = tx.customer(customer).await?;
        let alerts = tx.alerts_of(&incident.id).await?;
        let names = called(&customer);
        let affected = incident.affected.get(&customer.id);
        let told: Vec<AlertWhy> = alerts
            .iter()
            .filter_map(|alert| alert_why(alert, &names))
            .collect();
        let mut counted = Alert::tenants_of(&alerts);
        counted.retain(|tenant, _| names.contains(tenant));
        let (events, touched) = self.naming(&alerts, &names);
        Ok(WhyAffected {
            standing: affected.map(|affected| affected.standing),
            changes: affected
                .map(|affected| affected.changes.clone())
                .unwrap_or_default(),
            events_counted: counted.values().map(|trace| trace.events).sum(),
            events_at_most: counted
                .values()
                .any(|trace| trace.at_most.is_some())
                .then(|| counted.values().map(TenantTrace::most).sum()),
            alerts: told,
            events_kept: events.len(),
            events: events.into_values().take(EVENTS_SHOWN).collect(),
            objects: Named::of(touched.objects),
            people: Named::of(touched.people),
            data_classes: Named::of(touched.data_classes),
        })
    }

    /// The events kept as evidence that name the customer, the oldest first, each once, and what they say was touched.
    fn naming(&self, alerts: &[Alert], names: &BTreeSet<String>) -> (NamingEvents, Touched) {
        let (mut events, mut touched) = (NamingEvents::new(), Touched::default());
        for evidence in alerts.iter().flat_map(|alert| &alert.evidence) {
            let Some(event) = self.house.read_again(evidence) else {
                continue;
            };
            let mut by = self.house.concerned(&event);
            by.retain(|found| names.contains(&found.tenant));
            if by.is_empty() {
                continue;
            }
            touched.add(self.house.library.evidence.touched(&event));
            let key = (evidence.at, evidence.source.0.clone(), evidence.event.clone());
            events.entry(key).or_insert_with(|| NamingEvent {
                source: evidence.source.0.clone(),
                event: evidence.event.clone(),
                at: evidence.at,
                raw: evidence.raw.clone(),
                by,
                says: SAYS
                    .into_iter()
                    .filter_map(|field| Some((field, event.text(field).filter(|text| !text.is_empty())?)))
                    .collect(),
            });
        }
        (events, touched)
    }
}

fn alert_why(alert: &Alert, names: &BTreeSet<String>) -> Option<AlertWhy> {
    let mut tenants = alert.tenants();
    tenants.retain(|tenant, _| names.contains(tenant));
    (!tenants.is_empty()).then(|| AlertWhy {
        alert: alert.id.clone(),
        title: alert.title.clone(),
        tenants,
    })
}
