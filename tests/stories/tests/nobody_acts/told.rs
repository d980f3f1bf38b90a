//! After the first notice: what customers were promised, what they ask, and what is put right.

use super::*;
use watchkeeper_domain::customer::ContactRole;
use watchkeeper_domain::delivery::DeliveryState;
use watchkeeper_domain::id::CustomerId;
use watchkeeper_respond::RespondError;
use watchkeeper_respond::operations::customers::{ContactFacts, CustomerFacts};
use watchkeeper_respond::operations::portal::{Checked, GenuineNotice, Response};
use watchkeeper_stories::company::full_account;

/// A recipient's address, as the portal sees it.
pub(super) const RECIPIENT: &str = "198.51.100.7";

async fn customer(house: &House, victim: Victim) -> CustomerId {
    house.customers().await[&victim.key()].id.clone()
}

/// Who was paged about what customers were promised.
async fn about_the_promise(house: &House, what: &str) -> BTreeSet<String> {
    let incident = house.incident().await;
    let deliveries = house.deliveries(&incident).await.into_iter();
    deliveries
        .filter(|d| {
            pages_for(
                d,
                |r| matches!(r, PageReason::UpdatePromised { text } if text.contains(what)),
            )
        })
        .map(|d| d.recipient)
        .collect()
}

pub(super) fn genuine(checked: Result<Checked, RespondError>) -> GenuineNotice {
    match checked {
        Ok(Checked::Genuine(notice)) => *notice,
        other => panic!("{other:?}"),
    }
}

async fn what_was_promised_is_reminded_of_until_it_is_sent(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let full = house
        .send_notice(&incident, NoticeKind::Full, full_account())
        .await;
    let promised = full.next_update_by.expect("promised");
    let standing = house.incident().await.promised_update().expect("a timer");
    assert_eq!(standing.by, promised);

    house.clock.set(promised - Duration::hours(12));
    house.settle().await;
    let reminded = about_the_promise(&house, "promised an update by").await;
    assert_eq!(reminded, emails(&[TOMAS, INES]), "who is in charge, and counsel");
    assert!(about_the_promise(&house, "has not been sent").await.is_empty());
    house.clock.set(promised);
    house.settle().await;
    let late = about_the_promise(&house, "has not been sent").await;
    assert_eq!(late, emails(&[TOMAS, INES, JONAS]), "executives too");

    // Closing the incident does not end what customers were promised.
    let new = NoticeFacts {
        what_is_new: "the key was found on a laptop".to_owned(),
        ..NoticeFacts::default()
    };
    let update = house.send_notice(&incident, NoticeKind::FollowUp, new).await;
    let told = house.letters(&update).await;
    assert_eq!(told.len(), VICTIMS.len());
    let german = &customer(&house, VICTIMS[1]).await;
    let german = told.iter().find(|l| l.customer == *german).expect("Bergmann's");
    assert!(
        german.text.contains("unseren vollständigen Bericht"),
        "{}",
        german.text
    );
    let standing = house.incident().await.promised_update().expect("a new promise");
    assert_eq!(Some(standing.by), update.next_update_by);

    house
        .send_notice(&incident, NoticeKind::Final, full_account())
        .await;
    assert_eq!(
        house.incident().await.promised_update(),
        None,
        "nothing follows a final account"
    );
    let before = house.deliveries(&incident).await.len();
    house.pass(Duration::hours(13));
    house.settle().await;
    let after = house.deliveries(&incident).await;
    let promise = |d: &&Delivery| pages_for(d, |r| matches!(r, PageReason::UpdatePromised { .. }));
    assert!(
        after[before..].iter().all(|d| !promise(&d)),
        "nobody is paged for it any more"
    );
    house.everything_arrived_once().await;
    house.verified_audit().await;
}

