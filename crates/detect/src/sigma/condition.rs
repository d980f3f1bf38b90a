//! The condition of a rule: selections joined by `and`, `or`, `not`, parentheses, `1 of …` and `all of …`.

/// A condition over the rule's selections, by index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Selection(usize),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

impl Condition {
    /// Decides with what each selection says.
    pub(crate) fn holds(&self, selection: &mut impl FnMut(usize) -> bool) -> bool {
        match self {
            Self::Selection(index) => selection(*index),
            Self::All(parts) => parts.iter().all(|part| part.holds(selection)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(selection)),
            Self::Not(part) => !part.holds(selection),
        }
    }

    /// The same condition over selections that stand so many places later.
    pub(crate) fn shifted(&self, by: usize) -> Self {
        let all = |parts: &[Self]| parts.iter().map(|part| part.shifted(by)).collect();
        match self {
            Self::Selection(index) => Self::Selection(index + by),
            Self::All(parts) => Self::All(all(parts)),
            Self::Any(parts) => Self::Any(all(parts)),
            Self::Not(part) => Self::Not(Box::new(part.shifted(by))),
        }
    }

    /// Every selection it speaks of.
    pub(crate) fn places(&self, into: &mut Vec<usize>) {
        match self {
            Self::Selection(index) if !into.contains(index) => into.push(*index),
            Self::Selection(_) => {}
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.places(into)),
            Self::Not(part) => part.places(into),
        }
    }

    /// The selections that speak for a match, rather than against one.
    pub(crate) fn asserted(&self, into: &mut Vec<usize>) {
        match self {
            Self::Selection(index) if !into.contains(index) => into.push(*index),
            Self::Selection(_) | Self::Not(_) => {}
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.asserted(into)),
        }
    }
}

/// How deep parentheses and `not` may nest.
const DEEPEST: usize = 64;

/// Reads a condition over the selections called `names`; the fault says what is allowed.
pub(crate) fn parse(text: &str, names: &[String]) -> Result<Condition, String> {
    let mut reader = Reader {
        tokens: tokens(text)?,
        position: 0,
        names,
        depth: 0,
    };
    let condition = reader.any()?;
    match reader.next() {
        None => Ok(condition),
        Some(token) => Err(format!(
            "`{token}` is not expected here: join selections with `and` or `or`"
        )),
    }
}

/// The names that a condition speaks of, each once, in its order.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for token in tokens(text).unwrap_or_default() {
        let own = ["(", ")", "and", "or", "not"];
        if !own.iter().any(|own| token.eq_ignore_ascii_case(own)) && !words.contains(&token) {
            words.push(token);
        }
    }
    words
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_alphanumeric() || matches!(c, '_' | '-' | '*' | '.') {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            tokens.push(std::mem::take(&mut word));
        }
        match c {
            '(' | ')' => tokens.push(c.into()),
            c if c.is_whitespace() => {}
            '|' => {
                return Err("aggregations after `|` were removed from Sigma: write a second document with `correlation:` of type `event_count` or `value_count`".into());
            }
            c => {
                return Err(format!(
                    "`{c}` is not allowed in a condition: use selection names, and, or, not, parentheses, `1 of` and `all of`"
                ));
            }
        }
    }
    Ok(tokens)
}

