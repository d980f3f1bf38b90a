//! Time travel, in the demo alone: reminders, escalation and the holding notice are seen happening within a minute. The clock stops at
//! every instant at which something is due and goes on when that is done. It never leaps over what is due: where time runs out it stops
//! short and says so, since a leap would look as if the service had been down, and make a miss that nobody caused.

use crate::desk::{Desk, RespondError};
use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use serde_json::json;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::clock::Travels;

/// Under which setting it is kept how far ahead the demo's clock runs, in seconds, so that a restart does not go back in time.
pub const CLOCK_AHEAD: &str = "clock_ahead_seconds";

/// A visitor waits no longer than this for what is due on the way.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(20);

/// How far to travel.
#[derive(Debug, Clone, Copy)]
pub struct Travel {
    /// By so many hours.
    pub hours: u32,
    /// How long, by the machine's clock, is waited on the way for what is due to be done.
    pub patience: std::time::Duration,
}

impl Travel {
    /// By so many hours, with the patience of a visitor.
    #[must_use]
    pub fn by(hours: u32) -> Self {
        Self {
            hours,
            patience: PATIENCE,
        }
    }
}

/// How far a journey got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Travelled {
    /// What time it is now.
    pub now: DateTime<Utc>,
    /// Where it stopped short, and why; none where it went the whole way.
    pub stopped: Option<StoppedShort>,
}

/// A journey that stopped, since what was due was not done in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoppedShort {
    /// How far it went.
    pub moved_seconds: i64,
    /// How far was left to go.
    pub left_seconds: i64,
    /// What it waits for.
    pub waits_for: &'static str,
    /// Since when that is due.
    pub due_at: DateTime<Utc>,
}

/// What is to be done by itself, and when.
type Due = (DateTime<Utc>, &'static str);

impl Desk {
    /// Moves the demo's clock forward, from one instant at which something is due to the next, and tells how far it got.
    ///
    /// # Errors
    /// Refused outside the demo, and for less than 1 or more than 72 hours at once.
    pub async fn advance_clock(
        &self,
        clock: &dyn Travels,
        travel: Travel,
        by: &Actor,
    ) -> Result<Travelled, RespondError> {
        let Travel { hours, patience } = travel;
        if !self.house.demo {
            return Err(RespondError::Forbidden(
                "time travel exists in the demo only".to_owned(),
            ));
        }
        if !(1..=72).contains(&hours) {
            return Err(RespondError::invalid(
                "hours",
                format!("{hours} is not between 1 and 72"),
            ));
        }
        let way = Duration::hours(i64::from(hours));
        let mut tx = self.begin().await?;
        let kept: Option<i64> = tx.setting(CLOCK_AHEAD).await?.and_then(|text| text.parse().ok());
        let ahead = Duration::seconds(kept.unwrap_or(0));
        self.record(&mut tx, by, "clock.advanced", "clock", json!({"hours": hours}))
            .await?;
        self.commit(tx).await?;
        let give_up = tokio::time::Instant::now() + patience;
        let mut left = way;
        let mut open = self.not_done_by(give_up).await?;
        while open.is_none() && left > Duration::zero() {
            let until_due = self.next_due().await?.map(|(due, _)| due - self.now());
            let step = until_due.map_or(left, |until| until.clamp(Duration::zero(), left));
            left -= step;
            self.step(clock, step, ahead + way - left).await?;
            if left > Duration::zero() {
                open = self.not_done_by(give_up).await?;
            }
        }
        let stopped = open.map(|(due_at, waits_for)| StoppedShort {
            moved_seconds: (way - left).num_seconds(),
            left_seconds: left.num_seconds(),
            waits_for,
            due_at,
        });
        if let Some(stopped) = &stopped {
            let mut tx = self.begin().await?;
            self.record(&mut tx, by, "clock.stopped_short", "clock", json!(stopped))
                .await?;
            self.commit(tx).await?;
        }
        let now = self.now();
        Ok(Travelled { now, stopped })
    }

    /// Sets the hands forward by one step. It is kept before they move: a crash in between loses no time, since the next start reads the
    /// setting, and leaps over nothing, since nothing is due before the end of the step.
    async fn step(&self, clock: &dyn Travels, step: Duration, ahead: Duration) -> Result<(), RespondError> {
        // Not less than it is: a start would go back in time.
        let whole = ahead.num_seconds();
        let seconds = whole + i64::from(ahead > Duration::seconds(whole));
        let mut tx = self.begin().await?;
        tx.set_setting(CLOCK_AHEAD, &seconds.to_string()).await?;
        self.commit(tx).await?;
        clock.travel(step);
        self.wake();
        Ok(())
    }

    /// When the next timer, step of a ladder or of a change, or delivery is due, and which of them it is.
    async fn next_due(&self) -> Result<Option<Due>, RespondError> {
        let mut tx = self.store.read().await?;
        let due = [
            (tx.next_timer_at().await?, "a timer of an incident"),
            (tx.next_step_at().await?, "a step towards a customer's deadline"),
            (tx.next_change_step_at().await?, "a step of a change"),
            (tx.next_delivery_at().await?, "a message"),
        ];
        let due = due.into_iter().filter_map(|(at, what)| Some((at?, what)));
        Ok(due.min_by_key(|(at, _)| *at))
    }

    /// Waits until the workers have done what is due now and no message is under way: a claim on one that the clock leaps over runs out,
    /// and the message goes twice. Gives what is left where that lasts beyond `give_up`.
    async fn not_done_by(&self, give_up: tokio::time::Instant) -> Result<Option<Due>, RespondError> {
        loop {
            let now = self.now();
            let due = self.next_due().await?.filter(|(at, _)| *at <= now);
            let open = match due {
                Some(due) => Some(due),
                None => {
                    let under_way = self.store.read().await?.deliveries_under_way().await?;
                    (under_way > 0).then_some((now, "messages that are being sent"))
                }
            };
            if open.is_none() || tokio::time::Instant::now() >= give_up {
                return Ok(open);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}
