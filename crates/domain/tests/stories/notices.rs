//! Four eyes, and not one byte between what was approved and what is sent.

use crate::samples::{friday, minutes, person, user};
use proptest::prelude::*;
use std::collections::BTreeSet;
use watchkeeper_domain::access::{AccessRole, User};
use watchkeeper_domain::id::{CustomerId, IncidentId, LetterId, NoticeId};
use watchkeeper_domain::notice::{
    FactField, Hand, Letter, LetterPart, LetterWords, NEXT_UPDATE, Notice, NoticeError, NoticeFacts,
    NoticeKind, NoticeState, TemplateWords, Weight, WordsApproval, Written, content_hash, lint,
};

fn facts() -> NoticeFacts {
    NoticeFacts {
        what_happened: "A key was stolen".to_owned(),
        what_information: "Invoices of May".to_owned(),
        likely_consequences: "Forged invoices".to_owned(),
        what_we_did: "We revoked the key".to_owned(),
        what_you_should_do: "Watch your invoices".to_owned(),
        ..NoticeFacts::default()
    }
}

fn letters() -> Vec<Letter> {
    let letter = |key: &str| {
        let mut letter = Letter {
            id: LetterId::derived(&[key]),
            notice: NoticeId::derived(&["n"]),
            customer: CustomerId::derived(&[key]),
            obligation: None,
            recipients: vec![format!("security@{key}.example"), format!("ciso@{key}.example")],
            subject: "Security notice INC-0042".to_owned(),
            text: format!("To {key}"),
            html: format!("<p>To {key}</p>"),
            check_code: "0000-0000-0000".to_owned(),
            facts: None,
            template: None,
            hash: String::new(),
        };
        letter.hash = letter.digest();
        letter
    };
    vec![letter("acme"), letter("beta")]
}

fn draft(facts: NoticeFacts) -> Notice {
    let incident = IncidentId::derived(&["i"]);
    Notice::draft(&incident, NoticeKind::Full, facts.into(), person("ana"), friday())
}

/// Written by ana, submitted by ben.
fn submitted() -> Notice {
    draft(facts())
        .with_letters(&letters())
        .and_then(|notice| notice.submit(&person("ben"), friday()))
        .expect("complete")
}

fn sent() -> Notice {
    let notice = submitted();
    let read = notice.content_hash.clone();
    notice
        .approve(&read, &letters(), &person("lea"), friday() + minutes(5))
        .expect("a third person")
}

#[test]
fn neither_author_nor_submitter_can_approve() {
    for (name, hand) in [("ana", Hand::Began), ("ben", Hand::Submitted)] {
        let notice = submitted();
        let read = notice.content_hash.clone();
        let refused = notice.approve(&read, &letters(), &person(name), friday());
        let who = person(name);
        assert_eq!(refused, Err(NoticeError::HadAHand { who, hand }));
    }
    let NoticeState::Sent {
        approved_by, hash, ..
    } = sent().state
    else {
        panic!("it is sent");
    };
    assert_eq!(approved_by, person("lea"));
    assert_eq!(hash, content_hash(&letters()));
}

#[test]
fn whoever_edits_cannot_approve_and_whoever_began_it_still_cannot() {
    let edited = submitted()
        .edit(facts().into(), &person("lea"), friday())
        .expect("not sent yet");
    assert_eq!(edited.state, NoticeState::Draft);
    assert_eq!(
        edited.author,
        person("ana"),
        "ana began it, whoever wrote in it last"
    );
    assert_eq!(edited.edited.as_ref().map(|last| &last.by), Some(&person("lea")));
    let again = edited.submit(&person("ben"), friday()).expect("complete");
    let read = again.content_hash.clone();
    for (name, hand) in [("lea", Hand::Wrote), ("ana", Hand::Began)] {
        let refused = again.clone().approve(&read, &letters(), &person(name), friday());
        let who = person(name);
        assert_eq!(refused, Err(NoticeError::HadAHand { who, hand }));
    }
}

