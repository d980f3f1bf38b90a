//! Checks of how mail goes out and comes back: relays, keys and policies in DNS, where reports come in.

use super::{Answer, Check, CheckName, CheckResult, Finding};

/// A relay that let us in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelaySeen {
    /// Host and port.
    pub server: String,
    /// How the connection was encrypted, in words.
    pub encryption: &'static str,
    /// As whom we signed in, where the relay wants that.
    pub signed_in_as: Option<String>,
}

/// Judges a relay: that it was reached, was encrypted, and let us sign in. Nothing was sent, so that what it does with a message is not
/// judged.
#[must_use]
pub fn relay(check: CheckName, server: &str, seen: Result<RelaySeen, String>) -> Check {
    match seen {
        Ok(seen) => {
            let login = seen.signed_in_as.map_or_else(
                || "no sign-in configured".to_owned(),
                |name| format!("signed in as {name}"),
            );
            Check::judged(
                check,
                format!("{} answered; {}; {login}", seen.server, seen.encryption),
                Vec::new(),
            )
        }
        Err(fault) => {
            let table = if check == CheckName::SecondRelay {
                "[mail.second_relay]"
            } else {
                "[mail.smtp]"
            };
            let remedy = format!(
                "no mail can go over it until this is mended: look at the relay, its certificate and the sign-in, and compare them with \
                 {table} of the configuration"
            );
            let seen = format!("{server} could not be used: {fault}");
            Check::judged(check, seen.clone(), vec![Finding::new("unusable", seen, remedy)])
        }
    }
}

/// The tags of a record such as `v=DKIM1; p=…` (RFC 6376, 3.2), in their order.
fn tags(text: &str) -> Vec<(&str, &str)> {
    text.split(';')
        .filter_map(|tag| tag.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect()
}

fn tag<'a>(tags: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    tags.iter()
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| *value)
}

/// What every DNS check says where nobody answered.
pub(super) fn unanswered(name: &str, fault: &str) -> Finding {
    Finding::new(
        "unanswered",
        format!("{name} could not be asked for: {fault}"),
        "see that this machine reaches a DNS server, or name one in [preflight] resolver",
    )
}

/// Judges the record of the key that mail is signed with: it is there once and has that key, for mail, by SHA-256. `record` is what
/// should stand at `name`.
#[must_use]
pub fn dkim(name: &str, record: &str, answer: Answer<Vec<String>>) -> Check {
    let publish = |key: &str, seen: String| {
        let remedy = "publish what `watchkeeper mail dkim-record` prints; until then receivers take our signatures for forged";
        vec![Finding::new(key, seen, remedy)]
    };
    let found = match answer {
        Answer::Unknown(fault) => {
            let finding = unanswered(name, &fault);
            return Check::judged(CheckName::Dkim, finding.seen.clone(), vec![finding]);
        }
        Answer::Nothing => Vec::new(),
        Answer::Found(texts) => texts,
    };
    let keys: Vec<&String> = found
        .iter()
        .filter(|text| tag(&tags(text), "p").is_some())
        .collect();
    let (seen, findings) = match keys.as_slice() {
        [] => {
            let seen = format!("{name} has no key");
            (seen.clone(), publish("missing", seen))
        }
        [one] => match key_fault(record, one) {
            None => (format!("{name} has the key that mail is signed with"), Vec::new()),
            Some((key, problem)) => {
                let seen = format!("{name} {problem}");
                (seen.clone(), publish(key, seen))
            }
        },
        several => {
            let seen = format!(
                "{name} has {} keys, so that receivers may take any of them",
                several.len()
            );
            (
                seen.clone(),
                vec![Finding::new(
                    "several",
                    seen,
                    "leave one record at this name: a new key takes a new selector",
                )],
            )
        }
    };
    let tests = keys.iter().any(|text| {
        tag(&tags(text), "t").is_some_and(|flags| flags.split(':').any(|flag| flag.trim() == "y"))
    });
    let note =
        "the record says that signatures are being tested (t=y), so that receivers need not count them"
            .to_owned();
    Check::judged(CheckName::Dkim, seen, findings).noting(tests.then_some(note))
}

