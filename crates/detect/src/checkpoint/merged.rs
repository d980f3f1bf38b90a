//! Pieces put together, without looking into any group.

use super::frame::{self, GroupFrame, put_id};
use super::piece::{self, Bytes, Piece, PieceError, RulePiece, SourcePiece};
use crate::report::{Activity, RuleDrops};
use crate::seed::Seed;
use crate::source::SourceDrops;
use std::collections::{BTreeMap, HashMap};

/// A new base is cut into pieces of about this many bytes.
const PIECE: usize = 4 << 20;

/// How many bytes of lines a base keeps: the newest.
const LINES: usize = 8 << 20;

/// What pieces tell together.
#[derive(Debug, Default)]
pub(super) struct Merged<'p> {
    pub(super) last: u64,
    pub(super) seed: Option<Seed>,
    pub(super) sources: BTreeMap<u32, MergedSource<'p>>,
    pub(super) rules: BTreeMap<&'p str, MergedRule<'p>>,
    pub(super) activity: BTreeMap<String, Activity>,
    pub(super) undrained: Vec<String>,
    pub(super) next_line: u64,
    pub(super) lines: Vec<(u64, &'p [u8])>,
    pub(super) lines_forgotten: u64,
}

#[derive(Debug, Default)]
pub(super) struct MergedSource<'p> {
    pub(super) name: &'p str,
    pub(super) watermark: Option<i64>,
    pub(super) horizon: i64,
    pub(super) drops: SourceDrops,
    ids: Vec<&'p [u8]>,
}

impl MergedSource<'_> {
    /// The ids that can still come again, in the order they came.
    pub(super) fn ids(&self) -> impl Iterator<Item = (i64, u64)> {
        let ids = self.ids.iter().flat_map(|list| frame::ids(list));
        ids.filter(|(at, _)| *at >= self.horizon)
    }
}

#[derive(Debug, Default)]
pub(super) struct MergedRule<'p> {
    pub(super) wording: &'p str,
    pub(super) drops: RuleDrops,
    pub(super) groups: HashMap<&'p [u8], GroupFrame<'p>>,
}

impl<'p> Merged<'p> {
    pub(super) fn of(pieces: Vec<Piece<'p>>) -> Self {
        let mut merged = Self::default();
        pieces.into_iter().for_each(|piece| merged.add(piece));
        merged
    }

    fn add(&mut self, piece: Piece<'p>) {
        self.last = piece.last;
        self.seed = Some(piece.seed);
        for source in piece.sources {
            let known = self.sources.entry(source.number).or_default();
            (known.name, known.watermark, known.horizon, known.drops) =
                (source.name, source.watermark, source.horizon, source.drops);
            known.ids.push(source.ids.0);
        }
        for rule in piece.rules {
            self.add_rule(rule);
        }
        for activity in piece.activity {
            self.activity.insert(activity.detector.clone(), activity);
        }
        if let Some(undrained) = piece.undrained {
            self.undrained = undrained;
        }
        self.lines
            .extend(piece.lines.into_iter().map(|(start, bytes)| (start, bytes.0)));
        (self.next_line, self.lines_forgotten) = (piece.next_line, piece.lines_forgotten);
    }

    fn add_rule(&mut self, rule: RulePiece<'p>) {
        let known = self.rules.entry(rule.id).or_default();
        if rule.anew || known.wording != rule.wording {
            known.groups.clear();
        }
        (known.wording, known.drops) = (rule.wording, rule.drops);
        for key in frame::keys(rule.removed.0) {
            known.groups.remove(key);
        }
        for group in frame::groups(rule.groups.0) {
            known.groups.insert(group.key, group);
        }
        if rule.anew && rule.wording.is_empty() {
            self.rules.remove(rule.id);
        }
    }

    fn newest_lines(&self) -> Vec<(u64, &'p [u8])> {
        let mut held = 0;
        let newest = self.lines.iter().rev().take_while(|(_, bytes)| {
            held += bytes.len();
            held <= LINES
        });
        let mut lines: Vec<_> = newest.copied().collect();
        lines.reverse();
        lines
    }
}

