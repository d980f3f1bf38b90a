//! How severe a breach is by ENISA's method: the worked examples, and what holds for every input.

use crate::samples::{friday, incident, minutes, person};
use proptest::prelude::*;
use watchkeeper_domain::incident::{
    BreachLevel, DataConcerned, DataKind, Identification, Loss, Severity, SeverityInputs, TransitionError,
};

fn inputs(kind: DataKind, identification: Identification) -> SeverityInputs {
    SeverityInputs {
        data: vec![DataConcerned { kind, adjustment: 0 }],
        identification,
        confidentiality: Loss::None,
        integrity: Loss::None,
        availability: Loss::None,
        malice: false,
    }
}

fn said(inputs: &SeverityInputs) -> (String, BreachLevel) {
    let score = inputs.score().expect("data is named");
    (score.to_string(), score.level())
}

#[test]
fn the_worked_examples_come_out() {
    // 1 × 1 + 0.5: contact details by name, to an unknown number of recipients.
    let mut simple = inputs(DataKind::Simple, Identification::Maximum);
    simple.confidentiality = Loss::Full;
    assert_eq!(said(&simple), ("1.5".to_owned(), BreachLevel::Low));
    simple.malice = true;
    assert_eq!(said(&simple), ("2".to_owned(), BreachLevel::Medium));

    // The most that there is: 4 × 1 + 2.
    let worst = SeverityInputs {
        confidentiality: Loss::Full,
        integrity: Loss::Full,
        availability: Loss::Full,
        malice: true,
        ..inputs(DataKind::Sensitive, Identification::Maximum)
    };
    assert_eq!(said(&worst), ("6".to_owned(), BreachLevel::VeryHigh));
    // The least: 1 × 0.25.
    assert_eq!(
        said(&inputs(DataKind::Simple, Identification::Negligible)),
        ("0.25".to_owned(), BreachLevel::Low)
    );
}

#[test]
fn the_highest_category_counts_and_adjustments_are_held_between_one_and_four() {
    let mut several = inputs(DataKind::Simple, Identification::Maximum);
    several.data.push(DataConcerned {
        kind: DataKind::Financial,
        adjustment: -1,
    });
    assert_eq!(said(&several).0, "2");
    several.data.push(DataConcerned {
        kind: DataKind::Sensitive,
        adjustment: 3,
    });
    assert_eq!(said(&several).0, "4");
    several.data = vec![DataConcerned {
        kind: DataKind::Simple,
        adjustment: -3,
    }];
    assert_eq!(said(&several).0, "1");
    several.data.clear();
    assert_eq!(several.score(), None);
}

#[test]
fn the_arithmetic_is_said_with_every_part() {
    let mut simple = inputs(DataKind::Simple, Identification::Significant);
    simple.data[0].adjustment = 1;
    simple.confidentiality = Loss::Partial;
    simple.malice = true;
    assert_eq!(
        simple.arithmetic().expect("data is named"),
        "DPC 2 (simple +1 held between 1 and 4) × EI 0.75 + CB 0.75 (confidentiality 0.25, integrity 0, availability 0, \
         malice 0.5) = 2.25, medium"
    );
}

#[test]
fn an_assessment_has_a_reason_keeps_its_history_and_changes_nothing_that_is_owed() {
    let simple = || inputs(DataKind::Simple, Identification::Maximum);
    let early = incident(Severity::Sev1).assess_breach(simple(), "a guess", &person("ines"), friday());
    assert!(matches!(early, Err(TransitionError::NotFrom { .. })), "{early:?}");
    let confirmed = incident(Severity::Sev1)
        .confirm_disclosure("files were taken", friday(), &person("mara"), friday())
        .expect("confirmed")
        .subject;
    let silent = confirmed
        .clone()
        .assess_breach(simple(), " ", &person("ines"), friday());
    assert!(
        matches!(silent, Err(TransitionError::NoReason { .. })),
        "{silent:?}"
    );
    let mut nothing = simple();
    nothing.data.clear();
    assert!(
        confirmed
            .clone()
            .assess_breach(nothing, "why", &person("ines"), friday())
            .is_err()
    );
    let mut beyond = simple();
    beyond.data[0].adjustment = 4;
    assert!(
        confirmed
            .clone()
            .assess_breach(beyond, "why", &person("ines"), friday())
            .is_err()
    );

    let first =
        confirmed
            .clone()
            .assess_breach(simple(), "names only", &person("ines"), friday() + minutes(5));
    let first = first.expect("assessed");
    assert!(first.intents.is_empty(), "nobody is told less, later or more");
    let second = first.subject.assess_breach(
        inputs(DataKind::Financial, Identification::Maximum),
        "there were invoices, too",
        &person("mara"),
        friday() + minutes(9),
    );
    let assessed = second.expect("assessed").subject;
    let whys: Vec<&str> = assessed.assessments.iter().map(|a| a.why.as_str()).collect();
    assert_eq!(whys, ["names only", "there were invoices, too"]);
    assert_eq!(assessed.disclosure, confirmed.disclosure);
    assert_eq!(assessed.timers, confirmed.timers);
}

