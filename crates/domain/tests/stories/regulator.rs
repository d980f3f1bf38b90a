//! Reports to authorities: each form names what its article asks for, says what nobody knows yet, and invents nothing.

use crate::samples::{at, friday, incident, minutes, person};
use proptest::prelude::*;
use serde_json::Value;
use std::path::Path;
use watchkeeper_domain::incident::{Incident, Opening, Particular, Severity, TransitionError};
use watchkeeper_domain::notice::{Notice, NoticeFacts, NoticeKind, NoticeState, Sender};
use watchkeeper_domain::obligation::rule::Moment;
use watchkeeper_domain::regulator::{
    RegulatorContact, RegulatorForm, RegulatorReport, ReportClock, ReportInput,
};

const FORMS: [RegulatorForm; 5] = RegulatorForm::ALL;

fn sender(contact: &str) -> Sender {
    Sender {
        company: "Example Files".to_owned(),
        contact: contact.to_owned(),
        check_at: "example.com/check".to_owned(),
    }
}

fn officer() -> RegulatorContact {
    RegulatorContact {
        name: Some("Dana Protect".to_owned()),
        role: Some("Data protection officer".to_owned()),
        email: Some("dpo@example.com".to_owned()),
        phone: Some("+49 30 1234".to_owned()),
        address: None,
    }
}

/// Nothing is known of it but that it was opened.
fn empty() -> Incident {
    let opening = Opening {
        title: "Something".to_owned(),
        summary: String::new(),
        severity: Severity::Sev3,
        by: person("ana"),
        at: friday(),
        playbook: None,
        drill: None,
    };
    let mut incident = Incident::open(opening).subject;
    incident.number = 42;
    incident
}

/// Everything that a form can ask was recorded.
fn full() -> Incident {
    let mut incident = empty();
    for particular in Particular::ALL {
        let text = format!("said of {}", particular.name());
        let recorded = incident.record_particular(particular, &text, &person("lea"), friday());
        incident = recorded.expect("a text").subject;
    }
    for (moment, ago) in [
        (Moment::Occurred, 600),
        (Moment::Detected, 60),
        (Moment::Aware, 30),
    ] {
        let was = friday() - minutes(ago);
        let recorded = incident.record_moment(moment, was, "the log", &person("lea"), friday());
        incident = recorded.expect("a moment").subject;
    }
    incident
}

fn due(text: &str) -> ReportClock {
    ReportClock {
        due_at: Some(at(text)),
        submitted_at: None,
    }
}

fn report(
    form: RegulatorForm,
    incident: &Incident,
    notices: &[Notice],
    clock: ReportClock,
) -> RegulatorReport {
    let input = ReportInput {
        incident,
        notices,
        sender: &sender("security@example.com"),
        contact: &officer(),
        clock,
        now: friday() + minutes(60),
    };
    RegulatorReport::of(form, input)
}

fn value<'r>(report: &'r RegulatorReport, label: &str) -> &'r str {
    let mut items = report.sections.iter().flat_map(|section| &section.items);
    let found = items.find(|item| item.label.contains(label));
    found.unwrap_or_else(|| panic!("{label} in {report:?}")).shown()
}

fn notice(state: NoticeState, what_happened: &str) -> Notice {
    let facts = NoticeFacts {
        what_happened: what_happened.to_owned(),
        ..NoticeFacts::default()
    };
    let incident = empty();
    let mut notice = Notice::draft(
        &incident.id,
        NoticeKind::Full,
        facts.into(),
        person("ana"),
        friday(),
    );
    notice.state = state;
    notice
}

fn sent() -> NoticeState {
    NoticeState::Sent {
        at: friday(),
        approved_by: person("lea"),
        hash: "a".to_owned(),
    }
}

