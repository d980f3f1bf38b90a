//! A GuardDuty of our own: the real wire protocol (REST with JSON), with pages, also empty ones with a token, throttling, 5xx and
//! credentials that have expired on demand, answers that trickle, stall and break off, and findings that recur and show late.
//!
//! No emulator has ListFindings and GetFindings, so this is what the real SDK talks to in tests.

use crate::slow::{self, Slow};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The one detector of the region.
pub const DETECTOR_ID: &str = "12abc34d567e8fa901bc2d34e56789f0";

/// A running GuardDuty; it stops when this is dropped.
#[derive(Debug)]
pub struct GuardDuty {
    world: Shared,
    /// Where it answers, for `endpoint_url`.
    pub endpoint_url: String,
    task: tokio::task::JoinHandle<()>,
}

type Shared = Arc<Mutex<World>>;

#[derive(Debug, Default)]
struct World {
    /// The present version of each finding.
    findings: BTreeMap<String, Value>,
    disabled: bool,
    /// What is put and is not shown yet; none while everything is shown at once.
    held_back: Option<BTreeMap<String, Value>>,
    throttled: usize,
    failing: usize,
    expired: bool,
    denied: bool,
    page_size: Option<usize>,
    empty_pages: usize,
    /// What is left of the lists that are being paged through.
    pages: HashMap<String, Pages>,
    tokens_given: u64,
    calls: Vec<String>,
    slow: Option<(usize, Slow)>,
}

/// What is left of a list that is being paged through, behind so many empty pages.
#[derive(Debug)]
struct Pages {
    empty: usize,
    ids: Vec<String>,
}

fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An instant as GuardDuty writes it.
fn wire(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl GuardDuty {
    /// Starts one on a free port of loopback, with one detector and no findings.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start() -> Self {
        let world = Shared::default();
        let app = Router::new()
            .route("/detector", get(list_detectors))
            .route("/detector/{detector}/findings", post(list_findings))
            .route("/detector/{detector}/findings/get", post(get_findings))
            .with_state(world.clone());
        let (endpoint_url, task) = crate::loopback::serve(app).await;
        Self {
            world,
            endpoint_url,
            task,
        }
    }

    /// Puts a finding as it is; it needs at least `id` and `updatedAt`. One with the same id is replaced.
    ///
    /// # Panics
    /// When it has no `id`.
    pub fn put(&self, finding: Value) {
        let id = finding["id"].as_str().expect("a finding has an id").to_owned();
        let mut world = lock(&self.world);
        match &mut world.held_back {
            Some(held_back) => held_back.insert(id, finding),
            None => world.findings.insert(id, finding),
        };
    }

    /// Puts a finding of a usual shape, about an access key used from `address`.
    pub fn put_finding(&self, id: &str, kind: &str, severity: f64, at: DateTime<Utc>, address: &str) {
        self.put(finding(id, kind, severity, at, address));
    }

    /// A finding happens again: it keeps its id, its count rises, and the actor's details are replaced.
    ///
    /// # Panics
    /// When there is no such finding.
    pub fn recur(&self, id: &str, at: DateTime<Utc>, address: &str) {
        let world = lock(&self.world);
        let shown = world.findings.get(id).cloned();
        let held_back = world.held_back.as_ref().and_then(|held| held.get(id)).cloned();
        let mut finding = held_back.or(shown).expect("the finding was put before");
        let count = finding["service"]["count"].as_u64().unwrap_or(0);
        finding["service"]["count"] = (count + 1).into();
        finding["service"]["eventLastSeen"] = wire(at).into();
        finding["updatedAt"] = wire(at).into();
        finding["service"]["action"]["awsApiCallAction"]["remoteIpDetails"]["ipAddressV4"] = address.into();
        drop(world);
        self.put(finding);
    }

    /// What is put or recurs from now on is not shown before [`GuardDuty::show`]: updates become visible late.
    pub fn hold_back(&self) {
        lock(&self.world).held_back.get_or_insert_default();
    }

    /// Shows what was held back, with the times that it has.
    pub fn show(&self) {
        let mut world = lock(&self.world);
        let held_back = world.held_back.take().unwrap_or_default();
        world.findings.extend(held_back);
    }

    /// The next `calls` calls are answered with 500.
    pub fn fail_next(&self, calls: usize) {
        lock(&self.world).failing = calls;
    }

    /// Whether every call is refused since the credentials of the caller have expired.
    pub fn expire_credentials(&self, expired: bool) {
        lock(&self.world).expired = expired;
    }

    /// Gives so many empty pages with a token before the first ids of each list.
    pub fn empty_pages(&self, pages: usize) {
        lock(&self.world).empty_pages = pages;
    }

    /// The next `calls` calls are refused for coming too often.
    pub fn throttle_next(&self, calls: usize) {
        lock(&self.world).throttled = calls;
    }

    /// The bodies of the next `calls` good answers come so.
    pub fn slow_next(&self, calls: usize, slow: Slow) {
        lock(&self.world).slow = Some((calls, slow));
    }

    /// Whether every call is refused as not allowed.
    pub fn deny(&self, denied: bool) {
        lock(&self.world).denied = denied;
    }

    /// Whether the region has no detector.
    pub fn disable(&self, disabled: bool) {
        lock(&self.world).disabled = disabled;
    }

    /// Gives pages of at most `size` ids, whatever is asked for.
    pub fn page_size(&self, size: usize) {
        lock(&self.world).page_size = Some(size);
    }

    /// The calls so far, by operation.
    #[must_use]
    pub fn calls(&self, operation: &str) -> usize {
        lock(&self.world)
            .calls
            .iter()
            .filter(|call| *call == operation)
            .count()
    }
}

