//! An instant of every day, in a zone.

use chrono::{DateTime, Days, Duration, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

/// An instant of every day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Daily {
    /// On the clocks of the zone.
    pub at: NaiveTime,
    /// Which zone.
    pub zone: Tz,
}

impl Daily {
    /// The first such instant after `now`. On a day on whose clocks it does not exist it is the first minute that does; on a day that has
    /// it twice, the earlier one.
    #[must_use]
    pub fn next_after(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let today = now.with_timezone(&self.zone).date_naive();
        let days = (0..=2).filter_map(|later| today.checked_add_days(Days::new(later)));
        let instants = days.filter_map(|day| {
            let local = day.and_time(self.at);
            // No zone leaves out more than a day.
            let minutes = (0..=24 * 60).map(|later| local + Duration::minutes(later));
            let found = minutes
                .filter_map(|local| self.zone.from_local_datetime(&local).earliest())
                .next()?;
            Some(found.with_timezone(&Utc))
        });
        let next = instants.filter(|instant| *instant > now).min();
        // The calendar ends in the year 262142.
        next.unwrap_or(now + Duration::days(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(zone: Tz, at: &str, now: &str) -> String {
        let daily = Daily {
            at: at.parse().unwrap(),
            zone,
        };
        daily.next_after(now.parse().unwrap()).to_rfc3339()
    }

    #[test]
    fn it_is_later_today_or_else_tomorrow_and_never_now() {
        let at = "06:00:00";
        assert_eq!(
            next(Tz::UTC, at, "2026-06-05T05:59:59Z"),
            "2026-06-05T06:00:00+00:00"
        );
        assert_eq!(
            next(Tz::UTC, at, "2026-06-05T06:00:00Z"),
            "2026-06-06T06:00:00+00:00"
        );
    }

    #[test]
    fn it_follows_the_clocks_of_its_zone_over_an_hour_that_does_not_exist_or_comes_twice() {
        let berlin = Tz::Europe__Berlin;
        assert_eq!(
            next(berlin, "06:00:00", "2026-06-05T12:00:00Z"),
            "2026-06-06T04:00:00+00:00"
        );
        assert_eq!(
            next(berlin, "06:00:00", "2026-12-05T12:00:00Z"),
            "2026-12-06T05:00:00+00:00"
        );
        assert_eq!(
            next(berlin, "02:30:00", "2026-03-28T12:00:00Z"),
            "2026-03-29T01:00:00+00:00"
        );
        assert_eq!(
            next(berlin, "02:30:00", "2026-10-24T12:00:00Z"),
            "2026-10-25T00:30:00+00:00"
        );
    }
}
