//! Why a detector fired, in words that people read at night: what was expected, what was seen, when.

mod kinds;

use crate::sigma::correlation::{Bound, CorrelationRule, Counting, Threshold};
use crate::sigma::item::Ordering;
use crate::sigma::rule::cut;
use crate::window::{Cause, GroupKey, Name, Open};
use chrono::{DateTime, Utc};
use kinds::{bucket_words, condition_words, duration, figure_words, opposite_figure};
use watchkeeper_domain::detection::Reason;

/// The instant of `microseconds` since 1970.
pub(crate) fn instant(microseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(microseconds).unwrap_or_default()
}

/// Why a rule fired on one event.
pub(crate) fn single(title: &str, at: DateTime<Utc>, fields: Vec<(String, String)>) -> Reason {
    let told: Vec<_> = fields
        .iter()
        .take(6)
        .map(|(field, value)| format!("{field} = {value}"))
        .collect();
    let told = if told.is_empty() {
        String::new()
    } else {
        format!(": {}", told.join(", "))
    };
    Reason {
        expected: format!("no event like \"{title}\""),
        seen: format!("one at {} UTC{told}", at.format("%Y-%m-%d %H:%M:%S")),
        fields,
    }
}

/// The words a correlation uses for what it counts, settled when the rules are loaded.
#[derive(Debug)]
pub(crate) struct Words {
    /// What was expected.
    expected: String,
    /// What is counted: `"Failed sign-in"`.
    counted: String,
    /// By place: `"Failed sign-in"`.
    titles: Vec<String>,
}

impl Words {
    /// `counted`, `base` and `cancels` are the titles of the rules that are referred to.
    pub(crate) fn new(rule: &CorrelationRule, counted: &[&str], base: &[&str], cancels: &[&str]) -> Self {
        let titles: Vec<_> = counted.iter().map(|title| format!("\"{title}\"")).collect();
        let quoted = |titles: &[&str]| {
            titles
                .iter()
                .map(|title| format!("\"{title}\""))
                .collect::<Vec<_>>()
                .join(" or ")
        };
        let (counted, base) = (quoted(counted), quoted(base));
        let within = span_words(&rule.timespan_text);
        let group = match rule.group_by.as_slice() {
            [] => String::new(),
            fields => format!(" with the same {}", fields.join(" and ")),
        };
        let expected = match &rule.counting {
            Counting::Events(threshold) => format!(
                "{} events like {counted}{group} within {within}",
                opposite(threshold)
            ),
            Counting::Values(fields, threshold) => format!(
                "{} distinct values of {} in events like {counted}{group} within {within}",
                opposite(threshold),
                fields.join(" with ")
            ),
            Counting::Ratio(share) => format!(
                "{} {} of the events like {base}{group} to be like {counted} within {within} (judged from {} events and {} matches on)",
                if share.ordering == Ordering::Greater {
                    "at most"
                } else {
                    "less than"
                },
                percent(share.share),
                share.min_events,
                share.min_matches
            ),
            Counting::Temporal(condition) => format!(
                "no {}{group} within {within}",
                condition_words(condition, &titles, false)
            ),
            Counting::TemporalOrdered => {
                format!(
                    "no {} in this order{group} within {within}",
                    titles.join(", then ")
                )
            }
            Counting::Figure(figure, field, bounds) => format!(
                "{} of {field} of {} in events like {counted}{group} within {within}",
                figure_words(*figure),
                opposite_figure(bounds)
            ),
            Counting::Absence => format!("an event like {counted}{group} at least every {within}"),
            Counting::Sequence(sequence) => {
                let gap = if sequence.gap < rule.timespan {
                    format!(", each within {} of the one before", duration(sequence.gap))
                } else {
                    String::new()
                };
                let without = if cancels.is_empty() {
                    String::new()
                } else {
                    format!(", without {} in between", quoted(cancels))
                };
                format!(
                    "no {}{group} within {within}{gap}{without}",
                    titles.join(", then ")
                )
            }
            Counting::LeakyBucket(bucket) => {
                format!("events like {counted}{group} {}", bucket_words(bucket))
            }
        };
        Self {
            expected,
            counted,
            titles,
        }
    }

