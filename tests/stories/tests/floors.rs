//! Holds the crate graph to the drawing in `docs/architecture.md`: a crate imports only from floors below it, and what does IO of
//! one kind stands in one crate. Only normal dependencies count; what tests need is free.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// The floor of each crate, the lowest first. Crates of one floor do not know each other.
const FLOORS: [(&str, u8); 8] = [
    ("watchkeeper-domain", 1),
    ("watchkeeper-store", 2),
    ("watchkeeper-detect", 2),
    ("watchkeeper-collect", 2),
    ("watchkeeper-deliver", 2),
    ("watchkeeper-respond", 3),
    ("watchkeeper-api", 4),
    ("watchkeeper", 5),
];

/// Packages that belong into one crate and no other.
const ONLY_IN: [(&str, &str); 10] = [
    ("sqlx", "watchkeeper-store"),
    ("axum", "watchkeeper-api"),
    ("lettre", "watchkeeper-deliver"),
    ("aws-sdk-sesv2", "watchkeeper-deliver"),
    ("aws-sdk-sns", "watchkeeper-deliver"),
    ("aws-sdk-cloudwatchlogs", "watchkeeper-collect"),
    ("aws-sdk-guardduty", "watchkeeper-collect"),
    ("aws-sdk-kinesis", "watchkeeper-collect"),
    ("aws-sdk-sqs", "watchkeeper-collect"),
    ("aws-sdk-sts", "watchkeeper-collect"),
];

/// Crates that decide without waiting, and what they therefore do without.
const PURE: [&str; 2] = ["watchkeeper-domain", "watchkeeper-detect"];
const ASYNC: [&str; 6] = [
    "tokio",
    "tokio-util",
    "tokio-stream",
    "async-trait",
    "futures",
    "async-std",
];

/// Each workspace member's normal dependencies, by package name.
type Graph = BTreeMap<String, BTreeSet<String>>;

fn graph() -> Graph {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(root)
        .output()
        .expect("cargo metadata runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    packages.iter().map(member).collect()
}

fn member(package: &serde_json::Value) -> (String, BTreeSet<String>) {
    let text = |value: &serde_json::Value| value.as_str().expect("a name").to_owned();
    let dependencies = package["dependencies"]
        .as_array()
        .expect("a list of dependencies");
    let normal = dependencies
        .iter()
        .filter(|dependency| dependency["kind"].is_null());
    (
        text(&package["name"]),
        normal.map(|dependency| text(&dependency["name"])).collect(),
    )
}

/// The crates of the product; what stands in `tests/` may import anything.
fn product() -> Graph {
    let floors = BTreeMap::from(FLOORS);
    graph()
        .into_iter()
        .filter(|(name, _)| floors.contains_key(name.as_str()))
        .collect()
}

#[test]
fn every_crate_of_the_product_has_its_floor() {
    let tests = ["watchkeeper-testbed", "watchkeeper-stories"];
    let known: BTreeSet<&str> = FLOORS.iter().map(|(name, _)| *name).chain(tests).collect();
    let found = graph();
    let found: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(
        found, known,
        "give a new crate its floor in tests/stories/tests/floors.rs and in docs/architecture.md"
    );
}

#[test]
fn a_crate_imports_only_from_floors_below_it() {
    let floors = BTreeMap::from(FLOORS);
    for (name, dependencies) in product() {
        for dependency in dependencies {
            let Some(below) = floors.get(dependency.as_str()) else {
                assert!(
                    !dependency.starts_with("watchkeeper"),
                    "{name} imports {dependency}, which is for tests"
                );
                continue;
            };
            assert!(
                *below < floors[name.as_str()],
                "{name} (floor {}) imports {dependency} (floor {below}); move what both need to a floor below, or pass it in",
                floors[name.as_str()],
            );
        }
    }
}

#[test]
fn what_does_io_of_one_kind_stands_in_one_crate() {
    for (name, dependencies) in product() {
        for (package, home) in ONLY_IN {
            assert!(
                name == home || !dependencies.contains(package),
                "{name} imports {package}, which belongs into {home}; call what {home} offers, or widen it there",
            );
        }
    }
}

#[test]
fn each_kind_of_io_is_really_at_home_where_the_drawing_says() {
    let product = product();
    for (package, home) in ONLY_IN {
        assert!(
            product[home].contains(package),
            "{home} no longer imports {package}; strike it from the drawing"
        );
    }
}

#[test]
fn domain_and_detect_decide_without_waiting() {
    let product = product();
    for name in PURE {
        for package in ASYNC {
            assert!(
                !product[name].contains(package),
                "{name} imports {package}; it takes values and gives values back"
            );
        }
    }
}
