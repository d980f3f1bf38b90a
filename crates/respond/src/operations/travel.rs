//! Time travel, in the demo alone: reminders, escalation and the holding notice are seen happening within a minute. The clock stops at
//! every instant at which something is due and lets the workers do it, so that nothing looks as if the service had been down.

use crate::desk::{Desk, RespondError};
use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::clock::TravellingClock;

/// Under which setting it is kept how far ahead the demo's clock runs, in seconds, so that a restart does not go back in time.
pub const CLOCK_AHEAD: &str = "clock_ahead_seconds";

/// However much is due on the way, a visitor waits no longer than this; the rest of the way is one jump.
const LONGEST_TRAVEL: std::time::Duration = std::time::Duration::from_secs(30);

/// How long the clock stands at one instant for the workers to do what is due.
const LONGEST_STOP: std::time::Duration = std::time::Duration::from_secs(3);

const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(20);

impl Desk {
    /// Moves the demo's clock forward, and tells what time it is now.
    ///
    /// # Errors
    /// Refused outside the demo, and for less than 1 or more than 72 hours at once.
    pub async fn advance_clock(
        &self,
        clock: &TravellingClock,
        hours: u32,
        by: &Actor,
    ) -> Result<DateTime<Utc>, RespondError> {
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
        let by_hours = Duration::hours(i64::from(hours));
        let mut tx = self.begin().await?;
        let ahead: i64 = tx
            .setting(CLOCK_AHEAD)
            .await?
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        tx.set_setting(CLOCK_AHEAD, &(ahead + by_hours.num_seconds()).to_string())
            .await?;
        self.record(&mut tx, by, "clock.advanced", "clock", json!({"hours": hours}))
            .await?;
        // Kept before the hands move: a crash in between loses no time, since the next start reads the setting.
        self.commit(tx).await?;
        let left = self.stop_on_the_way(clock, by_hours).await?;
        clock.advance(left);
        self.wake();
        Ok(self.now())
    }

    /// Goes from one due instant to the next, and tells what is left of the way.
    async fn stop_on_the_way(
        &self,
        clock: &TravellingClock,
        way: Duration,
    ) -> Result<Duration, RespondError> {
        let mut left = way;
        let began = tokio::time::Instant::now();
        while let Some(due) = self.next_due().await? {
            let step = (due - self.now()).max(Duration::zero());
            if step >= left || began.elapsed() > LONGEST_TRAVEL {
                break;
            }
            clock.advance(step);
            left -= step;
            self.wake();
            if !self.is_done(due).await? {
                break;
            }
        }
        Ok(left)
    }

    /// When the next timer, step of a ladder or of a change, or delivery is due.
    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, RespondError> {
        let mut tx = self.store.read().await?;
        let due = [
            tx.next_timer_at().await?,
            tx.next_step_at().await?,
            tx.next_change_step_at().await?,
            tx.next_delivery_at().await?,
        ];
        Ok(due.into_iter().flatten().min())
    }

    /// Waits until the workers have done what was due, and tells whether they have.
    async fn is_done(&self, due: DateTime<Utc>) -> Result<bool, RespondError> {
        for _ in 0..LONGEST_STOP.as_millis() / LOOK_AGAIN.as_millis() {
            if self.next_due().await?.is_none_or(|next| next > due) {
                return Ok(true);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(false)
    }
}
