//! What arrives at the customers, and the proof that is kept.

use super::*;

pub(crate) async fn seven_letters_arrive(
    world: &Surroundings,
    confirmed_at: DateTime<Utc>,
    facts: &[String],
) {
    let house = &world.house;
    let incident = house.incident().await;
    let deliveries = house.deliveries(&incident).await;
    let letters: Vec<&Delivery> = deliveries.iter().filter(|d| is_letter(d)).collect();
    assert_eq!(letters.len(), VICTIMS.len());
    for victim in VICTIMS {
        let mails = house.relay.mails_to(&victim.security_contact());
        assert_eq!(mails.len(), 1, "{mails:#?}");
        letter_is_right(&mails[0], &incident, victim, confirmed_at, facts);
        let letter = letters
            .iter()
            .find(|d| d.recipient == victim.security_contact())
            .expect("in the outbox");
        receipt_is_kept(house, letter).await;
    }
    let reached: Vec<String> = house.relay.mails().into_iter().map(|mail| mail.to).collect();
    assert!(
        !reached.iter().any(|address| address.contains("bystander")),
        "{reached:?}"
    );
    let mut tx = house.desk().store().read().await.expect("a transaction");
    let notices = tx.notices_of(&incident.id).await.expect("notices");
    let full = notices
        .iter()
        .find(|notice| notice.kind == NoticeKind::Full)
        .expect("a full notice");
    let approver = house.actor(INES).await;
    assert!(
        matches!(&full.state, NoticeState::Sent { approved_by, hash, .. } if *approved_by == approver && *hash == full.content_hash)
    );
    for obligation in house.obligations(&incident).await {
        assert!(
            matches!(&obligation.state, ObligationState::Told { notice, in_time: true, .. } if *notice == full.id),
            "{obligation:#?}"
        );
    }
}

pub(crate) fn letter_is_right(
    mail: &Mail,
    incident: &Incident,
    victim: Victim,
    confirmed_at: DateTime<Utc>,
    facts: &[String],
) {
    let [subject, heading] = if victim.reads_german() {
        [
            "Sicherheitsmitteilung INC-0001 von Paperplane Transfer: vollständiger Bericht",
            "VOLLSTÄNDIGER BERICHT",
        ]
    } else {
        [
            "Security notice INC-0001 from Paperplane Transfer: full account",
            "FULL ACCOUNT",
        ]
    };
    assert_eq!(mail.subject, subject, "{}", victim.name);
    let html = mail.html.as_deref().unwrap_or_default();
    for said in [heading, victim.name, &victim.tenant(), &incident.reference()] {
        assert!(mail.text.contains(said), "{said} in\n{}", mail.text);
    }
    // Long lines are wrapped for mail readers.
    let words = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
    for fact in facts {
        assert!(words.contains(fact.as_str()), "{fact} in\n{}", mail.text);
    }
    let machine = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let due_at = machine(confirmed_at + Duration::hours(victim.hours));
    for (name, value) in [
        ("confirmed_at", machine(confirmed_at)),
        ("due_at", due_at),
        ("notify_within", format!("{}h", victim.hours)),
    ] {
        assert!(
            mail.text.contains(&format!("\"{name}\": \"{value}\"")),
            "{name} {value} in\n{}",
            mail.text
        );
    }
    if !victim.reads_german() {
        let due_at = confirmed_at + Duration::hours(victim.hours);
        let promised = due_at
            .format("Promised to you by:      %A, %-d %B %Y, %H:%M UTC")
            .to_string();
        assert!(mail.text.contains(&promised), "{promised} in\n{}", mail.text);
    }
    for other in VICTIMS.iter().filter(|other| other.slug != victim.slug) {
        for secret in [other.name.to_owned(), other.tenant()] {
            assert!(
                !mail.text.contains(&secret) && !html.contains(&secret),
                "{secret} in the letter to {}",
                victim.name
            );
        }
    }
}

pub(crate) async fn receipt_is_kept(house: &House, letter: &Delivery) {
    assert_eq!(letter.channel, Channel::Email);
    let DeliveryState::Accepted { answer, by, .. } = &letter.state else {
        panic!("{letter:#?}")
    };
    assert!(
        answer.contains("250 2.0.0 queued as") || answer.contains("2.0.0 queued as"),
        "{answer}"
    );
    assert!(by.contains("127.0.0.1"), "{by}");
    let mut tx = house.desk().store().read().await.expect("a transaction");
    let transcripts = tx.transcripts(&letter.id).await.expect("transcripts");
    assert_eq!(transcripts.len(), 1);
    assert_eq!(transcripts[0].outcome, "accepted");
    let said = transcripts[0].lines.join("\n");
    for step in ["EHLO", "MAIL FROM", "RCPT TO", "DATA", "354", "queued as"] {
        assert!(said.contains(step), "{step} in\n{said}");
    }
}
