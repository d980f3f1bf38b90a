//! The AWS emulator `moto` as a process: CloudWatch Logs, SNS and SQS for the real SDK.
//!
//! It lives in a Python virtual environment, which is made when it is missing: in `$WATCHKEEPER_TEST_VENV`, or in `target/venv`.

use std::fs::File;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The release that the tests were written against.
const PACKAGE: &str = "moto[server]>=5.1,<6";
const START_LIMIT: Duration = Duration::from_secs(60);

/// A running moto; it is killed when this is dropped.
#[derive(Debug)]
pub struct Moto {
    process: Child,
    /// Where it answers, for `endpoint_url`.
    pub endpoint_url: String,
}

impl Moto {
    /// Starts moto on a free port of loopback, and makes its virtual environment first where that is missing.
    ///
    /// # Errors
    /// Says what could not be done and how to mend it.
    pub fn start() -> Result<Self, String> {
        let server = installed_server()?;
        let port = crate::loopback::free_port();
        let process = Command::new(&server)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| {
                format!(
                    "cannot start {}: {e}; remove its directory to have it made anew",
                    server.display()
                )
            })?;
        let mut moto = Self {
            process,
            endpoint_url: format!("http://127.0.0.1:{port}"),
        };
        moto.wait_for(port)?;
        Ok(moto)
    }

    fn wait_for(&mut self, port: u16) -> Result<(), String> {
        let deadline = Instant::now() + START_LIMIT;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(format!(
                    "moto ended at once ({status}); run its moto_server by hand to see why"
                ));
            }
            if Instant::now() > deadline {
                return Err(format!("moto did not listen within {} s", START_LIMIT.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing left to stop then.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn venv() -> PathBuf {
    std::env::var_os("WATCHKEEPER_TEST_VENV").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv"),
        PathBuf::from,
    )
}

/// The path of `moto_server`, installed when it is missing; one process installs, others wait for it.
fn installed_server() -> Result<PathBuf, String> {
    let venv = venv();
    let server = venv.join("bin/moto_server");
    if server.is_file() {
        return Ok(server);
    }
    let parent = venv
        .parent()
        .ok_or("the virtual environment has no parent directory")?;
    std::fs::create_dir_all(parent).map_err(|e| format!("{}: {e}", parent.display()))?;
    let lock = File::create(parent.join("venv.lock")).map_err(|e| format!("{}: {e}", parent.display()))?;
    lock.lock().map_err(|e| format!("{}: {e}", parent.display()))?;
    if !server.is_file() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        run(Command::new(venv.join("bin/pip")).args(["install", "--quiet", PACKAGE]))?;
    }
    Ok(server)
}

fn run(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("cannot run {shown}: {e}; install python3 with its venv module"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = said.lines().rev().take(5).collect();
    Err(format!(
        "{shown} failed: {}; set WATCHKEEPER_TEST_VENV to an environment that has {PACKAGE}",
        last.into_iter().rev().collect::<Vec<_>>().join(" | ")
    ))
}