fn losses() -> impl Strategy<Value = Loss> {
    prop_oneof![Just(Loss::None), Just(Loss::Partial), Just(Loss::Full)]
}

fn any_inputs() -> impl Strategy<Value = SeverityInputs> {
    let kinds = prop_oneof![
        Just(DataKind::Simple),
        Just(DataKind::Behavioural),
        Just(DataKind::Financial),
        Just(DataKind::Sensitive)
    ];
    let data = (kinds, -3_i8..=3).prop_map(|(kind, adjustment)| DataConcerned { kind, adjustment });
    let easy = prop_oneof![
        Just(Identification::Negligible),
        Just(Identification::Limited),
        Just(Identification::Significant),
        Just(Identification::Maximum)
    ];
    (
        proptest::collection::vec(data, 1..6),
        easy,
        [losses(), losses(), losses()],
        any::<bool>(),
    )
        .prop_map(
            |(data, identification, [confidentiality, integrity, availability], malice)| SeverityInputs {
                data,
                identification,
                confidentiality,
                integrity,
                availability,
                malice,
            },
        )
}

proptest! {
    #[test]
    fn a_score_lies_between_a_quarter_and_six_and_is_what_the_formula_gives(inputs in any_inputs()) {
        let score: f64 = inputs.score().expect("data").to_string().parse().expect("a number");
        prop_assert!((0.25..=6.0).contains(&score), "{score}");
        let dpc = inputs.data.iter().map(|d| f64::from((d.kind.basic() + d.adjustment).clamp(1, 4))).fold(0.0, f64::max);
        let ei = match inputs.identification {
            Identification::Negligible => 0.25,
            Identification::Limited => 0.5,
            Identification::Significant => 0.75,
            Identification::Maximum => 1.0,
        };
        let lost = |loss| match loss { Loss::None => 0.0, Loss::Partial => 0.25, Loss::Full => 0.5 };
        let cb = lost(inputs.confidentiality) + lost(inputs.integrity) + lost(inputs.availability)
            + if inputs.malice { 0.5 } else { 0.0 };
        prop_assert!((score - (dpc * ei + cb)).abs() < 1e-9);
        let level = if score < 2.0 { BreachLevel::Low } else if score < 3.0 { BreachLevel::Medium }
            else if score < 4.0 { BreachLevel::High } else { BreachLevel::VeryHigh };
        prop_assert_eq!(inputs.score().expect("data").level(), level);
    }

    #[test]
    fn nothing_that_is_worse_lowers_the_score(inputs in any_inputs()) {
        let score = inputs.score();
        let worse = [
            SeverityInputs { malice: true, ..inputs.clone() },
            SeverityInputs { confidentiality: Loss::Full, ..inputs.clone() },
            SeverityInputs { identification: Identification::Maximum, ..inputs.clone() },
            SeverityInputs {
                data: [inputs.data.clone(), vec![DataConcerned { kind: DataKind::Sensitive, adjustment: 0 }]].concat(),
                ..inputs
            },
        ];
        for worse in worse {
            prop_assert!(worse.score() >= score, "{worse:?}");
        }
    }

    #[test]
    fn an_assessment_is_read_back_as_it_was_written(inputs in any_inputs()) {
        let text = serde_json::to_string(&inputs).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<SeverityInputs>(&text).expect("read"), inputs);
    }
}
