//! A Kinesis of our own: ListShards, GetShardIterator and GetRecords over the real wire protocol, with shards that split and merge,
//! iterators that expire, empty answers before the end, and throttling.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use watchkeeper_domain::clock::Clock;

/// A running Kinesis with one stream; it stops when this is dropped.
#[derive(Debug)]
pub struct Kinesis {
    world: Shared,
    /// Where it answers, for `endpoint_url`.
    pub endpoint_url: String,
    task: tokio::task::JoinHandle<()>,
}

type Shared = Arc<Mutex<World>>;

#[derive(Debug)]
struct World {
    clock: Arc<dyn Clock>,
    shards: BTreeMap<String, Shard>,
    put: u64,
    iterators: HashMap<String, (String, usize)>,
    given: u64,
    throttled: usize,
    most: usize,
    calls: Vec<String>,
}

#[derive(Debug, Default)]
struct Shard {
    parents: Vec<String>,
    records: Vec<(String, DateTime<Utc>, String)>,
    closed: bool,
}

fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kinesis {
    /// Starts one on a free port of loopback, with the shards of these names; `clock` says when records arrive.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start(clock: Arc<dyn Clock>, shards: &[&str]) -> Self {
        let shards = shards.iter().map(|id| ((*id).to_owned(), Shard::default()));
        let world = Arc::new(Mutex::new(World {
            clock,
            shards: shards.collect(),
            put: 0,
            iterators: HashMap::new(),
            given: 0,
            throttled: 0,
            most: 10_000,
            calls: Vec::new(),
        }));
        let app = Router::new().route("/", post(call)).with_state(world.clone());
        let (endpoint_url, task) = crate::loopback::serve(app).await;
        Self {
            world,
            endpoint_url,
            task,
        }
    }

    /// Puts a record into a shard; `data` is base64.
    ///
    /// # Panics
    /// When there is no such shard, or it is closed.
    pub fn put(&self, shard: &str, data: &str) {
        let mut world = lock(&self.world);
        world.put += 1;
        let (number, now) = (format!("{:056}", world.put), world.clock.now());
        let shard = world.shards.get_mut(shard).expect("the shard is there");
        assert!(!shard.closed, "a closed shard takes no records");
        shard.records.push((number, now, data.to_owned()));
    }

    /// Closes shards and opens others in their place: a split has one parent, a merge two.
    ///
    /// # Panics
    /// When a parent is not there.
    pub fn reshard(&self, parents: &[&str], children: &[&str]) {
        let mut world = lock(&self.world);
        for parent in parents {
            world.shards.get_mut(*parent).expect("the parent is there").closed = true;
        }
        for child in children {
            let shard = Shard {
                parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
                ..Shard::default()
            };
            world.shards.insert((*child).to_owned(), shard);
        }
    }

    /// Takes a shard away whose records have all expired.
    pub fn expire_shard(&self, shard: &str) {
        lock(&self.world).shards.remove(shard);
    }

    /// Forgets every iterator that was given.
    pub fn expire_iterators(&self) {
        lock(&self.world).iterators.clear();
    }

    /// The next `calls` calls are refused for coming too often.
    pub fn throttle_next(&self, calls: usize) {
        lock(&self.world).throttled = calls;
    }

    /// Gives at most so many records at a time, and an empty answer with an iterator before each.
    pub fn page_size(&self, most: usize) {
        lock(&self.world).most = most;
    }

    /// How often an operation was called.
    #[must_use]
    pub fn calls(&self, operation: &str) -> usize {
        let world = lock(&self.world);
        world.calls.iter().filter(|call| *call == operation).count()
    }
}

