//! A house to test in, and browsers and programs that visit it.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use tower::ServiceExt;
use watchkeeper_api::{ApiState, router};
use watchkeeper_deliver::Party;
use watchkeeper_detect::{DetectorSet, Limits, RuleFile};
use watchkeeper_domain::access::{AccessRole, User};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::clock::{Clock as _, ManualClock};
use watchkeeper_domain::event::EntityFields;
use watchkeeper_domain::incident::Severity;
use watchkeeper_domain::notice::Sender;
use watchkeeper_domain::page::{PagingPolicy, PagingStep};
use watchkeeper_domain::regulator::RegulatorContact;
use watchkeeper_domain::span::Span;
use watchkeeper_respond::operations::people::NewAccount;
use watchkeeper_respond::workers::watch::{ReloadBell, RuleFiles, Watch};
use watchkeeper_respond::{Desk, House, Library};
use watchkeeper_store::{DatabaseConfig, Store};

pub(crate) const RULE: &str = "title: Failed sign-ins\nid: 6a9e4c5e-0001-4000-8000-000000000001\nlevel: high\nlogsource:\n  category: authentication\n\
detection:\n  selection:\n    outcome: failed\n  condition: selection\n";

/// The topic over which SES reports.
pub(crate) const SES_TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:ses";

pub(crate) fn start() -> DateTime<Utc> {
    "2026-06-01T08:00:00Z".parse().expect("an instant")
}

/// One installation.
pub(crate) struct Place {
    pub(crate) desk: Desk,
    pub(crate) state: ApiState,
    pub(crate) clock: Arc<ManualClock>,
    /// The rules of the installation, as somebody edits them.
    pub(crate) rules: RuleFolder,
    pub(crate) watch: Watch,
    router: Router,
    _dir: tempfile::TempDir,
}

/// How an installation differs from the usual one.
pub(crate) struct Setting {
    pub(crate) base_url: &'static str,
    pub(crate) demo: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            base_url: "http://127.0.0.1:7700",
            demo: false,
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text))
    }

    /// The JSON of an answer that must have this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("text"))
            .unwrap_or_default()
    }
}

/// Somebody who visits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Visitor {
    /// Sent with every request.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) user: String,
}

/// What reading the files of the rules gives.
type Reading = Result<Vec<RuleFile>, String>;

/// A folder of rules in the test's hands.
#[derive(Clone, Default, Debug)]
pub(crate) struct RuleFolder {
    files: Arc<Mutex<Option<Reading>>>,
    pub(crate) bell: ReloadBell,
}

impl RuleFolder {
    pub(crate) fn hold(&self, files: Result<Vec<RuleFile>, String>) {
        *self.files.lock().expect("a folder") = Some(files);
    }
}

impl RuleFiles for RuleFolder {
    fn mark(&self) -> Result<String, String> {
        self.read().map(|files| format!("{files:?}"))
    }

    fn read(&self) -> Result<Vec<RuleFile>, String> {
        let files = self.files.lock().expect("a folder");
        files.clone().unwrap_or_else(|| Ok(Vec::new()))
    }
}

impl Visitor {
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut other = self.clone();
        other.headers.insert(name.to_owned(), value.to_owned());
        other
    }

    pub(crate) fn without(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.headers.remove(name);
        other
    }
}

impl Place {
    pub(crate) async fn open() -> Self {
        Self::open_as(Setting::default()).await
    }

