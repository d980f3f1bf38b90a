//! The pre-flight: gathers what the checks are judged by, keeps how they came out.
//!
//! What the records say is read at one instant, and no transaction is open while relays and DNS are asked.

use crate::desk::{Desk, RespondError};
use crate::house::{House, PreflightPlan};
use crate::library::Library;
use crate::operations::holding_words::{HoldingWords, holding_words};
use crate::outbox::by_address;
use crate::workers::seal::Sealing;
use crate::workers::witness::{ROUTINE as WITNESS, Witnessed};
use chrono::{DateTime, Utc};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::timeout;
use watchkeeper_deliver::{Dns, SesChannel, SesConfig, SmtpConfig, probe_listener, probe_relay};
use watchkeeper_domain::access::{Permission, User};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::customer::Customer;
use watchkeeper_domain::id::PreflightId;
use watchkeeper_domain::notice::{ContactTemplate, LetterTemplate, NoticeKind, WordsApproval, base_language};
use watchkeeper_domain::preflight::spf::{self, Question, Sight};
use watchkeeper_domain::preflight::{
    self as check, Answer, AuditSeen, Check, CheckName, Coverage, LettersSeen, PeopleSeen, Post, Preflight,
    Standing, SuppressedSeen, WitnessesSeen,
};
use watchkeeper_store::{Routine, Tx};

/// The name of the row that has when it is due.
pub(crate) const ROUTINE: &str = "preflight";

/// How long all questions of one DNS check may take.
const DNS_WITHIN: Duration = Duration::from_secs(30);

/// How long the suppression list of SES may take: it has pages of a thousand addresses.
const SUPPRESSION_WITHIN: Duration = Duration::from_secs(120);

/// How many questions an SPF record is followed with; the limits of RFC 7208 allow for fewer.
const MOST_QUESTIONS: usize = 120;

/// How far above its own domain a DMARC policy is looked for.
const DMARC_NAMES: usize = 5;

impl Desk {
    /// Takes all checks now and keeps how they came out. Nobody is paged: whoever asks sees it.
    ///
    /// # Errors
    /// When the store cannot be read or written. A check that fails is no error.
    pub async fn preflight(&self, by: &Actor) -> Result<Preflight, RespondError> {
        let taken = self.take_preflight(by).await?;
        let mut tx = self.begin().await?;
        let taken = self.keep_preflight(&mut tx, taken).await?;
        self.commit(tx).await?;
        Ok(taken)
    }

