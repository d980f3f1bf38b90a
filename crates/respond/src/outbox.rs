//! Writes to the outbox, in the transaction of the decision that asks for it: pages to people and topics, letters to customers.
//! The message is frozen here; every attempt sends the same bytes.

use crate::desk::{Desk, RespondError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use watchkeeper_deliver::{Mail, MailDraft, Message, Party, TopicMessage, compose};
use watchkeeper_domain::access::{AccessRole, Permission, User};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::audit::note;
use watchkeeper_domain::customer::asking::Asking;
use watchkeeper_domain::delivery::{About, Channel, Delivery, DeliveryState, Relay};
use watchkeeper_domain::id::{DeliveryId, UserId};
use watchkeeper_domain::incident::{EntryKind, TimelineEntry};
use watchkeeper_domain::matter::{Matter, MatterId};
use watchkeeper_domain::notice::{ContactLetter, Letter, Notice};
use watchkeeper_domain::page::{PageReason, PageTarget, PageText, house_page_text};
use watchkeeper_store::{AuditFilter, CONTACT_ERASED, KeptCheckpoint, LIMIT_MAX, PageRequest, Tx};

/// A frozen message, as the outbox keeps it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Frozen {
    Mail {
        from: String,
        to: String,
        envelope_from: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        envelope_id: Option<String>,
        message_id: String,
        text: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        drill: bool,
    },
    Topic {
        topic_arn: String,
        subject: String,
        text: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        drill: bool,
    },
}

/// The bytes that the outbox keeps of a message.
fn freeze(message: Message) -> Result<Vec<u8>, RespondError> {
    let frozen = match message {
        Message::Mail(Mail {
            from,
            to,
            envelope_from,
            envelope_id,
            message_id,
            bytes,
            drill,
        }) => {
            // Composed mail is ASCII: bodies are encoded, headers are RFC 2047 words.
            let text = String::from_utf8(bytes).map_err(|_| {
                RespondError::Unavailable("a composed mail is not text; nothing was queued".to_owned())
            })?;
            Frozen::Mail {
                from,
                to,
                envelope_from,
                envelope_id,
                message_id,
                text,
                drill,
            }
        }
        Message::Topic(TopicMessage {
            topic_arn,
            subject,
            text,
            drill,
        }) => Frozen::Topic {
            topic_arn,
            subject,
            text,
            drill,
        },
    };
    serde_json::to_vec(&frozen)
        .map_err(|fault| RespondError::Unavailable(format!("a message cannot be kept: {fault}")))
}

/// What the log says of a delivery that was put into the outbox.
#[derive(Debug, Deserialize)]
struct Queued {
    message_sha256: String,
    /// Of the letter; records of older versions do not tell it.
    #[serde(default)]
    words_sha256: Option<String>,
}

/// What the log binds a delivery to; nothing where it has no record of it.
async fn queued(tx: &mut Tx, delivery: &DeliveryId) -> Result<Option<Queued>, RespondError> {
    let record = tx.audit_first("delivery.queued", delivery.as_str()).await?;
    Ok(record.and_then(|record| serde_json::from_str(&record.detail).ok()))
}

/// Whether a letter still says what it said when its message to `recipient` was put into the outbox, as the log says.
pub(crate) async fn says_what_was_queued(
    tx: &mut Tx,
    letter: &Letter,
    recipient: &str,
) -> Result<bool, RespondError> {
    let delivery = Delivery::derive_id(letter.id.as_str(), "letter", Channel::Email, recipient);
    let queued = queued(tx, &delivery).await?;
    let words = queued.and_then(|queued| queued.words_sha256);
    if words.is_none_or(|words| words == letter.words_sha256()) {
        return Ok(true);
    }
    was_erased_from(tx, letter).await
}