    /// Why the correlation fired for a group.
    pub(crate) fn reason(
        &self,
        rule: &CorrelationRule,
        open: &Open,
        group: &[(String, String)],
        key: &GroupKey,
    ) -> Reason {
        let figures = &open.figures;
        let by: Vec<_> = group
            .iter()
            .map(|(field, value)| format!("{field} {}", cut(value)))
            .collect();
        let by = if by.is_empty() {
            String::new()
        } else {
            format!(" by {}", by.join(", "))
        };
        let when = between(figures.first_at, figures.last_at);
        let seen = match (&rule.counting, open.peak) {
            (Counting::Values(fields, _), _) => format!(
                "{} distinct values of {} in {} {}{by} {when}{}",
                if figures.values.len() > crate::window::VALUES_COUNTED {
                    format!("more than {}", crate::window::VALUES_COUNTED)
                } else {
                    figures.values.len().to_string()
                },
                fields.join(" with "),
                figures.events,
                events(figures.events),
                among(&figures.values_named, figures.values.len(), key)
            ),
            (Counting::Ratio(_), Some((matches, all))) => format!(
                "{matches} of {all} ({}) at the peak, {} {} like {} in all{by} {when}",
                percent(matches as f64 / all.max(1) as f64),
                figures.events,
                events(figures.events),
                self.counted,
            ),
            (counting, _) => {
                let all = format!(
                    "{} {} like {}{by} {when}",
                    figures.events,
                    events(figures.events),
                    self.counted
                );
                self.seen(rule, counting, &open.cause, &by)
                    .map_or(all.clone(), |seen| match open.cause {
                        Cause::Silence { .. } => seen,
                        Cause::Overflow { .. } => {
                            let values = figures.values.len();
                            let distinct = match counting {
                                Counting::LeakyBucket(bucket) if !bucket.distinct.is_empty() => format!(
                                    ", {values} distinct {} of {}{}",
                                    if values == 1 { "value" } else { "values" },
                                    bucket.distinct.join(" with "),
                                    among(&figures.values_named, values, key)
                                ),
                                _ => String::new(),
                            };
                            format!("{seen}, {all}{distinct}")
                        }
                        _ => format!("{seen}; {all}"),
                    })
            }
        };
        Reason {
            expected: self.expected.clone(),
            seen,
            fields: group.to_vec(),
        }
    }
}

fn events(count: u64) -> &'static str {
    if count == 1 { "event" } else { "events" }
}

fn among(named: &[Name], all: usize, key: &GroupKey) -> String {
    let shown: Vec<_> = named
        .iter()
        .map(|value| cut(&value.text(key).replace('\u{1f}', " / ")))
        .collect();
    match (shown.is_empty(), shown.len() < all) {
        (true, _) => String::new(),
        (false, true) => format!(", among them {}", shown.join(", ")),
        (false, false) => format!(": {}", shown.join(", ")),
    }
}

/// `between 2026-01-05 09:00:00 and 09:04:58 UTC`; the second date only where it differs.
fn between(first: i64, last: i64) -> String {
    let (first, last) = (instant(first), instant(last));
    let start = first.format("%Y-%m-%d %H:%M:%S");
    if first.timestamp() == last.timestamp() {
        return format!("at {start} UTC");
    }
    let format = if first.date_naive() == last.date_naive() {
        "%H:%M:%S"
    } else {
        "%Y-%m-%d %H:%M:%S"
    };
    format!("between {start} and {} UTC", last.format(format))
}

fn percent(share: f64) -> String {
    let text = format!("{:.1}", share * 100.0);
    format!("{} %", text.strip_suffix(".0").unwrap_or(&text))
}

fn span_words(timespan: &str) -> String {
    let (number, unit) = timespan.split_at(timespan.len() - 1);
    let unit = match unit {
        "m" => "min",
        "d" if number == "1" => "day",
        "d" => "days",
        "w" if number == "1" => "week",
        "w" => "weeks",
        other => other,
    };
    format!("{number} {unit}")
}

/// What must be so for the rule not to fire.
fn opposite(threshold: &Threshold) -> String {
    match threshold {
        Threshold::Reached(count) => format!("fewer than {count}"),
        Threshold::AtEnd(bounds) => {
            let turned = bounds
                .iter()
                .map(|(bound, count)| format!("{} {count}", turn(*bound).words()));
            turned.collect::<Vec<_>>().join(" or ")
        }
    }
}

fn turn(bound: Bound) -> Bound {
    match bound {
        Bound::Ordered(Ordering::Greater) => Bound::Ordered(Ordering::AtMost),
        Bound::Ordered(Ordering::AtLeast) => Bound::Ordered(Ordering::Less),
        Bound::Ordered(Ordering::Less) => Bound::Ordered(Ordering::AtLeast),
        Bound::Ordered(Ordering::AtMost) => Bound::Ordered(Ordering::Greater),
        Bound::Equal => Bound::NotEqual,
        Bound::NotEqual => Bound::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_shares_read_as_people_write_them() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap().timestamp_micros();
        let (first, later) = (at("2026-01-05T09:00:00Z"), at("2026-01-05T09:04:58Z"));
        assert_eq!(
            between(first, later),
            "between 2026-01-05 09:00:00 and 09:04:58 UTC"
        );
        assert_eq!(between(first, first), "at 2026-01-05 09:00:00 UTC");
        let next_day = at("2026-01-06T00:00:01Z");
        assert_eq!(
            between(first, next_day),
            "between 2026-01-05 09:00:00 and 2026-01-06 00:00:01 UTC"
        );
        assert_eq!((percent(0.2), percent(0.305)), ("20 %".into(), "30.5 %".into()));
        assert_eq!(
            (span_words("5m"), span_words("1d")),
            ("5 min".into(), "1 day".into())
        );
    }
}
