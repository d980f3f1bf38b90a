//! Counting under disorder, redelivery and crashes, against a reference that sorts everything first.

mod support;

use proptest::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use support::{at, event, set_within};
use watchkeeper_detect::{DetectorSet, Limits, merge_deltas};
use watchkeeper_domain::detection::Detection;
use watchkeeper_domain::event::Event;
use watchkeeper_domain::id::DetectionId;

const SPAN_MS: i64 = 10_000;
const LATENESS_MS: i64 = 15_000;

#[derive(Debug, Clone)]
struct Happened {
    ms: i64,
    group: u8,
    value: u8,
    delay_ms: i64,
    again_after_ms: Option<i64>,
}

/// What a detection is: group, first and last event, how many.
type Seen = (String, i64, i64, u64);

fn rules(kind: &str, threshold: u64) -> String {
    let field = if kind == "value_count" { "field: v, " } else { "" };
    format!(
        "title: Base\nname: base\nlogsource: {{product: app}}\ndetection:\n  s: {{a: 1}}\n  condition: s\n---\n\
         title: Count\nid: count\ncorrelation:\n  type: {kind}\n  rules: [base]\n  group-by: [g]\n  timespan: 10s\n  condition: {{{field}gte: {threshold}}}\n"
    )
}

/// The kinds of correlation beside counts, over events that have the value 1 and those that have 2.
const OTHER_KINDS: [&str; 10] = [
    "type: temporal\n  rules: [one, two]\n  group-by: [g]\n  timespan: 10s",
    "type: temporal\n  rules: [one, two]\n  group-by: [g]\n  timespan: 10s\n  condition: one and not two",
    "type: temporal_ordered\n  rules: [one, two]\n  group-by: [g]\n  timespan: 10s",
    "type: sequence\n  rules: [one, two]\n  cancel: [three]\n  group-by: [g]\n  timespan: 20s\n  gap: 10s",
    "type: value_sum\n  rules: [base]\n  group-by: [g]\n  timespan: 10s\n  condition: {field: n, gte: 6}",
    "type: value_avg\n  rules: [base]\n  group-by: [g]\n  timespan: 10s\n  condition: {field: n, lt: 2}",
    "type: value_median\n  rules: [base]\n  group-by: [g]\n  timespan: 10s\n  condition: {field: n, gt: 2}",
    "type: value_percentile\n  rules: [base]\n  group-by: [g]\n  timespan: 10s\n  condition: {field: n, percentile: 75, gt: 2}",
    "type: event_count\n  rules: [base]\n  group-by: [tenant, v]\n  timespan: 10s\n  condition: {gte: 3}",
    "type: leaky_bucket\n  rules: [base]\n  group-by: [g]\n  capacity: 3\n  leak: 5s\n  distinct: [v]\n  mute: 20s",
];

/// A kind of correlation as a reader of its documentation would decide it: over the events of a group, one window after the other.
struct Plain {
    kind: &'static str,
    /// Whether an event with this value is counted; what is not can still call off or deny.
    counts: fn(u8) -> bool,
    /// Whether a window with these events, by time, fires.
    fires: fn(&[&Happened]) -> bool,
}

fn values<'h>(window: &'h [&Happened]) -> impl Iterator<Item = u8> + 'h {
    window.iter().map(|happened| happened.value)
}

/// An event with the value 1 and, no longer than this after it, one with the value 2; none with the value 3 between them.
fn in_order(window: &[&Happened], within_ms: i64) -> bool {
    window.iter().enumerate().any(|(at, one)| {
        let after = window[at..].iter();
        let mut until_called_off = after.take_while(|known| known.value != 3);
        one.value == 1 && until_called_off.any(|two| two.value == 2 && two.ms - one.ms <= within_ms)
    })
}

fn sorted_values(window: &[&Happened]) -> Vec<u8> {
    let mut sorted: Vec<u8> = values(window).collect();
    sorted.sort_unstable();
    sorted
}