/// Whether the log says that somebody's name or address was erased from a letter: then it reads otherwise than it was sent.
async fn was_erased_from(tx: &mut Tx, letter: &Letter) -> Result<bool, RespondError> {
    let erasures = AuditFilter {
        subject: Some(letter.customer.to_string()),
        action: Some(CONTACT_ERASED.to_owned()),
    };
    let records = tx.audit_page(&erasures, &PageRequest::first(LIMIT_MAX)).await?;
    Ok(records.items.iter().any(|record| {
        let detail: serde_json::Value = serde_json::from_str(&record.detail).unwrap_or_default();
        let letters = detail["letters"].as_array();
        letters.is_some_and(|letters| letters.iter().any(|id| id == letter.id.as_str()))
    }))
}

/// SHA-256 of what goes over the wire, hex.
pub(crate) fn message_sha256(message: &Message) -> String {
    let bytes = match message {
        Message::Mail(mail) => mail.bytes.as_slice(),
        Message::Topic(topic) => topic.text.as_bytes(),
    };
    hex::encode(Sha256::digest(bytes))
}

/// The message that the outbox kept.
pub(crate) fn thaw(bytes: &[u8]) -> Result<Message, RespondError> {
    let frozen: Frozen = serde_json::from_slice(bytes)
        .map_err(|fault| RespondError::Unavailable(format!("a kept message cannot be read: {fault}")))?;
    Ok(match frozen {
        Frozen::Mail {
            from,
            to,
            envelope_from,
            envelope_id,
            message_id,
            text,
            drill,
        } => Message::Mail(Mail {
            from,
            to,
            envelope_from,
            envelope_id,
            message_id,
            bytes: text.into_bytes(),
            drill,
        }),
        Frozen::Topic {
            topic_arn,
            subject,
            text,
            drill,
        } => Message::Topic(TopicMessage {
            topic_arn,
            subject,
            text,
            drill,
        }),
    })
}

/// A page, before it is known whom it reaches.
struct Call<'a> {
    /// The incident or change; none where it is about the house itself.
    matter: Option<&'a Matter<'a>>,
    reason: &'a PageReason,
    occasion: &'a str,
    text: PageText,
}

impl Call<'_> {
    /// The id of its message to somebody: who is called twice for one occasion has one message.
    fn message_id(&self, channel: Channel, recipient: &str) -> DeliveryId {
        let matter = self.matter.map(Matter::id);
        let about = matter.as_ref().map_or("house", MatterId::as_str);
        Delivery::derive_id(about, self.occasion, channel, recipient)
    }
}

/// Whom a page reaches.
#[derive(Debug, Default)]
struct Reached {
    people: Vec<User>,
    topics: Vec<(String, String)>,
}

impl Reached {
    fn nobody(&self) -> bool {
        self.people.is_empty() && self.topics.is_empty()
    }

    /// Who that is, as records write it.
    fn ids(&self) -> Vec<String> {
        self.called(|user| user.id.to_string())
    }

    /// Who that is, people by what `person` says of them.
    fn called(&self, person: impl Fn(&User) -> String) -> Vec<String> {
        let people = self.people.iter().map(person);
        let topics = self.topics.iter().map(|(name, _)| format!("topic {name}"));
        people.chain(topics).collect()
    }
}

impl Desk {
    /// Whether a message is, to the byte, the one that was put into the outbox, as the log says. Pages and dry runs are bound to nothing,
    /// and nothing is read for them.
    pub(crate) async fn is_as_queued(
        &self,
        delivery: &Delivery,
        message: &Message,
    ) -> Result<bool, RespondError> {
        match delivery.about {
            About::Letter { .. } | About::Asking { .. } => {
                let queued = queued(&mut self.store.read().await?, &delivery.id).await?;
                Ok(queued.is_some_and(|queued| queued.message_sha256 == message_sha256(message)))
            }
            About::Page { .. }
            | About::HousePage { .. }
            | About::DryRun { .. }
            | About::Checkpoint { .. } => Ok(true),
        }
    }

