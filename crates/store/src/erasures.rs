//! Takes a person out of everything that is kept about mail to a customer. The audit log is not touched: it has nobody in it.

use crate::body::{parse, read, write};
use crate::statement::sql;
use crate::{StoreError, Tx};
use serde_json::Value;
use watchkeeper_domain::audit::commitment::Salt;
use watchkeeper_domain::erasure::{ERASED, Traces};
use watchkeeper_domain::id::{ChangeId, CustomerId, DeliveryId, EntryId, IncidentId, LetterId, ObligationId};
use watchkeeper_domain::incident::TimelineEntry;
use watchkeeper_domain::matter::MatterId;

/// How many entries of a timeline are read at a time.
const CHUNK: u32 = 1_000;

/// Of what somebody was taken out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    /// Messages that went to the address: their bytes are gone.
    pub deliveries: Vec<DeliveryId>,
    /// Letters that named the address as a recipient; their digests stand as they were approved.
    pub letters: Vec<LetterId>,
    /// Entries of timelines that named the person.
    pub entries: Vec<EntryId>,
    /// Receipts on the portal.
    pub receipts: u64,
    /// Askings whether a contact is the right one.
    pub askings: u64,
    /// Pre-flights.
    pub preflights: u64,
    /// Obligations, of which people wrote down how the customer was told by hand.
    pub obligations: Vec<ObligationId>,
}

/// Where aggregates stand that may name somebody.
struct Bodies {
    what: &'static str,
    /// Rows of (key, body), those of the customer `$1` where it says so.
    select: &'static str,
    of_customer: bool,
    /// Keeps the body `$2` of the row `$1`.
    update: &'static str,
}

const DELIVERIES: Bodies = Bodies {
    what: "delivery",
    select: "SELECT id, body FROM delivery WHERE customer = $1",
    of_customer: true,
    update: "UPDATE delivery SET version = version + 1, body = $2 WHERE id = $1",
};
const LETTERS: Bodies = Bodies {
    what: "letter",
    select: "SELECT id, body FROM letter WHERE customer = $1",
    of_customer: true,
    update: "UPDATE letter SET body = $2 WHERE id = $1",
};
const RECEIPTS: Bodies = Bodies {
    what: "receipt",
    select: "SELECT letter, body FROM receipt WHERE letter IN (SELECT id FROM letter WHERE customer = $1)",
    of_customer: true,
    update: "UPDATE receipt SET version = version + 1, body = $2 WHERE letter = $1",
};
const ASKINGS: Bodies = Bodies {
    what: "asking",
    select: "SELECT id, body FROM asking WHERE customer = $1",
    of_customer: true,
    update: "UPDATE asking SET version = version + 1, body = $2 WHERE id = $1",
};
const PREFLIGHTS: Bodies = Bodies {
    what: "preflight",
    select: "SELECT id, body FROM preflight",
    of_customer: false,
    update: "UPDATE preflight SET body = $2 WHERE id = $1",
};

const OBLIGATIONS: Bodies = Bodies {
    what: "obligation",
    select: "SELECT id, body FROM obligation WHERE customer = $1",
    of_customer: true,
    update: "UPDATE obligation SET version = version + 1, body = $2 WHERE id = $1",
};

impl Tx {
    /// Takes whoever has `address`, and the names among the traces, out of what is kept about mail to the customer.
    pub async fn erase(
        &mut self,
        customer: &CustomerId,
        address: &str,
        traces: &Traces,
    ) -> Result<Erased, StoreError> {
        let deliveries = self.ids_to(customer, address).await?;
        for id in &deliveries {
            self.erase_message(id, traces).await?;
        }
        self.erase_from(&DELIVERIES, customer, traces).await?;
        let columns = sql(
            "UPDATE delivery SET recipient = $1, destination = '' WHERE customer = $2 AND lower(recipient) = $3",
        );
        let lower = address.to_ascii_lowercase();
        let columns = columns.bind(ERASED).bind(customer).bind(lower.as_str());
        self.execute(columns).await?;
        let letters = self.erase_from(&LETTERS, customer, traces).await?;
        let letters = letters.into_iter().map(|id| parse(LETTERS.what, id));
        let askings = self.erase_from(&ASKINGS, customer, traces).await?.len();
        let columns = sql("UPDATE asking SET email = $1 WHERE customer = $2 AND lower(email) = $3");
        self.execute(columns.bind(ERASED).bind(customer).bind(lower.as_str()))
            .await?;
        let mut obligations = Vec::new();
        for id in self.erase_from(&OBLIGATIONS, customer, traces).await? {
            let id: ObligationId = parse(OBLIGATIONS.what, id)?;
            let owed = self.obligation(&id).await?;
            let before = owed.version;
            self.update_obligation(&owed.without_salts(), before).await?;
            obligations.push(id);
        }
        // Mail of a demonstration stays in a mailbox of its own.
        self.execute(sql("DELETE FROM mail WHERE lower(recipient) = $1").bind(lower.as_str()))
            .await?;
        Ok(Erased {
            deliveries,
            letters: letters.collect::<Result<_, _>>()?,
            entries: self.erase_from_timelines(customer, traces).await?,
            receipts: self.erase_from(&RECEIPTS, customer, traces).await?.len() as u64,
            askings: askings as u64,
            preflights: self.erase_from(&PREFLIGHTS, customer, traces).await?.len() as u64,
            obligations,
        })
    }

