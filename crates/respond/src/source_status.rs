//! How each source is doing: figures that are committed with its cursor, so that they are as exact as the alerts.

use chrono::{DateTime, Duration, DurationRound, Utc};
use serde::{Deserialize, Serialize};
use watchkeeper_collect::{Batch, CollectError, Remark};
use watchkeeper_domain::source_health::{Figures, Seen, SeenError, Used};

/// How many minutes of rate are kept.
const MINUTES: usize = 60;
/// How many remarks are kept.
const REMARKS: usize = 20;

/// For how long a part that could not be read is taken to fail still: idle ones are tried once a minute.
fn failing_for() -> Duration {
    Duration::minutes(3)
}

/// For how long a remark is shown after it was made last.
fn shown_for() -> Duration {
    Duration::days(1)
}

/// How a source is doing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceStatus {
    /// The configured name.
    pub name: String,
    /// The configured kind.
    pub kind: String,
    /// The configured format.
    pub format: String,
    /// Events judged.
    pub events: u64,
    /// Bytes of log text read.
    pub bytes: u64,
    /// Events that no parser could read; judged as text.
    pub unparsed: u64,
    /// Events that became visible later than the source's horizon; judged all the same.
    pub late: u64,
    /// Events read again and recognised.
    pub duplicates: u64,
    /// Lines cut at the limit.
    pub truncated: u64,
    /// Connections and records that were not as their protocol says.
    pub malformed: u64,
    /// Lines that came and could not be kept.
    pub dropped: u64,
    /// Connections that were not taken, and records that were refused.
    pub refused: u64,
    /// Bytes that cannot be read any more.
    pub lost_bytes: u64,
    /// What cannot be read any more and nobody knows how much it was.
    pub gaps: u64,
    /// Calls to a remote service, and those it refused for coming too often.
    pub calls: u64,
    /// Of these, refused for coming too often.
    pub throttled: u64,
    /// When the newest event happened.
    pub last_event_at: Option<DateTime<Utc>>,
    /// When the newest event of the last reading that gave any happened.
    pub reached_at: Option<DateTime<Utc>>,
    /// When that reading was judged.
    pub judged_at: Option<DateTime<Utc>>,
    /// How long after it happened the newest event was judged, in milliseconds; stays as it is while nothing comes. What lies behind an
    /// instant that was reached before, such as a late event or an old file, does not change it.
    pub lag_ms: Option<i64>,
    /// When it was last read without an error.
    pub last_read_at: Option<DateTime<Utc>>,
    /// The error that stands.
    pub error: Option<SourceError>,
    /// What it waits for, such as a file that is not there yet.
    pub waiting: Vec<String>,
    /// What else an operator should know, such as an object that was set aside; what was said last stands first.
    pub remarks: Vec<SourceRemark>,
    /// Events that a subscription missed and the poller behind it found.
    pub missed_by_push: u64,
    /// Events a minute by the clock of the service, the newest last; the start of the newest minute.
    pub rate: Vec<u64>,
    /// The start of the newest minute of `rate`.
    pub rate_until: Option<DateTime<Utc>>,
}

/// Something that a source had to say besides its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRemark {
    /// When it said so last, to the minute.
    pub at: DateTime<Utc>,
    /// What.
    pub text: String,
    /// A part of the source cannot be read, such as one file, one log group or an object that was set aside.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failing: bool,
}

/// An error that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceError {
    /// Since when.
    pub at: DateTime<Utc>,
    /// What, and what to do.
    pub message: String,
    /// What is pushed is refused, since the disk or the backlog is full.
    #[serde(default)]
    pub refusing: bool,
}

impl SourceStatus {
    /// What whoever judges its health sees of it at `now`.
    #[must_use]
    pub fn seen(&self, now: DateTime<Utc>) -> Seen {
        let fails = |said: &&SourceRemark| said.failing && now - said.at <= failing_for();
        Seen {
            failing_parts: self
                .remarks
                .iter()
                .filter(fails)
                .map(|said| said.text.clone())
                .collect(),
            figures: Figures {
                events: self.events,
                unparsed: self.unparsed,
                dropped: self.dropped,
                refused: self.refused,
                lost_bytes: self.lost_bytes,
                gaps: self.gaps,
            },
            used: Used {
                calls: self.calls,
                bytes: self.bytes,
            },
            last_event_at: self.last_event_at,
            reached_at: self.reached_at,
            judged_at: self.judged_at,
            last_read_at: self.last_read_at,
            error: self.error.as_ref().map(|error| SeenError {
                since: error.at,
                message: error.message.clone(),
                refusing: error.refusing,
            }),
            waiting: self.waiting.clone(),
        }
    }