/// Kinds that fire with the event that crosses the threshold, and sequences: what they tell is the same when they are judged later.
const AT_ONCE: [Plain; 6] = [
    Plain {
        kind: "type: temporal\n  rules: [one, two]\n  group-by: [g]\n  timespan: 10s",
        counts: |value| value == 1 || value == 2,
        fires: |window| values(window).any(|v| v == 1) && values(window).any(|v| v == 2),
    },
    Plain {
        kind: "type: temporal\n  condition: three and (one or two)\n  group-by: [g]\n  timespan: 10s",
        counts: |value| (1..=3).contains(&value),
        fires: |window| values(window).any(|v| v == 3) && values(window).any(|v| v == 1 || v == 2),
    },
    Plain {
        kind: "type: temporal_ordered\n  rules: [one, two]\n  group-by: [g]\n  timespan: 10s",
        counts: |value| value == 1 || value == 2,
        fires: |window| {
            let uncalled: Vec<&Happened> = window.iter().copied().filter(|h| h.value != 3).collect();
            in_order(&uncalled, SPAN_MS)
        },
    },
    Plain {
        kind: "type: sequence\n  rules: [one, two]\n  group-by: [g]\n  timespan: 10s\n  gap: 3s",
        counts: |value| value == 1 || value == 2,
        fires: |window| {
            let uncalled: Vec<&Happened> = window.iter().copied().filter(|h| h.value != 3).collect();
            in_order(&uncalled, 3_000)
        },
    },
    Plain {
        kind: "type: sequence\n  rules: [one, two]\n  cancel: [three]\n  group-by: [g]\n  timespan: 10s\n  gap: 3s",
        counts: |value| value == 1 || value == 2,
        fires: |window| in_order(window, 3_000),
    },
    Plain {
        kind: "type: value_sum\n  rules: [base]\n  group-by: [g]\n  timespan: 10s\n  condition: {field: n, gte: 6}",
        counts: |_| true,
        fires: |window| values(window).map(u64::from).sum::<u64>() >= 6,
    },
];

/// Kinds that are judged when the window has ended that began with a first event.
const AT_END: [Plain; 6] = [
    Plain {
        kind: "type: event_count\n  rules: [base]\n  group-by: [g]\n  timespan: 10s\n  condition: {lt: 3}",
        counts: |_| true,
        fires: |window| window.len() < 3,
    },
    Plain {
        kind: "type: value_count\n  rules: [base]\n  group-by: [g]\n  timespan: 10s\n  condition: {field: v, eq: 2}",
        counts: |_| true,
        fires: |window| values(window).collect::<HashSet<_>>().len() == 2,
    },
    Plain {
        kind: "type: temporal\n  condition: one and not two\n  group-by: [g]\n  timespan: 10s",
        counts: |value| value == 1,
        fires: |window| values(window).all(|v| v != 2),
    },
    Plain {
        kind: "type: value_avg\n  rules: [base]\n  group-by: [g]\n  timespan: 10s\n  condition: {field: n, lt: 2}",
        counts: |_| true,
        fires: |window| values(window).map(u64::from).sum::<u64>() < 2 * window.len() as u64,
    },
    Plain {
        kind: "type: value_median\n  rules: [base]\n  group-by: [g]\n  timespan: 10s\n  condition: {field: n, gt: 2}",
        counts: |_| true,
        fires: |window| {
            let (sorted, half) = (sorted_values(window), window.len() / 2);
            let below = if window.len() % 2 == 0 { half - 1 } else { half };
            sorted[half] + sorted[below] > 4
        },
    },
    Plain {
        kind: "type: value_percentile\n  rules: [base]\n  group-by: [g]\n  timespan: 10s\n  condition: {field: n, percentile: 75, gt: 2}",
        counts: |_| true,
        // The smallest value that three quarters of the values are at most as large as.
        fires: |window| sorted_values(window)[(window.len() * 3).div_ceil(4) - 1] > 2,
    },
];

/// Every group's events by time.
fn by_group(events: &[Happened]) -> BTreeMap<u8, Vec<&Happened>> {
    let mut groups: BTreeMap<u8, Vec<&Happened>> = BTreeMap::new();
    for happened in events {
        groups.entry(happened.group).or_default().push(happened);
    }
    groups
        .values_mut()
        .for_each(|group| group.sort_by_key(|happened| happened.ms));
    groups
}

