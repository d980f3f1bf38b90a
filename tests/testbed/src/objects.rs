//! An S3 and an SQS of our own, on one address: GetObject, and the calls of a queue's consumer over the real wire protocol.
//!
//! A message is hidden for its time by the clock of the test, and comes again when it is not deleted; bodies break off, pause, or are
//! refused. Whatever is asked for is counted, so that tests can tell that nothing was read twice.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use watchkeeper_domain::clock::Clock;

/// A running S3 and SQS; they stop when this is dropped.
#[derive(Debug)]
pub struct Objects {
    world: Shared,
    /// Where both answer, for `endpoint_url`.
    pub endpoint_url: String,
    task: tokio::task::JoinHandle<()>,
}

type Shared = Arc<Mutex<World>>;

#[derive(Debug)]
struct World {
    clock: Arc<dyn Clock>,
    /// By `bucket/key`.
    objects: BTreeMap<String, Vec<u8>>,
    denied: BTreeSet<String>,
    /// Bodies that break off behind so many bytes, once each.
    breaking: BTreeMap<String, usize>,
    failing: usize,
    messages: Vec<Message>,
    sent: u64,
    gets: Vec<String>,
    calls: Vec<String>,
}

#[derive(Debug)]
struct Message {
    id: String,
    body: String,
    visible_at: DateTime<Utc>,
    received: u32,
}

fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Objects {
    /// Starts both on a free port of loopback; `clock` decides how long messages are hidden.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start(clock: Arc<dyn Clock>) -> Self {
        let world = Arc::new(Mutex::new(World {
            clock,
            objects: BTreeMap::new(),
            denied: BTreeSet::new(),
            breaking: BTreeMap::new(),
            failing: 0,
            messages: Vec::new(),
            sent: 0,
            gets: Vec::new(),
            calls: Vec::new(),
        }));
        let app = Router::new()
            .route("/", post(call))
            .route("/{*path}", get(get_object))
            .with_state(world.clone());
        let (endpoint_url, task) = crate::loopback::serve(app).await;
        Self {
            world,
            endpoint_url,
            task,
        }
    }

    /// The address of the queue.
    #[must_use]
    pub fn queue_url(&self) -> String {
        format!("{}/111122223333/logs", self.endpoint_url)
    }

    /// Puts an object, and a notification of it as S3 writes them into the queue.
    pub fn put(&self, bucket: &str, key: &str, content: &[u8]) {
        self.put_silently(bucket, key, content);
        self.send(&notification(bucket, key, content).to_string());
    }

    /// Puts an object that nobody is told of.
    pub fn put_silently(&self, bucket: &str, key: &str, content: &[u8]) {
        lock(&self.world)
            .objects
            .insert(format!("{bucket}/{key}"), content.to_owned());
    }

    /// Takes an object away.
    pub fn remove(&self, bucket: &str, key: &str) {
        lock(&self.world).objects.remove(&format!("{bucket}/{key}"));
    }

    /// Puts a message of any text into the queue.
    pub fn send(&self, body: &str) {
        let mut world = lock(&self.world);
        world.sent += 1;
        let message = Message {
            id: format!("m-{}", world.sent),
            body: body.to_owned(),
            visible_at: world.clock.now(),
            received: 0,
        };
        world.messages.push(message);
    }

    /// How many messages the queue holds, hidden or not.
    #[must_use]
    pub fn messages(&self) -> usize {
        lock(&self.world).messages.len()
    }

    /// Whether an object is refused as not allowed.
    pub fn deny(&self, bucket: &str, key: &str, denied: bool) {
        let name = format!("{bucket}/{key}");
        let mut world = lock(&self.world);
        if denied {
            world.denied.insert(name);
        } else {
            world.denied.remove(&name);
        }
    }

    /// The body of an object breaks off behind so many bytes, the next time it is read.
    pub fn break_off(&self, bucket: &str, key: &str, bytes: usize) {
        lock(&self.world)
            .breaking
            .insert(format!("{bucket}/{key}"), bytes);
    }

    /// The next `calls` requests are answered with 503.
    pub fn fail_next(&self, calls: usize) {
        lock(&self.world).failing = calls;
    }

    /// Which objects were asked for so far, each with its range.
    #[must_use]
    pub fn gets(&self) -> Vec<String> {
        lock(&self.world).gets.clone()
    }

    /// How often a call of SQS came.
    #[must_use]
    pub fn calls(&self, operation: &str) -> usize {
        lock(&self.world)
            .calls
            .iter()
            .filter(|call| *call == operation)
            .count()
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What S3 writes into a queue about a new object.
#[must_use]
pub fn notification(bucket: &str, key: &str, content: &[u8]) -> Value {
    json!({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-central-1", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": {"key": key.replace(' ', "+"), "size": content.len(), "eTag": etag(content)}}}]})
}

fn etag(content: &[u8]) -> String {
    // Any digest does: what counts is that other content has another.
    let sum = content.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{sum:032x}")
}

