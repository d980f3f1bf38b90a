//! What befalls the company in the demo's first ten minutes: a bad release, stuffed credentials, a stolen key, copied files.
//!
//! The stuffing's successful sign-in, the calls with the stolen key, the calls in the cloud account and the finding come from
//! one address, so that their alerts join one incident. The bad release shares no actor with them and becomes its own.

use super::company::DemoCustomer;
use super::findings::{Exfiltration, Told};
use super::logs::{ACCOUNT, AwsCall, Line, LogFile, Request, assumed_role, record};
use super::scene::{API_AGENT, Dice, Scene, staff};
use chrono::{DateTime, Duration, TimeDelta, Utc};
use serde_json::{Value, json};
use std::ops::Range;

/// One step of the story, for people who want to follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// What happens, in a few words.
    pub name: &'static str,
    /// When, after the demo's start.
    pub offset: Duration,
    /// For how long.
    pub lasts: Duration,
    /// What the logs show.
    pub writes: &'static str,
    /// Titles of the shipped detectors that it trips.
    pub trips: &'static [&'static str],
}

/// From where the files are copied (TEST-NET-3).
pub(super) const THIEF: &str = "203.0.113.77";

/// From where a few passwords each are tried, too few for any one address to stand out.
const HELPERS: [&str; 4] = ["203.0.113.18", "203.0.113.42", "203.0.113.131", "203.0.113.204"];

/// The tenants whose files are copied.
pub(super) const TAKEN: [&str; 7] = [
    "t-brightwell-legal",
    "t-kessler-druck",
    "t-quillpress",
    "t-elbkontor",
    "t-lumenford",
    "t-copperleaf",
    "t-tidewater-labs",
];

/// The engineer whose reused password opens the door, and whose key reads every tenant.
const ENGINEER: &str = "dennis.kolb";
pub(super) const STOLEN_KEY: &str = "fdk_svc_7be0c41d92aa36f5";

/// The cloud user whose key lies among the files of the export tool.
const CLOUD_USER: &str = "filedrop-export";
pub(super) const CLOUD_KEY: &str = "AKIAPAPERPLANE7EXPRT";
const BUCKET: &str = "paperplane-filedrop-content";

const THIEF_AGENT: &str = "python-requests/2.32.3";

/// Seconds after the start.
const DEPLOYMENT: i64 = 60;
const SPIKE: Range<i64> = 68..308;
const ROLLBACK: i64 = 304;
const STUFFING: Range<i64> = 180..296;
/// Two customers' users and, last, the engineer: with the passwords that were stolen elsewhere.
const LET_IN: [i64; 3] = [221, 258, 284];
const THEFT: Range<i64> = 300..450;
const CLOUD: Range<i64> = 390..414;
const FINDING: i64 = 420;
const RECURRENCE: i64 = 540;
const END: i64 = 541;

/// How many times a second the thief calls the API.
const CALLS_A_SECOND: i64 = 3;

const SPIKE_DICE: u64 = 101;
const STUFFING_DICE: u64 = 102;
const THEFT_DICE: u64 = 103;

/// The story, begun at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Story {
    pub(super) start: DateTime<Utc>,
}