/// What a kind that fires at once tells: a detection begins with the first event of the window that fires, and ends with a silence.
fn told_at_once(events: &[Happened], plain: &Plain) -> Vec<Seen> {
    let mut found = Vec::new();
    for (group, events) in by_group(events) {
        let mut open: Option<Seen> = None;
        for (at, happened) in events.iter().enumerate() {
            if !(plain.counts)(happened.value) {
                continue;
            }
            if let Some(seen) = &mut open {
                if happened.ms <= seen.2 + SPAN_MS {
                    (seen.2, seen.3) = (happened.ms, seen.3 + 1);
                    continue;
                }
                found.extend(open.take());
            }
            let window: Vec<_> = events[..=at]
                .iter()
                .copied()
                .filter(|known| known.ms > happened.ms - SPAN_MS)
                .collect();
            if (plain.fires)(&window) {
                let counted: Vec<_> = window
                    .iter()
                    .filter(|known| (plain.counts)(known.value))
                    .collect();
                open = Some((
                    group.to_string(),
                    counted[0].ms,
                    happened.ms,
                    counted.len() as u64,
                ));
            }
        }
        found.extend(open);
    }
    found.sort();
    found
}

/// What a kind that is judged at the end tells: a window that fires goes on with the detection before it where it begins within a
/// timespan of its last event.
fn told_at_end(events: &[Happened], plain: &Plain) -> Vec<Seen> {
    let mut found: Vec<Seen> = Vec::new();
    for (group, events) in by_group(events).into_iter().filter(|(group, _)| *group != END) {
        let mut open: Option<Seen> = None;
        let mut rest = &events[..];
        while let Some(first) = rest.iter().position(|known| (plain.counts)(known.value)) {
            let start = rest[first].ms;
            let until = rest.partition_point(|known| known.ms < start + SPAN_MS);
            let (window, after) = (&rest[first..until], &rest[until..]);
            rest = after;
            if !(plain.fires)(window) {
                continue;
            }
            let counted: Vec<_> = window
                .iter()
                .filter(|known| (plain.counts)(known.value))
                .collect();
            let (last, count) = (counted[counted.len() - 1].ms, counted.len() as u64);
            match &mut open {
                Some(seen) if start <= seen.2 + SPAN_MS => (seen.2, seen.3) = (last, seen.3 + count),
                _ => {
                    found.extend(open.take());
                    open = Some((group.to_string(), start, last, count));
                }
            }
        }
        found.extend(open);
    }
    found.sort();
    found
}

/// The events with those left out that share their group and instant with one before: in which order they count is nobody's business.
fn at_distinct_instants(mut events: Vec<Happened>) -> Vec<Happened> {
    let mut seen = HashSet::new();
    events.retain(|happened| seen.insert((happened.group, happened.ms)));
    events
}

/// A group of nobody.
const END: u8 = 99;

/// One event of another group, long after, that ends every window, and whose own never does.
fn with_an_end(mut events: Vec<Happened>) -> Vec<Happened> {
    events.push(Happened {
        ms: 1_000_000,
        group: END,
        value: 0,
        delay_ms: 0,
        again_after_ms: None,
    });
    events
}

/// A correlation of one of these kinds, with the rules that it refers to.
fn other(kind: &str) -> String {
    let mut text = String::new();
    for (name, selection) in [
        ("base", "a: 1"),
        ("one", "n: 1"),
        ("two", "n: 2"),
        ("three", "n: 3"),
    ] {
        text += &format!(
            "title: {name}\nname: {name}\nlogsource: {{product: app}}\ndetection:\n  s: {{{selection}}}\n  condition: s\n---\n"
        );
    }
    format!("{text}title: Count\nid: count\ncorrelation:\n  {kind}\n")
}

fn limits() -> Limits {
    Limits {
        lateness: chrono::Duration::milliseconds(LATENESS_MS),
        ..Limits::default()
    }
}

