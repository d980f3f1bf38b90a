//! A real browser: Chromium, driven by a node process that takes one JSON command a line and answers each with one line.
//!
//! The node process belongs to the handle. Chromium hangs on a pipe from it, so both end with the test process, however it ends.

use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long one command may take on a busy machine; the script's own waits are shorter and say more.
const PATIENCE: Duration = Duration::from_secs(180);

/// A running browser.
#[derive(Debug)]
pub struct Browser {
    process: Child,
    commands: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Browser {
    /// Starts `script` with node, which finds its packages and the built console in `web` and keeps pictures in `pictures`. `None`,
    /// said loudly, where something is missing.
    ///
    /// # Panics
    /// Where something is missing and `CI=true`; where it is there and does not start.
    pub async fn start(script: &Path, web: &Path, pictures: &Path) -> Option<Self> {
        let chromium = match find(web) {
            Ok(chromium) => chromium,
            Err(missing) => {
                let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
                assert!(!ci, "{missing}; with CI=true the screens must be looked at");
                // Past the capture of the test harness: a test that did not run must be seen.
                let _ = writeln!(
                    std::io::stderr(),
                    "\n*** NOT TESTED IN A BROWSER: {missing} ***\n"
                );
                return None;
            }
        };
        // Pictures of an earlier run would be taken for this one's.
        let _ = std::fs::remove_dir_all(pictures);
        std::fs::create_dir_all(pictures).expect("a folder for the pictures");
        let settings = json!({"web": web, "chromium": chromium, "pictures": pictures});
        let mut process = Command::new("node")
            .arg(script)
            .arg(settings.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts");
        let commands = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("its output")).lines();
        let mut browser = Self {
            process,
            commands,
            answers,
        };
        let ready = browser.ask(&json!({"do": "start"})).await;
        ready.unwrap_or_else(|fault| panic!("the browser does not start: {fault}"));
        Some(browser)
    }

    /// Has a command done.
    ///
    /// # Errors
    /// What the script says went wrong, or that it has ended.
    pub async fn ask(&mut self, command: &Value) -> Result<Value, String> {
        let commands = self.commands.as_mut().ok_or("the browser was closed")?;
        commands
            .write_all(format!("{command}\n").as_bytes())
            .await
            .map_err(|fault| fault.to_string())?;
        let answer = tokio::time::timeout(PATIENCE, self.answers.next_line()).await;
        let answer = answer.map_err(|_| format!("no answer within {} s", PATIENCE.as_secs()))?;
        let line = answer
            .map_err(|fault| fault.to_string())?
            .ok_or("the script has ended")?;
        let answer: Value = serde_json::from_str(&line).map_err(|fault| format!("{fault}: {line}"))?;
        match answer["fault"].as_str() {
            Some(fault) => Err(fault.to_owned()),
            None => Ok(answer),
        }
    }

    /// Closes the browser and waits until it is gone.
    pub async fn close(&mut self) {
        drop(self.commands.take());
        if tokio::time::timeout(Duration::from_secs(20), self.process.wait())
            .await
            .is_err()
        {
            let _ = self.process.kill().await;
        }
    }
}

/// Chromium's path, when everything else that is needed is there, too.
fn find(web: &Path) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = |name: &str| {
        std::env::split_paths(&path)
            .map(|dir| dir.join(name))
            .find(|file| file.is_file())
    };
    on_path("node").ok_or("there is no node on the PATH; install Node.js 20.19 or newer")?;
    for package in ["playwright-core", "axe-core"] {
        if !web.join("node_modules").join(package).is_dir() {
            return Err(format!("{package} is not installed; run `npm ci` in web/"));
        }
    }
    if !web.join("dist/assets").is_dir() {
        return Err("the console was not built; run `make web`".to_owned());
    }
    let usual = [
        PathBuf::from("/usr/bin/chromium"),
        PathBuf::from("/usr/bin/chromium-browser"),
    ];
    on_path("chromium")
        .or_else(|| on_path("chromium-browser"))
        .or_else(|| usual.into_iter().find(|file| file.is_file()))
        .ok_or_else(|| "there is no chromium on the PATH; install chromium".to_owned())
}
