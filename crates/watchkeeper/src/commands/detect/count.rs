//! What correlations count, event after event.

use super::judge::{EventTold, Outcome, Place, instant, tell};
use crate::cli::DetectOptions;
use chrono::{DateTime, Duration, Utc};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use watchkeeper_detect::{DetectorInfo, DetectorSet, TextEvent};
use watchkeeper_domain::detection::{Detection, Level};
use watchkeeper_domain::event::{LogSource, SourceName};
use watchkeeper_domain::id::DetectionId;

/// The state of one run.
pub(super) struct Counting {
    set: DetectorSet,
    log_source: Option<LogSource>,
    /// What is read now. A file that begins in the past of those before it is a source of its own, so that what it tells is not late.
    source: SourceName,
    /// Those that were read before it.
    read: Vec<SourceName>,
    /// Whether the first instant of a file is yet to come.
    begins: bool,
    /// Detectors by id.
    places: HashMap<String, usize>,
    /// By number: ids of events name their file by it.
    files: Vec<Arc<str>>,
    told: HashSet<DetectionId>,
    /// File, line and record of the event that was counted last: what counts detections fires with it.
    counted_last: [u64; 3],
    /// The latest instant of the source, in microseconds.
    latest: Option<i64>,
    /// The latest instant of all.
    furthest: i64,
    lateness: Duration,
    now: DateTime<Utc>,
    now_micros: i64,
    pub(super) detections: u64,
    /// How many groups wait for the end of a window that the files do not reach.
    pub(super) undecided: usize,
    pub(super) worst: Option<Level>,
}

impl Counting {
    pub(super) fn new(
        set: DetectorSet,
        log_source: Option<&LogSource>,
        options: &DetectOptions,
        now: DateTime<Utc>,
    ) -> Self {
        let detectors = set.detectors().iter().enumerate();
        Self {
            places: detectors.map(|(index, info)| (info.id.clone(), index)).collect(),
            set,
            log_source: log_source.cloned(),
            source: SourceName("files".into()),
            read: Vec::new(),
            begins: false,
            files: Vec::new(),
            told: HashSet::new(),
            counted_last: [0; 3],
            latest: None,
            furthest: i64::MIN,
            lateness: Duration::seconds(i64::from(options.lateness)),
            now,
            now_micros: now.timestamp_micros(),
            detections: 0,
            undecided: 0,
            worst: None,
        }
    }

    /// Counts the events of a block and puts what fires among its lines.
    pub(super) fn take(&mut self, outcome: &mut Outcome, tells: bool) {
        if self.files.last() != Some(&outcome.block.file) {
            self.files.push(Arc::clone(&outcome.block.file));
            self.begins = true;
        }
        let file = self.files.len() - 1;
        let before = std::mem::take(&mut outcome.lines);
        let mut copied = 0;
        let mut id = String::new();
        for (number, counted) in outcome.counted.drain(..).enumerate() {
            self.pass(counted.latest);
            if let Some(at) = counted.at {
                self.begin(at);
            }
            let at = counted.at.or(self.latest).unwrap_or_default();
            let Place { line, record } = counted.place;
            self.counted_last = [file as u64, line, u64::from(record.unwrap_or_default())];
            write_id(&mut id, self.counted_last);
            self.watch(at);
            let taken = outcome.events_counted.get(number);
            let text = std::str::from_utf8(&outcome.block.text[counted.text]);
            let (Some(taken), Ok(text)) = (taken, text) else {
                continue;
            };
            self.latest = self.latest.max(counted.at.filter(|at| *at <= self.now_micros));
            let event = TextEvent {
                text,
                log_source: self.log_source.as_ref(),
                source: &self.source,
                id: &id,
                at: instant(at),
                collected_at: self.now,
            };
            self.set.count_text(&event, taken);
            outcome
                .lines
                .extend_from_slice(&before[copied..counted.lines_before]);
            copied = counted.lines_before;
            self.tell_fired(&mut outcome.lines, tells);
        }
        outcome.lines.extend_from_slice(&before[copied..]);
        self.pass(outcome.latest);
        self.take_along();
    }

