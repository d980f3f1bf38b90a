//! Whose data an event concerns, by rules that a company writes.

use serde_json::json;
use watchkeeper_detect::{DetectorSet, EvidenceFile, EvidenceRules, Limits, RuleFile};
use watchkeeper_domain::event::{EntityFields, Event, Fields};

const TABLE: EvidenceFile<'static> = EvidenceFile {
    path: "evidence/buckets.csv",
    text: "value,tenant,customer\nfiles-17,t-acme,\nfiles-18,,globex\n",
};

/// The example of the manual.
fn example() -> String {
    let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/evidence.md"))
        .expect("the manual");
    let begin = manual.find("```yaml\n").expect("an example") + "```yaml\n".len();
    manual[begin..begin + manual[begin..].find("```").expect("its end")].to_owned()
}

fn read(text: &str) -> EvidenceRules {
    let (rules, faults) = EvidenceRules::read(&[
        TABLE,
        EvidenceFile {
            path: "evidence/store.yaml",
            text,
        },
    ]);
    assert_eq!(faults, []);
    rules
}

fn event(fields: serde_json::Value, raw: &str) -> Event {
    let mut event: Event = serde_json::from_value(json!({
        "id": "1", "source": "trail", "at": "2026-01-05T09:00:00Z", "collected_at": "2026-01-05T09:00:00Z",
        "log_source": {"product": "aws", "service": "cloudtrail"}, "fields": {}, "raw": raw,
    }))
    .expect("an event");
    let serde_json::Value::Object(fields) = fields else {
        panic!("fields are an object: {fields}");
    };
    event.fields = fields.into();
    event
}

fn tenants(rules: &EvidenceRules, event: &Event) -> Vec<String> {
    rules
        .concerned(event)
        .into_iter()
        .map(|found| found.tenant)
        .collect()
}

#[test]
fn the_example_of_the_manual_fits_its_schema_and_finds_tenants_in_three_ways() {
    let text = example();
    let schema: serde_json::Value = serde_json::from_str(
        &std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../playbooks/evidence/schema.json"
        ))
        .expect("there"),
    )
    .expect("JSON");
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.add_resource("schema.json", schema).expect("a schema");
    let index = compiler
        .compile("schema.json", &mut schemas)
        .expect("it compiles");
    let value: serde_json::Value = serde_yaml_ng::from_str(&text).expect("YAML");
    schemas
        .validate(&value, index)
        .unwrap_or_else(|fault| panic!("{fault}"));

    let rules = read(&text);
    let by_table = event(json!({"requestParameters": {"bucketName": "files-17"}}), "");
    assert_eq!(tenants(&rules, &by_table), ["t-acme"]);
    let by_key = event(json!({"requestParameters": {"bucketName": "files-18"}}), "");
    assert_eq!(tenants(&rules, &by_key), ["customer:globex"]);
    let unknown = event(json!({"requestParameters": {"bucketName": "logs"}}), "");
    assert_eq!(tenants(&rules, &unknown), Vec::<String>::new());
    let by_pattern = event(
        json!({"requestParameters": {"key": "tenants/initech/a.pdf", "bucketName": "shared"}}),
        "",
    );
    assert_eq!(tenants(&rules, &by_pattern), ["initech"]);
    assert_eq!(
        rules.touched(&by_pattern).objects.into_iter().collect::<Vec<_>>(),
        ["tenants/initech/a.pdf"]
    );
    let by_text = event(json!({}), "copied tenant=umbrella and tenant=hooli to x");
    assert_eq!(tenants(&rules, &by_text), ["hooli", "umbrella"]);
    let found = rules.concerned(&by_table).remove(0);
    assert!(found.rule.starts_with("evidence/store.yaml:"), "{found:?}");
    assert_eq!(found.found_in, "requestParameters.bucketName = files-17");

    let mut elsewhere = by_table;
    elsewhere.log_source.service = Some("guardduty".to_owned());
    assert_eq!(tenants(&rules, &elsewhere), Vec::<String>::new());
}

#[test]
fn what_is_found_is_counted_by_the_detectors_and_cannot_be_made_up_by_an_event() {
    let rules = read("tenants: [{field: bucket, lookup: buckets.csv}]");
    let mut entities = EntityFields::default();
    entities.tenant.extend(rules.fields());
    let rule = "title: Read\nid: 2f0c2a2e-0f64-4b8e-a9a5-6b7c6c6d1f60\nlogsource: {product: aws}\nlevel: high\n\
        detection: {s: {action: read}, condition: s}\n";
    let file = RuleFile::new("r.yml", rule);
    let mut engine = DetectorSet::load([file], entities, Limits::default());
    for made_up in [
        json!({"evidence_tenant_2": "t-innocent"}),
        json!({"evidence _tenant_2": "t-innocent"}),
        json!({"evidence_tenant": {"2": "t-innocent"}, "evidence": [{"tenant_2": "t-innocent"}]}),
    ] {
        let mut fields = made_up.clone();
        fields["action"] = "read".into();
        fields["bucket"] = "files-17".into();
        let raw = fields.to_string().replace("_tenant", "_t\\u0065nant");
        let mut in_text = event(json!({}), &raw);
        in_text.fields = Fields::in_text(serde_json::Map::new());
        for mut read in [event(fields, ""), in_text] {
            assert_eq!(rules.put_into(&mut read), 0);
            engine.observe(&read);
            let detections = engine.drain();
            assert_eq!(detections.len(), 1);
            let named: Vec<_> = detections[0].tenants.keys().collect();
            assert_eq!(named, ["t-acme"], "{made_up}");
        }
    }
}

#[test]
fn more_tenants_than_fit_are_counted() {
    let rules = read("tenants: [{text: true, pattern: 't=(?<tenant>[a-z]+)'}]");
    let text: String = ('a'..='j').map(|c| format!("t={c} ")).collect();
    let mut many = event(json!({}), &text);
    assert!(rules.put_into(&mut many) > 0);
    assert_eq!(many.fields().len(), 8);
}

#[test]
fn every_fault_is_named_with_file_line_and_key() {
    let text = "title: x\nlog_source: {vendor: aws}\ntenants:\n  - field: a\n    pattern: '(?<tenant>['\n  - field: b\n    pattern: 'x'\n  \
        - field: c\n    lookup: nothing.csv\n  - text: true\n  - {}\nobject: [a]\npeople: a\n";
    let table = EvidenceFile {
        path: "evidence/bad.csv",
        text: "value,tenant\na,b\na,c\n,d\ne\n",
    };
    let (rules, faults) = EvidenceRules::read(&[
        table,
        EvidenceFile {
            path: "evidence/x.yaml",
            text,
        },
    ]);
    assert!(rules.is_empty());
    let said: Vec<(&str, usize, &str)> = faults
        .iter()
        .map(|f| (f.path.as_str(), f.line, f.key.as_str()))
        .collect();
    let csv = "evidence/bad.csv";
    let yaml = "evidence/x.yaml";
    assert_eq!(
        said,
        [
            (csv, 3, "value"),
            (csv, 4, "value"),
            (csv, 5, ""),
            (yaml, 2, "vendor"),
            (yaml, 5, "pattern"),
            (yaml, 7, "pattern"),
            (yaml, 9, "lookup"),
            (yaml, 10, "pattern"),
            (yaml, 11, "field"),
            (yaml, 12, "object"),
            (yaml, 13, "people"),
        ],
        "{faults:#?}"
    );
    let (_, faults) = EvidenceRules::read(&[EvidenceFile {
        path: "y.yaml",
        text: "- a",
    }]);
    assert_eq!(faults.len(), 1);
}