#[test]
fn each_form_names_every_element_that_its_article_asks_for() {
    let asked: [(RegulatorForm, &[(&str, &str)]); 5] = [
        (
            RegulatorForm::Gdpr33,
            &[
                ("Art. 33(1)", "Aware"),
                ("Art. 33(1)", "Reasons for the delay"),
                ("Art. 33(3)(a)", "Nature"),
                ("Art. 33(3)(a)", "Categories of data subjects"),
                ("Art. 33(3)(a)", "number of data subjects"),
                ("Art. 33(3)(a)", "Categories of personal data records"),
                ("Art. 33(3)(a)", "number of personal data records"),
                ("Art. 33(3)(b)", "Data protection officer or other contact point"),
                ("Art. 33(3)(c)", "Likely consequences"),
                ("Art. 33(3)(d)", "Measures taken or proposed"),
            ],
        ),
        (
            RegulatorForm::Nis2EarlyWarning,
            &[
                ("Art. 23(4)(a)", "unlawful or malicious"),
                ("Art. 23(4)(a)", "cross-border"),
            ],
        ),
        (
            RegulatorForm::Nis2Notification,
            &[
                ("Art. 23(4)(a)", "unlawful or malicious"),
                ("Art. 23(4)(a)", "cross-border"),
                ("Art. 23(4)(b)", "Initial assessment"),
                ("Art. 23(4)(b)", "Severity"),
                ("Art. 23(4)(b)", "Impact"),
                ("Art. 23(4)(b)", "Indicators of compromise"),
            ],
        ),
        (
            RegulatorForm::Nis2Final,
            &[
                ("Art. 23(4)(d)(i)", "Detailed description"),
                ("Art. 23(4)(d)(i)", "Severity"),
                ("Art. 23(4)(d)(i)", "Impact"),
                ("Art. 23(4)(d)(ii)", "root cause"),
                ("Art. 23(4)(d)(iii)", "mitigation"),
                ("Art. 23(4)(d)(iv)", "Cross-border"),
            ],
        ),
        (
            RegulatorForm::Hipaa410,
            &[
                ("164.410(c)(1)", "Identification of each individual"),
                ("164.404(c)(1)(A)", "description of what happened"),
                ("164.404(c)(1)(A)", "Date of the breach"),
                ("164.404(c)(1)(A)", "Date of the discovery"),
                (
                    "164.404(c)(1)(B)",
                    "Types of unsecured protected health information",
                ),
                ("164.404(c)(1)(C)", "Steps that individuals should take"),
                ("164.404(c)(1)(D)", "investigate, to mitigate harm"),
                ("164.404(c)(1)(E)", "Contact procedures"),
            ],
        ),
    ];
    assert_eq!(asked.each_ref().map(|(form, _)| *form), FORMS);
    for (form, elements) in asked {
        let report = report(form, &empty(), &[], ReportClock::default());
        for (source, label) in elements {
            let of = report
                .sections
                .iter()
                .filter(|section| section.source.ends_with(source));
            let mut items = of.flat_map(|section| &section.items);
            assert!(
                items.any(|item| item.label.contains(label)),
                "{form:?}: {source}, {label}"
            );
        }
    }
}

#[test]
fn of_an_incident_that_nobody_knows_anything_of_a_report_says_that_and_lists_it() {
    for form in FORMS {
        let incident = empty();
        let input = ReportInput {
            incident: &incident,
            notices: &[],
            sender: &sender(" "),
            contact: &RegulatorContact::default(),
            clock: ReportClock::default(),
            now: friday(),
        };
        let report = RegulatorReport::of(form, input);
        let items = report.sections.iter().flat_map(|section| &section.items);
        let known: Vec<_> = items.clone().filter(|item| item.value.is_some()).collect();
        let seen = |label: &str| label == "Detected" || label == "Date of the discovery of the breach";
        assert!(known.iter().all(|item| seen(item.label)), "{known:?}");
        let unknown = items.filter(|item| item.value.is_none());
        assert!(unknown.clone().all(|item| item.shown() == "not yet known"));
        let unknown: Vec<_> = unknown.map(|item| item.label).collect();
        let missing: Vec<_> = report.missing.iter().map(|missing| missing.label).collect();
        assert_eq!(missing, unknown);
        assert!(!missing.is_empty());
    }
}