async fn who_was_told_and_is_not_affected_is_told_that_and_nobody_else_is(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    house
        .send_notice(&incident, NoticeKind::Full, full_account())
        .await;
    let mara = house.actor(MARA).await;
    let desk = house.desk().clone();
    let why = NoticeFacts {
        why_withdrawn: "the files were test data".to_owned(),
        ..NoticeFacts::default()
    };
    let refused = desk
        .draft_notice(&incident.id, NoticeKind::Withdrawn, why.clone().into(), &mara)
        .await
        .expect_err("nobody was cleared");
    assert!(refused.to_string().contains("then cleared"), "{refused}");
    let cleared = customer(&house, VICTIMS[4]).await;
    desk.set_affected(&incident.id, &cleared, Standing::Cleared, "test data only", &mara)
        .await
        .expect("cleared");
    let withdrawn = house.send_notice(&incident, NoticeKind::Withdrawn, why).await;
    let told: Vec<CustomerId> = house
        .letters(&withdrawn)
        .await
        .into_iter()
        .map(|l| l.customer)
        .collect();
    assert_eq!(told, std::slice::from_ref(&cleared));

    let wrong = NoticeFacts {
        what_was_wrong: "we said that orders were read".to_owned(),
        what_is_right: "only invoices were read".to_owned(),
        ..NoticeFacts::default()
    };
    let correction = house.send_notice(&incident, NoticeKind::Correction, wrong).await;
    assert_eq!(
        house.letters(&correction).await.len(),
        VICTIMS.len(),
        "everybody who was told it"
    );
    let fresh = NoticeFacts {
        what_is_new: "nothing".to_owned(),
        ..NoticeFacts::default()
    };
    let update = house.send_notice(&incident, NoticeKind::FollowUp, fresh).await;
    let told = house.letters(&update).await;
    assert!(
        told.iter().all(|letter| letter.customer != cleared),
        "not affected any more"
    );
    let again = desk
        .draft_notice(&incident.id, NoticeKind::Full, full_account().into(), &mara)
        .await
        .expect("begun");
    let refused = desk
        .submit_notice(&again.id, &mara)
        .await
        .expect_err("all have had one");
    assert!(refused.to_string().contains("gets a follow-up"), "{refused}");
    house.everything_arrived_once().await;
    house.verified_audit().await;
}

async fn a_full_notice_says_that_the_holding_notice_told_first_and_since_when(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let confirmed_at = of(&house, &incident, VICTIMS[2]).await.deadline.from;
    house.clock.set(confirmed_at + Duration::hours(67));
    house.settle().await;
    // By the proof: when the relay took the first message to each.
    let mut taken: BTreeMap<CustomerId, DateTime<Utc>> = BTreeMap::new();
    for delivery in house.deliveries(&incident).await {
        if let (About::Letter { customer, .. }, DeliveryState::Accepted { at, .. }) =
            (delivery.about, delivery.state)
        {
            let first = taken.entry(customer).or_insert(at);
            *first = at.min(*first);
        }
    }
    house.pass(Duration::hours(2));
    let full = house
        .send_notice(&incident, NoticeKind::Full, full_account())
        .await;
    for letter in house.letters(&full).await {
        // The proof is to the microsecond, a letter to the second.
        let second = |at: DateTime<Utc>| at.timestamp();
        let first = taken.get(&letter.customer).copied();
        assert_eq!(
            letter.first_told().map(second),
            first.map(second),
            "{}",
            letter.text
        );
    }
    let victim = VICTIMS[2];
    let theirs = customer(&house, victim).await;
    assert!(taken.contains_key(&theirs), "{taken:?}");
    let letters = house.letters(&full).await;
    let letter = letters.iter().find(|l| l.customer == theirs).expect("theirs");
    let text = letter.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("by our first notice"), "{text}");
    let page = genuine(house.desk().open_notice(&letter.check_code, RECIPIENT).await);
    let facts = serde_json::to_value(page.facts).expect("facts");
    assert_eq!(facts["first_told_by"], "holding", "{facts}");
    house.verified_audit().await;
}

