//! Who may send for a domain (SPF, RFC 7208), read and judged from what DNS answered.
//!
//! [`Sight::wanted`] says what must be asked next, [`judge`] says what the answers mean; who asks is in the floors above. Judged are
//! that there is one record, that it can be read, that it and what it includes stay within the limits of RFC 7208, 4.6.4, that it does
//! not forbid everybody or allow anybody, and whether the addresses that the relay sends from are allowed, where the configuration
//! names them. Not judged are `ptr`, and terms with macros, whose answer differs for each message.

mod record;

pub use record::{Mechanism, Qualifier, Record, Term};

use super::{Answer, Check, CheckName, Finding};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// How many terms may ask DNS (RFC 7208, 4.6.4).
const MOST_LOOKUPS: usize = 10;

/// How many of them may find nothing.
const MOST_VOID: usize = 2;

/// How many mail exchangers a term may name (RFC 7208, 4.6.4).
const MOST_EXCHANGERS: usize = 10;

/// A question to DNS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// The texts of a domain.
    Texts(String),
    /// Its addresses.
    Addresses(String),
    /// Its mail exchangers.
    Exchangers(String),
}

/// What DNS answered so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    texts: BTreeMap<String, Answer<Vec<String>>>,
    addresses: BTreeMap<String, Answer<Vec<IpAddr>>>,
    exchangers: BTreeMap<String, Answer<Vec<String>>>,
}

impl Sight {
    /// With the texts of a domain.
    pub fn put_texts(&mut self, domain: String, answer: Answer<Vec<String>>) {
        self.texts.insert(domain, answer);
    }

    /// With the addresses of a domain.
    pub fn put_addresses(&mut self, domain: String, answer: Answer<Vec<IpAddr>>) {
        self.addresses.insert(domain, answer);
    }

    /// With the mail exchangers of a domain.
    pub fn put_exchangers(&mut self, domain: String, answer: Answer<Vec<String>>) {
        self.exchangers.insert(domain, answer);
    }

    /// What must be asked next to judge `domain`; empty when all is known, or more than the limits allow was asked.
    #[must_use]
    pub fn wanted(&self, domain: &str) -> BTreeSet<Question> {
        let mut walk = Walk::new(self);
        walk.record(domain);
        walk.wanted
    }
}

