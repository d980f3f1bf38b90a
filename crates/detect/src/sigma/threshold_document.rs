//! The conditions of correlations that compare numbers: counts, figures and shares.

use super::correlation::{Bound, Counting, Figure, Share, Threshold};
use super::document::{Reader, Section};
use super::item::Ordering;
use crate::yaml::Value;

/// The percentile of a `value_percentile` that names none.
const DEFAULT_PERCENTILE: f64 = 95.0;

const COMPARISONS: [(&str, Bound); 6] = [
    ("gt", Bound::Ordered(Ordering::Greater)),
    ("gte", Bound::Ordered(Ordering::AtLeast)),
    ("lt", Bound::Ordered(Ordering::Less)),
    ("lte", Bound::Ordered(Ordering::AtMost)),
    ("eq", Bound::Equal),
    ("neq", Bound::NotEqual),
];

impl Reader<'_> {
    pub(super) fn fields(&mut self, kind: &str, line: usize, section: &Section<'_>) -> Vec<String> {
        let fields = self.texts(section, "field");
        if fields.is_empty() {
            let what = if kind == "value_count" {
                "whose distinct values are counted"
            } else {
                "whose numbers are taken together"
            };
            self.fault(
                line,
                "correlation.condition.field",
                format!("`{kind}` needs the `field` {what}"),
            );
        }
        fields
    }

    pub(super) fn figure(&mut self, kind: &str, line: usize, section: &Section<'_>) -> Option<Counting> {
        let mut allowed = vec!["field", "gt", "gte", "lt", "lte", "eq", "neq"];
        if kind == "value_percentile" {
            allowed.push("percentile");
        }
        self.only(section, &allowed);
        let fields = self.fields(kind, line, section);
        if let (Some(entry), true) = (section.get("field"), fields.len() > 1) {
            self.fault(
                entry.line,
                "correlation.condition.field",
                format!("`{kind}` takes the numbers of one field only"),
            );
        }
        let figure = match kind {
            "value_sum" => Figure::Sum,
            "value_avg" => Figure::Average,
            "value_median" => Figure::Median,
            _ => Figure::Percentile(self.percentile(section)),
        };
        let mut bounds = Vec::new();
        for (key, bound) in COMPARISONS {
            let Some(entry) = section.get(key) else { continue };
            match number(&entry.value.value) {
                Some(number) => bounds.push((bound, number)),
                None => self.fault(entry.line, section.path(key), "a number is needed here"),
            }
        }
        if !COMPARISONS.iter().any(|(key, _)| section.get(key).is_some()) {
            self.lacks_comparison(line, section, "a number");
        }
        Some(Counting::Figure(figure, fields.into_iter().next()?, bounds))
    }

    fn percentile(&mut self, section: &Section<'_>) -> f64 {
        let Some(entry) = section.get("percentile") else {
            return DEFAULT_PERCENTILE;
        };
        let found = number(&entry.value.value).filter(|percent| *percent > 0.0 && *percent <= 100.0);
        if found.is_none() {
            self.fault(
                entry.line,
                section.path("percentile"),
                "a number above 0 and at most 100 is needed here, such as `95`",
            );
        }
        found.unwrap_or(DEFAULT_PERCENTILE)
    }

    pub(super) fn lacks_comparison(&mut self, line: usize, section: &Section<'_>, with: &str) {
        self.fault(
            line,
            section.name,
            format!("a comparison is needed: one of `gt`, `gte`, `lt`, `lte`, `eq` and `neq` with {with}"),
        );
    }

    pub(super) fn threshold(&mut self, line: usize, section: &Section<'_>) -> Option<Threshold> {
        let mut asked = Vec::new();
        for (key, bound) in COMPARISONS {
            if let Some(count) = self.count(section, key) {
                asked.push((bound, count));
            }
        }
        if asked.is_empty() {
            self.lacks_comparison(line, section, "a whole number");
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

    pub(super) fn count(&mut self, section: &Section<'_>, key: &str) -> Option<u64> {
        let entry = section.get(key)?;
        let highest = self.limits.highest_count;
        let count = number(&entry.value.value)
            .filter(|number| number.fract() == 0.0 && *number >= 0.0 && *number <= highest as f64)
            .map(|number| number as u64);
        if count.is_none() {
            self.fault(
                entry.line,
                section.path(key),
                format!("a whole number from 0 to {highest} is needed here"),
            );
        }
        count
    }

    pub(super) fn share(&mut self, line: usize, section: &Section<'_>) -> Option<Share> {
        let mut found = None;
        for (key, ordering) in [("gt", Ordering::Greater), ("gte", Ordering::AtLeast)] {
            let Some(entry) = section.get(key) else { continue };
            let share = number(&entry.value.value).unwrap_or(f64::NAN);
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

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(integer) => Some(*integer as f64),
        Value::Float(float) => Some(*float),
        Value::Text(text) => super::view::number(text),
        _ => None,
    }
}
