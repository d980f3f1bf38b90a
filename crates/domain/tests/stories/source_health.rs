//! Sources that go quiet, fail, lose, fall behind or cannot be parsed, looked at minute by minute.

use chrono::{DateTime, Duration, TimeZone as _, Utc};
use proptest::prelude::*;
use std::collections::BTreeMap;
use watchkeeper_domain::event::SourceName;
use watchkeeper_domain::source_health::{
    Change, Expected, Seen, SeenError, Silence, SourceAlerts, SourceHealth, Told, Trouble,
};
use watchkeeper_domain::span::Span;

/// A Monday.
fn monday() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 6, 1, 0, 0, 0).unwrap()
}

fn name() -> SourceName {
    SourceName("edge".to_owned())
}

fn habit() -> Expected {
    Expected::of(&SourceAlerts::default(), Silence::Habit, Span::minutes(30))
}

/// One source and whoever looks at it.
struct Desk {
    at: DateTime<Utc>,
    expected: Expected,
    seen: Seen,
    health: SourceHealth,
    told: Vec<Told>,
}

impl Desk {
    fn of(expected: Expected) -> Self {
        let mut desk = Self {
            at: monday(),
            expected,
            seen: Seen::default(),
            health: SourceHealth::default(),
            told: Vec::new(),
        };
        desk.look();
        desk
    }

    fn look(&mut self) {
        if self.seen.error.is_none() {
            self.seen.last_read_at = Some(self.at);
        }
        let sources = BTreeMap::from([(name(), (self.expected.clone(), self.seen.clone()))]);
        let health = std::mem::take(&mut self.health);
        // As it is kept between two looks.
        let health = serde_json::to_value(health).expect("written");
        let health: SourceHealth = serde_json::from_value(health).expect("read back");
        let (health, word) = health.look(&sources, self.at);
        self.health = health;
        self.told.extend(word.0);
    }

    /// Events that just happened.
    fn hear(&mut self, events: u64) {
        self.seen.figures.events += events;
        self.seen.reached_at = Some(self.at);
        self.seen.judged_at = Some(self.at);
        self.seen.last_event_at = self.seen.last_event_at.max(Some(self.at));
    }

    fn minutes(&mut self, minutes: i64, mut each: impl FnMut(&mut Self)) {
        for _ in 0..minutes {
            self.at += Duration::minutes(1);
            each(self);
            self.look();
        }
    }

    fn silence(&mut self, minutes: i64) {
        self.minutes(minutes, |_| {});
    }

    fn chatter(&mut self, minutes: i64) {
        self.minutes(minutes, |desk| desk.hear(5));
    }

    /// What was told since this was asked last.
    fn news(&mut self) -> Vec<(Trouble, Change)> {
        let told = std::mem::take(&mut self.told);
        told.iter().map(|told| (told.trouble, told.change)).collect()
    }

    fn stands(&self, trouble: Trouble) -> bool {
        let watched = &self.health.sources[&name()];
        watched.standing().any(|(standing, _)| standing == trouble)
    }
}

const WEEK: i64 = 7 * 24 * 60;

#[test]
fn a_source_that_always_speaks_is_missed_after_a_quarter_of_an_hour_and_heard_again_once() {
    let mut desk = Desk::of(habit());
    desk.chatter(WEEK + 60);
    desk.silence(15);
    assert_eq!(desk.news(), []);
    desk.silence(1);
    assert_eq!(desk.news(), [(Trouble::Quiet, Change::Began)]);
    desk.silence(23 * 60);
    assert_eq!(desk.news(), []);
    desk.silence(60);
    assert_eq!(desk.news(), [(Trouble::Quiet, Change::Again)]);
    desk.chatter(9);
    assert_eq!(desk.news(), [], "not at its first word");
    desk.chatter(60);
    assert_eq!(desk.news(), [(Trouble::Quiet, Change::Ended)]);
    assert_eq!(desk.health.troubled(), 0);
}

#[test]
fn in_its_first_week_a_source_may_be_silent_for_a_day() {
    let mut desk = Desk::of(habit());
    desk.chatter(60);
    desk.silence(24 * 60);
    assert_eq!(desk.news(), []);
    desk.silence(1);
    assert_eq!(desk.news(), [(Trouble::Quiet, Change::Began)]);
}

#[test]
fn a_source_that_speaks_once_a_day_is_missed_half_a_day_late() {
    let mut desk = Desk::of(habit());
    for _ in 0..10 {
        desk.chatter(1);
        desk.silence(24 * 60 - 1);
    }
    assert_eq!(desk.news(), []);
    desk.silence(12 * 60 + 1);
    assert_eq!(desk.news(), []);
    desk.silence(1);
    assert_eq!(desk.news(), [(Trouble::Quiet, Change::Began)]);
}

