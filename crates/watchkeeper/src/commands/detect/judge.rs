//! One block of events, judged: what fired as lines of JSON, and what is left to be counted in order.

use super::input::Block;
use serde::Serialize;
use std::ops::Range;
use watchkeeper_detect::{CountedEvents, DetectorInfo, Judgement, MatcherThread};
use watchkeeper_domain::detection::Level;

/// Faults of events that are told; the others are counted.
const FAULTS_TOLD: usize = 5;

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Place {
    /// The line, counted from 1; in a document the number of the event.
    pub(super) line: u64,
    /// Which of the events of the line, counted from 1, where it has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) record: Option<u32>,
}

/// What came of a block.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) block: Block,
    pub(super) events: u64,
    pub(super) detections: u64,
    /// The highest level that fired.
    pub(super) worst: Option<Level>,
    /// Lines of JSON.
    pub(super) lines: Vec<u8>,
    /// Events that correlations count, in order.
    pub(super) counted: Vec<Counted>,
    /// What they need of each of them.
    pub(super) events_counted: CountedEvents,
    /// The latest time of the events after the last of `counted`, in microseconds.
    pub(super) latest: Option<i64>,
    pub(super) unreadable: u64,
    pub(super) faults: Vec<String>,
}

/// An event that correlations count.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) place: Place,
    pub(super) text: Range<usize>,
    pub(super) at: Option<i64>,
    /// The latest time of the events before it and after the one before in this list.
    pub(super) latest: Option<i64>,
    /// How long `lines` was when it came: what it makes fire is told after what fired before.
    pub(super) lines_before: usize,
}

/// Judges blocks.
pub(super) struct Judge {
    pub(super) matcher: MatcherThread,
    /// Whether time matters.
    pub(super) counts: bool,
    /// Whether lines are wanted.
    pub(super) tells: bool,
}

impl Judge {
    /// Judges the block of `outcome`; what came of another one before it is forgotten.
    pub(super) fn judge(&mut self, outcome: &mut Outcome) {
        let block = outcome.begin();
        let lossy;
        let text = match std::str::from_utf8(&block.text) {
            Ok(text) => text,
            Err(_) => {
                // Bytes that are no text become U+FFFD, line by line as they are, so that numbers of lines stay right.
                lossy = String::from_utf8_lossy(&block.text).into_owned();
                &lossy
            }
        };
        match (&block.events, text.len() == block.text.len()) {
            (Some(events), true) => {
                for (number, event) in (block.first..).zip(events) {
                    let place = Place {
                        line: number,
                        record: None,
                    };
                    self.event(text, event.clone(), place, &block.file, outcome);
                }
            }
            _ => self.lines(text, &block, outcome),
        }
        if text.len() == block.text.len() {
            outcome.block = block;
        } else {
            outcome.block = Block {
                text: text.to_owned().into_bytes(),
                ..block
            };
        }
    }

    fn lines(&mut self, text: &str, block: &Block, outcome: &mut Outcome) {
        let mut start = 0;
        let mut line = block.first;
        for end in memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]) {
            let event = start..end;
            start = end + 1;
            if event.start >= event.end {
                line += 1;
                continue;
            }
            let body = &text[event.clone()];
            if body.starts_with("{\"Records\":") || body.starts_with('[') {
                self.records(text, event, line, block, outcome);
            } else if !body.bytes().all(|byte| byte.is_ascii_whitespace()) {
                self.event(text, event, Place { line, record: None }, &block.file, outcome);
            }
            line += 1;
        }
    }

    fn records(&mut self, text: &str, within: Range<usize>, line: u64, block: &Block, outcome: &mut Outcome) {
        match watchkeeper_detect::records(&text[within.clone()]) {
            Ok(events) => {
                for (record, event) in (1..).zip(events) {
                    let event = within.start + event.start..within.start + event.end;
                    let place = Place {
                        line,
                        record: Some(record),
                    };
                    self.event(text, event, place, &block.file, outcome);
                }
            }
            Err(fault) => outcome.unreadable(&block.file, line, &fault.to_string()),
        }
    }

    #[inline]
    fn event(&mut self, text: &str, event: Range<usize>, place: Place, file: &str, outcome: &mut Outcome) {
        outcome.events += 1;
        let judged = match self.matcher.judge(&text[event.clone()]) {
            Ok(judged) => judged,
            Err(fault) => {
                outcome.unreadable(file, place.line, &fault.to_string());
                return;
            }
        };
        let at = self.counts.then(|| time_of(&judged)).flatten();
        for fired in judged.fired() {
            outcome.detections += 1;
            outcome.worst = outcome.worst.max(Some(fired.detector.level));
            if self.tells {
                let told = EventTold {
                    file,
                    place,
                    at: at.map(instant),
                };
                tell(&mut outcome.lines, fired.detector, &told, fired.fields(), None);
            }
        }
        if self.counts {
            if judged.take_counted(&mut outcome.events_counted) {
                outcome.counted.push(Counted {
                    place,
                    text: event,
                    at,
                    latest: outcome.latest.take(),
                    lines_before: outcome.lines.len(),
                });
            } else {
                outcome.latest = outcome.latest.max(at);
            }
        }
    }
}

impl Outcome {
    /// Empties it but for the memory it has, and gives its block to be judged.
    fn begin(&mut self) -> Block {
        let mut used = std::mem::take(self);
        used.lines.clear();
        used.counted.clear();
        used.events_counted.clear();
        (self.lines, self.counted, self.events_counted) = (used.lines, used.counted, used.events_counted);
        used.block
    }

    fn unreadable(&mut self, file: &str, line: u64, fault: &str) {
        self.unreadable += 1;
        if self.faults.len() < FAULTS_TOLD {
            self.faults.push(format!("{file}:{line}: {fault}"));
        }
    }
}

/// When the event happened, in microseconds since 1970.
fn time_of(judged: &Judgement<'_>) -> Option<i64> {
    let at = watchkeeper_collect::parse::time::of_text(judged.first_asked()?, 0)?;
    Some(at.timestamp_micros())
}

pub(super) fn instant(micros: i64) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// The event of a line of JSON.
#[derive(Debug, Serialize)]
pub(super) struct EventTold<'a> {
    pub(super) file: &'a str,
    #[serde(flatten)]
    pub(super) place: Place,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<chrono::DateTime<chrono::Utc>>,
}

/// Writes one detection.
pub(super) fn tell(
    lines: &mut Vec<u8>,
    detector: &DetectorInfo,
    event: &EventTold<'_>,
    fields: Vec<(String, String)>,
    seen: Option<&str>,
) {
    #[derive(Serialize)]
    struct Rule<'a> {
        id: &'a str,
        title: &'a str,
        level: Level,
    }
    #[derive(Serialize)]
    struct Line<'a> {
        rule: Rule<'a>,
        event: &'a EventTold<'a>,
        fields: serde_json::Map<String, serde_json::Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        seen: Option<&'a str>,
    }
    let line = Line {
        rule: Rule {
            id: &detector.id,
            title: &detector.title,
            level: detector.level,
        },
        event,
        fields: fields
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect(),
        seen,
    };
    // Writing to memory has no way to fail.
    if serde_json::to_writer(&mut *lines, &line).is_ok() {
        lines.push(b'\n');
    }
}
