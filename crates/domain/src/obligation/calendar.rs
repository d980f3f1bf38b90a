//! The days of a jurisdiction: its time zone, its weekend, its public holidays.
//!
//! Holidays are written as rules rather than as lists of dates, so that a deadline of any year can be counted. What follows the moon
//! or a decree is left out: a day that is wrongly taken for a working day makes a deadline earlier, never later.

use chrono::{DateTime, Datelike, Days, Month, NaiveDate, NaiveTime, TimeZone, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A jurisdiction, as far as deadlines are concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// Its code: ISO 3166 (`DE`, `US-CA`), or `EU`.
    pub jurisdiction: String,
    /// What people call it.
    pub name: String,
    /// The zone that its days end in.
    pub zone: Tz,
    /// Days of the week on which nobody works.
    #[serde(default = "saturday_and_sunday")]
    pub weekend: Vec<Weekday>,
    /// Public holidays.
    #[serde(default)]
    pub holidays: Vec<Holiday>,
    /// Where the holidays were read.
    pub source: String,
    /// When somebody last compared them with the source.
    pub last_verified: NaiveDate,
}

fn saturday_and_sunday() -> Vec<Weekday> {
    vec![Weekday::Sat, Weekday::Sun]
}

/// A public holiday, year after year.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// What it is called.
    pub name: String,
    /// Its day.
    pub on: Day,
    /// What happens where it falls on a weekend.
    #[serde(default, skip_serializing_if = "is_default")]
    pub observed: Observed,
    /// The first year it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_year: Option<i32>,
}

fn is_default(observed: &Observed) -> bool {
    *observed == Observed::Itself
}

/// The day of a holiday in a year: `12-25`, `easter-2`, `third Mon of January` or `last Mon of May`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Day {
    /// The same date every year.
    Fixed {
        /// 1 to 12.
        month: u32,
        /// 1 to 31.
        day: u32,
    },
    /// So many days after Easter Sunday of the western churches; before it where negative.
    Easter(i64),
    /// Some weekday of a month.
    Weekday {
        /// Which of them.
        nth: Nth,
        /// Which day of the week.
        weekday: Weekday,
        /// Of which month.
        month: Month,
    },
}

/// Which of the same weekdays of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nth {
    /// Counted from 1.
    Number(u8),
    /// The last one, be it the fourth or the fifth.
    Last,
}

/// How places are written.
const PLACES: [(&str, Nth); 5] = [
    ("first", Nth::Number(1)),
    ("second", Nth::Number(2)),
    ("third", Nth::Number(3)),
    ("fourth", Nth::Number(4)),
    ("last", Nth::Last),
];

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let read = || {
            if let Some(days) = text.strip_prefix("easter") {
                let days = if days.is_empty() { 0 } else { days.parse().ok()? };
                return Some(Self::Easter(days));
            }
            if let Some((month, day)) = text.split_once('-') {
                let (month, day) = (month.parse().ok()?, day.parse().ok()?);
                // A leap year has every day there is.
                NaiveDate::from_ymd_opt(2028, month, day)?;
                return Some(Self::Fixed { month, day });
            }
            let mut words = text.split(' ');
            let (place, weekday) = (words.next()?, words.next()?.parse().ok()?);
            let (_, nth) = PLACES.into_iter().find(|(name, _)| *name == place)?;
            let month = words.next().filter(|of| *of == "of").and_then(|_| words.next())?;
            let month = month.parse().ok()?;
            words
                .next()
                .is_none()
                .then_some(Self::Weekday { nth, weekday, month })
        };
        read().ok_or_else(|| {
            format!("`{text}` is no day of a year; write it like `12-25`, `easter-2`, `third Mon of January` or `last Mon of May`")
        })
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        match day {
            Day::Fixed { month, day } => format!("{month:02}-{day:02}"),
            Day::Easter(0) => "easter".to_owned(),
            Day::Easter(days) => format!("easter{days:+}"),
            Day::Weekday { nth, weekday, month } => {
                let place = PLACES.into_iter().find(|(_, known)| *known == nth);
                let place = place.map_or_else(|| format!("{nth:?}"), |(name, _)| name.to_owned());
                format!("{place} {weekday} of {}", month.name())
            }
        }
    }
}