#[test]
fn a_source_of_working_days_is_silent_at_night_and_at_the_end_of_the_week_and_missed_within_the_hour_at_work()
{
    let mut desk = Desk::of(habit());
    let working_day = |desk: &mut Desk| {
        desk.silence(8 * 60);
        desk.chatter(10 * 60);
        desk.silence(6 * 60);
    };
    for week in 0..4 {
        for _ in 0..5 {
            working_day(&mut desk);
        }
        desk.silence(2 * 24 * 60);
        let news = desk.news();
        // The first end of a week cannot be told from an outage.
        let told: &[_] = match week {
            0 => &[(Trouble::Quiet, Change::Began), (Trouble::Quiet, Change::Again)],
            1 => &[(Trouble::Quiet, Change::Ended)],
            _ => &[],
        };
        assert_eq!(news, told, "week {week}");
    }
    desk.silence(8 * 60);
    desk.chatter(3 * 60);
    desk.news();
    desk.silence(30);
    assert_eq!(desk.news(), [(Trouble::Quiet, Change::Began)], "Monday, 11:30");
}

#[test]
fn nobody_is_told_of_silence_where_it_says_nothing_and_everybody_where_it_was_asked_for() {
    let cases = [
        (Silence::Any, 0, false),
        (Silence::Any, 5, false),
        (Silence::HabitOnceUsed, 0, false),
        (Silence::HabitOnceUsed, 5, true),
        (Silence::Habit, 0, true),
        (Silence::AtMost(Span::hours(1)), 0, true),
    ];
    for (silence, spoke, told) in cases {
        let mut desk = Desk::of(Expected { silence, ..habit() });
        desk.chatter(spoke);
        desk.silence(25 * 60);
        assert_eq!(
            desk.stands(Trouble::Quiet),
            told,
            "{silence:?} after {spoke} minutes"
        );
    }
    let off = SourceAlerts {
        off: [Trouble::Quiet].into(),
        quiet_after: Some(Span::minutes(5)),
        ..SourceAlerts::default()
    };
    let mut desk = Desk::of(Expected::of(&off, Silence::Habit, Span::minutes(30)));
    desk.silence(60);
    assert_eq!(desk.news(), []);
}

#[test]
fn a_source_was_not_silent_while_nobody_looked_and_its_habit_stays() {
    let mut desk = Desk::of(habit());
    desk.chatter(WEEK + 60);
    desk.silence(5);
    // Three days without the service.
    desk.at += Duration::days(3);
    desk.look();
    desk.silence(7);
    assert_eq!(desk.news(), []);
    desk.chatter(3);
    desk.silence(15);
    assert_eq!(desk.news(), []);
    desk.silence(1);
    assert_eq!(desk.news(), [(Trouble::Quiet, Change::Began)]);
}

fn failing(desk: &mut Desk, refusing: bool) {
    desk.seen.error = Some(SeenError {
        since: desk.at,
        message: "access is refused".to_owned(),
        refusing,
    });
}

#[test]
fn what_fails_is_told_after_ten_minutes_and_what_refuses_at_once() {
    let mut desk = Desk::of(habit());
    desk.chatter(5);
    failing(&mut desk, false);
    desk.silence(10);
    assert_eq!(desk.news(), []);
    desk.silence(1);
    assert_eq!(desk.news(), [(Trouble::Failing, Change::Began)]);
    desk.seen.error = None;
    desk.chatter(4);
    assert_eq!(desk.news(), []);
    desk.chatter(1);
    assert_eq!(desk.news(), [(Trouble::Failing, Change::Ended)]);

    let mut desk = Desk::of(habit());
    failing(&mut desk, true);
    desk.silence(1);
    assert_eq!(desk.news(), [(Trouble::Failing, Change::Began)]);
}

#[test]
fn an_error_that_comes_and_goes_every_minute_is_told_too() {
    let mut desk = Desk::of(habit());
    for _ in 0..12 {
        failing(&mut desk, false);
        desk.silence(2);
        desk.seen.error = None;
        desk.silence(1);
    }
    assert_eq!(desk.news(), [(Trouble::Failing, Change::Began)]);
}

