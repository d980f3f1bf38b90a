//! Playbooks, letters, rules of law and calendars, read from files: what is wrong with one is said, and the others are used.

use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_detect::{EvidenceFile, EvidenceRules};
use watchkeeper_domain::notice::{
    CONTACT_LETTER, ContactTemplate, LetterLanguage, LetterTemplate, NoticeKind,
};
use watchkeeper_domain::obligation::calendar::Calendar;
use watchkeeper_domain::obligation::rule::{ObligationRule, Target, Within};
use watchkeeper_domain::playbook::Playbook;
use watchkeeper_domain::span::Span;

/// What people prepared: playbooks, letters, rules of law and contract, calendars.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// The playbooks, by name.
    pub playbooks: Vec<Playbook>,
    /// The letters, by folder below `letters/`.
    pub letters: BTreeMap<String, Vec<LetterTemplate>>,
    /// The letters that ask contacts whether they are still the right ones.
    pub contact_letters: Vec<ContactTemplate>,
    /// Rules of law and contract that are sound, by id.
    pub rules: Vec<ObligationRule>,
    /// The paths of their files below `playbooks/`, by id.
    pub rule_paths: BTreeMap<String, String>,
    /// Calendars, by the code of their jurisdiction.
    pub calendars: BTreeMap<String, Calendar>,
    /// Rules that say whose data events concern.
    pub evidence: EvidenceRules,
    /// Every file that was read, by its path below `playbooks/`, also those that cannot be used.
    pub sources: BTreeMap<String, String>,
    /// What could not be read: path and reason.
    pub faults: Vec<(String, String)>,
}

/// The letters that are used where an incident has no playbook.
pub const DEFAULT_LETTERS: &str = "customer";

/// The file that holds a language's words.
const WORDS: &str = "language.yaml";