/// A walk over a record and all that it includes.
struct Walk<'a> {
    sight: &'a Sight,
    wanted: BTreeSet<Question>,
    /// Domains whose record was walked: one that includes itself ends here, and is a fault.
    above: Vec<String>,
    lookups: usize,
    void: usize,
    faults: Vec<(&'static str, String)>,
    unknown: Vec<String>,
    unjudged: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    fn new(sight: &'a Sight) -> Self {
        Self {
            sight,
            wanted: BTreeSet::new(),
            above: Vec::new(),
            lookups: 0,
            void: 0,
            faults: Vec::new(),
            unknown: Vec::new(),
            unjudged: BTreeSet::new(),
        }
    }

    fn fault(&mut self, key: &'static str, said: String) {
        self.faults.push((key, said));
    }

    /// The one record of a domain, where it can be read.
    fn record(&mut self, domain: &str) -> Option<Record> {
        let record = match self.sight.texts.get(domain) {
            None => {
                self.wanted.insert(Question::Texts(domain.to_owned()));
                return None;
            }
            Some(Answer::Unknown(fault)) => {
                self.unknown.push(format!("{domain}: {fault}"));
                return None;
            }
            Some(Answer::Nothing) => Vec::new(),
            Some(Answer::Found(texts)) => texts.iter().filter(|text| Record::is_one(text)).collect(),
        };
        let read = match record.as_slice() {
            [] => {
                self.fault("missing", format!("{domain} has no SPF record"));
                return None;
            }
            [one] => Record::read(one),
            several => {
                let said = format!(
                    "{domain} has {} SPF records, and receivers then take none",
                    several.len()
                );
                self.fault("several", said);
                return None;
            }
        };
        match read {
            Ok(record) => {
                self.below(domain, &record);
                Some(record)
            }
            Err(faults) => {
                for fault in faults {
                    self.fault("syntax", format!("{domain}: {fault}"));
                }
                None
            }
        }
    }

    /// Everything that a record asks DNS for.
    fn below(&mut self, domain: &str, record: &Record) {
        self.above.push(domain.to_owned());
        for term in record.in_force() {
            let Some(asks) = term.asks(domain) else { continue };
            self.lookups += 1;
            if self.lookups > MOST_LOOKUPS {
                break;
            }
            match asks {
                Err(unjudged) => {
                    self.unjudged.insert(unjudged);
                }
                Ok(Question::Texts(included)) if self.above.contains(&included) => {
                    self.fault("loop", format!("{domain} includes {included}, which includes it"));
                }
                Ok(Question::Texts(included)) => {
                    self.record(&included);
                }
                Ok(Question::Addresses(name)) => self.addresses(&name),
                Ok(Question::Exchangers(name)) => self.exchangers(&name),
            }
        }
        self.above.pop();
    }

    fn addresses(&mut self, name: &str) {
        match self.sight.addresses.get(name) {
            None => {
                self.wanted.insert(Question::Addresses(name.to_owned()));
            }
            Some(Answer::Nothing) => self.void += 1,
            Some(Answer::Unknown(fault)) => self.unknown.push(format!("{name}: {fault}")),
            Some(Answer::Found(_)) => {}
        }
    }

    fn exchangers(&mut self, name: &str) {
        match self.sight.exchangers.get(name) {
            None => {
                self.wanted.insert(Question::Exchangers(name.to_owned()));
            }
            Some(Answer::Nothing) => self.void += 1,
            Some(Answer::Unknown(fault)) => self.unknown.push(format!("{name}: {fault}")),
            Some(Answer::Found(hosts)) if hosts.len() > MOST_EXCHANGERS => {
                let said = format!(
                    "{name} has {} mail exchangers; more than {MOST_EXCHANGERS} break the record",
                    hosts.len()
                );
                self.fault("exchangers", said);
            }
            Some(Answer::Found(hosts)) => {
                for host in hosts {
                    if !self.sight.addresses.contains_key(host) {
                        self.wanted.insert(Question::Addresses(host.clone()));
                    }
                }
            }
        }
    }
}

/// What a record says of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    /// A term says so.
    By(Qualifier),
    /// No term does: neutral.
    None,
    /// A term that is not judged stands before any that matches.
    Unsure,
}

/// What the record of a domain says of an address (RFC 7208, 4.6). The walk found no fault before.
fn evaluate(sight: &Sight, domain: &str, address: IpAddr, depth: usize) -> Verdict {
    let record = match sight.texts.get(domain) {
        Some(Answer::Found(texts)) => texts.iter().find(|text| Record::is_one(text)),
        _ => None,
    };
    let Some(Ok(record)) = record.map(|text| Record::read(text)) else {
        return Verdict::Unsure;
    };
    if depth > MOST_LOOKUPS {
        return Verdict::Unsure;
    }
    for term in &record.terms {
        let Term::Directive(qualifier, mechanism) = term else {
            continue;
        };
        match matches(sight, domain, mechanism, address, depth) {
            Some(true) => return Verdict::By(*qualifier),
            Some(false) => {}
            None => return Verdict::Unsure,
        }
    }
    match record.redirect() {
        Some(Ok(next)) => evaluate(sight, &next, address, depth + 1),
        Some(Err(())) => Verdict::Unsure,
        None => Verdict::None,
    }
}