#[test]
fn a_file_that_is_not_there_and_a_source_that_nobody_reads_are_told() {
    let mut desk = Desk::of(habit());
    desk.seen.waiting = vec!["/var/log/app.log".to_owned()];
    desk.silence(11);
    assert!(
        desk.told[0].reason.contains("/var/log/app.log"),
        "{:?}",
        desk.told
    );
    assert_eq!(desk.news(), [(Trouble::Failing, Change::Began)]);
    desk.seen.waiting.clear();
    desk.silence(5);
    assert_eq!(desk.news(), [(Trouble::Failing, Change::Ended)]);

    let mut desk = Desk::of(habit());
    desk.seen.failing_parts = vec!["cannot read /app/a: access is refused".to_owned(), "b".to_owned()];
    desk.chatter(11);
    assert_eq!(
        desk.told[0].reason,
        "cannot read /app/a: access is refused, and 1 more"
    );
    assert_eq!(desk.news(), [(Trouble::Failing, Change::Began)]);

    let mut desk = Desk::of(habit());
    let read = desk.seen.last_read_at;
    for _ in 0..10 {
        desk.at += Duration::minutes(1);
        let sources = BTreeMap::from([(
            name(),
            (
                habit(),
                Seen {
                    last_read_at: read,
                    ..Seen::default()
                },
            ),
        )]);
        let (health, word) = std::mem::take(&mut desk.health).look(&sources, desk.at);
        desk.health = health;
        desk.told.extend(word.0);
    }
    assert_eq!(desk.news(), [(Trouble::Failing, Change::Began)]);
}

#[test]
fn lines_that_cannot_be_parsed_are_told_when_they_are_many_and_a_share() {
    let cases = [
        (19, 0, false),
        (20, 0, true),
        (100, 10_000, false),
        (1_200, 10_000, true),
    ];
    for (unparsed, parsed, told) in cases {
        let mut desk = Desk::of(habit());
        desk.minutes(1, |desk| {
            desk.hear(unparsed + parsed);
            desk.seen.figures.unparsed += unparsed;
        });
        assert_eq!(
            desk.stands(Trouble::Unreadable),
            told,
            "{unparsed} of {}",
            unparsed + parsed
        );
        desk.chatter(31);
        assert!(!desk.stands(Trouble::Unreadable));
        assert_eq!(desk.news().len(), if told { 2 } else { 0 });
    }
}

#[test]
fn a_loss_is_told_at_once_with_its_sum_and_not_again_within_the_hour() {
    let mut desk = Desk::of(habit());
    desk.seen.figures.dropped = 7;
    desk.chatter(1);
    desk.minutes(50, |desk| {
        desk.hear(1);
        desk.seen.figures.dropped += 2;
    });
    assert_eq!(desk.news(), [(Trouble::Losing, Change::Began)]);
    let (_, standing) = desk.health.sources[&name()].standing().next().expect("it stands");
    assert_eq!(standing.reason, "107 lines were dropped");
    desk.chatter(59);
    assert_eq!(desk.news(), []);
    desk.chatter(1);
    assert_eq!(desk.news(), [(Trouble::Losing, Change::Ended)]);
}

#[test]
fn a_loss_that_grows_tenfold_is_told_again_once_an_hour_at_most_and_one_that_goes_on_after_a_day() {
    let mut desk = Desk::of(habit());
    let lose = |desk: &mut Desk, minutes: i64, lines: u64| {
        desk.minutes(minutes, |desk| {
            desk.hear(1);
            desk.seen.figures.dropped += lines;
        });
    };
    lose(&mut desk, 1, 100);
    assert_eq!(desk.news(), [(Trouble::Losing, Change::Began)]);
    lose(&mut desk, 59, 1_000);
    assert_eq!(desk.news(), [], "within the hour");
    lose(&mut desk, 1, 1_000);
    let told = desk.told.last().expect("it is told").clone();
    assert_eq!(told.reason, "60100 lines were dropped");
    assert_eq!(desk.news(), [(Trouble::Losing, Change::Worse)]);
    // As much again each hour is no news for a day.
    lose(&mut desk, 23 * 60 + 59, 10);
    assert_eq!(desk.news(), []);
    lose(&mut desk, 1, 10);
    assert_eq!(desk.news(), [(Trouble::Losing, Change::Again)]);
}

#[test]
fn a_delay_that_grows_tenfold_is_told_again() {
    let mut desk = Desk::of(habit());
    let nearly_stands = Duration::seconds(55);
    lagging(&mut desk, 15, Duration::minutes(31), nearly_stands);
    assert_eq!(desk.news(), [(Trouble::Behind, Change::Began)]);
    lagging(&mut desk, 380, Duration::minutes(45), nearly_stands);
    assert_eq!(desk.news(), [], "not ten times as long yet");
    lagging(&mut desk, 60, Duration::minutes(394), nearly_stands);
    assert_eq!(desk.news(), [(Trouble::Behind, Change::Worse)]);
}

