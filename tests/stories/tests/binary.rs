//! The binary as people get it: what its command line promises, in processes of their own.

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use watchkeeper_stories::binary::{binary, root};

/// How long a process may take to start or to stop on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

fn watchkeeper(arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .env_remove("WATCHKEEPER_CONFIG")
        .env_remove("WATCHKEEPER_CRASH_AT")
        .stdin(Stdio::null());
    command.output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn written(dir: &TempDir, content: &str) -> String {
    let path = dir.path().join("watchkeeper.toml");
    std::fs::write(&path, content).expect("written");
    path.display().to_string()
}

#[test]
fn the_default_configuration_is_sound() {
    let init = watchkeeper(&["config", "init"]);
    assert!(init.status.success());
    let dir = TempDir::new().expect("a folder");
    let path = written(&dir, &text(&init.stdout));
    let check = watchkeeper(&["config", "check", "--config", &path]);
    assert!(
        check.status.success(),
        "{}{}",
        text(&check.stdout),
        text(&check.stderr)
    );
}

#[test]
fn a_broken_configuration_lists_every_fault_with_its_line_and_remedy() {
    let init = text(&watchkeeper(&["config", "init"]).stdout);
    let broken = init
        .replace("listen = \"127.0.0.1:8420\"", "listen = \"everywhere\"")
        .replace("tls = \"required\"", "tls = \"perhaps\"")
        .replace("wait = \"5m\"", "wait = \"five minutes\"")
        .replace("contact = \"security@example.com\"", "contact = \"nobody\"");
    let broken = format!("{broken}\n[surprise]\nx = 1\n");
    let dir = TempDir::new().expect("a folder");
    let path = written(&dir, &broken);
    let line_of = |what: &str| {
        broken
            .lines()
            .position(|line| line.starts_with(what))
            .expect("it is there")
            + 1
    };
    let check = watchkeeper(&["config", "check", "--json", "--config", &path]);
    assert_eq!(check.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&check.stdout).expect("JSON");
    let faults = report["faults"].as_array().expect("a list");
    let lines: Vec<u64> = faults.iter().filter_map(|fault| fault["line"].as_u64()).collect();
    let found = |line: usize| lines.contains(&(line as u64));
    for what in [
        "listen = \"everywhere\"",
        "tls = \"perhaps\"",
        "wait = \"five minutes\"",
        "[surprise]",
    ] {
        assert!(
            found(line_of(what)),
            "{what} is on line {}: {faults:#?}",
            line_of(what)
        );
    }
    assert!(
        faults
            .iter()
            .all(|fault| !fault["problem"].as_str().unwrap_or_default().is_empty()),
        "{faults:#?}"
    );
    let said = watchkeeper(&["config", "check", "--config", &path]);
    let said = text(&said.stderr);
    assert!(
        said.contains(&format!("{path}:{}: ", line_of("listen = \"everywhere\""))),
        "{said}"
    );
    assert!(said.contains(&format!("{} faults", faults.len())), "{said}");
    // What only shows when the parts can be read is listed just so.
    let broken = init
        .replace("wait = \"5m\"", "wait = \"1s\"")
        .replace("contact = \"security@example.com\"", "contact = \"nobody\"");
    let path = written(&dir, &broken);
    let check = watchkeeper(&["config", "check", "--json", "--config", &path]);
    let report: Value = serde_json::from_slice(&check.stdout).expect("JSON");
    let fields: Vec<&str> = report["faults"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|fault| fault["field"].as_str())
        .collect();
    assert_eq!(fields, ["paging.steps[0].wait", "notices.contact"]);
}

#[test]
fn the_detectors_that_come_with_it_pass_their_tests() {
    let outcome = watchkeeper(&["detectors", "test", "--json"]);
    assert!(
        outcome.status.success(),
        "{}{}",
        text(&outcome.stdout),
        text(&outcome.stderr)
    );
    let report: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    assert!(
        report["passed"].as_u64().is_some_and(|passed| passed >= 60),
        "{report}"
    );
    assert_eq!(report["untested"], serde_json::json!([]));
    let list: Value =
        serde_json::from_slice(&watchkeeper(&["detectors", "list", "--json"]).stdout).expect("JSON");
    let fires = list["detectors"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|detector| detector["fires"] == true)
        .count();
    assert!(fires >= 30, "{fires} detectors");
}

#[test]
fn shells_can_complete_it() {
    for (shell, says) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef watchkeeper"),
        ("fish", "complete -c watchkeeper"),
    ] {
        let printed = watchkeeper(&["completions", shell]);
        assert!(printed.status.success());
        assert!(text(&printed.stdout).contains(says), "{shell}");
    }
}

#[test]
fn every_help_text_has_an_example() {
    for command in [
        &[][..],
        &["serve"],
        &["demo"],
        &["config", "init"],
        &["config", "check"],
        &["sources", "list"],
        &["sources", "sample"],
        &["detectors", "test"],
        &["detectors", "list"],
        &["obligations", "list"],
        &["obligations", "check"],
        &["obligations", "due"],
        &["audit", "verify"],
        &["people", "reset"],
        &["completions"],
    ] {
        let arguments: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let help = watchkeeper(&arguments);
        assert!(help.status.success());
        let said = text(&help.stdout);
        assert!(
            said.contains("Example") && said.contains("  watchkeeper "),
            "{command:?}: {said}"
        );
    }
}

