//! `watchkeeper pack` and `watchkeeper register` as people call them: what they write, what they print, and how they end.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use watchkeeper::app::open_store;

fn watchkeeper(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder with the default configuration, whose database is in it.
fn place() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let config = watchkeeper(folder.path(), &["config", "init"]);
    let database = format!("url = \"sqlite:{}\"", folder.path().join("db").display());
    let lines = text(&config.stdout);
    let lines: Vec<&str> = lines
        .lines()
        .map(|line| {
            if line.starts_with("url = \"sqlite:") {
                &database
            } else {
                line
            }
        })
        .collect();
    assert!(lines.contains(&database.as_str()), "{lines:?}");
    std::fs::write(folder.path().join("watchkeeper.toml"), lines.join("\n")).expect("written");
    folder
}

#[test]
fn where_no_service_has_run_nothing_is_made() {
    let folder = place();
    let report = ["report", "INC-0001", "--form", "gdpr-33"];
    for command in [&["pack"][..], &["register"], &report] {
        let refused = watchkeeper(folder.path(), command);
        assert_eq!(refused.status.code(), Some(2));
        assert!(text(&refused.stderr).contains("name the database of a service that has run"));
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
    assert_eq!(left.len(), 1, "only the configuration: {left:?}");
}

#[test]
fn a_pack_is_whole_private_verified_by_others_and_recorded() {
    let folder = place();
    let url = format!("sqlite:{}", folder.path().join("db").display());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async { open_store(&url).await.expect("a store").close().await });
    let bad = watchkeeper(
        folder.path(),
        &["pack", "--incident", "INC-0007", "--out", "none.zip"],
    );
    assert_eq!(bad.status.code(), Some(2));
    assert!(
        text(&bad.stderr).contains("there is no incident `INC-0007`"),
        "{}",
        text(&bad.stderr)
    );
    assert!(!folder.path().join("none.zip.part").exists() && !folder.path().join("none.zip").exists());
    let none = ["report", "INC-0007", "--form", "gdpr-33", "--out", "none.pdf"];
    let none = watchkeeper(folder.path(), &none);
    assert!(text(&none.stderr).contains("there is no incident `INC-0007`"));
    let unknown = watchkeeper(folder.path(), &["report", "INC-0007", "--form", "gdpr"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        text(&unknown.stderr).contains("nis2-early-warning"),
        "it names the forms"
    );
    assert!(!folder.path().join("none.pdf.part").exists() && !folder.path().join("none.pdf").exists());
    let twisted = ["pack", "--from", "2026-02-01", "--to", "2026-01-01"];
    assert_eq!(watchkeeper(folder.path(), &twisted).status.code(), Some(2));

    // The register that is taken away is the first record of this log.
    let register = watchkeeper(folder.path(), &["register"]);
    assert!(
        text(&register.stdout).starts_with("reference,title,state,"),
        "{}",
        text(&register.stderr)
    );
    let entries = watchkeeper(folder.path(), &["register", "--json"]);
    let entries: Value = serde_json::from_slice(&entries.stdout).expect("JSON");
    assert_eq!(entries["entries"], serde_json::json!([]));

    let packed = watchkeeper(folder.path(), &["pack", "--json"]);
    let told: Value =
        serde_json::from_slice(&packed.stdout).unwrap_or_else(|_| panic!("{}", text(&packed.stderr)));
    let zip = folder.path().join(told["file"].as_str().expect("a file"));
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(&zip).expect("the pack").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds names and addresses");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verify-pack.py");
    let verified = Command::new("python3")
        .arg(script)
        .arg(&zip)
        .args(["--key", told["key"].as_str().expect("a key")])
        .args(["--manifest", told["manifest_sha256"].as_str().expect("a digest")])
        .output()
        .expect("python3 runs");
    assert!(verified.status.success(), "{}", text(&verified.stdout));
    let log = watchkeeper(folder.path(), &["audit", "export"]);
    let last = text(&log.stdout)
        .lines()
        .last()
        .map(str::to_owned)
        .expect("a record");
    assert!(
        last.contains("pack.exported") && last.contains(told["manifest_sha256"].as_str().expect("a digest"))
    );
}
