//! The configuration: the default is sound, and every fault is said at once, with its line.

use std::path::Path;
use watchkeeper::config::{Config, ConfigFault, DEFAULT};
use watchkeeper_domain::source_health::SourceAlerts;

fn faults(text: &str) -> Vec<ConfigFault> {
    Config::parse(text, Path::new("watchkeeper.toml"))
        .expect_err("it has faults")
        .faults
}

fn named<'a>(faults: &'a [ConfigFault], field: &str) -> &'a ConfigFault {
    faults
        .iter()
        .find(|fault| fault.field == field)
        .unwrap_or_else(|| panic!("no fault of `{field}` in {faults:#?}"))
}

#[test]
fn the_default_is_sound() {
    let config = Config::parse(DEFAULT, Path::new("default")).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(config.server.listen.ip().is_loopback());
    assert!(config.sources.is_empty());
}

#[test]
fn the_default_says_what_the_code_does() {
    let written = Config::parse(DEFAULT, Path::new("default")).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(written.detection, watchkeeper::config::Detection::default());
    assert_eq!(written.changes, watchkeeper::config::Changes::default());
    assert_eq!(written.incidents, watchkeeper::config::Incidents::default());
    assert_eq!(written.log, watchkeeper::config::Log::default());
}

#[test]
fn every_source_that_the_default_shows_is_sound_when_its_comment_is_taken_away() {
    let start = DEFAULT.find("# [[source]]").expect("the default shows sources");
    let (head, sources) = DEFAULT.split_at(start);
    let uncommented: Vec<&str> = sources
        .lines()
        .map(|line| line.strip_prefix("# ").unwrap_or(line))
        .collect();
    let text = format!("{head}{}", uncommented.join("\n"));
    let config = Config::parse(&text, Path::new("default")).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.sources.len(), 11);
    assert_eq!(*config.sources[0].alerts(), SourceAlerts::default());
    assert!(
        uncommented
            .iter()
            .any(|line| line.starts_with("alerts = { off = []")),
        "the defaults are written"
    );
}

#[test]
fn what_is_wrong_with_the_alerts_of_a_source_is_said_with_its_line() {
    let text = format!(
        "{DEFAULT}\n[[source]]\nkind = \"file\"\nname = \"a\"\npaths = [\"/a\"]\nalerts = {{ quiet_after = \"1s\", unparsed_share = 2.0 }}\n"
    );
    let found = faults(&text);
    let line = text
        .lines()
        .position(|line| line.starts_with("alerts = "))
        .expect("written")
        + 1;
    for field in ["quiet_after", "unparsed_share"] {
        assert_eq!(named(&found, &format!("source[0].alerts.{field}")).line, line);
    }
    let unknown = text.replace("quiet_after = \"1s\", unparsed_share = 2.0", "off = [\"noisy\"]");
    let fault = faults(&unknown).remove(0);
    assert!(
        fault.problem.contains("noisy") && fault.problem.contains("quiet"),
        "{fault:?}"
    );
}

#[test]
fn every_fault_is_said_at_once_with_its_line() {
    let text = r#"[server]
listen = "everywhere"
base_ur = "http://x"

[mail]
from = "not an address"

[mail.smtp]
host = "smtp.example.com"
tls = "none"

[[paging.steps]]
people = []
wait = "5 minutes"

[notices]
company = "Example"
contact = "security@example.com"
check_at = "example.com"

[detektion]
shipped = true

[[source]]
kind = "file"
name = "Edge Access"
paths = ["/var/log/nginx/access.log"]
colour = "red"
"#;
    let faults = faults(text);
    assert_eq!(named(&faults, "server.listen").line, 2);
    assert_eq!(named(&faults, "server.base_ur").line, 3);
    assert_eq!(named(&faults, "detektion").line, 21);
    assert!(named(&faults, "detektion").remedy.contains("detection"));
    // What only shows once a table is read is said beside what cannot be read elsewhere.
    assert_eq!(named(&faults, "mail.from").line, 6);
    assert!(
        faults
            .iter()
            .any(|fault| fault.field.starts_with("paging.steps") && fault.line >= 12),
        "{faults:#?}"
    );
    assert!(
        faults
            .iter()
            .any(|fault| fault.field.starts_with("source[0]") && fault.line == 28),
        "{faults:#?}"
    );
}

