//! What the detectors are doing, for whoever shows it.

use super::fields::Fields;
use super::reload::{Reloaded, Unreadable};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use watchkeeper_detect::{
    Activity, DetectorInfo, DetectorSet, DropCounts, FieldsSeen, Quarantined, RuleCoverage, Satisfiable,
};
use watchkeeper_domain::event::SourceName;

/// The rules as they were loaded last.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Every rule that runs.
    pub detectors: Vec<DetectorInfo>,
    /// Every rule that does not, and why.
    pub quarantined: Vec<Quarantined>,
}

/// What the detectors were doing at the last checkpoint.
#[derive(Debug, Clone, Default)]
pub struct BoardSnapshot {
    /// The rules. Their texts are many, so they are shared, and copied only when rules are loaded.
    pub rules: Arc<Rules>,
    /// What each rule that runs did, in the order of [`Rules::detectors`].
    pub activity: Vec<Activity>,
    coverage: Arc<Coverage>,
    /// Whether each source alone can satisfy the rules, by what it was seen to give since the start.
    pub sources: Arc<BTreeMap<SourceName, SourceCoverage>>,
    /// What the engine had to leave out.
    pub dropped: DropCounts,
    /// What came of the last time that rules were read again; `None` since the start.
    pub reloaded: Option<Arc<Reloaded>>,
    /// Why rules cannot be read at present; those that ran go on.
    pub unreadable: Option<Arc<Unreadable>>,
}

/// Whether the sources can satisfy the rules.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    rules: Vec<RuleCoverage>,
    /// Which version of the fields seen it was judged by.
    version: u64,
}

impl Coverage {
    fn of(engine: &DetectorSet, seen: &FieldsSeen) -> Arc<Self> {
        Arc::new(Self {
            rules: engine.coverage(seen),
            version: seen.version(),
        })
    }
}

/// Whether one source alone can satisfy the rules.
#[derive(Debug, Clone, Default)]
pub struct SourceCoverage {
    /// In the order of [`Rules::detectors`].
    answers: Vec<Satisfiable>,
    version: u64,
}

impl SourceCoverage {
    fn of(engine: &DetectorSet, seen: &FieldsSeen) -> Self {
        Self {
            answers: engine
                .coverage(seen)
                .iter()
                .map(|rule| rule.satisfiable)
                .collect(),
            version: seen.version(),
        }
    }

    /// How many rules have this answer.
    #[must_use]
    pub fn count(&self, answer: Satisfiable) -> usize {
        self.answers.iter().filter(|given| **given == answer).count()
    }

    /// Whether it gives events that the rule at this place of [`Rules::detectors`] judges, or can give them.
    #[must_use]
    pub fn is_judged_by(&self, place: usize) -> bool {
        let answer = self.answers.get(place);
        answer.is_some_and(|answer| *answer != Satisfiable::NoLogSource)
    }
}

impl BoardSnapshot {
    /// Whether the sources can satisfy the rule with this id.
    #[must_use]
    pub fn coverage_of(&self, detector: &str) -> Option<&RuleCoverage> {
        self.coverage.rules.iter().find(|rule| rule.detector == detector)
    }

    /// Whether the sources can satisfy each rule, in the order of [`Rules::detectors`]; empty before the first checkpoint.
    #[must_use]
    pub fn coverage(&self) -> &[RuleCoverage] {
        &self.coverage.rules
    }

    /// Every rule that runs, with what it did.
    pub fn detectors(&self) -> impl Iterator<Item = (&DetectorInfo, &Activity)> {
        self.rules.detectors.iter().zip(&self.activity)
    }
}

/// Shows what the detectors are doing.
#[derive(Debug)]
pub struct Board(RwLock<Arc<BoardSnapshot>>);

impl Board {
    pub(super) fn of(engine: &DetectorSet) -> Self {
        Self(RwLock::new(Arc::new(BoardSnapshot {
            rules: Arc::new(rules(engine)),
            activity: engine.activity(),
            coverage: Arc::default(),
            sources: Arc::default(),
            dropped: engine.dropped(),
            reloaded: None,
            unreadable: None,
        })))
    }

    /// Figures of a checkpoint.
    pub(super) fn refresh(&self, engine: &DetectorSet, fields: &Fields) {
        let seen = &fields.all;
        let (activity, dropped) = (engine.activity(), engine.dropped());
        let shown = self.snapshot();
        // Judging thousands of rules takes milliseconds, and fields that were never seen before come seldom.
        let is_new = shown.coverage.rules.is_empty() || shown.coverage.version != seen.version();
        let coverage = if is_new {
            Coverage::of(engine, seen)
        } else {
            Arc::clone(&shown.coverage)
        };
        let sources = by_source(engine, fields, &shown.sources);
        self.change(|shown| BoardSnapshot {
            rules: Arc::clone(&shown.rules),
            activity,
            coverage,
            sources,
            dropped,
            reloaded: shown.reloaded.clone(),
            unreadable: shown.unreadable.clone(),
        });
    }

    /// Rules that were read again.
    pub(super) fn reload(&self, engine: &DetectorSet, fields: &Fields, reloaded: Reloaded) {
        let now = BoardSnapshot {
            rules: Arc::new(rules(engine)),
            activity: engine.activity(),
            coverage: Coverage::of(engine, &fields.all),
            sources: by_source(engine, fields, &BTreeMap::new()),
            dropped: engine.dropped(),
            reloaded: Some(Arc::new(reloaded)),
            unreadable: None,
        };
        self.change(|_| now);
    }

    /// Whether rules can be read.
    pub(super) fn set_unreadable(&self, unreadable: Option<Unreadable>) {
        self.change(|shown| BoardSnapshot {
            unreadable: unreadable.map(Arc::new),
            ..shown.clone()
        });
    }

    fn change(&self, change: impl FnOnce(&BoardSnapshot) -> BoardSnapshot) {
        let mut shown = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *shown = Arc::new(change(&shown));
    }

    /// What the detectors were doing at the last checkpoint. Nothing is copied.
    #[must_use]
    pub fn snapshot(&self) -> Arc<BoardSnapshot> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What covers each source; what is known of one whose events brought nothing new stays.
fn by_source(
    engine: &DetectorSet,
    fields: &Fields,
    known: &BTreeMap<SourceName, SourceCoverage>,
) -> Arc<BTreeMap<SourceName, SourceCoverage>> {
    let judge = |(name, seen): (&SourceName, &FieldsSeen)| {
        let same = known.get(name).filter(|known| known.version == seen.version());
        let coverage = same.cloned().unwrap_or_else(|| SourceCoverage::of(engine, seen));
        (name.clone(), coverage)
    };
    Arc::new(fields.by_source.iter().map(judge).collect())
}

fn rules(engine: &DetectorSet) -> Rules {
    Rules {
        detectors: engine.detectors().to_vec(),
        quarantined: engine.quarantined().to_vec(),
    }
}