impl Story {
    /// Its steps, in order.
    #[must_use]
    pub fn beats() -> Vec<Beat> {
        let beat = |name, span: Range<i64>, writes, trips| Beat {
            name,
            offset: Duration::seconds(span.start),
            lasts: Duration::seconds(span.end - span.start),
            writes,
            trips,
        };
        vec![
            beat(
                "a release goes out",
                DEPLOYMENT..SPIKE.start,
                "CloudTrail: the pipeline updates the service filedrop-api",
                &[],
            ),
            beat(
                "the release fails",
                SPIKE,
                "access log: four of five POST /v1/transfers are answered with 500",
                trips::SPIKE,
            ),
            beat(
                "stolen passwords are tried",
                STUFFING,
                "sign-in and access logs: many users fail from a handful of addresses, three get in",
                trips::STUFFING,
            ),
            beat(
                "the release is taken back",
                ROLLBACK..SPIKE.end,
                "CloudTrail: the pipeline updates the service again",
                &[],
            ),
            beat(
                "a stolen key copies files",
                THEFT,
                "API and access logs: one key lists and downloads files of seven customers from a new address",
                trips::THEFT,
            ),
            beat(
                "the thief looks around the cloud account",
                CLOUD,
                "CloudTrail: users and keys are listed, a key is made for another user, from the same address",
                trips::CLOUD,
            ),
            beat(
                "GuardDuty sees it",
                FINDING..FINDING + 1,
                "a finding Exfiltration:S3/AnomalousBehavior, severity 8",
                trips::FINDING,
            ),
            beat(
                "GuardDuty sees it again",
                RECURRENCE..END,
                "the same finding with count 2",
                trips::FINDING,
            ),
        ]
    }

    /// The story that begins with the demo's start.
    #[must_use]
    pub fn begun(start: DateTime<Utc>) -> Self {
        Self { start }
    }

    /// When nothing of it is left to come.
    #[must_use]
    pub fn over_at(&self) -> DateTime<Utc> {
        self.start + Duration::seconds(END)
    }

    /// Steps that begin within the span, its end not included.
    pub(super) fn begun_within(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<&'static str> {
        let within = |beat: &Beat| (from..to).contains(&(self.start + beat.offset));
        Self::beats()
            .iter()
            .filter(|beat| within(beat))
            .map(|beat| beat.name)
            .collect()
    }

    /// What it writes in the second that begins at `second`.
    pub(super) fn lines(&self, scene: &Scene, second: DateTime<Utc>) -> Vec<Line> {
        let offset = (second - self.start).num_seconds();
        let mut lines = Vec::new();
        if offset == DEPLOYMENT {
            lines.push(release(second, "filedrop-api:214"));
        }
        if offset == ROLLBACK {
            lines.push(release(second, "filedrop-api:213"));
        }
        if SPIKE.contains(&offset) {
            spike(scene, second, &mut lines);
        }
        if STUFFING.contains(&offset) {
            stuffing(scene, second, offset, &mut lines);
        }
        if THEFT.contains(&offset) {
            theft(scene, second, offset, &mut lines);
        }
        if CLOUD.contains(&offset) {
            lines.extend(cloud(second, offset));
        }
        lines
    }

    /// Its findings, in order.
    pub(super) fn findings(&self) -> [Told; 2] {
        let at = |offset| self.start + Duration::seconds(offset);
        let seen = Exfiltration {
            access_key: CLOUD_KEY,
            user_name: CLOUD_USER,
            client: THIEF,
            bucket: BUCKET,
            first_seen: at(CLOUD.end),
        };
        [seen.told(at(FINDING), 1), seen.told(at(RECURRENCE), 2)]
    }
}

/// Titles of shipped detectors, as the proof beside this file finds them.
mod trips {
    pub(super) const SPIKE: &[&str] = &[
        "Share of server errors above 10 %",
        "One route fails for three requests in ten",
    ];
    pub(super) const STUFFING: &[&str] = &[
        "Credential stuffing from one address",
        "Brute force against sign-in from one address",
        "An employee signed in without a second factor",
    ];
    pub(super) const THEFT: &[&str] = &[
        "One API key reads files of several tenants",
        "Mass download by one API key",
    ];
    pub(super) const CLOUD: &[&str] = &["Access key created for another user"];
    pub(super) const FINDING: &[&str] = &["GuardDuty reports exfiltration"];
}

/// The pipeline sets the service to a task definition.
fn release(second: DateTime<Utc>, definition: &str) -> Line {
    let call = AwsCall {
        identity: assumed_role("deploy-pipeline", "release"),
        service: "ecs",
        name: "UpdateService",
        client: "10.20.8.5",
        agent: "aws-cli/2.31.0",
        read_only: false,
        request: json!({"cluster": "filedrop", "service": "filedrop-api", "taskDefinition": definition}),
        response: json!({"service": {"serviceName": "filedrop-api", "status": "ACTIVE"}}),
        refused: None,
    };
    call.line(second, 0)
}