#[test]
fn a_fault_in_a_table_below_is_said_with_its_own_field_and_line() {
    let text = DEFAULT
        .replace("tls = \"required\"", "tls = \"perhaps\"")
        .replace("wait = \"5m\"", "wait = \"five minutes\"");
    let line_of = |what: &str| {
        text.lines()
            .position(|line| line.starts_with(what))
            .map(|line| line + 1)
    };
    let faults = faults(&text);
    for (field, what) in [("mail.smtp.tls", "tls = "), ("paging.steps[0].wait", "wait = ")] {
        assert_eq!(Some(named(&faults, field).line), line_of(what), "{faults:#?}");
        assert!(named(&faults, field).remedy.contains("config init"));
    }
}

#[test]
fn what_only_shows_when_fields_are_seen_together_is_said_too() {
    let text = DEFAULT
        .replace("listen = \"127.0.0.1:8420\"", "listen = \"0.0.0.0:8420\"")
        .replace("from = \"watchkeeper@example.com\"", "from = \"nobody\"")
        .replace("# topics = [\"oncall\"]", "topics = [\"oncal\"]");
    let faults = faults(&text);
    assert!(named(&faults, "server.base_url").problem.contains("https"));
    assert!(named(&faults, "mail.from").line > 0);
    assert!(
        named(&faults, "paging.steps[0].topics")
            .remedy
            .contains("sns.topics")
    );
}

#[test]
fn nobody_promises_to_tell_of_changes_more_than_a_year_ahead() {
    let text = DEFAULT.replace("notice_days = 30", "notice_days = 366");
    let faults = faults(&text);
    assert!(
        named(&faults, "changes.notice_days")
            .remedy
            .contains("at most 365"),
        "{faults:#?}"
    );
    let zero = DEFAULT.replace("notice_days = 30", "notice_days = 0");
    let config = Config::parse(&zero, Path::new("x")).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.changes.notice().as_seconds(), 0, "told on the day itself");
}

#[test]
fn a_file_that_is_no_toml_is_said_with_its_line() {
    let faults = faults("[server]\nlisten = \n");
    assert_eq!((faults.len(), faults[0].line), (1, 2));
}

#[test]
fn a_table_that_is_needed_and_missing_is_said() {
    let faults = faults("[server]\nlisten = \"127.0.0.1:1\"\n");
    for table in ["mail", "paging", "notices"] {
        assert!(named(&faults, table).problem.contains("missing"));
    }
}

/// The default with two sources, and this in place of what it says of detection.
fn detection(text: &str) -> String {
    let (head, rest) = DEFAULT.split_once("[detection]\n").expect("the default has it");
    let (_, tail) = rest.split_once("[playbooks]").expect("the default has them");
    let source =
        |name| format!("\n[[source]]\nkind = \"file\"\nname = \"{name}\"\npaths = [\"/var/log/x.log\"]\n");
    format!(
        "[detection]\n{text}{head}[playbooks]{tail}{}{}",
        source("edge"),
        source("trail")
    )
}

#[test]
fn lateness_placeholders_and_quotas_reach_the_detectors() {
    let text = detection(
        "lateness = \"2m\"\nlateness_of = { trail = \"20m\" }\nplaceholders = { admins = [\"root\"] }\n\
         [detection.quotas]\ngroups_per_rule = 5000\npercent_per_tenant = 20\nstate_megabytes = 64\nevidence_megabytes = 8\n\n",
    )
    .replace("name = \"edge\"\n", "name = \"edge\"\nformat = \"cloudtrail\"\n")
    .replace(
        "name = \"trail\"\n",
        "name = \"trail\"\nformat = \"cloudtrail\"\n",
    );
    let config = Config::parse(&text, Path::new("x")).unwrap_or_else(|faults| panic!("{faults}"));
    let limits = watchkeeper::app::limits(&config);
    let of = |name: &str| {
        let name = watchkeeper_domain::event::SourceName(name.to_owned());
        limits.lateness_for(&name).num_minutes()
    };
    assert_eq!(
        (of("trail"), of("edge"), of("other")),
        (20, 15, 2),
        "written, by its format, by default"
    );
    assert_eq!((limits.groups_per_rule, limits.percent_per_tenant), (5_000, 20));
    assert_eq!((limits.state_bytes, limits.evidence_bytes), (64 << 20, 8 << 20));
    assert_eq!(limits.placeholders["admins"], ["root"]);
}