impl Drop for GuardDuty {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A finding of a usual shape, about an access key used from `address`.
#[must_use]
pub fn finding(id: &str, kind: &str, severity: f64, at: DateTime<Utc>, address: &str) -> Value {
    json!({
        "schemaVersion": "2.0",
        "accountId": "111122223333",
        "region": "eu-central-1",
        "partition": "aws",
        "id": id,
        "arn": format!("arn:aws:guardduty:eu-central-1:111122223333:detector/{DETECTOR_ID}/finding/{id}"),
        "type": kind,
        "severity": severity,
        "createdAt": wire(at),
        "updatedAt": wire(at),
        "title": "An API was invoked from an unusual address",
        "description": "APIs commonly used to read data from buckets were invoked under unusual circumstances.",
        "resource": {
            "resourceType": "AccessKey",
            "accessKeyDetails": {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "principalId": "AIDACKCEVSQ6C2EXAMPLE",
                "userName": "export", "userType": "IAMUser"},
            "s3BucketDetails": [{"name": "customer-files", "arn": "arn:aws:s3:::customer-files", "type": "Destination"}]
        },
        "service": {
            "serviceName": "guardduty",
            "detectorId": DETECTOR_ID,
            "action": {"actionType": "AWS_API_CALL", "awsApiCallAction": {
                "api": "GetObject", "serviceName": "s3.amazonaws.com", "callerType": "Remote IP",
                "remoteIpDetails": {"ipAddressV4": address, "country": {"countryName": "Netherlands"},
                    "city": {"cityName": "Amsterdam"}, "organization": {"asn": "64496", "asnOrg": "Example"}},
                "affectedResources": {}}},
            "additionalInfo": {"value": "{\"unusual\":{\"hoursOfDay\":[]}}", "type": "default"},
            "archived": false,
            "count": 1,
            "eventFirstSeen": wire(at),
            "eventLastSeen": wire(at),
            "resourceRole": "TARGET"
        }
    })
}

fn refuse(status: StatusCode, code: &'static str, message: &str) -> Response {
    let kind = [(HeaderName::from_static("x-amzn-errortype"), code)];
    (
        status,
        kind,
        axum::Json(json!({"__type": code, "message": message})),
    )
        .into_response()
}

impl World {
    /// Counts a call and refuses it when told so.
    fn admit(&mut self, operation: &str) -> Result<(), Box<Response>> {
        self.calls.push(operation.to_owned());
        if self.throttled > 0 {
            self.throttled -= 1;
            return Err(Box::new(refuse(
                StatusCode::TOO_MANY_REQUESTS,
                "ThrottlingException",
                "Rate exceeded",
            )));
        }
        if self.failing > 0 {
            self.failing -= 1;
            return Err(Box::new(refuse(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalServerErrorException",
                "An internal server error has occurred",
            )));
        }
        if self.expired {
            return Err(Box::new(refuse(
                StatusCode::FORBIDDEN,
                "ExpiredTokenException",
                "The security token included in the request is expired",
            )));
        }
        if self.denied {
            return Err(Box::new(refuse(
                StatusCode::FORBIDDEN,
                "AccessDeniedException",
                "User is not authorized to perform this action",
            )));
        }
        Ok(())
    }

    fn check_detector(&self, detector: &str) -> Result<(), Box<Response>> {
        if detector == DETECTOR_ID && !self.disabled {
            return Ok(());
        }
        Err(bad_request(
            "The request is rejected because the input detectorId is not owned by the current account.",
        ))
    }