/// Customers' systems create transfers, fail, and try again.
fn spike(scene: &Scene, second: DateTime<Utc>, lines: &mut Vec<Line>) {
    let mut dice = scene.dice(SPIKE_DICE, second.timestamp());
    for _ in 0..5 {
        let Some(customer) = scene.customer(&mut dice) else {
            return;
        };
        let failed = dice.permille(800);
        let client = customer.systems();
        let request = Request {
            client: &client,
            method: "POST",
            path: "/v1/transfers",
            status: if failed { 500 } else { 201 },
            bytes: if failed { 157 } else { dice.between(300, 900) },
            agent: API_AGENT,
        };
        lines.push(request.line(dice.within(second)));
    }
}

/// A try to sign in with a password that was stolen elsewhere.
struct Try<'a> {
    at: DateTime<Utc>,
    client: &'a str,
    user: String,
    reason: &'a str,
}

impl Try<'_> {
    fn failed(self, lines: &mut Vec<Line>) {
        let mut fields = self.fields();
        fields["result"] = "failure".into();
        fields["reason"] = self.reason.into();
        lines.push(self.request(401));
        lines.push(record(LogFile::Auth, self.at, fields));
    }

    /// `tenant` is none for somebody who works at the company.
    fn let_in(self, tenant: Option<&str>, lines: &mut Vec<Line>) {
        let mut fields = self.fields();
        fields["result"] = "success".into();
        match tenant {
            Some(tenant) => fields["tenant"] = tenant.into(),
            None => {
                fields["employee"] = true.into();
                fields["employment_status"] = "active".into();
            }
        }
        lines.push(self.request(200));
        lines.push(record(LogFile::Auth, self.at, fields));
    }

    fn fields(&self) -> Value {
        json!({
            "event": "sign_in", "user": self.user, "src_ip": self.client, "mfa": false, "protocol": "https", "employee": false,
        })
    }

    fn request(&self, status: u16) -> Line {
        let request = Request {
            client: self.client,
            method: "POST",
            path: "/v1/session",
            status,
            bytes: 97,
            agent: THIEF_AGENT,
        };
        request.line(self.at)
    }
}

/// One address tries a user a second; each of the helpers one in half a minute.
fn stuffing(scene: &Scene, second: DateTime<Utc>, offset: i64, lines: &mut Vec<Line>) {
    let mut dice = scene.dice(STUFFING_DICE, second.timestamp());
    let at = dice.within(second);
    if let Some(place) = LET_IN.iter().position(|let_in| *let_in == offset) {
        let customers = scene.customers_of(&TAKEN);
        // The engineer comes last: with this account the key is found.
        let customer: Option<&&DemoCustomer> = if place + 1 < LET_IN.len() {
            customers.get(place * 3)
        } else {
            None
        };
        let user = customer
            .and_then(|customer| customer.users.get(1).cloned())
            .unwrap_or_else(|| staff(ENGINEER));
        let attempt = Try {
            at,
            client: THIEF,
            user,
            reason: "",
        };
        attempt.let_in(customer.map(|customer| customer.tenant()), lines);
        return;
    }
    let (user, reason) = from_the_list(scene, &mut dice);
    Try {
        at,
        client: THIEF,
        user,
        reason,
    }
    .failed(lines);
    let passed = offset - STUFFING.start;
    if passed % 7 == 3 {
        let helper = HELPERS[usize::try_from(passed / 7).unwrap_or(0) % HELPERS.len()];
        let (user, reason) = from_the_list(scene, &mut dice);
        Try {
            at: dice.within(second),
            client: helper,
            user,
            reason,
        }
        .failed(lines);
    }
}

