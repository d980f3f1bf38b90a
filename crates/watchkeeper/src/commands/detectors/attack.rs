//! Which techniques of ATT&CK the tags of rules name, tactic by tactic.
//!
//! Tags do not say which tactic a technique serves, so it counts for every tactic that its rule names.

use super::named;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_detect::DetectorInfo;

/// The tactics in the order of an attack, as tags and as people name them. The last two are what newer versions of ATT&CK make of
/// defense evasion.
const TACTICS: [(&str, &str); 16] = [
    ("reconnaissance", "Reconnaissance"),
    ("resource-development", "Resource Development"),
    ("initial-access", "Initial Access"),
    ("execution", "Execution"),
    ("persistence", "Persistence"),
    ("privilege-escalation", "Privilege Escalation"),
    ("defense-evasion", "Defense Evasion"),
    ("stealth", "Stealth"),
    ("defense-impairment", "Defense Impairment"),
    ("credential-access", "Credential Access"),
    ("discovery", "Discovery"),
    ("lateral-movement", "Lateral Movement"),
    ("collection", "Collection"),
    ("command-and-control", "Command and Control"),
    ("exfiltration", "Exfiltration"),
    ("impact", "Impact"),
];

/// A tactic, and how much of it is covered.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Tactic {
    /// As tags name it.
    pub(super) tactic: &'static str,
    pub(super) name: &'static str,
    pub(super) techniques: usize,
    pub(super) rules: usize,
}

/// A rule that covers a technique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Covering {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) level: String,
    /// Whether the sources can satisfy it; none where that was not asked.
    pub(super) satisfiable: Option<String>,
}

/// A technique or sub-technique, and what covers it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Technique {
    /// Such as `T1110.003`.
    pub(super) technique: String,
    pub(super) tactics: Vec<&'static str>,
    pub(super) rules: Vec<Covering>,
}

/// What is covered.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Attack {
    /// All of them, also those without a rule.
    pub(super) tactics: Vec<Tactic>,
    pub(super) techniques: Vec<Technique>,
    /// Titles of rules that fire and name no technique.
    pub(super) untagged: Vec<String>,
}

impl Attack {
    /// What rules that fire by themselves cover; `satisfiable` tells of a detector by its place.
    pub(super) fn of(detectors: &[DetectorInfo], satisfiable: impl Fn(usize) -> Option<String>) -> Self {
        let mut techniques: BTreeMap<String, (BTreeSet<usize>, Vec<Covering>)> = BTreeMap::new();
        let mut rules = [0_usize; TACTICS.len()];
        let mut untagged = Vec::new();
        for (place, info) in detectors.iter().enumerate().filter(|(_, info)| info.fires) {
            let (tactics, named_techniques) = read(&info.tags);
            tactics.iter().for_each(|tactic| rules[*tactic] += 1);
            if named_techniques.is_empty() {
                untagged.push(info.title.clone());
            }
            for technique in named_techniques {
                let (of_tactics, covering) = techniques.entry(technique).or_default();
                of_tactics.extend(&tactics);
                covering.push(Covering {
                    id: info.id.clone(),
                    title: info.title.clone(),
                    level: named(&info.level),
                    satisfiable: satisfiable(place),
                });
            }
        }
        let count = |tactic| techniques.values().filter(|(of, _)| of.contains(&tactic)).count();
        let tactics = TACTICS.iter().enumerate().map(|(place, (tactic, name))| Tactic {
            tactic,
            name,
            techniques: count(place),
            rules: rules[place],
        });
        Self {
            tactics: tactics.collect(),
            untagged,
            techniques: techniques
                .into_iter()
                .map(|(technique, (tactics, rules))| Technique {
                    technique,
                    tactics: tactics.into_iter().map(|place| TACTICS[place].0).collect(),
                    rules,
                })
                .collect(),
        }
    }

