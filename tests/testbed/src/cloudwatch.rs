//! A CloudWatch Logs of our own: FilterLogEvents, DescribeLogGroups and ListTagsForResource over the real wire protocol (JSON 1.1), the
//! ways in which they are difficult, and an STS that gives a role's credentials for its external id and says whose credentials they are.
//!
//! Events become visible late and out of order; pages are partial, or empty with a token; tokens and credentials expire; calls are
//! throttled; answers trickle, stall and break off; ids are long strings. The emulator `moto` has none of this.

use crate::slow::{self, Slow};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
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
#[derive(Debug)]
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
    /// By name; the events by their time, and by their number where they have the same.
    groups: BTreeMap<String, BTreeMap<(i64, u64), Arc<Stored>>>,
    denied: BTreeSet<String>,
    throttled: usize,
    page_size: usize,
    groups_a_page: usize,
    empty_pages: usize,
    put: u64,
    tokens_given: u64,
    /// By the number of the token; the oldest expire.
    pages: BTreeMap<u64, Pages>,
    calls: usize,
    earliest_start: Option<i64>,
    tags: BTreeMap<String, BTreeMap<String, String>>,
    /// The external id that each role asks for.
    roles: BTreeMap<String, String>,
    /// The account of whoever comes without a role.
    account: Option<String>,
    /// Who asked where: access key and region.
    callers: BTreeSet<(String, String)>,
    /// The groups in the order in which they were asked for.
    asked: Vec<String>,
    failing: usize,
    expired: bool,
    slow: Option<(usize, Slow)>,
}

/// What tokens begin with, and how many there are before the oldest expires.
const TOKEN: &str = "Bxkq6kVGFtq2y_Moigeqscl";
const TOKENS: usize = 1_000;