#[test]
fn what_was_lost_before_a_source_was_first_looked_at_is_not_told() {
    let mut desk = Desk {
        health: SourceHealth::default(),
        ..Desk::of(habit())
    };
    desk.seen.figures.lost_bytes = 4_000;
    desk.silence(5);
    assert_eq!(desk.news(), []);
}

/// Each minute gives events that happened `lag` ago.
fn lagging(desk: &mut Desk, minutes: i64, mut lag: Duration, grows: Duration) {
    desk.minutes(minutes, |desk| {
        let at = desk.at - lag;
        desk.seen.figures.events += 100;
        desk.seen.reached_at = Some(at);
        desk.seen.judged_at = Some(desk.at);
        desk.seen.last_event_at = desk.seen.last_event_at.max(Some(at));
        lag += grows;
    });
}

#[test]
fn what_was_judged_in_time_is_not_behind_however_late_somebody_looks() {
    let mut desk = Desk::of(habit());
    desk.minutes(20, |desk| {
        desk.hear(5);
        desk.at += Duration::minutes(40);
    });
    assert_eq!(desk.news(), []);
}

#[test]
fn what_falls_behind_is_told_and_what_catches_up_or_reads_old_files_is_not() {
    let minutes = Duration::minutes;
    let mut desk = Desk::of(habit());
    lagging(&mut desk, 60, minutes(1), Duration::seconds(30));
    assert_eq!(desk.news(), [], "half an hour is allowed");
    lagging(&mut desk, 12, minutes(31), Duration::seconds(30));
    assert_eq!(desk.news(), [(Trouble::Behind, Change::Began)]);
    lagging(&mut desk, 10, minutes(2), minutes(0));
    assert_eq!(desk.news(), [(Trouble::Behind, Change::Ended)]);

    // A file of two weeks, read at an hour a minute.
    let mut desk = Desk::of(habit());
    lagging(&mut desk, 300, Duration::days(14), -minutes(59));
    assert_eq!(desk.news(), []);
    // Old files beside what is new: what was reached before counts.
    desk.chatter(5);
    lagging(&mut desk, 60, Duration::days(30), minutes(0));
    assert_eq!(desk.news(), []);
    // A sender whose clock is wrong by two hours is told of, though it keeps pace.
    let mut desk = Desk::of(habit());
    lagging(&mut desk, 15, minutes(120), minutes(0));
    assert_eq!(desk.news(), [(Trouble::Behind, Change::Began)]);
}

#[test]
fn a_source_that_is_not_configured_any_more_is_forgotten_without_a_word() {
    let mut desk = Desk::of(habit());
    failing(&mut desk, true);
    desk.silence(1);
    desk.news();
    let (health, word) = std::mem::take(&mut desk.health).look(&BTreeMap::new(), desk.at);
    assert!(word.is_empty() && health.sources.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    /// Whatever comes and goes: begun and ended take turns, what stands is told again after a day and not before, and a source that
    /// flaps is told a few times a day.
    #[test]
    fn what_comes_and_goes_is_told_in_turns_and_seldom(runs in prop::collection::vec((1_i64..90, any::<bool>()), 1..60)) {
        let mut desk = Desk::of(Expected { silence: Silence::Any, ..habit() });
        let mut told: Vec<(DateTime<Utc>, Change)> = Vec::new();
        for (minutes, bad) in runs {
            for _ in 0..minutes {
                if bad { failing(&mut desk, true) } else { desk.seen.error = None }
                desk.silence(1);
                let at = desk.at;
                told.extend(desk.news().into_iter().map(|(_, change)| (at, change)));
            }
        }
        let mut stands = false;
        for (_, change) in &told {
            prop_assert_eq!(stands, *change != Change::Began);
            stands = *change != Change::Ended;
        }
        prop_assert_eq!(stands, desk.stands(Trouble::Failing));
        for pair in told.windows(2) {
            if pair[1].1 == Change::Again {
                prop_assert!(pair[1].0 - pair[0].0 >= Duration::days(1));
            }
        }
        for (from, _) in &told {
            let day = told.iter().filter(|(at, _)| *at >= *from && *at - *from < Duration::days(1));
            prop_assert!(day.count() <= 10, "{:?}", told);
        }
    }

    /// However long nobody looks, and whenever: silence alone never pages for a time in which nobody looked.
    #[test]
    fn time_in_which_nobody_looked_is_not_silence(gaps in prop::collection::vec(3_i64..100_000, 1..6)) {
        let mut desk = Desk::of(Expected { silence: Silence::AtMost(Span::minutes(15)), ..habit() });
        desk.chatter(5);
        for minutes in gaps {
            desk.at += Duration::minutes(minutes);
            desk.look();
        }
        prop_assert_eq!(desk.news(), []);
    }
}
