//! What counting costs: an event in each kind of window, a million keys, a delta of many groups, the dearest single event.
#![expect(clippy::unwrap_used, reason = "a bench that cannot prepare must fail")]
#![expect(clippy::print_stdout, reason = "figures that are not a mean are printed")]

use chrono::{DateTime, Duration};
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, criterion_group, criterion_main};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration as Took;
use watchkeeper_detect::{DetectorSet, Limits, RuleFile};
use watchkeeper_domain::event::{EntityFields, Event, LogSource, SourceName};

/// Time that this thread ran: whatever else the machine does, it is not counted.
struct CpuTime;

fn cpu() -> Took {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Took::new(time.tv_sec as u64, time.tv_nsec as u32)
}

impl Measurement for CpuTime {
    type Intermediate = Took;
    type Value = Took;

    fn start(&self) -> Took {
        cpu()
    }

    fn end(&self, start: Took) -> Took {
        cpu() - start
    }

    fn add(&self, a: &Took, b: &Took) -> Took {
        *a + *b
    }

    fn zero(&self) -> Took {
        Took::ZERO
    }

    fn to_f64(&self, value: &Took) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

fn set(correlation: &str) -> DetectorSet {
    let text = format!(
        "title: Base\nname: base\nlogsource: {{product: app}}\ndetection:\n  s: {{a: 1}}\n  condition: s\n---\n\
         title: Match\nname: match\nlogsource: {{product: app}}\ndetection:\n  s: {{a: 1, m: 1}}\n  condition: s\n---\n\
         title: Count\nid: count\ncorrelation:\n  rules: [base]\n  group-by: [src_ip]\n  timespan: 10m\n  {correlation}\n"
    );
    let limits = Limits {
        groups_per_rule: 2_000_000,
        records_per_rule: 4_000_000,
        ..Limits::default()
    };
    let rule = RuleFile::new("rule.yml", text);
    let set = DetectorSet::load([rule], EntityFields::default(), limits);
    assert!(set.quarantined().is_empty(), "{:#?}", set.quarantined());
    set
}

fn event(n: u64, milliseconds: i64, fields: Value) -> Event {
    let at = DateTime::from_timestamp(1_767_603_600, 0).unwrap() + Duration::milliseconds(milliseconds);
    let Value::Object(fields) = fields else {
        panic!("not an object")
    };
    Event {
        id: format!("1c0a46a2-3b1f-4f6e-9d2c-{n:012x}"),
        source: SourceName("bench".into()),
        at,
        collected_at: at,
        log_source: LogSource {
            product: Some("app".into()),
            ..LogSource::default()
        },
        raw: "x".repeat(300),
        fields: fields.into(),
        unparsed: None,
    }
}

fn address(n: u64) -> String {
    std::net::Ipv4Addr::from(0x0a00_0000 + n as u32).to_string()
}

/// Events from `from` on, one a millisecond and a tenth of them late, with `values` distinct users.
fn events(from: u64, count: u64, keys: u64, values: u64, a: i64) -> Vec<Event> {
    (from..from + count)
        .map(|n| {
            let late = if n % 10 == 0 { (n % 997) as i64 } else { 0 };
            event(
                n,
                n as i64 - late,
                json!({"a": a, "m": 0, "src_ip": address(n % keys), "value": format!("v{}", n % values)}),
            )
        })
        .collect()
}

const BATCH: u64 = 500;

/// Nanoseconds for 500 events, among them 50 that come late: the next ones each time, after 100,000 before them.
fn per_event(
    criterion: &mut Criterion<CpuTime>,
    name: &str,
    correlation: &str,
    keys: u64,
    values: u64,
    a: i64,
) {
    let mut running = set(correlation);
    events(0, 100_000, keys, values, a)
        .iter()
        .for_each(|event| running.observe(event));
    // The keys' and values' number is a multiple of the batch or a divisor of it, so that a batch later they come again.
    let mut pool = events(100_000, keys.max(values).max(BATCH), keys, values, a);
    let mut next = 100_000 + pool.len() as u64;
    let step = Duration::milliseconds(pool.len() as i64);
    let mut place = 0;
    // The matching itself costs something too: see "no match".
    criterion.bench_function(&format!("{name}, {BATCH} events"), |bencher| {
        bencher.iter(|| {
            for _ in 0..BATCH {
                let event = &mut pool[place];
                running.observe(event);
                event.id.truncate(24);
                write!(event.id, "{next:012x}").unwrap();
                event.at += step;
                event.collected_at += step;
                (next, place) = (next + 1, place + 1);
                if place == pool.len() {
                    place = 0;
                }
            }
        });
    });
}

fn counting(criterion: &mut Criterion<CpuTime>) {
    per_event(
        criterion,
        "no match",
        "type: event_count\n  condition: {gte: 1000}",
        1_000,
        5_000,
        0,
    );
    per_event(
        criterion,
        "event_count of 1,000 keys",
        "type: event_count\n  condition: {gte: 5000}",
        1_000,
        5_000,
        1,
    );
    per_event(
        criterion,
        "event_count of 60 keys",
        "type: event_count\n  condition: {gte: 10000}",
        60,
        5_000,
        1,
    );
    per_event(
        criterion,
        "value_count of 5,000 distinct values",
        "type: value_count\n  condition: {field: value, gte: 6000}",
        1,
        5_000,
        1,
    );
    per_event(
        criterion,
        "ratio",
        "type: ratio\n  of: [base]\n  condition: {gte: 0.5, min-events: 10, min-matches: 5}",
        1,
        5_000,
        1,
    );
}

/// Memory that this process uses now, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim()
        .trim_end_matches(" kB")
        .trim()
        .parse::<usize>()
        .unwrap()
        * 1024
}