/// What happens where a holiday falls on a weekend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed {
    /// Nothing.
    #[default]
    Itself,
    /// The next day that is neither a weekend nor another holiday is free instead.
    Next,
    /// Of Saturday the Friday before, of Sunday the Monday after (United States, 5 U.S.C. 6103).
    Nearest,
}

impl Calendar {
    /// Reads a calendar from YAML.
    ///
    /// # Errors
    /// Says the line and what is wrong.
    pub fn read(text: &str) -> Result<Self, String> {
        serde_yaml_ng::from_str(text).map_err(|fault| fault.to_string())
    }

    /// The calendar of the whole world: UTC, no weekend, no holidays.
    #[must_use]
    pub fn utc() -> Self {
        Self {
            jurisdiction: "UTC".to_owned(),
            name: "anywhere".to_owned(),
            zone: Tz::UTC,
            weekend: Vec::new(),
            holidays: Vec::new(),
            source: String::new(),
            last_verified: NaiveDate::default(),
        }
    }

    /// The day that an instant belongs to here.
    #[must_use]
    pub fn day_of(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.zone).date_naive()
    }

    /// The last second of a day here, also where the clocks change at midnight.
    #[must_use]
    pub fn end_of(&self, day: NaiveDate) -> DateTime<Utc> {
        let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
        self.start_of(next) - chrono::Duration::seconds(1)
    }

    /// The first instant of a day. Where midnight is skipped, the day begins when the clocks go on; where it comes twice, the first
    /// one counts.
    fn start_of(&self, day: NaiveDate) -> DateTime<Utc> {
        let midnight = day.and_time(NaiveTime::MIN);
        let found = (0..=24 * 4).find_map(|quarter| {
            let local = midnight + chrono::Duration::minutes(15 * quarter);
            self.zone.from_local_datetime(&local).earliest()
        });
        found.map_or_else(|| midnight.and_utc(), |found| found.to_utc())
    }

    /// Whether people work on this day, and if not, why.
    #[must_use]
    pub fn day_off(&self, day: NaiveDate) -> Option<String> {
        if self.weekend.contains(&day.weekday()) {
            return Some(format!("a {}", long(day.weekday())));
        }
        self.holidays_near(day).get(&day).cloned()
    }

    /// The first day from `day` on that people work on.
    #[must_use]
    pub fn working_day_from(&self, day: NaiveDate) -> NaiveDate {
        // No jurisdiction rests for two months.
        let days = day.iter_days().take(62);
        days.into_iter()
            .find(|day| self.day_off(*day).is_none())
            .unwrap_or(day)
    }

    /// Holidays of the year of `day` as they are kept, and of its neighbours where they are moved across new year.
    fn holidays_near(&self, day: NaiveDate) -> BTreeMap<NaiveDate, String> {
        let mut kept = BTreeMap::new();
        let years = [day.year() - 1, day.year(), day.year() + 1];
        let mut moved = Vec::new();
        for year in years {
            for holiday in &self.holidays {
                if let Some(on) = holiday.on_in(year) {
                    kept.insert(on, holiday.name.clone());
                    if self.weekend.contains(&on.weekday()) {
                        moved.push((on, holiday));
                    }
                }
            }
        }
        moved.sort_by_key(|(on, _)| *on);
        for (on, holiday) in moved {
            let instead = match (holiday.observed, on.weekday()) {
                (Observed::Itself, _) => continue,
                (Observed::Nearest, Weekday::Sat) => on.pred_opt(),
                (Observed::Nearest | Observed::Next, _) => on
                    .iter_days()
                    .take(14)
                    .find(|day| !self.weekend.contains(&day.weekday()) && !kept.contains_key(day)),
            };
            if let Some(instead) = instead {
                kept.entry(instead)
                    .or_insert_with(|| format!("{}, observed", holiday.name));
            }
        }
        kept
    }
}