    /// Whether it says this for the first time, or for the first time since it went from what is shown.
    #[must_use]
    pub fn is_news(&self, remark: &Remark) -> bool {
        match remark {
            // Said with each reading, and shown as the error of the source.
            Remark::Refusing { .. } => false,
            Remark::Waiting { path } => !self.waiting.contains(&path.display().to_string()),
            other => {
                let text = other.to_string();
                self.remarks.iter().all(|said| said.text != text)
            }
        }
    }

    /// `ok`, `waiting` or `failing`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match (&self.error, self.waiting.is_empty()) {
            (Some(_), _) => "failing",
            (None, false) => "waiting",
            (None, true) => "ok",
        }
    }

    /// How long after it happened the newest event was judged; none before any was.
    #[must_use]
    pub fn lag(&self) -> Option<Duration> {
        self.lag_ms.map(Duration::milliseconds)
    }

    /// What a reading gave is judged at `now`.
    pub fn judged(&mut self, batch: &Batch, now: DateTime<Utc>) {
        let Some(newest) = batch.events.iter().map(|event| event.at).max() else {
            return;
        };
        self.judged_at = Some(now);
        // An event of the future, by a wrong clock, does not stop the measuring.
        let reached = self.last_event_at.filter(|last| *last <= now);
        if reached.is_none_or(|reached| newest >= reached) {
            self.lag_ms = Some((now - newest).num_milliseconds().max(0));
        }
    }

    /// Adds the figures of a reading.
    pub fn read(&mut self, batch: &Batch, now: DateTime<Utc>) {
        self.events += batch.events.len() as u64;
        self.bytes += batch.counts.bytes;
        self.unparsed += batch.counts.unparsed;
        self.late += batch.counts.late_beyond_horizon;
        self.duplicates += batch.counts.duplicates;
        self.truncated += batch.counts.truncated;
        self.malformed += batch.counts.malformed;
        self.dropped += batch.counts.dropped;
        self.refused += batch.counts.refused;
        self.lost_bytes += batch.counts.lost_bytes;
        self.gaps += batch.counts.gaps;
        self.missed_by_push += batch.counts.missed_by_push;
        self.calls += batch.counts.calls;
        self.throttled += batch.counts.throttled;
        let newest = batch.events.iter().map(|event| event.at).max();
        self.reached_at = newest.or(self.reached_at);
        self.last_event_at = newest.max(self.last_event_at);
        self.last_read_at = Some(now);
        let refusing = batch
            .remarks
            .iter()
            .find(|remark| matches!(remark, Remark::Refusing { .. }));
        match refusing {
            Some(remark) => self.stand(remark.to_string(), true, now),
            None => self.error = None,
        }
        self.waiting = batch
            .remarks
            .iter()
            .filter_map(|remark| match remark {
                Remark::Waiting { path } => Some(path.display().to_string()),
                _ => None,
            })
            .collect();
        self.note(&batch.remarks, now);
        self.count(batch.events.len() as u64, now);
    }

    /// Keeps what was remarked, each thing once.
    fn note(&mut self, remarks: &[Remark], now: DateTime<Utc>) {
        let at = now.duration_trunc(Duration::minutes(1)).unwrap_or(now);
        self.remarks.retain(|said| at - said.at < shown_for());
        // What stands as an error, or as what is waited for, is shown there.
        let news = |remark: &&Remark| !matches!(remark, Remark::Refusing { .. } | Remark::Waiting { .. });
        for remark in remarks.iter().filter(news) {
            let text = remark.to_string();
            let failing = matches!(
                remark,
                Remark::Failing { .. } | Remark::Unreadable { .. } | Remark::SetAside { .. }
            );
            self.remarks.retain(|said| said.text != text);
            self.remarks.insert(0, SourceRemark { at, text, failing });
        }
        self.remarks.truncate(REMARKS);
    }

    /// Keeps an error; the time of the first one stands while it goes on.
    pub fn fail(&mut self, error: &CollectError, now: DateTime<Utc>) {
        self.stand(error.to_string(), false, now);
    }

    /// Keeps that nothing reads it any more.
    pub fn give_up(&mut self, now: DateTime<Utc>) {
        let message = "a fault of this service ended its reading: start the service again, and report what the log says of it";
        self.stand(message.to_owned(), false, now);
    }

    fn stand(&mut self, message: String, refusing: bool, now: DateTime<Utc>) {
        let since = self
            .error
            .as_ref()
            .filter(|e| e.message == message)
            .map_or(now, |e| e.at);
        self.error = Some(SourceError {
            at: since,
            message,
            refusing,
        });
    }

    fn count(&mut self, events: u64, now: DateTime<Utc>) {
        let minute = now.duration_trunc(Duration::minutes(1)).unwrap_or(now);
        let steps = self
            .rate_until
            .map_or(1, |until| (minute - until).num_minutes().max(0));
        for _ in 0..steps.min(MINUTES as i64) {
            self.rate.push(0);
        }
        if self.rate.is_empty() {
            self.rate.push(0);
        }
        let surplus = self.rate.len().saturating_sub(MINUTES);
        self.rate.drain(..surplus);
        if let Some(newest) = self.rate.last_mut() {
            *newest += events;
        }
        self.rate_until = Some(minute.max(self.rate_until.unwrap_or(minute)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeeper_collect::Cursor;
    use watchkeeper_domain::event::{Event, LogSource, SourceName};

    fn reading(said: &[&str]) -> Batch {
        let remark = |what: &&str| Remark::SetAside {
            what: (*what).to_owned(),
            reason: "it is damaged".to_owned(),
        };
        Batch {
            remarks: said.iter().map(remark).collect(),
            ..Batch::nothing(&Cursor::start())
        }
    }

    fn told(at: DateTime<Utc>) -> Batch {
        let event = Event {
            id: "1".to_owned(),
            source: SourceName("edge".to_owned()),
            at,
            collected_at: at,
            log_source: LogSource::default(),
            raw: "line".to_owned(),
            fields: serde_json::Map::new().into(),
            unparsed: None,
        };
        Batch {
            events: vec![event],
            ..Batch::nothing(&Cursor::start())
        }
    }

    #[test]
    fn the_lag_is_that_of_the_newest_event_when_it_was_judged_and_neither_idleness_nor_old_events_change_it()
    {
        let noon = DateTime::UNIX_EPOCH + Duration::hours(12);
        let mut status = SourceStatus::default();
        let mut judge = |at: Option<DateTime<Utc>>, now| {
            let batch = at.map_or_else(|| Batch::nothing(&Cursor::start()), told);
            status.read(&batch, now);
            status.judged(&batch, now + Duration::seconds(1));
            (status.lag().map(|lag| lag.num_seconds()), status.judged_at)
        };
        assert_eq!(judge(None, noon), (None, None));
        let judged = Some(noon + Duration::seconds(1));
        assert_eq!(judge(Some(noon - Duration::seconds(3)), noon), (Some(4), judged));
        assert_eq!(judge(None, noon + Duration::hours(5)), (Some(4), judged));
        let later = noon + Duration::hours(6);
        let (lag, judged) = judge(Some(noon - Duration::hours(1)), later);
        assert_eq!((lag, judged), (Some(4), Some(later + Duration::seconds(1))));
        let (lag, _) = judge(Some(later - Duration::minutes(2)), later);
        assert_eq!(lag, Some(121));
        // By a wrong clock it has not happened yet; what is right after it is measured all the same.
        assert_eq!(judge(Some(later + Duration::days(1)), later).0, Some(0));
        assert_eq!(judge(Some(later - Duration::minutes(1)), later).0, Some(61));
    }

    #[test]
    fn a_remark_is_news_once_a_day_and_a_file_that_is_waited_for_until_it_comes() {
        let noon = DateTime::UNIX_EPOCH + Duration::hours(12);
        let waiting = Remark::Waiting {
            path: "/var/log/app.log".into(),
        };
        let mut batch = reading(&["a"]);
        batch.remarks.push(waiting.clone());
        let mut status = SourceStatus::default();
        assert!(batch.remarks.iter().all(|remark| status.is_news(remark)));
        status.read(&batch, noon);
        assert!(batch.remarks.iter().all(|remark| !status.is_news(remark)));
        status.read(&reading(&[]), noon + Duration::hours(1));
        assert!(status.is_news(&waiting), "it was there meanwhile");
        assert!(!status.is_news(&batch.remarks[0]));
        status.read(&reading(&[]), noon + Duration::hours(25));
        assert!(status.is_news(&batch.remarks[0]));
    }

    #[test]
    fn what_a_source_remarks_is_shown_once_with_its_last_time_for_a_day() {
        let noon = DateTime::UNIX_EPOCH + Duration::hours(12);
        let mut status = SourceStatus::default();
        status.read(&reading(&["a", "b"]), noon);
        status.read(&reading(&["a"]), noon + Duration::hours(2));
        let said: Vec<(i64, bool)> = status
            .remarks
            .iter()
            .map(|said| ((said.at - noon).num_hours(), said.text.contains("damaged")))
            .collect();
        assert_eq!(said, [(2, true), (0, true)], "{:?}", status.remarks);
        status.read(&reading(&[]), noon + Duration::hours(25));
        assert_eq!(status.remarks.len(), 1);
        let many: Vec<String> = (0..50).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        status.read(&reading(&many), noon + Duration::hours(25));
        assert_eq!(status.remarks.len(), REMARKS);
    }
}
