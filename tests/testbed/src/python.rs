//! Programs of Python packages, in a virtual environment that is made when it is missing: in `$WATCHKEEPER_TEST_VENV`, or in
//! `target/venv`.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The releases that the tests were written against; the Makefile names the same.
const PACKAGES: [&str; 2] = ["moto[server]==5.2.5", "dkimpy[ed25519]==1.1.8"];

fn venv() -> PathBuf {
    std::env::var_os("WATCHKEEPER_TEST_VENV").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv"),
        PathBuf::from,
    )
}

/// The path of a program of one of the packages, installed when it is missing; one process installs, others wait for it.
pub(crate) fn program(name: &str) -> Result<PathBuf, String> {
    let venv = venv();
    let program = venv.join("bin").join(name);
    if program.is_file() {
        return Ok(program);
    }
    let parent = venv
        .parent()
        .ok_or("the virtual environment has no parent directory")?;
    std::fs::create_dir_all(parent).map_err(|e| format!("{}: {e}", parent.display()))?;
    let lock = File::create(parent.join("venv.lock")).map_err(|e| format!("{}: {e}", parent.display()))?;
    lock.lock().map_err(|e| format!("{}: {e}", parent.display()))?;
    if !program.is_file() {
        if !venv.join("bin/pip").is_file() {
            run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        }
        run(Command::new(venv.join("bin/pip"))
            .args(["install", "--quiet"])
            .args(PACKAGES))?;
    }
    if program.is_file() {
        Ok(program)
    } else {
        Err(format!(
            "{} is not there after installing {}",
            program.display(),
            PACKAGES.join(" ")
        ))
    }
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
        "{shown} failed: {}; set WATCHKEEPER_TEST_VENV to an environment that has {}",
        last.into_iter().rev().collect::<Vec<_>>().join(" | "),
        PACKAGES.join(" ")
    ))
}

/// Runs a script with the environment's Python; says whether it ended well, and what it wrote: first its output, then its errors.
pub(crate) fn script(text: &str, arguments: &[&str], input: &[u8]) -> (bool, String) {
    // One environment has all packages; the program of one tells that it is there.
    let program = program("dkimverify").unwrap_or_else(|fault| panic!("{fault}"));
    let mut child = Command::new(program.with_file_name("python"))
        .args(["-c", text])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python starts");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(input)
        .expect("Python reads");
    let output = child.wait_with_output().expect("Python ends");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}