    fn select(&self, body: &Value) -> Vec<String> {
        let since = &body["findingCriteria"]["criterion"]["updatedAt"];
        let since = since["greaterThanOrEqual"].as_i64().unwrap_or(i64::MIN);
        let updated = |finding: &Value| {
            let text = finding["updatedAt"].as_str().unwrap_or_default();
            DateTime::parse_from_rfc3339(text).map_or(i64::MIN, |at| at.timestamp_millis())
        };
        let mut selected: Vec<(i64, &String)> = self
            .findings
            .iter()
            .map(|(id, finding)| (updated(finding), id))
            .filter(|(at, _)| *at >= since)
            .collect();
        selected.sort();
        if body["sortCriteria"]["orderBy"] == "DESC" {
            selected.reverse();
        }
        selected.into_iter().map(|(_, id)| id.clone()).collect()
    }
}

fn bad_request(message: &str) -> Box<Response> {
    Box::new(refuse(StatusCode::BAD_REQUEST, "BadRequestException", message))
}

/// The answer, as slow as it is to be.
fn answer(world: &mut World, outcome: Result<Value, Box<Response>>) -> Response {
    match outcome {
        Ok(body) => match slow::next(&mut world.slow) {
            Some(slow) => {
                let kind = [(CONTENT_TYPE, "application/json")];
                (kind, slow::body(&body.to_string(), slow)).into_response()
            }
            None => axum::Json(body).into_response(),
        },
        Err(refusal) => *refusal,
    }
}

async fn list_detectors(State(world): State<Shared>) -> Response {
    let mut world = lock(&world);
    let detectors = if world.disabled { vec![] } else { vec![DETECTOR_ID] };
    let outcome = world.admit("ListDetectors");
    answer(&mut world, outcome.map(|()| json!({"detectorIds": detectors})))
}

async fn list_findings(State(world): State<Shared>, Path(detector): Path<String>, body: String) -> Response {
    let mut world = lock(&world);
    let outcome = page_of_findings(&mut world, &detector, &body);
    answer(&mut world, outcome)
}

fn page_of_findings(world: &mut World, detector: &str, body: &str) -> Result<Value, Box<Response>> {
    world.admit("ListFindings")?;
    world.check_detector(detector)?;
    let body: Value = serde_json::from_str(body).map_err(|e| bad_request(&e.to_string()))?;
    let asked = body["maxResults"].as_u64().unwrap_or(50);
    if !(1..=50).contains(&asked) {
        return Err(bad_request(
            "The request is rejected because maxResults is not between 1 and 50.",
        ));
    }
    let Pages { empty, ids: mut left } = match body["nextToken"].as_str().filter(|token| !token.is_empty()) {
        None => Pages {
            empty: world.empty_pages,
            ids: world.select(&body),
        },
        Some(token) => world
            .pages
            .remove(token)
            .ok_or_else(|| bad_request("The nextToken is not valid."))?,
    };
    let size = world
        .page_size
        .unwrap_or(50)
        .min(usize::try_from(asked).unwrap_or(50));
    let size = if empty > 0 { 0 } else { size };
    let ids = left.split_off(size.min(left.len()));
    let token = if empty == 0 && ids.is_empty() {
        String::new()
    } else {
        world.tokens_given += 1;
        let token = format!("token-{}", world.tokens_given);
        let empty = empty.saturating_sub(1);
        world.pages.insert(token.clone(), Pages { empty, ids });
        token
    };
    Ok(json!({"findingIds": left, "nextToken": token}))
}

async fn get_findings(State(world): State<Shared>, Path(detector): Path<String>, body: String) -> Response {
    let mut world = lock(&world);
    let outcome = findings_by_id(&mut world, &detector, &body);
    answer(&mut world, outcome)
}

fn findings_by_id(world: &mut World, detector: &str, body: &str) -> Result<Value, Box<Response>> {
    world.admit("GetFindings")?;
    world.check_detector(detector)?;
    let body: Value = serde_json::from_str(body).map_err(|e| bad_request(&e.to_string()))?;
    let ids = body["findingIds"].as_array().cloned().unwrap_or_default();
    if ids.is_empty() || ids.len() > 50 {
        return Err(bad_request(
            "The request is rejected because findingIds does not hold 1 to 50 ids.",
        ));
    }
    let found: Vec<&Value> = ids
        .iter()
        .filter_map(|id| world.findings.get(id.as_str()?))
        .collect();
    Ok(json!({"findings": found}))
}