/// Where in a list somebody is who pages through it. On AWS a token can be used again, too, until it expires.
#[derive(Debug, Clone)]
struct Pages {
    empty: usize,
    events: Arc<[Arc<Stored>]>,
    from: usize,
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
            groups_a_page: 2,
            empty_pages: 0,
            put: 0,
            tokens_given: 0,
            pages: BTreeMap::new(),
            calls: 0,
            earliest_start: None,
            tags: BTreeMap::new(),
            roles: BTreeMap::new(),
            account: None,
            callers: BTreeSet::new(),
            asked: Vec::new(),
            failing: 0,
            expired: false,
            slow: None,
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
        let (at_ms, number) = (at.timestamp_millis(), world.put);
        let event = Arc::new(Stored {
            at_ms,
            visible_at,
            id,
            stream: stream.to_owned(),
            message: message.to_owned(),
        });
        let events = world.groups.entry(group.to_owned()).or_default();
        events.insert((at_ms, number), event);
    }

    /// Gives a log group a tag.
    pub fn tag(&self, group: &str, key: &str, value: &str) {
        let mut world = lock(&self.world);
        let tags = world.tags.entry(group.to_owned()).or_default();
        tags.insert(key.to_owned(), value.to_owned());
    }

    /// A role that may be assumed by whoever knows its external id.
    pub fn trust(&self, role_arn: &str, external_id: &str) {
        lock(&self.world)
            .roles
            .insert(role_arn.to_owned(), external_id.to_owned());
    }

    /// Says from now on that whoever comes without a role is of this account; before, nothing is said.
    pub fn identify(&self, account: &str) {
        lock(&self.world).account = Some(account.to_owned());
    }

    /// Who asked where so far: access key and region.
    #[must_use]
    pub fn callers(&self) -> BTreeSet<(String, String)> {
        lock(&self.world).callers.clone()
    }

    /// The groups that events were asked of, in order, since this was last asked.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.world).asked)
    }

    /// The next `calls` calls are answered with 500.
    pub fn fail_next(&self, calls: usize) {
        lock(&self.world).failing = calls;
    }

    /// Whether every call is refused since the credentials of the caller have expired.
    pub fn expire_credentials(&self, expired: bool) {
        lock(&self.world).expired = expired;
    }

    /// The bodies of the next `calls` good answers come so.
    pub fn slow_next(&self, calls: usize, slow: Slow) {
        lock(&self.world).slow = Some((calls, slow));
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

    /// Gives pages of at most `size` groups; of 2 where nothing is said, and AWS gives 50.
    pub fn groups_a_page(&self, size: usize) {
        lock(&self.world).groups_a_page = size;
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
    if body.starts_with("Action=AssumeRole") {
        return assume_role(&mut lock(&world), &body);
    }
    if body.starts_with("Action=GetCallerIdentity") {
        return caller_identity(&lock(&world));
    }
    note_caller(&mut lock(&world), &headers);
    let is_failing = {
        let mut world = lock(&world);
        let failing = world.failing > 0;
        world.failing = world.failing.saturating_sub(1);
        failing
    };
    if is_failing {
        return (StatusCode::INTERNAL_SERVER_ERROR, JSON, "{}".to_owned()).into_response();
    }
    if lock(&world).expired {
        let refusal = refuse(
            "ExpiredTokenException",
            "The security token included in the request is expired",
        );
        return (StatusCode::BAD_REQUEST, JSON, refusal.to_string()).into_response();
    }
    let outcome = match target {
        "Logs_20140328.FilterLogEvents" => filter_log_events(&mut lock(&world), &body),
        "Logs_20140328.DescribeLogGroups" => describe_log_groups(&mut lock(&world), &body),
        "Logs_20140328.ListTagsForResource" => list_tags(&mut lock(&world), &body),
        other => Err(refuse("UnknownOperationException", other)),
    };
    match outcome {
        Ok(answer) => {
            let text = answer.to_string();
            match slow::next(&mut lock(&world).slow) {
                Some(slow) => (StatusCode::OK, JSON, slow::body(&text, slow)).into_response(),
                None => (StatusCode::OK, JSON, text).into_response(),
            }
        }
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
    world.asked.push(group.to_owned());
    let start = body["startTime"].as_i64().unwrap_or(0);
    world.earliest_start = Some(world.earliest_start.map_or(start, |earliest| earliest.min(start)));
    let pages = match body["nextToken"].as_str() {
        None => Pages {
            empty: world.empty_pages,
            events: world.select(group, start, body["endTime"].as_i64())?,
            from: 0,
        },
        Some(token) => token
            .strip_prefix(TOKEN)
            .and_then(|number| world.pages.get(&number.parse().ok()?).cloned())
            .ok_or_else(|| refuse("InvalidParameterException", "The specified nextToken is invalid."))?,
    };
    let size = if pages.empty > 0 { 0 } else { world.page_size };
    let until = pages.events.len().min(pages.from + size);
    let shown = pages.events[pages.from..until].iter();
    let mut answer =
        json!({"events": shown.map(|event| event.wire()).collect::<Vec<_>>(), "searchedLogStreams": []});
    if pages.empty > 0 || until < pages.events.len() {
        world.tokens_given += 1;
        answer["nextToken"] = format!("{TOKEN}{}", world.tokens_given).into();
        let left = Pages {
            empty: pages.empty.saturating_sub(1),
            from: until,
            ..pages
        };
        world.pages.insert(world.tokens_given, left);
        if world.pages.len() > TOKENS {
            world.pages.pop_first();
        }
    }
    Ok(answer)
}

/// `Credential=<access key>/<date>/<region>/…` of the signature.
fn note_caller(world: &mut World, headers: &HeaderMap) {
    let signed = headers
        .get("authorization")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let parts: Vec<&str> = signed
        .split_once("Credential=")
        .map(|(_, rest)| rest.splitn(4, '/').collect())
        .unwrap_or_default();
    if let [key, _, region, ..] = parts[..] {
        world.callers.insert((key.to_owned(), region.to_owned()));
    }
}

fn assume_role(world: &mut World, form: &str) -> Response {
    let xml = [(header::CONTENT_TYPE, "text/xml")];
    let field = |name: &str| {
        form.split('&')
            .find_map(|pair| pair.strip_prefix(&format!("{name}=")))
            .unwrap_or_default()
            .replace("%3A", ":")
            .replace("%2F", "/")
    };
    let role = field("RoleArn");
    if world.roles.get(&role) != Some(&field("ExternalId")) {
        let refusal = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not trusted</Message></Error></ErrorResponse>";
        return (StatusCode::FORBIDDEN, xml, refusal.to_owned()).into_response();
    }
    let account = role.split(':').nth(4).unwrap_or_default();
    let answer = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>ASIA{account}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>\
         <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>A:w</AssumedRoleId>\
         <Arn>{role}/w</Arn></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
    );
    (StatusCode::OK, xml, answer).into_response()
}

fn caller_identity(world: &World) -> Response {
    let xml = [(header::CONTENT_TYPE, "text/xml")];
    let Some(account) = &world.account else {
        let refusal = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>unknown</Message></Error></ErrorResponse>";
        return (StatusCode::FORBIDDEN, xml, refusal.to_owned()).into_response();
    };
    let answer = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::{account}:user/watchkeeper</Arn><UserId>AIDA</UserId><Account>{account}</Account>\
         </GetCallerIdentityResult></GetCallerIdentityResponse>"
    );
    (StatusCode::OK, xml, answer).into_response()
}