#[test]
fn a_record_of_an_older_version_knows_its_author_and_forgets_nobody_from_then_on() {
    let mut old = serde_json::to_value(submitted()).expect("is JSON");
    let fields = old.as_object_mut().expect("an object");
    assert!(fields.remove("writers").is_some());
    let old: Notice = serde_json::from_value(old).expect("is read");
    assert_eq!(old.hand_of(&person("ana")), Some(Hand::Began));
    assert_eq!(old.hand_of(&person("ben")), Some(Hand::Submitted));
    assert_eq!(old.hand_of(&person("lea")), None);
    let edited = old
        .edit(facts().into(), &person("lea"), friday())
        .expect("not sent");
    assert_eq!(edited.writers, BTreeSet::from([person("ana"), person("lea")]));
}

#[test]
fn who_may_approve_is_whoever_has_the_role_and_no_hand_in_it() {
    let counsel = |name: &str, role| User {
        id: user(name),
        email: format!("{name}@example.com"),
        name: name.to_owned(),
        roles: BTreeSet::from([role]),
        must_change_password: false,
        created_at: friday(),
        closed_at: None,
    };
    let mut gone = counsel("gil", AccessRole::Legal);
    gone.closed_at = Some(friday());
    let people = [
        counsel("ana", AccessRole::Legal),
        counsel("ben", AccessRole::Legal),
        counsel("lea", AccessRole::Legal),
        counsel("max", AccessRole::Commander),
        gone,
    ];
    let names = |notice: &Notice| {
        let approvers = notice.approvers(&people).into_iter();
        approvers.map(|user| user.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&submitted()), ["lea"]);
    let edited = submitted()
        .edit(facts().into(), &person("lea"), friday())
        .expect("not sent");
    assert_eq!(
        names(&edited),
        ["ben"],
        "ben only submitted what was there before"
    );
    let again = edited.submit(&person("ben"), friday()).expect("complete");
    assert!(names(&again).is_empty(), "everybody had a hand in it");
}

#[test]
fn why_it_was_returned_stays_on_it_until_it_is_returned_again() {
    let returned = submitted()
        .send_back(" name the files ", &person("lea"), friday())
        .expect("reasoned");
    let again = returned
        .edit(facts().into(), &person("ana"), friday())
        .and_then(|notice| notice.submit(&person("ana"), friday()))
        .expect("complete");
    assert_eq!(
        again.returned.map(|last| last.why),
        Some("name the files".to_owned())
    );
}

#[test]
fn an_approval_of_something_else_is_refused_and_says_what_stands() {
    let refused = submitted().approve("0000", &letters(), &person("lea"), friday());
    let Err(NoticeError::Changed { approved, content }) = refused else {
        panic!("what was read is not what stands");
    };
    assert_eq!((approved.as_str(), content), ("0000", content_hash(&letters())));
}

#[test]
fn rendering_anew_with_another_text_takes_the_submission_back() {
    let mut changed = letters();
    changed[0].text.push('.');
    let notice = submitted().with_letters(&changed).expect("not sent");
    assert_eq!(notice.state, NoticeState::Draft);
    let same = submitted().with_letters(&letters()).expect("not sent");
    assert_eq!(same, submitted_like(&same));
}

