//! What was taken by our relay and did not arrive: reports come in over LMTP or SMTP, and are about one message each.

use super::contacts::one_letter_in_the_outbox;
use super::*;
use watchkeeper::bounces::listen;
use watchkeeper::config::{Bounces, Mail};
use watchkeeper_deliver::{Mailbox, SendError, SmtpConfig};
use watchkeeper_domain::delivery::DeliveryState;
use watchkeeper_domain::delivery::proof::{Level, OnPortal, proof_of_telling};
use watchkeeper_domain::notice::{Letter, NoticeError};
use watchkeeper_respond::RespondError;
use watchkeeper_respond::workers::{Turn, Worker as _};
use watchkeeper_stories::company::full_account;
use watchkeeper_stories::dsn::{hand_in, report};
use watchkeeper_stories::house::MailSetup;
use watchkeeper_testbed::smtp::SmtpServer;

pub(crate) const VICTIM: Victim = VICTIMS[2];

pub(crate) fn bounces(mail: Mail) -> Mail {
    let domain = "bounces.paperplane.example".to_owned();
    Mail {
        bounces: Some(Bounces {
            domain,
            listen: ([127, 0, 0, 1], 0).into(),
        }),
        ..mail
    }
}

/// A letter that our relay took at once, and where reports about it come in.
pub(crate) async fn told_by_one_letter(place: Place) -> (House, Incident, Mailbox) {
    let setup = Setup {
        mail: MailSetup::with(bounces),
        ..Setup::default()
    };
    let (mut house, incident) = one_letter_in_the_outbox(place, setup).await;
    house.relay.server().offer(&["8BITMIME", "DSN", "SIZE 10485760"]);
    house.settle().await;
    let listener = listen(house.desk(), ([127, 0, 0, 1], 0).into())
        .await
        .expect("it listens");
    assert!(told(&house, &incident).await.is_some(), "the letter was taken");
    (house, incident, listener)
}

pub(crate) async fn told(house: &House, incident: &Incident) -> Option<(DateTime<Utc>, bool)> {
    match of(house, incident, VICTIM).await.state {
        ObligationState::Told { at, in_time, .. } => Some((at, in_time)),
        _ => None,
    }
}

/// The return path of the newest message to an address.
fn return_path(house: &House, recipient: &str) -> String {
    let messages = house.relay.server().messages();
    let to = messages.iter().rfind(|mail| mail.to[0] == recipient);
    to.expect("a message").from.clone()
}

pub(crate) async fn letter_to(house: &House, incident: &Incident, recipient: &str) -> Delivery {
    let all = house.deliveries(incident).await;
    let mut letters = all
        .into_iter()
        .filter(|d| is_letter(d) && d.recipient == recipient);
    letters.next().expect("a letter")
}

/// The first message to an address is reported as not arrived.
pub(crate) async fn bounce_of_the_first(house: &House, listener: &Mailbox, recipient: &str) {
    let messages = house.relay.server().messages();
    let first = messages.iter().find(|mail| mail.to[0] == recipient);
    let path = first.expect("a message").from.clone();
    let raw = report("failed", "5.1.1", recipient, "550 not here");
    let answer = hand_in(listener.address().port(), &path, &raw)
        .await
        .expect("taken");
    assert!(answer.starts_with("250"), "{answer}");
}

async fn bounce(house: &House, listener: &Mailbox, recipient: &str, status: &str) {
    let raw = report("failed", status, recipient, "550 not here");
    let path = return_path(house, recipient);
    let answer = hand_in(listener.address().port(), &path, &raw)
        .await
        .expect("taken");
    assert!(answer.starts_with("250"), "{answer}");
}

