//! Time travel, in the demo alone: reminders, escalation and the holding notice are seen happening within a minute.

use crate::desk::{Desk, RespondError};
use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::clock::TravellingClock;

/// Under which setting it is kept how far ahead the demo's clock runs, in seconds, so that a restart does not go back in time.
pub const CLOCK_AHEAD: &str = "clock_ahead_seconds";

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
        let mut tx = self.store.begin().await?;
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
        clock.advance(by_hours);
        Ok(self.now())
    }
}
