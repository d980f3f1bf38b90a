//! A real mail server between us and the customers: what Postfix reports is read, and what it delivers is verified.

use super::bounces::{bounces, letter_to, told};
use super::contacts::one_letter_in_the_outbox;
use super::*;
use watchkeeper::bounces::listen;
use watchkeeper_deliver::{DkimConfig, DkimSigner, SmtpConfig};
use watchkeeper_domain::delivery::DeliveryState;
use watchkeeper_domain::delivery::report::{Action, StatusCode};
use watchkeeper_stories::house::MailSetup;
use watchkeeper_testbed::dkim::{Key, private_key, verify};
use watchkeeper_testbed::postfix::Postfix;

const VICTIM: Victim = VICTIMS[2];

/// How long a mail server may take for what it does by itself.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// The house goes on working until `there` says so: Postfix has a time of its own.
async fn until(house: &mut House, postfix: &Postfix, what: &str, mut there: impl AsyncFnMut(&House) -> bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        house.settle().await;
        if there(house).await {
            return;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "{what} did not come within {PATIENCE:?}; Postfix says:\n{}",
            postfix.log()
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// The relay takes the letter, and finds out later that its recipient is no more: nobody but the report can say so.
async fn what_postfix_bounces_goes_to_the_next_contact_and_what_it_delivers_is_proved(place: Place) {
    let (gone, next) = (VICTIM.security_contact(), VICTIM.legal_contact());
    let Some(postfix) = Postfix::start(&[&next, "@paperplane.example"]) else {
        return;
    };
    let port = postfix.port();
    let dkim = DkimConfig {
        domain: "paperplane.example".to_owned(),
        selector: "watch2026".to_owned(),
        key_file: place.folder().join("dkim.pem"),
    };
    std::fs::write(&dkim.key_file, private_key(Key::Rsa(2048))).expect("the key is written");
    let signer = DkimSigner::open(&dkim).expect("a signer");
    let setup = Setup {
        mail: MailSetup::with(move |mail| {
            let mut mail = bounces(mail);
            mail.smtp = mail.smtp.map(|relay| SmtpConfig {
                limits: relay.limits,
                ..SmtpConfig::loopback(port)
            });
            mail.dkim = Some(dkim);
            mail
        }),
        ..Setup::default()
    };
    let (mut house, incident) = one_letter_in_the_outbox(place, setup).await;
    let listener = listen(house.desk(), ([127, 0, 0, 1], 0).into())
        .await
        .expect("it listens");
    postfix.lead("bounces.paperplane.example", listener.address());

    until(&mut house, &postfix, "the bounce", async |house| {
        letter_to(house, &incident, &gone).await.state.name() == "bounced"
    })
    .await;
    let DeliveryState::Bounced {
        status, submitted, ..
    } = letter_to(&house, &incident, &gone).await.state
    else {
        panic!("it bounced");
    };
    assert_eq!(Some(status), StatusCode::read("5.1.1"));
    let submitted = submitted.expect("our relay had taken it");
    assert!(submitted.by.contains(&port.to_string()), "{submitted:?}");

    until(&mut house, &postfix, "the report of success", async |house| {
        letter_to(house, &incident, &next).await.remote_accepted.is_some()
    })
    .await;
    let letter = letter_to(&house, &incident, &next).await;
    let accepted = letter.remote_accepted.expect("it was reported");
    assert_eq!(accepted.action, Action::Delivered);
    assert_eq!(accepted.by.as_deref(), Some("relay.example"));
    assert!(told(&house, &incident).await.is_some(), "the customer has it");

    let mails = postfix.mails_in(&next);
    assert_eq!(mails.len(), 1, "once");
    assert_eq!(postfix.mails_in(&gone).len(), 0);
    let mail = String::from_utf8_lossy(&mails[0]).replace('\n', "\r\n");
    assert!(
        mail.contains(&format!("Message-ID: <{}@paperplane.example>", letter.id)),
        "{mail}"
    );
    verify(mail.as_bytes(), &signer.record_name(), &signer.record())
        .unwrap_or_else(|said| panic!("{said}\n{mail}"));
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_postfix_bounces_goes_to_the_next_contact_and_what_it_delivers_is_proved_on_sqlite() {
    what_postfix_bounces_goes_to_the_next_contact_and_what_it_delivers_is_proved(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_postfix_bounces_goes_to_the_next_contact_and_what_it_delivers_is_proved_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        what_postfix_bounces_goes_to_the_next_contact_and_what_it_delivers_is_proved(place).await;
    }
}