fn million(_: &mut Criterion<CpuTime>) {
    if std::env::args().any(|argument| argument == "--profile-time") {
        // A profile is asked for one of the loops below.
        return;
    }
    let mut running = set("type: event_count\n  condition: {gte: 3}");
    let make = |n: u64| event(n, (n / 10) as i64, json!({"a": 1, "src_ip": address(n)}));
    (0..1_000).for_each(|n| running.observe(&make(n)));
    let before = resident();
    let mut dearest = Took::ZERO;
    let mut slow = 0;
    for n in 1_000..1_000_000 {
        let event = make(n);
        let start = cpu();
        running.observe(&event);
        let took = cpu() - start;
        slow += u32::from(took > Took::from_millis(1));
        dearest = dearest.max(took);
    }
    let grown = resident() - before;
    println!(
        "a million keys: {} MB resident, of which 32 MB are lines; told as {} MB",
        grown >> 20,
        running.state_bytes() >> 20
    );
    println!("dearest of a million new keys: {dearest:?}; {slow} took more than 1 ms");
    let start = cpu();
    let base = running.delta().unwrap();
    println!(
        "the first delta, everything: {} MB in {:?}",
        base.len() >> 20,
        cpu() - start
    );
    for n in 0..20_000 {
        running.observe(&event(
            2_000_000 + n,
            100_000,
            json!({"a": 1, "src_ip": address(n * 7)}),
        ));
    }
    let start = cpu();
    let delta = running.delta().unwrap();
    println!(
        "a delta of 20,000 changed groups: {} kB in {:?}",
        delta.len() >> 10,
        cpu() - start
    );
    let start = cpu();
    running.observe(&event(9_999_999, 1_000_000_000, json!({"a": 0})));
    println!("the event that ends a million windows: {:?}", cpu() - start);
    let mut events = 0;
    let mut dearest = Took::ZERO;
    while running.overdue() {
        let later = event(
            10_000_000 + events,
            1_000_000_001 + events as i64,
            json!({"a": 0}),
        );
        let start = cpu();
        running.observe(&later);
        dearest = dearest.max(cpu() - start);
        events += 1;
    }
    println!("the {events} events after it: at most {dearest:?}");
}

criterion_group! {
    name = state;
    config = Criterion::default().with_measurement(CpuTime).sample_size(20);
    targets = million, counting
}
criterion_main!(state);
