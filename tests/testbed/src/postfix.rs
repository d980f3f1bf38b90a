//! A real Postfix: an instance of its own, with its own configuration, queue and data in a temporary directory, on a free port of
//! loopback. The system's own instance, where there is one, is left alone, and no mail leaves the machine.
//!
//! A watchdog process holds the server and waits on a pipe from the test process, as for [`crate::postgres`].

use crate::loopback::free_port;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts the instance, waits until the pipe on its standard input closes, stops the instance and clears up. `$1` is the directory.
const WATCHDOG: &str = r#"
trap : INT TERM HUP
postfix -c "$1/etc" start-fg >"$1/said" 2>&1 &
server=$!
read -r _
postfix -c "$1/etc" abort >/dev/null 2>&1
wait "$server"
rm -rf "$1"
"#;

/// What the instance runs; nothing in a chroot, and no service that could read another's queue.
const SERVICES: &str = "
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

/// A running instance that takes mail from this machine; it is stopped and removed when this is dropped or the process ends.
#[derive(Debug)]
pub struct Postfix {
    directory: PathBuf,
    port: u16,
    watchdog: Child,
}

impl Postfix {
    /// Starts an instance with these mailboxes: addresses, or `@domain` for one that takes everything for a domain. It takes mail for
    /// any address of their domains and bounces, later, what has no mailbox, as a relay does. `None`, said loudly, where Postfix
    /// cannot run.
    ///
    /// # Panics
    /// Where Postfix cannot run and `CI=true`; where it is installed and does not start.
    #[must_use]
    pub fn start(mailboxes: &[&str]) -> Option<Self> {
        if let Some(missing) = missing() {
            let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(
                !ci,
                "{missing}; with CI=true its tests must run: install postfix, and run them as root"
            );
            // Past the capture of the test harness: a test that did not run must be seen.
            let _ = writeln!(
                std::io::stderr(),
                "\n*** NOT TESTED WITH POSTFIX: {missing}; install postfix, and run the tests as root ***\n"
            );
            return None;
        }
        let started = Self::attempt(mailboxes);
        Some(started.unwrap_or_else(|fault| panic!("cannot start Postfix: {fault}")))
    }

    fn attempt(mailboxes: &[&str]) -> Result<Self, String> {
        let directory = tempfile::Builder::new()
            .prefix("watchkeeper-postfix-")
            .tempdir()
            .map_err(|fault| format!("cannot make a directory: {fault}"))?
            .keep();
        let port = free_port();
        configure(&directory, port, mailboxes)?;
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(&directory)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|fault| format!("cannot start the watchdog: {fault}"))?;
        let instance = Self {
            directory,
            port,
            watchdog,
        };
        instance.wait_until_ready()?;
        Ok(instance)
    }

    fn wait_until_ready(&self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        let said = std::fs::read_to_string(self.directory.join("said")).unwrap_or_default();
        Err(format!(
            "it did not answer within {} s; it said: {said}{}",
            PATIENCE.as_secs(),
            self.log()
        ))
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Leads mail for `domain` to `server`, which speaks LMTP.
    ///
    /// # Panics
    /// When the instance cannot be told.
    pub fn lead(&self, domain: &str, server: SocketAddr) {
        let table = self.directory.join("etc/transport");
        std::fs::write(&table, format!("{domain} lmtp:inet:{server}\n")).expect("the table is written");
        let told = Command::new("postfix")
            .arg("-c")
            .arg(self.directory.join("etc"))
            .arg("reload")
            .output()
            .expect("postfix reload");
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    }

    /// What lies in a mailbox, byte for byte as Postfix keeps it: lines end in LF, and its own trace stands before the message.
    ///
    /// # Panics
    /// When a mail cannot be read.
    #[must_use]
    pub fn mails_in(&self, mailbox: &str) -> Vec<Vec<u8>> {
        let new = self.directory.join("mail").join(folder(mailbox)).join("new");
        let Ok(entries) = std::fs::read_dir(new) else {
            return Vec::new();
        };
        entries
            .map(|entry| std::fs::read(entry.expect("an entry").path()).expect("a mail"))
            .collect()
    }

    /// The log, for messages of tests that fail.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// Why Postfix cannot run here; none where it can.
fn missing() -> Option<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|directory| directory.join("postfix").is_file());
    if !found {
        return Some("Postfix is not installed (no postfix in PATH)");
    }
    (!rustix::process::geteuid().is_root()).then_some("Postfix starts only as root")
}

fn folder(mailbox: &str) -> &str {
    mailbox.trim_start_matches('@')
}

fn configure(directory: &Path, port: u16, mailboxes: &[&str]) -> Result<(), String> {
    let shown = directory.display();
    let told = |fault: std::io::Error| format!("{shown}: {fault}");
    // Its processes are other users, and must be let through.
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755)).map_err(told)?;
    for folder in ["etc", "queue", "data", "mail"] {
        std::fs::create_dir(directory.join(folder)).map_err(told)?;
    }
    let (user, group) = (id_of("-u")?, id_of("-g")?);
    for folder in ["data", "mail"] {
        chown(directory.join(folder), Some(user), Some(group)).map_err(told)?;
    }
    let mut domains = Vec::new();
    let mut table = String::new();
    for mailbox in mailboxes {
        let (_, domain) = mailbox
            .rsplit_once('@')
            .ok_or_else(|| format!("`{mailbox}` is no mailbox"))?;
        if !domains.contains(&domain) {
            domains.push(domain);
        }
        let _ = writeln!(table, "{mailbox} {}/", folder(mailbox));
    }
    let main = format!(
        "compatibility_level = 3.6
queue_directory = {shown}/queue
data_directory = {shown}/data
maillog_file = {shown}/log
maillog_file_prefixes = {shown}
myhostname = relay.example
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_reject_unlisted_recipient = no
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {shown}/mail
virtual_mailbox_maps = texthash:{shown}/etc/mailboxes
virtual_uid_maps = static:{user}
virtual_gid_maps = static:{group}
virtual_minimum_uid = 1
transport_maps = texthash:{shown}/etc/transport
default_transport = error:5.4.4 no mail leaves this machine
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
notify_classes =
",
        domains = domains.join(", "),
    );
    let master = format!("127.0.0.1:{port} inet n - n - - smtpd{SERVICES}");
    let files = [
        ("main.cf", main),
        ("master.cf", master),
        ("mailboxes", table),
        ("transport", String::new()),
    ];
    for (name, text) in files {
        std::fs::write(directory.join("etc").join(name), text).map_err(told)?;
    }
    Ok(())
}

/// The number of the user that Postfix's own package makes.
fn id_of(which: &str) -> Result<u32, String> {
    let output = Command::new("id").args([which, "postfix"]).output();
    let output = output.map_err(|fault| format!("id {which} postfix: {fault}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .parse()
        .map_err(|_| "there is no user postfix; install the package".to_owned())
}
