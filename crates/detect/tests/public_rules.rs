//! The public Sigma rules load, and match the events that SigmaHQ says they must match.

mod support;

use support::{data, fields, rule_files};
use watchkeeper_detect::{DetectorSet, Limits, RuleFile};
use watchkeeper_domain::event::{EntityFields, Event, SourceName};

#[test]
fn every_public_rule_loads() {
    let Some(data) = data() else { return };
    let files = rule_files(&data.join("sigma/rules"));
    let count = files.len();
    let set = DetectorSet::load(files, EntityFields::default(), Limits::default());
    let told: Vec<_> = set.quarantined().iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{told:#?}");
    assert!(
        set.detectors().len() >= count && count > 150,
        "{count} files gave {} rules",
        set.detectors().len()
    );
}

#[test]
fn every_regression_case_matches() {
    let Some(data) = data() else { return };
    let mut missed = Vec::new();
    let mut cases = 0;
    for folder in std::fs::read_dir(data.join("sigma/regression")).unwrap() {
        let folder = folder.unwrap().path();
        let rule = RuleFile::new(
            folder.display().to_string(),
            std::fs::read_to_string(folder.join("rule.yml")).unwrap(),
        );
        let mut set = DetectorSet::load([rule], EntityFields::default(), Limits::default());
        assert!(set.quarantined().is_empty(), "{:?}", set.quarantined());
        let log_source = set.detectors()[0].log_sources[0].clone();
        let lines = std::fs::read_to_string(folder.join("events.jsonl")).unwrap();
        for (number, line) in lines.lines().filter(|line| !line.trim().is_empty()).enumerate() {
            set.observe(&Event {
                id: number.to_string(),
                source: SourceName("regression".into()),
                at: support::at(0),
                collected_at: support::at(0),
                log_source: log_source.clone(),
                fields: fields(serde_json::from_str(line).unwrap()).into(),
                raw: line.to_owned(),
                unparsed: None,
            });
        }
        cases += 1;
        if set.drain().is_empty() {
            missed.push(folder.display().to_string());
        }
    }
    assert!(
        missed.is_empty() && cases > 100,
        "{} of {cases} cases do not match: {missed:#?}",
        missed.len()
    );
}
