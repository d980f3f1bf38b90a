//! What each kind of correlation says beside its counts: which events came when, the figure, how long it was silent.

use super::{Words, between, instant, span_words, turn};
use crate::sigma::condition::Condition;
use crate::sigma::correlation::{Bound, Bucket, CorrelationRule, Counting, Figure};
use crate::sigma::item::Ordering;
use crate::window::Cause;

impl Words {
    /// What the kind itself tells, before the sums over the events.
    pub(super) fn seen(
        &self,
        rule: &CorrelationRule,
        counting: &Counting,
        cause: &Cause,
        by: &str,
    ) -> Option<String> {
        let within = span_words(&rule.timespan_text);
        match (counting, cause) {
            (_, Cause::None) => None,
            (counting, Cause::Places(places)) => {
                let ordered = !matches!(counting, Counting::Temporal(_));
                let seen = self.places(places, if ordered { ", then " } else { ", " });
                Some(if ordered {
                    seen
                } else {
                    let (seen_kinds, kinds) = (places.len(), self.titles.len());
                    format!("{seen_kinds} of {kinds} kinds of event within {within}: {seen}")
                })
            }
            (Counting::Figure(figure, field, _), Cause::Number(number)) => Some(format!(
                "{} of {field} of {} within {within}",
                figure_words(*figure),
                number_words(*number)
            )),
            (_, Cause::Number(number)) => Some(number_words(*number)),
            (_, Cause::Silence { from, until, over }) => {
                let lasted = duration(until - from);
                let end = if *over {
                    format!("; there was one again after {lasted}")
                } else {
                    String::new()
                };
                Some(format!(
                    "none like {}{by} {}{end}",
                    self.counted,
                    between(*from, *until)
                ))
            }
            (Counting::LeakyBucket(bucket), Cause::Overflow { level, .. }) => Some(format!(
                "the level reached {} of {}",
                number_words(*level as f64 / 1_000.0),
                bucket.capacity
            )),
            (_, Cause::Overflow { .. }) => None,
        }
    }

    /// Which rules had an event, by time.
    fn places(&self, places: &[(u16, i64)], join: &str) -> String {
        let mut places = places.to_vec();
        places.sort_by_key(|(place, at)| (*at, *place));
        let mut day = None;
        let told = places.iter().filter_map(|(place, at)| {
            let title = self.titles.get(usize::from(*place))?;
            let at = instant(*at);
            let format = if day.replace(at.date_naive()) == Some(at.date_naive()) {
                "%H:%M:%S"
            } else {
                "%Y-%m-%d %H:%M:%S"
            };
            Some(format!("{title} at {}", at.format(format)))
        });
        format!("{} UTC", told.collect::<Vec<_>>().join(join))
    }
}

/// A condition over the titles of rules: `"A" and not ("B" or "C")`.
pub(super) fn condition_words(condition: &Condition, titles: &[String], within: bool) -> String {
    let joined = |parts: &[Condition], word: &str| {
        let parts = parts.iter().map(|part| condition_words(part, titles, true));
        let joined = parts.collect::<Vec<_>>().join(word);
        if within { format!("({joined})") } else { joined }
    };
    match condition {
        Condition::Selection(place) => titles.get(*place).cloned().unwrap_or_default(),
        Condition::All(parts) => joined(parts, " and "),
        Condition::Any(parts) => joined(parts, " or "),
        Condition::Not(part) => format!("not {}", condition_words(part, titles, true)),
    }
}

pub(super) fn figure_words(figure: Figure) -> String {
    match figure {
        Figure::Sum => "a sum".into(),
        Figure::Average => "an average".into(),
        Figure::Median => "a median".into(),
        Figure::Percentile(percent) => format!("a {} percentile", ordinal(percent)),
    }
}