impl Holiday {
    fn on_in(&self, year: i32) -> Option<NaiveDate> {
        if self.from_year.is_some_and(|first| year < first) {
            return None;
        }
        match self.on {
            Day::Fixed { month, day } => NaiveDate::from_ymd_opt(year, month, day),
            Day::Easter(after) => easter_sunday(year)?.checked_add_signed(chrono::Duration::try_days(after)?),
            Day::Weekday { nth, weekday, month } => nth_weekday(year, month, weekday, nth),
        }
    }
}

fn nth_weekday(year: i32, month: Month, weekday: Weekday, nth: Nth) -> Option<NaiveDate> {
    let month = month.number_from_month();
    let of_month = |nth| NaiveDate::from_weekday_of_month_opt(year, month, weekday, nth);
    match nth {
        Nth::Number(nth) => of_month(nth),
        Nth::Last => of_month(5).or_else(|| of_month(4)),
    }
}

/// Easter Sunday of the western churches in the Gregorian calendar (the anonymous algorithm, Meeus, Astronomical Algorithms, ch. 8).
fn easter_sunday(year: i32) -> Option<NaiveDate> {
    let golden = year.rem_euclid(19);
    let (century, of_century) = (year.div_euclid(100), year.rem_euclid(100));
    let correction = (century + 8).div_euclid(25);
    let moon_correction = (century - correction + 1).div_euclid(3);
    let epact = (19 * golden + century - century.div_euclid(4) - moon_correction + 15).rem_euclid(30);
    let to_sunday =
        (32 + 2 * century.rem_euclid(4) + 2 * of_century.div_euclid(4) - epact - of_century.rem_euclid(4))
            .rem_euclid(7);
    let late = (golden + 11 * epact + 22 * to_sunday).div_euclid(451);
    let days = epact + to_sunday - 7 * late + 114;
    NaiveDate::from_ymd_opt(
        year,
        u32::try_from(days.div_euclid(31)).ok()?,
        u32::try_from(days.rem_euclid(31) + 1).ok()?,
    )
}

