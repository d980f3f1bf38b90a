//! How long law and contracts give, counted the way each of them counts.
//!
//! Takes a start, a limit and the calendar of a jurisdiction; gives the last instant that is in time, and the arithmetic in words.
//! Where a limit can be read in two ways, both readings are given and the earlier is kept: who is in time by the earlier one is in
//! time by both.

use super::calendar::{Calendar, long};
use crate::span::Span;
use crate::words::{minute, second};
use chrono::{DateTime, Datelike, Days, Duration, Months, NaiveDate, SubsecRound, Timelike, Utc};
use serde::{Deserialize, Serialize};

/// How the units of a limit are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Counting {
    /// Hours of sixty minutes, by night, weekend and holiday.
    ElapsedHours,
    /// Hours as Regulation (EEC, Euratom) No 1182/71 counts them, Article 3(1): the hour in which it happened is not counted.
    RegulationHours,
    /// Calendar days; the day on which it happened is not counted, and the last one ends at midnight in the jurisdiction.
    CalendarDays,
    /// Days on which people work; the day on which it happened is not counted.
    BusinessDays,
    /// Months: until the end of the same day of a later month, or of its last day where it is shorter.
    CalendarMonths,
}

/// An amount and how it is counted; files write `72 E`, `30 CD` or `1 CM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Limit {
    /// How many hours, days or months; at least one.
    pub amount: u16,
    /// Of which kind.
    pub calc: Counting,
}

impl Counting {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::ElapsedHours,
        Self::RegulationHours,
        Self::CalendarDays,
        Self::BusinessDays,
        Self::CalendarMonths,
    ];

    /// The letters that files use.
    #[must_use]
    pub fn letters(self) -> &'static str {
        match self {
            Self::ElapsedHours => "E",
            Self::RegulationHours => "EUh",
            Self::CalendarDays => "CD",
            Self::BusinessDays => "BD",
            Self::CalendarMonths => "CM",
        }
    }
}

impl TryFrom<String> for Limit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let read = || {
            let (amount, letters) = text.split_once(' ')?;
            let amount = amount.parse().ok().filter(|amount| *amount > 0)?;
            let calc = Counting::ALL.into_iter().find(|calc| calc.letters() == letters)?;
            Some(Self { amount, calc })
        };
        read().ok_or_else(|| {
            let letters = Counting::ALL.map(Counting::letters).join(", ");
            format!("`{text}` is no limit; write a whole number from 1 on, a space, and one of {letters}, such as `72 E`")
        })
    }
}

impl From<Limit> for String {
    fn from(limit: Limit) -> Self {
        format!("{} {}", limit.amount, limit.calc.letters())
    }
}

/// When a limit ends, and why then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reckoning {
    /// The last instant in time: that of the earliest reading.
    pub due_at: DateTime<Utc>,
    /// Every reading, the earliest first; never empty.
    pub readings: Vec<Reading>,
}

/// One way to read a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The last instant in time.
    pub due_at: DateTime<Utc>,
    /// The arithmetic, for people, with its source.
    pub arithmetic: String,
}

/// A time for which a law lets a clock stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standstill {
    /// Since when.
    pub from: DateTime<Utc>,
    /// Until when; it runs again at this instant.
    pub until: DateTime<Utc>,
}

/// How long clocks stand in all; what overlaps counts once.
#[must_use]
pub fn length_of(stands: &[Standstill]) -> Duration {
    let lengths = joined(stands).into_iter().map(|stand| stand.until - stand.from);
    lengths.fold(Duration::zero(), |all, length| all + length)
}

/// The same times in their order, apart from one another, none empty.
fn joined(stands: &[Standstill]) -> Vec<Standstill> {
    let mut sorted: Vec<Standstill> = stands.iter().copied().filter(|s| s.from < s.until).collect();
    sorted.sort_unstable();
    let mut apart: Vec<Standstill> = Vec::with_capacity(sorted.len());
    for stand in sorted {
        match apart.last_mut().filter(|last| stand.from <= last.until) {
            Some(last) => last.until = last.until.max(stand.until),
            None => apart.push(stand),
        }
    }
    apart
}