/// Puts a base and its deltas together into the pieces of a new base, about 4 MB each: the same state in fewer bytes. It needs no
/// engine, so that it can be done beside the one that runs.
///
/// # Errors
/// Names the first piece that is damaged, of another layout, or does not follow the one before. Then nothing is merged: what was
/// given still stands, up to that piece.
pub fn merge_deltas(pieces: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, PieceError> {
    let borrowed: Vec<_> = pieces.iter().map(Vec::as_slice).collect();
    let (read, error) = piece::read(&borrowed);
    if let Some(error) = error {
        return Err(error);
    }
    let merged = Merged::of(read);
    let Some(seed) = merged.seed else {
        return Ok(Vec::new());
    };
    let mut parts = Parts::default();
    for (number, source) in &merged.sources {
        let mut list = Vec::new();
        for (at, id) in source.ids() {
            put_id(&mut list, at, id);
            if list.len() >= PIECE {
                parts.ids(*number, std::mem::take(&mut list));
            }
        }
        parts.ids(*number, list);
    }
    for (id, rule) in &merged.rules {
        parts.rule(id);
        let mut keys: Vec<_> = rule.groups.keys().copied().collect();
        keys.sort_unstable();
        for group in keys.into_iter().filter_map(|key| rule.groups.get(key)) {
            parts.group(id, group);
        }
    }
    let lines = merged.newest_lines();
    let count = parts.all.len().max(1);
    let cut = parts.all.iter().enumerate().map(|(index, part)| {
        let first = index == 0;
        let piece = Piece {
            first: 1,
            last: merged.last,
            part: index as u32,
            parts: count as u32,
            seed,
            sources: part
                .ids
                .iter()
                .filter_map(|(number, ids)| merged.sources.get(number).map(|s| source(*number, s, ids)))
                .collect(),
            rules: part
                .rules
                .iter()
                .filter_map(|(id, groups)| merged.rules.get(id).map(|r| rule(id, r, groups)))
                .collect(),
            activity: if first {
                merged.activity.values().cloned().collect()
            } else {
                Vec::new()
            },
            undrained: first.then(|| merged.undrained.clone()),
            next_line: merged.next_line,
            lines: if first {
                lines
                    .iter()
                    .map(|(start, bytes)| (*start, Bytes(bytes)))
                    .collect()
            } else {
                Vec::new()
            },
            lines_forgotten: merged.lines_forgotten,
        };
        piece.encode()
    });
    Ok(cut.collect())
}

fn source<'p>(number: u32, source: &MergedSource<'p>, ids: &'p [u8]) -> SourcePiece<'p> {
    SourcePiece {
        number,
        name: source.name,
        watermark: source.watermark,
        horizon: source.horizon,
        drops: source.drops,
        ids: Bytes(ids),
    }
}

fn rule<'p>(id: &'p str, rule: &MergedRule<'p>, groups: &'p [u8]) -> RulePiece<'p> {
    RulePiece {
        id,
        wording: rule.wording,
        anew: false,
        drops: rule.drops.clone(),
        removed: Bytes::default(),
        groups: Bytes(groups),
    }
}

/// A base while it is cut.
#[derive(Debug, Default)]
struct Parts<'p> {
    all: Vec<Part<'p>>,
}

#[derive(Debug, Default)]
struct Part<'p> {
    ids: Vec<(u32, Vec<u8>)>,
    rules: Vec<(&'p str, Vec<u8>)>,
    size: usize,
}

impl<'p> Parts<'p> {
    /// The part that still has room for so many bytes.
    fn with_room(&mut self, size: usize) -> &mut Part<'p> {
        if self
            .all
            .last()
            .is_none_or(|part| part.size > 0 && part.size + size > PIECE)
        {
            self.all.push(Part::default());
        }
        let last = self.all.len() - 1;
        let part = &mut self.all[last];
        part.size += size;
        part
    }

    fn ids(&mut self, number: u32, list: Vec<u8>) {
        self.with_room(list.len() + 64).ids.push((number, list));
    }

    fn rule(&mut self, id: &'p str) {
        self.with_room(id.len() + 96).rules.push((id, Vec::new()));
    }

    fn group(&mut self, id: &'p str, group: &GroupFrame<'_>) {
        let part = self.with_room(group.size());
        match part.rules.last_mut() {
            Some((known, list)) if *known == id => group.put(list),
            _ => {
                let mut list = Vec::new();
                group.put(&mut list);
                part.rules.push((id, list));
            }
        }
    }
}
