//! The `correlation` of a document: its keys by type, its references, groups and timespans. Which numbers must be reached is read
//! in [`super::threshold_document`], which rules must meet in [`super::temporal_document`].

use super::condition::listed;
use super::correlation::{Bucket, CorrelationRule, Counting, Sequence};
use super::document::{Document, Reader, Section};
use crate::yaml::{Entry, Value};
use std::collections::BTreeMap;

/// The types, in the order messages list them.
pub(crate) const TYPES: [&str; 12] = [
    "event_count",
    "value_count",
    "temporal",
    "temporal_ordered",
    "value_sum",
    "value_avg",
    "value_percentile",
    "value_median",
    "ratio",
    "absence",
    "sequence",
    "leaky_bucket",
];

/// Keys of every type. `generate` stands at the top in the specification's schema and within `correlation` in its text.
const KEYS: [&str; 5] = ["type", "rules", "group-by", "aliases", "generate"];

/// Keys of some types, with the types.
const KEYS_OF: [(&str, &[&str]); 10] = [
    (
        "timespan",
        &[
            "event_count",
            "value_count",
            "temporal",
            "temporal_ordered",
            "value_sum",
            "value_avg",
            "value_percentile",
            "value_median",
            "ratio",
            "absence",
            "sequence",
        ],
    ),
    (
        "condition",
        &[
            "event_count",
            "value_count",
            "temporal",
            "temporal_ordered",
            "value_sum",
            "value_avg",
            "value_percentile",
            "value_median",
            "ratio",
        ],
    ),
    (
        "field",
        &[
            "value_count",
            "value_sum",
            "value_avg",
            "value_percentile",
            "value_median",
        ],
    ),
    ("of", &["ratio"]),
    ("gap", &["sequence"]),
    ("cancel", &["sequence"]),
    ("capacity", &["leaky_bucket"]),
    ("leak", &["leaky_bucket"]),
    ("distinct", &["leaky_bucket"]),
    ("mute", &["leaky_bucket"]),
];

/// What people write into `correlation` though it is said about the whole rule.
pub(crate) const SAID_ABOUT_IT: [&str; 7] =
    ["title", "id", "name", "description", "author", "date", "comment"];

/// References to rules, each with its line.
pub(super) type References = Vec<(String, usize)>;

