//! The binary as people get it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The binary beside this test's own program; built first where it is missing or older than what it is made of.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn binary() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let program = std::env::current_exe().expect("this program");
        let profile = program
            .parent()
            .and_then(Path::parent)
            .expect("target/PROFILE/deps/PROGRAM");
        let binary = profile.join("watchkeeper");
        let made = std::fs::metadata(&binary).and_then(|file| file.modified()).ok();
        if made.is_none_or(|made| made < newest(&root())) {
            let mut build = Command::new(env!("CARGO"));
            build
                .args(["build", "--quiet", "-p", "watchkeeper", "--target-dir"])
                .arg(profile.parent().expect("target"));
            // What cargo tells the tests of their own package would make it compile anew whatever looks at such variables, TLS and all
            // that stands on it.
            let of_this_package =
                |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
            for (name, _) in std::env::vars().filter(|(name, _)| of_this_package(name)) {
                build.env_remove(name);
            }
            let built = build.current_dir(root()).status().expect("cargo runs");
            assert!(built.success(), "cargo build -p watchkeeper: {built}");
        }
        binary
    })
}

/// When anything that the binary is made of was changed last.
fn newest(root: &Path) -> SystemTime {
    fn below(path: &Path) -> SystemTime {
        let Ok(entries) = std::fs::read_dir(path) else {
            return SystemTime::UNIX_EPOCH;
        };
        let changed = entries
            .flatten()
            .filter(|entry| entry.file_name() != "tests")
            .map(|entry| {
                let path = entry.path();
                if path.is_dir() {
                    return below(&path);
                }
                entry
                    .metadata()
                    .and_then(|file| file.modified())
                    .unwrap_or(SystemTime::UNIX_EPOCH)
            });
        changed.max().unwrap_or(SystemTime::UNIX_EPOCH)
    }
    let made_of = ["crates", "detectors", "playbooks", "migrations", "web/dist"];
    made_of
        .map(|folder| below(&root.join(folder)))
        .into_iter()
        .max()
        .unwrap_or(SystemTime::UNIX_EPOCH)
}
