//! What changes, as it changes: server-sent events from the audit log, whose numbers have no gaps.
//!
//! An event names what changed and nothing of it; a screen that shows it asks for it again, with its own permissions. A client that
//! was away says where it stopped (`Last-Event-ID`) and misses nothing.

use crate::access::{Caller, identify};
use crate::errors::Problem;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};
use axum::response::IntoResponse;
use axum::response::sse::{Event, Sse};
use futures::stream::{self, Stream};
use serde_json::json;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep, sleep_until};
use watchkeeper_domain::audit::Record;
use watchkeeper_store::StoreError;

/// How often a quiet stream says that it is alive.
const TICK: Duration = Duration::from_secs(10);

/// How long another process' change may go unseen: this one's own are told at once.
const POLL: Duration = Duration::from_secs(1);

/// How many records are taken at a time.
const CHUNK: u32 = 200;

pub(crate) async fn follow(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let place = Arc::clone(&state.streams).try_acquire_owned();
    let place = place.map_err(|_| {
        Problem::unavailable("too many screens follow already; ask again now and then instead")
    })?;
    let seen = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok()?.trim().parse::<i64>().ok());
    let (head, _) = state.desk.store().read().await?.audit_head().await?;
    // A number that was never given comes from a database that is no more.
    let seq = seen.filter(|seen| (0..=head).contains(seen)).unwrap_or(head);
    let follower = Follower {
        changes: state.desk.changes(),
        state,
        caller,
        headers,
        seq,
        pending: VecDeque::new(),
        next_tick: Instant::now(),
        _place: place,
    };
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((unbuffered, Sse::new(events(follower))))
}

struct Follower {
    state: ApiState,
    caller: Caller,
    headers: HeaderMap,
    changes: watch::Receiver<u64>,
    seq: i64,
    pending: VecDeque<Record>,
    next_tick: Instant,
    _place: OwnedSemaphorePermit,
}

fn events(follower: Follower) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    })
}

impl Follower {
    /// The next event; `None` when the service stops or the reader may not read any more.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if self.state.stop.is_cancelled() {
                return None;
            }
            if let Some(record) = self.pending.pop_front() {
                self.seq = record.seq;
                return Some(change(&record));
            }
            if self.next_tick <= Instant::now() {
                if !self.may_go_on().await {
                    return None;
                }
                self.next_tick = Instant::now() + TICK;
                return Some(
                    Event::default()
                        .event("tick")
                        .data(json!({"server_time": self.state.desk.now()}).to_string()),
                );
            }
            self.changes.mark_unchanged();
            match self.read().await {
                Ok(records) if !records.is_empty() => self.pending.extend(records),
                Ok(_) => self.wait().await,
                Err(error) => {
                    tracing::warn!(%error, "the stream could not read the audit log and tries again");
                    sleep(POLL).await;
                }
            }
        }
    }

    async fn read(&self) -> Result<Vec<Record>, StoreError> {
        self.state
            .desk
            .store()
            .read()
            .await?
            .audit_after(self.seq, CHUNK)
            .await
    }

    async fn wait(&mut self) {
        tokio::select! {
            () = self.state.stop.cancelled() => {}
            _ = self.changes.changed() => {}
            () = sleep(POLL) => {}
            () = sleep_until(self.next_tick) => {}
        }
    }

    /// Whether the session or token still stands and still may look. Following a stream does not keep a session alive.
    async fn may_go_on(&self) -> bool {
        let caller = identify(&self.state, &self.headers, false).await;
        let same = |caller: &Caller| caller.user.id == self.caller.user.id;
        let view = watchkeeper_domain::access::Permission::View;
        caller.is_ok_and(|caller| caller.is_some_and(|caller| same(&caller) && caller.user.may(view)))
    }
}

fn change(record: &Record) -> Event {
    let Record {
        seq,
        at,
        action,
        subject,
        ..
    } = record;
    let data = json!({"seq": seq, "at": at, "action": action, "subject": subject});
    Event::default()
        .id(seq.to_string())
        .event("change")
        .data(data.to_string())
}
