//! What polling costs, from the calls that were counted.

use chrono::{DateTime, Duration, Utc};
use watchkeeper_domain::source_cost::{Polled, Usage};

fn hour(hours: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + Duration::hours(hours)
}

/// So many calls an hour, noted every minute for so many hours.
fn used(calls_an_hour: u64, hours: i64) -> (Usage, u64) {
    let mut usage = Usage::default();
    let mut calls = 0;
    for minute in 0..=hours * 60 {
        calls = minute.unsigned_abs() * calls_an_hour / 60;
        usage.note(
            calls,
            calls * 1_000,
            DateTime::UNIX_EPOCH + Duration::minutes(minute),
        );
    }
    (usage, calls)
}

#[test]
fn an_empty_queue_costs_what_the_manual_says() {
    let (usage, calls) = used(720, 48);
    let estimate = usage
        .estimate(Polled::Objects, calls, calls * 1_000, hour(48))
        .expect("measured");
    assert_eq!(format!("{:.2}", estimate.usd_a_month), "0.21");
    assert!((estimate.calls_a_day - 17_280.0).abs() < 1.0, "{estimate:?}");
    assert!(
        estimate.measured_seconds >= 86_400 && estimate.measured_seconds <= 25 * 3600,
        "{estimate:?}"
    );
    assert_eq!((estimate.at_most, estimate.share_of_limit), (false, None));
    let findings = usage
        .estimate(Polled::Findings { queue: true }, calls, 0, hour(48))
        .expect("measured");
    assert!(findings.at_most && findings.usd_a_month > 0.2);
}

#[test]
fn what_has_no_price_says_which_share_of_the_limit_it_takes() {
    let (usage, calls) = used(3_600, 24);
    let polled = Polled::LogGroups { places: 2 };
    let estimate = usage.estimate(polled, calls, 0, hour(24)).expect("measured");
    assert!(estimate.usd_a_month.abs() < f64::EPSILON);
    assert_eq!(
        estimate.share_of_limit.map(|share| (share * 1_000.0).round()),
        Some(100.0)
    );
    for polled in [Polled::Shards, Polled::Findings { queue: false }] {
        let estimate = usage.estimate(polled, calls, 0, hour(24)).expect("measured");
        assert_eq!(
            (estimate.usd_a_month.to_bits(), estimate.share_of_limit),
            (0, None)
        );
    }
}

#[test]
fn nothing_is_estimated_from_less_than_half_an_hour_or_across_figures_that_began_anew() {
    let (mut usage, calls) = used(720, 2);
    assert!(
        usage
            .estimate(Polled::Objects, calls, calls * 1_000, hour(2))
            .is_some()
    );
    usage.note(5, 5_000, hour(3));
    assert_eq!(
        usage.estimate(Polled::Objects, 6, 6_000, hour(3) + Duration::minutes(29)),
        None
    );
    let estimate = usage
        .estimate(Polled::Objects, 65, 6_000, hour(4))
        .expect("measured");
    assert!((estimate.calls_a_day - 1_440.0).abs() < 1.0, "{estimate:?}");
    assert_eq!(Usage::default().estimate(Polled::Objects, 5, 5, hour(1)), None);
}
