//! Reports to authorities as PDF: what stands in one is read again from the file, and the same report gives the same bytes.

use std::collections::BTreeSet;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::id::UserId;
use watchkeeper_domain::incident::{Incident, Opening, Particular, Severity};
use watchkeeper_domain::notice::Sender;
use watchkeeper_domain::regulator::{
    RegulatorContact, RegulatorForm, RegulatorReport, ReportClock, ReportInput,
};
use watchkeeper_respond::report::{draw, lacking};

fn incident(drill: bool) -> Incident {
    let opening = Opening {
        title: "Files are taken in bulk".to_owned(),
        summary: "One key downloads more than usual".to_owned(),
        severity: Severity::Sev1,
        by: Actor::person(&UserId::derived(&["ana"])),
        at: "2026-06-05T14:20:00Z".parse().expect("an instant"),
        playbook: None,
        drill: drill.then_some("drill@example.com"),
    };
    let mut incident = Incident::open(opening).subject;
    incident.number = 42;
    incident
}

fn said(incident: Incident, particular: Particular, text: &str) -> Incident {
    let by = Actor::person(&UserId::derived(&["lea"]));
    let at = "2026-06-05T15:00:00Z".parse().expect("an instant");
    let outcome = incident.record_particular(particular, text, &by, at);
    outcome.expect("a text").subject
}

fn report(form: RegulatorForm, incident: &Incident) -> RegulatorReport {
    let input = ReportInput {
        incident,
        notices: &[],
        sender: &Sender {
            company: "Example Files & Söhne GmbH".to_owned(),
            contact: "security@example.com".to_owned(),
            check_at: "example.com/check".to_owned(),
        },
        contact: &RegulatorContact {
            name: Some("Zoë Ødegård".to_owned()),
            email: Some("dpo@example.com".to_owned()),
            ..RegulatorContact::default()
        },
        clock: ReportClock::default(),
        now: "2026-06-06T08:30:05Z".parse().expect("an instant"),
    };
    RegulatorReport::of(form, input)
}

/// The text of a PDF without any space, since lines break where the page ends.
fn read_again(bytes: &[u8]) -> String {
    let text = pdf_extract::extract_text_from_mem(bytes).expect("a PDF with text");
    squeezed(&text)
}

fn squeezed(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_whitespace())
        .collect()
}

#[test]
fn everything_that_stands_in_a_report_is_read_again_from_its_pdf() {
    let incident = said(
        incident(false),
        Particular::Consequences,
        "Ελληνικά, русский, žluťoučký kůň, “quoted” – 1 ≤ 2 €\n\nsecond paragraph",
    );
    for form in RegulatorForm::ALL {
        let report = report(form, &incident);
        let drawn = draw(&report).expect("a PDF");
        assert_eq!(drawn.lacking, BTreeSet::new());
        let text = read_again(&drawn.bytes);
        let mut wanted = vec![
            report.title,
            report.law,
            report.recipient,
            report.status,
            &report.reference,
        ];
        wanted.extend([
            "2026-06-06 08:30:05 UTC",
            "page 1 of",
            "Example Files & Söhne GmbH",
        ]);
        for section in &report.sections {
            wanted.extend([section.heading, section.source]);
            for item in &section.items {
                wanted.extend([item.label, item.shown()]);
                wanted.extend(item.basis.as_deref());
            }
        }
        for words in wanted {
            assert!(text.contains(&squeezed(words)), "{form:?}: {words}\n{text}");
        }
        assert!(!text.contains("DRILL"), "{form:?}");
    }
}

#[test]
fn every_page_of_a_drill_says_so_and_long_texts_go_on_over_pages() {
    let long = "a sentence that goes on ".repeat(300) + &"x".repeat(400);
    let incident = said(incident(true), Particular::Impact, &long);
    let drawn = draw(&report(RegulatorForm::Nis2Final, &incident)).expect("a PDF");
    let pages = pdf_extract::extract_text_from_mem_by_pages(&drawn.bytes).expect("pages");
    assert!(pages.len() > 2, "{} pages", pages.len());
    for (number, page) in pages.iter().enumerate() {
        let page = squeezed(page);
        assert!(page.contains("DRILL:thisdidnothappen"), "page {number}: {page}");
        let counted = format!("page{}of{}", number + 1, pages.len());
        assert!(page.contains(&counted) && page.contains("INC-0042"), "{page}");
    }
    let sentences = squeezed(&pages.concat()).matches("asentence").count();
    // Footers may stand within one that goes on over the page.
    assert!(sentences >= 300 - pages.len(), "{sentences}");
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let incident = incident(false);
    let drawn = || {
        draw(&report(RegulatorForm::Gdpr33, &incident))
            .expect("a PDF")
            .bytes
    };
    let first = drawn();
    assert!(first.starts_with(b"%PDF-"));
    assert_eq!(first, drawn());
    let other = draw(&report(RegulatorForm::Hipaa410, &incident)).expect("a PDF");
    assert_ne!(first, other.bytes);
}

#[test]
fn characters_that_the_font_lacks_stand_as_their_codes_and_are_named() {
    let incident = said(
        incident(false),
        Particular::Nature,
        "客 was copied 🦦 by שלום\u{7}",
    );
    let report = report(RegulatorForm::Gdpr33, &incident);
    let drawn = draw(&report).expect("a PDF");
    let expected: BTreeSet<char> = "客🦦שלום\u{7}".chars().collect();
    assert_eq!(drawn.lacking, expected);
    assert_eq!(lacking(&report).expect("a font"), expected);
    let text = read_again(&drawn.bytes);
    assert!(
        text.contains("[U+5BA2]wascopied[U+1F9A6]by[U+05E9][U+05DC]"),
        "{text}"
    );
    assert!(text.contains("Thefontofthisfilelacksthesecharacters"), "{text}");
}
