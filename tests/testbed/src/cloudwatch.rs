//! A CloudWatch Logs of our own: FilterLogEvents over the real wire protocol (JSON 1.1), and the ways in which it is difficult.
//!
//! Events become visible late and out of order; pages are partial, or empty with a token; tokens expire; calls are throttled; ids are
//! long strings. The emulator `moto` has none of this.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use watchkeeper_domain::clock::Clock;

/// A running CloudWatch Logs; it stops when this is dropped.
#[derive(Debug)]
pub struct CloudWatch {
    world: Shared,
    /// Where it answers, for `endpoint_url`.
    pub endpoint_url: String,
    task: tokio::task::JoinHandle<()>,
}

type Shared = Arc<Mutex<World>>;

/// One event, and when it can be seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Stored {
    at_ms: i64,
    visible_at: DateTime<Utc>,
    id: String,
    stream: String,
    message: String,
}

#[derive(Debug)]
struct World {
    clock: Arc<dyn Clock>,
    groups: BTreeMap<String, Vec<Stored>>,
    denied: BTreeSet<String>,
    throttled: usize,
    page_size: usize,
    empty_pages: usize,
    put: u64,
    tokens_given: u64,
    pages: HashMap<String, Pages>,
    calls: usize,
    earliest_start: Option<i64>,
}

/// What is left of a list that is being paged through.
#[derive(Debug)]
struct Pages {
    empty: usize,
    events: Vec<Stored>,
}

fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl CloudWatch {
    /// Starts one on a free port of loopback; `clock` decides what is visible.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start(clock: Arc<dyn Clock>) -> Self {
        let world = Arc::new(Mutex::new(World {
            clock,
            groups: BTreeMap::new(),
            denied: BTreeSet::new(),
            throttled: 0,
            page_size: 10_000,
            empty_pages: 0,
            put: 0,
            tokens_given: 0,
            pages: HashMap::new(),
            calls: 0,
            earliest_start: None,
        }));
        let app = Router::new().route("/", post(call)).with_state(world.clone());
        let (endpoint_url, task) = crate::loopback::serve(app).await;
        Self {
            world,
            endpoint_url,
            task,
        }
    }

    /// Makes an empty log group.
    pub fn create_group(&self, group: &str) {
        lock(&self.world).groups.entry(group.to_owned()).or_default();
    }

    /// Puts an event that is visible from `visible_at` on.
    pub fn put(
        &self,
        group: &str,
        stream: &str,
        at: DateTime<Utc>,
        visible_at: DateTime<Utc>,
        message: &str,
    ) {
        let mut world = lock(&self.world);
        world.put += 1;
        // Ids on AWS are 56 digits; those of different streams may be equal.
        let id = format!("{:056}", world.put);
        world.groups.entry(group.to_owned()).or_default().push(Stored {
            at_ms: at.timestamp_millis(),
            visible_at,
            id,
            stream: stream.to_owned(),
            message: message.to_owned(),
        });
    }

    /// The next `calls` calls are refused for coming too often.
    pub fn throttle_next(&self, calls: usize) {
        lock(&self.world).throttled = calls;
    }

    /// Refuses every call on `group` as not allowed.
    pub fn deny(&self, group: &str) {
        lock(&self.world).denied.insert(group.to_owned());
    }

    /// Gives pages of at most `size` events.
    pub fn page_size(&self, size: usize) {
        lock(&self.world).page_size = size;
    }

    /// Gives so many empty pages with a token before the first events of each list.
    pub fn empty_pages(&self, pages: usize) {
        lock(&self.world).empty_pages = pages;
    }

    /// Forgets every token that was given.
    pub fn expire_tokens(&self) {
        lock(&self.world).pages.clear();
    }

    /// How many calls came so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        lock(&self.world).calls
    }

    /// The earliest `startTime` (ms) since this was last asked.
    #[must_use]
    pub fn earliest_start(&self) -> Option<i64> {
        lock(&self.world).earliest_start.take()
    }
}

impl Drop for CloudWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/x-amz-json-1.1")];

fn refuse(code: &str, message: &str) -> Value {
    json!({"__type": code, "message": message})
}

async fn call(State(world): State<Shared>, headers: HeaderMap, body: String) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let outcome = match target {
        "Logs_20140328.FilterLogEvents" => filter_log_events(&mut lock(&world), &body),
        other => Err(refuse("UnknownOperationException", other)),
    };
    match outcome {
        Ok(answer) => (StatusCode::OK, JSON, answer.to_string()).into_response(),
        Err(refusal) => (StatusCode::BAD_REQUEST, JSON, refusal.to_string()).into_response(),
    }
}

fn filter_log_events(world: &mut World, body: &str) -> Result<Value, Value> {
    world.calls += 1;
    if world.throttled > 0 {
        world.throttled -= 1;
        return Err(refuse("ThrottlingException", "Rate exceeded"));
    }
    let body: Value =
        serde_json::from_str(body).map_err(|e| refuse("SerializationException", &e.to_string()))?;
    let group = body["logGroupName"].as_str().unwrap_or_default();
    if world.denied.contains(group) {
        return Err(refuse(
            "AccessDeniedException",
            "User is not authorized to perform: logs:FilterLogEvents",
        ));
    }
    let start = body["startTime"].as_i64().unwrap_or(0);
    world.earliest_start = Some(world.earliest_start.map_or(start, |earliest| earliest.min(start)));
    let Pages { empty, mut events } = match body["nextToken"].as_str() {
        None => Pages {
            empty: world.empty_pages,
            events: world.select(group, start, body["endTime"].as_i64())?,
        },
        Some(token) => world
            .pages
            .remove(token)
            .ok_or_else(|| refuse("InvalidParameterException", "The specified nextToken is invalid."))?,
    };
    let size = if empty > 0 { 0 } else { world.page_size };
    let rest = events.split_off(size.min(events.len()));
    let mut answer =
        json!({"events": events.iter().map(Stored::wire).collect::<Vec<_>>(), "searchedLogStreams": []});
    if empty > 0 || !rest.is_empty() {
        world.tokens_given += 1;
        let token = format!("Bxkq6kVGFtq2y_Moigeqscl{}", world.tokens_given);
        answer["nextToken"] = token.clone().into();
        let left = Pages {
            empty: empty.saturating_sub(1),
            events: rest,
        };
        world.pages.insert(token, left);
    }
    Ok(answer)
}

impl World {
    fn select(&self, group: &str, start: i64, end: Option<i64>) -> Result<Vec<Stored>, Value> {
        let now = self.clock.now();
        let stored = self.groups.get(group).ok_or_else(|| {
            refuse(
                "ResourceNotFoundException",
                "The specified log group does not exist.",
            )
        })?;
        let within = |event: &&Stored| {
            event.visible_at <= now && event.at_ms >= start && end.is_none_or(|end| event.at_ms <= end)
        };
        let mut events: Vec<Stored> = stored.iter().filter(within).cloned().collect();
        events.sort();
        Ok(events)
    }
}

impl Stored {
    fn wire(&self) -> Value {
        json!({"logStreamName": self.stream, "timestamp": self.at_ms, "message": self.message,
            "ingestionTime": self.visible_at.timestamp_millis(), "eventId": self.id})
    }
}
