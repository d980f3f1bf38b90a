//! What one look at a source says of each trouble.

use super::gauge::{Bad, Sign};
use super::habit::before_the_first_event;
use super::{Expected, Figures, Seen, Silence, Trouble, Watched, longest_look};
use crate::span::in_words;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// Over how long lines that cannot be parsed are weighed against those that can.
fn weighed_over() -> Duration {
    Duration::minutes(15)
}

/// Fewer lines than this that cannot be parsed are worth no page, whatever their share.
const LEAST_UNPARSED: u64 = 20;

/// For how long a source must be behind.
fn behind_for() -> Duration {
    Duration::minutes(10)
}

/// For how long a trouble must be gone; a loss, which is told at once, for an hour, so that it is told once an hour at most.
fn ended_after(trouble: Trouble) -> Duration {
    match trouble {
        Trouble::Failing => Duration::minutes(5),
        Trouble::Quiet | Trouble::Behind => Duration::minutes(10),
        Trouble::Unreadable => weighed_over(),
        Trouble::Losing => Duration::hours(1),
    }
}

/// What came in one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Minute {
    at: DateTime<Utc>,
    events: u64,
    unparsed: u64,
}

impl Minute {
    pub(super) fn of(added: Figures, at: DateTime<Utc>) -> Self {
        Self {
            at,
            events: added.events,
            unparsed: added.unparsed,
        }
    }

    pub(super) fn counts_at(&self, at: DateTime<Utc>) -> bool {
        at - self.at < weighed_over()
    }
}

/// What a look says of each trouble; `added` came in the time that `passed` since the look before.
pub(super) fn signs(
    watched: &Watched,
    expected: &Expected,
    seen: &Seen,
    (added, passed): (Figures, Duration),
    at: DateTime<Utc>,
) -> [(Trouble, Sign); 5] {
    let bad = [
        (Trouble::Failing, failing(watched, expected, seen)),
        (Trouble::Losing, losing(watched, seen, added)),
        (Trouble::Unreadable, unreadable(watched, expected)),
        (
            Trouble::Behind,
            behind(watched, expected, seen, (added, passed), at),
        ),
        (Trouble::Quiet, quiet(watched, expected, seen, at)),
    ];
    bad.map(|(trouble, sign)| {
        let sign = match sign {
            Judged::Bad(bad) => Sign::Bad(bad),
            Judged::Good => Sign::Good(ended_after(trouble)),
            Judged::Unknown => Sign::Unknown,
        };
        (trouble, sign)
    })
}

enum Judged {
    Bad(Bad),
    Good,
    Unknown,
}

fn bad(after: Duration, reason: String, remedy: &str) -> Judged {
    Judged::Bad(Bad {
        since: None,
        after,
        extent: 0,
        reason,
        remedy: remedy.to_owned(),
    })
}

/// The same, of something that there can be more or less of.
fn of_extent(extent: u64, judged: Judged) -> Judged {
    match judged {
        Judged::Bad(bad) => Judged::Bad(Bad { extent, ..bad }),
        other => other,
    }
}

fn failing(watched: &Watched, expected: &Expected, seen: &Seen) -> Judged {
    let patience = expected.failing_after.duration();
    if let Some(error) = &seen.error {
        let remedy = if error.refusing {
            "make room on the disk, or let more wait (max_backlog_bytes); whoever pushes tries again and may give up"
        } else {
            "do what the error says; `watchkeeper sources check` tries every call once"
        };
        return Judged::Bad(Bad {
            since: Some(error.since),
            after: if error.refusing {
                Duration::zero()
            } else {
                patience
            },
            extent: 0,
            reason: error.message.clone(),
            remedy: remedy.to_owned(),
        });
    }
    if !seen.waiting.is_empty() {
        let reason = format!("it waits for {}: there is no such file", seen.waiting.join(", "));
        let remedy = "correct its `paths`, or start what writes the file and let this service read it";
        return bad(patience, reason, remedy);
    }
    if let Some(first) = seen.failing_parts.first() {
        let others = match seen.failing_parts.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let remedy = "mend it or let this service read it, or take it out of the configuration; the rest of the source is read";
        return bad(patience, format!("{first}{others}"), remedy);
    }
    let unread = Duration::seconds(watched.unread);
    if unread > longest_look() && unread >= patience {
        let reason = format!("it was not read for {}, and there is no error", in_words(unread));
        return bad(
            Duration::zero(),
            reason,
            "look into the log for the worker `watch`, then start the service again",
        );
    }
    Judged::Good
}