fn refuse_get(status: StatusCode, code: &str) -> Response {
    let body =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>of the testbed</Message></Error>");
    (status, [(header::CONTENT_TYPE, "application/xml")], body).into_response()
}

async fn get_object(State(world): State<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    let mut world = lock(&world);
    let name = uri.path().trim_start_matches('/').replace("%20", " ");
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let range = text("range").unwrap_or_default().to_owned();
    world.gets.push(format!("{name} {range}").trim_end().to_owned());
    if world.failing > 0 {
        world.failing -= 1;
        return refuse_get(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
    }
    if !text("authorization").is_some_and(|signed| signed.starts_with("AWS4-HMAC-SHA256 "))
        || world.denied.contains(&name)
    {
        return refuse_get(StatusCode::FORBIDDEN, "AccessDenied");
    }
    let Some(content) = world.objects.get(&name).cloned() else {
        return refuse_get(StatusCode::NOT_FOUND, "NoSuchKey");
    };
    if text("if-match").is_some_and(|wanted| wanted.trim_matches('"') != etag(&content)) {
        return refuse_get(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
    }
    let from = range
        .strip_prefix("bytes=")
        .and_then(|range| range.strip_suffix('-'))
        .and_then(|from| from.parse::<usize>().ok());
    if from.is_some_and(|from| from >= content.len()) {
        return refuse_get(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange");
    }
    let status = if from.is_some() {
        StatusCode::PARTIAL_CONTENT
    } else {
        StatusCode::OK
    };
    let content = content[from.unwrap_or(0)..].to_vec();
    let Some(behind) = world.breaking.remove(&name) else {
        return (status, content).into_response();
    };
    // A length that the body does not keep is how a broken connection looks.
    let pieces: [Result<Vec<u8>, std::io::Error>; 2] = [
        Ok(content[..behind.min(content.len())].to_vec()),
        Err(std::io::Error::other("broken off")),
    ];
    (status, Body::from_stream(tokio_stream::iter(pieces))).into_response()
}

async fn call(State(world): State<Shared>, headers: HeaderMap, body: String) -> Response {
    let mut world = lock(&world);
    let target = headers
        .get("x-amz-target")
        .and_then(|v| v.to_str().ok())
        .and_then(|target| target.strip_prefix("AmazonSQS."))
        .unwrap_or_default()
        .to_owned();
    world.calls.push(target.clone());
    let asked: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
    let answer = match target.as_str() {
        "ReceiveMessage" => world.receive(&asked),
        "DeleteMessageBatch" => world.each(&asked, |world, id, _| {
            world.messages.retain(|message| message.id != id);
        }),
        "ChangeMessageVisibilityBatch" => world.each(&asked, |world, id, entry| {
            let until =
                world.clock.now() + Duration::seconds(entry["VisibilityTimeout"].as_i64().unwrap_or(0));
            for message in world.messages.iter_mut().filter(|message| message.id == id) {
                message.visible_at = until;
            }
        }),
        _ => json!({"__type": "com.amazonaws.sqs#UnsupportedOperation", "message": target}),
    };
    let status = if answer.get("__type").is_some() {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::OK
    };
    (
        status,
        [(header::CONTENT_TYPE, "application/x-amz-json-1.0")],
        answer.to_string(),
    )
        .into_response()
}

impl World {
    fn receive(&mut self, asked: &Value) -> Value {
        let now = self.clock.now();
        let most = usize::try_from(asked["MaxNumberOfMessages"].as_u64().unwrap_or(1)).unwrap_or(1);
        let hidden = Duration::seconds(asked["VisibilityTimeout"].as_i64().unwrap_or(30));
        let mut told = Vec::new();
        for message in self
            .messages
            .iter_mut()
            .filter(|message| message.visible_at <= now)
            .take(most)
        {
            message.visible_at = now + hidden;
            message.received += 1;
            told.push(json!({"MessageId": message.id, "Body": message.body,
                "ReceiptHandle": format!("{}|{}", message.id, message.received),
                "Attributes": {"ApproximateReceiveCount": message.received.to_string()}}));
        }
        json!({"Messages": told})
    }

    /// Does something with the message of each entry whose receipt is the last one given.
    fn each(&mut self, asked: &Value, act: impl Fn(&mut Self, &str, &Value)) -> Value {
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for entry in asked["Entries"].as_array().into_iter().flatten() {
            let receipt = entry["ReceiptHandle"].as_str().unwrap_or_default();
            let (id, given) = receipt.split_once('|').unwrap_or_default();
            let current = self
                .messages
                .iter()
                .any(|message| message.id == id && message.received.to_string() == given);
            if current {
                act(self, id, entry);
                done.push(json!({"Id": entry["Id"]}));
            } else {
                failed
                    .push(json!({"Id": entry["Id"], "Code": "ReceiptHandleIsInvalid", "SenderFault": true}));
            }
        }
        json!({"Successful": done, "Failed": failed})
    }
}