    /// Pages `target`: one message a person and topic. `occasion` tells repeated pages of one incident or change apart.
    pub(crate) async fn page(
        &self,
        tx: &mut Tx,
        matter: impl Into<Matter<'_>>,
        target: &PageTarget,
        reason: &PageReason,
        occasion: &str,
    ) -> Result<Vec<TimelineEntry>, RespondError> {
        let reached = self.reach(tx, target).await?;
        let matter = matter.into();
        self.page_reached(tx, &matter, &reached, reason, occasion).await
    }

    /// Pages `target` without `except`, who decided and knows already.
    pub(crate) async fn page_others(
        &self,
        tx: &mut Tx,
        matter: impl Into<Matter<'_>>,
        (target, reason, occasion): (&PageTarget, &PageReason, &str),
        except: &UserId,
    ) -> Result<Vec<TimelineEntry>, RespondError> {
        let reached = self.reach_others(tx, target, except).await?;
        let matter = matter.into();
        self.page_reached(tx, &matter, &reached, reason, occasion).await
    }

    async fn page_reached(
        &self,
        tx: &mut Tx,
        matter: &Matter<'_>,
        reached: &Reached,
        reason: &PageReason,
        occasion: &str,
    ) -> Result<Vec<TimelineEntry>, RespondError> {
        let now = self.now();
        let call = Call {
            matter: Some(matter),
            reason,
            occasion,
            text: matter.page_text(reason, &self.room(matter)),
        };
        self.call(tx, reached, &call).await?;
        let text = if reached.nobody() {
            tracing::error!(matter = %matter.id(), "nobody can be paged: every account that the policy names is closed");
            format!(
                "Nobody could be paged ({}): every account named for it is closed, or is whoever decided",
                reason.line()
            )
        } else {
            format!("Paged {}: {}", reached.ids().join(", "), reason.line())
        };
        Ok(vec![matter.entry(
            EntryKind::Paged,
            now,
            now,
            &Actor::worker("paging"),
            text,
        )])
    }

    /// Who `target` is now without `except`. Where that is nobody: everybody else who may approve notices, or may lead incidents, or
    /// else is on call.
    async fn reach_others(
        &self,
        tx: &mut Tx,
        target: &PageTarget,
        except: &UserId,
    ) -> Result<Reached, RespondError> {
        let by_right = [
            target.clone(),
            PageTarget::Counsel,
            PageTarget::Leads,
            PageTarget::OnCall { step: 0 },
        ];
        for target in by_right {
            let mut reached = self.reach(tx, &target).await?;
            reached.people.retain(|user| user.id != *except);
            if !reached.nobody() {
                return Ok(reached);
            }
        }
        Ok(Reached::default())
    }

    /// The names of whom a page would reach, and of topics.
    pub(crate) async fn who_is_paged(
        &self,
        tx: &mut Tx,
        target: &PageTarget,
        except: Option<&UserId>,
    ) -> Result<Vec<String>, RespondError> {
        let reached = match except {
            Some(except) => self.reach_others(tx, target, except).await?,
            None => self.reach(tx, target).await?,
        };
        Ok(reached.called(|user| user.name.clone()))
    }

    /// Pages everybody that one of the targets names about the house itself, once each; says who that is. `path` leads to where the
    /// console shows it.
    pub(crate) async fn page_house(
        &self,
        tx: &mut Tx,
        targets: &[PageTarget],
        reason: &PageReason,
        (body, path): (&str, &str),
        occasion: &str,
    ) -> Result<Vec<String>, RespondError> {
        let link = format!("{}{path}", self.house.base_url);
        let call = Call {
            matter: None,
            reason,
            occasion,
            text: house_page_text(reason, body, &link),
        };
        let mut names = BTreeSet::new();
        for target in targets {
            let reached = self.reach(tx, target).await?;
            self.call(tx, &reached, &call).await?;
            names.extend(reached.ids());
        }
        if names.is_empty() {
            tracing::error!(reason = %reason.line(), "nobody can be paged: every account is closed");
        }
        Ok(names.into_iter().collect())
    }