impl Reader<'_> {
    pub(super) fn correlation_rule(
        &mut self,
        document: &Document,
        top: &Section<'_>,
        correlation: &Entry,
    ) -> Option<CorrelationRule> {
        self.known_or_custom(
            top,
            &Self::allowed_keys(&["correlation", "generate", "logsource"]),
        );
        let meta = self.meta(document, top);
        let line = correlation.line;
        let section = self.section(correlation, "correlation", &KEYS)?;
        let generate = self.truth(top, "generate") || self.truth(&section, "generate");
        let kind = self.kind(line, &section);
        self.keys(&section, kind);
        let by_expression = matches!(kind, Some("temporal" | "temporal_ordered"));
        let mut rules = self.references(line, &section, "rules", !by_expression);
        let counting = kind.and_then(|kind| self.counting(kind, line, &section, &mut rules));
        if !matches!(kind, Some("temporal" | "temporal_ordered" | "sequence")) {
            // One event counts once, however often its rule is named.
            let mut known = Vec::new();
            rules.retain(|(name, _)| {
                !known.contains(name) && {
                    known.push(name.clone());
                    true
                }
            });
        }
        let base = self.references(line, &section, "of", kind == Some("ratio"));
        let cancel = self.references(line, &section, "cancel", false);
        let timespan = match &counting {
            Some(Counting::LeakyBucket(bucket)) => self.bucket_span(line, bucket),
            _ if kind == Some("leaky_bucket") => None,
            _ => self.needed_span(line, &section, "timespan"),
        };
        let group_by = self.texts(&section, "group-by");
        let aliases = self.aliases(&section);
        let (timespan_text, timespan) = timespan?;
        let mut counting = counting?;
        if let Counting::Sequence(sequence) = &mut counting {
            self.bounded_gap(&section, sequence, timespan);
        }
        Some(CorrelationRule {
            meta: meta?,
            counting,
            rules,
            base,
            cancel,
            group_by,
            aliases,
            timespan,
            timespan_text,
            generate,
        })
    }

    fn kind(&mut self, line: usize, section: &Section<'_>) -> Option<&'static str> {
        if section.get("type").is_none() {
            self.fault(
                line,
                "correlation.type",
                format!("a `type` is needed: {}", listed(&TYPES)),
            );
            return None;
        }
        self.one_of(section, "type", &TYPES).map(|index| TYPES[index])
    }

    /// Faults for keys that no correlation has, or not this one.
    fn keys(&mut self, section: &Section<'_>, kind: Option<&str>) {
        let mut known = KEYS.to_vec();
        known.extend(KEYS_OF.iter().map(|(key, _)| *key));
        // What is said about the rule belongs to the top, and changes nothing here; lint tells.
        known.extend(SAID_ABOUT_IT);
        self.only(section, &known);
        let Some(kind) = kind else { return };
        for (key, kinds) in KEYS_OF {
            if let Some(entry) = section.get(key).filter(|_| !kinds.contains(&kind)) {
                let reason = format!(
                    "`{key}` belongs to the types {} only, not to `{kind}`: remove it",
                    listed(kinds)
                );
                self.fault(entry.line, section.path(key), reason);
            }
        }
    }

    pub(super) fn references(
        &mut self,
        line: usize,
        section: &Section<'_>,
        key: &str,
        needed: bool,
    ) -> References {
        let mut found = Vec::new();
        for node in section.get(key).map_or(&[][..], |entry| entry.value.items()) {
            match node.text() {
                Some(text) => found.push((text, node.line)),
                None => self.fault(
                    node.line,
                    section.path(key),
                    format!(
                        "the id, name or title of a rule is needed here, not {}",
                        node.kind()
                    ),
                ),
            }
        }
        if needed && found.is_empty() {
            self.fault(
                line,
                section.path(key),
                format!("`{key}` is needed: the ids, names or titles of rules"),
            );
        }
        found
    }

    fn needed_span(&mut self, line: usize, section: &Section<'_>, key: &str) -> Option<(String, i64)> {
        if section.get(key).is_none() {
            self.fault(
                line,
                section.path(key),
                format!("a `{key}` such as `5m` is needed"),
            );
        }
        self.span(section, key)
    }

    fn span(&mut self, section: &Section<'_>, key: &str) -> Option<(String, i64)> {
        let entry = section.get(key)?;
        let text = entry.value.text().unwrap_or_default();
        match span(&text) {
            Some(span) if span <= self.longest() => Some((text, span)),
            Some(_) => {
                let days = self.limits.longest_timespan.num_days();
                self.fault(
                    entry.line,
                    section.path(key),
                    format!("`{text}` is too long: at most {days} days are allowed"),
                );
                None
            }
            None => {
                self.fault(entry.line, section.path(key), format!("`{text}` is not a timespan: write a whole number above 0 and one of s, m, h, d, w, M (months) and y, such as `5m`"));
                None
            }
        }
    }

    fn longest(&self) -> i64 {
        let longest = self.limits.longest_timespan.num_microseconds();
        longest.unwrap_or(i64::MAX)
    }

    fn bounded_gap(&mut self, section: &Section<'_>, sequence: &mut Sequence, timespan: i64) {
        if let Some(entry) = section
            .get("gap")
            .filter(|_| sequence.gap > timespan && sequence.gap != i64::MAX)
        {
            self.fault(
                entry.line,
                "correlation.gap",
                "the `gap` is longer than the `timespan`, and so never decides: shorten it or leave it off",
            );
        }
        sequence.gap = sequence.gap.min(timespan);
    }

    /// The time in which a full bucket runs empty stands for its timespan.
    fn bucket_span(&mut self, line: usize, bucket: &Bucket) -> Option<(String, i64)> {
        let capacity = i64::try_from(bucket.capacity).unwrap_or(i64::MAX);
        let span = bucket
            .leak
            .checked_mul(capacity)
            .filter(|span| *span <= self.longest());
        if span.is_none() {
            let days = self.limits.longest_timespan.num_days();
            self.fault(
                line,
                "correlation.leak",
                format!("a full bucket takes longer than {days} days to run empty: shorten `leak` or lower `capacity`"),
            );
        }
        span.map(|span| (span_text(span), span))
    }

    fn aliases(&mut self, section: &Section<'_>) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut aliases = BTreeMap::new();
        let Some(entry) = section
            .get("aliases")
            .filter(|entry| entry.value.value != Value::Null)
        else {
            return aliases;
        };
        for alias in entry.value.entries().unwrap_or_default() {
            let mut of = BTreeMap::new();
            for pair in alias.value.entries().unwrap_or_default() {
                match pair.value.text() {
                    Some(field) => {
                        of.insert(pair.key.clone(), field);
                    }
                    None => self.fault(
                        pair.line,
                        format!("correlation.aliases.{}.{}", alias.key, pair.key),
                        format!("the name of a field is needed here, not {}", pair.value.kind()),
                    ),
                }
            }
            if of.is_empty() {
                self.fault(
                    alias.line,
                    format!("correlation.aliases.{}", alias.key),
                    "an alias is a map from rule to field, such as `failed_sign_in: src_ip`",
                );
            }
            aliases.insert(alias.key.clone(), of);
        }
        if aliases.is_empty() {
            self.fault(
                entry.line,
                "correlation.aliases",
                "a map of aliases is needed here",
            );
        }
        aliases
    }

    fn counting(
        &mut self,
        kind: &'static str,
        line: usize,
        section: &Section<'_>,
        rules: &mut References,
    ) -> Option<Counting> {
        match kind {
            "absence" => return Some(Counting::Absence),
            "sequence" => return self.sequence(section),
            "leaky_bucket" => return self.bucket(line, section).map(Counting::LeakyBucket),
            "temporal" => return self.temporal(line, section, rules),
            "temporal_ordered" => return self.ordered(line, section, rules),
            _ => {}
        }
        let Some(condition) = section.get("condition") else {
            self.fault(
                line,
                "correlation.condition",
                "a `condition` such as `gte: 10` is needed",
            );
            return None;
        };
        let Some(entries) = condition.value.entries() else {
            self.fault(
                condition.line,
                "correlation.condition",
                "a map such as `gte: 10` is needed here",
            );
            return None;
        };
        let mut entries = entries.to_vec();
        if let Some(beside) = section.get("field") {
            // An older text of the specification has it beside the condition.
            if entries.iter().any(|entry| entry.key == "field") {
                let reason = "the `field` stands in the `condition` too: remove one of them";
                self.fault(beside.line, section.path("field"), reason);
            } else {
                entries.push(beside.clone());
            }
        }
        let section = Section {
            name: "correlation.condition",
            entries: &entries,
        };
        let line = condition.line;
        match kind {
            "event_count" => {
                self.only(&section, &["gt", "gte", "lt", "lte", "eq", "neq"]);
                self.threshold(line, &section).map(Counting::Events)
            }
            "value_count" => {
                self.only(&section, &["field", "gt", "gte", "lt", "lte", "eq", "neq"]);
                let fields = self.fields(kind, line, &section);
                let threshold = self.threshold(line, &section)?;
                Some(Counting::Values(fields, threshold))
            }
            "ratio" => {
                self.only(&section, &["gt", "gte", "min-events", "min-matches"]);
                self.share(line, &section).map(Counting::Ratio)
            }
            _ => self.figure(kind, line, &section),
        }
    }

    fn sequence(&mut self, section: &Section<'_>) -> Option<Counting> {
        let gap = match section.get("gap") {
            Some(_) => self.span(section, "gap")?.1,
            None => i64::MAX,
        };
        Some(Counting::Sequence(Sequence { gap }))
    }

    fn bucket(&mut self, line: usize, section: &Section<'_>) -> Option<Bucket> {
        if section.get("capacity").is_none() {
            self.fault(
                line,
                section.path("capacity"),
                "a `capacity` is needed: more events than this make the bucket overflow",
            );
        }
        let capacity = self.count(section, "capacity");
        if let (Some(0), Some(entry)) = (capacity, section.get("capacity")) {
            self.fault(entry.line, section.path("capacity"), "a bucket holds at least 1");
        }
        let leak = self.needed_span(line, section, "leak");
        let mute = match section.get("mute") {
            Some(_) => self.span(section, "mute")?.1,
            None => 0,
        };
        let distinct = self.texts(section, "distinct");
        Some(Bucket {
            capacity: capacity?,
            leak: leak?.1,
            distinct,
            mute,
        })
    }
}

