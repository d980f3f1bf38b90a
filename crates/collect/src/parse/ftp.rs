//! Logs of FTP servers: who signed in and who failed to, and what was sent, fetched, deleted.
//!
//! Reads vsftpd's own log, xferlog (wu-ftpd's form, which vsftpd and proftpd write too), and syslog lines of vsftpd, proftpd and
//! pure-ftpd. All are `product: linux, service: ftp`; `daemon` tells which server wrote the line, `event` what happened, and where it
//! is told `user`, `src_ip`, `path`, `bytes`, `anonymous`. `path` is as the server says it: of the user's own root, if it has one.

use super::{Parsed, log_source, syslog, time};
use chrono::{DateTime, NaiveDateTime, Utc};
use regex::{Captures, Regex};
use serde_json::{Map, Value};
use std::sync::LazyLock;

struct Patterns {
    /// `Sun Jan  4 10:00:00 2026 [pid 2] [ada] OK LOGIN: Client "1.2.3.4"`
    dated: Regex,
    /// What vsftpd says behind the time: its own log and syslog have it alike.
    vsftpd: Regex,
    /// What stands behind the client: `, "/path", 12 bytes, 1.00Kbyte/sec`
    transfer: Regex,
    /// `host (client[address])` and what was said.
    proftpd: Regex,
    proftpd_says: Vec<(&'static str, Regex)>,
    /// `(user@address) [LEVEL]` and what was said.
    pure_ftpd: Regex,
    pure_ftpd_says: Vec<(&'static str, Regex)>,
    pam: Regex,
}

static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| compile().ok());

fn compile() -> Result<Patterns, regex::Error> {
    let all = |messages: &[(&'static str, &str)]| {
        messages
            .iter()
            .map(|(event, pattern)| Regex::new(pattern).map(|regex| (*event, regex)))
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(Patterns {
        dated: Regex::new(
            r"^(?P<time>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}) (?P<message>.*)$",
        )?,
        vsftpd: Regex::new(
            r"^(?:\[pid (?P<pid>\d+)\] )?(?:\[(?P<user>[^\]]*)\] )?(?P<what>(?:OK|FAIL) [A-Z]+|CONNECT|FTP command|FTP response|DEBUG): Client \x22(?P<src_ip>[^\x22]*)\x22(?P<rest>.*)$",
        )?,
        transfer: Regex::new(r"^, \x22(?P<path>.*)\x22(?:, (?P<bytes>\d+) bytes)?(?:, [\d.]+ ?Kbyte/sec)?$")?,
        proftpd: Regex::new(r"^\S+ \(\S*?\[(?P<src_ip>[^\]\s]+)\]\)(?:: | - |:? - )(?P<said>.*)$")?,
        proftpd_says: all(&[
            ("accepted", r"^(?:USER|ANON) (?P<user>.*?): Login successful\.?$"),
            (
                "failed_password",
                r"^USER (?P<user>.*) \(Login failed\): (?P<reason>.*)$",
            ),
            (
                "invalid_user",
                r"^USER (?P<user>.*?): no such user found from .*$",
            ),
            (
                "root_refused",
                r"^SECURITY VIOLATION: [Rr]oot login attempted\.?$",
            ),
            (
                "failed_password",
                r"^SECURITY VIOLATION: (?P<user>.*) login attempted\.?$",
            ),
            (
                "max_attempts_exceeded",
                r"^Maximum login attempts \(\d+\) exceeded.*$",
            ),
            ("connection", r"^FTP session opened\.?$"),
            ("session_closed", r"^FTP session closed\.?$"),
            ("login_timeout", r"^(?:FTP l|L)ogin timed out, disconnected$"),
        ])?,
        pure_ftpd: Regex::new(r"^\((?P<user>.*)@(?P<src_ip>[^@\s)]+)\) \[(?P<level>[A-Z]+)\] (?P<said>.*)$")?,
        pure_ftpd_says: all(&[
            (
                "failed_password",
                r"^Authentication failed for user \[(?P<user>.*)\]$",
            ),
            ("accepted", r"^(?P<anonymous>Anonymous user) logged in$"),
            ("accepted", r"^(?P<user>.*) is now logged in$"),
            ("upload", r"^(?P<path>.*) uploaded +\((?P<bytes>\d+) bytes.*\)$"),
            (
                "download",
                r"^(?P<path>.*) downloaded +\((?P<bytes>\d+) bytes.*\)$",
            ),
            ("delete", r"^Deleted (?P<path>.*)$"),
            ("connection", r"^New connection from .*$"),
            ("session_closed", r"^Logout\.?$"),
            ("max_attempts_exceeded", r"^Too many authentication failures$"),
            ("login_timeout", r"^Timeout.*$"),
        ])?,
        pam: Regex::new(
            r"^pam_unix\((?:vsftpd|proftpd|pure-ftpd|ftp):auth\): authentication failure;.*? rhost=(?P<src_ip>\S*)(?:\s+user=(?P<user>.*))?\s*$",
        )?,
    })
}

/// Whether a program of this name is an FTP server.
pub(super) fn is_daemon(program: &str) -> bool {
    daemon(program).is_some()
}

fn daemon(program: &str) -> Option<&'static str> {
    ["vsftpd", "proftpd", "pure-ftpd"]
        .into_iter()
        .find(|name| *name == program)
}

pub(super) fn resembles(line: &str) -> bool {
    let Some(patterns) = PATTERNS.as_ref() else {
        return false;
    };
    if let Some(found) = patterns.dated.captures(line) {
        let message = &found["message"];
        return patterns.vsftpd.is_match(message) || Transfer::read(message).is_some();
    }
    syslog::Line::read(line).is_some_and(|line| is_daemon(line.program()))
}

pub(super) fn parse(line: &str, collected_at: DateTime<Utc>, utc_offset_minutes: i32) -> Vec<Parsed> {
    let end = line.trim_end_matches(['\r', '\n']);
    let Some(patterns) = PATTERNS.as_ref() else {
        return vec![Parsed::unreadable(line, "this program's patterns are damaged")];
    };
    if let Some(found) = patterns.dated.captures(end) {
        let said = found.name("message").map_or("", |m| m.as_str());
        let parsed = dated(patterns, &found["time"], said, utc_offset_minutes);
        return vec![parsed.unwrap_or_else(|reason| Parsed::unreadable(line, reason))];
    }
    let found =
        syslog::Line::read(end).and_then(|found| daemon(found.program()).map(|daemon| (found, daemon)));
    let Some((found, daemon)) = found else {
        return vec![Parsed::unreadable(
            line,
            "not a line of an FTP server: expected vsftpd's log, xferlog, or syslog of vsftpd, proftpd or pure-ftpd",
        )];
    };
    let Some(at) = found.at(collected_at, utc_offset_minutes) else {
        return vec![Parsed::unreadable(
            line,
            "the time in front of the line does not exist",
        )];
    };
    let (said, times) = syslog::unfold(found.message());
    let mut fields = found.fields();
    patterns.judge(daemon, said, &mut fields);
    vec![event(daemon, at, fields); times]
}

/// A line that begins with the time in the C library's form: vsftpd's own log, or a transfer.
fn dated(patterns: &Patterns, clock: &str, said: &str, utc_offset_minutes: i32) -> Result<Parsed, String> {
    let local = NaiveDateTime::parse_from_str(clock, "%a %b %e %H:%M:%S %Y")
        .map_err(|_| format!("`{clock}` is not a time like `Sun Jan  4 10:00:00 2026`"))?;
    let at = time::from_local(local, utc_offset_minutes);
    let mut fields = Map::new();
    fields.insert("message".into(), said.into());
    if patterns.vsftpd(said, &mut fields) {
        return Ok(event("vsftpd", at, fields));
    }
    let transfer = Transfer::read(said).ok_or(
        "neither a line of vsftpd, `[pid 2] [ada] OK LOGIN: Client \"…\"`, nor a transfer with the fields of xferlog",
    )?;
    transfer.insert(&mut fields);
    Ok(event("xferlog", at, fields))
}

fn event(daemon: &str, at: Option<DateTime<Utc>>, mut fields: Map<String, Value>) -> Parsed {
    fields.insert("daemon".into(), daemon.into());
    let happened = fields
        .get("event")
        .and_then(Value::as_str)
        .unwrap_or("other")
        .to_owned();
    // What a sign-in is, in the words of the file-delivery service's own logs.
    let result = match happened.as_str() {
        "accepted" => Some("success"),
        "failed_password" | "invalid_user" | "root_refused" => Some("failure"),
        _ => None,
    };
    if let Some(result) = result {
        fields.insert("protocol".into(), "ftp".into());
        fields.insert("result".into(), result.into());
    }
    let anonymous = |user: &str| ["anonymous", "ftp"].contains(&user.to_ascii_lowercase().as_str());
    if fields.get("user").and_then(Value::as_str).is_some_and(anonymous) {
        fields.insert("anonymous".into(), true.into());
    }
    fields.insert("event".into(), happened.into());
    Parsed {
        at,
        log_source: log_source("linux", "ftp"),
        fields,
        ..Parsed::default()
    }
}

impl Patterns {
    /// What a server said to syslog.
    fn judge(&self, daemon: &str, said: &str, fields: &mut Map<String, Value>) {
        if let Some(found) = self.pam.captures(said) {
            // The server tells the same failure in its own words.
            fields.insert("event".into(), "pam_failure".into());
            insert(&found, fields);
            return;
        }
        match daemon {
            "vsftpd" => {
                let behind_time = self.dated.captures(said).and_then(|found| found.name("message"));
                self.vsftpd(behind_time.map_or(said, |m| m.as_str()), fields);
            }
            "proftpd" => {
                if let Some(found) = self.proftpd.captures(said) {
                    insert(&found, fields);
                    first(&self.proftpd_says, &found["said"], fields);
                }
            }
            _ => {
                if let Some(found) = self.pure_ftpd.captures(said) {
                    insert(&found, fields);
                    first(&self.pure_ftpd_says, &found["said"], fields);
                }
            }
        }
    }

    fn vsftpd(&self, said: &str, fields: &mut Map<String, Value>) -> bool {
        let Some(found) = self.vsftpd.captures(said) else {
            return false;
        };
        insert(&found, fields);
        if let Ok(pid) = found.name("pid").map_or("", |m| m.as_str()).parse::<u64>() {
            fields.insert("pid".into(), pid.into());
        }
        fields.insert("event".into(), vsftpd_event(&found["what"]).into());
        let rest = found.name("rest").map_or("", |m| m.as_str());
        if rest.starts_with(", anon password") {
            fields.insert("anonymous".into(), true.into());
        } else if !found["what"].starts_with("FTP ")
            && let Some(transfer) = self.transfer.captures(rest)
        {
            insert(&transfer, fields);
        }
        true
    }
}

fn vsftpd_event(what: &str) -> String {
    match what {
        "CONNECT" => "connection".into(),
        "OK LOGIN" => "accepted".into(),
        "FAIL LOGIN" => "failed_password".into(),
        "FTP command" => "command".into(),
        "FTP response" => "response".into(),
        other => match other.split_once(' ') {
            Some(("OK", action)) => action.to_ascii_lowercase(),
            Some((_, action)) => format!("failed_{}", action.to_ascii_lowercase()),
            None => "other".into(),
        },
    }
}

/// The first meaning that fits.
fn first(meanings: &[(&'static str, Regex)], said: &str, fields: &mut Map<String, Value>) {
    let found = meanings
        .iter()
        .find_map(|(event, pattern)| pattern.captures(said).map(|found| (*event, found)));
    let Some((event, found)) = found else { return };
    fields.insert("event".into(), event.into());
    insert(&found, fields);
    if event == "invalid_user" {
        fields.insert("invalid_user".into(), true.into());
    }
    if event == "root_refused" {
        fields.insert("user".into(), "root".into());
    }
    if found.name("anonymous").is_some() {
        fields.insert("anonymous".into(), true.into());
    }
}

/// The parts that are fields by their own names. `?` is how pure-ftpd writes that nobody is signed in yet.
fn insert(found: &Captures<'_>, fields: &mut Map<String, Value>) {
    let text = |name: &str| found.name(name).map(|m| m.as_str()).filter(|t| !t.is_empty());
    if let Some(user) = text("user").filter(|user| *user != "?") {
        fields.insert("user".into(), user.into());
    }
    if let Some(address) = text("src_ip") {
        fields.insert("src_ip".into(), unmapped(address).into());
    }
    for name in ["path", "reason"] {
        if let Some(value) = text(name) {
            fields.insert(name.into(), value.into());
        }
    }
    if let Some(bytes) = text("bytes").and_then(|bytes| bytes.parse::<u64>().ok()) {
        fields.insert("bytes".into(), bytes.into());
    }
}

/// An IPv4 address that came over an IPv6 socket (`::ffff:192.0.2.1`), as IPv4.
fn unmapped(address: &str) -> &str {
    address
        .strip_prefix("::ffff:")
        .filter(|rest| rest.contains('.'))
        .unwrap_or(address)
}

/// A line of xferlog behind its time: `1 192.0.2.1 14195 /foo/bar.zip b _ o r ada ftp 0 * c`. The path may hold blanks.
struct Transfer<'l> {
    host: &'l str,
    bytes: u64,
    path: &'l str,
    direction: &'l str,
    mode: &'l str,
    user: &'l str,
    complete: bool,
}

impl<'l> Transfer<'l> {
    fn read(said: &'l str) -> Option<Self> {
        let mut front = said.trim_start().splitn(4, ' ');
        let (seconds, host, bytes, rest) = (front.next()?, front.next()?, front.next()?, front.next()?);
        seconds.parse::<u64>().ok()?;
        let mut back = rest.rsplitn(10, ' ');
        let [status, _, _, _, user, mode, direction, _, _] =
            std::array::from_fn(|_| back.next().unwrap_or(""));
        let path = back.next()?;
        let known = matches!(direction, "i" | "o" | "d") && matches!(mode, "a" | "g" | "r");
        (known && matches!(status, "c" | "i")).then_some(Self {
            host,
            bytes: bytes.parse().ok()?,
            path,
            direction,
            mode,
            user,
            complete: status == "c",
        })
    }

    fn insert(&self, fields: &mut Map<String, Value>) {
        let event = match self.direction {
            "i" => "upload",
            "d" => "delete",
            _ => "download",
        };
        fields.insert("event".into(), event.into());
        fields.insert("src_ip".into(), unmapped(self.host).into());
        fields.insert("path".into(), self.path.into());
        fields.insert("bytes".into(), self.bytes.into());
        fields.insert("complete".into(), self.complete.into());
        if self.mode == "a" {
            // Where nobody signs in by name this field holds what was typed as a password.
            fields.insert("anonymous".into(), true.into());
        } else {
            fields.insert("user".into(), self.user.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(line: &str) -> Value {
        let collected = DateTime::from_timestamp(1_767_700_000, 0).unwrap();
        assert!(resembles(line), "{line}");
        let found = parse(line, collected, 0);
        assert_eq!((found.len(), &found[0].unparsed), (1, &None), "{line}");
        assert_eq!(
            found[0].at.map(|at| at.to_rfc3339()).as_deref(),
            Some("2026-01-04T10:00:00+00:00"),
            "{line}"
        );
        assert_eq!(found[0].log_source, log_source("linux", "ftp"));
        Value::Object(found[0].fields.clone())
    }

    fn expect(line: &str, expected: &Value) {
        let fields = read(line);
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(fields.get(name), Some(value), "{name} of {line}: {fields}");
        }
    }

    #[test]
    fn vsftpd_tells_sign_ins_and_what_was_done_with_files() {
        let ada = |what: &str| format!("Sun Jan  4 10:00:00 2026 [pid 2] [ada] {what}");
        expect(
            &ada(r#"OK LOGIN: Client "1.2.3.4""#),
            &json!({"event": "accepted", "user": "ada", "src_ip": "1.2.3.4",
            "pid": 2, "daemon": "vsftpd", "protocol": "ftp", "result": "success"}),
        );
        expect(
            &ada(r#"FAIL LOGIN: Client "::ffff:1.2.3.4""#),
            &json!({"event": "failed_password", "user": "ada", "src_ip": "1.2.3.4", "result": "failure"}),
        );
        expect(
            &ada(r#"OK UPLOAD: Client "1.2.3.4", "/in/a "b", c.txt", 517 bytes, 12.30Kbyte/sec"#),
            &json!({"event": "upload", "path": "/in/a \"b\", c.txt", "bytes": 517}),
        );
        expect(
            &ada(r#"OK DOWNLOAD: Client "2001:db8::1", "/out/x.pdf", 90000 bytes, 1012.50Kbyte/sec"#),
            &json!({"event": "download", "path": "/out/x.pdf", "bytes": 90000, "src_ip": "2001:db8::1"}),
        );
        expect(
            &ada(r#"OK DELETE: Client "1.2.3.4", "/in/a.txt""#),
            &json!({"event": "delete", "path": "/in/a.txt"}),
        );
        expect(
            &ada(r#"FAIL UPLOAD: Client "1.2.3.4", "/in/a.txt", 0.00Kbyte/sec"#),
            &json!({"event": "failed_upload", "path": "/in/a.txt"}),
        );
        expect(
            r#"Sun Jan  4 10:00:00 2026 [pid 2] CONNECT: Client "1.2.3.4""#,
            &json!({"event": "connection"}),
        );
        expect(
            r#"Sun Jan  4 10:00:00 2026 [pid 2] [ftp] OK LOGIN: Client "1.2.3.4", anon password "a@b""#,
            &json!({"event": "accepted", "anonymous": true}),
        );
        expect(
            r#"Jan  4 10:00:00 files vsftpd[7]: [ada] OK LOGIN: Client "1.2.3.4""#,
            &json!({"event": "accepted", "user": "ada", "host": "files"}),
        );
        expect(
            r#"Jan  4 10:00:00 files vsftpd: Sun Jan  4 10:00:01 2026 [pid 2] [ada] FAIL LOGIN: Client "1.2.3.4""#,
            &json!({"event": "failed_password", "user": "ada", "pid": 2}),
        );
        expect(
            "Jan  4 10:00:00 files vsftpd[7]: pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=ada rhost=1.2.3.4  user=ada",
            &json!({"event": "pam_failure", "user": "ada", "src_ip": "1.2.3.4"}),
        );
    }

    #[test]
    fn a_transfer_log_tells_direction_name_and_size() {
        expect(
            "Sun Jan  4 10:00:00 2026 1 1.2.3.4 14195 /foo/a b.zip b _ o r ada ftp 0 * c",
            &json!({"event": "download", "path": "/foo/a b.zip", "bytes": 14195, "user": "ada", "src_ip": "1.2.3.4", "complete": true, "daemon": "xferlog"}),
        );
        expect(
            "Sun Jan  4 10:00:00 2026 1 1.2.3.4 9 /up/x.php b _ i a a@b.example ftp 0 * i",
            &json!({"event": "upload", "anonymous": true, "complete": false}),
        );
        expect(
            "Sun Jan  4 10:00:00 2026 0 1.2.3.4 0 /up/x.php b _ d g ada ftp 0 * c",
            &json!({"event": "delete", "user": "ada"}),
        );
    }

    #[test]
    fn proftpd_and_pure_ftpd_tell_the_same_in_their_words() {
        let proftpd = |said: &str| {
            format!("Jan  4 10:00:00 files proftpd[31]: 10.0.0.1 (mail.example[1.2.3.4]) - {said}")
        };
        expect(
            &proftpd("USER ada: Login successful."),
            &json!({"event": "accepted", "user": "ada", "src_ip": "1.2.3.4", "daemon": "proftpd", "pid": 31}),
        );
        expect(
            &proftpd("USER ada (Login failed): Incorrect password"),
            &json!({"event": "failed_password", "user": "ada", "reason": "Incorrect password"}),
        );
        expect(
            &proftpd("USER x: no such user found from 1.2.3.4 [1.2.3.4] to 10.0.0.1:21"),
            &json!({"event": "invalid_user", "user": "x", "result": "failure"}),
        );
        expect(
            &proftpd("SECURITY VIOLATION: Root login attempted"),
            &json!({"event": "root_refused", "user": "root"}),
        );
        expect(
            "2026-01-04 10:00:00,000 files proftpd[31] 10.0.0.1 (1.2.3.4[1.2.3.4]): USER ada (Login failed): Incorrect password.",
            &json!({"event": "failed_password", "user": "ada", "src_ip": "1.2.3.4"}),
        );
        let pure = |said: &str| format!("Jan  4 10:00:00 files pure-ftpd: {said}");
        expect(
            &pure("(?@1.2.3.4) [WARNING] Authentication failed for user [root]"),
            &json!({"event": "failed_password", "user": "root", "src_ip": "1.2.3.4", "daemon": "pure-ftpd"}),
        );
        expect(
            &pure("(?@1.2.3.4) [INFO] ada@b.example is now logged in"),
            &json!({"event": "accepted", "user": "ada@b.example"}),
        );
        expect(
            &pure("(?@1.2.3.4) [INFO] Anonymous user logged in"),
            &json!({"event": "accepted", "anonymous": true}),
        );
        expect(
            &pure("(ada@b.example@1.2.3.4) [NOTICE] /home/ada//x y.txt uploaded  (123 bytes, 1.20KB/sec)"),
            &json!({"event": "upload", "user": "ada@b.example", "path": "/home/ada//x y.txt", "bytes": 123}),
        );
        expect(
            &pure("(ada@1.2.3.4) [NOTICE] /home/ada//x downloaded  (9 bytes, 1.20KB/sec)"),
            &json!({"event": "download", "bytes": 9}),
        );
        expect(
            &pure("(ada@1.2.3.4) [NOTICE] Deleted /home/ada/x"),
            &json!({"event": "delete", "path": "/home/ada/x"}),
        );
        expect(
            &pure("(ada@1.2.3.4) [DEBUG] Command [pass] [<*>]"),
            &json!({"event": "other", "src_ip": "1.2.3.4"}),
        );
    }

    #[test]
    fn what_is_no_line_of_an_ftp_server_says_what_was_expected() {
        let now = DateTime::from_timestamp(1_767_700_000, 0).unwrap();
        for (line, reason) in [
            ("hello", "not a line of an FTP server"),
            ("Jan  4 10:00:00 files cron[1]: x", "not a line of an FTP server"),
            ("Jan 44 10:00:00 files vsftpd[1]: x", "does not exist"),
            (
                "Sun Jan  4 25:00:00 2026 [pid 2] CONNECT: Client \"1.2.3.4\"",
                "is not a time",
            ),
            (
                "Sun Jan  4 10:00:00 2026 1 1.2.3.4 14195 /foo/bar.zip b",
                "neither a line of vsftpd",
            ),
            ("Sun Jan  4 10:00:00 2026 ", "neither a line of vsftpd"),
        ] {
            let told = parse(line, now, 0)[0].unparsed.clone().unwrap_or_default();
            assert!(told.contains(reason), "{line}: {told}");
        }
        let folded = "Jan  4 10:00:00 files pure-ftpd: message repeated 3 times: [ (?@1.2.3.4) [WARNING] Authentication failed for user [root]]";
        let found = parse(folded, now, 0);
        assert!(found.len() == 3 && found.iter().all(|p| p.fields["event"] == "failed_password"));
        assert!(!resembles("Sun Jan  4 10:00:00 2026 the kettle boiled"));
    }
}
