//! As many rules as a measurement asks for.

use std::fmt::Write as _;
use std::path::Path;

/// Every so many rules one is a correlation of the rule before it.
const CORRELATION_EVERY: usize = 6;

/// What they count.
const CORRELATIONS: [&str; 2] = [
    "  type: event_count\n  condition: {gte: 20}\n",
    "  type: value_count\n  condition: {field: eventName, gte: 20}\n",
];

/// Fills a folder with `count` rules of the public test data: first those for AWS, then all others, then the same again with other
/// literals, so that no two look for the same. Some of them are correlations that count others.
pub(crate) fn generate(data: &Path, folder: &Path, count: usize) {
    let mut sources = Vec::new();
    for public in [
        "sigma/rules/aws",
        "sigma/rules/web",
        "sigma/rules/application",
        "sigma/regression",
    ] {
        texts(&data.join(public), &mut sources);
    }
    let _absent = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).unwrap();
    let mut kinds = CORRELATIONS.iter().cycle();
    let mut plain = 0;
    for number in 0..count {
        let path = folder.join(format!("{number:05}.yml"));
        if number % CORRELATION_EVERY == CORRELATION_EVERY - 1 {
            let kind = kinds.next().unwrap();
            let counted = number - 1;
            std::fs::write(path, format!("title: Many of rule {counted}\nid: generated-{number}\ncorrelation:\n  rules: [generated-{counted}]\n  group-by: [userIdentity.arn]\n  timespan: 10m\n{kind}")).unwrap();
            continue;
        }
        let text = &sources[plain % sources.len()];
        let mut varied = String::new();
        for line in text.lines().filter(|line| !line.starts_with("id:")) {
            let literal = line.trim_start().starts_with(['-', '\'']) || line.contains(": '");
            match line
                .strip_suffix('\'')
                .filter(|_| literal && plain >= sources.len())
            {
                Some(head) => writeln!(varied, "{head}{number}'").unwrap(),
                None => writeln!(varied, "{line}").unwrap(),
            }
        }
        plain += 1;
        std::fs::write(path, format!("id: generated-{number}\n{varied}")).unwrap();
    }
}

fn texts(folder: &Path, into: &mut Vec<String>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            texts(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "yml") {
            into.push(std::fs::read_to_string(&path).unwrap());
        }
    }
}