#[test]
fn letters_follow_a_customer_while_the_notice_waits_and_are_read_again() {
    let (lea, tim) = (person("lea"), person("tim"));
    let waiting = submitted();
    let read = waiting.content_hash.clone();
    let before = letters();
    assert!(waiting.clone().follow(&before, &before, &tim, friday()).is_none());
    let mut now = before.clone();
    now[0].recipients = vec!["new@customer.example".to_owned()];
    now[1].text.push('.');
    let (followed, different) = waiting
        .follow(&before, &now, &tim, friday())
        .expect("two letters are different");
    let parts: Vec<_> = different
        .iter()
        .map(|one| one.parts.iter().copied().collect::<Vec<_>>())
        .collect();
    assert_eq!(parts, [vec![LetterPart::Recipients], vec![LetterPart::Words]]);
    assert_eq!(
        followed.state.name(),
        "submitted",
        "nobody has to submit it again"
    );
    let stale = followed.clone().approve(&read, &now, &lea, friday());
    assert!(matches!(stale, Err(NoticeError::Changed { .. })), "{stale:?}");
    let hash = followed.content_hash.clone();
    let own = followed.clone().approve(&hash, &now, &tim, friday());
    let (who, hand) = (tim.clone(), Hand::MadeFollow);
    assert_eq!(own, Err(NoticeError::HadAHand { who, hand }));
    assert!(followed.clone().approve(&hash, &now, &lea, friday()).is_ok());
    let returned = followed
        .send_back("read it again", &lea, friday())
        .expect("reasoned");
    let anew = returned.submit(&person("ana"), friday()).expect("whole");
    assert!(
        anew.followed.is_empty(),
        "whoever submits answers for the letters as they are"
    );
    assert!(anew.approve(&hash, &now, &tim, friday()).is_ok());
}

/// The same submission: ids of drafts are random, everything else is not.
fn submitted_like(notice: &Notice) -> Notice {
    Notice {
        id: notice.id.clone(),
        ..submitted()
    }
}

#[test]
fn a_full_notice_is_submitted_only_when_it_says_everything_to_somebody() {
    let silent = draft(NoticeFacts::default())
        .with_letters(&letters())
        .expect("a draft");
    let Err(NoticeError::Incomplete { fields }) = silent.submit(&person("ana"), friday()) else {
        panic!("nothing is written");
    };
    assert_eq!(fields.len(), 5);
    assert_eq!(
        draft(facts()).submit(&person("ana"), friday()),
        Err(NoticeError::Nobody {
            why: NoticeKind::Full.nobody()
        })
    );
}

#[test]
fn returning_needs_a_reason_and_what_was_returned_can_be_submitted_again() {
    let lea = person("lea");
    assert_eq!(
        submitted().send_back("  ", &lea, friday()),
        Err(NoticeError::NoReason)
    );
    let returned = submitted()
        .send_back("name the files", &lea, friday())
        .expect("reasoned");
    assert!(returned.submit(&person("ana"), friday()).is_ok());
}

#[test]
fn a_draft_is_discarded_for_a_reason_and_is_done_with() {
    let ana = person("ana");
    assert_eq!(
        draft(facts()).discard(" ", &ana, friday()),
        Err(NoticeError::NoReasonToDiscard)
    );
    let gone = draft(facts())
        .discard("begun by mistake", &ana, friday())
        .expect("a reason");
    assert!(
        gone.discarded() && gone.facts == facts(),
        "it stays in the record as it was"
    );
    assert!(gone.clone().edit(facts().into(), &ana, friday()).is_err());
    assert!(gone.clone().submit(&ana, friday()).is_err());
    assert!(gone.clone().with_letters(&letters()).is_err());
    assert!(gone.discard("again", &ana, friday()).is_err());
    assert!(
        submitted().discard("no", &ana, friday()).is_err(),
        "it is returned first"
    );
    assert!(sent().discard("no", &ana, friday()).is_err());
    let returned = submitted()
        .send_back("say more", &person("lea"), friday())
        .expect("a reason");
    assert!(returned.discard("not needed", &ana, friday()).is_ok());
}

#[test]
fn what_continues_an_earlier_notice_is_not_begun_for_nobody() {
    for kind in NoticeKind::ALL {
        let notice = Notice {
            kind,
            ..draft(facts())
        };
        let continues = !matches!(
            kind,
            NoticeKind::Holding | NoticeKind::Full | NoticeKind::SecurityChange
        );
        assert_eq!(notice.must_go_to_somebody().is_err(), continues, "{kind:?}");
        let to_somebody = notice.with_letters(&letters()).expect("a draft");
        assert_eq!(to_somebody.must_go_to_somebody(), Ok(()));
    }
}

