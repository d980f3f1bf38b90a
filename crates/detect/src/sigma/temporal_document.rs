//! The conditions of `temporal` and `temporal_ordered`: which of the rules must have matched.

use super::condition::{self, Condition};
use super::correlation::Counting;
use super::correlation_document::References;
use super::document::{Reader, Section};
use crate::yaml::{Entry, Value};

/// How many rules a `temporal` may ask some of; every choice of them is a part of its condition.
const MOST_CHOICES: usize = 1_000;

impl Reader<'_> {
    /// All rules, so many of them, or an expression over them; `rules` may be left out beside an expression.
    pub(super) fn temporal(
        &mut self,
        line: usize,
        section: &Section<'_>,
        rules: &mut References,
    ) -> Option<Counting> {
        let condition = section
            .get("condition")
            .filter(|entry| entry.value.value != Value::Null);
        let expression = condition.and_then(|entry| entry.value.text().map(|text| (entry, text)));
        self.named(line, section, rules)?;
        if let Some((entry, text)) = expression {
            return self.expression(entry, &text, rules).map(Counting::Temporal);
        }
        let all = || Condition::All((0..rules.len()).map(Condition::Selection).collect());
        let Some(entry) = condition else {
            return Some(Counting::Temporal(all()));
        };
        let least = self.least(entry, rules.len())?;
        if least == rules.len() {
            return Some(Counting::Temporal(all()));
        }
        let choices = choices(rules.len(), least);
        if choices.is_none() {
            self.fault(
                entry.line,
                "correlation.condition",
                format!(
                    "there are more than {MOST_CHOICES} ways to choose {least} of {} rules: name fewer rules",
                    rules.len()
                ),
            );
        }
        let choice =
            |places: Vec<usize>| Condition::All(places.into_iter().map(Condition::Selection).collect());
        Some(Counting::Temporal(Condition::Any(
            choices?.into_iter().map(choice).collect(),
        )))
    }

    /// Takes the rules that an expression names where `rules` names none; tells where there is neither.
    fn named(&mut self, line: usize, section: &Section<'_>, rules: &mut References) -> Option<()> {
        let condition = section.get("condition").filter(|_| rules.is_empty());
        if let Some((entry, text)) = condition.and_then(|entry| Some((entry, entry.value.text()?))) {
            let names = condition::words(&text).into_iter();
            *rules = names.map(|name| (name, entry.line)).collect();
        }
        if rules.is_empty() {
            self.fault(line, "correlation.rules", "`rules` is needed: the ids, names or titles of rules, or a `condition` over the names of rules");
            return None;
        }
        Some(())
    }

    fn expression(&mut self, entry: &Entry, text: &str, rules: &References) -> Option<Condition> {
        let names: Vec<String> = rules.iter().map(|(name, _)| name.clone()).collect();
        let parsed = match condition::parse(text, &names) {
            Ok(parsed) => parsed,
            Err(reason) => {
                self.fault(entry.line, "correlation.condition", reason);
                return None;
            }
        };
        let mut used = Vec::new();
        parsed.places(&mut used);
        for (place, (name, line)) in rules.iter().enumerate() {
            if !used.contains(&place) {
                self.fault(
                    *line,
                    "correlation.rules",
                    format!("`{name}` does not stand in the `condition`: use it there, or remove it here"),
                );
            }
        }
        if parsed.holds(&mut |_| false) {
            self.fault(
                entry.line,
                "correlation.condition",
                "the condition holds without any event: ask for at least one rule without `not`",
            );
        }
        Some(parsed)
    }

    /// How many of the rules must have matched.
    fn least(&mut self, entry: &Entry, rules: usize) -> Option<usize> {
        let Some(entries) = entry.value.entries() else {
            self.fault(entry.line, "correlation.condition", "a map such as `gte: 2` is needed here, or an expression over the rules such as `a and (b or c)`");
            return None;
        };
        let section = Section {
            name: "correlation.condition",
            entries,
        };
        self.only(&section, &["gt", "gte", "eq"]);
        let mut least = None;
        for (key, more) in [("gt", 1), ("gte", 0), ("eq", 0)] {
            let Some(count) = self.count(&section, key) else {
                continue;
            };
            let count = usize::try_from(count).unwrap_or(usize::MAX).saturating_add(more);
            // Of so many rules no more can match, so `eq` is only clear where it means all of them.
            if count == 0 || count > rules || (key == "eq" && count != rules) {
                let line = section.get(key).map_or(entry.line, |entry| entry.line);
                self.fault(
                    line,
                    section.path(key),
                    format!("there are {rules} rules: ask for all of them, or with `gte` for 1 to {rules}"),
                );
                return None;
            }
            least = Some(least.map_or(count, |known: usize| known.max(count)));
        }
        if least.is_none() && entries.is_empty() {
            self.lacks_comparison(entry.line, &section, "the number of rules that must match");
        }
        least
    }

    pub(super) fn ordered(
        &mut self,
        line: usize,
        section: &Section<'_>,
        rules: &mut References,
    ) -> Option<Counting> {
        self.named(line, section, rules)?;
        let Some(entry) = section
            .get("condition")
            .filter(|entry| entry.value.value != Value::Null)
        else {
            return Some(Counting::TemporalOrdered);
        };
        let whole = match entry.value.text() {
            Some(text) => {
                let parsed = self.expression(entry, &text, rules)?;
                let each = |parts: &[Condition]| {
                    (0..rules.len()).all(|place| parts.contains(&Condition::Selection(place)))
                };
                rules.len() == 1 || matches!(&parsed, Condition::All(parts) if each(parts))
            }
            None => self.least(entry, rules.len())? == rules.len(),
        };
        if !whole {
            self.fault(entry.line, "correlation.condition", "`temporal_ordered` needs an event of each rule in the order of `rules`: leave the `condition` off, or use `type: temporal`");
        }
        Some(Counting::TemporalOrdered)
    }
}

/// Every way to choose so many of the first numbers, unless there are too many.
fn choices(of: usize, count: usize) -> Option<Vec<Vec<usize>>> {
    let mut chosen: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..count {
        chosen = chosen
            .iter()
            .flat_map(|known| {
                let next = known.last().map_or(0, |last| last + 1);
                (next..of).map(move |place| [&known[..], &[place]].concat())
            })
            .collect();
        if chosen.len() > MOST_CHOICES {
            return None;
        }
    }
    Some(chosen)
}

#[cfg(test)]
mod tests {
    use super::choices;

    #[test]
    fn some_of_several_rules_are_every_choice_of_them() {
        assert_eq!(choices(3, 2).unwrap(), [vec![0, 1], vec![0, 2], vec![1, 2]]);
        assert_eq!(choices(60, 30), None);
    }
}