impl Reading {
    /// What comes of it where the clock, which runs since an instant, was let stand. Laws that let notices wait can be read in two ways:
    /// what is due meanwhile is due when the pause ends; or the clock itself stood, and all that was left of it is left. A pause that
    /// begins when the time is over comes too late for both.
    #[must_use]
    pub fn paused(self, since: DateTime<Utc>, stands: &[Standstill]) -> Vec<Self> {
        let (mut waits, mut stood) = (self.due_at, self.due_at);
        for Standstill { from, until } in joined(stands) {
            if from < waits {
                waits = waits.max(until);
            }
            let from = from.max(since);
            if from < stood && from < until {
                stood += until - from;
            }
        }
        if stood == self.due_at {
            return vec![self];
        }
        let arithmetic = self.arithmetic;
        vec![
            Self {
                due_at: waits,
                arithmetic: format!(
                    "{arithmetic}; what is due in a pause is due when it ends: {}",
                    minute(waits)
                ),
            },
            Self {
                due_at: stood,
                arithmetic: format!("{arithmetic}; if the clock stood in the pause: {}", minute(stood)),
            },
        ]
    }
}

impl Limit {
    /// When the limit ends that starts at `from`.
    #[must_use]
    pub fn reckon(self, from: DateTime<Utc>, calendar: &Calendar) -> Reckoning {
        let mut readings = match self.calc {
            Counting::ElapsedHours => vec![Reading::elapsed(from, Span::hours(u32::from(self.amount)))],
            Counting::RegulationHours => vec![
                Reading::elapsed(from, Span::hours(u32::from(self.amount))),
                self.regulation_hours(from, calendar),
            ],
            Counting::CalendarDays => self.until_end_of(self.calendar_day(from, calendar), from, calendar),
            Counting::CalendarMonths => self.until_end_of(self.day_of_month(from, calendar), from, calendar),
            Counting::BusinessDays => vec![self.business_days(from, calendar)],
        };
        readings.sort_by_key(|reading| reading.due_at);
        Reckoning {
            due_at: readings[0].due_at,
            readings,
        }
    }

    fn regulation_hours(self, from: DateTime<Utc>, calendar: &Calendar) -> Reading {
        let local = from.with_timezone(&calendar.zone);
        let into_hour =
            Duration::minutes(i64::from(local.minute())) + Duration::seconds(i64::from(local.second()));
        let counted_from = from.trunc_subsecs(0) - into_hour + Duration::hours(1);
        let due_at = counted_from + Duration::hours(i64::from(self.amount));
        Reading {
            due_at,
            arithmetic: format!(
                "the hour in which it happened is not counted (Regulation 1182/71, Article 3(1)): {} + {} hours = {}",
                second(counted_from),
                self.amount,
                second(due_at)
            ),
        }
    }

    fn calendar_day(self, from: DateTime<Utc>, calendar: &Calendar) -> NaiveDate {
        let first = calendar.day_of(from);
        first
            .checked_add_days(Days::new(u64::from(self.amount)))
            .unwrap_or(first)
    }

    fn day_of_month(self, from: DateTime<Utc>, calendar: &Calendar) -> NaiveDate {
        let first = calendar.day_of(from);
        // chrono takes the last day of the month where the day is not there (Regulation 1182/71, Article 3(2)(c)).
        first
            .checked_add_months(Months::new(u32::from(self.amount)))
            .unwrap_or(first)
    }