#[test]
fn a_placeholder_is_left_out_only_where_the_field_may_be_empty() {
    let problem = |facts| {
        let found = lint(NoticeKind::Full, &facts, None);
        found[0].problem
    };
    let required = NoticeFacts {
        what_happened: "TBD".to_owned(),
        ..facts()
    };
    let optional = NoticeFacts {
        contained: "TBD".to_owned(),
        ..facts()
    };
    assert!(!problem(required).contains("empty"));
    assert!(problem(optional).contains("leave the field empty"));
}

#[test]
fn what_was_sent_is_frozen() {
    let ana = person("ana");
    assert!(sent().edit(facts().into(), &ana, friday()).is_err());
    assert!(sent().with_letters(&[]).is_err());
    assert!(sent().submit(&ana, friday()).is_err());
    assert!(sent().send_back("no", &ana, friday()).is_err());
    assert!(
        sent()
            .approve(&content_hash(&letters()), &letters(), &person("max"), friday())
            .is_err()
    );
    assert!(sent().dispatch_holding(&letters(), 0, friday()).is_err());
}

#[test]
fn nobody_edits_or_approves_a_holding_notice_and_it_goes_only_to_somebody() {
    let incident = IncidentId::derived(&["i"]);
    let prepare = || Notice::prepare_holding(&incident, 1, "v1".to_owned(), friday());
    assert!(prepare().edit(facts().into(), &person("ana"), friday()).is_err());
    assert!(prepare().submit(&person("ana"), friday()).is_err());
    assert_eq!(
        prepare().dispatch_holding(&[], 0, friday()),
        Err(NoticeError::Nobody {
            why: NoticeKind::Holding.nobody()
        })
    );
    let dispatched = prepare()
        .dispatch_holding(&letters(), 0, friday())
        .expect("somebody is told");
    assert_eq!((dispatched.letters, dispatched.unapproved), (2, 0));
    let more = dispatched.clone().dispatch_holding(&letters(), 1, friday());
    let more = more.and_then(|more| more.dispatch_holding(&letters(), 2, friday()));
    assert_eq!(
        more.map(|more| more.unapproved),
        Ok(3),
        "each time it goes counts"
    );
    assert!(matches!(dispatched.state, NoticeState::Sent { .. }));
}

#[test]
fn a_full_notice_never_goes_by_itself() {
    assert!(submitted().dispatch_holding(&letters(), 0, friday()).is_err());
}

#[test]
fn the_order_of_letters_does_not_matter_to_the_digest() {
    let mut turned = letters();
    turned.reverse();
    assert_eq!(content_hash(&turned), content_hash(&letters()));
}

/// What somebody does to a notice.
#[derive(Debug, Clone, Copy)]
enum Act {
    Edit,
    Submit,
    Return,
}