/// Units of a timespan with their seconds; a month and a year are the mean ones, as in pySigma.
const UNITS: [(char, i64); 7] = [
    ('y', 31_556_952),
    ('M', 2_629_746),
    ('w', 604_800),
    ('d', 86_400),
    ('h', 3_600),
    ('m', 60),
    ('s', 1),
];

/// A timespan in microseconds: a whole number and one of s, m, h, d, w, M and y.
pub(crate) fn span(text: &str) -> Option<i64> {
    let unit = text.chars().next_back()?;
    let digits = &text[..text.len() - unit.len_utf8()];
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    let (_, seconds) = UNITS.iter().find(|(known, _)| *known == unit)?;
    number.checked_mul(seconds * 1_000_000).filter(|span| *span > 0)
}

/// A timespan as it would be written, in the largest unit from weeks down that it is a whole number of.
fn span_text(span: i64) -> String {
    let seconds = span / 1_000_000;
    let unit = UNITS[2..].iter().find(|(_, unit)| seconds % unit == 0);
    let (unit, size) = unit.copied().unwrap_or(('s', 1));
    format!("{}{unit}", seconds / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timespans_have_whole_numbers_and_known_units() {
        assert_eq!(
            (span("5m"), span("2w"), span("1M")),
            (
                Some(300_000_000),
                Some(1_209_600_000_000),
                Some(2_629_746_000_000)
            )
        );
        for text in [
            "",
            "m",
            "0s",
            "-5m",
            "+5m",
            "5 m",
            "5",
            "1.5h",
            "5x",
            "9999999999999999y",
            "5é",
        ] {
            assert_eq!(span(text), None, "{text}");
        }
        assert_eq!(
            (span_text(50_000_000), span_text(7_200_000_000)),
            ("50s".into(), "2h".into())
        );
    }
}
