//! Every letter in every language, filled strictly with sample contexts.

use crate::changes::proposed;
use crate::samples::{customer, friday, incident, minutes, person, playbooks_folder, read};
use chrono::{DateTime, Utc};
use std::path::Path;
use watchkeeper_domain::change::Change;
use watchkeeper_domain::customer::{Channel, ClockStart, Customer};
use watchkeeper_domain::detection::TenantTrace;
use watchkeeper_domain::event::SourceName;
use watchkeeper_domain::incident::{Incident, Severity, Standing};
use watchkeeper_domain::notice::{
    Earlier, FactField, FirstTold, Letter, LetterAbout, LetterLanguage, LetterSubject, LetterTemplate,
    MachineFacts, Notice, NoticeFacts, NoticeKind, Sender, ToldBy, Written, render,
};
use watchkeeper_domain::obligation::Obligation;

/// A template and where it stands.
struct Found {
    place: String,
    template: LetterTemplate,
}

fn folders(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("readable")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

/// Every template of the repository: `letters/FOLDER/LANGUAGE/KIND.yaml`, with `language.yaml` beside them.
fn templates() -> Vec<Found> {
    let letters = playbooks_folder().join("letters");
    let mut found = Vec::new();
    for folder in folders(&letters)
        .into_iter()
        .filter(|name| !name.ends_with(".json"))
    {
        for language in folders(&letters.join(&folder)) {
            let path = letters.join(&folder).join(&language);
            let words = LetterLanguage::read(&read(&path.join("language.yaml")))
                .unwrap_or_else(|fault| panic!("{folder}/{language}: {fault}"));
            for kind in NoticeKind::ALL {
                let text = read(&path.join(format!("{}.yaml", kind.name())));
                found.push(Found {
                    place: format!("letters/{folder}/{language}/{}", kind.name()),
                    template: LetterTemplate::read(&language, kind, &text, &words)
                        .unwrap_or_else(|fault| panic!("{fault}")),
                });
            }
        }
    }
    found
}

/// The first notices: what must be in every one of them stands in the law.
fn first_notices() -> Vec<Found> {
    let first = [NoticeKind::Holding, NoticeKind::Full];
    templates()
        .into_iter()
        .filter(|found| first.contains(&found.template.kind))
        .collect()
}

/// A template with one text changed.
fn changed(found: &Found, from: &str, to: &str) -> Result<LetterTemplate, String> {
    let template = &found.template;
    assert!(template.source.contains(from), "{}", found.place);
    let text = template.source.replacen(from, to, 1);
    LetterTemplate::read(&template.language, template.kind, &text, &template.words)
}

fn sender() -> Sender {
    Sender {
        company: "Parcelway".to_owned(),
        contact: "security@parcelway.example, +44 20 7946 0000".to_owned(),
        check_at: "parcelway.example/check".to_owned(),
    }
}

fn facts() -> NoticeFacts {
    NoticeFacts {
        what_changes: "Backups are kept by another company".to_owned(),
        why_it_changes: "The old one closes".to_owned(),
        effect_on_data: "Backups move to Ireland".to_owned(),
        what_happened: "A key was stolen & used.\n\nIt listed <all> files.".to_owned(),
        what_information: "Invoices of May".to_owned(),
        likely_consequences: "Forged invoices".to_owned(),
        what_we_did: "We revoked the key".to_owned(),
        what_you_should_do: "Watch your invoices".to_owned(),
        not_yet_known: "Who took the key".to_owned(),
        contained: "yes, since Friday 15:00 UTC".to_owned(),
        what_is_new: "The key was found on a laptop".to_owned(),
        what_was_wrong: "We said that orders were read".to_owned(),
        what_is_right: "Only invoices were read".to_owned(),
        why_withdrawn: "The files were test data".to_owned(),
        records_read: "Access records of 1 to 5 June".to_owned(),
    }
}

fn confirmed_incident(customer: &Customer, standing: Standing) -> Incident {
    let mut incident = incident(Severity::Sev1);
    incident.number = 42;
    incident
        .confirm_disclosure("seen in the access log", friday(), &person("lea"), friday())
        .and_then(|o| {
            o.subject
                .set_affected(&customer.id, standing, "seen", &person("lea"), friday())
        })
        .expect("open")
        .subject
}

fn as_of() -> DateTime<Utc> {
    friday() + minutes(95)
}

/// One sample context.
struct Sample {
    standing: Standing,
    facts: NoticeFacts,
    drill: bool,
    customer: Customer,
    earlier: Option<Earlier>,
    first: Option<FirstTold>,
    named: bool,
}

impl Sample {
    fn usual() -> Self {
        Self {
            standing: Standing::Confirmed,
            facts: facts(),
            drill: false,
            customer: customer("acme", None),
            earlier: Some(Earlier {
                kind: NoticeKind::Holding,
                at: friday() + minutes(60),
            }),
            first: None,
            named: false,
        }
    }

    fn letter(&self, template: &LetterTemplate) -> Result<Letter, String> {
        let mut incident = confirmed_incident(&self.customer, self.standing);
        incident.drill = self.drill;
        if let (true, Some(affected)) = (self.named, incident.affected.get_mut(&self.customer.id)) {
            let event = (SourceName("edge".to_owned()), "event-1".to_owned());
            let trace = TenantTrace {
                events: 1,
                at_most: None,
                first_at: friday(),
                last_at: friday(),
                first_event: event,
            };
            affected.traces.insert("t-acme".to_owned(), trace);
        }
        let obligation = Obligation::owe(&incident.id, &self.customer, ClockStart::confirmed(friday()));
        let change = Change {
            number: 7,
            ..proposed()
        };
        let written = Written {
            facts: self.facts.clone(),
            next_update_by: Some(as_of() + minutes(72 * 60)),
            ..Written::default()
        };
        let notice = match template.kind {
            NoticeKind::Holding => Notice {
                facts: self.facts.clone(),
                ..Notice::prepare_holding(&incident.id, 1, template.version(), friday())
            },
            NoticeKind::SecurityChange => {
                Notice::draft(&change.id, template.kind, written, person("ana"), as_of())
            }
            kind => Notice::draft(&incident.id, kind, written, person("ana"), as_of()),
        };
        let about = if template.kind.of_incident() {
            LetterAbout::Disclosure {
                incident: &incident,
                obligation: &obligation,
            }
        } else {
            LetterAbout::Change(&change)
        };
        let subject = LetterSubject {
            about,
            customer: &self.customer,
            sender: &sender(),
            earlier: self.earlier,
            first: self.first,
        };
        render(template, &notice, subject)
    }
}

fn written(template: &LetterTemplate, sample: &Sample) -> Letter {
    sample.letter(template).unwrap_or_else(|fault| panic!("{fault}"))
}

#[test]
fn letters_of_every_kind_are_shipped_in_english_german_french_and_spanish() {
    let mut shipped: Vec<(String, NoticeKind)> = templates()
        .into_iter()
        .map(|found| (found.template.language.clone(), found.template.kind))
        .collect();
    shipped.sort();
    let mut wanted: Vec<(String, NoticeKind)> = ["de", "en", "es", "fr"]
        .into_iter()
        .flat_map(|language| NoticeKind::ALL.map(|kind| (language.to_owned(), kind)))
        .collect();
    wanted.sort();
    assert_eq!(shipped, wanted);
}

#[test]
fn every_letter_is_filled_strictly_with_every_sample() {
    for Found { place, template } in templates() {
        for standing in [Standing::Confirmed, Standing::Possible] {
            for facts in [NoticeFacts::default(), facts()] {
                for drill in [false, true] {
                    let sample = Sample {
                        standing,
                        facts: facts.clone(),
                        drill,
                        ..Sample::usual()
                    };
                    let letter = written(&template, &sample);
                    for part in [&letter.subject, &letter.text, &letter.html] {
                        assert!(!part.contains("{{") && !part.contains("{%"), "{place}: {part}");
                        // Changes are not practised.
                        let marked = drill && template.kind.of_incident();
                        assert_eq!(part.contains("[DRILL]"), marked, "{place}: {part}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_file_of_letters_is_what_the_schema_describes() {
    let letters = playbooks_folder().join("letters");
    let schema = serde_json::from_str(&read(&letters.join("schema.json"))).expect("the schema is JSON");
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.add_resource("letter.json", schema).expect("a resource");
    let compiled = compiler
        .compile("letter.json", &mut schemas)
        .expect("a sound schema");
    let fits = |text: &str| {
        let value: serde_json::Value = serde_yaml_ng::from_str(text).expect("YAML");
        schemas
            .validate(&value, compiled)
            .map_err(|fault| format!("{fault:#}"))
    };
    let folder = letters.join("customer");
    for language in folders(&folder) {
        for file in folders(&folder.join(&language)) {
            if let Err(fault) = fits(&read(&folder.join(&language).join(&file))) {
                panic!("{language}/{file}: {fault}");
            }
        }
    }
    assert!(fits("subject: a\nbody: [{heading: a, title: b}]").is_err());
    assert!(fits("subject: a\nbody: [{otherwise: a}]").is_err());
    assert!(fits("subject: a\nbody: [{said: what_hapened}]").is_err());
}

/// Friday's confirmation, Monday's deadline and the next update as a language writes them, and how it says "not yet known".
fn in_language(language: &str) -> [&'static str; 4] {
    match language {
        "en" => [
            "Friday, 5 June 2026, 14:20 UTC",
            "Monday, 8 June 2026, 14:20 UTC",
            "Monday, 8 June 2026, 15:55 UTC",
            "not yet known",
        ],
        "de" => [
            "Freitag, 5. Juni 2026, 14:20 UTC",
            "Montag, 8. Juni 2026, 14:20 UTC",
            "Montag, 8. Juni 2026, 15:55 UTC",
            "noch nicht bekannt",
        ],
        "fr" => [
            "vendredi 5 juin 2026, 14:20 UTC",
            "lundi 8 juin 2026, 14:20 UTC",
            "lundi 8 juin 2026, 15:55 UTC",
            "pas encore connu",
        ],
        "es" => [
            "viernes, 5 de junio de 2026, 14:20 UTC",
            "lunes, 8 de junio de 2026, 14:20 UTC",
            "lunes, 8 de junio de 2026, 15:55 UTC",
            "aún no se conoce",
        ],
        other => panic!("say how {other} writes an instant"),
    }
}

#[test]
fn every_first_notice_says_what_a_customer_needs_to_act_and_to_check_it() {
    for Found { place, template } in first_notices() {
        let letter = written(&template, &Sample::usual());
        let [confirmed_at, due_at, next_update, _] = in_language(&template.language);
        let mut needed = vec![
            "INC-0042",
            "acme Ltd",
            "t-acme",
            confirmed_at,
            due_at,
            "parcelway.example/check",
            "Parcelway",
            "security@parcelway.example",
            "Invoices of May",
            "Forged invoices",
            "Watch your invoices",
            "Who took the key",
            "yes, since Friday 15:00 UTC",
        ];
        // A holding notice may go as late as the deadline, and promises three days from there.
        needed.extend((template.kind == NoticeKind::Full).then_some(next_update));
        for part in needed {
            assert!(letter.text.contains(part), "{place}: the text lacks `{part}`");
            assert!(letter.html.contains(part), "{place}: the HTML lacks `{part}`");
        }
    }
}

#[test]
fn every_letter_says_all_that_its_author_wrote_and_nothing_that_its_kind_does_not_ask_for() {
    let facts = facts();
    for Found { place, template } in templates() {
        let letter = written(&template, &Sample::usual());
        let asked: Vec<_> = template.kind.fields().into_iter().map(|f| f.field).collect();
        for field in NoticeKind::ALL
            .into_iter()
            .flat_map(NoticeKind::fields)
            .map(|f| f.field)
        {
            // A holding notice asks for nothing; it shows what is known.
            if template.kind == NoticeKind::Holding {
                continue;
            }
            let first = facts.get(field).lines().next().expect("written");
            let stands = letter.text.contains(first);
            assert_eq!(
                stands,
                asked.contains(&field),
                "{place}: {field:?}\n{}",
                letter.text
            );
        }
        assert!(
            !letter.text.contains(&facts.records_read),
            "{place}: the evidence is ours"
        );
    }
}

#[test]
fn a_letter_that_continues_another_names_it_and_its_instant_and_one_without_a_past_does_not() {
    for Found { place, template } in templates() {
        let continues = matches!(
            template.kind,
            NoticeKind::FollowUp | NoticeKind::Correction | NoticeKind::Withdrawn
        );
        let name = &template.words.kinds[&NoticeKind::Holding];
        let names = |text: &str| {
            text.split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .contains(name.as_str())
        };
        let first = Sample {
            earlier: None,
            ..Sample::usual()
        };
        assert_eq!(
            names(&written(&template, &Sample::usual()).text),
            continues,
            "{place}"
        );
        assert!(!names(&written(&template, &first).text), "{place}");
    }
}

#[test]
fn only_a_letter_that_something_follows_promises_an_update() {
    for Found { place, template } in templates() {
        let letter = written(&template, &Sample::usual());
        let [_, _, next_update, _] = in_language(&template.language);
        if template.kind != NoticeKind::Holding {
            let promises = letter.text.contains(next_update);
            assert_eq!(promises, template.kind.promises_update(), "{place}");
        }
        assert_eq!(
            letter.promised().is_some(),
            template.kind.promises_update(),
            "{place}"
        );
    }
}

#[test]
fn text_and_html_have_the_same_words() {
    let plain = |text: &str| -> String {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .collect::<String>()
            .to_lowercase()
    };
    for Found { place, template } in templates() {
        let letter = written(&template, &Sample::usual());
        let body = letter.html.split_once("<body>").expect("a body").1;
        let mut shown = String::new();
        let mut within = true;
        for c in body.chars() {
            match c {
                '<' => within = false,
                '>' => {
                    within = true;
                    shown.push(' ');
                }
                c if within => shown.push(c),
                _ => {}
            }
        }
        for (entity, c) in [
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&quot;", "\""),
            ("&#39;", "'"),
            ("&amp;", "&"),
        ] {
            shown = shown.replace(entity, c);
        }
        // Steps are numbered by the reader's program.
        let text: String = letter
            .text
            .lines()
            .map(|line| line.trim_start_matches(|c: char| c.is_ascii_digit()))
            .collect();
        let shown: String = shown
            .lines()
            .map(|line| line.trim_start_matches(|c: char| c.is_ascii_digit()))
            .collect();
        assert_eq!(plain(&text), plain(&shown), "{place}");
    }
}

#[test]
fn text_html_and_record_carry_the_same_code_and_each_customer_has_its_own() {
    for Found { place, template } in templates() {
        let letter = written(&template, &Sample::usual());
        let code = &letter.check_code;
        let groups: Vec<usize> = code.split('-').map(str::len).collect();
        assert_eq!(groups, [4, 4, 4], "{place}: {code}");
        assert!(
            letter.text.contains(code) && letter.html.contains(code),
            "{place}"
        );
        let beta = Sample {
            customer: customer("beta", None),
            ..Sample::usual()
        };
        assert_ne!(written(&template, &beta).check_code, *code, "{place}");
    }
}

#[test]
fn where_a_fact_is_empty_the_letter_says_so() {
    for Found { place, template } in first_notices() {
        let [_, _, _, unknown] = in_language(&template.language);
        let sample = Sample {
            facts: NoticeFacts::default(),
            ..Sample::usual()
        };
        let letter = written(&template, &sample);
        for part in [&letter.text, &letter.html] {
            // What happened, what information, consequences, containment at the least.
            assert!(part.matches(unknown).count() >= 4, "{place}: {part}");
        }
        let blank = Sample {
            facts: NoticeFacts {
                what_happened: " \n ".to_owned(),
                ..facts()
            },
            ..Sample::usual()
        };
        assert!(
            written(&template, &blank).text.contains(unknown),
            "{place}: spaces are not a fact"
        );
    }
}

#[test]
fn a_translation_is_what_its_readers_get_and_the_others_get_what_was_written_first() {
    let sample = Sample::usual();
    let incident = confirmed_incident(&sample.customer, Standing::Confirmed);
    let obligation = Obligation::owe(&incident.id, &sample.customer, ClockStart::confirmed(friday()));
    let german = NoticeFacts {
        what_happened: "Ein Schlüssel wurde gestohlen".to_owned(),
        ..facts()
    };
    let words = Written {
        facts: facts(),
        translations: [("de".to_owned(), german)].into(),
        next_update_by: None,
    };
    let notice = Notice::draft(&incident.id, NoticeKind::Full, words, person("ana"), as_of());
    for Found { place, template } in first_notices()
        .into_iter()
        .filter(|f| f.template.kind == NoticeKind::Full)
    {
        let subject = LetterSubject {
            about: LetterAbout::Disclosure {
                incident: &incident,
                obligation: &obligation,
            },
            customer: &sample.customer,
            sender: &sender(),
            earlier: None,
            first: None,
        };
        let letter = render(&template, &notice, subject).expect("complete");
        let translated = letter.text.contains("Ein Schlüssel wurde gestohlen");
        assert_eq!(translated, template.language == "de", "{place}");
    }
}

#[test]
fn whoever_was_told_before_reads_since_when_it_knows_in_text_html_and_facts() {
    let at = friday() + minutes(61);
    let kinds = [NoticeKind::Full, NoticeKind::Final];
    // As people read it: wherever lines break, and whichever spaces keep words together.
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for Found { place, template } in templates()
        .into_iter()
        .filter(|f| kinds.contains(&f.template.kind))
    {
        let this_counts = match template.language.as_str() {
            "de" => "mit dieser Nachricht informiert: ihr Datum zählt",
            "fr" => "par ce message : sa date compte",
            "es" => "con este mensaje: cuenta su fecha",
            _ => "with this message: its date counts",
        };
        let said = |by: Option<ToldBy>| {
            let first = by.map(|by| FirstTold { by, at });
            let letter = written(
                &template,
                &Sample {
                    first,
                    ..Sample::usual()
                },
            );
            (one_line(&letter.text), one_line(&letter.html), letter)
        };
        let when = one_line(&template.words.written(at).expect("an instant"));
        let words = &template.words;
        for (by, called, in_facts) in [
            (
                ToldBy::Notice(NoticeKind::Holding),
                &words.kinds[&NoticeKind::Holding],
                "holding",
            ),
            (
                ToldBy::Hand(Channel::Phone),
                &words.by_hand[&Channel::Phone],
                "phone",
            ),
            (
                ToldBy::Hand(Channel::Post),
                &words.by_hand[&Channel::Post],
                "post",
            ),
            (
                ToldBy::Hand(Channel::Portal),
                &words.by_hand[&Channel::Portal],
                "portal",
            ),
        ] {
            let (text, html, letter) = said(Some(by));
            for form in [&text, &html] {
                assert!(
                    form.contains(&when) && form.contains(called.as_str()),
                    "{place}: {form}"
                );
                assert!(!form.contains(this_counts), "{place}: {form}");
            }
            assert!(
                text.contains("\"first_told_at\": \"2026-06-05T15:21:00Z\""),
                "{place}: {text}"
            );
            let told_by = format!("\"first_told_by\": \"{in_facts}\"");
            assert!(text.contains(&told_by), "{place}: {text}");
            assert_eq!(letter.first_told(), Some(at), "{place}");
            let facts = letter.facts.as_ref().map(serde_json::to_string);
            let facts = facts.expect("facts").expect("JSON");
            let read: MachineFacts = serde_json::from_str(&facts).expect("read again");
            assert_eq!(read.first_told(), Some(FirstTold { by, at }), "{place}");
        }
        let (text, html, letter) = said(None);
        for form in [&text, &html] {
            assert!(
                form.contains(this_counts) && !form.contains(&when),
                "{place}: {form}"
            );
        }
        assert!(!text.contains("first_told"), "{place}: {text}");
        assert_eq!(letter.first_told(), None, "{place}");
    }
}

#[test]
fn a_letter_does_not_say_that_nothing_is_open_below_what_is_marked_as_not_known() {
    for Found { place, template } in first_notices() {
        if template.kind != NoticeKind::Full {
            continue;
        }
        let marked = |contained: &str| {
            let facts = NoticeFacts {
                not_yet_known: String::new(),
                contained: contained.to_owned(),
                ..facts()
            };
            let letter = written(
                &template,
                &Sample {
                    facts,
                    ..Sample::usual()
                },
            );
            let text = letter.text.replace('\n', " ");
            text.matches(template.words.unknown.as_str()).count()
        };
        let more = marked("") - marked("yes, since Friday 15:00 UTC");
        assert_eq!(
            more, 2,
            "{place}: once where it is open, once where it is said that it is"
        );
    }
}

#[test]
fn only_whom_records_name_is_told_that_records_do() {
    for Found { place, template } in first_notices() {
        let names = match template.language.as_str() {
            "de" => "nennen Sie",
            "fr" => "vous mentionnent",
            "es" => "les nombran",
            _ => "name you",
        };
        let sample = Sample {
            standing: Standing::Possible,
            ..Sample::usual()
        };
        assert!(!written(&template, &sample).text.contains(names), "{place}");
        let named = Sample {
            named: true,
            ..sample
        };
        assert!(written(&template, &named).text.contains(names), "{place}");
    }
}

#[test]
fn a_possible_customer_is_not_told_that_it_is_certain() {
    for Found { place, template } in first_notices() {
        let text = |standing| {
            written(
                &template,
                &Sample {
                    standing,
                    ..Sample::usual()
                },
            )
            .text
        };
        let hedge = match template.language.as_str() {
            "de" => "können",
            "fr" => "peuvent",
            "es" => "uede haber",
            _ => "may",
        };
        let opening = |text: String| {
            text.lines()
                .skip(4)
                .take_while(|line| !line.is_empty())
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert!(opening(text(Standing::Possible)).contains(hedge), "{place}");
        assert!(!opening(text(Standing::Confirmed)).contains(hedge), "{place}");
    }
}

/// How people call what the samples are about.
fn reference(kind: NoticeKind) -> &'static str {
    if kind.of_incident() {
        "INC-0042"
    } else {
        "CHG-0007"
    }
}

#[test]
fn no_subject_names_a_customer() {
    for Found { place, template } in templates() {
        let subject = written(&template, &Sample::usual()).subject;
        assert!(subject.contains(reference(template.kind)), "{place}: {subject}");
        assert!(!subject.contains("acme"), "{place}: {subject}");
        assert!(
            !subject.contains('\n') && subject.chars().count() <= 100,
            "{place}: {subject}"
        );
    }
}

#[test]
fn html_is_escaped_and_plain_text_is_not() {
    let mut hostile = customer("acme", None);
    hostile.name = "<script>alert(1)</script>".to_owned();
    hostile.tenants = ["</pre><img src=x>".to_owned()].into();
    for Found { place, template } in templates() {
        let letter = written(
            &template,
            &Sample {
                customer: hostile.clone(),
                ..Sample::usual()
            },
        );
        assert!(
            !letter.html.contains("<script") && !letter.html.contains("<img"),
            "{place}"
        );
        assert!(letter.html.contains("&lt;script&gt;"), "{place}");
        let asked = template
            .kind
            .fields()
            .iter()
            .any(|f| f.field == FactField::WhatHappened);
        assert_eq!(
            letter.html.contains("It listed &lt;all&gt; files."),
            asked || template.kind == NoticeKind::Holding,
            "{place}"
        );
        assert!(letter.text.contains("<script>"), "{place}");
    }
}

#[test]
fn no_letter_fetches_or_links_anything() {
    for Found { place, template } in templates() {
        let letter = written(&template, &Sample::usual());
        for part in [&letter.subject, &letter.text, &letter.html] {
            for forbidden in [
                "http:", "https:", "src=", "href=", "url(", "@import", "<link", "<img", "<script", "<form",
            ] {
                assert!(!part.contains(forbidden), "{place} contains `{forbidden}`");
            }
        }
    }
}

#[test]
fn html_names_its_language_and_follows_a_dark_screen() {
    for Found { place, template } in templates() {
        let html = written(&template, &Sample::usual()).html;
        assert!(
            html.contains(&format!("<html lang=\"{}\">", template.language)),
            "{place}"
        );
        assert!(html.contains("color-scheme"), "{place}");
        assert!(html.trim_end().ends_with("</html>"), "{place}");
    }
}

#[test]
fn lines_of_plain_text_fit_a_mail() {
    for Found { place, template } in templates() {
        let letter = written(
            &template,
            &Sample {
                standing: Standing::Possible,
                facts: NoticeFacts::default(),
                ..Sample::usual()
            },
        );
        for line in letter.text.lines() {
            assert!(
                line.chars().count() <= 78,
                "{place}: {} characters: {line}",
                line.chars().count()
            );
        }
    }
}

#[test]
fn the_facts_for_machines_are_json_and_name_every_instant() {
    let mut difficult = customer("acme", None);
    difficult.tenants = ["t-\"quoted\" & <odd>".to_owned(), "t-plain".to_owned()].into();
    for Found { place, template } in templates() {
        let sample = Sample {
            customer: difficult.clone(),
            ..Sample::usual()
        };
        let letter = written(&template, &sample);
        let kept = serde_json::to_value(&letter.facts).expect("JSON");
        assert_eq!(kept["notice"], template.kind.name(), "{place}");
        assert_eq!(kept["check_code"], letter.check_code, "{place}");
        let Some(begin) = letter.text.find("{\n  \"reference\"") else {
            let accounts = [NoticeKind::Full, NoticeKind::Final, NoticeKind::SecurityChange];
            assert!(!accounts.contains(&template.kind), "{place}: no block");
            continue;
        };
        let length = letter.text[begin..].find("\n}").expect("its end") + 2;
        let facts: serde_json::Value = serde_json::from_str(&letter.text[begin..begin + length])
            .unwrap_or_else(|fault| panic!("{place}: {fault}"));
        assert_eq!(facts, kept, "{place}: the letter and the portal say the same");
        assert_eq!(facts["reference"], reference(template.kind));
        assert_eq!(facts["facts_as_of"], "2026-06-05T15:55:00Z");
        if template.kind == NoticeKind::SecurityChange {
            assert_eq!(facts["change"], "Another company keeps our backups");
            assert_eq!(facts["effective_at"], "2026-08-04T14:20:00Z");
            continue;
        }
        assert_eq!(facts["confirmed_at"], "2026-06-05T14:20:00Z");
        assert_eq!(facts["due_at"], "2026-06-08T14:20:00Z");
        assert_eq!(facts["notify_within"], "72h");
        let tenants = serde_json::json!(["t-\"quoted\" & <odd>", "t-plain"]);
        assert_eq!(facts["tenants"], tenants);
    }
}

#[test]
fn what_belongs_to_an_incident_is_no_field_of_a_letter_about_a_change_nor_the_other_way_round() {
    let found = |place: &str| {
        let mut templates = templates().into_iter();
        templates.find(|found| found.place == place).expect("shipped")
    };
    let of_change = found("letters/customer/en/security_change");
    let fault = changed(&of_change, "{{ effective_at }}", "{{ due_at }}").expect_err("no deadline there");
    assert!(fault.contains("undefined"), "{fault}");
    let of_incident = found("letters/customer/en/full");
    let fault =
        changed(&of_incident, "{{ customer }}", "{{ effective_at }}").expect_err("nothing takes effect");
    assert!(fault.contains("undefined"), "{fault}");
}

#[test]
fn a_field_that_does_not_exist_is_found_when_the_template_is_read() {
    let found = templates()
        .into_iter()
        .find(|found| found.place == "letters/customer/en/full")
        .expect("shipped");
    let cases = [
        ("full account\"\nbody", "{{ acount }}\"\nbody", "subject"),
        ("To {{ customer }}", "To {{ custmer }}", "body[1].paragraph"),
        ("when: confirmed", "when: confirmd", "body[2].when"),
        ("part: duties", "part: dutys", "there is no part `dutys`"),
        ("said: what_happened", "said: what_hapened", "what_hapened"),
        (
            "heading: What happened",
            "heading: What happened\n    title: twice",
            "this one has 2",
        ),
    ];
    for (from, to, place) in cases {
        let fault = changed(&found, from, to)
            .err()
            .unwrap_or_else(|| panic!("{to} was taken"));
        assert!(fault.contains(place), "{to}: {fault}");
    }
}

#[test]
fn a_language_falls_back_to_its_base_and_then_to_english() {
    let all: Vec<LetterTemplate> = templates().into_iter().map(|found| found.template).collect();
    let chosen = |language: &str| {
        LetterTemplate::choose(&all, NoticeKind::Full, language).map(|template| template.language.clone())
    };
    assert_eq!(chosen("de-AT").as_deref(), Some("de"));
    assert_eq!(chosen("pt-BR").as_deref(), Some("en"));
}

#[test]
fn a_changed_template_is_another_version() {
    let found = templates().remove(0);
    let other = changed(&found, "body:", "body: # reworded").expect("sound");
    assert_ne!(found.template.version(), other.version());
}

#[test]
fn one_message_goes_to_each_contact_of_the_preferred_kind() {
    let letter = written(&templates().remove(0).template, &Sample::usual());
    assert_eq!(letter.recipients, ["security@acme.example"]);
}