    /// One message a person and topic. Whoever was called for the same occasion before is not called again.
    async fn call(&self, tx: &mut Tx, reached: &Reached, call: &Call<'_>) -> Result<(), RespondError> {
        let sealed = tx.last_checkpoint().await?.map(|last| last.note);
        for user in &reached.people {
            let message = self.page_mail(call, user, sealed.as_deref())?;
            self.enqueue_page(tx, call, (Channel::Email, &user.email), message)
                .await?;
        }
        for (_, arn) in &reached.topics {
            let message = page_topic(call, arn);
            self.enqueue_page(tx, call, (Channel::Sns, arn), message).await?;
        }
        Ok(())
    }

    /// Who `target` is now. An on-call step that reaches nobody advances to the next one at once, and after the last one everybody
    /// who administers the house is reached: a page never goes to nobody while somebody has an account.
    async fn reach(&self, tx: &mut Tx, target: &PageTarget) -> Result<Reached, RespondError> {
        let users: Vec<User> = tx
            .users()
            .await?
            .into_iter()
            .filter(|user| user.closed_at.is_none())
            .collect();
        let who_may = |permission: Permission| {
            users
                .iter()
                .filter(|u| !u.roles.contains(&AccessRole::Admin) || u.roles.len() > 1)
                .filter(|u| u.may(permission))
                .cloned()
                .collect::<Vec<_>>()
        };
        let mut reached = match target {
            PageTarget::OnCall { step } => self.reach_on_call(*step, &users),
            PageTarget::Person { user } => Reached {
                people: users.iter().filter(|u| u.id == *user).cloned().collect(),
                topics: Vec::new(),
            },
            PageTarget::People { users: these } => Reached {
                people: users.iter().filter(|u| these.contains(&u.id)).cloned().collect(),
                topics: Vec::new(),
            },
            // Who keeps accounts and nothing else keeps people, too.
            PageTarget::PeopleKeepers => Reached {
                people: users
                    .iter()
                    .filter(|u| u.may(Permission::KeepPeople))
                    .cloned()
                    .collect(),
                topics: Vec::new(),
            },
            PageTarget::Counsel => Reached {
                people: who_may(Permission::ApproveNotices),
                topics: Vec::new(),
            },
            PageTarget::Leads => Reached {
                people: who_may(Permission::LeadIncidents),
                topics: Vec::new(),
            },
            PageTarget::CustomerKeepers => Reached {
                people: who_may(Permission::KeepCustomers),
                topics: Vec::new(),
            },
            PageTarget::Executives => Reached {
                people: self.executives(&users),
                topics: Vec::new(),
            },
        };
        if reached.nobody() && matches!(target, PageTarget::Executives) {
            reached.people = who_may(Permission::LeadIncidents);
            reached.people.extend(who_may(Permission::ApproveNotices));
            let mut seen = BTreeSet::new();
            reached.people.retain(|user| seen.insert(user.id.clone()));
        }
        if reached.nobody() && !matches!(target, PageTarget::OnCall { .. }) {
            reached = self.reach_on_call(0, &users);
        }
        if reached.nobody() {
            reached.people = users
                .iter()
                .filter(|u| u.roles.contains(&AccessRole::Admin))
                .cloned()
                .collect();
        }
        Ok(reached)
    }

    fn reach_on_call(&self, step: u32, users: &[User]) -> Reached {
        let steps = &self.house.paging.steps;
        let first = usize::try_from(step)
            .unwrap_or(usize::MAX)
            .min(steps.len().saturating_sub(1));
        let order = steps[first.min(steps.len())..]
            .iter()
            .chain(&steps[..first.min(steps.len())]);
        for step in order {
            let people = by_address(users, &step.people);
            let topics = step
                .topics
                .iter()
                .filter_map(|name| self.house.topics.get(name).map(|arn| (name.clone(), arn.clone())))
                .collect();
            let reached = Reached { people, topics };
            if !reached.nobody() {
                return reached;
            }
        }
        Reached::default()
    }

