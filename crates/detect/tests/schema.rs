//! The JSON Schemas agree with the loader: what ships passes both, and what is wrong fails both.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare must fail")]

mod support;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use std::path::PathBuf;
use support::{data, detection, rule, rule_files};
use watchkeeper_detect::{DetectorSet, Limits, schema};
use watchkeeper_domain::event::EntityFields;

struct Validator {
    schemas: Schemas,
    indices: Vec<(&'static str, SchemaIndex)>,
}

impl Validator {
    fn new() -> Self {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        let sources = [
            ("detection", schema::RULE),
            ("correlation", schema::CORRELATION),
            ("filter", schema::FILTER),
            ("pipeline", schema::PIPELINE),
        ];
        let mut indices = Vec::new();
        for (key, text) in sources {
            let place = format!("urn:watchkeeper:{key}-document");
            compiler
                .add_resource(&place, serde_json::from_str(text).unwrap())
                .unwrap();
            indices.push((key, compiler.compile(&place, &mut schemas).unwrap()));
        }
        Self { schemas, indices }
    }

    /// What the schema of its kind says against a document; nothing where it is sound.
    fn fault(&self, document: &Value) -> Option<String> {
        let index = self.indices.iter().find(|(key, _)| document.get(key).is_some());
        let (_, index) = index.unwrap_or(&self.indices[0]);
        self.schemas
            .validate(document, *index)
            .err()
            .map(|error| format!("{error:#}"))
    }
}

fn documents(text: &str) -> Vec<Value> {
    use serde::Deserialize;
    serde_yaml_ng::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).unwrap())
        .filter(|document| !document.is_null())
        .collect()
}

#[test]
fn every_detector_that_ships_and_every_public_rule_is_valid() {
    let validator = Validator::new();
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../detectors")];
    folders.extend(data().map(|data| data.join("sigma/rules")));
    let (mut count, mut faults) = (0, Vec::new());
    for file in folders.iter().flat_map(|folder| rule_files(folder)) {
        for document in documents(&file.text) {
            count += 1;
            faults.extend(
                validator
                    .fault(&document)
                    .map(|fault| format!("{}: {fault}", file.path)),
            );
        }
    }
    assert!(faults.is_empty() && count > 50, "{count} documents: {faults:#?}");
}

const SOUND: [&str; 8] = [
    "title: F\nlogsource: {product: app}\nfilter:\n  rules: any\n  s: {a: 1}\n  condition: not s\n",
    "pipeline:\n  name: p\n  logsource: {product: app}\n  fields: {a: b, c: [d, e]}\n",
    "title: C\ncorrelation: {type: temporal, condition: base and base, timespan: 5m}\n",
    "title: C\ncorrelation: {type: value_percentile, rules: base, timespan: 1h, condition: {field: ms, gte: 1.5, percentile: 99}}\n",
    "title: C\ncorrelation: {type: leaky_bucket, rules: [base], capacity: 5, leak: 10s, distinct: [u], mute: 5m}\n",
    "title: C\ncorrelation: {type: sequence, rules: [base, base], timespan: 1h, gap: 2m, cancel: [base]}\n",
    "title: C\ncorrelation: {type: absence, rules: [base], timespan: 1h}\n",
    "title: D\nrunbook: x\nlogsource: {product: app, index: main}\ndetection:\n  k:\n    '|all': [one, two]\n  s: [{a|contains|all: [x, y]}, {b: null}]\n  condition: k or s\n",
];

const BASE: &str =
    "title: Base\nid: base\nlogsource: {product: app}\ndetection:\n  s: {a: 1}\n  condition: s\n";

#[test]
fn what_the_loader_takes_is_valid() {
    let validator = Validator::new();
    for text in SOUND {
        for document in documents(text) {
            assert_eq!(validator.fault(&document), None, "{text}");
        }
        let set = DetectorSet::load(
            [rule(BASE), rule(text)],
            EntityFields::default(),
            Limits::default(),
        );
        assert!(set.quarantined().is_empty(), "{text}: {:#?}", set.quarantined());
    }
}