proptest! {
    /// Whatever the order of drafting, editing, submitting and returning: nobody who wrote approves, nor whoever submitted last, and
    /// whoever had no hand in it can.
    #[test]
    fn nobody_who_wrote_approves_in_whichever_order_it_was_written(
        first in 0_usize..4,
        acts in prop::collection::vec((0_usize..4, prop_oneof![Just(Act::Edit), Just(Act::Submit), Just(Act::Return)]), 0..12),
        last in 0_usize..4,
    ) {
        let people = ["ana", "ben", "lea", "tim"].map(person);
        let incident = IncidentId::derived(&["i"]);
        let mut notice = Notice::draft(&incident, NoticeKind::Full, facts().into(), people[first].clone(), friday())
            .with_letters(&letters())
            .expect("a draft");
        let mut wrote = BTreeSet::from([first]);
        for (who, act) in acts {
            let by = &people[who];
            let done = match act {
                Act::Edit => notice.clone().edit(facts().into(), by, friday()),
                Act::Submit => notice.clone().submit(by, friday()),
                Act::Return => notice.clone().send_back("say more", by, friday()),
            };
            if let Ok(changed) = done {
                if matches!(act, Act::Edit) {
                    wrote.insert(who);
                }
                notice = changed;
            }
        }
        let submitted_by = match &notice.state {
            NoticeState::Submitted { by, .. } => by.clone(),
            _ => {
                notice = notice.submit(&people[last], friday()).expect("complete");
                people[last].clone()
            }
        };
        let read = notice.content_hash.clone();
        for (index, who) in people.iter().enumerate() {
            let decided = notice.clone().approve(&read, &letters(), who, friday());
            let had_a_hand = wrote.contains(&index) || *who == submitted_by;
            prop_assert_eq!(decided.is_err(), had_a_hand, "{:?} of {:?}", who, notice);
        }
        prop_assert_eq!(&notice.author, &people[first]);
    }

    /// One character in any part of any letter, one recipient more or less: the approval does not hold.
    #[test]
    fn one_byte_changed_is_not_sent(which in 0_usize..2, part in 0_usize..5, place in any::<usize>(), put in "[a-zA-Z0-9<>&]") {
        let mut changed = letters();
        let letter = &mut changed[which];
        let edit = |text: &mut String| {
            let place = place % (text.len() + 1);
            text.insert_str(place, &put);
        };
        match part {
            0 => edit(&mut letter.subject),
            1 => edit(&mut letter.text),
            2 => edit(&mut letter.html),
            3 => edit(&mut letter.recipients[0]),
            _ => letter.recipients.truncate(1),
        }
        let notice = submitted();
        let read = notice.content_hash.clone();
        let refused = notice.approve(&read, &changed, &person("lea"), friday());
        prop_assert!(matches!(refused, Err(NoticeError::Changed { .. })), "{:?}", refused);
    }
}

#[test]
fn each_kind_goes_to_those_whom_it_concerns() {
    use NoticeKind::{Correction, Final, FollowUp, Full, Holding, Withdrawn};
    let goes = |affected: bool, sent: &[NoticeKind]| {
        let sent = sent.iter().copied().collect();
        let kinds = NoticeKind::ALL.into_iter();
        kinds
            .filter(|kind| kind.goes_to(affected, &sent))
            .collect::<Vec<_>>()
    };
    assert_eq!(goes(true, &[]), [Holding, Full], "owed, and told nothing yet");
    assert_eq!(
        goes(true, &[Holding]),
        [Holding, Full, FollowUp, Final, Correction]
    );
    let after_full = goes(true, &[Holding, Full]);
    assert_eq!(
        after_full,
        [Holding, FollowUp, Final, Correction],
        "nobody gets a second full account"
    );
    assert_eq!(goes(false, &[]), [], "cleared before anything went");
    assert_eq!(
        goes(false, &[Holding]),
        [Correction, Withdrawn],
        "cleared after it was told"
    );
    assert_eq!(goes(false, &[Holding, Withdrawn]), [Correction]);
}

#[test]
fn a_promise_that_has_passed_is_not_sent() {
    let notice = draft(facts()).with_letters(&letters()).expect("a draft");
    let promised = notice.next_update_by.expect("a full notice promises");
    assert_eq!(promised, friday() + NEXT_UPDATE);
    let late = promised - minutes(59);
    let refused = notice.clone().submit(&person("ben"), late);
    assert_eq!(refused, Err(NoticeError::Promise { by: promised }));
    let read = notice.content_hash.clone();
    let waiting = notice.submit(&person("ben"), friday()).expect("in time");
    let refused = waiting.approve(&read, &letters(), &person("lea"), late);
    assert_eq!(refused, Err(NoticeError::Promise { by: promised }));
}