    /// A period that ends with a day: by its letter, and as many laws extend it where people do not work on that day.
    fn until_end_of(self, day: NaiveDate, from: DateTime<Utc>, calendar: &Calendar) -> Vec<Reading> {
        let unit = if self.calc == Counting::CalendarDays {
            format!("{} calendar days, the day itself not counted", self.amount)
        } else {
            format!("{} calendar months", self.amount)
        };
        let ends = |day: NaiveDate| {
            format!(
                "the end of {} in {}, {}",
                named(day),
                calendar.zone.name(),
                second(calendar.end_of(day))
            )
        };
        let mut readings = vec![Reading {
            due_at: calendar.end_of(day),
            arithmetic: format!("{} + {unit} = {}", named(calendar.day_of(from)), ends(day)),
        }];
        if let Some(why) = calendar.day_off(day) {
            let working = calendar.working_day_from(day);
            readings.push(Reading {
                due_at: calendar.end_of(working),
                arithmetic: format!(
                    "{} is {why}; where the law extends a period that ends on such a day (as Regulation 1182/71, Article 3(4)): {}",
                    named(day),
                    ends(working)
                ),
            });
        }
        readings
    }

    fn business_days(self, from: DateTime<Utc>, calendar: &Calendar) -> Reading {
        let first = calendar.day_of(from);
        let mut day = first;
        let mut skipped = Vec::new();
        for _ in 0..self.amount {
            let next = day.succ_opt().unwrap_or(day);
            let working = calendar.working_day_from(next);
            for off in next.iter_days().take_while(|off| *off < working) {
                // Weekends go without saying.
                if !calendar.weekend.contains(&off.weekday()) {
                    skipped.extend(calendar.day_off(off).map(|why| format!("{} ({why})", named(off))));
                }
            }
            day = working;
        }
        let due_at = calendar.end_of(day);
        let without = if skipped.is_empty() {
            String::new()
        } else {
            format!(", without {}", skipped.join(", "))
        };
        Reading {
            due_at,
            arithmetic: format!(
                "{} + {} business days of {}, the day itself not counted{without} = the end of {} in {}, {}",
                named(first),
                self.amount,
                calendar.name,
                named(day),
                calendar.zone.name(),
                second(due_at)
            ),
        }
    }
}

