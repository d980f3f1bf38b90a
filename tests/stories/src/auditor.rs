//! An auditor: takes a pack apart and checks it with nothing of the product but the script that comes with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The script that comes with the product, run on a pack.
///
/// # Panics
/// Without python3.
#[must_use]
pub fn verified(pack: &Path, more: &[&str]) -> Output {
    Command::new("python3")
        .arg(root().join("docs/verify-pack.py"))
        .arg(pack)
        .args(more)
        .output()
        .expect("python3 runs")
}

/// What a command wrote.
#[must_use]
pub fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The rows of a table by column.
///
/// # Panics
/// When it is no table.
#[must_use]
pub fn rows(folder: &Path, name: &str) -> Vec<BTreeMap<String, String>> {
    let mut table = csv::Reader::from_path(folder.join(name)).expect("a table");
    table.deserialize().map(|row| row.expect("a row")).collect()
}

/// Takes a pack apart into a folder, which is empty before.
///
/// # Panics
/// Without python3, or when the pack is no zip.
pub fn unpacked(zip: &Path, folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
    let done = Command::new("python3")
        .args(["-m", "zipfile", "-e"])
        .arg(zip)
        .arg(folder)
        .status();
    assert!(done.expect("python3 runs").success());
}
