//! The AWS emulator `moto` as a process, for the real SDK, and Amazon's own Python SDK to put into it what is to be found.

use crate::python;
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START_LIMIT: Duration = Duration::from_secs(60);

const PRELUDE: &str = "
import boto3, gzip, json, sys, urllib.request
endpoint, arguments = sys.argv[1], sys.argv[2:]
def client(service):
    return boto3.client(service, region_name='eu-central-1', endpoint_url=endpoint,
        aws_access_key_id='testing', aws_secret_access_key='testing')
";

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

    /// Runs a Python script with `client(service)` of boto3 at this moto, in eu-central-1; gives the JSON that it prints.
    ///
    /// # Panics
    /// When the script fails; the panic has what it said.
    pub fn script(&self, text: &str, arguments: &[&str]) -> serde_json::Value {
        let text = format!("{PRELUDE}{text}");
        let arguments = [&[self.endpoint_url.as_str()], arguments].concat();
        let (ended_well, said) = python::script(&text, &arguments, b"");
        assert!(ended_well, "{said}");
        serde_json::from_str(said.trim()).unwrap_or_default()
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
