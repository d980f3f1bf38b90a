//! The `correlation` of a document: what is counted, by which groups, and when it fires.

use super::condition::listed;
use super::correlation::{Bound, CorrelationRule, Counting, Share, Threshold};
use super::document::{Reader, Section};
use super::item::Ordering;
use crate::yaml::{Entry, Piece, Value};
use std::collections::BTreeMap;

const CORRELATION_KEYS: [&str; 7] = [
    "type",
    "rules",
    "of",
    "group-by",
    "timespan",
    "condition",
    "aliases",
];

impl Reader<'_> {
    pub(super) fn correlation_rule(
        &mut self,
        piece: &Piece,
        top: &Section<'_>,
        correlation: &Entry,
    ) -> Option<CorrelationRule> {
        self.only(top, &Self::allowed_keys(&["correlation", "generate"]));
        let meta = self.meta(piece, top);
        let Some(entries) = correlation.value.entries() else {
            self.fault(
                correlation.line,
                "correlation",
                format!("a map is needed here with {}", listed(&CORRELATION_KEYS)),
            );
            return None;
        };
        let section = Section {
            name: "correlation",
            entries,
        };
        // `generate` stands at the top in the specification's schema and within `correlation` in its text.
        let mut allowed = CORRELATION_KEYS.to_vec();
        allowed.push("generate");
        self.only(&section, &allowed);
        let generate = self.truth(top, "generate") || self.truth(&section, "generate");
        let counting = self.counting(correlation.line, &section);
        let rules = self.references(correlation.line, &section, "rules", true);
        let ratio = matches!(counting, Some(Counting::Ratio(_)));
        let base = self.references(correlation.line, &section, "of", ratio);
        if let (Some(Counting::Events(_) | Counting::Values(..)), Some(of)) = (&counting, section.get("of")) {
            self.fault(
                of.line,
                "correlation.of",
                "`of` belongs to `type: ratio` only: remove it",
            );
        }
        let timespan = self.timespan(correlation.line, &section);
        let group_by = self.texts(&section, "group-by");
        let aliases = self.aliases(&section);
        let (timespan_text, timespan) = timespan?;
        Some(CorrelationRule {
            meta: meta?,
            counting: counting?,
            rules,
            base,
            group_by,
            aliases,
            timespan,
            timespan_text,
            generate,
        })
    }

    fn truth(&mut self, section: &Section<'_>, key: &str) -> bool {
        match section.get(key).map(|entry| (entry, &entry.value.value)) {
            Some((_, Value::Bool(truth))) => *truth,
            Some((entry, _)) => {
                self.fault(entry.line, section.path(key), "`true` or `false` is needed here");
                false
            }
            None => false,
        }
    }

    fn references(
        &mut self,
        line: usize,
        section: &Section<'_>,
        key: &str,
        needed: bool,
    ) -> Vec<(String, usize)> {
        let found: Vec<_> = section.get(key).map_or(Vec::new(), |entry| {
            entry
                .value
                .items()
                .iter()
                .filter_map(|node| Some((node.text()?, node.line)))
                .collect()
        });
        if needed && found.is_empty() {
            self.fault(
                line,
                section.path(key),
                format!("`{key}` is needed: the ids, names or titles of detection rules"),
            );
        }
        found
    }

    fn timespan(&mut self, line: usize, section: &Section<'_>) -> Option<(String, i64)> {
        let Some(entry) = section.get("timespan") else {
            self.fault(
                line,
                "correlation.timespan",
                "a `timespan` such as `5m` is needed",
            );
            return None;
        };
        let text = entry.value.text().unwrap_or_default();
        let longest = self
            .limits
            .longest_timespan
            .num_microseconds()
            .unwrap_or(i64::MAX);
        match span(&text) {
            Some(span) if span <= longest => Some((text, span)),
            Some(_) => {
                let days = self.limits.longest_timespan.num_days();
                self.fault(
                    entry.line,
                    "correlation.timespan",
                    format!("`{text}` is too long: at most {days} days are allowed"),
                );
                None
            }
            None => {
                self.fault(entry.line, "correlation.timespan", format!("`{text}` is not a timespan: write a whole number above 0 and one of s, m, h, d and w, such as `5m`"));
                None
            }
        }
    }

    fn aliases(&mut self, section: &Section<'_>) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut aliases = BTreeMap::new();
        let Some(entry) = section.get("aliases") else {
            return aliases;
        };
        for alias in entry.value.entries().unwrap_or_default() {
            let mut of = BTreeMap::new();
            for pair in alias.value.entries().unwrap_or_default() {
                if let Some(field) = pair.value.text() {
                    of.insert(pair.key.clone(), field);
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

    fn counting(&mut self, line: usize, section: &Section<'_>) -> Option<Counting> {
        const TYPES: [&str; 3] = ["event_count", "value_count", "ratio"];
        if section.get("type").is_none() {
            self.fault(
                line,
                "correlation.type",
                format!("a `type` is needed: {}", listed(&TYPES)),
            );
            return None;
        }
        let kind = self.one_of(section, "type", &TYPES)?;
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
        let section = Section {
            name: "correlation.condition",
            entries,
        };
        match kind {
            0 => {
                self.only(&section, &["gt", "gte", "lt", "lte", "eq", "neq"]);
                self.threshold(condition.line, &section).map(Counting::Events)
            }
            1 => {
                self.only(&section, &["field", "gt", "gte", "lt", "lte", "eq", "neq"]);
                let fields = self.texts(&section, "field");
                if fields.is_empty() {
                    self.fault(
                        condition.line,
                        "correlation.condition.field",
                        "`value_count` needs the `field` whose distinct values are counted",
                    );
                }
                let threshold = self.threshold(condition.line, &section)?;
                Some(Counting::Values(fields, threshold))
            }
            _ => {
                self.only(&section, &["gt", "gte", "min-events", "min-matches"]);
                self.share(condition.line, &section).map(Counting::Ratio)
            }
        }
    }

    fn threshold(&mut self, line: usize, section: &Section<'_>) -> Option<Threshold> {
        let bounds = [
            ("gt", Bound::Ordered(Ordering::Greater)),
            ("gte", Bound::Ordered(Ordering::AtLeast)),
            ("lt", Bound::Ordered(Ordering::Less)),
            ("lte", Bound::Ordered(Ordering::AtMost)),
            ("eq", Bound::Equal),
            ("neq", Bound::NotEqual),
        ];
        let mut asked = Vec::new();
        for (key, bound) in bounds {
            if let Some(count) = self.count(section, key) {
                asked.push((bound, count));
            }
        }
        if asked.is_empty() {
            self.fault(
                line,
                section.name,
                "a comparison is needed: one of `gt`, `gte`, `lt`, `lte`, `eq` and `neq` with a whole number",
            );
            return None;
        }
        let reached = asked.iter().map(|(bound, count)| match bound {
            Bound::Ordered(Ordering::Greater) => Some(count + 1),
            Bound::Ordered(Ordering::AtLeast) => Some((*count).max(1)),
            _ => None,
        });
        let reached: Option<Vec<u64>> = reached.collect();
        Some(match reached.and_then(|counts| counts.into_iter().max()) {
            Some(count) => Threshold::Reached(count),
            None => Threshold::AtEnd(asked),
        })
    }

    fn count(&mut self, section: &Section<'_>, key: &str) -> Option<u64> {
        let entry = section.get(key)?;
        let count = match entry.value.value {
            Value::Integer(integer) => u64::try_from(integer).ok(),
            _ => None,
        };
        let highest = self.limits.highest_count;
        let count = count.filter(|count| *count <= highest);
        if count.is_none() {
            self.fault(
                entry.line,
                section.path(key),
                format!("a whole number from 0 to {highest} is needed here"),
            );
        }
        count
    }

    fn share(&mut self, line: usize, section: &Section<'_>) -> Option<Share> {
        let mut found = None;
        for (key, ordering) in [("gt", Ordering::Greater), ("gte", Ordering::AtLeast)] {
            let Some(entry) = section.get(key) else { continue };
            let share = match entry.value.value {
                Value::Integer(integer) => integer as f64,
                Value::Float(float) => float,
                _ => f64::NAN,
            };
            if !(share > 0.0 && share <= 1.0) {
                self.fault(
                    entry.line,
                    section.path(key),
                    "a share above 0 and at most 1 is needed here: `0.2` is 20 %",
                );
            }
            found = Some((ordering, share));
        }
        let guards = ["min-events", "min-matches"].map(|key| {
            let count = self.count(section, key);
            if section.get(key).is_none() {
                self.fault(
                    line,
                    section.path(key),
                    format!("`{key}` is needed, so that a few events at night do not fire"),
                );
            }
            count
        });
        if found.is_none() {
            self.fault(
                line,
                section.name,
                "a share is needed: `gte: 0.2` is 20 % and more",
            );
        }
        let (ordering, share) = found?;
        Some(Share {
            ordering,
            share,
            min_events: guards[0]?,
            min_matches: guards[1]?.max(1),
        })
    }
}

/// A timespan in microseconds: a whole number and one of s, m, h, d and w.
pub(crate) fn span(text: &str) -> Option<i64> {
    let unit = text.chars().next_back()?;
    let number: i64 = text[..text.len() - unit.len_utf8()].parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    number.checked_mul(seconds * 1_000_000).filter(|span| *span > 0)
}