impl Drop for Kinesis {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn refuse(code: &str, message: &str) -> Value {
    json!({"__type": code, "message": message})
}

async fn call(State(world): State<Shared>, headers: HeaderMap, body: String) -> Response {
    let mut world = lock(&world);
    let target = headers
        .get("x-amz-target")
        .and_then(|v| v.to_str().ok())
        .and_then(|target| target.strip_prefix("Kinesis_20131202."))
        .unwrap_or_default()
        .to_owned();
    world.calls.push(target.clone());
    let asked: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
    let outcome = if world.throttled > 0 {
        world.throttled -= 1;
        Err(refuse(
            "ProvisionedThroughputExceededException",
            "Rate exceeded for shard",
        ))
    } else {
        match target.as_str() {
            "ListShards" => Ok(world.list_shards()),
            "GetShardIterator" => world.shard_iterator(&asked),
            "GetRecords" => world.records(&asked),
            other => Err(refuse("UnknownOperationException", other)),
        }
    };
    let kind = [(header::CONTENT_TYPE, "application/x-amz-json-1.1")];
    match outcome {
        Ok(answer) => (StatusCode::OK, kind, answer.to_string()).into_response(),
        Err(refusal) => (StatusCode::BAD_REQUEST, kind, refusal.to_string()).into_response(),
    }
}

impl World {
    fn list_shards(&self) -> Value {
        let range = json!({"StartingHashKey": "0", "EndingHashKey": "1"});
        let shards: Vec<Value> = self
            .shards
            .iter()
            .map(|(id, shard)| {
                let mut told = json!({"ShardId": id, "HashKeyRange": range, "SequenceNumberRange": {"StartingSequenceNumber": "0"}});
                for (name, parent) in ["ParentShardId", "AdjacentParentShardId"].iter().zip(&shard.parents) {
                    told[*name] = parent.as_str().into();
                }
                told
            })
            .collect();
        json!({"Shards": shards})
    }

    fn give(&mut self, shard: &str, from: usize) -> String {
        self.given += 1;
        let iterator = format!("AAAAAAAAAA{}", self.given);
        self.iterators.insert(iterator.clone(), (shard.to_owned(), from));
        iterator
    }

    fn shard_iterator(&mut self, asked: &Value) -> Result<Value, Value> {
        let id = asked["ShardId"].as_str().unwrap_or_default().to_owned();
        let shard = self
            .shards
            .get(&id)
            .ok_or_else(|| refuse("ResourceNotFoundException", "no such shard"))?;
        let position = |found: Option<usize>| found.unwrap_or(shard.records.len());
        let from = match asked["ShardIteratorType"].as_str().unwrap_or_default() {
            "TRIM_HORIZON" => 0,
            "AFTER_SEQUENCE_NUMBER" => {
                let number = asked["StartingSequenceNumber"].as_str().unwrap_or_default();
                position(
                    shard
                        .records
                        .iter()
                        .position(|(other, ..)| other.as_str() > number),
                )
            }
            "AT_TIMESTAMP" => {
                let seconds = asked["Timestamp"].as_f64().unwrap_or(0.0);
                let reached = |at: &DateTime<Utc>| at.timestamp_millis() as f64 / 1_000.0 >= seconds;
                position(shard.records.iter().position(|(_, at, _)| reached(at)))
            }
            other => return Err(refuse("InvalidArgumentException", other)),
        };
        Ok(json!({"ShardIterator": self.give(&id, from)}))
    }

    fn records(&mut self, asked: &Value) -> Result<Value, Value> {
        let iterator = asked["ShardIterator"].as_str().unwrap_or_default();
        let (id, from) = self
            .iterators
            .remove(iterator)
            .ok_or_else(|| refuse("ExpiredIteratorException", "Iterator expired."))?;
        let most = usize::try_from(asked["Limit"].as_u64().unwrap_or(10_000)).unwrap_or(10_000);
        let shard = self
            .shards
            .get(&id)
            .ok_or_else(|| refuse("ResourceNotFoundException", "no such shard"))?;
        let until = shard.records.len().min(from + most.min(self.most));
        let told: Vec<Value> = shard.records[from..until]
            .iter()
            .map(|(number, at, data)| {
                json!({"SequenceNumber": number, "ApproximateArrivalTimestamp": at.timestamp(), "Data": data, "PartitionKey": "p"})
            })
            .collect();
        let behind = until < shard.records.len();
        let is_over = shard.closed && !behind;
        let mut answer = json!({"Records": told, "MillisBehindLatest": if behind { 1_000 } else { 0 }});
        if !is_over {
            answer["NextShardIterator"] = self.give(&id, until).into();
        }
        Ok(answer)
    }
}