/// A running demonstration; it is ended when the test fails, too.
struct Demo {
    process: Child,
    announced: Value,
    dir: PathBuf,
    _folder: TempDir,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Demo {
    fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let dir = folder.path().join("demo");
        let mut process = Command::new(binary())
            .args(["demo", "--json", "--port", "0", "--fresh", "--dir"])
            .arg(&dir)
            .env_remove("WATCHKEEPER_CRASH_AT")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the demonstration starts");
        let mut line = String::new();
        let mut said = BufReader::new(process.stdout.take().expect("its output"));
        said.read_line(&mut line).expect("a line");
        let announced = serde_json::from_str(&line).unwrap_or_else(|fault| {
            let mut errors = String::new();
            let _ = process.kill();
            let _ = process
                .stderr
                .take()
                .map(|mut stderr| stderr.read_to_string(&mut errors));
            panic!("`{line}` is not a line of JSON ({fault}): {errors}")
        });
        Self {
            process,
            announced,
            dir,
            _folder: folder,
        }
    }

    fn told(&self, field: &str) -> &str {
        self.announced[field]
            .as_str()
            .unwrap_or_else(|| panic!("no {field} in {}", self.announced))
    }

    fn ask(&self, signal: rustix::process::Signal) {
        let process = i32::try_from(self.process.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .expect("a process id");
        rustix::process::kill_process(process, signal).expect("it is asked");
    }

    /// Asks it to stop, and gives its exit code.
    fn stop(&mut self) -> Option<i32> {
        self.ask(rustix::process::Signal::TERM);
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait().expect("it can be waited for") {
                return status.code();
            }
            assert!(
                Instant::now() < deadline,
                "it did not stop within {} s",
                PATIENCE.as_secs()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// What became of reading the rules again, once they were.
async fn rules_read_again(http: &reqwest::Client, demo: &Demo) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = http
            .get(format!("{}/api/v1/detectors", demo.told("url")))
            .bearer_auth(demo.told("token"))
            .send()
            .await
            .expect("it answers");
        let body: Value = answer.json().await.expect("JSON");
        if !body["rules"]["reloaded"].is_null() {
            return body["rules"]["reloaded"].clone();
        }
        assert!(
            Instant::now() < deadline,
            "the rules were not read again: {}",
            body["rules"]
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Changes one byte of one record, as somebody with access to the file could.
async fn forge(database: &Path, seq: i64) {
    use sqlx::{Connection as _, SqliteConnection};
    let mut connection = SqliteConnection::connect(&format!("sqlite:{}", database.display()))
        .await
        .expect("it opens");
    sqlx::query("DROP TRIGGER audit_update")
        .execute(&mut connection)
        .await
        .expect("the trigger is there");
    let changed = sqlx::query("UPDATE audit SET at = at + 1 WHERE seq = $1")
        .bind(seq)
        .execute(&mut connection)
        .await;
    assert_eq!(changed.expect("it is changed").rows_affected(), 1);
    connection.close().await.expect("it closes");
}

/// What `audit` gives out is enough to verify the log, and one record of it, without the database.
fn what_others_keep_proves_the_log(dir: &Path, url: &str) {
    let audit = |arguments: &[&str]| {
        let all: Vec<&str> = ["audit"].iter().chain(arguments).copied().collect();
        watchkeeper(&all)
    };
    let printed = |what: &[&str]| {
        let all: Vec<&str> = what.iter().chain(&["--database", url]).copied().collect();
        let output = audit(&all);
        assert!(output.status.success(), "{what:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let file = |name: &str, content: &str| {
        let path = dir.join(name);
        std::fs::write(&path, content).expect("written");
        path.display().to_string()
    };
    let key = printed(&["key"]);
    let key = key.trim();
    let checkpoint = file("checkpoint.txt", &printed(&["checkpoint"]));
    let exported = printed(&["export"]);
    let log = file("log.jsonl", &exported);
    let proof = file("record-2.tlog-proof", &printed(&["prove", "2"]));

    let checked = audit(&["check", &proof, "--key", key, "--json"]);
    let told: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
    assert_eq!(
        (checked.status.code(), &told["record"]["seq"]),
        (Some(0), &Value::from(2)),
        "{told}"
    );
    let script = root().join("docs/verify-proof.py");
    let by_others = |proof: &str| {
        let run = Command::new("python3").arg(&script).args([proof, key]).output();
        run.expect("python3 runs")
    };
    let shown = by_others(&proof);
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    assert!(
        text(&shown.stdout).starts_with("record 2 is in "),
        "{}",
        text(&shown.stdout)
    );
    let other = std::fs::read_to_string(&proof)
        .expect("there")
        .replace("index 1", "index 2");
    let other = file("other.tlog-proof", &other);
    assert_eq!(audit(&["check", &other, "--key", key]).status.code(), Some(1));
    assert!(text(&by_others(&other).stderr).starts_with("The proof does not hold: "));
    let nonsense = file("nonsense.tlog-proof", "nonsense");
    assert_eq!(audit(&["check", &nonsense, "--key", key]).status.code(), Some(2));

    let verify = |log: &str| {
        audit(&[
            "verify",
            "--log",
            log,
            "--key",
            key,
            "--against",
            &checkpoint,
            "--json",
        ])
    };
    let whole = verify(&log);
    assert!(
        whole.status.success(),
        "{}{}",
        text(&whole.stdout),
        text(&whole.stderr)
    );
    let short = exported
        .lines()
        .take(2)
        .fold(String::new(), |log, line| log + line + "\n");
    let cut = verify(&file("cut.jsonl", &short));
    let told: Value = serde_json::from_slice(&cut.stdout).expect("JSON");
    assert_eq!(
        (cut.status.code(), &told["misfit"]["seq"]),
        (Some(1), &Value::from(3)),
        "{told}"
    );
    let missing = audit(&["prove", "999999", "--database", url]);
    assert_eq!(missing.status.code(), Some(2));
}

/// Somebody put the words of the holding notice forward, and somebody else approved them: else the first holding notice that the
/// demonstration sends would be one that nobody has read.
async fn its_words_are_approved_by_two(http: &reqwest::Client, demo: &Demo) {
    let words = http
        .get(format!("{}/api/v1/holding-words", demo.told("url")))
        .bearer_auth(demo.told("token"))
        .send()
        .await
        .expect("it answers");
    let words: Value = words.json().await.expect("JSON");
    let all = words["items"].as_array().expect("words");
    let languages: Vec<&str> = all.iter().filter_map(|each| each["language"].as_str()).collect();
    assert_eq!(languages, ["de", "en", "es", "fr"]);
    for each in all {
        let (author, counsel) = (
            &each["approval"]["put_forward"][0]["by"]["user"],
            &each["approval"]["approved"]["by"]["user"],
        );
        assert!(author.is_string() && counsel.is_string(), "{each:#}");
        assert_ne!(author, counsel, "{each:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_serves_stops_when_asked_and_keeps_a_record_that_cannot_be_forged() {
    let mut demo = tokio::task::spawn_blocking(Demo::start).await.expect("it starts");
    for field in ["url", "user", "password", "token"] {
        assert!(!demo.told(field).is_empty());
    }
    let http = reqwest::Client::new();
    let incidents = format!("{}/api/v1/incidents", demo.told("url"));
    let answer = http
        .get(&incidents)
        .bearer_auth(demo.told("token"))
        .send()
        .await
        .expect("it answers");
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.expect("JSON");
    assert!(body["items"].is_array(), "{body}");
    assert_eq!(
        http.get(&incidents).send().await.expect("it answers").status(),
        401
    );
    assert_eq!(
        http.get(&incidents)
            .bearer_auth("wk_nonsense")
            .send()
            .await
            .expect("it answers")
            .status(),
        401
    );
    for path in ["/healthz", "/readyz", "/metrics", "/login", "/"] {
        let answer = http
            .get(format!("{}{path}", demo.told("url")))
            .send()
            .await
            .expect("it answers");
        assert_eq!(answer.status(), 200, "{path}");
    }
    its_words_are_approved_by_two(&http, &demo).await;
    demo.ask(rustix::process::Signal::HUP);
    let reloaded = rules_read_again(&http, &demo).await;
    assert!(
        reloaded["kept"].as_u64().is_some_and(|kept| kept >= 100)
            && reloaded["restarted"] == serde_json::json!([]),
        "SIGHUP reads the rules again, and those that did not change keep their windows: {reloaded}"
    );
    assert_eq!(demo.stop(), Some(0), "SIGTERM stops it gracefully");

    let database = demo.dir.join("watchkeeper.db");
    let url = format!("sqlite:{}", database.display());
    let whole = watchkeeper(&["audit", "verify", "--json", "--database", &url]);
    assert!(
        whole.status.success(),
        "{}{}",
        text(&whole.stdout),
        text(&whole.stderr)
    );
    let verdict: Value = serde_json::from_slice(&whole.stdout).expect("JSON");
    assert!(
        verdict["records"].as_i64().is_some_and(|records| records > 5),
        "{verdict}"
    );
    what_others_keep_proves_the_log(&demo.dir, &url);
    forge(&database, 3).await;
    let forged = watchkeeper(&["audit", "verify", "--database", &url]);
    assert_eq!(forged.status.code(), Some(1));
    assert!(
        text(&forged.stdout).contains("record 3 does not fit"),
        "{}",
        text(&forged.stdout)
    );
    let forged = watchkeeper(&["audit", "verify", "--json", "--database", &url]);
    let verdict: Value = serde_json::from_slice(&forged.stdout).expect("JSON");
    assert_eq!(verdict["misfit"]["seq"], 3, "{verdict}");
}
