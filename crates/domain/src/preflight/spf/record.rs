//! One SPF record: its terms, as RFC 7208, 12, writes them.

use super::Question;
use std::fmt;
use std::net::IpAddr;

/// A record that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The text that it was read from.
    text: String,
    /// Its terms, in their order.
    pub terms: Vec<Term>,
}

/// What follows where a mechanism matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qualifier {
    /// `+`, or nothing.
    Pass,
    /// `-`
    Fail,
    /// `~`
    SoftFail,
    /// `?`
    Neutral,
}

impl Qualifier {
    /// As people read it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Pass => "allowed",
            Self::Fail => "refused (-)",
            Self::SoftFail => "suspicious (~)",
            Self::Neutral => "neither allowed nor refused (?)",
        }
    }
}

/// A term of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// What to match, and what follows.
    Directive(Qualifier, Mechanism),
    /// Another domain's record decides where nothing matched; an error where the name has macros.
    Redirect(Result<String, ()>),
    /// What changes no verdict: `exp`, and modifiers that nobody knows.
    Other,
}

/// What an address is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mechanism {
    /// Every address.
    All,
    /// What another domain's record allows.
    Include(String),
    /// The addresses of a domain; none is the record's own.
    A(Option<String>, Lengths),
    /// The addresses of a domain's mail exchangers.
    Mx(Option<String>, Lengths),
    /// A network.
    Ip(Network),
    /// `ptr`, `exists`, and whatever has macros, as written: it is counted and not judged.
    Unjudged(String),
}

/// The lengths of prefixes, for IPv4 and IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lengths {
    v4: u8,
    v6: u8,
}

impl Lengths {
    /// The network around an address.
    pub(super) fn around(self, address: IpAddr) -> Network {
        let length = if address.is_ipv4() { self.v4 } else { self.v6 };
        Network { address, length }
    }
}

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    length: u8,
}

impl Network {
    /// Whether an address is in it.
    pub(super) fn holds(self, address: IpAddr) -> bool {
        fn same(one: u128, other: u128, width: u32, length: u8) -> bool {
            let rest = width - u32::from(length).min(width);
            rest == 128 || one >> rest == other >> rest
        }
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                same(own.to_bits().into(), other.to_bits().into(), 32, self.length)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => same(own.to_bits(), other.to_bits(), 128, self.length),
            _ => false,
        }
    }
}

/// A record that says the same of every address.
pub(super) enum Extreme {
    Nobody,
    Anybody,
}