    /// The messages to an address of the customer.
    async fn ids_to(&mut self, customer: &CustomerId, address: &str) -> Result<Vec<DeliveryId>, StoreError> {
        let lower = address.to_ascii_lowercase();
        let rows = sql("SELECT id FROM delivery WHERE customer = $1 AND lower(recipient) = $2 ORDER BY id")
            .bind(customer)
            .bind(lower.as_str());
        let rows = self.all::<(String,)>(rows).await?;
        rows.into_iter().map(|(id,)| parse(DELIVERIES.what, id)).collect()
    }

    /// The bytes of a message go, with the reports that quote it; what was said on its way stays without the address.
    async fn erase_message(&mut self, id: &DeliveryId, traces: &Traces) -> Result<(), StoreError> {
        let message =
            sql("UPDATE delivery_message SET message = $2, erased = erased + 1 WHERE delivery = $1")
                .bind(id)
                .bind(&[][..]);
        self.execute(message).await?;
        let lines = sql("SELECT position, outcome, lines FROM transcript WHERE delivery = $1").bind(id);
        for (position, outcome, lines) in self.all::<(i64, String, String)>(lines).await? {
            let mut said: Value = read("transcript", id.as_str(), &lines)?;
            traces.erase_from_json(&mut said);
            let outcome = traces.erase_from(&outcome).unwrap_or(outcome);
            let update = sql(
                "UPDATE transcript SET outcome = $2, lines = $3, erased = erased + 1 WHERE position = $1",
            );
            let said = write("transcript", id.as_str(), &said)?;
            self.execute(update.bind(position).bind(outcome).bind(said))
                .await?;
        }
        let reports = sql("SELECT position, body FROM bounce_report WHERE delivery = $1").bind(id);
        for (position, body) in self.all::<(i64, String)>(reports).await? {
            let mut body: Value = read("bounce report", id.as_str(), &body)?;
            traces.erase_from_json(&mut body);
            let update =
                sql("UPDATE bounce_report SET body = $2, raw = $3, erased = erased + 1 WHERE position = $1");
            let body = write("bounce report", id.as_str(), &body)?;
            self.execute(update.bind(position).bind(body).bind(&[][..]))
                .await?;
        }
        Ok(())
    }

    /// Takes the traces out of aggregates; gives the keys of those that had them. Whoever read one before finds another version.
    async fn erase_from(
        &mut self,
        bodies: &Bodies,
        customer: &CustomerId,
        traces: &Traces,
    ) -> Result<Vec<String>, StoreError> {
        let mut rows = sql(bodies.select);
        if bodies.of_customer {
            rows = rows.bind(customer);
        }
        let mut changed = Vec::new();
        for (key, body) in self.all::<(String, String)>(rows).await? {
            let mut body: Value = read(bodies.what, &key, &body)?;
            if !traces.erase_from_json(&mut body) {
                continue;
            }
            if let Some(version) = body.get("version").and_then(Value::as_i64) {
                body["version"] = (version + 1).into();
            }
            let body = write(bodies.what, &key, &body)?;
            self.execute(sql(bodies.update).bind(key.as_str()).bind(body))
                .await?;
            changed.push(key);
        }
        Ok(changed)
    }

    /// Timelines of whatever the customer was written to about.
    async fn erase_from_timelines(
        &mut self,
        customer: &CustomerId,
        traces: &Traces,
    ) -> Result<Vec<EntryId>, StoreError> {
        let matters = sql(
            "SELECT DISTINCT matter FROM delivery WHERE customer = $1 AND matter IS NOT NULL \
             ORDER BY matter",
        )
        .bind(customer);
        let mut erased = Vec::new();
        for (matter,) in self.all::<(String,)>(matters).await? {
            let matter = match matter.starts_with(IncidentId::PREFIX) {
                true => MatterId::from(&parse::<IncidentId>("matter", matter)?),
                false => MatterId::from(&parse::<ChangeId>("matter", matter)?),
            };
            let mut place = (i64::MIN, 0);
            loop {
                let entries = self.timeline_after(&matter, place, CHUNK).await?;
                let Some((last, _)) = entries.last() else {
                    break;
                };
                place = *last;
                for (_, entry) in entries {
                    if let Some(text) = traces.erase_from(&entry.text) {
                        erased.push(entry.id.clone());
                        // Without the salt the log's commitment tells nothing of what stood here.
                        let entry = TimelineEntry {
                            text,
                            salt: Salt::default(),
                            ..entry
                        };
                        self.keep_erased(&entry).await?;
                    }
                }
            }
        }
        Ok(erased)
    }

    async fn keep_erased(&mut self, entry: &TimelineEntry) -> Result<(), StoreError> {
        let update = sql("UPDATE timeline_entry SET body = $2, erased = erased + 1 WHERE id = $1")
            .bind(&entry.id)
            .bind(write("timeline entry", entry.id.as_str(), entry)?);
        self.execute(update).await?;
        Ok(())
    }
}
