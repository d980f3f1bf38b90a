//! Every letter in every language, filled strictly with sample contexts.

use crate::samples::{customer, friday, incident, minutes, person, playbooks_folder, read};
use chrono::{DateTime, Utc};
use std::path::Path;
use watchkeeper_domain::customer::Customer;
use watchkeeper_domain::incident::{Incident, Severity, Standing};
use watchkeeper_domain::notice::{Letter, LetterTemplate, Notice, NoticeFacts, NoticeKind, Sender, render};
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

/// Every template of the repository: `letters/FOLDER/LANGUAGE/KIND.{subject,txt,html}`.
fn templates() -> Vec<Found> {
    let letters = playbooks_folder().join("letters");
    let mut found = Vec::new();
    for folder in folders(&letters) {
        for language in folders(&letters.join(&folder)) {
            for kind in [NoticeKind::Holding, NoticeKind::Full] {
                let path = letters.join(&folder).join(&language);
                let part = |extension: &str| read(&path.join(format!("{}.{extension}", kind.name())));
                found.push(Found {
                    place: format!("letters/{folder}/{language}/{}", kind.name()),
                    template: LetterTemplate {
                        language: language.clone(),
                        kind,
                        subject: part("subject"),
                        text: part("txt"),
                        html: part("html"),
                    },
                });
            }
        }
    }
    found
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
        what_happened: "A key was stolen & used.\n\nIt listed <all> files.".to_owned(),
        what_information: "Invoices of May".to_owned(),
        likely_consequences: "Forged invoices".to_owned(),
        what_we_did: "We revoked the key".to_owned(),
        what_you_should_do: "Watch your invoices".to_owned(),
        not_yet_known: "Who took the key".to_owned(),
        contained: "yes, since Friday 15:00 UTC".to_owned(),
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
}

impl Sample {
    fn usual() -> Self {
        Self {
            standing: Standing::Confirmed,
            facts: facts(),
            drill: false,
            customer: customer("acme", None),
        }
    }

    fn letter(&self, template: &LetterTemplate) -> Result<Letter, String> {
        let mut incident = confirmed_incident(&self.customer, self.standing);
        incident.drill = self.drill;
        let obligation = Obligation::owe(&incident.id, &self.customer, friday());
        let notice = Notice {
            kind: template.kind,
            ..Notice::draft(&incident.id, self.facts.clone(), person("ana"), friday())
        };
        render(
            template,
            &notice,
            &incident,
            &obligation,
            &self.customer,
            &sender(),
            as_of(),
        )
    }
}

fn written(template: &LetterTemplate, sample: &Sample) -> Letter {
    sample.letter(template).unwrap_or_else(|fault| panic!("{fault}"))
}

#[test]
fn every_language_has_both_kinds_and_english_is_one_of_them() {
    let languages: Vec<String> = templates()
        .into_iter()
        .map(|found| found.template.language)
        .collect();
    assert!(languages.contains(&"en".to_owned()) && languages.contains(&"de".to_owned()));
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
                        assert_eq!(part.contains("[DRILL]"), drill, "{place}: {part}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_letter_says_what_a_customer_needs_to_act_and_to_check_it() {
    for Found { place, template } in templates() {
        let letter = written(&template, &Sample::usual());
        let german = template.language == "de";
        let confirmed_at = if german {
            "Freitag, 5. Juni 2026, 14:20 UTC"
        } else {
            "Friday, 5 June 2026, 14:20 UTC"
        };
        // The message's own date: an approved letter is frozen before it is sent.
        let informed = if german {
            "mit dieser Nachricht (ihr Datum)"
        } else {
            "by this message (its date)"
        };
        let due_at = if german {
            "Montag, 8. Juni 2026, 14:20 UTC"
        } else {
            "Monday, 8 June 2026, 14:20 UTC"
        };
        let next_update = if german {
            "Montag, 8. Juni 2026, 15:55 UTC"
        } else {
            "Monday, 8 June 2026, 15:55 UTC"
        };
        let needed = [
            "INC-0042",
            "acme Ltd",
            "t-acme",
            confirmed_at,
            informed,
            due_at,
            next_update,
            "parcelway.example/check",
            "Parcelway",
            "security@parcelway.example",
            "Invoices of May",
            "Forged invoices",
            "Watch your invoices",
            "Who took the key",
            "yes, since Friday 15:00 UTC",
        ];
        let html = letter.html.replace("&#x2f;", "/");
        for part in needed {
            assert!(letter.text.contains(part), "{place}.txt lacks `{part}`");
            assert!(html.contains(part), "{place}.html lacks `{part}`");
        }
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
    for Found { place, template } in templates() {
        let unknown = if template.language == "de" {
            "noch nicht bekannt"
        } else {
            "not yet known"
        };
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
fn a_possible_customer_is_not_told_that_it_is_certain() {
    for Found { place, template } in templates() {
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
        let hedge = if template.language == "de" {
            "können"
        } else {
            "may"
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

#[test]
fn no_subject_names_a_customer() {
    for Found { place, template } in templates() {
        let subject = written(&template, &Sample::usual()).subject;
        assert!(subject.contains("INC-0042"), "{place}: {subject}");
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
        assert!(letter.html.contains("It listed &lt;all&gt; files."), "{place}");
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
    for Found { place, template } in templates()
        .into_iter()
        .filter(|f| f.template.kind == NoticeKind::Full)
    {
        let letter = written(
            &template,
            &Sample {
                customer: difficult.clone(),
                ..Sample::usual()
            },
        );
        for part in [&letter.text, &letter.html] {
            let begin = part
                .find("{\n  \"reference\"")
                .unwrap_or_else(|| panic!("{place}: no block"));
            let length = part[begin..]
                .find("\n}")
                .unwrap_or_else(|| panic!("{place}: no end"))
                + 2;
            let facts: serde_json::Value = serde_json::from_str(&part[begin..begin + length])
                .unwrap_or_else(|fault| panic!("{place}: {fault}"));
            assert_eq!(facts["reference"], "INC-0042");
            assert_eq!(facts["confirmed_at"], "2026-06-05T14:20:00Z");
            assert_eq!(facts["facts_as_of"], "2026-06-05T15:55:00Z");
            assert_eq!(facts["due_at"], "2026-06-08T14:20:00Z");
            assert_eq!(facts["notify_within"], "72h");
            assert_eq!(
                facts["tenants"],
                serde_json::json!(["t-\"quoted\" & <odd>", "t-plain"])
            );
        }
    }
}

#[test]
fn a_field_that_does_not_exist_is_an_error_that_names_template_and_place() {
    for part in ["subject", "text", "html"] {
        let mut template = templates().remove(0).template;
        let broken = "{{ reference }} {{ facts.what_hapened }}".to_owned();
        match part {
            "subject" => template.subject = broken,
            "text" => template.text = broken,
            _ => template.html = broken,
        }
        let fault = Sample::usual()
            .letter(&template)
            .expect_err("the field is misspelt");
        assert!(
            fault.contains(&format!("{}.{}.{part}", template.kind.name(), template.language)),
            "{fault}"
        );
        assert!(fault.contains("undefined"), "{fault}");
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
    let template = templates().remove(0).template;
    let changed = LetterTemplate {
        text: format!("{} ", template.text),
        ..template.clone()
    };
    assert_ne!(template.version(), changed.version());
}

#[test]
fn one_message_goes_to_each_contact_of_the_preferred_kind() {
    let letter = written(&templates().remove(0).template, &Sample::usual());
    assert_eq!(letter.recipients, ["security@acme.example"]);
}
