//! An ordinary day: customers sign in, upload, list and download; recipients open links; engineers and pipelines work.
//!
//! What happens in a second follows from the seed and the second alone. The pace has a daily rhythm and stays below
//! [`MOST_LINES_A_SECOND`] on average; nothing in it should make a detector wake anybody.

use super::company::DemoCustomer;
use super::logs::{AwsCall, Line, LogFile, Request, assumed_role, record, sshd};
use super::scene::{AGENTS, API_AGENT, Dice, ENGINEERS, Scene, staff};
use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc, Weekday};
use serde_json::json;

/// The pace at the busiest hour, in lines a second over all logs, rounded up.
pub(super) const MOST_LINES_A_SECOND: u64 = 12;

/// How long somebody who mistyped a password takes to try again.
const SECOND_TRY_SECONDS: i64 = 7;

const WEB: u64 = 1;
const API: u64 = 2;
const AUTH: u64 = 3;
const TRANSFER: u64 = 4;
const SSHD: u64 = 5;
const CLOUD: u64 = 6;
const NETWORK: u64 = 7;

/// The lines of the second that begins at `second`.
pub(super) fn lines(scene: &Scene, second: DateTime<Utc>) -> Vec<Line> {
    let pace = rhythm(second);
    let mut lines = Vec::new();
    web(scene, second, pace, &mut lines);
    api(scene, second, pace, &mut lines);
    auth(scene, second, pace, &mut lines);
    transfer(scene, second, pace, &mut lines);
    bastion(scene, second, pace, &mut lines);
    cloud(scene, second, pace, &mut lines);
    network(scene, second, &mut lines);
    lines
}

/// How busy it is: 1 at 13:00 UTC on a working day, 0.35 at night.
fn rhythm(at: DateTime<Utc>) -> f64 {
    let hour = f64::from(at.hour()) + f64::from(at.minute()) / 60.0;
    let day = ((hour - 5.0) / 16.0 * std::f64::consts::PI).sin();
    let awake = if (5.0..21.0).contains(&hour) { day } else { 0.0 };
    let weekend = matches!(at.weekday(), Weekday::Sat | Weekday::Sun);
    0.35 + 0.65 * awake * if weekend { 0.4 } else { 1.0 }
}

/// Recipients who open links, and people who use the web application.
fn web(scene: &Scene, second: DateTime<Utc>, pace: f64, lines: &mut Vec<Line>) {
    let mut dice = scene.dice(WEB, second.timestamp());
    for _ in 0..dice.times(2.6 * pace) {
        let at = dice.within(second);
        let recipient = dice.permille(550);
        let client = match scene.customer(&mut dice) {
            Some(customer) if !recipient => customer.office(),
            _ => dice.public_address(),
        };
        let path = page(&mut dice, recipient);
        let status = ordinary_status(&mut dice);
        let request = Request {
            client: &client,
            method: "GET",
            path: &path,
            status,
            bytes: if status == 200 {
                dice.between(900, 480_000)
            } else {
                162
            },
            agent: dice.pick(&AGENTS).copied().unwrap_or_default(),
        };
        lines.push(request.line(at));
    }
}

fn page(dice: &mut Dice, recipient: bool) -> String {
    const PAGES: [&str; 8] = [
        "/",
        "/app",
        "/app/inbox",
        "/app/sent",
        "/app/settings",
        "/assets/app-8c1f22.js",
        "/assets/app-8c1f22.css",
        "/favicon.svg",
    ];
    if recipient {
        format!("/d/{}", dice.hex())
    } else {
        dice.pick(&PAGES).copied().unwrap_or("/").to_owned()
    }
}

/// What most requests are answered with; in a thousand 14 are for what is no more, and 2 fail.
fn ordinary_status(dice: &mut Dice) -> u16 {
    match dice.below(1000) {
        0..2 => 500,
        2..16 => 404,
        16..70 => 304,
        _ => 200,
    }
}

