//! Playbooks, letters, rules of law and calendars, read from files: what is wrong with one is said, and the others are used.

use std::collections::BTreeMap;
use watchkeeper_domain::notice::{LetterTemplate, NoticeKind};
use watchkeeper_domain::obligation::calendar::Calendar;
use watchkeeper_domain::obligation::rule::ObligationRule;
use watchkeeper_domain::playbook::Playbook;

/// What people prepared: playbooks, letters, rules of law and contract, calendars.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// The playbooks, by name.
    pub playbooks: Vec<Playbook>,
    /// The letters, by folder below `letters/`.
    pub letters: BTreeMap<String, Vec<LetterTemplate>>,
    /// Rules of law and contract that are sound, by id.
    pub rules: Vec<ObligationRule>,
    /// Calendars, by the code of their jurisdiction.
    pub calendars: BTreeMap<String, Calendar>,
    /// What could not be read: path and reason.
    pub faults: Vec<(String, String)>,
}

/// The letters that are used where an incident has no playbook.
pub const DEFAULT_LETTERS: &str = "customer";

impl Library {
    /// Reads playbooks (`NAME.yaml`), letters (`letters/FOLDER/LANGUAGE/KIND.{subject,txt,html}`), rules (`obligations/ID/rule.yaml`)
    /// and calendars (`calendars/CODE.yaml`) from (path, text) pairs, with paths relative to the folder `playbooks/`.
    #[must_use]
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut library = Self::default();
        let mut parts: BTreeMap<(String, String, String), [Option<String>; 3]> = BTreeMap::new();
        let mut rules = Vec::new();
        for (path, text) in files {
            let segments: Vec<&str> = path.split('/').collect();
            match segments.as_slice() {
                [name] if name.ends_with(".yaml") || name.ends_with(".yml") => match Playbook::read(text) {
                    Ok(playbook) => library.playbooks.push(playbook),
                    Err(fault) => library.faults.push((path.to_owned(), fault)),
                },
                ["letters", folder, language, file] => {
                    let (kind, extension) = file.split_once('.').unwrap_or((file, ""));
                    let place = ["subject", "txt", "html"]
                        .iter()
                        .position(|known| *known == extension);
                    let Some(place) = place else {
                        let fault = "a letter's file is KIND.subject, KIND.txt or KIND.html".to_owned();
                        library.faults.push((path.to_owned(), fault));
                        continue;
                    };
                    let key = ((*folder).to_owned(), (*language).to_owned(), kind.to_owned());
                    parts.entry(key).or_default()[place] = Some(text.to_owned());
                }
                ["obligations", _, "rule.yaml"] => match ObligationRule::read(text) {
                    Ok(rule) => rules.push((path, rule)),
                    Err(fault) => library.faults.push((path.to_owned(), fault)),
                },
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
        for ((folder, language, kind), parts) in parts {
            match template(&language, &kind, parts) {
                Ok(template) => library.letters.entry(folder).or_default().push(template),
                Err(fault) => library
                    .faults
                    .push((format!("letters/{folder}/{language}/{kind}"), fault)),
            }
        }
        library.playbooks.sort_by(|a, b| a.name.cmp(&b.name));
        library
    }

    /// Keeps the rules that are sound; a rule can be judged only when every calendar is known.
    fn take_rules(&mut self, rules: Vec<(&str, ObligationRule)>) {
        for (path, rule) in rules {
            let mut faults = rule.faults(&self.calendars);
            if self.rules.iter().any(|known| known.id == rule.id) {
                faults.push(format!("id: `{}` is the id of another rule", rule.id));
            }
            if faults.is_empty() {
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

    /// The letters of a folder; those for every incident where the folder is not known.
    #[must_use]
    pub fn letters(&self, folder: &str) -> &[LetterTemplate] {
        let found = self
            .letters
            .get(folder)
            .or_else(|| self.letters.get(DEFAULT_LETTERS));
        found.map(Vec::as_slice).unwrap_or_default()
    }
}

fn template(language: &str, kind: &str, parts: [Option<String>; 3]) -> Result<LetterTemplate, String> {
    let kind = match kind {
        "holding" => NoticeKind::Holding,
        "full" => NoticeKind::Full,
        other => {
            return Err(format!(
                "`{other}` is not a kind of notice; write `holding` or `full`"
            ));
        }
    };
    let [Some(subject), Some(text), Some(html)] = parts else {
        return Err("a letter needs three files: .subject, .txt and .html".to_owned());
    };
    Ok(LetterTemplate {
        language: language.to_owned(),
        kind,
        subject,
        text,
        html,
    })
}
