//! An explanation as a tree for people: what was asked, what the event has, and how it came out.

use super::{BAD, FAINT, GOOD, log_source_written};
use anstyle::Style;
use watchkeeper_detect::{
    Alternative, Asked, Contribution, ContributionRole, Explanation, FieldValue, Found, ItemVerdict, Judged,
    NamedVerdict, Part, Verdict,
};

/// How many values of a line are shown; those that the event has come first.
const MOST_VALUES: usize = 6;

/// How outcomes and branches are drawn.
pub(super) struct Marks {
    holds: &'static str,
    fails: &'static str,
    branch: &'static str,
    last: &'static str,
    beside: &'static str,
}

impl Marks {
    /// For terminals that show more than ASCII.
    pub(super) const SYMBOLS: Self = Self {
        holds: "✓",
        fails: "✗",
        branch: "├─ ",
        last: "└─ ",
        beside: "│  ",
    };

    /// For files, pipes and every other terminal.
    pub(super) const WORDS: Self = Self {
        holds: "yes",
        fails: "no ",
        branch: "|- ",
        last: "`- ",
        beside: "|  ",
    };
}

/// A line, and what is below it.
struct Branch {
    holds: Option<bool>,
    text: String,
    below: Vec<Branch>,
}

impl Branch {
    fn judged(holds: bool, text: impl Into<String>, below: Vec<Self>) -> Self {
        Self {
            holds: Some(holds),
            text: text.into(),
            below,
        }
    }

    fn note(text: impl Into<String>) -> Self {
        Self {
            holds: None,
            text: text.into(),
            below: Vec::new(),
        }
    }

    fn draw(&self, marks: &Marks, before: &str, lines: &mut Vec<String>) {
        for (place, branch) in self.below.iter().enumerate() {
            let is_last = place + 1 == self.below.len();
            let here = if is_last { marks.last } else { marks.branch };
            lines.push(format!("{FAINT}{before}{here}{FAINT:#}{}", branch.line(marks)));
            let beside = if is_last { "   " } else { marks.beside };
            branch.draw(marks, &format!("{before}{beside}"), lines);
        }
    }

    fn line(&self, marks: &Marks) -> String {
        let (style, mark): (Style, _) = match self.holds {
            Some(true) => (GOOD, marks.holds),
            Some(false) => (BAD, marks.fails),
            None => return format!("{FAINT}{}{FAINT:#}", self.text),
        };
        format!("{style}{mark}{style:#} {}", self.text)
    }
}

/// The lines of an explanation.
pub(super) fn tree(explanation: &Explanation, marks: &Marks) -> Vec<String> {
    let root = branch(explanation, "");
    let mut lines = vec![root.line(marks)];
    root.draw(marks, "", &mut lines);
    lines
}

fn branch(explanation: &Explanation, role: &str) -> Branch {
    let Explanation {
        title,
        path,
        line,
        holds,
        ..
    } = explanation;
    let place = format!("{title} ({path}:{line})");
    match &explanation.judged {
        Judged::Detection {
            log_source,
            log_source_covers,
            conditions,
        } => {
            let asked = log_source_written(log_source);
            let asked = if *log_source_covers {
                format!("log source: {asked}")
            } else {
                format!("log source: {asked}; the event is from another")
            };
            let mut below = vec![Branch::judged(*log_source_covers, asked, Vec::new())];
            below.extend(conditions.iter().map(condition));
            let outcome = if *holds { "matches" } else { "does not match" };
            Branch::judged(*holds, format!("{role}{place} {outcome}"), below)
        }
        Judged::Correlation { timespan, rules } => {
            let of_detections = rules
                .iter()
                .any(|rule| matches!(rule.explanation.judged, Judged::Correlation { .. }));
            let outcome = match (*holds, of_detections) {
                (true, false) => "counts the event",
                (false, false) => "does not count the event",
                (true, true) => "counts detections that the event can lead to",
                (false, true) => "counts no detection that the event can lead to",
            };
            let text = format!("{role}{place} {outcome}, within {timespan}");
            Branch::judged(*holds, text, rules.iter().map(contribution).collect())
        }
    }
}