    fn executives(&self, users: &[User]) -> Vec<User> {
        by_address(users, &self.house.executives)
    }

    fn page_mail(&self, call: &Call<'_>, user: &User, sealed: Option<&str>) -> Result<Message, RespondError> {
        let id = call.message_id(Channel::Email, &user.email);
        let mut body = call.text.body.clone();
        if let (true, Some(MatterId::Incident(incident))) =
            (call.reason.wants_answer(), call.matter.map(Matter::id))
        {
            let token = self.key.sign(&incident, &user.id, self.now());
            body.push_str(&format!(
                "Acknowledge from this phone: {}/ack/{token}\n",
                self.house.base_url
            ));
        }
        let to = Party::named(&user.name, &user.email);
        self.mail(&id, call.matter, to, &call.text.subject, (body, None), sealed)
    }

    fn room(&self, matter: &Matter<'_>) -> String {
        format!("{}{}", self.house.base_url, matter.path())
    }

    async fn enqueue_page(
        &self,
        tx: &mut Tx,
        call: &Call<'_>,
        (channel, recipient): (Channel, &str),
        message: Message,
    ) -> Result<(), RespondError> {
        let reason = call.reason.clone();
        let about = match call.matter {
            Some(matter) => About::Page {
                matter: matter.id(),
                reason,
            },
            None => About::HousePage { reason },
        };
        let id = call.message_id(channel, recipient);
        let subject = call.text.subject.clone();
        self.enqueue(tx, id, about, channel, recipient, subject, message)
            .await?;
        Ok(())
    }

    /// Puts letters of a notice to each of their recipients into the outbox. Says how many of the messages are new.
    pub(crate) async fn enqueue_letters(
        &self,
        tx: &mut Tx,
        matter: &Matter<'_>,
        notice: &Notice,
        letters: &[&Letter],
    ) -> Result<u64, RespondError> {
        let sealed = tx.last_checkpoint().await?.map(|last| last.note);
        let mut messages = 0;
        for letter in letters {
            for recipient in self.recipients_of(tx, matter, letter).await? {
                let to = (*letter, recipient.as_str());
                let new = self.enqueue_letter(tx, matter, notice, to, sealed.as_deref());
                messages += u64::from(new.await?);
            }
        }
        Ok(messages)
    }

    /// Whom a letter goes to: its recipients but those at which a message of this incident or change bounced, since our relay would take another
    /// one and the customer would seem to be told; where none is left, the next contact that has not bounced.
    async fn recipients_of(
        &self,
        tx: &mut Tx,
        matter: &Matter<'_>,
        letter: &Letter,
    ) -> Result<Vec<String>, RespondError> {
        let bounced = tx.addresses_bounced(&matter.id(), &letter.customer).await?;
        let mut recipients = letter.recipients.clone();
        recipients.retain(|address| !bounced.contains(address));
        if recipients.is_empty() && !bounced.is_empty() {
            let customer = tx.customer(&letter.customer).await?;
            recipients.extend(matter.next_recipient(&customer, &bounced));
        }
        Ok(recipients)
    }

    /// Puts one customer's letter to one recipient into the outbox; once for each letter and recipient, so that who answers for two
    /// customers has a letter for each. Says whether it is new.
    pub(crate) async fn enqueue_letter(
        &self,
        tx: &mut Tx,
        matter: &Matter<'_>,
        notice: &Notice,
        (letter, recipient): (&Letter, &str),
        sealed: Option<&str>,
    ) -> Result<bool, RespondError> {
        let id = Delivery::derive_id(letter.id.as_str(), "letter", Channel::Email, recipient);
        let about = About::Letter {
            matter: matter.id(),
            notice: notice.id.clone(),
            letter: letter.id.clone(),
            customer: letter.customer.clone(),
            obligation: letter.obligation.clone(),
        };
        let message = self.mail(
            &id,
            Some(matter),
            Party::address(recipient),
            &letter.subject,
            (letter.text.clone(), Some(letter.html.clone())),
            sealed,
        )?;
        // What goes out is bound to the log before it goes: these bytes and no others.
        let about_id = matter.id();
        let detail = json!({
            about_id.name(): about_id.as_str(),
            "notice": notice.id,
            "letter": letter.id,
            "customer": letter.customer,
            "obligation": letter.obligation,
            "template": letter.template,
            "message_sha256": message_sha256(&message),
            "words_sha256": letter.words_sha256(),
        });
        let new = self
            .enqueue(
                tx,
                id.clone(),
                about,
                Channel::Email,
                recipient,
                letter.subject.clone(),
                message,
            )
            .await?;
        if new {
            let by = Actor::worker("outbox");
            self.record(tx, &by, "delivery.queued", id.as_str(), detail)
                .await?;
        }
        Ok(new)
    }