struct Reader<'a> {
    tokens: Vec<String>,
    position: usize,
    names: &'a [String],
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.position).map(String::as_str)
    }

    fn next(&mut self) -> Option<String> {
        let token = self.tokens.get(self.position).cloned();
        self.position += 1;
        token
    }

    fn takes(&mut self, word: &str) -> bool {
        let taken = self.peek().is_some_and(|token| token.eq_ignore_ascii_case(word));
        self.position += usize::from(taken);
        taken
    }

    fn any(&mut self) -> Result<Condition, String> {
        let mut parts = vec![self.all()?];
        while self.takes("or") {
            parts.push(self.all()?);
        }
        Ok(single_or(parts, Condition::Any))
    }

    fn all(&mut self) -> Result<Condition, String> {
        let mut parts = vec![self.term()?];
        while self.takes("and") {
            parts.push(self.term()?);
        }
        Ok(single_or(parts, Condition::All))
    }

    fn term(&mut self) -> Result<Condition, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("the condition nests deeper than {DEEPEST} levels"));
        }
        let condition = self.bounded_term();
        self.depth -= 1;
        condition
    }

    fn bounded_term(&mut self) -> Result<Condition, String> {
        if self.takes("not") {
            return Ok(Condition::Not(Box::new(self.term()?)));
        }
        if self.takes("(") {
            let inner = self.any()?;
            return if self.takes(")") {
                Ok(inner)
            } else {
                Err("a `(` is not closed: add `)`".into())
            };
        }
        let Some(token) = self.next() else {
            return Err("the condition ends where a selection is expected".into());
        };
        let quantifier = token.to_ascii_lowercase();
        let of_follows = self.peek().is_some_and(|next| next.eq_ignore_ascii_case("of"));
        match quantifier.as_str() {
            "1" | "any" if of_follows => Ok(single_or(self.quantified()?, Condition::Any)),
            "all" if of_follows => Ok(single_or(self.quantified()?, Condition::All)),
            _ if of_follows => Err(format!("`{token} of` is not allowed: use `1 of` or `all of`")),
            _ => self.selection(&token).map(Condition::Selection),
        }
    }

    fn quantified(&mut self) -> Result<Vec<Condition>, String> {
        self.position += 1;
        let Some(pattern) = self.next() else {
            return Err("`of` needs a name with `*`, or `them`".into());
        };
        let every = pattern.eq_ignore_ascii_case("them");
        // Names that begin with an underscore are left out of `them` (specification 2.1, "Detection").
        let chosen = |name: &str| {
            if every {
                !name.starts_with('_')
            } else {
                star_matches(&pattern, name)
            }
        };
        let found: Vec<_> = (0..self.names.len())
            .filter(|index| chosen(&self.names[*index]))
            .map(Condition::Selection)
            .collect();
        if found.is_empty() {
            return Err(format!(
                "no selection is called `{pattern}`: there are {}",
                listed(self.names)
            ));
        }
        Ok(found)
    }

    fn selection(&self, name: &str) -> Result<usize, String> {
        let found = self.names.iter().position(|candidate| candidate == name);
        found.ok_or_else(|| {
            format!(
                "no selection is called `{name}`: there are {}",
                listed(self.names)
            )
        })
    }
}

fn single_or(mut parts: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts)
        }
        None => join(parts),
    }
}

fn star_matches(pattern: &str, name: &str) -> bool {
    let reading = super::pattern::Reading {
        place: super::pattern::Place::Whole,
        cased: true,
        windash: false,
    };
    super::pattern::Pattern::new(pattern, reading).matches(name)
}

/// Names for a message: `a`, `b`.
pub(crate) fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(condition: &str, truths: &[(&str, bool)]) -> bool {
        let names: Vec<String> = truths.iter().map(|(name, _)| (*name).to_owned()).collect();
        let parsed = parse(condition, &names).unwrap();
        parsed.holds(&mut |index| truths[index].1)
    }

    #[test]
    fn not_binds_tighter_than_and_and_and_tighter_than_or() {
        let truths = [("a", true), ("b", false), ("c", false)];
        assert!(decide("a or b and c", &truths));
        assert!(!decide("(a or b) and c", &truths));
        assert!(decide("not b and a", &truths));
        assert!(decide("NOT (b OR c)", &truths));
    }

    #[test]
    fn quantifiers_choose_by_name_and_them_leaves_out_underscores() {
        let truths = [("sel_a", true), ("sel_b", false), ("_hidden", false)];
        assert!(decide("1 of sel_*", &truths) && !decide("all of sel_*", &truths));
        assert!(decide("1 of them", &truths));
        assert!(decide("all of them", &[("a", true), ("_b", false)]));
    }

    #[test]
    fn a_fault_names_what_is_there() {
        let names = ["selection".to_owned()];
        let fault = |text: &str| parse(text, &names).unwrap_err();
        assert!(fault("selecton").contains("`selection`"));
        assert!(fault("selection | count() > 5").contains("correlation"));
        assert!(fault("(selection").contains(')'));
        assert!(fault("2 of them").contains("1 of"));
        assert!(fault("selection selection").contains("and"));
        assert!(fault(&"(".repeat(100)).contains("deeper"));
        assert!(fault("").contains("ends"));
    }
}