fn to_event(index: usize, happened: &Happened) -> Event {
    event(
        &index.to_string(),
        happened.ms,
        json!({"a": 1, "g": happened.group.to_string(), "v": happened.value.to_string(), "n": happened.value, "tenant": happened.group.to_string()}),
    )
}

/// The reference: everything sorted, one pass, every window counted from scratch.
fn reference(events: &[Happened], distinct: bool, threshold: u64) -> Vec<Seen> {
    let mut groups: BTreeMap<u8, Vec<&Happened>> = BTreeMap::new();
    for happened in events {
        groups.entry(happened.group).or_default().push(happened);
    }
    let mut found = Vec::new();
    for (group, mut events) in groups {
        events.sort_by_key(|happened| happened.ms);
        let mut pending: Vec<&Happened> = Vec::new();
        let mut open: Option<Seen> = None;
        for happened in events {
            if let Some(seen) = &mut open {
                if happened.ms <= seen.2 + SPAN_MS {
                    seen.2 = happened.ms;
                    seen.3 += 1;
                    continue;
                }
                found.extend(open.take());
            }
            pending.push(happened);
            pending.retain(|known| known.ms > happened.ms - SPAN_MS);
            let count = if distinct {
                pending
                    .iter()
                    .map(|known| known.value)
                    .collect::<HashSet<_>>()
                    .len()
            } else {
                pending.len()
            };
            if count as u64 >= threshold {
                open = Some((
                    group.to_string(),
                    pending[0].ms,
                    happened.ms,
                    pending.len() as u64,
                ));
                pending.clear();
            }
        }
        found.extend(open);
    }
    found.sort();
    found
}

/// Indices of events in the order they arrive, some again.
fn arrivals(events: &[Happened]) -> Vec<usize> {
    let mut arrivals: Vec<(i64, usize)> = Vec::new();
    for (index, happened) in events.iter().enumerate() {
        arrivals.push((happened.ms + happened.delay_ms, index));
        let again = happened
            .again_after_ms
            .map(|again| happened.ms + happened.delay_ms + again);
        arrivals.extend(again.map(|at| (at, index)));
    }
    arrivals.sort_unstable();
    arrivals.into_iter().map(|(_, index)| index).collect()
}

/// The engine: events in order of arrival, some again, with a crash after each of the given arrivals.
fn engine(events: &[Happened], text: &str, crashes: &HashSet<usize>) -> Vec<Seen> {
    let arrivals = arrivals(events);
    let mut set = set_within(text, limits());
    let mut stored: BTreeMap<DetectionId, Detection> = BTreeMap::new();
    let mut pieces = Vec::new();
    for (number, index) in arrivals.iter().enumerate() {
        set.observe(&to_event(*index, &events[*index]));
        if crashes.contains(&number) {
            // Half of the crashes come before the detections were handed out.
            if number % 2 == 0 {
                store(&mut set, &mut stored);
            }
            pieces.extend(set.delta());
            if number % 3 == 0 {
                pieces = merge_deltas(&pieces).expect("pieces that the engine wrote merge");
            }
            set = set_within(text, limits());
            let report = set.restore(pieces.iter().map(Vec::as_slice));
            assert_eq!(report.unreadable, None);
            assert_eq!(set.delta(), None, "what was restored is written down already");
        }
    }
    store(&mut set, &mut stored);
    // Rules that the correlation does not count fire by themselves.
    let counted = stored
        .into_values()
        .filter(|detection| detection.detector == "count");
    let told = counted.map(|detection| {
        let ms = |instant: chrono::DateTime<chrono::Utc>| (instant - at(0)).num_milliseconds();
        (
            detection.group[0].1.clone(),
            ms(detection.first_at),
            ms(detection.last_at),
            detection.events_seen,
        )
    });
    let mut told: Vec<_> = told.collect();
    told.sort();
    told
}

fn store(set: &mut DetectorSet, stored: &mut BTreeMap<DetectionId, Detection>) {
    for detection in set.drain() {
        stored.insert(detection.id.clone(), detection);
    }
}