/// What counts is the first message that stands: a letter that waits for approval follows when what told its customer came back.
async fn a_letter_that_waits_follows_when_what_told_its_customer_came_back(place: Place) {
    let (mut house, incident, listener) = told_by_one_letter(place).await;
    let (first_at, _) = told(&house, &incident).await.expect("told");
    let (mara, ines) = (house.actor(MARA).await, house.user(INES).await);
    let desk = house.desk().clone();
    let drafted = NoticeFacts {
        contained: "yes".to_owned(),
        ..full_account()
    };
    let last = desk
        .draft_notice(&incident.id, NoticeKind::Final, drafted.into(), &mara)
        .await
        .expect("begun");
    let last = desk.submit_notice(&last.id, &mara).await.expect("submitted");
    let says = |letters: Vec<Letter>| letters[0].first_told().map(|at| at.timestamp());
    assert_eq!(says(house.letters(&last).await), Some(first_at.timestamp()));

    house.pass(Duration::hours(5));
    bounce(&house, &listener, &VICTIM.security_contact(), "5.1.1").await;
    let refused = desk.approve_notice(&last.id, &last.content_hash, &ines).await;
    let Err(RespondError::Notice(NoticeError::Changed { content, .. })) = refused else {
        panic!("what was read says since when the customer knows, and that came back: {refused:?}");
    };
    assert_eq!(says(house.letters(&last).await), None, "nobody had been told");

    // The next contact is told, by the notice before: so it is again another letter.
    house.settle().await;
    let (next_at, _) = told(&house, &incident).await.expect("told by the next contact");
    let refused = desk.approve_notice(&last.id, &content, &ines).await;
    let Err(RespondError::Notice(NoticeError::Changed { content, .. })) = refused else {
        panic!("the customer was told meanwhile: {refused:?}");
    };
    assert_eq!(says(house.letters(&last).await), Some(next_at.timestamp()));
    desk.approve_notice(&last.id, &content, &ines)
        .await
        .expect("read again");
    let said = house.timeline(&incident).await;
    let follows = said
        .iter()
        .filter(|entry| entry.text.contains("followed a change"));
    assert_eq!(follows.count(), 2);
    house.verified_audit().await;
}

async fn a_bounce_after_two_days_leads_to_the_next_contact_and_then_to_a_miss(place: Place) {
    let (mut house, incident, listener) = told_by_one_letter(place).await;
    let confirmed = of(&house, &incident, VICTIM).await.deadline.from;
    house.clock.set(confirmed + Duration::hours(50));
    house.settle().await;
    bounce(&house, &listener, &VICTIM.security_contact(), "5.1.1").await;
    let letter = letter_to(&house, &incident, &VICTIM.security_contact()).await;
    assert!(
        matches!(
            &letter.state,
            DeliveryState::Bounced {
                submitted: Some(_),
                ..
            }
        ),
        "{letter:#?}"
    );
    let state = of(&house, &incident, VICTIM).await.state;
    assert_eq!(state, ObligationState::Running, "nobody has the notice");
    house.settle().await;
    assert_eq!(
        house.relay.mails_to(&VICTIM.legal_contact()).len(),
        1,
        "the next contact"
    );
    let (at, in_time) = told(&house, &incident).await.expect("told again");
    assert_eq!((at, in_time), (confirmed + Duration::hours(50), true));

    // Nobody else can be reached either: the remaining contacts bounce one after the other.
    house.clock.set(confirmed + Duration::hours(60));
    bounce(&house, &listener, &VICTIM.legal_contact(), "5.2.1").await;
    house.settle().await;
    let billing = format!("accounts@{}.example", VICTIM.slug);
    house.clock.set(confirmed + Duration::hours(65));
    bounce(&house, &listener, &billing, "4.4.7").await;
    house.settle().await;
    let unreached = |d: &Delivery| pages_for(d, |r| matches!(r, PageReason::CustomerUnreached { .. }));
    let pages = house
        .deliveries(&incident)
        .await
        .into_iter()
        .filter(unreached)
        .count();
    assert_eq!(pages, 2, "whoever is in charge and counsel are asked to call");
    // The holding notice goes to no address that bounced: our relay would take it, and the customer would seem to be told.
    let copies = house.relay.mails_to(&VICTIM.security_contact()).len();
    house.clock.set(confirmed + Duration::hours(72));
    house.settle().await;
    assert_eq!(house.relay.mails_to(&VICTIM.security_contact()).len(), copies);
    let state = of(&house, &incident, VICTIM).await.state;
    assert!(matches!(state, ObligationState::Missed { .. }), "{state:?}");
    let said = house.timeline(&incident).await;
    let said = |what: &str| said.iter().any(|entry| entry.text.contains(what));
    assert!(said(
        "bounced (failed, 5.1.1, mx.example: 550 not here); the next contact is tried"
    ));
    assert!(said("has not been told: no message to them stands any more"));
    house.verified_audit().await;
}