fn contribution(contribution: &Contribution) -> Branch {
    let role = match contribution.role {
        ContributionRole::Counts => "counted: ",
        ContributionRole::Base => "base of the share: ",
        ContributionRole::Cancels => "calls it off: ",
    };
    let mut branch = branch(&contribution.explanation, role);
    // One event does not tell the groups of an inner correlation.
    if matches!(contribution.explanation.judged, Judged::Detection { .. }) {
        let field = |what: &str, field: &FieldValue| {
            let value = match &field.value {
                Some(value) => value.clone(),
                None => "the event has none, so it is not counted".to_owned(),
            };
            let named = if field.name == field.field {
                field.name.clone()
            } else {
                format!("{} ({})", field.name, field.field)
            };
            Branch::judged(
                field.value.is_some(),
                format!("{what} {named}: {value}"),
                Vec::new(),
            )
        };
        branch
            .below
            .extend(contribution.group.iter().map(|value| field("grouped by", value)));
        branch
            .below
            .extend(contribution.values.iter().map(|value| field("value of", value)));
    }
    branch
}

fn condition(named: &NamedVerdict) -> Branch {
    let text = if named.condition.is_empty() {
        named.from.clone()
    } else {
        format!("{}: {}", named.from, named.condition)
    };
    let verdict = &named.verdict;
    let below = match &verdict.part {
        Part::All(parts) => parts.iter().map(part).collect(),
        _ => vec![part(verdict)],
    };
    Branch::judged(verdict.holds, text, below)
}

fn part(verdict: &Verdict) -> Branch {
    let parts = |parts: &[Verdict]| parts.iter().map(part).collect::<Vec<_>>();
    let holds = verdict.holds;
    match &verdict.part {
        Part::All(all) => Branch::judged(holds, "all of", parts(all)),
        Part::Any(any) => Branch::judged(holds, "any of", parts(any)),
        Part::Not(inner) => Branch::judged(holds, "not", vec![part(inner)]),
        Part::Selection { name, alternatives } => match alternatives.as_slice() {
            [only] => Branch::judged(holds, name, items(only)),
            several => {
                let below = several.iter().enumerate().map(|(place, alternative)| {
                    let text = format!("alternative {} of {}", place + 1, several.len());
                    Branch::judged(alternative.holds, text, items(alternative))
                });
                Branch::judged(holds, name, below.collect())
            }
        },
    }
}

fn items(alternative: &Alternative) -> Vec<Branch> {
    alternative.items.iter().map(item).collect()
}

fn item(item: &ItemVerdict) -> Branch {
    let key = if item.key.is_empty() {
        "anywhere"
    } else {
        &item.key
    };
    let asked = asked(&item.asked, if item.all { " and " } else { " or " });
    let text = format!("{key}: {asked}{FAINT}  line {}{FAINT:#}", item.line);
    Branch::judged(item.holds, text, item.found.iter().map(found).collect())
}

/// The values, those that the event has first.
fn asked(values: &[Asked], joint: &str) -> String {
    let (held, others): (Vec<&Asked>, Vec<&Asked>) = values.iter().partition(|asked| asked.holds);
    let shown = held.into_iter().chain(others).take(MOST_VALUES).map(|asked| {
        if asked.value.is_empty() {
            "\"\"".to_owned()
        } else {
            asked.value.clone()
        }
    });
    let shown: Vec<_> = shown.collect();
    let more = values.len() - shown.len();
    let more = if more > 0 {
        format!("{joint}{more} more")
    } else {
        String::new()
    };
    format!("{}{more}", shown.join(joint))
}

fn found(found: &Found) -> Branch {
    let field = &found.field;
    Branch::note(if !found.present {
        let similar = if found.similar.is_empty() {
            String::new()
        } else {
            format!("; it has {}", found.similar.join(", "))
        };
        format!("the event has no {field}{similar}")
    } else if found.values.is_empty() {
        format!("the event has {field} without a value")
    } else {
        format!("the event has {field} = {}", found.values.join(", "))
    })
}