impl Library {
    /// Reads playbooks (`NAME.yaml`), letters (`letters/FOLDER/LANGUAGE/KIND.yaml`, with `language.yaml` beside them), rules
    /// (`obligations/ID/rule.yaml`), calendars (`calendars/CODE.yaml`) and rules of evidence with their tables
    /// (`evidence/NAME.yaml`, `evidence/NAME.csv`) from (path, text) pairs, with paths relative to the folder `playbooks/`.
    #[must_use]
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut library = Self::default();
        let mut letters: BTreeMap<(&str, &str), Vec<(&str, &str)>> = BTreeMap::new();
        let mut rules = Vec::new();
        let mut evidence = Vec::new();
        for (path, text) in files {
            library.sources.insert(path.to_owned(), text.to_owned());
            let segments: Vec<&str> = path.split('/').collect();
            match segments.as_slice() {
                [name] if name.ends_with(".yaml") || name.ends_with(".yml") => match Playbook::read(text) {
                    Ok(playbook) => library.playbooks.push(playbook),
                    Err(fault) => library.faults.push((path.to_owned(), fault)),
                },
                ["letters", folder, language, file] => {
                    letters.entry((folder, language)).or_default().push((file, text));
                }
                ["obligations", _, "rule.yaml"] => match ObligationRule::read(text) {
                    Ok(rule) => rules.push((path, rule)),
                    Err(fault) => library.faults.push((path.to_owned(), fault)),
                },
                ["evidence", file] if [".yaml", ".yml", ".csv"].iter().any(|end| file.ends_with(end)) => {
                    evidence.push(EvidenceFile { path, text });
                }
                ["calendars", file] if file.ends_with(".yaml") => match Calendar::read(text) {
                    Ok(calendar) => {
                        library.calendars.insert(calendar.jurisdiction.clone(), calendar);
                    }
                    Err(fault) => library.faults.push((path.to_owned(), fault)),
                },
                _ => {}
            }
        }
        library.take_rules(rules);
        let (evidence, faults) = EvidenceRules::read(&evidence);
        library.evidence = evidence;
        let said = faults
            .into_iter()
            .map(|fault| (fault.path.clone(), fault.to_string()));
        library.faults.extend(said);
        for ((folder, language), files) in letters {
            library.take_letters(folder, language, &files);
        }
        library.say_what_is_missing();
        library.playbooks.sort_by(|a, b| a.name.cmp(&b.name));
        library
    }

    /// Reads the letters of one language; its words come first, since every letter is filled when it is read.
    fn take_letters(&mut self, folder: &str, language: &str, files: &[(&str, &str)]) {
        let place = |file: &str| format!("letters/{folder}/{language}/{file}");
        let words = files.iter().find(|(file, _)| *file == WORDS);
        let words = match words.map(|(_, text)| LetterLanguage::read(text)) {
            Some(Ok(words)) => words,
            Some(Err(fault)) => return self.faults.push((place(WORDS), fault)),
            None => {
                let fault = "a language needs its words: days, months, how an instant is written".to_owned();
                return self.faults.push((place(WORDS), fault));
            }
        };
        for (file, text) in files.iter().filter(|(file, _)| *file != WORDS) {
            if folder == DEFAULT_LETTERS && file.strip_suffix(".yaml") == Some(CONTACT_LETTER) {
                match ContactTemplate::read(language, text, &words) {
                    Ok(template) => self.contact_letters.push(template),
                    Err(fault) => self.faults.push((place(file), fault)),
                }
                continue;
            }
            let kind = NoticeKind::ALL
                .into_iter()
                .find(|kind| file.strip_suffix(".yaml").is_some_and(|name| name == kind.name()));
            let read = kind.map_or_else(
                || {
                    let names: Vec<&str> = NoticeKind::ALL.into_iter().map(NoticeKind::name).collect();
                    Err(format!(
                        "a letter's file is KIND.yaml, where KIND is one of {}",
                        names.join(", ")
                    ))
                },
                |kind| LetterTemplate::read(language, kind, text, &words),
            );
            match read {
                Ok(template) => self.letters.entry(folder.to_owned()).or_default().push(template),
                Err(fault) => self.faults.push((place(file), fault)),
            }
        }
    }

    /// English is what every language falls back to.
    fn say_what_is_missing(&mut self) {
        for (folder, letters) in &self.letters {
            let lacking = NoticeKind::ALL
                .into_iter()
                .filter(|kind| LetterTemplate::choose(letters, *kind, "en").is_none());
            for kind in lacking {
                let path = format!("letters/{folder}/en/{}.yaml", kind.name());
                let fault = "is missing; where a language has no letter of its own, the English one is sent"
                    .to_owned();
                self.faults.push((path, fault));
            }
        }
    }

    /// Keeps the rules that are sound; a rule can be judged only when every calendar is known.
    fn take_rules(&mut self, rules: Vec<(&str, ObligationRule)>) {
        for (path, rule) in rules {
            let mut faults = rule.faults(&self.calendars);
            if self.rules.iter().any(|known| known.id == rule.id) {
                faults.push(format!("id: `{}` is the id of another rule", rule.id));
            }
            if faults.is_empty() {
                self.rule_paths.insert(rule.id.clone(), path.to_owned());
                self.rules.push(rule);
            } else {
                let named = |fault| (path.to_owned(), fault);
                self.faults.extend(faults.into_iter().map(named));
            }
        }
        self.rules.sort_by(|a, b| a.id.cmp(&b.id));
    }

    /// Makes rules bind that counsel has read. Gives the ids that no rule has.
    #[must_use]
    pub fn enable(&mut self, ids: &[String]) -> Vec<String> {
        let mut unknown = Vec::new();
        for id in ids {
            match self.rules.iter_mut().find(|rule| rule.id == *id) {
                Some(rule) => rule.enabled = true,
                None => unknown.push(id.clone()),
            }
        }
        unknown
    }

    /// Puts the company's own targets in the place of those that rules came with, where the law names no number: by rule. Gives the ids of
    /// rules that are not there, or in which the law names a number everywhere.
    #[must_use]
    pub fn set_targets(&mut self, targets: &BTreeMap<String, Span>) -> Vec<String> {
        let mut unknown = Vec::new();
        for (id, within) in targets {
            let rule = self.rules.iter_mut().find(|rule| rule.id == *id);
            let phases = rule.into_iter().flat_map(|rule| &mut rule.phases);
            let mut set = false;
            for phase in phases.filter(|phase| phase.within == Within::Asap && phase.at_most.is_none()) {
                let source = "the company's configuration, [playbooks.targets]".to_owned();
                phase.target = Some(Target {
                    within: *within,
                    source,
                });
                set = true;
            }
            if !set {
                unknown.push(id.clone());
            }
        }
        unknown
    }

    /// The file of a rule: its path and its text.
    #[must_use]
    pub fn rule_file(&self, id: &str) -> Option<(&str, &str)> {
        let path = self.rule_paths.get(id)?;
        Some((path, self.sources.get(path)?))
    }

    /// The letters of a folder; those for every incident where the folder is not known.
    #[must_use]
    pub fn letters(&self, folder: &str) -> &[LetterTemplate] {
        let found = self
            .letters
            .get(folder)
            .or_else(|| self.letters.get(DEFAULT_LETTERS));
        found.map(Vec::as_slice).unwrap_or_default()
    }

    /// The languages that letters exist in.
    #[must_use]
    pub fn languages(&self) -> BTreeSet<&str> {
        let letters = self.letters.values().flatten();
        letters.map(|letter| letter.language.as_str()).collect()
    }
}