    /// A layer for the ATT&CK Navigator (layer format 4.5): the score of a technique is how many rules cover it.
    pub(super) fn navigator_layer(&self) -> Value {
        let techniques = self.techniques.iter().map(|technique| {
            let titles: Vec<_> = technique.rules.iter().map(|rule| rule.title.as_str()).collect();
            json!({
                "techniqueID": technique.technique,
                "score": technique.rules.len(),
                "comment": titles.join("\n"),
                "enabled": true,
                "showSubtechniques": false,
            })
        });
        let most = self
            .techniques
            .iter()
            .map(|technique| technique.rules.len())
            .max();
        json!({
            "name": "Watchkeeper",
            "versions": {"layer": "4.5", "navigator": "5.1.0"},
            "domain": "enterprise-attack",
            "description": "techniques that detectors cover; the score is how many do",
            "techniques": techniques.collect::<Vec<_>>(),
            "gradient": {"colors": ["#dceefb", "#1864ab"], "minValue": 0, "maxValue": most.unwrap_or(1)},
        })
    }
}

/// Places of the tactics that tags name, and the techniques.
fn read(tags: &[String]) -> (BTreeSet<usize>, BTreeSet<String>) {
    let (mut tactics, mut techniques) = (BTreeSet::new(), BTreeSet::new());
    for tag in tags {
        let tag = tag.to_lowercase().replace(['_', ' '], "-");
        let Some(name) = tag.strip_prefix("attack.") else {
            continue;
        };
        if let Some(place) = TACTICS.iter().position(|(tactic, _)| *tactic == name) {
            tactics.insert(place);
        } else if is_technique(name) {
            techniques.insert(name.to_uppercase());
        }
    }
    (tactics, techniques)
}

/// `t1110` or `t1110.003`.
fn is_technique(name: &str) -> bool {
    let digits =
        |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    name.strip_prefix('t')
        .is_some_and(|number| match number.split_once('.') {
            Some((technique, part)) => digits(technique, 4) && digits(part, 3),
            None => digits(number, 4),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeeper_detect::{DetectorSet, Limits, RuleFile};
    use watchkeeper_domain::event::EntityFields;

    fn attack(text: &str) -> Attack {
        let file = RuleFile::new("rules.yml", text);
        let set = DetectorSet::load([file], EntityFields::default(), Limits::default());
        assert!(set.quarantined().is_empty(), "{:?}", set.quarantined());
        Attack::of(set.detectors(), |_| None)
    }

    const RULES: &str = "title: A\ntags: [attack.credential_access, attack.persistence, attack.t1110.003, attack.g0016]\nlogsource: {product: app}\ndetection: {s: {a: 1}, condition: s}\n---\ntitle: B\nname: b\ntags: [attack.impact, attack.t1486]\nlogsource: {product: app}\ndetection: {s: {b: 1}, condition: s}\n---\ntitle: Many B\ntags: [attack.credential-access, attack.T1110.003]\ncorrelation: {type: event_count, rules: [b], timespan: 1m, condition: {gte: 2}}\n---\ntitle: C\nlogsource: {product: app}\ndetection: {s: {c: 1}, condition: s}\n";

    #[test]
    fn techniques_count_for_the_tactics_of_their_rules_and_what_does_not_fire_covers_nothing() {
        let found = attack(RULES);
        let of = |tactic: &str| found.tactics.iter().find(|found| found.tactic == tactic).unwrap();
        assert_eq!(
            (of("credential-access").techniques, of("credential-access").rules),
            (1, 2)
        );
        assert_eq!((of("persistence").techniques, of("impact").rules), (1, 0));
        let techniques: Vec<_> = found
            .techniques
            .iter()
            .map(|found| found.technique.as_str())
            .collect();
        assert_eq!(techniques, ["T1110.003"]);
        assert_eq!(found.techniques[0].tactics, ["persistence", "credential-access"]);
        let titles: Vec<_> = found.techniques[0]
            .rules
            .iter()
            .map(|rule| rule.title.as_str())
            .collect();
        assert_eq!(titles, ["A", "Many B"]);
        assert_eq!(found.untagged, ["C"]);
    }

    #[test]
    fn a_layer_scores_each_technique_by_its_rules() {
        let layer = attack(RULES).navigator_layer();
        assert_eq!(layer["domain"], "enterprise-attack");
        assert_eq!(layer["versions"]["layer"], "4.5");
        assert_eq!(layer["techniques"][0]["techniqueID"], "T1110.003");
        assert_eq!(layer["techniques"][0]["score"], 2);
        assert_eq!(layer["gradient"]["maxValue"], 2);
    }
}