    pub(crate) async fn open_as(setting: Setting) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}", dir.path().join("watchkeeper.db").display());
        let store = Store::open(&DatabaseConfig { url }).await.expect("a store");
        store.migrate().await.expect("tables");
        let clock = Arc::new(ManualClock::at(start()));
        let desk = Desk::open(store, clock.clone(), house(&setting))
            .await
            .expect("a desk");
        let rule = RuleFile::new("failed.yaml", RULE);
        let rules = RuleFolder::default();
        rules.hold(Ok(vec![rule.clone()]));
        let engine = DetectorSet::load([rule.clone()], EntityFields::default(), Limits::default());
        let watch = Watch::open(desk.clone(), Vec::new(), engine, None)
            .await
            .expect("a watch")
            .following(Arc::new(rules.clone()), &[rule], rules.bell.clone());
        let state = ApiState::new(desk.clone(), watch.board(), "0.0.0-test");
        state.working.store(true, Ordering::Relaxed);
        Self {
            router: router(state.clone()),
            desk,
            state,
            clock,
            rules,
            watch,
            _dir: dir,
        }
    }

    /// The same installation with another state, such as with receivers.
    pub(crate) fn rebuilt(mut self, state: ApiState) -> Self {
        self.router = router(state.clone());
        self.state = state;
        self
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self._dir.path()
    }

    pub(crate) async fn raw(
        &self,
        visitor: &Visitor,
        method: &str,
        path: &str,
        body: Body,
    ) -> Response<Body> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "127.0.0.1:7700");
        for (name, value) in &visitor.headers {
            if name != "peer" {
                request = request.header(name, value);
            }
        }
        let mut request = request.body(body).expect("a request");
        let peer = visitor
            .headers
            .get("peer")
            .map_or("192.0.2.7:40000", String::as_str);
        let peer: SocketAddr = peer.parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(peer));
        self.router.clone().oneshot(request).await.expect("an answer")
    }

    pub(crate) async fn send(
        &self,
        visitor: &Visitor,
        method: &str,
        path: &str,
        body: impl Into<Body>,
    ) -> Answer {
        let response = self.raw(visitor, method, path, body.into()).await;
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 64 * 1024 * 1024).await.expect("a body");
        Answer {
            status: parts.status,
            headers: parts.headers,
            // What is no text, such as protobuf, has marks in it.
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    pub(crate) async fn get(&self, visitor: &Visitor, path: &str) -> Answer {
        self.send(visitor, "GET", path, Body::empty()).await
    }

    pub(crate) async fn write(&self, visitor: &Visitor, method: &str, path: &str, body: Value) -> Answer {
        self.send(
            &visitor.with("content-type", "application/json"),
            method,
            path,
            body.to_string(),
        )
        .await
    }

    pub(crate) async fn post(&self, visitor: &Visitor, path: &str, body: Value) -> Answer {
        self.write(visitor, "POST", path, body).await
    }

    pub(crate) async fn form(&self, visitor: &Visitor, path: &str, fields: &[(&str, &str)]) -> Answer {
        let visitor = visitor.with("content-type", "application/x-www-form-urlencoded");
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        self.send(&visitor, "POST", path, form.extend_pairs(fields).finish())
            .await
    }

    /// Somebody with an account, whose password is theirs already.
    pub(crate) async fn account(&self, name: &str, roles: &[AccessRole]) -> (User, String) {
        let account = NewAccount {
            email: format!("{name}@example.com"),
            name: name.to_owned(),
            roles: roles.iter().copied().collect(),
        };
        let (mut user, password) = self
            .desk
            .add_user(account, &Actor::Operator)
            .await
            .expect("an account");
        user.must_change_password = false;
        let mut tx = self.desk.store().begin().await.expect("begins");
        tx.update_user(&user).await.expect("changes");
        tx.commit().await.expect("commits");
        (user, password)
    }

    /// A browser signed in with an account's password.
    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> Visitor {
        let answer = self
            .form(
                &Visitor::default(),
                "/login",
                &[("email", email), ("password", password)],
            )
            .await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        let cookie = answer
            .header("set-cookie")
            .split(';')
            .next()
            .expect("a cookie")
            .to_owned();
        let visitor = Visitor::default().with("cookie", &cookie);
        let session = self.get(&visitor, "/api/v1/session").await.expect(200);
        let csrf = session["csrf"].as_str().expect("a token");
        Visitor {
            user: session["user"]["id"].as_str().expect("an id").to_owned(),
            ..visitor.with("x-csrf-token", csrf)
        }
    }

    /// Somebody with these roles, signed in.
    pub(crate) async fn person(&self, name: &str, roles: &[AccessRole]) -> Visitor {
        let (user, password) = self.account(name, roles).await;
        self.sign_in(&user.email, &password).await
    }

    /// A declared incident.
    pub(crate) async fn incident(&self, by: &Visitor, title: &str) -> Value {
        let body = json!({"title": title, "severity": "sev2", "summary": "Seen in the logs."});
        self.post(by, "/api/v1/incidents", body).await.expect(201)
    }

    /// The path of an incident that was declared.
    pub(crate) async fn room(&self, by: &Visitor) -> String {
        let view = self.incident(by, "Odd downloads").await;
        path_of("incidents", &view["incident"])
    }

    /// Puts a customer on the list of an incident.
    pub(crate) async fn list(&self, by: &Visitor, room: &str, customer: &Value, standing: &str) {
        let listed = json!({
            "customer": customer["id"], "standing": standing, "evidence": "its tenant is in the log",
        });
        self.post(by, &format!("{room}/affected"), listed)
            .await
            .expect(200);
    }

    /// Confirms the disclosure of an incident.
    pub(crate) async fn confirm(&self, by: &Visitor, room: &str) -> Value {
        let why = json!({"why": "the log shows downloads"});
        self.post(by, &format!("{room}/disclosure/confirm"), why)
            .await
            .expect(200)
    }

    /// A full notice that waits for a second person: its path and its view.
    pub(crate) async fn submitted(&self, by: &Visitor, room: &str) -> (String, Value) {
        let begun = json!({"kind": "full", "facts": facts()});
        let begun = self.post(by, &format!("{room}/notices"), begun).await.expect(201);
        let path = path_of("notices", &begun["notice"]);
        let submitted = self
            .post(by, &format!("{path}/submit"), json!({}))
            .await
            .expect(200);
        (path, submitted)
    }

    /// A customer of this name with one tenant.
    pub(crate) async fn customer(&self, by: &Visitor, key: &str) -> Value {
        self.customer_reading(by, key, "en").await
    }

    /// The same, with its language.
    pub(crate) async fn customer_reading(&self, by: &Visitor, key: &str, language: &str) -> Value {
        let body = json!({
            "name": format!("{key} Ltd"), "tenants": [format!("t-{key}")], "notify_within": null, "contract": "", "language": language,
            "contacts": [{"name": "Security", "email": format!("security@{key}.example"), "role": "security"}],
        });
        self.write(by, "PUT", &format!("/api/v1/customers/{key}"), body)
            .await
            .expect(200)
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

/// The kinds of reports about mail that were counted and changed nothing.
pub(crate) fn kinds_of(tallies: &Value) -> Vec<&str> {
    let items = tallies["items"].as_array().expect("tallies");
    items.iter().filter_map(|tally| tally["kind"].as_str()).collect()
}

/// Where something of a collection is.
pub(crate) fn path_of(collection: &str, of: &Value) -> String {
    format!("/api/v1/{collection}/{}", of["id"].as_str().expect("an id"))
}

/// What a full notice says.
pub(crate) fn facts() -> Value {
    json!({
        "what_happened": "A key was stolen <script>", "what_information": "Invoices of May",
        "likely_consequences": "Forged invoices", "what_we_did": "We revoked the key",
        "what_you_should_do": "Watch your invoices",
    })
}

fn house(setting: &Setting) -> House {
    let step = |person: &str| PagingStep {
        people: vec![person.to_owned()],
        topics: Vec::new(),
        wait: Span::minutes(5),
    };
    House {
        base_url: setting.base_url.to_owned(),
        sender: Sender {
            company: "Example Files".to_owned(),
            contact: "security@example.com".to_owned(),
            check_at: "https://example.com/notices".to_owned(),
        },
        regulator: RegulatorContact {
            name: Some("Dana Protect".to_owned()),
            email: Some("dpo@example.com".to_owned()),
            ..RegulatorContact::default()
        },
        dkim: None,
        mail_pace: watchkeeper_domain::delivery::pace::Pace::default(),
        bounces: Some("bounces.example.com".to_owned()),
        ses_topics: vec![SES_TOPIC.parse().expect("an ARN")],
        mail_from: Party {
            name: Some("Watchkeeper".to_owned()),
            address: "watchkeeper@example.com".to_owned(),
        },
        paging: PagingPolicy {
            steps: vec![step("oncall@example.com")],
        },
        executives: Vec::new(),
        change_notice: watchkeeper_domain::change::NOTICE_TIME,
        drill: watchkeeper_domain::drill::DrillPolicy::default(),
        topics: BTreeMap::new(),
        join_within: Span::hours(1),
        preflight: Default::default(),
        contacts: Default::default(),
        seal_every: Span::minutes(5),
        witnesses: Vec::new(),
        open_incident_at: Severity::Sev2,
        library: library(),
        entities: watchkeeper_domain::event::EntityFields::default(),
        sources: std::collections::BTreeMap::new(),
        demo: setting.demo,
    }
}

/// The letters and rules that are shipped; counsel has read two of the rules.
fn library() -> Library {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../playbooks");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path
                    .strip_prefix(&root)
                    .expect("below")
                    .to_string_lossy()
                    .into_owned();
                files.push((name, std::fs::read_to_string(&path).expect("text")));
            }
        }
    }
    let mut library = Library::read(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    assert_eq!(library.faults, []);
    assert_eq!(
        library.enable(&["gdpr.33_1", "eu.nis2_23", "us.sec_105"].map(str::to_owned)),
        Vec::<String>::new()
    );
    library
}