#[test]
fn once_everything_was_recorded_nothing_is_missing() {
    for form in FORMS {
        let report = report(form, &full(), &[], due("2026-06-08T14:20:00Z"));
        assert_eq!(report.missing, [], "{form:?}");
    }
}

#[test]
fn a_late_notification_needs_its_reasons_and_one_in_time_does_not() {
    let incident = empty();
    let gdpr = |clock, incident: &Incident| report(RegulatorForm::Gdpr33, incident, &[], clock);
    let early = gdpr(due("2026-06-08T14:20:00Z"), &incident);
    assert!(value(&early, "Deadline").contains("no submission is recorded yet"));
    assert!(value(&early, "Reasons for the delay").starts_with("None to give"));

    let passed = gdpr(due("2026-06-05T15:00:00Z"), &incident);
    assert!(value(&passed, "Deadline").contains("it has passed"));
    assert_eq!(value(&passed, "Reasons for the delay"), "not yet known");
    assert!(
        passed
            .missing
            .iter()
            .any(|missing| missing.particular == Some(Particular::DelayReasons))
    );

    let submitted = ReportClock {
        submitted_at: Some(at("2026-06-05T14:59:59Z")),
        ..due("2026-06-05T15:00:00Z")
    };
    assert!(value(&gdpr(submitted, &incident), "Deadline").contains("in time"));
    let late = ReportClock {
        submitted_at: Some(at("2026-06-05T15:00:01Z")),
        ..submitted
    };
    let late = gdpr(late, &full());
    assert!(value(&late, "Deadline").ends_with("late"));
    assert_eq!(value(&late, "Reasons for the delay"), "said of delay_reasons");
}

#[test]
fn an_authority_reads_what_was_recorded_for_it_and_a_covered_entity_what_was_written_for_customers() {
    let notices = [notice(sent(), "As customers were told")];
    let gdpr = report(RegulatorForm::Gdpr33, &full(), &notices, ReportClock::default());
    assert_eq!(value(&gdpr, "Nature"), "said of nature");
    let hipaa = report(RegulatorForm::Hipaa410, &full(), &notices, ReportClock::default());
    assert_eq!(value(&hipaa, "what happened"), "As customers were told");

    // The summary of an incident may name another customer.
    let summed = incident(Severity::Sev1);
    let hipaa = report(RegulatorForm::Hipaa410, &summed, &[], ReportClock::default());
    assert_eq!(value(&hipaa, "what happened"), "not yet known");
    let gdpr = report(RegulatorForm::Gdpr33, &summed, &[], ReportClock::default());
    assert_eq!(value(&gdpr, "Nature"), "One key downloads more than usual");
}

#[test]
fn a_sent_notice_is_believed_before_a_draft_and_a_draft_says_that_it_is_one() {
    let draft = notice(NoticeState::Draft, "Being written");
    let of = |notices: &[Notice]| report(RegulatorForm::Gdpr33, &empty(), notices, ReportClock::default());
    let report = of(std::slice::from_ref(&draft));
    assert_eq!(value(&report, "Nature"), "Being written");
    let basis = report.sections[1].items[0].basis.as_deref();
    assert!(
        basis.is_some_and(|basis| basis.contains("not approved yet")),
        "{basis:?}"
    );
    assert_eq!(value(&of(&[notice(sent(), "Sent"), draft]), "Nature"), "Sent");
}

#[test]
fn a_name_without_an_address_is_no_contact() {
    let incident = empty();
    let nameless = RegulatorContact {
        email: None,
        phone: None,
        ..officer()
    };
    let input = ReportInput {
        incident: &incident,
        notices: &[],
        sender: &sender("security@example.com"),
        contact: &nameless,
        clock: ReportClock::default(),
        now: friday(),
    };
    let gdpr = RegulatorReport::of(RegulatorForm::Gdpr33, input);
    assert_eq!(value(&gdpr, "Data protection officer"), "not yet known");
    let hipaa = RegulatorReport::of(RegulatorForm::Hipaa410, input);
    assert_eq!(value(&hipaa, "Contact procedures"), "security@example.com");
}