/// The whole name of a day of the week.
#[must_use]
pub fn long(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Mon => "Monday",
        Weekday::Tue => "Tuesday",
        Weekday::Wed => "Wednesday",
        Weekday::Thu => "Thursday",
        Weekday::Fri => "Friday",
        Weekday::Sat => "Saturday",
        Weekday::Sun => "Sunday",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn calendar(zone: Tz, holidays: Vec<Holiday>) -> Calendar {
        Calendar {
            zone,
            holidays,
            weekend: saturday_and_sunday(),
            ..Calendar::utc()
        }
    }

    fn holiday(name: &str, on: Day, observed: Observed) -> Holiday {
        Holiday {
            name: name.to_owned(),
            on,
            observed,
            from_year: None,
        }
    }

    #[test]
    fn easter_falls_where_the_almanac_has_it() {
        // Among them the earliest and the latest that can be, and years that simple rules get wrong.
        for sunday in [
            "1818-03-22",
            "1943-04-25",
            "1954-04-18",
            "1981-04-19",
            "2000-04-23",
            "2008-03-23",
            "2024-03-31",
            "2025-04-20",
            "2026-04-05",
            "2027-03-28",
            "2038-04-25",
            "2049-04-18",
            "2076-04-19",
        ] {
            let sunday = date(sunday);
            assert_eq!(easter_sunday(sunday.year()), Some(sunday));
        }
    }

    #[test]
    fn weekdays_of_a_month_are_counted_from_either_end() {
        let on =
            |text: &str| holiday("", Day::try_from(text.to_owned()).unwrap(), Observed::Itself).on_in(2026);
        assert_eq!(on("fourth Thu of November"), Some(date("2026-11-26")));
        assert_eq!(on("last Mon of May"), Some(date("2026-05-25")));
        assert_eq!(on("last Mon of August"), Some(date("2026-08-31")));
        assert_eq!(on("easter-2"), Some(date("2026-04-03")));
        assert_eq!(on("02-29"), None);
    }

    #[test]
    fn days_are_read_as_they_are_written_and_what_is_no_day_is_told() {
        for text in [
            "12-25",
            "02-29",
            "easter",
            "easter-2",
            "easter+49",
            "third Mon of January",
            "last Fri of December",
        ] {
            assert_eq!(String::from(Day::try_from(text.to_owned()).unwrap()), text);
        }
        for text in [
            "",
            "13-01",
            "02-30",
            "easter?",
            "fifth Mon of May",
            "first Noon of May",
            "last Mon in May",
            "last Mon of May or June",
        ] {
            let fault = Day::try_from(text.to_owned()).unwrap_err();
            assert!(
                fault.contains(text) && fault.contains("last Mon of May"),
                "{fault}"
            );
        }
    }

    #[test]
    fn what_falls_on_a_weekend_is_kept_when_its_country_keeps_it() {
        let fixed = |month, day| Day::Fixed { month, day };
        let us = calendar(
            Tz::America__New_York,
            vec![
                holiday("Independence Day", fixed(7, 4), Observed::Nearest),
                holiday("New Year", fixed(1, 1), Observed::Nearest),
            ],
        );
        // 2026-07-04 is a Saturday, 2028-01-01 too, across the year; 2027-07-04 is a Sunday.
        assert_eq!(
            us.day_off(date("2026-07-03")).as_deref(),
            Some("Independence Day, observed")
        );
        assert_eq!(
            us.day_off(date("2027-12-31")).as_deref(),
            Some("New Year, observed")
        );
        assert_eq!(
            us.day_off(date("2027-07-05")).as_deref(),
            Some("Independence Day, observed")
        );
        let uk = calendar(
            Tz::Europe__London,
            vec![
                holiday("Christmas Day", fixed(12, 25), Observed::Next),
                holiday("Boxing Day", fixed(12, 26), Observed::Next),
            ],
        );
        // 2027: Saturday and Sunday, so that Monday and Tuesday are free.
        assert_eq!(
            uk.day_off(date("2027-12-27")).as_deref(),
            Some("Christmas Day, observed")
        );
        assert_eq!(
            uk.day_off(date("2027-12-28")).as_deref(),
            Some("Boxing Day, observed")
        );
        assert_eq!(uk.working_day_from(date("2027-12-25")), date("2027-12-29"));
        let de = calendar(
            Tz::Europe__Berlin,
            vec![holiday("Karfreitag", Day::Easter(-2), Observed::Itself)],
        );
        assert_eq!(de.day_off(date("2026-04-03")).as_deref(), Some("Karfreitag"));
        assert_eq!(de.day_off(date("2026-04-04")).as_deref(), Some("a Saturday"));
        assert_eq!(de.day_off(date("2026-04-07")), None);
    }

    #[test]
    fn a_day_ends_in_its_zone_also_when_clocks_change() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let berlin = calendar(Tz::Europe__Berlin, Vec::new());
        assert_eq!(berlin.end_of(date("2026-03-28")), at("2026-03-28T22:59:59Z"));
        assert_eq!(berlin.end_of(date("2026-03-29")), at("2026-03-29T21:59:59Z"));
        // In Beirut the clocks go on at midnight: 2024-03-31 begins at one.
        let beirut = calendar(Tz::Asia__Beirut, Vec::new());
        assert_eq!(beirut.end_of(date("2024-03-30")), at("2024-03-30T21:59:59Z"));
        // In Havana they go back at one: midnight of 2026-11-01 comes twice, and the day before ends at the first.
        let havana = calendar(Tz::America__Havana, Vec::new());
        assert_eq!(havana.end_of(date("2026-10-31")), at("2026-11-01T03:59:59Z"));
    }
}