async fn a_recipient_opens_acknowledges_and_asks_and_is_answered(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let full = house
        .send_notice(&incident, NoticeKind::Full, full_account())
        .await;
    let victim = VICTIMS[0];
    let theirs = customer(&house, victim).await;
    let letter = house
        .letters(&full)
        .await
        .into_iter()
        .find(|l| l.customer == theirs)
        .expect("theirs");
    let desk = house.desk().clone();
    let opened = genuine(desk.open_notice(&letter.check_code, RECIPIENT).await);
    assert_eq!(
        (opened.text.as_str(), opened.others.len()),
        (letter.text.as_str(), 0)
    );
    assert_eq!(opened.receipt.opened_at, house.now());
    house.pass(Duration::minutes(5));
    let jane = Response::Acknowledge {
        name: " Jane\tRoe ",
        role: "CISO",
    };
    let seen = genuine(desk.respond_to_notice(&letter.check_code, RECIPIENT, jane).await);
    let acknowledged = seen.receipt.acknowledged.expect("acknowledged");
    assert_eq!(
        (acknowledged.name.as_str(), acknowledged.at),
        ("Jane Roe", house.now())
    );
    assert_ne!(seen.receipt.opened_at, house.now(), "the first opening stays");
    let again = desk.respond_to_notice(&letter.check_code, RECIPIENT, jane).await;
    assert!(
        matches!(again, Err(RespondError::Receipt(_))),
        "who came first stays: {again:?}"
    );

    let question = Response::Ask {
        name: "Sam Poe",
        text: "When do we get the list of files?",
    };
    genuine(
        desk.respond_to_notice(&letter.check_code, RECIPIENT, question)
            .await,
    );
    house.settle().await;
    let paged = house.deliveries(&incident).await;
    let asked = paged.iter().filter(|d| {
        pages_for(
            d,
            |r| matches!(r, PageReason::QuestionAsked { customer } if customer == victim.name),
        )
    });
    let mut asked: Vec<&str> = asked.map(|d| d.recipient.as_str()).collect();
    asked.sort_unstable();
    let mut wanted = [TOMAS.email, INES.email];
    wanted.sort_unstable();
    assert_eq!(
        asked, wanted,
        "whoever is in charge hears of it, and counsel who answers it, each once"
    );
    let ines = house.actor(INES).await;
    desk.answer_question(&letter.id, 1, "On Monday by noon.", &ines)
        .await
        .expect("answered");
    let twice = desk.answer_question(&letter.id, 1, "Never.", &ines).await;
    assert!(matches!(twice, Err(RespondError::Receipt(_))), "{twice:?}");
    let seen = genuine(desk.open_notice(&letter.check_code, RECIPIENT).await);
    let answer = seen.receipt.questions[0].answer.as_ref().expect("answered");
    assert_eq!((answer.text.as_str(), &answer.by), ("On Monday by noon.", &ines));

    // What a stranger types in is counted against the stranger, whatever they wanted to do.
    for _ in 0..5 {
        let guess = desk
            .respond_to_notice("0000-0000-0000", "203.0.113.9", question)
            .await;
        assert!(
            matches!(guess, Ok(Checked::Unknown | Checked::Wait { .. })),
            "{guess:?}"
        );
    }
    let slowed = desk.open_notice(&letter.check_code, "203.0.113.9").await;
    assert!(matches!(slowed, Ok(Checked::Wait { .. })), "{slowed:?}");
    house.verified_audit().await;
}