#[test]
fn what_is_recorded_stays_and_the_newest_counts() {
    let first = empty().record_particular(Particular::SubjectCount, " 12 ", &person("ana"), friday());
    let outcome = first.expect("a text");
    assert!(outcome.entries[0].text.contains("12"));
    let second = outcome
        .subject
        .record_particular(Particular::SubjectCount, "14", &person("lea"), friday());
    let incident = second.expect("a text").subject;
    assert_eq!(incident.particulars[&Particular::SubjectCount].len(), 2);
    assert_eq!(
        incident.particular(Particular::SubjectCount).expect("known").text,
        "14"
    );
    let empty_text = incident
        .clone()
        .record_particular(Particular::Impact, " ", &person("ana"), friday());
    assert!(matches!(empty_text, Err(TransitionError::NoReason { .. })));
    let long = "a".repeat(8_001);
    let too_long = incident.record_particular(Particular::Impact, &long, &person("ana"), friday());
    assert!(matches!(too_long, Err(TransitionError::NotFrom { .. })));
}

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas/regulator-report.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the schema")).expect("JSON")
}

#[test]
fn every_report_is_what_the_schema_describes() {
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler
        .add_resource("report.json", schema())
        .expect("a resource");
    let compiled = compiler
        .compile("report.json", &mut schemas)
        .expect("a sound schema");
    for form in FORMS {
        for incident in [empty(), full()] {
            let report = report(form, &incident, &[], ReportClock::default());
            let told = serde_json::to_value(&report).expect("JSON");
            if let Err(fault) = schemas.validate(&told, compiled) {
                panic!("{form:?}: {fault:#}");
            }
            let mut stranger = told.clone();
            stranger["sections"][0]["items"][0]["known"] = false.into();
            stranger["sections"][0]["items"][0]["value"] = "guessed".into();
            assert!(schemas.validate(&stranger, compiled).is_err());
        }
        let name = serde_json::to_value(form).expect("JSON");
        assert_eq!(name, form.name());
        assert_eq!(RegulatorForm::named(form.name()), Some(form));
    }
    assert_eq!(RegulatorForm::named("gdpr"), None);
}

/// Every text of a JSON value.
fn texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| texts(value, into)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

proptest! {
    #[test]
    fn nothing_that_stands_in_a_report_is_absent_from_its_json(
        said in proptest::collection::vec((0..Particular::ALL.len(), "\\PC{1,60}"), 0..20),
        form in 0..FORMS.len(),
        late in any::<bool>(),
    ) {
        let mut incident = empty();
        for (which, text) in &said {
            if let Ok(outcome) = incident.clone().record_particular(Particular::ALL[*which], text, &person("lea"), friday()) {
                incident = outcome.subject;
            }
        }
        let clock = due(if late { "2026-06-05T14:30:00Z" } else { "2026-06-08T14:20:00Z" });
        let report = report(FORMS[form], &incident, &[], clock);
        let text = serde_json::to_string(&report).expect("JSON");
        let mut found = Vec::new();
        texts(&serde_json::from_str(&text).expect("JSON"), &mut found);
        let mut wanted = vec![report.title, report.law, report.recipient, report.status, &report.reference, &report.organisation];
        for section in &report.sections {
            wanted.extend([section.heading, section.source]);
            for item in &section.items {
                wanted.extend([item.label, item.shown()]);
                wanted.extend(item.basis.as_deref());
            }
        }
        wanted.extend(report.missing.iter().map(|missing| missing.label));
        for text in wanted {
            prop_assert!(found.iter().any(|found| found == text), "{text}");
        }
        // What was recorded and is asked for stands in it as it was said.
        for section in &report.sections {
            for item in &section.items {
                prop_assert_eq!(item.value.is_none(), item.shown() == "not yet known");
            }
        }
    }
}