impl Reading {
    /// A limit in exact elapsed time.
    #[must_use]
    pub fn elapsed(from: DateTime<Utc>, limit: Span) -> Self {
        let due_at = from + limit.duration();
        Self {
            due_at,
            arithmetic: format!(
                "{} + {limit} exact elapsed time, weekends and holidays included = {}",
                second(from),
                second(due_at)
            ),
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = match self.calc {
            Counting::ElapsedHours | Counting::RegulationHours => "hour",
            Counting::CalendarDays => "calendar day",
            Counting::BusinessDays => "business day",
            Counting::CalendarMonths => "month",
        };
        let plural = if self.amount == 1 { "" } else { "s" };
        write!(f, "{} {unit}{plural}", self.amount)
    }
}

fn named(day: NaiveDate) -> String {
    format!("{} {day}", long(day.weekday()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::obligation::calendar::{Day, Holiday, Observed};
    use chrono_tz::Tz;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn berlin() -> Calendar {
        Calendar {
            name: "Germany".to_owned(),
            zone: Tz::Europe__Berlin,
            weekend: vec![chrono::Weekday::Sat, chrono::Weekday::Sun],
            holidays: vec![Holiday {
                name: "Tag der Arbeit".to_owned(),
                on: Day::Fixed { month: 5, day: 1 },
                observed: Observed::Itself,
                from_year: None,
            }],
            ..Calendar::utc()
        }
    }

    fn due(amount: u16, calc: Counting, from: &str) -> Vec<String> {
        let reckoned = Limit { amount, calc }.reckon(at(from), &berlin());
        assert_eq!(reckoned.due_at, reckoned.readings[0].due_at);
        let readings = reckoned.readings.iter();
        readings
            .map(|reading| reading.due_at.format("%Y-%m-%dT%H:%M:%S").to_string())
            .collect()
    }

    #[test]
    fn seventy_two_hours_from_friday_afternoon_have_two_readings() {
        assert_eq!(
            due(72, Counting::ElapsedHours, "2026-06-05T12:20:00Z"),
            ["2026-06-08T12:20:00"]
        );
        assert_eq!(
            due(72, Counting::RegulationHours, "2026-06-05T12:20:00Z"),
            ["2026-06-08T12:20:00", "2026-06-08T13:00:00"]
        );
        // On the hour, that hour is the one that is not counted.
        assert_eq!(
            due(72, Counting::RegulationHours, "2026-06-05T12:00:00Z"),
            ["2026-06-08T12:00:00", "2026-06-08T13:00:00"]
        );
    }

    #[test]
    fn hours_do_not_care_for_clocks_that_change() {
        assert_eq!(
            due(24, Counting::ElapsedHours, "2026-03-28T14:20:00Z"),
            ["2026-03-29T14:20:00"]
        );
        assert_eq!(
            due(24, Counting::RegulationHours, "2026-10-24T14:20:00Z"),
            ["2026-10-25T14:20:00", "2026-10-25T15:00:00"]
        );
    }

    #[test]
    fn days_end_at_midnight_of_the_jurisdiction_and_both_readings_are_told_where_the_last_is_free() {
        // 23:30 UTC is the next day in Berlin.
        assert_eq!(
            due(10, Counting::CalendarDays, "2026-06-04T23:30:00Z"),
            ["2026-06-15T21:59:59"]
        );
        // The 10th day is a Saturday.
        assert_eq!(
            due(10, Counting::CalendarDays, "2026-06-03T10:00:00Z"),
            ["2026-06-13T21:59:59", "2026-06-15T21:59:59"]
        );
        assert_eq!(
            due(30, Counting::CalendarDays, "2028-02-01T10:00:00Z"),
            ["2028-03-02T22:59:59"]
        );
    }

    #[test]
    fn months_end_on_the_same_day_or_on_the_last() {
        assert_eq!(
            due(1, Counting::CalendarMonths, "2028-01-31T10:00:00Z"),
            ["2028-02-29T22:59:59"]
        );
        assert_eq!(
            due(1, Counting::CalendarMonths, "2026-01-31T10:00:00Z"),
            ["2026-02-28T22:59:59", "2026-03-02T22:59:59"]
        );
        assert_eq!(
            due(1, Counting::CalendarMonths, "2026-08-31T10:00:00Z"),
            ["2026-09-30T21:59:59"]
        );
    }

    #[test]
    fn business_days_pass_over_weekends_and_name_the_holidays_they_pass_over() {
        assert_eq!(
            due(4, Counting::BusinessDays, "2026-06-05T10:00:00Z"),
            ["2026-06-11T21:59:59"]
        );
        let limit = Limit {
            amount: 3,
            calc: Counting::BusinessDays,
        };
        let reckoned = limit.reckon(at("2026-04-29T10:00:00Z"), &berlin());
        assert_eq!(reckoned.due_at, at("2026-05-05T21:59:59Z"));
        assert!(
            reckoned.readings[0]
                .arithmetic
                .contains("without Friday 2026-05-01 (Tag der Arbeit)"),
            "{reckoned:?}"
        );
    }

    /// Counted day by day, and second by second at the end: slow and plain.
    fn plainly(limit: Limit, from: DateTime<Utc>, calendar: &Calendar) -> DateTime<Utc> {
        let local_day = |at: DateTime<Utc>| at.with_timezone(&calendar.zone).date_naive();
        let target = match limit.calc {
            Counting::ElapsedHours | Counting::RegulationHours => {
                return from + Duration::seconds(i64::from(limit.amount) * 3_600);
            }
            Counting::CalendarDays => {
                (0..limit.amount).fold(local_day(from), |day, _| day.succ_opt().unwrap())
            }
            Counting::BusinessDays => {
                let mut left = limit.amount;
                let mut day = local_day(from);
                while left > 0 {
                    day = day.succ_opt().unwrap();
                    let free = matches!(day.weekday(), chrono::Weekday::Sat | chrono::Weekday::Sun)
                        || (day.month(), day.day()) == (5, 1);
                    left -= u16::from(!free);
                }
                day
            }
            Counting::CalendarMonths => {
                let first = local_day(from);
                let months = first.year() * 12 + first.month0() as i32 + i32::from(limit.amount);
                let (year, month) = (months.div_euclid(12), months.rem_euclid(12) as u32 + 1);
                (1..=first.day())
                    .rev()
                    .find_map(|day| NaiveDate::from_ymd_opt(year, month, day))
                    .unwrap()
            }
        };
        // A quarter of an hour at a time, until the day is over there: at 06:00 UTC it is not over anywhere.
        let mut end = target.and_hms_opt(6, 0, 0).unwrap().and_utc();
        while local_day(end) <= target {
            end += Duration::minutes(15);
        }
        end - Duration::seconds(1)
    }

    fn zone() -> impl Strategy<Value = Tz> {
        prop::sample::select(vec![
            Tz::UTC,
            Tz::Europe__Berlin,
            Tz::America__New_York,
            Tz::America__Sao_Paulo,
            Tz::Asia__Kolkata,
            Tz::Asia__Kathmandu,
            Tz::Australia__Lord_Howe,
            Tz::Pacific__Kiritimati,
            Tz::America__St_Johns,
        ])
    }

    fn counting() -> impl Strategy<Value = Counting> {
        prop::sample::select(vec![
            Counting::ElapsedHours,
            Counting::RegulationHours,
            Counting::CalendarDays,
            Counting::BusinessDays,
            Counting::CalendarMonths,
        ])
    }

    proptest! {
        #[test]
        fn every_limit_ends_where_plain_counting_ends(
            seconds in 1_577_836_800_i64..2_208_988_800,
            amount in 1_u16..90,
            calc in counting(),
            zone in zone(),
        ) {
            let calendar = Calendar { zone, ..berlin() };
            let from = DateTime::from_timestamp(seconds, 0).unwrap();
            let limit = Limit { amount, calc };
            let reckoned = limit.reckon(from, &calendar);
            prop_assert_eq!(reckoned.due_at, plainly(limit, from, &calendar), "{:?} {} {:?}", limit, from, reckoned);
            prop_assert!(reckoned.due_at > from);
            prop_assert!(reckoned.readings.is_sorted_by_key(|reading| reading.due_at));
        }

        #[test]
        fn whoever_starts_later_is_never_due_earlier(
            seconds in 1_577_836_800_i64..2_208_988_800,
            later in 0_i64..200_000,
            amount in 1_u16..90,
            calc in counting(),
            zone in zone(),
        ) {
            let calendar = Calendar { zone, ..berlin() };
            let limit = Limit { amount, calc };
            let from = DateTime::from_timestamp(seconds, 0).unwrap();
            let first = limit.reckon(from, &calendar).due_at;
            let second = limit.reckon(from + Duration::seconds(later), &calendar).due_at;
            prop_assert!(first <= second);
        }

        #[test]
        fn a_clock_that_stood_comes_out_as_counting_its_hours_one_by_one(
            limit in 1_i64..100,
            pauses in proptest::collection::vec((-20_i64..160, 0_i64..60), 0..5),
        ) {
            let since: DateTime<Utc> = "2026-06-05T14:20:00Z".parse().unwrap();
            let hour = |hours: i64| since + Duration::hours(hours);
            let stands: Vec<Standstill> = pauses
                .iter()
                .map(|(from, length)| Standstill { from: hour(*from), until: hour(from + length) })
                .collect();
            let standing = |at: i64| pauses.iter().any(|(from, length)| *from <= at && at < from + length);
            let mut ran = 0;
            let stood = (0..).find(|at| {
                ran += i64::from(!standing(*at));
                ran == limit
            }).unwrap() + 1;
            // The last hour before the deadline tells whether a pause lasts over it.
            let waits = if standing(limit - 1) { (limit..).find(|at| !standing(*at)).unwrap() } else { limit };
            let reading = Reading { due_at: hour(limit), arithmetic: String::new() };
            let due: Vec<DateTime<Utc>> = reading.paused(since, &stands).iter().map(|r| r.due_at).collect();
            let expected = if stood == limit { vec![hour(limit)] } else { vec![hour(waits), hour(stood)] };
            prop_assert_eq!(due, expected);
            let all = (-20..400).filter(|at| standing(*at)).count();
            prop_assert_eq!(length_of(&stands).num_hours(), i64::try_from(all).unwrap());
        }
    }
}