#[test]
fn half_a_translation_is_not_submitted() {
    let words = Written {
        facts: facts(),
        translations: [("de".to_owned(), NoticeFacts::default())].into(),
        next_update_by: None,
    };
    let notice = draft(facts())
        .edit(words, &person("ana"), friday())
        .and_then(|notice| notice.with_letters(&letters()))
        .expect("a draft");
    let Err(NoticeError::Incomplete { fields }) = notice.submit(&person("ben"), friday()) else {
        panic!("half of the readers would read nothing");
    };
    assert_eq!(fields[0], "what_happened (de)");
}

#[test]
fn what_was_submitted_is_kept_for_the_next_reading() {
    let returned = submitted()
        .send_back("say which invoices", &person("lea"), friday())
        .expect("a reason");
    let before = returned.read_before.expect("it was read");
    assert_eq!((before.facts, before.by), (facts(), person("ben")));
    assert!(submitted().read_before.is_none(), "nobody has read it before");
}

#[test]
fn a_comment_changes_no_byte_of_what_is_approved() {
    let notice = submitted();
    let read = notice.content_hash.clone();
    let notice = notice
        .comment(
            Some(FactField::WhatHappened),
            " who says so? ",
            &person("lea"),
            friday(),
        )
        .expect("a comment");
    assert_eq!(notice.comments[0].text, "who says so?");
    assert!(
        notice
            .approve(&read, &letters(), &person("lea"), friday())
            .is_ok()
    );
    assert_eq!(
        submitted().comment(None, " ", &person("lea"), friday()),
        Err(NoticeError::Comment)
    );
}

/// What is objected to in one sentence, and whether it must be changed.
fn objections(text: &str) -> Vec<(Weight, String)> {
    let facts = NoticeFacts {
        what_happened: text.to_owned(),
        ..facts()
    };
    let findings = lint(NoticeKind::Full, &facts, None).into_iter();
    findings.map(|finding| (finding.weight, finding.words)).collect()
}

#[test]
fn a_careful_reader_objects_to_claims_figures_links_secrets_and_empty_words() {
    let must = |words: &str| vec![(Weight::Must, words.to_owned())];
    let should = |words: &str| vec![(Weight::Should, words.to_owned())];
    assert_eq!(objections("There is no evidence of misuse."), must("no evidence"));
    assert_eq!(
        objections("Es gibt keine Hinweise auf Missbrauch."),
        must("keine hinweise")
    );
    assert_eq!(
        objections("See https://parcelway.example/status"),
        must("https://parcelway.example/status")
    );
    assert_eq!(
        objections("The key AKIAIOSFODNN7EXAMPLE was used."),
        must("AKIAIOSFODNN7EXAMPLE")
    );
    assert_eq!(objections("It was read by TODO."), must("todo"));
    assert_eq!(
        objections("They copied 1,204 invoices."),
        should("1,204 invoices.")
    );
    assert_eq!(
        objections("As of 5 June, 14:00 UTC, 1,204 invoices were copied."),
        []
    );
    assert_eq!(
        objections("On 5 June at 14:00 a key was stolen."),
        [],
        "an instant is no figure"
    );
    assert_eq!(
        objections("We take security seriously."),
        should("take security seriously")
    );
    assert_eq!(
        objections("The tbdocs service was read."),
        [],
        "a word within a word is another word"
    );
}

#[test]
fn a_claim_that_rests_on_records_may_stand() {
    let facts = NoticeFacts {
        what_happened: "We found no evidence of misuse.".to_owned(),
        records_read: "access records of the bucket, 1 to 5 June, all read".to_owned(),
        ..facts()
    };
    assert_eq!(lint(NoticeKind::Full, &facts, None), []);
    let bare = NoticeFacts {
        records_read: String::new(),
        ..facts
    };
    let notice = draft(bare).with_letters(&letters()).expect("a draft");
    let Err(NoticeError::Objections { findings }) = notice.submit(&person("ben"), friday()) else {
        panic!("only records can show that");
    };
    assert!(
        findings[0].starts_with("what_happened: \"no evidence\""),
        "{findings:?}"
    );
}