#[test]
fn what_is_about_and_harmless_is_marked_by_the_schema_and_taken_by_the_loader() {
    let tolerated = [
        detection("s: {a: 1}\ntimeframe: 5m\ncondition: s"),
        format!("falsepositive: x\n{}", detection("s: {a: 1}\ncondition: s")),
        "title: C\ncorrelation: {type: value_count, rules: [base], timespan: 5m, field: a, condition: {gte: 5}}\n".into(),
        "title: C\ncorrelation: {type: event_count, description: x, rules: [base], timespan: 5m, condition: {gte: 5}}\n".into(),
    ];
    let validator = Validator::new();
    for text in &tolerated {
        let document = documents(text).remove(0);
        assert!(validator.fault(&document).is_some(), "the schema takes {text}");
        let set = DetectorSet::load(
            [rule(BASE), rule(text)],
            EntityFields::default(),
            Limits::default(),
        );
        assert!(set.quarantined().is_empty(), "{:#?}", set.quarantined());
    }
}

#[test]
fn what_is_wrong_fails_in_the_schema_and_in_the_loader() {
    let faulty = [
        detection("s: {a: 1}"),
        detection("s: {}\ncondition: s"),
        detection("s: {a: []}\ncondition: s"),
        detection("s: {a|contians: x}\ncondition: s"),
        detection("s: {a: 1}\ncondition: s | count() > 5"),
        detection("s: {a: 1}\ncondition: s").replace("title: Test", "title: ''"),
        detection("s: {a: 1}\ncondition: s").replace("title", "titel"),
        format!("level: severe\n{}", detection("s: {a: 1}\ncondition: s")),
        format!("status: nearly\n{}", detection("s: {a: 1}\ncondition: s")),
        format!("tests: [{{name: x, fires: 1}}]\n{}", detection("s: {a: 1}\ncondition: s")),
        format!(
            "tests: [{{name: x, fires: 1, events: [{{field: {{}}}}]}}]\n{}",
            detection("s: {a: 1}\ncondition: s")
        ),
        detection("s: {a: 1}\ncondition: s").replace("product: app", "definition: app"),
        "title: C\ncorrelation: {type: event_count, rules: [base], group_by: [x], timespan: 5m, condition: {gte: 5}}\n".into(),
        "title: C\ncorrelation: {type: event_count, rules: [base], timespan: 5 min, condition: {gte: 5}}\n".into(),
        "title: C\ncorrelation: {type: event_count, rules: [base], timespan: 5m}\n".into(),
        "title: C\ncorrelation: {type: event_count, timespan: 5m, condition: {gte: 5}}\n".into(),
        "title: C\ncorrelation: {type: value_count, rules: [base], timespan: 5m, condition: {gte: 5}}\n".into(),
        "title: C\ncorrelation: {type: value_sum, rules: [base], timespan: 5m, condition: {field: [a, b], gt: 5}}\n".into(),
        "title: C\ncorrelation: {type: unheard_of, rules: [base], timespan: 5m}\n".into(),
        "title: C\ncorrelation: {type: absence, rules: [base], timespan: 5m, condition: {gte: 5}}\n".into(),
        "title: C\ncorrelation: {type: absence, rules: [base], timespan: 5m, gap: 5m}\n".into(),
        "title: C\ncorrelation: {type: leaky_bucket, rules: [base], capacity: 5}\n".into(),
        "title: C\ncorrelation: {type: leaky_bucket, rules: [base], capacity: 0, leak: 5s}\n".into(),
        "title: C\ncorrelation: {type: ratio, rules: [base], of: [base], timespan: 5m, condition: {gte: 20, min-events: 1, min-matches: 1}}\n".into(),
        "title: F\nlogsource: {product: app}\nfilter: {s: {a: 1}, condition: s}\n".into(),
        "title: F\nlogsource: {product: app}\nfilter: {rules: [base], condition: s}\n".into(),
        "title: F\nfilter: {rules: [base], s: {a: 1}, condition: s}\n".into(),
        "pipeline: {name: p, fields: {a: b}}\n".into(),
        "pipeline: {name: p, logsource: {product: app}}\n".into(),
        "pipeline: {name: p, logsource: {product: app}, field: {a: b}}\n".into(),
    ];
    let validator = Validator::new();
    for text in &faulty {
        let document = documents(text).remove(0);
        assert!(validator.fault(&document).is_some(), "the schema takes {text}");
        let set = DetectorSet::load(
            [rule(BASE), rule(text)],
            EntityFields::default(),
            Limits::default(),
        );
        assert!(!set.quarantined().is_empty(), "the loader takes {text}");
        assert_eq!(set.detectors().len(), 1, "{text}");
    }
}
