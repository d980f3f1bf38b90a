//! Contacts are asked once a year whether they are still the right ones, reminded once, and answer with a code.

use crate::samples::{customer, friday};
use chrono::{DateTime, Duration, Utc};
use watchkeeper_domain::customer::asking::{Asking, AskingError, AskingState, ContactAnswer, Step};
use watchkeeper_domain::customer::{Contact, ContactTrouble, Customer, TroubleKind};
use watchkeeper_domain::span::Span;

const YEAR: Span = Span::hours(365 * 24);

fn days(count: i64) -> DateTime<Utc> {
    friday() + Duration::days(count)
}

fn due(customer: &Customer, contact: &Contact, last: Option<&Asking>, now: DateTime<Utc>) -> Option<Asking> {
    Asking::due(customer, contact, last, YEAR, ("a secret", now))
}

/// Asked a year after the customer was added.
fn asked() -> (Customer, Asking) {
    let acme = customer("acme", None);
    let asking = due(&acme, &acme.contacts[0], None, days(365)).expect("due");
    (acme, asking)
}

fn reminded(asking: Asking) -> Asking {
    match asking.take_due(days(379)) {
        Step::Remind(asking) => asking,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_contact_is_asked_a_year_after_it_was_given_verified_or_asked_last_and_once() {
    let acme = customer("acme", None);
    let contact = &acme.contacts[0];
    assert_eq!(due(&acme, contact, None, days(365) - Duration::seconds(1)), None);
    let asking = due(&acme, contact, None, days(365)).expect("due");
    assert_eq!(
        due(&acme, contact, None, days(366)).expect("due").id,
        asking.id,
        "decided twice it is the same"
    );
    assert_eq!(
        due(&acme, contact, Some(&asking), days(366)),
        None,
        "it waits for an answer"
    );
    let settled = asking.overtaken(days(370));
    assert_eq!(due(&acme, contact, Some(&settled), days(729)), None);
    let next = due(&acme, contact, Some(&settled), days(730)).expect("another year has passed");
    assert_ne!(next.id, settled.id);

    let verified = Contact {
        verified_at: Some(days(100)),
        ..contact.clone()
    };
    assert_eq!(due(&acme, &verified, None, days(464)), None);
    assert!(due(&acme, &verified, None, days(465)).is_some());
    let trouble = ContactTrouble {
        at: days(1),
        kind: TroubleKind::Unreachable,
        why: String::new(),
    };
    let lost = Contact {
        trouble: Some(trouble),
        ..contact.clone()
    };
    assert_eq!(
        due(&acme, &lost, None, days(400)),
        None,
        "who cannot be reached is not asked"
    );
}

#[test]
fn the_code_follows_from_the_secret_alone_and_looks_as_that_of_a_letter() {
    let acme = customer("acme", None);
    let code = |secret| {
        Asking::due(&acme, &acme.contacts[0], None, YEAR, (secret, days(365)))
            .expect("due")
            .code
    };
    assert_ne!(code("one"), code("two"));
    let parts: Vec<usize> = code("one").split('-').map(str::len).collect();
    assert_eq!(parts, [4, 4, 4]);
}

#[test]
fn who_does_not_answer_is_reminded_once_after_two_weeks_and_given_up_after_two_more() {
    let (_, asking) = asked();
    assert_eq!(
        asking.clone().take_due(days(379) - Duration::seconds(1)),
        Step::Nothing
    );
    assert_eq!(asking.answer_by(), days(393));
    let asking = reminded(asking);
    assert_eq!(asking.next_due(), Some(days(393)));
    assert_eq!(asking.clone().take_due(days(392)), Step::Nothing);
    let Step::GiveUp(asking) = asking.take_due(days(393)) else {
        panic!("nobody answered")
    };
    assert_eq!(
        (asking.state_name(), asking.next_due(), asking.version),
        ("unanswered", None, 3)
    );
    assert_eq!(asking.take_due(days(500)), Step::Nothing);
}

#[test]
fn an_answer_makes_the_contact_sure_and_one_that_comes_late_is_as_good() {
    let (acme, asking) = asked();
    let Step::GiveUp(late) = reminded(asking).take_due(days(393)) else {
        panic!("nobody answered")
    };
    let answered = late
        .answered(
            ContactAnswer::Right {
                name: " Ada  Lovelace ",
            },
            days(400),
        )
        .expect("taken");
    let mut contact = acme.contacts[0].clone();
    contact.trouble = Some(ContactTrouble {
        at: days(1),
        kind: TroubleKind::Unreachable,
        why: String::new(),
    });
    answered.settle(&mut contact);
    assert_eq!((contact.verified_at, contact.trouble), (Some(days(400)), None));
    let again = answered.answered(
        ContactAnswer::Wrong {
            name: "Eve",
            instead: "",
        },
        days(401),
    );
    assert_eq!(again, Err(AskingError::Answered), "the first answer stands");
}

#[test]
fn who_says_that_it_is_not_the_right_one_may_say_who_is() {
    let (acme, asking) = asked();
    let answer = ContactAnswer::Wrong {
        name: "Ada",
        instead: "ciso@acme.example",
    };
    let answered = asking.clone().answered(answer, days(366)).expect("taken");
    let mut contact = acme.contacts[0].clone();
    answered.settle(&mut contact);
    let trouble = contact.trouble.expect("trouble");
    assert_eq!(
        (trouble.kind, trouble.why.as_str()),
        (TroubleKind::NotTheRightOne, "ciso@acme.example")
    );
    let nobody = asking.clone().answered(
        ContactAnswer::Wrong {
            name: "Ada",
            instead: " ",
        },
        days(366),
    );
    assert!(
        matches!(nobody.expect("taken").state, AskingState::NotTheRightOne { instead, .. } if instead.is_empty())
    );
    for name in ["", "  ", &"x".repeat(201)] {
        let refused = asking.clone().answered(ContactAnswer::Right { name }, days(366));
        assert_eq!(refused, Err(AskingError::Length { field: "name" }));
    }
}

#[test]
fn a_mail_that_did_not_arrive_loses_the_contact_and_no_answer_that_came_all_the_same() {
    let (acme, asking) = asked();
    let failed = asking
        .clone()
        .undeliverable("550 no such user", days(366))
        .expect("taken");
    assert_eq!(failed.next_due(), None, "nobody is reminded");
    let mut contact = acme.contacts[0].clone();
    failed.settle(&mut contact);
    assert_eq!(contact.trouble.expect("trouble").kind, TroubleKind::Unreachable);
    let answered = asking
        .answered(ContactAnswer::Right { name: "Ada" }, days(366))
        .expect("taken");
    assert_eq!(answered.undeliverable("550", days(367)), None);
}

#[test]
fn a_contact_changes_wherever_its_address_stands_and_counts_as_a_change_only_then() {
    let acme = customer("acme", None);
    let email = acme.contacts[0].email.clone();
    let verified = |contact: &mut Contact| contact.verified_at = Some(days(1));
    let changed = acme
        .clone()
        .with_contact(&email, verified, days(1))
        .expect("found");
    assert_eq!((changed.version, changed.updated_at), (acme.version + 1, days(1)));
    let again = changed
        .clone()
        .with_contact(&email, verified, days(2))
        .expect("found");
    assert_eq!(again, changed);
    assert_eq!(acme.with_contact("nobody@acme.example", verified, days(1)), None);
}