fn losing(watched: &Watched, seen: &Seen, added: Figures) -> Judged {
    if !added.lost_something() {
        return Judged::Good;
    }
    let lost = seen.figures.since(watched.whole.unwrap_or(watched.figures));
    let kinds = [
        (lost.dropped, "lines were dropped"),
        (lost.refused, "records or connections were refused"),
        (lost.lost_bytes, "bytes were gone before they were read"),
        (
            lost.gaps,
            "files or shards were gone, and nobody knows how much of them was not read",
        ),
    ];
    let kinds = kinds.iter().filter(|(count, _)| *count > 0);
    let kinds: Vec<String> = kinds.map(|(count, what)| format!("{count} {what}")).collect();
    let remedy = "dropped: send less at once, or over TCP; refused: mend the sender, which was told why; gone: let files rotate later, and streams keep longer";
    let extent = lost.dropped + lost.refused + lost.lost_bytes + lost.gaps;
    of_extent(extent, bad(Duration::zero(), kinds.join(", "), remedy))
}

fn unreadable(watched: &Watched, expected: &Expected) -> Judged {
    let sum = |of: fn(&Minute) -> u64| watched.window.iter().map(of).sum::<u64>();
    let (events, unparsed) = (sum(|minute| minute.events), sum(|minute| minute.unparsed));
    #[expect(clippy::cast_precision_loss, reason = "a share to a few digits")]
    let share = unparsed as f64 / events.max(1) as f64;
    if unparsed < LEAST_UNPARSED || share < expected.unparsed_share {
        return Judged::Good;
    }
    let reason = format!(
        "{unparsed} of {events} lines of the last {} cannot be parsed; rules that name fields do not see them",
        in_words(weighed_over())
    );
    let remedy = "look at the samples on the page Sources, and write the `format` that the lines have, or mend what writes them";
    bad(Duration::zero(), reason, remedy)
}

fn behind(
    watched: &Watched,
    expected: &Expected,
    seen: &Seen,
    (added, passed): (Figures, Duration),
    at: DateTime<Utc>,
) -> Judged {
    let allowed = expected.behind_after.duration();
    // From when it happened to when it was judged: how long ago that was says nothing of how far behind it is.
    let lag = |reached| seen.judged_at.map(|judged| judged - reached);
    let Some((reached, lag)) = seen
        .reached_at
        .and_then(|reached| Some((reached, lag(reached)?)))
        .filter(|(_, lag)| added.events > 0 && *lag > allowed)
    else {
        return Judged::Good;
    };
    // What lies behind an instant that was reached before is read again, such as old files that were added.
    let old = seen
        .last_event_at
        .is_some_and(|newest| reached < newest && newest <= at);
    // What goes through the past faster than time goes on is catching up.
    let catching_up = watched
        .reached_at
        .is_none_or(|before| reached - before >= passed * 2);
    if old || catching_up {
        return Judged::Unknown;
    }
    let reason = format!(
        "what is judged now happened {} before and it does not catch up; {} are allowed",
        in_words(lag),
        in_words(allowed)
    );
    let remedy = "look whether it is throttled or fails, and whether the machine has power left; where its times are wrong, write \
        utc_offset_minutes or set the sender's clock";
    let extent = u64::try_from(lag.num_minutes()).unwrap_or(0);
    of_extent(extent, bad(behind_for(), reason, remedy))
}

fn quiet(watched: &Watched, expected: &Expected, seen: &Seen, at: DateTime<Utc>) -> Judged {
    if seen.error.is_some() || !seen.waiting.is_empty() || Duration::seconds(watched.unread) > longest_look()
    {
        return Judged::Unknown;
    }
    let silent = Duration::seconds(watched.silent);
    let (allowed, why) = match (expected.silence, watched.heard_at) {
        (Silence::Any, _) | (Silence::HabitOnceUsed, None) => return Judged::Good,
        (Silence::AtMost(span), _) => (span.duration(), "so it is configured".to_owned()),
        (Silence::Habit, None) => (
            before_the_first_event(),
            "it has never told any, though it can be read".to_owned(),
        ),
        (Silence::Habit | Silence::HabitOnceUsed, Some(heard)) => {
            (watched.habit.allows(heard, at), watched.habit.in_words(heard, at))
        }
    };
    if silent <= allowed {
        return Judged::Good;
    }
    Judged::Bad(Bad {
        since: Some(watched.heard_at.unwrap_or(watched.first_seen_at)),
        after: Duration::zero(),
        extent: 0,
        reason: format!(
            "no event came for {}; {} are allowed: {why}",
            in_words(silent),
            in_words(allowed)
        ),
        remedy: "look whether what writes or sends these events still does, and whether it is still allowed to; if this is how it is, \
            write `quiet_after` into its `alerts`"
            .to_owned(),
    })
}