async fn what_is_forged_unknown_or_repeated_is_counted_and_changes_nothing(place: Place) {
    let (house, incident, listener) = told_by_one_letter(place).await;
    let (port, recipient) = (listener.address().port(), VICTIM.security_contact());
    let path = return_path(&house, &recipient);
    let failed = report("failed", "5.1.1", &recipient, "550 not here");
    let before = (
        house.deliveries(&incident).await,
        house.timeline(&incident).await.len(),
    );
    let records = house.verified_audit().await;
    // One digit of the signature, a message that was never sent, somebody else's address.
    let (local, domain) = path.split_once('@').expect("an address");
    let digit = if local.ends_with('0') { '1' } else { '0' };
    let made_up = format!("{}{digit}@{domain}", &local[..local.len() - 1]);
    for address in [
        made_up.as_str(),
        "postmaster@bounces.paperplane.example",
        "eve@example.org",
    ] {
        let refused = hand_in(port, address, &failed).await.expect_err("refused");
        assert!(matches!(refused, SendError::Refused { .. }), "{refused:?}");
    }
    hand_in(port, &path, "Subject: I am away\r\n\r\nUntil Monday.\r\n")
        .await
        .expect("taken");
    let delivered = report("delivered", "2.0.0", &recipient, "250 ok");
    for _ in 0..3 {
        hand_in(port, &path, &delivered).await.expect("taken");
    }
    let mut tx = house.desk().store().read().await.expect("a transaction");
    let tallies = tx.bounce_tallies().await.expect("tallies");
    let counted: Vec<(&str, u64)> = tallies.iter().map(|t| (t.kind.as_str(), t.count)).collect();
    assert_eq!(
        counted,
        [
            ("forged", 1),
            ("not_a_report", 1),
            ("repeated", 2),
            ("unknown", 2)
        ]
    );
    drop(tx);
    // Only the first delivery report was new.
    let after = house.deliveries(&incident).await;
    let mut expected = before.0;
    for delivery in &mut expected {
        if delivery.recipient == recipient {
            let now = after.iter().find(|d| d.id == delivery.id).expect("it is there");
            assert!(now.remote_accepted.is_some(), "{now:#?}");
            delivery.remote_accepted.clone_from(&now.remote_accepted);
            delivery.version += 1;
        }
    }
    assert_eq!(after, expected);
    assert_eq!(house.timeline(&incident).await.len(), before.1 + 1);
    // The report, and the entry of the timeline.
    assert_eq!(house.verified_audit().await, records + 2);
    assert!(told(&house, &incident).await.is_some());
}

async fn levels_of_proof_are_shown_apart(place: Place) {
    let (mut house, incident, listener) = told_by_one_letter(place).await;
    let (port, recipient) = (listener.address().port(), VICTIM.security_contact());
    let command = |what: &str| {
        house
            .relay
            .server()
            .commands()
            .iter()
            .any(|line| line.contains(what))
    };
    let letter = letter_to(&house, &incident, &recipient).await;
    assert!(
        command(&format!("RET=HDRS ENVID={}", letter.id)),
        "{:?}",
        house.relay.server().commands()
    );
    assert!(command(&format!(
        "NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;{recipient}"
    )));
    let path = return_path(&house, &recipient);
    let shares = async |house: &House| {
        let (owed, deliveries) = (
            house.obligations(&incident).await,
            house.deliveries(&incident).await,
        );
        let proof = proof_of_telling(&owed, &deliveries, &BTreeMap::<_, OnPortal>::new(), house.now());
        proof
            .levels
            .iter()
            .map(|share| (share.level, share.in_time, share.late, share.never, share.open))
            .collect::<Vec<_>>()
    };
    let submitted = (Level::Submitted, 1, 0, 0, 0);
    let nobody = [(Level::Opened, 0, 0, 0, 1), (Level::Acknowledged, 0, 0, 0, 1)];
    hand_in(port, &path, &report("delayed", "4.2.0", &recipient, "450 busy"))
        .await
        .expect("taken");
    let open = (Level::RemoteAccepted, 0, 0, 0, 1);
    assert_eq!(shares(&house).await, [submitted, open, nobody[0], nobody[1]]);
    let taken = report("relayed", "2.0.0", &recipient, "250 ok");
    hand_in(port, &path, &taken).await.expect("taken");
    let remote = (Level::RemoteAccepted, 1, 0, 0, 0);
    assert_eq!(shares(&house).await, [submitted, remote, nobody[0], nobody[1]]);
    // A failure after that counts all the same: the message does not stand.
    bounce(&house, &listener, &recipient, "5.7.1").await;
    let none = [Level::Submitted, Level::RemoteAccepted].map(|level| (level, 0, 0, 0, 1));
    assert_eq!(shares(&house).await, [none[0], none[1], nobody[0], nobody[1]]);
    house.settle().await;
    let refused = |d: &Delivery| {
        pages_for(
            d,
            |r| matches!(r, PageReason::MailRefused { status, .. } if status == "5.7.1"),
        )
    };
    let paged: Vec<Delivery> = house
        .deliveries(&incident)
        .await
        .into_iter()
        .filter(refused)
        .collect();
    assert_eq!(
        recipients(&paged).into_iter().collect::<BTreeSet<_>>(),
        emails(&[TOMAS, INES]),
        "our mail is refused as such: somebody must look"
    );
    assert_eq!(
        shares(&house).await,
        [submitted, open, nobody[0], nobody[1]],
        "the next contact"
    );
    house.verified_audit().await;
}