#[test]
fn the_default_bounds_are_those_of_the_engine() {
    let config = Config::parse(DEFAULT, Path::new("default")).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(
        watchkeeper::app::limits(&config),
        watchkeeper_detect::Limits::default()
    );
}

#[test]
fn bounds_of_detection_that_cannot_work_are_said_with_their_lines() {
    let text = detection(
        "lateness = \"400h\"\n\n[detection.lateness_of]\nedge = \"10s\"\nnowhere = \"1m\"\ntrail = \"8d\"\n\n\
         [detection.quotas]\ngroups_per_rule = 0\nstate_megabytes = 99999999999\n\n\
         [detection.placeholders]\nempty = []\n\"%admins%\" = [\"root\"]\n\n",
    );
    let faults = faults(&text);
    for (field, line, remedy) in [
        ("detection.lateness", 2, "168h"),
        ("detection.lateness_of.nowhere", 6, "edge, trail"),
        ("detection.lateness_of.trail", 7, "168h"),
        ("detection.quotas.groups_per_rule", 10, "from 100 to"),
        ("detection.quotas.state_megabytes", 11, "from 1 to"),
        ("detection.placeholders.empty", 14, "at least one value"),
        ("detection.placeholders.%admins%", 15, "between the signs"),
    ] {
        let fault = named(&faults, field);
        assert_eq!(fault.line, line, "{fault:?}");
        assert!(fault.remedy.contains(remedy), "{fault:?}");
    }
    assert_eq!(faults.len(), 7, "{faults:#?}");
}

#[test]
fn what_is_wrong_with_the_signature_of_mail_is_said_with_its_line_and_without_the_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("dkim.pem");
    std::fs::write(
        &key,
        "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
    )
    .expect("written");
    let signature = format!(
        "[mail.dkim]\ndomain = \"example.org\"\nselector = \"watch 1\"\nkey_file = \"{}\"\n\n[[paging.steps]]",
        key.display()
    );
    let text = DEFAULT.replacen("[[paging.steps]]", &signature, 1);
    let faults = faults(&text);
    let line_of = |what: &str| {
        text.lines()
            .position(|line| line.starts_with(what))
            .map(|line| line + 1)
    };
    for (field, what, remedy) in [
        ("mail.dkim.domain", "domain = ", "the domain of mail.from"),
        ("mail.dkim.selector", "selector = ", "letters, digits and hyphens"),
        ("mail.dkim.key_file", "key_file = ", "openssl genrsa"),
    ] {
        let fault = named(&faults, field);
        assert_eq!(Some(fault.line), line_of(what), "{fault:?}");
        assert!(fault.remedy.contains(remedy), "{fault:?}");
    }
    assert!(!format!("{faults:?}").contains("c2VjcmV0"));
}

#[test]
fn a_second_relay_and_return_paths_are_checked_as_the_first_relay_is() {
    let tables = "[mail.second_relay]\nhost = \"smtp.example.net\"\ntls = \"none\"\n\n[mail.bounces]\ndomain = \"bounces\"\n\n[[paging.steps]]";
    let text = DEFAULT.replacen("[[paging.steps]]", tables, 1);
    let faults = faults(&text);
    assert!(
        named(&faults, "mail.second_relay.tls")
            .remedy
            .contains("required")
    );
    let fault = named(&faults, "mail.bounces.domain");
    let line = text.lines().position(|line| line == "domain = \"bounces\"");
    assert_eq!(Some(fault.line), line.map(|line| line + 1), "{fault:?}");
    let sound = text
        .replace("tls = \"none\"", "tls = \"required\"")
        .replace("domain = \"bounces\"", "domain = \"bounces.example.com\"");
    let config = Config::parse(&sound, Path::new("sound.toml")).expect("sound");
    let bounces = config.mail.bounces.expect("return paths");
    assert!(bounces.listen.ip().is_loopback(), "unless said otherwise");
}

