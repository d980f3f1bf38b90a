//! What the parts of matching cost: loading rules, reading an event, and trying rules of one kind on it.
#![expect(clippy::unwrap_used, reason = "a bench that cannot prepare must fail")]

use criterion::{Criterion, criterion_group, criterion_main};
use std::fmt::Write as _;
use std::hint::black_box;
use watchkeeper_detect::{DetectorSet, Limits, RuleFile};
use watchkeeper_domain::event::EntityFields;

/// One rule for each of these selections.
fn rules(selections: impl Iterator<Item = String>) -> RuleFile {
    let mut text = String::new();
    for (number, selection) in selections.enumerate() {
        write!(
            text,
            "title: Rule {number}\nid: r{number}\nlogsource: {{product: aws}}\ndetection:\n  s: {selection}\n  condition: s\n---\n"
        )
        .unwrap();
    }
    RuleFile::new("rules.yml", text)
}

fn load(file: RuleFile) -> DetectorSet {
    let set = DetectorSet::load([file], EntityFields::default(), Limits::default());
    assert!(set.quarantined().is_empty(), "{:#?}", set.quarantined());
    set
}

/// Writes the selection of the rule of that number.
type Selection = fn(usize) -> String;

/// An event of 1.4 kB in the form of CloudTrail.
fn event() -> String {
    let parameters: String = (0..12)
        .map(|n| format!("\"parameter{n}\":{{\"name\":\"value-{n}\",\"items\":[{n},true,null]}},"))
        .collect();
    let text = format!(
        "{{\"eventVersion\":\"1.08\",\"eventTime\":\"2026-01-05T09:00:00Z\",\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"GetObject\",\
         \"awsRegion\":\"eu-central-1\",\"sourceIPAddress\":\"192.0.2.7\",\"userAgent\":\"aws-sdk-go/1.44\",\
         \"userIdentity\":{{\"type\":\"AssumedRole\",\"arn\":\"arn:aws:sts::111122223333:assumed-role/reader/session\",\"accountId\":\"111122223333\"}},\
         \"requestParameters\":{{{parameters}\"bucketName\":\"files\",\"key\":\"tenants/acme/2026/01/report.pdf\"}},\
         \"eventID\":\"1c0a46a2-3b1f-4f6e-9d2c-0123456789ab\",\"readOnly\":true}}"
    );
    assert!((1_200..1_600).contains(&text.len()), "{} bytes", text.len());
    text
}

fn loading(criterion: &mut Criterion) {
    let literals =
        || rules((0..500).map(|n| format!("{{eventName: Call{n}, 'userAgent|contains': tool{n}}}")));
    criterion.bench_function("load 500 rules of literals", |bencher| {
        bencher.iter_with_large_drop(|| load(black_box(literals())));
    });
    let regexes = || rules((0..500).map(|n| format!("{{'userAgent|re': 'tool{n}/[0-9]+[.][0-9]'}}")));
    criterion.bench_function("load 500 rules of regular expressions", |bencher| {
        bencher.iter_with_large_drop(|| load(black_box(regexes())));
    });
}

fn judging(criterion: &mut Criterion) {
    let text = event();
    let kinds: [(&str, usize, Selection); 6] = [
        ("one rule: reading the event, about", 1, |_| {
            "{eventName: Other}".to_owned()
        }),
        ("1,000 rules of literals that do not match", 1_000, |n| {
            format!("{{eventSource: s3.amazonaws.com, eventName: Call{n}}}")
        }),
        ("1,000 rules of parts of a text", 1_000, |n| {
            format!("{{'requestParameters.key|contains': part-{n}}}")
        }),
        ("1,000 regular expressions with a text to look for", 1_000, |n| {
            format!("{{'userAgent|re': 'tool{n}/[0-9]+'}}")
        }),
        ("20 regular expressions that are tried on every event", 20, |n| {
            format!("{{'userAgent|re': '[a-f]{{{}}}[0-9]'}}", n + 2)
        }),
        ("1,000 rules of keywords", 1_000, |n| {
            format!("['word{n} of attack']")
        }),
    ];
    for (name, count, selection) in kinds {
        let set = load(rules((0..count).map(selection)));
        let mut thread = set.matcher(None, &[]).thread();
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| thread.judge(black_box(&text)).unwrap().matches());
        });
    }
}

criterion_group! {
    name = parts;
    config = Criterion::default().sample_size(20);
    targets = loading, judging
}
criterion_main!(parts);