    /// When the pre-flight is taken next by itself; none where that is switched off, or nothing is planned yet.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next_preflight_at(&self) -> Result<Option<DateTime<Utc>>, RespondError> {
        if self.house.preflight.daily.is_none() {
            return Ok(None);
        }
        let planned: Option<Routine<Standing>> = self.store.read().await?.routine(ROUTINE).await?;
        Ok(planned.map(|planned| planned.due_at))
    }

    /// Takes all checks; nothing is kept.
    pub(crate) async fn take_preflight(&self, by: &Actor) -> Result<Preflight, RespondError> {
        let began_at = self.now();
        // After the service was down much may wait for a checkpoint that only has to be made.
        let sealed = Sealing::new(self.clone()).everything().await;
        let unsealable = sealed.err().map(|fault| fault.to_string());
        let mut tx = self.store.read().await?;
        let customers = tx.all_customers().await?;
        let people = tx.users().await?;
        let approvals = tx.words_approvals().await?;
        let mut own = vec![
            letters_check(
                &self.house.library,
                &customers,
                self.house.contacts.ask,
                Some(&approvals),
            ),
            self.contacts_check(&mut tx, &customers, began_at).await?,
            check::people(&posts(&self.house, &people)),
            self.audit_check(&mut tx, began_at, unsealable).await?,
        ];
        drop(tx);
        let mut checks = mail_checks(&self.house, &customers, &people).await;
        checks.append(&mut own);
        Ok(Preflight {
            id: PreflightId::generate(began_at),
            by: by.clone(),
            began_at,
            ended_at: self.now(),
            checks,
            recovered: Vec::new(),
        })
    }

    /// Keeps how the checks came out, with what recovered since the last time.
    pub(crate) async fn keep_preflight(
        &self,
        tx: &mut Tx,
        taken: Preflight,
    ) -> Result<Preflight, RespondError> {
        let before = tx.preflights(1).await?;
        let taken = taken.after(before.first());
        tx.insert_preflight(&taken).await?;
        let names =
            |checks: &mut dyn Iterator<Item = CheckName>| checks.map(CheckName::name).collect::<Vec<_>>();
        let detail = json!({
            "failed": names(&mut taken.failed().map(|check| check.check)),
            "recovered": names(&mut taken.recovered.iter().copied()),
            "checks": taken.checks.len(),
        });
        self.record(tx, &taken.by, "preflight.taken", taken.id.as_str(), detail)
            .await?;
        Ok(taken)
    }

    async fn contacts_check(
        &self,
        tx: &mut Tx,
        customers: &[Customer],
        now: DateTime<Utc>,
    ) -> Result<Check, RespondError> {
        let coverage = Coverage {
            verify_every: self.house.contacts.verify_every,
        };
        let asked = tx.contacts_asked().await?;
        Ok(check::contacts(customers, &asked, coverage, now))
    }

    async fn audit_check(
        &self,
        tx: &mut Tx,
        now: DateTime<Utc>,
        fault: Option<String>,
    ) -> Result<Check, RespondError> {
        let last = tx.last_checkpoint().await?;
        let size = last.as_ref().map_or(0, |last| last.size);
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let unsealed = tx.audit_after(size, 1).await?;
        let witnessed = tx.routine::<Witnessed>(WITNESS).await?;
        let witnessed = witnessed.map(|planned| planned.memory).unwrap_or_default();
        let seen = AuditSeen {
            sealed_at: last.map(|last| last.at),
            unsealed_since: unsealed.first().map(|record| record.at),
            every: self.house.seal_every,
            fault,
            witnesses: WitnessesSeen {
                named: self.house.witnesses.len(),
                sent_at: witnessed.sent_at,
                taken_at: witnessed.taken_at,
            },
        };
        Ok(check::audit_log(&seen, now))
    }
}

/// The checks that need no records: for an installation that has not run yet.
pub async fn without_records(house: &House, now: DateTime<Utc>) -> Preflight {
    let mut checks = mail_checks(house, &[], &[]).await;
    checks.push(letters_check(&house.library, &[], house.contacts.ask, None));
    let no_records = "there is no database yet: the service has not run";
    let left_out = [CheckName::Contacts, CheckName::People, CheckName::AuditLog];
    checks.extend(left_out.map(|check| Check::not_applicable(check, no_records)));
    Preflight {
        id: PreflightId::generate(now),
        by: Actor::Operator,
        began_at: now,
        ended_at: now,
        checks,
        recovered: Vec::new(),
    }
}

/// Relays, DNS, and where reports come in; all at once, each within its own bounds.
async fn mail_checks(house: &House, customers: &[Customer], people: &[User]) -> Vec<Check> {
    let plan = &house.preflight;
    let listener = async {
        match plan.reports_at {
            Some(listen) => Some(probe_listener(listen).await),
            None => None,
        }
    };
    let (relay, second, dkim, spf, dmarc, listener, suppressed) = tokio::join!(
        relay_check(CheckName::Relay, plan.relay.as_ref(), plan),
        relay_check(CheckName::SecondRelay, plan.second_relay.as_ref(), plan),
        dkim_check(house),
        spf_check(house),
        dmarc_check(house),
        listener,
        suppressed(plan.ses.as_ref(), customers, people),
    );
    let bounces = check::bounces(listener);
    let suppression = check::suppression(customers, people, suppressed);
    vec![relay, second, dkim, spf, dmarc, bounces, suppression]
}

/// Which addresses of contacts and of our own people SES sends nothing to; none where mail does not go over it.
async fn suppressed(
    ses: Option<&SesConfig>,
    customers: &[Customer],
    people: &[User],
) -> Option<Result<Vec<SuppressedSeen>, String>> {
    let ses = ses?;
    let contacts = customers.iter().flat_map(|customer| &customer.contacts);
    let mut addresses: Vec<String> = contacts.map(|contact| contact.email.clone()).collect();
    addresses.extend(people.iter().map(|person| person.email.clone()));
    let ask = async {
        let channel = SesChannel::new(ses, None)
            .await
            .map_err(|faults| faults.to_string())?;
        let found = channel.suppressed(&addresses).await;
        found.map_err(|fault| fault.to_string())
    };
    let found = match timeout(SUPPRESSION_WITHIN, ask).await {
        Ok(found) => found,
        Err(_) => Err(format!(
            "the suppression list of SES was not read within {} s",
            SUPPRESSION_WITHIN.as_secs()
        )),
    };
    let seen = |found: Vec<watchkeeper_deliver::Suppressed>| {
        let each = found.into_iter().map(|one| SuppressedSeen {
            address: one.address,
            reason: one.reason,
            since: one.since,
        });
        each.collect()
    };
    Some(found.map(seen))
}