/// What is wrong with a record of a key, where `record` is what it should say.
fn key_fault(record: &str, found: &str) -> Option<(&'static str, String)> {
    let (ours, theirs) = (tags(record), tags(found));
    let key = |tags: &[(&str, &str)]| {
        let value = tag(tags, "p").unwrap_or_default();
        value.chars().filter(|c| !c.is_whitespace()).collect::<String>()
    };
    let lists = |name: &str, wanted: &str| {
        tag(&theirs, name).is_none_or(|list| list.split(':').any(|one| [wanted, "*"].contains(&one.trim())))
    };
    let kind = |tags: &[(&str, &str)]| tag(tags, "k").unwrap_or("rsa").to_ascii_lowercase();
    if tag(&theirs, "v").is_some_and(|version| version != "DKIM1") {
        return Some(("version", "is of another version than DKIM1".to_owned()));
    }
    if key(&theirs).is_empty() {
        return Some(("revoked", "says that its key is revoked (an empty p=)".to_owned()));
    }
    if kind(&ours) != kind(&theirs) {
        let problem = format!(
            "has a key of kind {}, and mail is signed with {}",
            kind(&theirs),
            kind(&ours)
        );
        return Some(("kind", problem));
    }
    if key(&ours) != key(&theirs) {
        return Some((
            "other_key",
            "has another key than the one that mail is signed with".to_owned(),
        ));
    }
    if !lists("h", "sha256") {
        return Some((
            "hash",
            "does not allow SHA-256 (h=), which our signatures use".to_owned(),
        ));
    }
    (!lists("s", "email")).then(|| ("service", "is not for mail (s=)".to_owned()))
}

/// Judges what DNS has at `_dmarc` of the author's domain and, where that has nothing, of the domains above it. That there is none is
/// said and is no failure: receivers then decide by themselves.
#[must_use]
pub fn dmarc(domain: &str, answers: &[(String, Answer<Vec<String>>)]) -> Check {
    for (name, answer) in answers {
        let texts = match answer {
            Answer::Unknown(fault) => {
                let finding = unanswered(name, fault);
                return Check::judged(CheckName::Dmarc, finding.seen.clone(), vec![finding]);
            }
            Answer::Nothing => continue,
            Answer::Found(texts) => texts,
        };
        let policies: Vec<&String> = texts
            .iter()
            .filter(|text| tags(text).first() == Some(&("v", "DMARC1")))
            .collect();
        match policies.as_slice() {
            [] => {}
            [one] => return policy(name, one),
            several => {
                let seen = format!(
                    "{name} has {} policies, and receivers then take none",
                    several.len()
                );
                let finding = Finding::new(
                    "several",
                    seen.clone(),
                    "leave one TXT record that begins with v=DMARC1",
                );
                return Check::judged(CheckName::Dmarc, seen, vec![finding]);
            }
        }
    }
    let note = "publish `v=DMARC1; p=none; rua=mailto:…` first, read its reports, and then ask for p=quarantine or p=reject: it keeps \
                others from writing notices in your name"
        .to_owned();
    Check::judged(
        CheckName::Dmarc,
        format!("no policy is published for {domain}; receivers decide by themselves"),
        Vec::new(),
    )
    .noting([note])
}

fn policy(name: &str, text: &str) -> Check {
    let tags = tags(text);
    let asked = tag(&tags, "p").unwrap_or_default();
    if ["none", "quarantine", "reject"].contains(&asked.to_ascii_lowercase().as_str()) {
        return Check::judged(CheckName::Dmarc, format!("{name} asks for p={asked}"), Vec::new());
    }
    let seen = format!("{name} has no policy that receivers know (p=none, quarantine or reject)");
    let remedy = "write `v=DMARC1; p=none`, or a stricter policy";
    Check::judged(
        CheckName::Dmarc,
        seen.clone(),
        vec![Finding::new("policy", seen, remedy)],
    )
}

/// Where reports about our mail come in, and whether somebody answers there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Address and port.
    pub address: String,
    /// What it said at first, or why it could not be reached.
    pub greeting: Result<String, String>,
}

/// Judges where reports about our mail come in; none where none is configured.
#[must_use]
pub fn bounces(listener: Option<Listener>) -> Check {
    let Some(Listener { address, greeting }) = listener else {
        return Check::not_applicable(
            CheckName::Bounces,
            "[mail.bounces] is not configured: a letter that a server takes and returns later counts as delivered",
        );
    };
    match greeting {
        Ok(greeting) if greeting.starts_with("220") => {
            Check::judged(CheckName::Bounces, format!("{address} answers"), Vec::new())
                .noting(["whether your mail server leads the domain's mail there is not judged".to_owned()])
        }
        other => {
            let said = match other {
                Ok(greeting) => format!("it said `{greeting}`"),
                Err(fault) => fault,
            };
            let seen = format!("{address} does not take reports: {said}");
            let remedy =
                "see that the service runs and that [mail.bounces] listen is an address that only it uses";
            Check::judged(
                CheckName::Bounces,
                seen.clone(),
                vec![Finding::new("unreachable", seen, remedy)],
            )
        }
    }
}

impl CheckResult {
    /// As records write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotApplicable => "not_applicable",
        }
    }
}