/// The relay took the letter, and the connection broke before it said so.
async fn one_letter_whose_end_nobody_knows(place: Place) -> (House, Incident) {
    let setup = Setup {
        mail: MailSetup::with(bounces),
        ..Setup::default()
    };
    let (mut house, incident) = one_letter_in_the_outbox(place, setup).await;
    house.relay.server().script_once(Stage::Dot, Act::AcceptThenDrop);
    house.settle().await;
    assert_eq!(told(&house, &incident).await, None, "nobody knows");
    (house, incident)
}

async fn a_connection_lost_after_the_final_dot_is_sent_again_and_flagged(place: Place) {
    let (mut house, incident) = one_letter_whose_end_nobody_knows(place).await;
    // The relay had it, and it did not arrive: the report comes before we have tried again.
    let listener = listen(house.desk(), ([127, 0, 0, 1], 0).into())
        .await
        .expect("it listens");
    let recipient = VICTIM.security_contact();
    let first = letter_to(&house, &incident, &recipient).await;
    assert!(first.possible_duplicate, "{first:#?}");
    house.pass(Duration::minutes(1));
    house.settle().await;
    let copies: Vec<Vec<u8>> = house
        .relay
        .server()
        .messages()
        .into_iter()
        .filter(|mail| mail.to[0] == recipient)
        .map(|mail| mail.bytes)
        .collect();
    assert_eq!(copies.len(), 2);
    assert_eq!(copies[0], copies[1], "the same bytes, with the same Message-ID");
    assert!(told(&house, &incident).await.is_some());
    bounce(&house, &listener, &recipient, "5.1.1").await;
    assert_eq!(told(&house, &incident).await, None);
    house.settle().await;
    assert_eq!(house.relay.mails_to(&VICTIM.legal_contact()).len(), 1);
    house.verified_audit().await;
}

async fn no_answer_is_taken_for_that_to_another_message(place: Place) {
    let setup = Setup {
        mail: MailSetup::with(|mail| {
            let mut mail = bounces(mail);
            let relay = mail.smtp.as_mut().expect("a relay");
            relay.limits.final_dot = std::time::Duration::from_millis(300);
            mail
        }),
        ..Setup::default()
    };
    let (mut house, incident) = one_letter_in_the_outbox(place, setup).await;
    // 354, the content, and silence; the next message gets 354, and then 550 for its own dot.
    house.relay.server().script_once(Stage::Dot, Act::Stall);
    house
        .relay
        .server()
        .script_once(Stage::Dot, Act::reply("550 5.1.1 no such user"));
    house.settle().await;
    let connections = house.relay.server().connections();
    assert_eq!(told(&house, &incident).await, None);
    house.pass(Duration::minutes(1));
    house.settle().await;
    let letter = letter_to(&house, &incident, &VICTIM.security_contact()).await;
    assert_eq!(letter.state.name(), "refused", "{letter:#?}");
    assert!(letter.possible_duplicate);
    assert_eq!(house.relay.mails_to(&VICTIM.security_contact()).len(), 0);
    assert_eq!(house.relay.mails_to(&VICTIM.legal_contact()).len(), 1);
    assert_eq!(
        house.relay.server().connections(),
        connections + 2,
        "a connection a message"
    );
    house.verified_audit().await;
}

