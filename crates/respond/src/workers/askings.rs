//! Asks contacts, a year after they were verified, whether they are still the right ones; reminds those that do not answer, once.

use super::{Turn, Worker};
use crate::desk::{Desk, RespondError};
use async_trait::async_trait;
use chrono::Duration;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::customer::asking::{Asking, Step};
use watchkeeper_domain::customer::{Contact, Customer};
use watchkeeper_domain::notice::ContactTemplate;
use watchkeeper_store::{Page, PageRequest, Routine, Tx};

/// The name of its row, whose memory is where the round through the customers goes on.
const ROUTINE: &str = "contacts";

/// How many customers, or askings, one turn looks at.
const AT_ONCE: u32 = 100;

/// How long after a round through all customers the next one begins.
fn round() -> Duration {
    Duration::hours(1)
}

/// Asks contacts whether they are still the right ones.
#[derive(Debug)]
pub struct Askings {
    desk: Desk,
}

impl Askings {
    /// A worker at this desk.
    #[must_use]
    pub fn new(desk: Desk) -> Self {
        Self { desk }
    }

    /// Takes the steps of askings that are due.
    async fn follow_up(&self) -> Result<Turn, RespondError> {
        let desk = &self.desk;
        let due = desk.store.read().await?.askings_due(desk.now(), 1).await?;
        if due.is_empty() {
            return Ok(Turn::Idle);
        }
        let mut tx = desk.begin().await?;
        for asking in tx.askings_due(desk.now(), AT_ONCE).await? {
            self.step(&mut tx, asking).await?;
        }
        desk.commit(tx).await?;
        Ok(Turn::Busy)
    }

    async fn step(&self, tx: &mut Tx, asking: Asking) -> Result<(), RespondError> {
        let desk = &self.desk;
        let by = Actor::worker("contacts");
        let (now, before) = (desk.now(), asking.version);
        let customer = tx.customer(&asking.customer).await?;
        let contact = customer
            .contacts
            .iter()
            .find(|contact| contact.email == asking.email);
        let stands = contact.filter(|contact| contact.verified_at.is_none_or(|at| at <= asking.asked_at));
        let Some(contact) = stands.filter(|contact| contact.trouble.is_none()) else {
            let asking = asking.overtaken(now);
            tx.update_asking(&asking, before).await?;
            return desk.record_asking(tx, &asking, "contact.overtaken", &by).await;
        };
        match asking.take_due(now) {
            Step::Remind(asking) => {
                tx.update_asking(&asking, before).await?;
                desk.ask_contact(tx, &customer, contact, (&asking, "contact.reminded"))
                    .await
            }
            Step::GiveUp(asking) => {
                tx.update_asking(&asking, before).await?;
                desk.record_asking(tx, &asking, "contact.unanswered", &by).await
            }
            Step::Nothing => Ok(()),
        }
    }

    /// Goes on with the round through all customers, where one is due.
    async fn go_round(&self) -> Result<Turn, RespondError> {
        let desk = &self.desk;
        let planned: Option<Routine<Option<String>>> = desk.store.read().await?.routine(ROUTINE).await?;
        if planned.is_some_and(|planned| planned.due_at > desk.now()) {
            return Ok(Turn::Idle);
        }
        let mut tx = desk.begin().await?;
        tx.plan_routine(ROUTINE, desk.now(), &None::<String>).await?;
        let Some(planned) = tx.routine::<Option<String>>(ROUTINE).await? else {
            return Ok(Turn::Idle);
        };
        if planned.due_at > desk.now() {
            return Ok(Turn::Idle);
        }
        let page = match &planned.memory {
            Some(after) => PageRequest::after(after, AT_ONCE),
            None => PageRequest::first(AT_ONCE),
        };
        let Page { items, next } = tx.customers(None, &page).await?;
        let mut asked = 0;
        for customer in &items {
            for contact in &customer.contacts {
                asked += usize::from(self.ask_if_due(&mut tx, customer, contact).await?);
            }
        }
        let ended = next.is_none();
        let routine = Routine {
            version: planned.version + 1,
            due_at: if ended { desk.now() + round() } else { desk.now() },
            memory: next,
        };
        tx.update_routine(ROUTINE, &routine, planned.version).await?;
        if asked > 0 {
            desk.commit(tx).await?;
        } else {
            // Nothing that people see has changed, so nobody is woken.
            tx.commit().await?;
        }
        Ok(if ended && asked == 0 {
            Turn::Idle
        } else {
            Turn::Busy
        })
    }

    async fn ask_if_due(
        &self,
        tx: &mut Tx,
        customer: &Customer,
        contact: &Contact,
    ) -> Result<bool, RespondError> {
        let desk = &self.desk;
        let every = desk.house.contacts.verify_every;
        if contact.trouble.is_some() || contact.sure_since(customer) + every.duration() > desk.now() {
            return Ok(false);
        }
        let last = tx.last_asking(&customer.id, &contact.email).await?;
        let secret = hex::encode(rand::random::<[u8; 16]>());
        let asking = Asking::due(customer, contact, last.as_ref(), every, (&secret, desk.now()));
        let Some(asking) = asking else {
            return Ok(false);
        };
        if !tx.insert_asking(&asking).await? {
            return Ok(false);
        }
        desk.ask_contact(tx, customer, contact, (&asking, "contact.asked"))
            .await?;
        Ok(true)
    }
}

#[async_trait]
impl Worker for Askings {
    fn name(&self) -> &'static str {
        "contacts"
    }

    async fn turn(&mut self) -> Result<Turn, RespondError> {
        let house = self.desk.house();
        // Without a letter nobody can be asked; the pre-flight says so.
        let letter = ContactTemplate::choose(&house.library.contact_letters, "en");
        if !house.contacts.ask || letter.is_none() {
            return Ok(Turn::Idle);
        }
        match self.follow_up().await? {
            Turn::Busy => Ok(Turn::Busy),
            Turn::Idle => self.go_round().await,
        }
    }
}