    /// A file whose first instant is behind what is still counted of the files before it begins a source of its own.
    fn begin(&mut self, at: i64) {
        if !std::mem::take(&mut self.begins) {
            return;
        }
        let late = |latest: i64| instant(at) < instant(latest) - self.lateness;
        if self.latest.is_some_and(late) {
            let next = SourceName(format!("files, from the {}th on", self.files.len()));
            self.read.push(std::mem::replace(&mut self.source, next));
            self.latest = None;
        }
    }

    /// What was read before has nothing more to tell: its time goes on with the others.
    fn take_along(&mut self) {
        let Some(latest) = self.latest.filter(|latest| *latest > self.furthest) else {
            return;
        };
        self.furthest = latest;
        for source in &self.read {
            self.set.advance(source, instant(latest));
        }
    }

    /// Time has passed up to `to` by events that are not counted.
    fn pass(&mut self, to: Option<i64>) {
        let Some(to) = to.filter(|to| *to <= self.now_micros) else {
            return;
        };
        self.begin(to);
        self.watch(to);
        self.latest = self.latest.max(Some(to));
        self.set.advance(&self.source, instant(to));
    }

    /// The first time that is known: from here on something could be missing.
    fn watch(&mut self, at: i64) {
        if self.latest.is_none() {
            self.set
                .watch(&self.source, self.log_source.as_ref(), instant(at));
        }
    }

    /// Judges the windows that ended before the last event, and figures as far as they have come.
    pub(super) fn finish(&mut self, lines: &mut Vec<u8>, tells: bool) {
        self.take_along();
        if self.furthest > i64::MIN {
            let end = instant(self.furthest) + self.lateness;
            for source in self.read.iter().chain([&self.source]) {
                self.set.advance(source, end);
            }
        }
        self.undecided = self.set.end();
        self.tell_fired(lines, tells);
    }

    fn tell_fired(&mut self, lines: &mut Vec<u8>, tells: bool) {
        // Each detection is told once, as it opens; putting together what it has become since would be for nothing.
        if !self.set.opened() {
            return;
        }
        for detection in self.set.drain_opened() {
            if !self.told.insert(detection.id.clone()) {
                continue;
            }
            self.detections += 1;
            self.worst = self.worst.max(Some(detection.level));
            let known = self.places.get(&detection.detector);
            if let Some(info) = known.map(|index| &self.set.detectors()[*index])
                && tells
            {
                self.tell(lines, info, &detection);
            }
        }
    }

    fn tell(&self, lines: &mut Vec<u8>, info: &DetectorInfo, detection: &Detection) {
        let last = detection.evidence.iter().max_by_key(|evidence| evidence.at);
        // The evidence of a correlation that counts detections is detections, and those stand in no line.
        let [file, line, record] = last
            .and_then(|evidence| read_id(&evidence.event))
            .unwrap_or(self.counted_last);
        let event = EventTold {
            file: self.files.get(file as usize).map_or("", |file| file),
            place: Place {
                line,
                record: (record > 0).then_some(record as u32),
            },
            at: Some(detection.last_at),
        };
        tell(
            lines,
            info,
            &event,
            detection.group.clone(),
            Some(&detection.reason.seen),
        );
    }

    /// What was dropped, by kind.
    pub(super) fn dropped(&self) -> serde_json::Value {
        serde_json::to_value(self.set.dropped()).unwrap_or_default()
    }
}

/// Writes the id of an event: its file, its line and which event of the line it is.
fn write_id(id: &mut String, parts: [u64; 3]) {
    let mut buffer = itoa::Buffer::new();
    id.clear();
    for (number, part) in parts.into_iter().enumerate() {
        if number > 0 {
            id.push(':');
        }
        id.push_str(buffer.format(part));
    }
}

/// Reads what [`write_id`] wrote.
fn read_id(id: &str) -> Option<[u64; 3]> {
    let parts: Vec<u64> = id
        .split(':')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    parts.try_into().ok()
}
