//! What only shows once a table has been read: values that are well formed and cannot work.

use super::read::Reader;
use super::{
    Changes, Contacts, Database, Detection, Drill, Mail, Paging, Playbooks, Preflight, Quotas, Server, Sns,
};
use std::collections::BTreeSet;
use watchkeeper_deliver::{DkimConfig, DkimSigner, SmtpConfig};
use watchkeeper_domain::customer::address_fault;
use watchkeeper_domain::span::Span;

/// How late an event may be, or how far ahead: a week, which is longer than any log service takes to deliver.
const LONGEST_DISORDER: Span = Span::hours(7 * 24);

/// How long before a change customers can be promised to be told, at most.
const LONGEST_NOTICE_DAYS: u32 = 365;

impl Reader<'_> {
    pub(super) fn check_server(&mut self, server: &Server) {
        self.check_address("server", "admin_email", &server.admin_email);
        let base = &server.base_url;
        let sound = (base.starts_with("https://") || base.starts_with("http://"))
            && !base.ends_with('/')
            && !base.contains(['?', '#', ' ']);
        if !sound {
            let problem = format!("`{base}` is not an address");
            let remedy = "write such as https://watch.example.com, without a slash at its end";
            self.say("server", "base_url", problem, remedy);
        }
        if !server.listen.ip().is_loopback() && base.starts_with("http://") {
            let problem = format!(
                "{} is reachable from other machines, but base_url is not https",
                server.listen
            );
            let remedy = "put a TLS proxy before it and name its https address, or listen on 127.0.0.1";
            self.say("server", "base_url", problem, remedy);
        }
    }

    pub(super) fn check_database(&mut self, database: &Database) {
        let known = ["sqlite:", "postgres://", "postgresql://"];
        if !known.iter().any(|scheme| database.url.starts_with(scheme)) {
            // The address may hold a password, so it is not repeated.
            let problem = "this is no database that is known".to_owned();
            self.say(
                "database",
                "url",
                problem,
                "write sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME",
            );
        }
    }

    pub(super) fn check_mail(&mut self, mail: &Mail) {
        self.check_address("mail", "from", &mail.from);
        let relays = [
            ("smtp", mail.smtp.as_ref()),
            ("second_relay", mail.second_relay.as_ref()),
        ];
        for (table, relay) in relays {
            for fault in relay.map(SmtpConfig::validate).unwrap_or_default() {
                let line = self.line("mail", table);
                self.fault(
                    line,
                    &format!("mail.{table}.{}", fault.field),
                    fault.problem,
                    &fault.remedy,
                );
            }
        }
        if mail.per_domain_per_minute == 0 {
            let problem = "0 would send no letter".to_owned();
            self.say(
                "mail",
                "per_domain_per_minute",
                problem,
                "write 1 or more, or leave it out for 300",
            );
        }
        self.check_ses(mail);
        if let Some(dkim) = &mail.dkim {
            self.check_dkim(dkim, &mail.from);
        }
        if let Some(bounces) = &mail.bounces {
            let address = format!("b+dlv@{}", bounces.domain);
            if address_fault(&address).is_some() || !bounces.domain.contains('.') {
                let line = self.line_below("mail", "bounces", "domain");
                let problem = format!("`{}` is not a domain", bounces.domain);
                let remedy = "write a domain whose mail is led here, such as \"bounces.example.com\"";
                self.fault(line, "mail.bounces.domain", problem, remedy);
            }
        }
    }

    /// What is wrong with SES, and with how it stands beside the relays.
    fn check_ses(&mut self, mail: &Mail) {
        let Some(ses) = &mail.ses else {
            if mail.smtp.is_none() {
                let problem = "mail has no way out".to_owned();
                self.say(
                    "mail",
                    "smtp",
                    problem,
                    "add [mail.smtp] with a relay, or [mail.ses] with Amazon SES",
                );
            }
            return;
        };
        for fault in ses.validate() {
            let table = if matches!(fault.field, "configuration_set" | "topics") {
                "mail.ses"
            } else {
                "mail.ses.access"
            };
            let line = self.line("mail", "ses");
            self.fault(
                line,
                &format!("{table}.{}", fault.field),
                fault.problem,
                &fault.remedy,
            );
        }
        if mail.smtp.is_some() && mail.second_relay.is_some() {
            let line = self.line("mail", "ses");
            let problem = "there are two second relays, SES and mail.second_relay".to_owned();
            self.fault(
                line,
                "mail.ses",
                problem,
                "remove one of mail.smtp, mail.second_relay and mail.ses",
            );
        }
    }

    fn check_dkim(&mut self, dkim: &DkimConfig, author: &str) {
        if let Err(faults) = DkimSigner::open(dkim) {
            for fault in faults.0 {
                let line = self.line_below("mail", "dkim", fault.field);
                let field = format!("mail.dkim.{}", fault.field);
                self.fault(line, &field, fault.problem, &fault.remedy);
            }
        }
        if !dkim.aligned_with(author) {
            let line = self.line_below("mail", "dkim", "domain");
            let problem = format!(
                "receivers do not count a signature of `{}` for {author} (DMARC)",
                dkim.domain
            );
            let remedy = "write the domain of mail.from, or one above it";
            self.fault(line, "mail.dkim.domain", problem, remedy);
        }
    }

    pub(super) fn check_sns(&mut self, sns: &Sns) {
        for fault in sns.access.validate() {
            let line = self.line("sns", "access");
            self.fault(
                line,
                &format!("sns.access.{}", fault.field),
                fault.problem,
                &fault.remedy,
            );
        }
    }

    /// `sns` is what is configured of it; the inner none says that it could not be read, and then its topics are not known.
    pub(super) fn check_paging(&mut self, paging: &Paging, sns: Option<Option<&Sns>>) {
        let line = self.line("paging", "steps");
        for fault in paging.policy().faults() {
            let (field, problem) = fault.split_once(' ').unwrap_or(("paging", &fault));
            self.fault(line, field, problem.to_owned(), "");
        }
        let topics: Option<BTreeSet<String>> = match sns {
            None => Some(BTreeSet::new()),
            Some(sns) => sns.map(|sns| sns.topics.keys().cloned().collect()),
        };
        for (index, step) in paging.steps.iter().enumerate() {
            for fault in step.people.iter().filter_map(|address| address_fault(address)) {
                self.fault(line, &format!("paging.steps[{index}].people"), fault, "");
            }
            let Some(topics) = &topics else { continue };
            for topic in step.topics.iter().filter(|topic| !topics.contains(*topic)) {
                let field = format!("paging.steps[{index}].topics");
                let remedy = format!("add it to [sns.topics], or use one of: {}", join(topics));
                self.fault(line, &field, format!("there is no topic `{topic}`"), &remedy);
            }
        }
        for fault in paging
            .executives
            .iter()
            .filter_map(|address| address_fault(address))
        {
            self.say("paging", "executives", fault, "");
        }
    }

    pub(super) fn check_changes(&mut self, changes: Changes) {
        if changes.notice_days > LONGEST_NOTICE_DAYS {
            let problem = format!(
                "{} days before a change are more than a year",
                changes.notice_days
            );
            let remedy = "write what you promise to customers, at most 365";
            self.say("changes", "notice_days", problem, remedy);
        }
    }

    pub(super) fn check_drill(&mut self, drill: &Drill) {
        let (reach, faults) = drill.read();
        for (place, problem) in faults {
            let line = self.line("drill", "reach");
            let remedy =
                "write an address, all of a domain as \"@company.example\", or the ARN of an SNS topic";
            self.fault(line, &format!("drill.reach[{place}]"), problem, remedy);
        }
        let mailbox = match (&drill.customers_to, drill.reach.is_empty()) {
            (Some(mailbox), false) => mailbox,
            (None, true) => return,
            (None, false) => {
                let problem = "no mailbox stands for customers in a drill".to_owned();
                let remedy = "write one of your own within reach, such as \"drill@company.example\"";
                return self.say("drill", "customers_to", problem, remedy);
            }
            (Some(_), true) => {
                let problem = "nobody may be reached in a drill".to_owned();
                let remedy = "write whom messages of a drill may go to, such as [\"@company.example\"]";
                return self.say("drill", "reach", problem, remedy);
            }
        };
        if let Some(fault) = address_fault(mailbox) {
            self.say("drill", "customers_to", fault, "");
        } else if !reach.holds_address(mailbox) {
            let problem = format!("{mailbox} is outside of drill.reach");
            let remedy = "add it, or its domain, to drill.reach, or write a mailbox that is within";
            self.say("drill", "customers_to", problem, remedy);
        }
    }

    pub(super) fn check_preflight(&mut self, preflight: &Preflight) {
        // Both can be wrong, so the zone is read once more beside an instant that is right.
        let zone = Preflight {
            at: "00:00".to_owned(),
            ..preflight.clone()
        };
        if preflight.daily() == Err("at") {
            let problem = format!("`{}` is not an instant of the day", preflight.at);
            self.say(
                "preflight",
                "at",
                problem,
                "write hours and minutes, such as \"06:00\"",
            );
        }
        if zone.daily().is_err() {
            let problem = format!("there is no time zone `{}`", preflight.zone);
            let remedy = "write a name of the IANA database, such as \"UTC\" or \"Europe/Berlin\"";
            self.say("preflight", "zone", problem, remedy);
        }
        if preflight.resolver.is_some_and(|server| server.port() == 0) {
            let problem = "0 is not a port".to_owned();
            self.say(
                "preflight",
                "resolver",
                problem,
                "write address and port, such as \"192.0.2.53:53\"",
            );
        }
    }

    pub(super) fn check_contacts(&mut self, contacts: &Contacts) {
        let (least, most) = (Span::hours(30 * 24), Span::hours(10 * 365 * 24));
        if contacts.verify_every < least || contacts.verify_every > most {
            let problem = format!("{} is out of bounds", contacts.verify_every);
            self.say(
                "contacts",
                "verify_every",
                problem,
                "write 30d to 3650d, such as \"365d\"",
            );
        }
    }

    pub(super) fn check_rules(&mut self, detection: &Detection) {
        for (index, folder) in detection
            .rules
            .iter()
            .enumerate()
            .filter(|(_, folder)| !folder.exists())
        {
            let problem = format!("{} does not exist", folder.display());
            let line = self.line("detection", "rules");
            self.fault(
                line,
                &format!("detection.rules[{index}]"),
                problem,
                "name a folder of YAML files",
            );
        }
    }

    /// How events are judged, beyond the rules. `sources` are the names that could be read.
    pub(super) fn check_detection(&mut self, detection: &Detection, sources: &BTreeSet<String>) {
        for source in detection
            .lateness_of
            .keys()
            .filter(|name| !sources.contains(*name))
        {
            let line = self.line_below("detection", "lateness_of", source);
            let remedy = format!("name a source, or take it away; there are: {}", join(sources));
            let field = format!("detection.lateness_of.{source}");
            self.fault(line, &field, format!("there is no source `{source}`"), &remedy);
        }
        self.check_longest("lateness", None, detection.lateness);
        for (source, lateness) in &detection.lateness_of {
            self.check_longest("lateness_of", Some(source), *lateness);
        }
        self.check_longest("future_skew", None, detection.future_skew);
        self.check_quotas(&detection.quotas);
        for (name, values) in &detection.placeholders {
            let line = self.line_below("detection", "placeholders", name);
            let field = format!("detection.placeholders.{name}");
            if values.is_empty() {
                let problem = format!("`%{name}%` stands for nothing, so that no rule with it can match");
                self.fault(line, &field, problem, "name at least one value, or take it away");
            }
            if name.is_empty() || name.contains('%') {
                let problem = format!("`{name}` is not the name of a placeholder");
                self.fault(
                    line,
                    &field,
                    problem,
                    "write the name as rules have it between the signs %",
                );
            }
        }
    }

    /// Windows cannot end before the lateness has passed, so a long one costs memory and tells late.
    fn check_longest(&mut self, field: &str, source: Option<&str>, span: Span) {
        if span <= LONGEST_DISORDER {
            return;
        }
        let (line, field) = match source {
            Some(source) => (
                self.line_below("detection", field, source),
                format!("detection.{field}.{source}"),
            ),
            None => (self.line("detection", field), format!("detection.{field}")),
        };
        let problem = format!("{span} is too long");
        self.fault(
            line,
            &field,
            problem,
            &format!("write {LONGEST_DISORDER} at most"),
        );
    }

    fn check_quotas(&mut self, quotas: &Quotas) {
        for (field, value, bounds) in [
            ("groups_per_rule", quotas.groups_per_rule, 100..=100_000_000),
            ("state_megabytes", quotas.state_megabytes, 1..=1_048_576),
            ("evidence_megabytes", quotas.evidence_megabytes, 1..=1_048_576),
            ("events_per_rule", quotas.events_per_rule, 100..=100_000_000),
            ("percent_per_tenant", quotas.percent_per_tenant.into(), 1..=100),
            ("ids_per_source", quotas.ids_per_source, 1_000..=100_000_000),
            ("highest_count", quotas.highest_count, 1..=10_000_000),
        ] {
            if !bounds.contains(&value) {
                let line = self.line_below("detection", "quotas", field);
                let problem = format!("{value} is out of bounds");
                let remedy = format!("write a number from {} to {}", bounds.start(), bounds.end());
                self.fault(line, &format!("detection.quotas.{field}"), problem, &remedy);
            }
        }
        let (least, most) = (Span::hours(24), Span::hours(3_660 * 24));
        if quotas.longest_timespan < least || quotas.longest_timespan > most {
            let line = self.line_below("detection", "quotas", "longest_timespan");
            let problem = format!("{} is out of bounds", quotas.longest_timespan);
            let field = "detection.quotas.longest_timespan";
            self.fault(line, field, problem, "write 1d to 3660d, such as \"90d\"");
        }
    }

    pub(super) fn check_playbooks(&mut self, playbooks: &Playbooks) {
        if let Some(folder) = playbooks.folder.as_ref().filter(|folder| !folder.is_dir()) {
            let problem = format!("{} is not a folder", folder.display());
            self.say("playbooks", "folder", problem, "name a folder of playbooks");
            return;
        }
        match crate::embedded::library(playbooks.folder.as_deref()) {
            Err(fault) => self.say("playbooks", "folder", fault, "name a folder that can be read"),
            Ok(mut library) => {
                let evidence = library
                    .faults
                    .iter()
                    .filter(|(path, _)| path.starts_with("evidence/"));
                let faults: Vec<String> = evidence.map(|(path, fault)| format!("{path}, {fault}")).collect();
                for fault in faults {
                    self.say("playbooks", "folder", fault, "");
                }
                for id in library.enable(&playbooks.enable) {
                    let problem = format!("there is no sound rule `{id}`");
                    let remedy = "`watchkeeper obligations list` shows them, `watchkeeper obligations check` their faults";
                    self.say("playbooks", "enable", problem, remedy);
                }
                for id in library.set_targets(&playbooks.targets) {
                    let problem = format!("there is no sound rule `{id}` that leaves the time open");
                    let remedy = "give targets to rules that ask for something `as soon as possible`; `watchkeeper obligations list` shows them";
                    self.say("playbooks.targets", &id, problem, remedy);
                }
            }
        }
    }

    pub(super) fn check_address(&mut self, table: &str, field: &str, address: &str) {
        if let Some(fault) = address_fault(address) {
            self.say(table, field, fault, "");
        }
    }

    fn say(&mut self, table: &str, field: &str, problem: String, remedy: &str) {
        let line = self.line(table, field);
        self.fault(line, &format!("{table}.{field}"), problem, remedy);
    }
}

fn join(names: &BTreeSet<String>) -> String {
    if names.is_empty() {
        "(there are none yet)".to_owned()
    } else {
        names.iter().cloned().collect::<Vec<_>>().join(", ")
    }
}