/// Whether a mechanism matches an address; none where that is not judged.
fn matches(
    sight: &Sight,
    domain: &str,
    mechanism: &Mechanism,
    address: IpAddr,
    depth: usize,
) -> Option<bool> {
    let own = |of: &Option<String>| of.clone().unwrap_or_else(|| domain.to_owned());
    let found = |name: &str| match sight.addresses.get(name) {
        Some(Answer::Found(addresses)) => Some(addresses.clone()),
        Some(Answer::Nothing) => Some(Vec::new()),
        _ => None,
    };
    match mechanism {
        Mechanism::All => Some(true),
        Mechanism::Ip(network) => Some(network.holds(address)),
        Mechanism::Include(included) => match evaluate(sight, included, address, depth + 1) {
            Verdict::By(Qualifier::Pass) => Some(true),
            Verdict::By(_) | Verdict::None => Some(false),
            Verdict::Unsure => None,
        },
        Mechanism::A(of, lengths) => Some(
            found(&own(of))?
                .into_iter()
                .any(|one| lengths.around(one).holds(address)),
        ),
        Mechanism::Mx(of, lengths) => {
            let hosts = match sight.exchangers.get(&own(of))? {
                Answer::Found(hosts) => hosts.clone(),
                Answer::Nothing => Vec::new(),
                Answer::Unknown(_) => return None,
            };
            let mut all = Vec::new();
            for host in &hosts {
                all.extend(found(host)?);
            }
            Some(all.into_iter().any(|one| lengths.around(one).holds(address)))
        }
        Mechanism::Unjudged(_) => None,
    }
}

/// Judges the record of the domain that return paths are of. `sends_from` are the addresses that the relay sends to the world from,
/// where they are known.
#[must_use]
pub fn judge(domain: &str, sight: &Sight, sends_from: &[IpAddr]) -> Check {
    let mut walk = Walk::new(sight);
    let record = walk.record(domain);
    if let Some(fault) = walk.unknown.first() {
        let finding = super::mail::unanswered(domain, fault);
        return Check::judged(CheckName::Spf, finding.seen.clone(), vec![finding]);
    }
    if walk.lookups > MOST_LOOKUPS {
        let said = format!(
            "{domain} asks DNS for more than {MOST_LOOKUPS} terms, and receivers then take the whole record for broken"
        );
        walk.fault("lookups", said);
    }
    if walk.void > MOST_VOID {
        let said = format!(
            "{} terms of {domain} find nothing in DNS; more than {MOST_VOID} break the record",
            walk.void
        );
        walk.fault("void", said);
    }
    match record.as_ref().map(Record::extreme) {
        Some(Some(record::Extreme::Nobody)) => {
            walk.fault("nobody", format!("{domain} allows nobody to send"))
        }
        Some(Some(record::Extreme::Anybody)) => {
            walk.fault("anybody", format!("{domain} allows anybody to send (+all)"));
        }
        _ => {}
    }
    let mut notes: Vec<String> = Vec::new();
    if walk.faults.is_empty() {
        for address in sends_from {
            match evaluate(sight, domain, *address, 0) {
                Verdict::By(Qualifier::Pass) => {}
                Verdict::Unsure => notes.push(format!("whether {address} may send was not judged")),
                said => {
                    let word = match said {
                        Verdict::By(qualifier) => qualifier.word(),
                        _ => "not named",
                    };
                    walk.fault(
                        "refused",
                        format!("{domain} does not allow {address} to send: it is {word}"),
                    );
                }
            }
        }
    }
    if sends_from.is_empty() {
        notes.push(
            "which addresses the relay sends from is not known, so that it was not judged whether they are allowed; name them in \
             [preflight] sends_from"
                .to_owned(),
        );
    }
    notes.extend(walk.unjudged.iter().map(|term| format!("not judged: {term}")));
    let seen = match (&record, walk.faults.first()) {
        (Some(record), None) => format!(
            "{domain}: {record}; {} of {MOST_LOOKUPS} terms ask DNS",
            walk.lookups
        ),
        (_, Some((_, fault))) => fault.clone(),
        (None, None) => format!("{domain} was not read"),
    };
    let remedy = "publish one TXT record such as `v=spf1 include:YOUR-RELAY -all`, as the operator of the relay says; until then \
                  receivers may refuse our mail";
    let findings = walk
        .faults
        .into_iter()
        .map(|(key, said)| Finding::new(format!("{key} {said}"), said, remedy))
        .collect();
    Check::judged(CheckName::Spf, seen, findings).noting(notes)
}