/// Customers' systems call the API; each call stands in the access log as well.
fn api(scene: &Scene, second: DateTime<Utc>, pace: f64, lines: &mut Vec<Line>) {
    let mut dice = scene.dice(API, second.timestamp());
    for _ in 0..dice.times(1.6 * pace) {
        let at = dice.within(second);
        let Some(customer) = scene.customer(&mut dice) else {
            return;
        };
        let (action, method, path, status) = call(&mut dice, customer);
        let client = customer.systems();
        let bytes = if action == "download" || action == "upload" {
            dice.between(20_000, 9_000_000)
        } else {
            dice.between(200, 9_000)
        };
        let request = Request {
            client: &client,
            method,
            path: &path,
            status,
            bytes,
            agent: API_AGENT,
        };
        lines.push(request.line(at));
        let fields = json!({
            "api_key": customer.api_key,
            "user": customer.users.first(),
            "tenant": customer.tenants.get(usize::from(dice.permille(200))).map_or(customer.tenant(), String::as_str),
            "action": action,
            "path": path,
            "bytes": bytes,
            "src_ip": client,
            "status": status,
        });
        lines.push(record(LogFile::Api, at, fields));
    }
}

fn call(dice: &mut Dice, customer: &DemoCustomer) -> (&'static str, &'static str, String, u16) {
    let file = dice.hex();
    match dice.below(100) {
        0..26 => (
            "list",
            "GET",
            format!("/v1/tenants/{}/files", customer.tenant()),
            200,
        ),
        26..58 => ("upload", "POST", "/v1/transfers".to_owned(), 201),
        58..84 => ("download", "GET", format!("/v1/files/{file}/content"), 200),
        84..96 => ("stat", "GET", format!("/v1/files/{file}"), 200),
        96..98 => ("delete", "DELETE", format!("/v1/files/{file}"), 204),
        _ => ("stat", "GET", format!("/v1/files/{file}"), 404),
    }
}

/// Somebody who signs in to the product, perhaps at the second try.
struct SignIn {
    at: DateTime<Utc>,
    user: String,
    tenant: Option<String>,
    client: String,
    employee: bool,
    mistyped: bool,
}

fn sign_ins(scene: &Scene, second: DateTime<Utc>, pace: f64) -> Vec<SignIn> {
    const STAFF: [&str; 4] = ["mara.lindqvist", "tomas.rey", "priya.raman", "ines.okafor"];
    let mut dice = scene.dice(AUTH, second.timestamp());
    let mut found = Vec::new();
    for _ in 0..dice.times(0.22 * pace) {
        let at = dice.within(second);
        let mistyped = dice.permille(40);
        if dice.permille(60) {
            let user = staff(dice.pick(&STAFF).copied().unwrap_or_default());
            let client = dice.staff_address();
            found.push(SignIn {
                at,
                user,
                tenant: None,
                client,
                employee: true,
                mistyped,
            });
        } else if let Some(customer) = scene.customer(&mut dice) {
            let user = dice.pick(&customer.users).cloned().unwrap_or_default();
            let tenant = Some(customer.tenant().to_owned());
            found.push(SignIn {
                at,
                user,
                tenant,
                client: customer.office(),
                employee: false,
                mistyped,
            });
        }
    }
    found
}

fn auth(scene: &Scene, second: DateTime<Utc>, pace: f64, lines: &mut Vec<Line>) {
    for first in sign_ins(scene, second, pace) {
        lines.push(if first.mistyped {
            first.failure()
        } else {
            first.success(first.at)
        });
    }
    let wait = TimeDelta::seconds(SECOND_TRY_SECONDS);
    for earlier in sign_ins(scene, second - wait, pace) {
        if earlier.mistyped {
            lines.push(earlier.success(earlier.at + wait));
        }
    }
}

impl SignIn {
    /// A sign-in that failed names no tenant: the service does not look one up before it knows who somebody is.
    fn failure(&self) -> Line {
        let mut fields = self.fields();
        fields["result"] = "failure".into();
        fields["reason"] = "bad_password".into();
        record(LogFile::Auth, self.at, fields)
    }

    fn success(&self, at: DateTime<Utc>) -> Line {
        let mut fields = self.fields();
        fields["result"] = "success".into();
        if let Some(tenant) = &self.tenant {
            fields["tenant"] = tenant.clone().into();
        }
        record(LogFile::Auth, at, fields)
    }

    fn fields(&self) -> serde_json::Value {
        let mut fields = json!({
            "event": "sign_in",
            "user": self.user,
            "src_ip": self.client,
            "mfa": true,
            "protocol": "https",
            "employee": self.employee,
        });
        if self.employee {
            fields["employment_status"] = "active".into();
        }
        fields
    }
}