/// The default with its table of drills, which stands last so that lines are easy to count.
fn with_drill(table: &str) -> (usize, String) {
    (
        DEFAULT.lines().count() + 1,
        format!("{DEFAULT}\n[drill]\n{table}"),
    )
}

#[test]
fn drills_are_read_and_nobody_is_reached_where_nothing_is_written() {
    let (_, text) = with_drill("reach = [\"@example.com\"]\ncustomers_to = \"drill@example.com\"\n");
    let config = Config::parse(&text, Path::new("drill")).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.drill.policy().mailbox(), Ok("drill@example.com"));
    let none = Config::parse(DEFAULT, Path::new("default")).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(none.drill.policy().mailbox().is_err());
}

#[test]
fn what_is_wrong_with_drills_is_said_with_line_and_remedy() {
    let (line, text) = with_drill(
        "reach = [\"@example.com\", \"everybody\", \"arn:aws:sqs:x\"]\ncustomers_to = \"drill@elsewhere.example\"\n",
    );
    let faults_found = faults(&text);
    for field in ["drill.reach[1]", "drill.reach[2]"] {
        let fault = named(&faults_found, field);
        assert_eq!(fault.line, line + 2);
        assert!(fault.remedy.contains("@company.example"), "{fault:?}");
    }
    let outside = named(&faults_found, "drill.customers_to");
    assert_eq!(outside.line, line + 3);
    assert!(outside.problem.contains("outside of drill.reach"), "{outside:?}");
    for (table, field) in [
        ("reach = [\"@example.com\"]\n", "drill.customers_to"),
        ("customers_to = \"drill@example.com\"\n", "drill.reach"),
        (
            "reach = [\"@example.com\"]\ncustomers_to = \"drill\"\n",
            "drill.customers_to",
        ),
        ("reach = \"@example.com\"\n", "drill.reach"),
        ("allow = [\"@example.com\"]\n", "drill.allow"),
    ] {
        let (_, text) = with_drill(table);
        let found = faults(&text);
        let fault = named(&found, field);
        assert!(
            fault.line >= line && !fault.remedy.is_empty() | fault.problem.contains("such as"),
            "{fault:?}"
        );
    }
}

const SES: &str = "[mail.ses]\nconfiguration_set = \"notices\"\ntopics = [\"arn:aws:sns:eu-central-1:123456789012:ses\"]\n[mail.ses.access]\nregion = \"eu-central-1\"\n\n";

/// The default with these tables in the place of its relay.
fn mail_through(tables: &str) -> String {
    let from = DEFAULT.find("[mail.smtp]").expect("a relay");
    let to = DEFAULT.find("# Another relay").expect("the next table");
    format!("{}{tables}{}", &DEFAULT[..from], &DEFAULT[to..])
}

#[test]
fn mail_goes_through_a_relay_through_ses_or_through_both() {
    let relay = "[mail.smtp]\nhost = \"smtp.example.com\"\ntls = \"required\"\n\n";
    for tables in [relay.to_owned(), SES.to_owned(), format!("{relay}{SES}")] {
        let text = mail_through(&tables);
        Config::parse(&text, Path::new("t")).unwrap_or_else(|faults| panic!("{tables}: {faults}"));
    }
    assert!(
        named(&faults(&mail_through("")), "mail.smtp")
            .remedy
            .contains("[mail.ses]")
    );
    let second = relay.replace("mail.smtp", "mail.second_relay");
    let three = faults(&mail_through(&format!("{relay}{second}{SES}")));
    assert!(named(&three, "mail.ses").problem.contains("two second relays"));
}

#[test]
fn what_is_wrong_with_ses_and_the_pace_is_said_with_its_field() {
    let wrong = SES
        .replace("notices", "no tices")
        .replace(":ses", "")
        .replace("eu-central-1\"\n\n", "Frankfurt\"\n\n");
    let text = mail_through(&wrong).replace("# per_domain_per_minute = 300", "per_domain_per_minute = 0");
    let faults = faults(&text);
    for field in [
        "mail.ses.configuration_set",
        "mail.ses.topics",
        "mail.ses.access.region",
        "mail.per_domain_per_minute",
    ] {
        assert!(named(&faults, field).line > 0, "{faults:#?}");
    }
}
