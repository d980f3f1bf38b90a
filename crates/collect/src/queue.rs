//! A queue of SQS: messages are taken, kept hidden for as long as the work on them goes on, and deleted only after what they told is
//! committed.
//!
//! A queue cannot be read again from a cursor, so a source that stands on one remembers in its cursor what it has dealt with, and takes
//! a message that comes again for the one that it is.

use crate::aws;
use crate::source::{CollectError, Remark};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageSystemAttributeName,
};
use chrono::{DateTime, Duration, Utc};

/// What ReceiveMessage gives, and what the batched calls take, at most.
const BATCH: usize = 10;

/// A queue, and what was taken from it.
#[derive(Debug)]
pub(crate) struct Queue {
    client: Client,
    url: String,
    visibility: Duration,
    poll: Duration,
    due_at: Option<DateTime<Utc>>,
    pub(crate) held: Vec<Held>,
}

/// A message that is worked on.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) id: String,
    receipt: String,
    pub(crate) body: String,
    /// How often the queue has given it.
    received: u32,
    hidden_at: DateTime<Utc>,
    /// The number of the cursor that holds everything it told; it may be deleted once that is committed.
    pub(crate) dealt_with: Option<u64>,
}

impl Queue {
    pub(crate) fn new(client: Client, url: &str, visibility: Duration, poll: Duration) -> Self {
        Self {
            client,
            url: url.to_owned(),
            visibility,
            poll,
            due_at: None,
            held: Vec::new(),
        }
    }

    /// For how many seconds a message is hidden.
    fn hides_for(&self) -> i32 {
        i32::try_from(self.visibility.num_seconds()).unwrap_or(300)
    }

    fn resource(&self) -> String {
        format!("queue {}", self.url)
    }

    pub(crate) fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.due_at.is_none_or(|due| due <= now)
    }

    /// Takes up to ten messages; gives the index in `held` from which on they are new. Without waiting: a queue that is empty is asked
    /// again after the time between two looks.
    pub(crate) async fn receive(&mut self, now: DateTime<Utc>) -> Result<usize, CollectError> {
        let answer = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .wait_time_seconds(0)
            .visibility_timeout(self.hides_for())
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .send()
            .await
            .map_err(|e| aws::refusal(&e, "sqs:ReceiveMessage", &self.resource()))?;
        let first_new = self.held.len();
        let messages = answer.messages.unwrap_or_default();
        if messages.is_empty() {
            self.due_at = Some(now + self.poll);
        }
        for message in messages {
            let received = message
                .attributes()
                .and_then(|all| all.get(&MessageSystemAttributeName::ApproximateReceiveCount))
                .and_then(|count| count.parse().ok())
                .unwrap_or(1);
            let receipt = message.receipt_handle.unwrap_or_default();
            let id = message.message_id.unwrap_or_default();
            // What is given again has another receipt, and only the last one counts.
            if let Some(known) = self.held.iter_mut().find(|held| held.id == id) {
                (known.receipt, known.received, known.hidden_at) = (receipt, received, now);
                continue;
            }
            self.held.push(Held {
                id,
                receipt,
                body: message.body.unwrap_or_default(),
                received,
                hidden_at: now,
                dealt_with: None,
            });
        }
        Ok(first_new)
    }

    /// Keeps hidden what would otherwise come back to the queue while the work on it goes on.
    pub(crate) async fn keep_hidden(&mut self, now: DateTime<Utc>) -> Result<(), CollectError> {
        let half = self.visibility / 2;
        let timeout = self.hides_for();
        let due: Vec<usize> = (0..self.held.len())
            .filter(|index| now - self.held[*index].hidden_at >= half)
            .collect();
        for indexes in due.chunks(BATCH) {
            let mut entries = Vec::new();
            for index in indexes {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(&self.held[*index].receipt)
                    .visibility_timeout(timeout)
                    .build();
                entries.extend(entry.ok());
            }
            // A single message that is refused has come back to the queue already, and will be given again.
            self.client
                .change_message_visibility_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries))
                .send()
                .await
                .map_err(|e| aws::refusal(&e, "sqs:ChangeMessageVisibility", &self.resource()))?;
            for index in indexes {
                self.held[*index].hidden_at = now;
            }
        }
        Ok(())
    }

    /// Deletes every message whose last word lies in the cursor of this number or an earlier one.
    pub(crate) async fn delete_up_to(&mut self, committed: u64) -> Result<(), CollectError> {
        loop {
            let done: Vec<(String, String)> = self
                .held
                .iter()
                .filter(|held| held.dealt_with.is_some_and(|number| number <= committed))
                .take(BATCH)
                .map(|held| (held.id.clone(), held.receipt.clone()))
                .collect();
            if done.is_empty() {
                return Ok(());
            }
            let mut entries = Vec::new();
            for (index, (_, receipt)) in done.iter().enumerate() {
                let entry = DeleteMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(receipt)
                    .build();
                entries.extend(entry.ok());
            }
            self.client
                .delete_message_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries))
                .send()
                .await
                .map_err(|e| aws::refusal(&e, "sqs:DeleteMessage", &self.resource()))?;
            // What could not be deleted comes again, and is recognised by what the cursor remembers.
            self.held
                .retain(|held| !done.iter().any(|(id, _)| *id == held.id));
        }
    }

    /// Puts messages out of hand that nobody can read, each with the reason. They are nobody's to delete: the queue gives them again when
    /// their time is over, or moves them to its dead-letter queue.
    pub(crate) fn let_go(&mut self, unreadable: &[(String, String)], called: &str) -> Vec<Remark> {
        let mut remarks = Vec::new();
        self.held.retain(|held| {
            let Some((_, reason)) = unreadable.iter().find(|(id, _)| *id == held.id) else {
                return true;
            };
            remarks.push(Remark::SetAside {
                what: format!("message {} of {called}, given {} times", held.id, held.received),
                reason: format!("{reason}; it is left in the queue, for its dead-letter queue to take"),
            });
            false
        });
        remarks
    }
}
