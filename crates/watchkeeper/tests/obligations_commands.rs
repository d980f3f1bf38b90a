//! `watchkeeper obligations …` as people call it: what it prints, and how it ends.

use serde_json::Value;
use std::process::{Command, Output};

fn watchkeeper(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
        .arg("obligations")
        .args(arguments)
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|fault| panic!("{fault}: {}{}", text(&output.stdout), text(&output.stderr)))
}

#[test]
fn the_rules_that_ship_are_sound_and_only_what_counsel_need_not_read_binds() {
    let check = watchkeeper(&["check", "--json"]);
    assert_eq!(check.status.code(), Some(0), "{}", text(&check.stdout));
    assert!(json(&check)["worked_examples"].as_u64() >= Some(45));
    let list = json(&watchkeeper(&["list", "--json"]));
    let bind: Vec<&str> = list["rules"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|rule| rule["enabled"] == true)
        .filter_map(|rule| rule["id"].as_str())
        .collect();
    assert_eq!(bind, ["contract.default72", "contract.dpa", "gdpr.33_5"]);
}

#[test]
fn a_clock_is_counted_with_both_readings_and_the_earlier_is_kept() {
    let counted = watchkeeper(&[
        "due",
        "gdpr.33_1",
        "--at",
        "aware=2026-06-05T16:20:00+02:00",
        "--json",
    ]);
    let due = &json(&counted)["phases"][0]["due"];
    assert_eq!(due["due_at"], "2026-06-08T14:20:00Z");
    assert_eq!(due["readings"][1]["due_at"], "2026-06-08T15:00:00Z");
    let told = text(
        &watchkeeper(&[
            "due",
            "contract.dpa",
            "--at",
            "confirmed=2026-06-05T14:20:00Z",
            "--contract",
            "24h",
        ])
        .stdout,
    );
    assert!(told.contains("due Sat 2026-06-06 14:20:00 UTC"), "{told}");
    let waits = text(&watchkeeper(&["due", "eu.nis2_23"]).stdout);
    assert!(
        waits.contains("early_warning: not started; it counts from aware"),
        "{waits}"
    );
}

#[test]
fn what_cannot_be_counted_says_what_to_write_instead() {
    for (arguments, told) in [
        (&["due", "gdpr.331"][..], "known are"),
        (
            &["due", "gdpr.33_1", "--at", "aware"],
            "such as aware=2026-06-05T14:20:00Z",
        ),
        (
            &["due", "gdpr.33_1", "--at", "aware=Friday"],
            "`Friday` is no instant",
        ),
        (
            &["due", "gdpr.33_1", "--at", "awake=2026-06-05T14:20:00Z"],
            "aware",
        ),
        (
            &["due", "eu.dora", "--submitted", "first=2026-06-05T14:20:00Z"],
            "it has initial, intermediate, final",
        ),
        (
            &["due", "contract.dpa", "--contract", "soon"],
            "is not a length of time",
        ),
    ] {
        let refused = watchkeeper(arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(
            text(&refused.stderr).contains(told),
            "{arguments:?}: {}",
            text(&refused.stderr)
        );
    }
}

#[test]
fn a_rule_that_does_not_come_out_as_its_example_says_is_named_with_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let rule = folder.path().join("obligations/sg-pdpa/rule.yaml");
    let calendar = folder.path().join("calendars/SG.yaml");
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../playbooks");
    for (to, from) in [
        (&rule, "obligations/sg-pdpa/rule.yaml"),
        (&calendar, "calendars/SG.yaml"),
    ] {
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        let text = std::fs::read_to_string(shipped.join(from)).expect("it ships");
        std::fs::write(to, text.replace("within: 3 CD", "within: 4 CD")).expect("written");
    }
    let given = folder.path().display().to_string();
    let check = watchkeeper(&["check", "--playbooks", &given, "--json"]);
    assert_eq!(check.status.code(), Some(1));
    let fault = json(&check)["faults"][0].clone();
    assert_eq!(fault["path"], "obligations/sg-pdpa/rule.yaml");
    assert!(
        fault["fault"]
            .as_str()
            .expect("a text")
            .contains("`Three days end on a Monday`"),
        "{fault}"
    );
}