/// Detections that touch as one: a late event can join what had already been told as two.
fn joined(seen: Vec<Seen>) -> Vec<Seen> {
    let mut joined: Vec<Seen> = Vec::new();
    for next in seen {
        match joined.last_mut() {
            Some(last) if last.0 == next.0 && next.1 <= last.2 + SPAN_MS => {
                last.2 = last.2.max(next.2);
                last.3 += next.3;
            }
            _ => joined.push(next),
        }
    }
    joined
}

/// How many events the group has from `from` on, in the unbroken run that ends at `until`.
fn run_up_to(events: &[Happened], group: &str, until: i64) -> u64 {
    let mut times: Vec<_> = events
        .iter()
        .filter(|h| h.group.to_string() == group && h.ms <= until)
        .map(|h| h.ms)
        .collect();
    times.sort_unstable_by(|a, b| b.cmp(a));
    let gap = times.windows(2).position(|pair| pair[0] - pair[1] > SPAN_MS);
    gap.map_or(times.len(), |position| position + 1) as u64
}

fn happened(delay: i64) -> impl Strategy<Value = Happened> {
    let again = prop_oneof![4 => Just(None), 1 => (0..LATENESS_MS * 2).prop_map(Some)];
    (0..120_000i64, 0..3u8, 0..5u8, 0..=delay, again).prop_map(
        |(ms, group, value, delay_ms, again_after_ms)| Happened {
            ms,
            group,
            value,
            delay_ms,
            again_after_ms,
        },
    )
}