fn words(language: &str) -> TemplateWords {
    TemplateWords {
        language: language.to_owned(),
        digest: format!("digest of {language}"),
    }
}

#[test]
fn words_are_approved_by_nobody_who_put_them_forward() {
    let german = words("de");
    let forward = WordsApproval::put_forward(None, &german, &person("ana"), friday()).expect("nobody has");
    assert_eq!(
        forward.clone().approve(&person("ana"), friday()),
        Err(NoticeError::WordsOfTheirOwn { who: person("ana") })
    );
    // Who puts the same words forward a second time does not make them somebody else's.
    let twice = WordsApproval::put_forward(Some(forward), &german, &person("bea"), friday()).expect("again");
    for own in ["ana", "bea"] {
        assert!(twice.clone().approve(&person(own), friday()).is_err(), "{own}");
    }
    let approved = twice.approve(&person("lea"), friday()).expect("a third person");
    assert_eq!(approved.version, 3);
    assert_eq!(
        approved.clone().approve(&person("ines"), friday()),
        Err(NoticeError::WordsApproved)
    );
    let again = WordsApproval::put_forward(Some(approved), &german, &person("ana"), friday());
    assert_eq!(again, Err(NoticeError::WordsApproved));
}

#[test]
fn an_approval_that_was_taken_back_counts_no_more_and_stays_with_its_reason() {
    let german = words("de");
    let waiting = WordsApproval::put_forward(None, &german, &person("ana"), friday()).expect("one");
    let early = waiting
        .clone()
        .take_back("a number is wrong", &person("ana"), friday());
    assert!(matches!(early, Err(NoticeError::WordsNotApproved)));
    let approved = waiting.approve(&person("lea"), friday()).expect("a second");
    let silent = approved.clone().take_back(" ", &person("ana"), friday());
    assert!(matches!(silent, Err(NoticeError::WordsNoReason)));
    let taken = approved
        .take_back("a number is wrong", &person("ana"), friday())
        .expect("approved");
    assert_eq!((&taken.approved, taken.put_forward.len()), (&None, 0));
    assert_eq!(taken.taken_back[0].approved.by, person("lea"));
    assert_eq!(taken.taken_back[0].put_forward[0].by, person("ana"));
    let nobody = taken.clone().approve(&person("lea"), friday());
    assert!(
        matches!(nobody, Err(NoticeError::WordsNobodys)),
        "two people read them again"
    );
    let anew = WordsApproval::put_forward(Some(taken), &german, &person("lea"), friday()).expect("again");
    let anew = anew.approve(&person("ana"), friday()).expect("a second");
    assert_eq!((anew.version, anew.taken_back.len()), (5, 1));
}

#[test]
fn a_letter_is_bound_to_the_approval_of_its_own_words_alone() {
    let approved = |language: &str| {
        WordsApproval::put_forward(None, &words(language), &person("ana"), friday())
            .and_then(|forward| forward.approve(&person("lea"), friday()))
            .expect("two people")
    };
    let waiting = WordsApproval::put_forward(None, &words("en"), &person("ana"), friday()).expect("one");
    let approvals = [approved("de"), waiting];
    let mut letter = letters().remove(0);
    assert!(!letter.bind_words(&approvals), "no letter of a holding notice");
    for (language, holds) in [("de", true), ("en", false), ("fr", false)] {
        let TemplateWords { language, digest } = words(language);
        letter.template = Some(LetterWords {
            language,
            digest,
            approved: None,
        });
        let hash = letter.digest();
        assert_eq!(letter.bind_words(&approvals), holds, "{letter:#?}");
        let bound = letter
            .template
            .as_ref()
            .and_then(|template| template.approved.as_ref());
        assert_eq!(bound.map(|act| &act.by), holds.then(|| person("lea")).as_ref());
        assert_eq!(letter.digest(), hash, "what it says is the same");
    }
}