/// `95th`, `99.9th`.
fn ordinal(number: f64) -> String {
    let ending = match (number.fract() == 0.0, number as u64 % 100, number as u64 % 10) {
        (false, ..) | (_, 11..=13, _) => "th",
        (_, _, 1) => "st",
        (_, _, 2) => "nd",
        (_, _, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// `at most 5,000,000`: what must be so for the rule not to fire.
pub(super) fn opposite_figure(bounds: &[(Bound, f64)]) -> String {
    let turned = bounds.iter().map(|(bound, asked)| {
        let words = match turn(*bound) {
            Bound::Ordered(Ordering::Less) => "less than",
            turned => turned.words(),
        };
        format!("{words} {}", number_words(*asked))
    });
    turned.collect::<Vec<_>>().join(" or ")
}

pub(super) fn bucket_words(bucket: &Bucket) -> String {
    let distinct = if bucket.distinct.is_empty() {
        String::new()
    } else {
        format!(", counting each {} once", bucket.distinct.join(" with "))
    };
    format!(
        "no faster than one every {}, or {} at once{distinct}",
        duration(bucket.leak),
        bucket.capacity
    )
}

/// A number with at most three decimals, its thousands apart: `5,200,000.5`.
fn number_words(number: f64) -> String {
    if number.abs() >= 1e15 || (number != 0.0 && number.abs() < 0.001) {
        return format!("{number:e}");
    }
    let text = format!("{:.3}", number.abs());
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let (whole, fraction) = text
        .split_once('.')
        .map_or((text, None), |(whole, part)| (whole, Some(part)));
    let mut apart = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            apart.push(',');
        }
        apart.push(digit);
    }
    let sign = if number < 0.0 { "-" } else { "" };
    fraction.map_or(format!("{sign}{apart}"), |fraction| {
        format!("{sign}{apart}.{fraction}")
    })
}

/// `2 h 20 min`: the two largest units, or `1.5 s`.
pub(super) fn duration(microseconds: i64) -> String {
    let seconds = microseconds / 1_000_000;
    if seconds < 60 {
        return format!("{} s", number_words(microseconds as f64 / 1e6));
    }
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let largest = units.iter().position(|(size, _)| seconds >= *size).unwrap_or(3);
    let mut left = seconds;
    let mut told = Vec::new();
    for (size, unit) in units.iter().skip(largest).take(2) {
        if left / size > 0 {
            told.push(format!("{} {unit}", left / size));
        }
        left %= size;
    }
    told.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Open;

    fn words(counting: Counting, titles: &[&str], cancels: &[&str]) -> (Words, CorrelationRule) {
        let text = "title: T\nid: t\ncorrelation:\n  type: event_count\n  rules: [r]\n  group-by: [host]\n  timespan: 10m\n  condition: {gte: 1}\n";
        let mut faults = Vec::new();
        let file = crate::RuleFile::new("r.yml", text);
        let documents = crate::sigma::document::Document::all(&file, &mut faults);
        let mut fields = crate::sigma::view::Fields::default();
        let limits = crate::Limits::default();
        let rule = crate::sigma::document::read(&documents[0], &[], &mut fields, &limits, &mut faults);
        let Some(crate::sigma::document::Rule::Correlation(mut rule)) = rule else {
            panic!("{faults:?}");
        };
        rule.counting = counting;
        (Words::new(&rule, titles, &[], cancels), rule)
    }

    fn told(counting: Counting, titles: &[&str], cancels: &[&str], cause: Cause) -> (String, String) {
        let (words, rule) = words(counting, titles, cancels);
        let mut figures = crate::window::Figures::default();
        (figures.events, figures.first_at, figures.last_at) = (7, NINE, NINE + 590_000_000);
        let open = Open {
            first: (0, "1".into()),
            figures,
            peak: None,
            cause,
            fresh: true,
        };
        let reason = words.reason(
            &rule,
            &open,
            &[("host".into(), "web-1".into())],
            &crate::window::GroupKey::default(),
        );
        (reason.expected, reason.seen)
    }

    /// Monday, 5 January 2026, 09:00 UTC.
    const NINE: i64 = 1_767_603_600_000_000;
    const MINUTE: i64 = 60_000_000;

    #[test]
    fn several_kinds_of_event_are_told_with_their_times() {
        let all = Condition::All(vec![Condition::Selection(0), Condition::Selection(1)]);
        let cause = Cause::Places(vec![(0, NINE + 190_000_000), (1, NINE + 1_000_000)]);
        let (expected, seen) = told(Counting::Temporal(all), &["A", "B"], &[], cause.clone());
        assert_eq!(expected, "no \"A\" and \"B\" with the same host within 10 min");
        assert_eq!(
            seen,
            "2 of 2 kinds of event within 10 min: \"B\" at 2026-01-05 09:00:01, \"A\" at 09:03:10 UTC; 7 events like \"A\" or \"B\" by host web-1 between 2026-01-05 09:00:00 and 09:09:50 UTC"
        );
        let denied = Condition::All(vec![
            Condition::Selection(0),
            Condition::Not(Box::new(Condition::Any(vec![
                Condition::Selection(1),
                Condition::Selection(2),
            ]))),
        ]);
        let (expected, _) = told(Counting::Temporal(denied), &["A", "B", "C"], &[], cause.clone());
        assert_eq!(
            expected,
            "no \"A\" and not (\"B\" or \"C\") with the same host within 10 min"
        );
        let (expected, _) = told(Counting::TemporalOrdered, &["A", "B"], &[], cause);
        assert_eq!(
            expected,
            "no \"A\", then \"B\" in this order with the same host within 10 min"
        );
    }

    #[test]
    fn a_sequence_is_told_with_its_gap_and_with_what_would_have_called_it_off() {
        let sequence = crate::sigma::correlation::Sequence { gap: 5 * MINUTE };
        let cause = Cause::Places(vec![(0, NINE), (1, NINE + MINUTE)]);
        let (expected, seen) = told(
            Counting::Sequence(sequence),
            &["Fail", "Success"],
            &["Reset"],
            cause,
        );
        assert_eq!(
            expected,
            "no \"Fail\", then \"Success\" with the same host within 10 min, each within 5 min of the one before, without \"Reset\" in between"
        );
        assert!(
            seen.starts_with("\"Fail\" at 2026-01-05 09:00:00, then \"Success\" at 09:01:00 UTC; 7 events")
        );
    }

    #[test]
    fn a_silence_is_told_from_the_last_event_to_the_next() {
        let silence = |over, until| Cause::Silence {
            from: NINE,
            until,
            over,
        };
        let (expected, seen) = told(
            Counting::Absence,
            &["Heartbeat"],
            &[],
            silence(false, NINE + 10 * MINUTE),
        );
        assert_eq!(
            expected,
            "an event like \"Heartbeat\" with the same host at least every 10 min"
        );
        assert_eq!(
            seen,
            "none like \"Heartbeat\" by host web-1 between 2026-01-05 09:00:00 and 09:10:00 UTC"
        );
        let (_, seen) = told(
            Counting::Absence,
            &["Heartbeat"],
            &[],
            silence(true, NINE + 140 * MINUTE),
        );
        assert!(
            seen.ends_with("09:00:00 and 11:20:00 UTC; there was one again after 2 h 20 min"),
            "{seen}"
        );
    }

    #[test]
    fn figures_are_told_with_their_thousands_apart() {
        let more = vec![(Bound::Ordered(Ordering::Greater), 5e9)];
        let (expected, seen) = told(
            Counting::Figure(Figure::Sum, "bytes".into(), more),
            &["Get"],
            &[],
            Cause::Number(5.2e9),
        );
        assert_eq!(
            expected,
            "a sum of bytes of at most 5,000,000,000 in events like \"Get\" with the same host within 10 min"
        );
        assert!(seen.starts_with("a sum of bytes of 5,200,000,000 within 10 min; 7 events like \"Get\""));
        let less = vec![(Bound::Ordered(Ordering::AtLeast), 0.25)];
        let (expected, _) = told(
            Counting::Figure(Figure::Percentile(95.0), "ms".into(), less),
            &["Get"],
            &[],
            Cause::Number(1.0),
        );
        assert!(
            expected.starts_with("a 95th percentile of ms of less than 0.25 in"),
            "{expected}"
        );
        assert_eq!(
            [-1234.5, 0.0, 999.0, 1e-7].map(number_words),
            ["-1,234.5", "0", "999", "1e-7"]
        );
        assert_eq!(
            [1.0, 2.0, 11.0, 99.9].map(ordinal),
            ["1st", "2nd", "11th", "99.9th"]
        );
    }

    #[test]
    fn an_overflow_is_told_with_its_level() {
        let bucket = Bucket {
            capacity: 5,
            leak: 10_000_000,
            distinct: Vec::new(),
            mute: 0,
        };
        let cause = Cause::Overflow {
            level: 5_100,
            until: NINE,
        };
        let (expected, seen) = told(Counting::LeakyBucket(bucket), &["Probe"], &[], cause);
        assert_eq!(
            expected,
            "events like \"Probe\" with the same host no faster than one every 10 s, or 5 at once"
        );
        assert!(
            seen.starts_with("the level reached 5.1 of 5, 7 events like \"Probe\" by host web-1 between"),
            "{seen}"
        );
    }
}