fn scenario(delay: i64) -> impl Strategy<Value = (Vec<Happened>, HashSet<usize>, u64)> {
    let events = prop::collection::vec(happened(delay), 1..60);
    (events, prop::collection::hash_set(0..60usize, 0..8), 1..5u64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_order_the_engine_tells_exactly_what_the_reference_tells((events, crashes, threshold) in scenario(0), distinct: bool) {
        let kind = if distinct { "value_count" } else { "event_count" };
        let told = engine(&events, &rules(kind, threshold), &crashes);
        prop_assert_eq!(told, reference(&events, distinct, threshold));
    }

    #[test]
    fn out_of_order_the_same_things_are_detected((events, crashes, threshold) in scenario(LATENESS_MS), distinct: bool) {
        let kind = if distinct { "value_count" } else { "event_count" };
        let told = joined(engine(&events, &rules(kind, threshold), &crashes));
        let expected = reference(&events, distinct, threshold);
        prop_assert_eq!(told.len(), expected.len(), "{:?} instead of {:?}", told, expected);
        for (told, expected) in told.iter().zip(&expected) {
            // The same burst, to the same end, resting on no fewer events, and on none that does not belong to its run: what
            // came late from just before the burst may be counted with it.
            prop_assert_eq!((&told.0, told.2), (&expected.0, expected.2));
            prop_assert!(told.1 <= expected.1 && told.3 >= expected.3);
            prop_assert!(told.3 <= run_up_to(&events, &told.0, told.2));
        }
    }

    #[test]
    fn judged_at_the_end_order_does_not_matter_at_all((events, crashes, bound) in scenario(LATENESS_MS)) {
        let text = rules("event_count", 0).replace("gte: 0", &format!("lt: {bound}"));
        let mut sorted = events.clone();
        sorted.iter_mut().for_each(|happened| happened.delay_ms = 0);
        let told = |events: &[Happened], crashes: &HashSet<usize>| {
            let mut events = events.to_vec();
            // One event of another group, long after, ends every window.
            events.push(Happened { ms: 1_000_000, group: 99, value: 0, delay_ms: 0, again_after_ms: None });
            engine(&events, &text, crashes)
        };
        prop_assert_eq!(told(&events, &crashes), told(&sorted, &HashSet::new()));
    }

    #[test]
    fn in_order_every_kind_tells_what_its_reference_tells(
        (events, crashes, _) in scenario(0), kind in 0..AT_ONCE.len(), at_end in 0..AT_END.len(),
    ) {
        let events = with_an_end(at_distinct_instants(events));
        let plain = &AT_ONCE[kind];
        prop_assert_eq!(engine(&events, &other(plain.kind), &crashes), told_at_once(&events, plain), "{}", plain.kind);
        let plain = &AT_END[at_end];
        prop_assert_eq!(engine(&events, &other(plain.kind), &crashes), told_at_end(&events, plain), "{}", plain.kind);
    }

    #[test]
    fn out_of_order_what_is_judged_at_the_end_is_what_its_reference_tells(
        (events, crashes, _) in scenario(LATENESS_MS), at_end in 0..AT_END.len(),
    ) {
        let events = with_an_end(at_distinct_instants(events));
        let plain = &AT_END[at_end];
        prop_assert_eq!(engine(&events, &other(plain.kind), &crashes), told_at_end(&events, plain), "{}", plain.kind);
    }

    #[test]
    fn out_of_order_every_kind_fires_where_its_reference_fires(
        (events, crashes, _) in scenario(LATENESS_MS), kind in 0..AT_ONCE.len(),
    ) {
        let events = with_an_end(at_distinct_instants(events));
        let plain = &AT_ONCE[kind];
        let told = joined(engine(&events, &other(plain.kind), &crashes));
        let expected = told_at_once(&events, plain);
        prop_assert_eq!(told.len(), expected.len(), "{}: {:?} instead of {:?}", plain.kind, told, expected);
        for (told, expected) in told.iter().zip(&expected) {
            prop_assert_eq!((&told.0, told.2), (&expected.0, expected.2), "{}", plain.kind);
            prop_assert!(told.1 <= expected.1 && told.3 >= expected.3, "{}: {:?} instead of {:?}", plain.kind, told, expected);
        }
    }

    #[test]
    fn a_set_that_is_killed_at_any_instant_tells_what_one_that_never_was_tells(
        (events, kills, threshold) in scenario(LATENESS_MS), commits in prop::collection::hash_set(0..90usize, 0..12), kind in 0..5 + OTHER_KINDS.len(), few: bool,
    ) {
        let text = match kind {
            0 => rules("event_count", threshold),
            1 => rules("value_count", threshold),
            2 => rules("event_count", 0).replace("gte: 0", &format!("lt: {threshold}")),
            3 => rules("value_count", 0).replace("gte: 0", &format!("eq: {threshold}")),
            5.. => other(OTHER_KINDS[kind - 5]),
            _ => rules("ratio", 0).replace("type: ratio", "type: ratio\n  of: [base]").replace("gte: 0", "gte: 0.5, min-events: 1, min-matches: 2"),
        };
        let limits = Limits { groups_per_rule: if few { 4 } else { 100 }, ..limits() };
        let arrivals = arrivals(&events);
        let mut unharmed = set_within(&text, limits.clone());
        let mut expected = BTreeMap::new();
        let mut running = set_within(&text, limits.clone());
        let (mut told, mut pieces, mut committed) = (BTreeMap::new(), Vec::new(), 0);
        for (number, index) in arrivals.iter().enumerate() {
            unharmed.observe(&to_event(*index, &events[*index]));
            running.observe(&to_event(*index, &events[*index]));
            if commits.contains(&number) {
                // Detections, cursor and state are committed together.
                store(&mut running, &mut told);
                pieces.extend(running.delta());
                if number % 3 == 0 {
                    pieces = merge_deltas(&pieces).expect("pieces that the engine wrote merge");
                }
                committed = number + 1;
                store(&mut unharmed, &mut expected);
            }
            if kills.contains(&number) {
                running = set_within(&text, limits.clone());
                prop_assert_eq!(running.restore(pieces.iter().map(Vec::as_slice)).unreadable, None);
                for index in &arrivals[committed..=number] {
                    running.observe(&to_event(*index, &events[*index]));
                }
            }
        }
        for (set, stored) in [(&mut unharmed, &mut expected), (&mut running, &mut told)] {
            set.advance(&watchkeeper_domain::event::SourceName("test".into()), at(10_000_000));
            store(set, stored);
            prop_assert_eq!(set.state_bytes(), 0, "everything is over and forgotten");
        }
        prop_assert_eq!(&told, &expected, "with every figure, word and line");
        prop_assert_eq!(running.dropped(), unharmed.dropped());
        prop_assert_eq!(running.activity(), unharmed.activity());
    }
}