async fn relay_check(name: CheckName, relay: Option<&SmtpConfig>, plan: &PreflightPlan) -> Check {
    let Some(relay) = relay else {
        let over_ses = plan.ses.is_some() && (name == CheckName::Relay || plan.relay.is_some());
        let why = if over_ses {
            "Amazon SES is in its place"
        } else {
            "not configured"
        };
        return Check::not_applicable(name, why);
    };
    let server = format!("{}:{}", relay.host, relay.effective_port());
    check::relay(name, &server, probe_relay(relay).await)
}

fn dns_of(plan: &PreflightPlan, name: CheckName) -> Result<Dns, Check> {
    let why = "mail of the demonstration stays in its own mailbox";
    plan.dns.ok_or_else(|| Check::not_applicable(name, why))
}

async fn dkim_check(house: &House) -> Check {
    let dns = match dns_of(&house.preflight, CheckName::Dkim) {
        Ok(dns) => dns,
        Err(left_out) => return left_out,
    };
    let Some(signer) = &house.dkim else {
        let why =
            "[mail.dkim] is not configured: mail is not signed here, so that it cannot be proved to be ours";
        return Check::not_applicable(CheckName::Dkim, why);
    };
    let name = signer.record_name();
    let answer = dns.texts(&name).await;
    check::dkim(&name, &signer.record(), answer)
}

async fn spf_check(house: &House) -> Check {
    let dns = match dns_of(&house.preflight, CheckName::Spf) {
        Ok(dns) => dns,
        Err(left_out) => return left_out,
    };
    if house.preflight.relay.is_none() && house.preflight.ses.is_some() {
        let why = "mail goes over Amazon SES, which has return paths of its own";
        return Check::not_applicable(CheckName::Spf, why);
    }
    let domain = match &house.bounces {
        Some(domain) => domain.to_ascii_lowercase(),
        None => domain_of(&house.mail_from.address),
    };
    let mut sight = Sight::default();
    let looked = timeout(DNS_WITHIN, look(&dns, &domain, &mut sight)).await;
    if looked.is_err() {
        let late = Answer::Unknown(format!(
            "its includes were not answered within {} s",
            DNS_WITHIN.as_secs()
        ));
        sight.put_texts(domain.clone(), late);
    }
    spf::judge(&domain, &sight, &house.preflight.sends_from)
}

/// Asks until all is known that the record needs.
async fn look(dns: &Dns, domain: &str, sight: &mut Sight) {
    let mut asked = 0;
    loop {
        let wanted = sight.wanted(domain);
        asked += wanted.len();
        if wanted.is_empty() || asked > MOST_QUESTIONS {
            return;
        }
        for question in wanted {
            match question {
                Question::Texts(name) => sight.put_texts(name.clone(), dns.texts(&name).await),
                Question::Addresses(name) => sight.put_addresses(name.clone(), dns.addresses(&name).await),
                Question::Exchangers(name) => sight.put_exchangers(name.clone(), dns.exchangers(&name).await),
            }
        }
    }
}

async fn dmarc_check(house: &House) -> Check {
    let dns = match dns_of(&house.preflight, CheckName::Dmarc) {
        Ok(dns) => dns,
        Err(left_out) => return left_out,
    };
    let domain = domain_of(&house.mail_from.address);
    let labels: Vec<&str> = domain.split('.').collect();
    let last = labels.len().saturating_sub(1).max(1);
    let mut answers = Vec::new();
    for cut in (0..last).take(DMARC_NAMES) {
        let name = format!("_dmarc.{}", labels[cut..].join("."));
        let answer = match timeout(DNS_WITHIN, dns.texts(&name)).await {
            Ok(answer) => answer,
            Err(_) => Answer::Unknown("no answer in time".to_owned()),
        };
        let ends = !matches!(answer, Answer::Nothing);
        answers.push((name, answer));
        if ends {
            break;
        }
    }
    check::dmarc(&domain, &answers)
}