/// An address from a list of stolen passwords: mostly of people who have no account here.
fn from_the_list(scene: &Scene, dice: &mut Dice) -> (String, &'static str) {
    const NAMES: [&str; 12] = [
        "alex", "bruno", "carmen", "dora", "emil", "farah", "gustav", "helena", "ivan", "julia", "kofi",
        "lotte",
    ];
    match scene.customer(dice) {
        Some(customer) if dice.permille(180) => (
            dice.pick(&customer.users).cloned().unwrap_or_default(),
            "bad_password",
        ),
        _ => {
            let name = dice.pick(&NAMES).copied().unwrap_or_default();
            (
                format!("{name}.{}@freemail.example", dice.between(10, 9_999)),
                "unknown_user",
            )
        }
    }
}

/// The stolen key lists the seven tenants and then downloads from each in turn.
fn theft(scene: &Scene, second: DateTime<Utc>, offset: i64, lines: &mut Vec<Line>) {
    let mut dice = scene.dice(THEFT_DICE, second.timestamp());
    for call in 0..CALLS_A_SECOND {
        let number = usize::try_from((offset - THEFT.start) * CALLS_A_SECOND + call).unwrap_or(0);
        let tenant = TAKEN[number % TAKEN.len()];
        let lists = number < TAKEN.len();
        let (action, path, bytes) = if lists {
            (
                "list",
                format!("/v1/tenants/{tenant}/files"),
                dice.between(9_000, 60_000),
            )
        } else {
            (
                "download",
                format!("/v1/files/{}/content", dice.hex()),
                dice.between(400_000, 38_000_000),
            )
        };
        let at = second + TimeDelta::milliseconds(call * 310 + i64::try_from(dice.below(90)).unwrap_or(0));
        let request = Request {
            client: THIEF,
            method: "GET",
            path: &path,
            status: 200,
            bytes,
            agent: THIEF_AGENT,
        };
        lines.push(request.line(at));
        let fields = json!({
            "api_key": STOLEN_KEY, "user": staff(ENGINEER), "tenant": tenant, "action": action, "path": path, "bytes": bytes,
            "src_ip": THIEF, "status": 200,
        });
        lines.push(record(LogFile::Api, at, fields));
    }
}

/// What the thief asks the cloud account, by the second after the first call.
fn cloud(second: DateTime<Utc>, offset: i64) -> Option<Line> {
    let ask = |service, name| Some((service, name, true, Value::Null, Value::Null, None));
    let denied =
        format!("User: arn:aws:iam::{ACCOUNT}:user/{CLOUD_USER} is not authorized to perform this action");
    let (service, name, read_only, request, response, refused) = match offset - CLOUD.start {
        0 => ask("sts", "GetCallerIdentity"),
        3 => ask("s3", "ListBuckets"),
        7 => Some((
            "iam",
            "ListUsers",
            true,
            Value::Null,
            Value::Null,
            Some(("AccessDenied", denied.as_str())),
        )),
        11 => ask("iam", "ListAccessKeys"),
        16 => ask("iam", "GetAccountAuthorizationDetails"),
        20 => Some(made_key()),
        _ => None,
    }?;
    let call = AwsCall {
        identity: json!({
            "type": "IAMUser", "principalId": "AIDAPAPERPLANEEXPORT", "arn": format!("arn:aws:iam::{ACCOUNT}:user/{CLOUD_USER}"),
            "accountId": ACCOUNT, "accessKeyId": CLOUD_KEY, "userName": CLOUD_USER,
        }),
        service,
        name,
        client: THIEF,
        agent: "Boto3/1.40.2 Python/3.12.3",
        read_only,
        request,
        response,
        refused,
    };
    Some(call.line(second, 0))
}

type Asked<'a> = (&'a str, &'a str, bool, Value, Value, Option<(&'a str, &'a str)>);

/// A key for another user than the one who asks: a way back in.
fn made_key<'a>() -> Asked<'a> {
    let other = "backup-reader";
    let response =
        json!({"accessKey": {"userName": other, "accessKeyId": "AKIAPAPERPLANE8BCKUP", "status": "Active"}});
    (
        "iam",
        "CreateAccessKey",
        false,
        json!({"userName": other}),
        response,
        None,
    )
}
