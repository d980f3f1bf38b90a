//! The AWS emulator `moto` as a process: CloudWatch Logs, SNS and SQS for the real SDK.

use crate::python;
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
        let server = python::program("moto_server")?;
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