    /// Puts a letter to one of our own into the outbox, marked so that nobody takes it for the real one.
    pub(crate) async fn enqueue_dry_run(
        &self,
        tx: &mut Tx,
        matter: &Matter<'_>,
        letter: &Letter,
        to: &User,
    ) -> Result<(), RespondError> {
        let occasion = format!("dry-run/{}", self.now().timestamp_micros());
        let id = Delivery::derive_id(letter.id.as_str(), &occasion, Channel::Email, &to.email);
        let about = About::DryRun {
            matter: matter.id(),
            notice: letter.notice.clone(),
            customer: letter.customer.clone(),
        };
        let subject = format!("[DRY RUN] {}", letter.subject);
        let sealed = tx.last_checkpoint().await?.map(|last| last.note);
        let party = Party::named(&to.name, &to.email);
        let body = (letter.text.clone(), Some(letter.html.clone()));
        let message = self.mail(&id, Some(matter), party, &subject, body, sealed.as_deref())?;
        self.enqueue(tx, id, about, Channel::Email, &to.email, subject, message)
            .await?;
        Ok(())
    }

    /// Puts a checkpoint of the audit log into the outbox, to a witness who keeps it; once for each occasion.
    pub(crate) async fn enqueue_checkpoint(
        &self,
        tx: &mut Tx,
        checkpoint: &KeptCheckpoint,
        witness: &str,
        occasion: &str,
    ) -> Result<(), RespondError> {
        let id = Delivery::derive_id("checkpoint", occasion, Channel::Email, witness);
        let about = About::Checkpoint {
            size: checkpoint.size,
        };
        let subject = format!(
            "Checkpoint of the audit log of {}: {} records",
            self.house.sender.company, checkpoint.size
        );
        let text = format!(
            "This is the newest signed checkpoint of our audit log. Please keep this mail: with it anybody can show that a log was cut or\n\
             rewritten afterwards (watchkeeper audit verify --against THIS-MAIL.eml). It comes at least once a week, also when nothing\n\
             happened; when it stays away, ask us why.\n\n{}",
            checkpoint.note
        );
        let to = Party::address(witness);
        let message = self.mail(&id, None, to, &subject, (text, None), Some(&checkpoint.note))?;
        self.enqueue(tx, id, about, Channel::Email, witness, subject, message)
            .await?;
        Ok(())
    }

