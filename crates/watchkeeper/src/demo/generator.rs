//! Writes what the company's services log, up to the instant that it is told.

use super::background;
use super::company::{DemoCustomer, customers};
use super::findings::{self, Told};
use super::logs::{Line, LogFile};
use super::pending::{self, BegunTurn, State};
use super::scene::Scene;
use super::sources::logs_in;
use super::story::Story;
use chrono::{DateTime, Duration, SubsecRound, Utc};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// What every demo follows from, so that people can talk about what they saw.
const SEED: u64 = 0x7061_7065_7270_6c61;

/// A gap up to this long is written in full; what was missed in a longer one is thinned out.
const FULL_GAP: Duration = Duration::minutes(10);

/// About how many lines of the background one long gap is filled with.
const GAP_LINES: u64 = 20_000;

/// What a turn wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Lines over all logs.
    pub lines: u64,
    /// How many of them the story wrote.
    pub story_lines: u64,
    /// Names of the story's steps that began.
    pub beats: Vec<&'static str>,
    /// Whether the background was thinned out, since the clock had jumped.
    pub thinned: bool,
}

/// Writes the logs of the demo's company.
#[derive(Debug)]
pub struct Generator {
    dir: PathBuf,
    scene: Scene,
    has_story: bool,
    state: State,
    /// Findings up to this instant were taken.
    taken_to: DateTime<Utc>,
}

/// The lines of a turn, each log's in the order of time.
#[derive(Debug, Default)]
struct Due {
    texts: BTreeMap<LogFile, String>,
    written: Written,
}

impl Generator {
    /// A generator for the demo's folder. In a fresh folder `now` is the demo's start, from which the story counts; otherwise it
    /// goes on where an earlier one stopped.
    ///
    /// # Errors
    /// When the folder cannot be written, or what an earlier generator left there cannot be read.
    pub fn open(dir: &Path, now: DateTime<Utc>) -> io::Result<Self> {
        Self::with(dir, SEED, customers(), now)
    }

    /// The same with another seed, where no earlier generator left its own, and other customers.
    pub(super) fn with(
        dir: &Path,
        seed: u64,
        customers: Vec<DemoCustomer>,
        now: DateTime<Utc>,
    ) -> io::Result<Self> {
        let dir = logs_in(dir);
        std::fs::create_dir_all(&dir)?;
        let state = match State::load(&dir)? {
            Some(state) => state,
            None => State::fresh(seed, now.trunc_subsecs(0)),
        };
        state.save(&dir)?;
        let mut generator = Self {
            dir,
            scene: Scene {
                seed: state.seed,
                customers,
            },
            has_story: true,
            taken_to: state.posted_to,
            state,
        };
        generator.finish_begun_turn()?;
        Ok(generator)
    }

    /// Nothing but ordinary days.
    #[cfg(test)]
    pub(super) fn without_story(mut self) -> Self {
        self.has_story = false;
        self
    }

    /// The story, with the instant of its start.
    #[must_use]
    pub fn story(&self) -> Story {
        Story::begun(self.state.started_at)
    }

    /// Writes every line of the seconds that have passed since the last turn. A clock that was set back writes nothing until it
    /// has caught up.
    ///
    /// # Errors
    /// When a file cannot be written; the next turn, or the next generator of this folder, makes up for it.
    pub fn turn(&mut self, now: DateTime<Utc>) -> io::Result<Written> {
        let to = now.trunc_subsecs(0);
        self.finish_begun_turn()?;
        if to <= self.state.written_to {
            return Ok(Written::default());
        }
        pending::rotate(&self.dir)?;
        let turn = BegunTurn {
            to,
            lengths: pending::lengths(&self.dir)?,
        };
        self.keep(State {
            turn: Some(turn),
            ..self.state.clone()
        })?;
        self.finish_begun_turn()
    }

    /// Writes what is missing of a turn that has begun.
    fn finish_begun_turn(&mut self) -> io::Result<Written> {
        let Some(turn) = self.state.turn.clone() else {
            return Ok(Written::default());
        };
        let due = self.due(self.state.written_to, turn.to);
        for (log, text) in &due.texts {
            let before = turn.lengths.get(log.file_name()).copied().unwrap_or(0);
            pending::append_missing(&self.dir, *log, before, text)?;
        }
        self.keep(State {
            written_to: turn.to,
            turn: None,
            ..self.state.clone()
        })?;
        Ok(due.written)
    }

    fn keep(&mut self, state: State) -> io::Result<()> {
        state.save(&self.dir)?;
        self.state = state;
        Ok(())
    }

    fn due(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Due {
        let stride = stride(to - from);
        let mut lines = self.ordinary_lines(from, to, stride);
        let mut written = Written {
            thinned: stride > 1,
            ..Written::default()
        };
        if self.has_story {
            let story = self.story();
            let told = story_lines(&self.scene, story, from, to);
            written.story_lines = told.len() as u64;
            written.beats = story.begun_within(from, to);
            lines.extend(told);
        }
        written.lines = lines.len() as u64;
        lines.sort_by_key(|line| line.at);
        let mut texts: BTreeMap<LogFile, String> = BTreeMap::new();
        for line in lines {
            let text = texts.entry(line.file).or_default();
            text.push_str(&line.text);
            text.push('\n');
        }
        Due { texts, written }
    }

    /// The background of every `stride`-th second.
    fn ordinary_lines(&self, from: DateTime<Utc>, to: DateTime<Utc>, stride: i64) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut second = from;
        while second < to && (stride == 1 || (lines.len() as u64) < GAP_LINES) {
            lines.extend(background::lines(&self.scene, second));
            second += Duration::seconds(stride);
        }
        lines
    }

    /// Findings that have become due since the last call, as EventBridge envelopes, in order. They are to be posted to
    /// `/ingest/guardduty`, a line each, with the secret of [`finding_secret`](super::finding_secret).
    #[must_use]
    pub fn take_findings(&mut self) -> Vec<Value> {
        let (from, to) = (self.taken_to, self.state.written_to);
        let mut told: Vec<Told> = findings::ordinary(from, to);
        if self.has_story {
            let due = |told: &Told| told.at > from && told.at <= to;
            told.extend(self.story().findings().into_iter().filter(due));
        }
        told.sort_by_key(|told| told.at);
        self.taken_to = to.max(from);
        told.into_iter().map(|told| told.envelope).collect()
    }

    /// Every finding that was taken has been accepted. Those of which this was not said are taken again after a restart; a finding
    /// that is posted twice is known by its id, so that a crash in between does no harm.
    ///
    /// # Errors
    /// When that cannot be noted.
    pub fn findings_posted(&mut self) -> io::Result<()> {
        if self.taken_to == self.state.posted_to {
            return Ok(());
        }
        self.keep(State {
            posted_to: self.taken_to,
            ..self.state.clone()
        })
    }
}

/// The story's lines between two instants; it is told in full, however long the gap is.
fn story_lines(scene: &Scene, story: Story, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut second = from.max(story.start);
    while second < to.min(story.over_at()) {
        lines.extend(story.lines(scene, second));
        second += Duration::seconds(1);
    }
    lines
}

/// Of how many seconds one is written, so that a long gap does not become millions of lines.
fn stride(gap: Duration) -> i64 {
    if gap <= FULL_GAP {
        return 1;
    }
    let lines = gap
        .num_seconds()
        .unsigned_abs()
        .saturating_mul(background::MOST_LINES_A_SECOND);
    i64::try_from(lines.div_ceil(GAP_LINES))
        .unwrap_or(i64::MAX)
        .max(1)
}