/// Two groups a page, so that there are pages.
fn describe_log_groups(world: &mut World, body: &str) -> Result<Value, Value> {
    world.calls += 1;
    let body: Value =
        serde_json::from_str(body).map_err(|e| refuse("SerializationException", &e.to_string()))?;
    let prefix = body["logGroupNamePrefix"].as_str().unwrap_or_default();
    let from: usize = body["nextToken"]
        .as_str()
        .and_then(|token| token.parse().ok())
        .unwrap_or(0);
    let size = world.groups_a_page;
    let names: Vec<&String> = world
        .groups
        .keys()
        .filter(|name| name.starts_with(prefix))
        .collect();
    let told: Vec<Value> = names
        .iter()
        .skip(from)
        .take(size)
        .map(|name| json!({"logGroupName": name, "arn": format!("arn:aws:logs:r:a:log-group:{name}:*")}))
        .collect();
    let mut answer = json!({"logGroups": told});
    if from + size < names.len() {
        answer["nextToken"] = (from + size).to_string().into();
    }
    Ok(answer)
}

fn list_tags(world: &mut World, body: &str) -> Result<Value, Value> {
    world.calls += 1;
    let body: Value =
        serde_json::from_str(body).map_err(|e| refuse("SerializationException", &e.to_string()))?;
    let arn = body["resourceArn"].as_str().unwrap_or_default();
    let name = arn
        .strip_prefix("arn:aws:logs:r:a:log-group:")
        .unwrap_or_default();
    Ok(json!({"tags": world.tags.get(name).cloned().unwrap_or_default()}))
}

impl World {
    fn select(&self, group: &str, start: i64, end: Option<i64>) -> Result<Arc<[Arc<Stored>]>, Value> {
        let now = self.clock.now();
        let stored = self.groups.get(group).ok_or_else(|| {
            refuse(
                "ResourceNotFoundException",
                "The specified log group does not exist.",
            )
        })?;
        let until = end.unwrap_or(i64::MAX);
        if start > until {
            return Ok(Arc::default());
        }
        let within = stored.range((start, 0)..=(until, u64::MAX));
        let visible = within.filter(|(_, event)| event.visible_at <= now);
        Ok(visible.map(|(_, event)| Arc::clone(event)).collect())
    }
}

impl Stored {
    fn wire(&self) -> Value {
        json!({"logStreamName": self.stream, "timestamp": self.at_ms, "message": self.message,
            "ingestionTime": self.visible_at.timestamp_millis(), "eventId": self.id})
    }
}