    /// Puts the question whether a contact is still the right one into the outbox: once for each occasion of an asking.
    pub(crate) async fn enqueue_asking(
        &self,
        tx: &mut Tx,
        asking: &Asking,
        occasion: &str,
        letter: &ContactLetter,
    ) -> Result<(), RespondError> {
        let id = Delivery::derive_id(asking.id.as_str(), occasion, Channel::Email, &asking.email);
        let about = About::Asking {
            customer: asking.customer.clone(),
            asking: asking.id.clone(),
        };
        let sealed = tx.last_checkpoint().await?.map(|last| last.note);
        let to = Party::address(&asking.email);
        let body = (letter.text.clone(), Some(letter.html.clone()));
        let message = self.mail(&id, None, to, &letter.subject, body, sealed.as_deref())?;
        let detail = json!({
            "customer": asking.customer,
            "asking": asking.id,
            "message_sha256": message_sha256(&message),
        });
        let subject = letter.subject.clone();
        let new = self.enqueue(
            tx,
            id.clone(),
            about,
            Channel::Email,
            &asking.email,
            subject,
            message,
        );
        if new.await? {
            let by = Actor::worker("outbox");
            self.record(tx, &by, "delivery.queued", id.as_str(), detail)
                .await?;
        }
        Ok(())
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one row of the outbox, each column named once, here"
    )]
    async fn enqueue(
        &self,
        tx: &mut Tx,
        id: DeliveryId,
        about: About,
        channel: Channel,
        recipient: &str,
        subject: String,
        message: Message,
    ) -> Result<bool, RespondError> {
        let now = self.now();
        let delivery = Delivery {
            id,
            version: 1,
            about,
            channel,
            recipient: recipient.to_owned(),
            subject,
            created_at: now,
            attempts: 0,
            possible_duplicate: false,
            remote_accepted: None,
            put_off_since: None,
            next_contact_told: false,
            relay: Relay::default(),
            state: DeliveryState::Queued {
                next_attempt_at: now,
                last_answer: None,
            },
        };
        Ok(tx.enqueue(&delivery, &freeze(message)?).await?)
    }

    fn mail(
        &self,
        id: &DeliveryId,
        matter: Option<&Matter<'_>>,
        to: Party,
        subject: &str,
        (text, html): (String, Option<String>),
        sealed: Option<&str>,
    ) -> Result<Message, RespondError> {
        let from = self.house.mail_from.clone();
        let domain = from.address.rsplit('@').next().unwrap_or("localhost").to_owned();
        let mut headers = vec![("Auto-Submitted".to_owned(), "auto-generated".to_owned())];
        headers.extend(matter.map(|matter| ("X-Watchkeeper-Reference".to_owned(), matter.reference())));
        // Every mail carries the newest checkpoint out of the house: whoever keeps the mail can show a log that was cut or rewritten.
        headers.extend(sealed.map(|note| (note::HEADER.to_owned(), note::in_header(note))));
        let draft = MailDraft {
            from: from.clone(),
            to: to.clone(),
            subject: subject.to_owned(),
            text,
            html,
            message_id: format!("<{id}@{domain}>"),
            date: self.now(),
            headers,
        };
        let mut frozen =
            compose(&draft).map_err(|fault| RespondError::invalid("recipient", fault.to_string()))?;
        if let Some(signer) = &self.house.dkim {
            frozen = signer
                .sign(frozen, draft.date)
                .map_err(|fault| RespondError::Unavailable(fault.to_string()))?;
        }
        Ok(Message::Mail(Mail {
            from: from.address.clone(),
            to: to.address,
            envelope_from: match &self.return_paths {
                Some(paths) => paths.of(id),
                None => from.address,
            },
            // Reports are wanted only where somebody takes them.
            envelope_id: self.return_paths.as_ref().map(|_| id.to_string()),
            message_id: frozen.message_id,
            bytes: frozen.bytes,
            drill: matter.is_some_and(Matter::drill),
        }))
    }
}

fn page_topic(call: &Call<'_>, arn: &str) -> Message {
    let subject = call.text.subject.chars();
    let plain = |c: char| c.is_ascii() && !c.is_ascii_control();
    Message::Topic(TopicMessage {
        topic_arn: arn.to_owned(),
        subject: subject.map(|c| if plain(c) { c } else { '?' }).collect(),
        text: call.text.body.clone(),
        drill: call.matter.is_some_and(Matter::drill),
    })
}

pub(crate) fn by_address(users: &[User], addresses: &[String]) -> Vec<User> {
    let wanted: BTreeSet<String> = addresses.iter().map(|address| address.to_lowercase()).collect();
    users
        .iter()
        .filter(|user| wanted.contains(&user.email))
        .cloned()
        .collect()
}