async fn a_silent_conversation_holds_nothing_else_up_and_nobody_takes_its_message_away(place: Place) {
    let setup = Setup {
        mail: MailSetup::with(|mail| {
            let mut mail = bounces(mail);
            let relay = mail.smtp.as_mut().expect("a relay");
            relay.limits.final_dot = std::time::Duration::from_secs(8);
            mail
        }),
        ..Setup::default()
    };
    let (mut house, incident) = one_letter_in_the_outbox(place, setup).await;
    let recipient = VICTIM.security_contact();
    house.relay.server().script_once(Stage::Dot, Act::Stall);
    let (taken, connections) = (
        house.relay.server().accepted(),
        house.relay.server().connections(),
    );
    let turn = async |house: &mut House| house.deliveries_worker().turn().await.expect("a turn");
    while house.relay.server().connections() == connections {
        assert_eq!(turn(&mut house).await, Turn::Busy, "the letter is under way");
    }
    // Somebody is paged while the relay says nothing.
    let mara = house.user(MARA).await;
    let declaration = Declaration {
        title: "Something else".to_owned(),
        severity: Severity::Sev1,
        summary: String::new(),
        playbook: None,
        drill: false,
    };
    house.desk().declare(&mara, declaration).await.expect("declared");
    while house.relay.server().accepted() == taken {
        assert_eq!(
            turn(&mut house).await,
            Turn::Busy,
            "the letter is still under way"
        );
    }
    assert_eq!(
        letter_to(&house, &incident, &recipient).await.state.name(),
        "claimed"
    );
    // Time leaps past the end of the claim: it is renewed, and nobody sends the letter beside the one who does.
    house.pass(Duration::minutes(5));
    turn(&mut house).await;
    let letter = letter_to(&house, &incident, &recipient).await;
    assert_eq!((letter.state.name(), letter.attempts), ("claimed", 1));
    // Who stops waits for what is under way.
    house.deliveries_worker().finish().await.expect("it ends");
    let letter = letter_to(&house, &incident, &recipient).await;
    assert_eq!((letter.state.name(), letter.attempts), ("queued", 1));
    assert!(letter.possible_duplicate, "nobody knows how it ended");
    house.pass(Duration::minutes(1));
    house.settle().await;
    assert_eq!(house.relay.mails_to(&recipient).len(), 1);
    house.verified_audit().await;
}

async fn a_report_of_success_says_how_an_attempt_ended_that_nobody_knew_the_end_of(place: Place) {
    let (mut house, incident) = one_letter_whose_end_nobody_knows(place).await;
    let listener = listen(house.desk(), ([127, 0, 0, 1], 0).into())
        .await
        .expect("it listens");
    let recipient = VICTIM.security_contact();
    let path = return_path(&house, &recipient);
    let delivered = report("delivered", "2.0.0", &recipient, "250 ok");
    hand_in(listener.address().port(), &path, &delivered)
        .await
        .expect("taken");
    assert!(told(&house, &incident).await.is_some(), "their server has it");
    let letter = letter_to(&house, &incident, &recipient).await;
    assert_eq!(letter.state.name(), "accepted");
    assert!(letter.remote_accepted.is_some());
    house.pass(Duration::hours(1));
    house.settle().await;
    assert_eq!(house.relay.mails_to(&recipient).len(), 1, "it is not sent again");
    house.verified_audit().await;
}

async fn a_second_relay_takes_what_the_first_cannot(place: Place) {
    let second = SmtpServer::start().await.expect("a free port");
    let port = second.port();
    let setup = Setup {
        mail: MailSetup::with(move |mail| Mail {
            second_relay: Some(SmtpConfig::loopback(port)),
            ..mail
        }),
        ..Setup::default()
    };
    let (mut house, incident) = one_letter_in_the_outbox(place, setup).await;
    let pages = second.accepted();
    house.relay.go_down();
    house.settle().await;
    let recipient = VICTIM.security_contact();
    let to: Vec<Vec<String>> = second
        .messages()
        .into_iter()
        .skip(pages)
        .map(|mail| mail.to)
        .collect();
    assert_eq!(to, [[recipient.clone()]]);
    assert!(told(&house, &incident).await.is_some(), "without a pause");
    let letter = letter_to(&house, &incident, &recipient).await;
    assert!(
        matches!(&letter.state, DeliveryState::Accepted { by, .. } if by.contains(&port.to_string())),
        "{letter:#?}"
    );
    house.verified_audit().await;
}