fn domain_of(address: &str) -> String {
    let domain = address.rsplit('@').next().unwrap_or_default();
    domain.to_ascii_lowercase()
}

/// `approvals` is what people said of words; none where that cannot be known yet.
fn letters_check(
    library: &Library,
    customers: &[Customer],
    asks: bool,
    approvals: Option<&[WordsApproval]>,
) -> Check {
    let folders = library.letters.iter();
    let filled = folders.flat_map(|(folder, letters)| letters.iter().map(move |letter| (folder, letter)));
    let mut seen = LettersSeen {
        faults: library
            .faults
            .iter()
            .filter(|(path, _)| path.starts_with("letters/"))
            .cloned()
            .collect(),
        ..LettersSeen::default()
    };
    let mut rehearse = |path: String, filled: Result<(), String>| match filled {
        Ok(()) => seen.filled += 1,
        Err(fault) => seen.faults.push((path, fault)),
    };
    for (folder, letter) in filled {
        let path = format!("letters/{folder}/{}/{}.yaml", letter.language, letter.kind.name());
        rehearse(path, letter.rehearse());
    }
    for letter in &library.contact_letters {
        let path = format!("letters/customer/{}/contact.yaml", letter.language());
        rehearse(path, letter.rehearse());
    }
    if asks && ContactTemplate::choose(&library.contact_letters, "en").is_none() {
        let fault = "is missing; without it contacts are not asked whether they are still the right ones";
        let path = "letters/customer/en/contact.yaml".to_owned();
        seen.faults.push((path, fault.to_owned()));
    }
    for kind in NoticeKind::ALL {
        let path = format!("letters/customer/en/{}.yaml", kind.name());
        let known = seen.faults.iter().any(|(found, _)| *found == path);
        if !known && LetterTemplate::choose(library.letters("customer"), kind, "en").is_none() {
            seen.faults.push((path, "is missing".to_owned()));
        }
    }
    seen.without_letters = library
        .playbooks
        .iter()
        .filter(|playbook| !library.letters.contains_key(&playbook.letters))
        .map(|playbook| (playbook.name.clone(), playbook.letters.clone()))
        .collect();
    // What cannot be filled has been said above.
    let words = approvals.map(|approvals| holding_words(library, customers, approvals).unwrap_or_default());
    for wanting in words.into_iter().flatten().filter(HoldingWords::wanting) {
        let waits = wanting.approval.is_some();
        seen.unapproved
            .insert(wanting.words.language, (wanting.customers, waits));
    }
    let known: BTreeSet<&str> = library.languages();
    for customer in customers {
        let language = customer.language.as_str();
        if !known.contains(language) && !known.contains(base_language(language)) {
            *seen.fall_back.entry(language.to_owned()).or_default() += 1;
        }
    }
    check::letters(seen)
}

/// Who holds the posts that the ladder pages, without those who would stand in for them.
fn posts(house: &House, users: &[User]) -> BTreeMap<Post, PeopleSeen> {
    let open: Vec<User> = users
        .iter()
        .filter(|user| user.closed_at.is_none())
        .cloned()
        .collect();
    let who_may = |permission| PeopleSeen {
        reached: open.iter().filter(|user| user.may(permission)).count(),
        nobody: Vec::new(),
    };
    let named = |people: &[String], topics: &[String]| {
        let nobody = people
            .iter()
            .filter(|address| by_address(&open, &[(*address).clone()]).is_empty());
        let no_topic = topics.iter().filter(|topic| !house.topics.contains_key(*topic));
        let nobody: Vec<String> = nobody.chain(no_topic).cloned().collect();
        PeopleSeen {
            reached: people.len() + topics.len() - nobody.len(),
            nobody,
        }
    };
    let steps = house.paging.steps.iter().enumerate();
    let mut posts: BTreeMap<Post, PeopleSeen> = steps
        .map(|(index, step)| (Post::OnCall(index), named(&step.people, &step.topics)))
        .collect();
    posts.insert(Post::Leads, who_may(Permission::LeadIncidents));
    posts.insert(Post::Counsel, who_may(Permission::ApproveNotices));
    posts.insert(Post::Executives, named(&house.executives, &[]));
    posts
}