impl Record {
    /// Whether a text is an SPF record (RFC 7208, 4.5).
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        text.split(' ')
            .next()
            .is_some_and(|version| version.eq_ignore_ascii_case("v=spf1"))
    }

    /// Reads a record.
    ///
    /// # Errors
    /// Every term that cannot be read, and why.
    pub fn read(text: &str) -> Result<Self, Vec<String>> {
        let mut terms = Vec::new();
        let mut faults = Vec::new();
        for word in text.split(' ').skip(1).filter(|word| !word.is_empty()) {
            match term(word) {
                Ok(term) => terms.push(term),
                Err(fault) => faults.push(format!("`{word}` {fault}")),
            }
        }
        let redirects = terms.iter().filter(|term| matches!(term, Term::Redirect(_)));
        if redirects.count() > 1 {
            faults.push("redirect= stands twice".to_owned());
        }
        if faults.is_empty() {
            Ok(Self {
                text: text.to_owned(),
                terms,
            })
        } else {
            Err(faults)
        }
    }

    /// The terms that receivers look at: where `all` stands, no other record is asked (RFC 7208, 6.1).
    pub(super) fn in_force(&self) -> impl Iterator<Item = &Term> + Clone {
        let all = |term: &Term| matches!(term, Term::Directive(_, Mechanism::All));
        let ends = self.terms.iter().any(all);
        self.terms
            .iter()
            .filter(move |term| !(ends && matches!(term, Term::Redirect(_))))
    }

    /// The domain whose record decides where nothing matched.
    pub(super) fn redirect(&self) -> Option<Result<String, ()>> {
        self.in_force().find_map(|term| match term {
            Term::Redirect(to) => Some(to.clone()),
            _ => None,
        })
    }

    /// Whether it forbids everybody, or allows anybody, whatever else it says.
    pub(super) fn extreme(&self) -> Option<Extreme> {
        let mut directives = self.terms.iter().filter_map(|term| match term {
            Term::Directive(qualifier, mechanism) => Some((*qualifier, mechanism)),
            Term::Redirect(_) | Term::Other => None,
        });
        let allows = |qualifier: &Qualifier| *qualifier == Qualifier::Pass;
        if directives
            .clone()
            .any(|(qualifier, what)| allows(&qualifier) && *what == Mechanism::All)
        {
            return Some(Extreme::Anybody);
        }
        let nobody = self.redirect().is_none() && !directives.any(|(qualifier, _)| allows(&qualifier));
        nobody.then_some(Extreme::Nobody)
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Term {
    /// What it asks DNS for; an error names what is counted and not judged.
    pub(super) fn asks(&self, domain: &str) -> Option<Result<Question, String>> {
        let own = |of: &Option<String>| of.clone().unwrap_or_else(|| domain.to_owned());
        match self {
            Self::Redirect(Ok(to)) => Some(Ok(Question::Texts(to.clone()))),
            Self::Redirect(Err(())) => Some(Err("redirect= with a macro".to_owned())),
            Self::Directive(_, mechanism) => match mechanism {
                Mechanism::All | Mechanism::Ip(_) => None,
                Mechanism::Include(domain) => Some(Ok(Question::Texts(domain.clone()))),
                Mechanism::A(of, _) => Some(Ok(Question::Addresses(own(of)))),
                Mechanism::Mx(of, _) => Some(Ok(Question::Exchangers(own(of)))),
                Mechanism::Unjudged(word) => Some(Err(word.clone())),
            },
            Self::Other => None,
        }
    }
}

/// Reads a term.
fn term(word: &str) -> Result<Term, String> {
    // A modifier has `=` before any `:` or `/`.
    let name = word.split(['=', ':', '/']).next().unwrap_or_default();
    if word[name.len()..].starts_with('=') {
        let value = &word[name.len() + 1..];
        return match name.to_ascii_lowercase().as_str() {
            "redirect" if value.is_empty() => Err("names no domain".to_owned()),
            "redirect" if value.contains('%') => Ok(Term::Redirect(Err(()))),
            "redirect" => Ok(Term::Redirect(Ok(domain(value)?))),
            _ if name.starts_with(|c: char| c.is_ascii_alphabetic()) => Ok(Term::Other),
            _ => Err("is no term of SPF".to_owned()),
        };
    }
    let (qualifier, rest) = match word.as_bytes().first() {
        Some(b'+') => (Qualifier::Pass, &word[1..]),
        Some(b'-') => (Qualifier::Fail, &word[1..]),
        Some(b'~') => (Qualifier::SoftFail, &word[1..]),
        Some(b'?') => (Qualifier::Neutral, &word[1..]),
        _ => (Qualifier::Pass, word),
    };
    mechanism(rest).map(|mechanism| Term::Directive(qualifier, mechanism))
}

fn mechanism(word: &str) -> Result<Mechanism, String> {
    let name = word.split([':', '/']).next().unwrap_or_default();
    let after = &word[name.len()..];
    let value = after.strip_prefix(':');
    let name = name.to_ascii_lowercase();
    let macros = after.contains('%');
    match (name.as_str(), value) {
        ("all", _) if after.is_empty() => Ok(Mechanism::All),
        ("include", Some(_)) | ("exists", Some(_)) if macros => Ok(Mechanism::Unjudged(word.to_owned())),
        ("include", Some(value)) => Ok(Mechanism::Include(domain(value)?)),
        ("exists", Some(value)) => domain(value).map(|_| Mechanism::Unjudged(word.to_owned())),
        ("ptr", _) => Ok(Mechanism::Unjudged(word.to_owned())),
        ("a" | "mx", _) if macros => Ok(Mechanism::Unjudged(word.to_owned())),
        ("a" | "mx", _) => {
            let (of, lengths) = of_and_lengths(after)?;
            Ok(if name == "a" {
                Mechanism::A(of, lengths)
            } else {
                Mechanism::Mx(of, lengths)
            })
        }
        ("ip4" | "ip6", Some(value)) => network(&name, value).map(Mechanism::Ip),
        ("include" | "exists" | "ip4" | "ip6", None) => {
            Err("has no value; write it after a colon".to_owned())
        }
        _ => Err("is no term of SPF".to_owned()),
    }
}

/// `:domain/24//64`, each part of which may be left out.
fn of_and_lengths(after: &str) -> Result<(Option<String>, Lengths), String> {
    let (of, prefixes) = after.split_at(after.find('/').unwrap_or(after.len()));
    let of = of.strip_prefix(':').map(domain).transpose()?;
    let (v4, v6) = match prefixes.split_once("//") {
        Some((v4, v6)) => (v4, Some(v6)),
        None => (prefixes, None),
    };
    let v4 = v4.strip_prefix('/');
    Ok((
        of,
        Lengths {
            v4: length(v4, 32)?,
            v6: length(v6, 128)?,
        },
    ))
}

fn length(written: Option<&str>, longest: u8) -> Result<u8, String> {
    let Some(written) = written else {
        return Ok(longest);
    };
    let read = written.parse::<u8>().ok().filter(|length| *length <= longest);
    read.ok_or_else(|| format!("has the prefix length `{written}`; write 0 to {longest}"))
}

fn network(name: &str, value: &str) -> Result<Network, String> {
    let (address, prefix) = value
        .split_once('/')
        .map_or((value, None), |(address, prefix)| (address, Some(prefix)));
    let read = address
        .parse::<IpAddr>()
        .ok()
        .filter(|read| read.is_ipv4() == (name == "ip4"));

    let address = read.ok_or_else(|| format!("has `{address}`, which is no address of its kind"))?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    Ok(Network {
        address,
        length: length(prefix, longest)?,
    })
}

fn domain(text: &str) -> Result<String, String> {
    let sound = text.trim_end_matches('.').contains('.')
        && text.len() <= 253
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if sound {
        Ok(text.trim_end_matches('.').to_ascii_lowercase())
    } else {
        Err(format!("has `{text}`, which is no domain"))
    }
}
