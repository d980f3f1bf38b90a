//! A throw-away PostgreSQL: its own cluster, made by an unprivileged user in a temporary directory, on a free port of loopback.
//!
//! A watchdog process holds the server and waits on a pipe from the test process. The pipe closes when the handle is dropped and
//! just so when the test process dies, however it dies; the watchdog then stops the server and removes its directory.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Who the server runs as when the tests run as root, which PostgreSQL refuses.
const UNPRIVILEGED: &str = "nobody";
/// The cluster's superuser.
const OWNER: &str = "watchkeeper";
/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts the server, waits until the pipe on its standard input closes, stops the server and clears up. `$1` is the server, `$2` the
/// directory, `$3` the port. A server whose files are thrown away has no need to make them safe.
const WATCHDOG: &str = r#"
trap : INT TERM HUP
"$1" -D "$2/data" -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off \
    -c synchronous_commit=off -c full_page_writes=off -c max_connections=250 >"$2/log" 2>&1 &
server=$!
read -r _
kill -INT "$server" 2>/dev/null
wait "$server"
rm -rf "$2"
"#;

/// A running cluster; it is stopped and removed when this is dropped or the process ends.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    port: u16,
    password: String,
    databases: AtomicU32,
    watchdog: Child,
}

impl Cluster {
    /// The one cluster of this test process, started when it is first asked for. `None`, said loudly, where PostgreSQL is not
    /// installed.
    ///
    /// # Panics
    /// Where PostgreSQL is not installed and `CI=true`; where it is installed and does not start.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// Starts a cluster. `None`, said loudly, where PostgreSQL is not installed.
    ///
    /// # Panics
    /// Where PostgreSQL is not installed and `CI=true`; where it is installed and does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        let Some(programs) = find_programs() else {
            let missing = "PostgreSQL is not installed (no initdb in PATH or /usr/lib/postgresql/*/bin)";
            let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(
                !ci,
                "{missing}; with CI=true its tests must run: install postgresql"
            );
            // Past the capture of the test harness: a test that did not run must be seen.
            let _ = writeln!(
                std::io::stderr(),
                "\n*** NOT TESTED ON POSTGRESQL: {missing}; install postgresql ***\n"
            );
            return None;
        };
        let mut last = String::new();
        for _ in 0..5 {
            match Self::attempt(&programs) {
                Ok(cluster) => return Some(cluster),
                // Another process may have taken the port between finding it free and listening on it.
                Err(fault) if fault.contains("could not bind") => last = fault,
                Err(fault) => panic!("cannot start PostgreSQL: {fault}"),
            }
        }
        panic!("cannot start PostgreSQL: {last}")
    }

    fn attempt(programs: &Path) -> Result<Self, String> {
        let directory = directory()?;
        let password = random_password()?;
        init(programs, directory.path(), &password)?;
        let port = free_port()?;
        let mut command = as_unprivileged(Path::new("sh"));
        command.args(["-c", WATCHDOG, "watchdog"]);
        command
            .arg(programs.join("postgres"))
            .arg(directory.path())
            .arg(port.to_string());
        let watchdog = command
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|fault| format!("cannot start the watchdog: {fault}"))?;
        let cluster = Self {
            programs: programs.to_owned(),
            port,
            password,
            databases: AtomicU32::new(0),
            watchdog,
        };
        // From here the watchdog removes the directory.
        let directory = directory.keep();
        cluster.wait_until_ready(&directory.join("log"))?;
        Ok(cluster)
    }

    fn wait_until_ready(&self, log: &Path) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let ready = Command::new(self.programs.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-d", "postgres", "-U", OWNER, "-p"])
                .arg(self.port.to_string())
                .status();
            if ready.is_ok_and(|status| status.success()) {
                return Ok(());
            }
            let said = std::fs::read_to_string(log).unwrap_or_default();
            if said.contains("FATAL:  ") && !said.contains("starting up") {
                return Err(said);
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        Err(format!(
            "it was not ready within {} s; it said: {}",
            PATIENCE.as_secs(),
            std::fs::read_to_string(log).unwrap_or_default()
        ))
    }

    /// Makes an empty database and gives its address, password included.
    ///
    /// # Panics
    /// When the cluster does not make it; the message says what it answered.
    #[must_use]
    pub fn fresh_database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let made = Command::new(self.programs.join("createdb"))
            .args(["-h", "127.0.0.1", "-U", OWNER, "-w", "-p"])
            .arg(self.port.to_string())
            .arg(&name)
            .env("PGPASSWORD", &self.password)
            .output();
        match made {
            Ok(output) if output.status.success() => {}
            Ok(output) => panic!(
                "cannot make database {name}: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            ),
            Err(fault) => panic!("cannot make database {name}: createdb: {fault}"),
        }
        format!(
            "postgres://{OWNER}:{}@127.0.0.1:{}/{name}",
            self.password, self.port
        )
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The superuser's password, which no log and no error may show.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// The directory with PostgreSQL's programs: from `PATH`, else the newest of a distribution's places.
fn find_programs() -> Option<PathBuf> {
    let complete = |dir: &PathBuf| {
        ["initdb", "postgres", "pg_isready", "createdb"]
            .iter()
            .all(|program| dir.join(program).is_file())
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(dir) = std::env::split_paths(&path).find(complete) {
        return Some(dir);
    }
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, dir)| complete(dir))
        .collect();
    versions.sort();
    versions.pop().map(|(_, dir)| dir)
}

/// A directory of the unprivileged user's own.
fn directory() -> Result<TempDir, String> {
    let directory = tempfile::Builder::new()
        .prefix("watchkeeper-postgres-")
        .tempdir()
        .map_err(|fault| format!("cannot make a directory for the cluster: {fault}"))?;
    own(directory.path(), 0o700)?;
    Ok(directory)
}

/// Gives a path to the user that the server runs as, and to nobody else.
fn own(path: &Path, mode: u32) -> Result<(), String> {
    let told = |fault: std::io::Error| format!("{}: {fault}", path.display());
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(told)?;
    if rustix::process::geteuid().is_root() {
        chown(path, Some(id_of("-u")?), Some(id_of("-g")?)).map_err(told)?;
    }
    Ok(())
}

fn id_of(which: &str) -> Result<u32, String> {
    let output = Command::new("id").args([which, UNPRIVILEGED]).output();
    let output = output.map_err(|fault| format!("id {which} {UNPRIVILEGED}: {fault}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .parse()
        .map_err(|_| format!("there is no user {UNPRIVILEGED} that the server could run as"))
}

/// A password that nobody can guess, since every user of the machine can reach a port of loopback.
fn random_password() -> Result<String, String> {
    use std::io::Read as _;
    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|fault| format!("/dev/urandom: {fault}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn init(programs: &Path, directory: &Path, password: &str) -> Result<(), String> {
    let password_file = directory.join("password");
    std::fs::write(&password_file, password)
        .map_err(|fault| format!("{}: {fault}", password_file.display()))?;
    own(&password_file, 0o600)?;
    let mut command = as_unprivileged(&programs.join("initdb"));
    let output = command
        .args([
            "--no-sync",
            "--no-locale",
            "--encoding=UTF8",
            "--auth=scram-sha-256",
        ])
        .args(["-U", OWNER, "--pwfile"])
        .arg(&password_file)
        .arg("-D")
        .arg(directory.join("data"))
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .map_err(|fault| format!("initdb: {fault}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "initdb: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

fn as_unprivileged(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", UNPRIVILEGED, "--"]).arg(program);
    command
}

fn free_port() -> Result<u16, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|fault| format!("no free port on 127.0.0.1: {fault}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader};
    use std::net::TcpStream;

    fn answers(port: u16) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
    }

    #[test]
    fn a_cluster_answers_and_is_gone_when_it_is_dropped() {
        let Some(cluster) = Cluster::start() else { return };
        let port = cluster.port();
        assert!(cluster.fresh_database().ends_with("/test_0"));
        assert!(cluster.fresh_database().ends_with("/test_1"));
        assert!(answers(port));
        drop(cluster);
        assert!(!answers(port));
    }

    #[test]
    #[ignore = "run by the test below, in a process of its own that is killed"]
    fn holds_a_cluster_until_it_is_killed() {
        let port = Cluster::shared().map_or(0, Cluster::port);
        println!("\nport {port}");
        let _ = std::io::stdin().lock().read_line(&mut String::new());
    }

    #[test]
    fn a_cluster_is_gone_when_its_process_is_killed() {
        if find_programs().is_none() {
            return;
        }
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(["--exact", "postgres::tests::holds_a_cluster_until_it_is_killed"])
            .args(["--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let said = BufReader::new(child.stdout.take().expect("its output"));
        let port = said
            .lines()
            .find_map(|line| line.ok()?.strip_prefix("port ")?.parse().ok())
            .expect("tells its port");
        assert!(answers(port));
        child.kill().expect("kills");
        child.wait().expect("is gone");
        let deadline = Instant::now() + PATIENCE;
        while answers(port) {
            assert!(Instant::now() < deadline, "the server outlives its process");
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}