async fn a_letter_that_is_put_off_for_hours_is_tried_on_while_the_next_contact_is_told(place: Place) {
    let (mut house, incident) = one_letter_in_the_outbox(place, Setup::default()).await;
    let (first, second) = (VICTIM.security_contact(), VICTIM.legal_contact());
    let letters = async |house: &House| {
        let all = house.deliveries(&incident).await;
        recipients(&all.into_iter().filter(is_letter).collect::<Vec<_>>())
    };
    let busy = Act::reply("450 4.2.0 mailbox busy");
    house.relay.server().script(Stage::Rcpt, busy);
    let begin = house.now();
    while house.now() < begin + Duration::hours(4) {
        house.settle().await;
        assert_eq!(
            letters(&house).await,
            [first.as_str()],
            "at {}",
            house.now() - begin
        );
        house.pass(Duration::hours(1));
    }
    house.settle().await;
    assert_eq!(letters(&house).await, [second.as_str(), first.as_str()]);
    house.relay.server().clear_script();
    house.pass(Duration::minutes(1));
    house.settle().await;
    assert_eq!(house.relay.mails_to(&second).len(), 1);
    assert_eq!(
        letter_to(&house, &incident, &first).await.state.name(),
        "queued",
        "tried on"
    );
    assert!(told(&house, &incident).await.is_some());
    house.pass(Duration::hours(1));
    house.settle().await;
    assert_eq!(house.relay.mails_to(&first).len(), 1, "it comes through at last");
    assert_eq!(house.relay.mails_to(&second).len(), 1, "once");
    house.verified_audit().await;
}

macro_rules! on_both {
    ($($story:ident: $sqlite:ident, $postgresql:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $sqlite() {
            $story(Place::sqlite()).await;
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn $postgresql() {
            if let Some(place) = Place::postgresql() {
                $story(place).await;
            }
        }
    )*};
}

on_both! {
    a_letter_that_waits_follows_when_what_told_its_customer_came_back:
        a_letter_that_waits_follows_when_what_told_its_customer_came_back_on_sqlite,
        a_letter_that_waits_follows_when_what_told_its_customer_came_back_on_postgresql;
    a_silent_conversation_holds_nothing_else_up_and_nobody_takes_its_message_away:
        a_silent_conversation_holds_nothing_else_up_and_nobody_takes_its_message_away_on_sqlite,
        a_silent_conversation_holds_nothing_else_up_and_nobody_takes_its_message_away_on_postgresql;
    a_report_of_success_says_how_an_attempt_ended_that_nobody_knew_the_end_of:
        a_report_of_success_says_how_an_attempt_ended_that_nobody_knew_the_end_of_on_sqlite,
        a_report_of_success_says_how_an_attempt_ended_that_nobody_knew_the_end_of_on_postgresql;
    a_bounce_after_two_days_leads_to_the_next_contact_and_then_to_a_miss:
        a_bounce_after_two_days_leads_to_the_next_contact_and_then_to_a_miss_on_sqlite,
        a_bounce_after_two_days_leads_to_the_next_contact_and_then_to_a_miss_on_postgresql;
    what_is_forged_unknown_or_repeated_is_counted_and_changes_nothing:
        what_is_forged_unknown_or_repeated_is_counted_and_changes_nothing_on_sqlite,
        what_is_forged_unknown_or_repeated_is_counted_and_changes_nothing_on_postgresql;
    levels_of_proof_are_shown_apart:
        levels_of_proof_are_shown_apart_on_sqlite,
        levels_of_proof_are_shown_apart_on_postgresql;
    a_connection_lost_after_the_final_dot_is_sent_again_and_flagged:
        a_connection_lost_after_the_final_dot_is_sent_again_and_flagged_on_sqlite,
        a_connection_lost_after_the_final_dot_is_sent_again_and_flagged_on_postgresql;
    a_second_relay_takes_what_the_first_cannot:
        a_second_relay_takes_what_the_first_cannot_on_sqlite,
        a_second_relay_takes_what_the_first_cannot_on_postgresql;
    a_letter_that_is_put_off_for_hours_is_tried_on_while_the_next_contact_is_told:
        a_letter_that_is_put_off_for_hours_is_tried_on_while_the_next_contact_is_told_on_sqlite,
        a_letter_that_is_put_off_for_hours_is_tried_on_while_the_next_contact_is_told_on_postgresql;
    no_answer_is_taken_for_that_to_another_message:
        no_answer_is_taken_for_that_to_another_message_on_sqlite,
        no_answer_is_taken_for_that_to_another_message_on_postgresql;
}