/// Sessions of the SFTP and FTPS gateway.
fn transfer(scene: &Scene, second: DateTime<Utc>, pace: f64, lines: &mut Vec<Line>) {
    let mut dice = scene.dice(TRANSFER, second.timestamp());
    for _ in 0..dice.times(0.4 * pace) {
        let at = dice.within(second);
        let Some(customer) = scene.customer(&mut dice) else {
            return;
        };
        let sftp = !customer.index.is_multiple_of(4);
        let mut fields = json!({
            "event": dice.pick(&["sign_in", "upload", "upload", "download"]),
            "user": customer.users.last(),
            "tenant": customer.tenant(),
            "protocol": if sftp { "sftp" } else { "ftps" },
            "cleartext": false,
            "cipher": if sftp { "chacha20-poly1305@openssh.com" } else { "TLS_AES_256_GCM_SHA384" },
            "src_ip": customer.systems(),
            "allow_listed": true,
            "result": "success",
        });
        if !sftp {
            fields["tls_version"] = "TLSv1.3".into();
        }
        lines.push(record(LogFile::Transfer, at, fields));
    }
}

/// Engineers at work, and now and then somebody from outside who tries the door.
fn bastion(scene: &Scene, second: DateTime<Utc>, pace: f64, lines: &mut Vec<Line>) {
    let mut dice = scene.dice(SSHD, second.timestamp());
    for _ in 0..dice.times(0.03 * pace) {
        let at = dice.within(second);
        let pid = u32::try_from(dice.between(2_000, 60_000)).unwrap_or(2_000);
        let port = dice.between(32_768, 60_999);
        let user = dice.pick(&ENGINEERS).copied().unwrap_or_default();
        let (client, key) = (dice.staff_address(), dice.hex());
        lines.push(sshd(
            at,
            pid,
            &format!("Accepted publickey for {user} from {client} port {port} ssh2: ED25519 SHA256:{key}"),
        ));
        let message = format!("pam_unix(sshd:session): session opened for user {user}(uid=1000) by (uid=0)");
        lines.push(sshd(at + TimeDelta::milliseconds(8), pid, &message));
    }
    if dice.below(900) == 0 {
        let at = dice.within(second);
        let (client, port) = (dice.public_address(), dice.between(32_768, 60_999));
        lines.push(sshd(
            at,
            1_999,
            &format!("Invalid user guest from {client} port {port}"),
        ));
    }
}

/// Services and pipelines call the cloud.
fn cloud(scene: &Scene, second: DateTime<Utc>, pace: f64, lines: &mut Vec<Line>) {
    const CALLS: [(&str, &str, &str); 5] = [
        ("filedrop-api", "kms", "Decrypt"),
        ("filedrop-transfer", "kms", "GenerateDataKey"),
        ("ecs-agent", "ecs", "DescribeTasks"),
        ("metrics-reader", "monitoring", "DescribeAlarms"),
        ("log-shipper", "logs", "DescribeLogStreams"),
    ];
    let mut dice = scene.dice(CLOUD, second.timestamp());
    for nonce in 0..dice.times(0.1 + 0.2 * pace) {
        let (role, service, name) = dice.pick(&CALLS).copied().unwrap_or(CALLS[0]);
        let session = format!("task-{}", dice.between(1, 6));
        let call = AwsCall {
            identity: assumed_role(role, &session),
            service,
            name,
            client: &format!("10.20.{}.{}", dice.between(16, 19), dice.between(10, 40)),
            agent: "aws-sdk-rust/1.3.8 os/linux lang/rust",
            read_only: true,
            request: serde_json::Value::Null,
            response: serde_json::Value::Null,
            refused: None,
        };
        lines.push(call.line(second, nonce));
    }
}

/// Approved changes of network rules, one in an hour and a half.
fn network(scene: &Scene, second: DateTime<Utc>, lines: &mut Vec<Line>) {
    let mut dice = scene.dice(NETWORK, second.timestamp());
    if dice.below(5400) != 0 {
        return;
    }
    let fields = json!({
        "event": "rule_changed",
        "change_id": format!("CHG-{}", dice.between(2_000, 9_999)),
        "approved": true,
        "user": staff("tomas.rey"),
        "rule": format!("allow 198.51.100.{}/32 to sftp-gateway tcp/22", dice.between(10, 49)),
    });
    lines.push(record(LogFile::Network, dice.within(second), fields));
}