async fn a_dry_run_reaches_one_of_us_and_tells_no_customer(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let (mara, desk) = (house.actor(MARA).await, house.desk().clone());
    let notice = desk
        .draft_notice(&incident.id, NoticeKind::Full, full_account().into(), &mara)
        .await
        .expect("begun");
    let victim = VICTIMS[2];
    let theirs = customer(&house, victim).await;
    let me = house.user(MARA).await;
    desk.dry_run_notice(&notice.id, &theirs, &me)
        .await
        .expect("queued");
    house.settle().await;
    let mails = house.relay.mails_to(MARA.email);
    let runs: Vec<_> = mails
        .iter()
        .filter(|mail| mail.text.contains(victim.name))
        .collect();
    assert_eq!(runs.len(), 1);
    let subject = &runs[0].subject;
    assert!(subject.starts_with("[DRY RUN] "), "{subject}");
    let (_, sent) = sent(&house).await;
    assert!(sent.is_empty(), "{sent:?}");
    assert_eq!(
        of(&house, &incident, victim).await.state,
        ObligationState::Running
    );
    house.verified_audit().await;
}

async fn who_answers_for_two_customers_has_a_letter_for_each(place: Place) {
    let mut house = after_the_theft(place).await;
    let shared = "soc@provider.example";
    let tomas = house.actor(TOMAS).await;
    for victim in [VICTIMS[2], VICTIMS[4]] {
        let customer = house.customers().await[&victim.key()].clone();
        let facts = CustomerFacts {
            name: customer.name,
            tenants: customer.tenants,
            notify_within: customer.notify_within,
            contract: customer.contract,
            terms: Some(customer.terms),
            tags: None,
            language: customer.language,
            paying: None,
            contacts: vec![ContactFacts {
                name: "SOC".to_owned(),
                email: shared.to_owned(),
                role: ContactRole::Security,
            }],
        };
        house
            .desk()
            .keep_customer(&customer.key, Some(customer.version), facts, &tomas)
            .await
            .expect("changed");
    }
    let incident = confirmed(&mut house).await;
    house
        .send_notice(&incident, NoticeKind::Full, full_account())
        .await;
    let mails = house.relay.mails_to(shared);
    assert_eq!(mails.len(), 2, "one letter a customer");
    for victim in [VICTIMS[2], VICTIMS[4]] {
        assert_eq!(
            mails
                .iter()
                .filter(|mail| mail.text.contains(victim.name))
                .count(),
            1
        );
        let state = of(&house, &incident, victim).await.state;
        assert!(matches!(state, ObligationState::Told { .. }), "{state:?}");
    }
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_promised_is_reminded_of_until_it_is_sent_on_sqlite() {
    what_was_promised_is_reminded_of_until_it_is_sent(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_promised_is_reminded_of_until_it_is_sent_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        what_was_promised_is_reminded_of_until_it_is_sent(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_told_and_is_not_affected_is_told_that_and_nobody_else_is_on_sqlite() {
    who_was_told_and_is_not_affected_is_told_that_and_nobody_else_is(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_told_and_is_not_affected_is_told_that_and_nobody_else_is_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        who_was_told_and_is_not_affected_is_told_that_and_nobody_else_is(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_notice_says_that_the_holding_notice_told_first_and_since_when_on_sqlite() {
    a_full_notice_says_that_the_holding_notice_told_first_and_since_when(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_notice_says_that_the_holding_notice_told_first_and_since_when_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_full_notice_says_that_the_holding_notice_told_first_and_since_when(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_opens_acknowledges_and_asks_and_is_answered_on_sqlite() {
    a_recipient_opens_acknowledges_and_asks_and_is_answered(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_opens_acknowledges_and_asks_and_is_answered_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_recipient_opens_acknowledges_and_asks_and_is_answered(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_reaches_one_of_us_and_tells_no_customer_on_sqlite() {
    a_dry_run_reaches_one_of_us_and_tells_no_customer(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_reaches_one_of_us_and_tells_no_customer_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_dry_run_reaches_one_of_us_and_tells_no_customer(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_for_two_customers_has_a_letter_for_each_on_sqlite() {
    who_answers_for_two_customers_has_a_letter_for_each(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_for_two_customers_has_a_letter_for_each_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        who_answers_for_two_customers_has_a_letter_for_each(place).await;
    }
}
