//! Every step of the ladder, one second early and on time.

use super::*;

fn words_of(step: Step) -> &'static str {
    match step {
        Step::ListAffected => "verify the list of",
        Step::DraftFull => "no full notice approved",
        Step::Escalate => "a holding notice will go by itself",
        Step::LastCall => "last call",
        Step::SendHolding => "holding notice sent",
        Step::Overdue => "deadline missed",
    }
}

async fn the_clock_takes_every_step(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let confirmed_at = incident.disclosure.confirmed_at().expect("confirmed");
    let [day, threedays] = [24, 72].map(|hours| {
        VICTIMS
            .into_iter()
            .filter(|v| v.hours == hours)
            .collect::<Vec<_>>()
    });
    assert_eq!((day.len(), threedays.len()), (1, 6));
    let mut instants = Vec::new();
    for group in [&day, &threedays] {
        for step in Step::ALL.into_iter().filter(|step| *step != Step::Overdue) {
            let at = step_at(&house, &incident, group[0], step).await;
            let limit = Duration::hours(group[0].hours);
            assert_eq!(at, confirmed_at + limit * step.seventy_seconds() / 72);
            instants.push((at, step, group));
        }
    }
    instants.sort_by_key(|(at, step, _)| (*at, *step));
    for (at, step, group) in instants {
        let (pages, letters) = reach(&mut house, at).await;
        // Where the day's last call and the three days' first step fall on one instant, both page.
        let pages: Vec<Delivery> = pages.into_iter().filter(|d| says(d, words_of(step))).collect();
        assert_eq!(
            recipients(&pages).into_iter().collect::<BTreeSet<_>>(),
            paged_at(step),
            "{step:?} at {at}"
        );
        assert_eq!(pages.len(), paged_at(step).len(), "{step:?} pages each once");
        assert!(
            pages.iter().all(|d| says(d, &format!("{} ", group.len()))),
            "{step:?} counts {} customers",
            group.len()
        );
        let told: Vec<String> = group.iter().map(Victim::security_contact).collect();
        let expected = if step == Step::SendHolding {
            told
        } else {
            Vec::new()
        };
        assert_eq!(recipients(&letters), expected, "{step:?} at {at}");
    }
    // Everybody was told before the limit: the deadline comes and nothing is a miss.
    for victim in VICTIMS {
        let obligation = of(&house, &incident, victim).await;
        let sent_at = obligation.step_at(Step::SendHolding);
        let ObligationState::Told {
            at, in_time: true, ..
        } = obligation.state
        else {
            panic!("{obligation:#?}")
        };
        assert_eq!(at, sent_at);
        holding_letter_is_right(&house, &incident, victim).await;
    }
    let last = confirmed_at + Duration::hours(72);
    for due in [confirmed_at + Duration::hours(73), last + Duration::hours(24)] {
        let (pages, letters) = reach(&mut house, due).await;
        assert_eq!(
            (recipients(&pages), recipients(&letters)),
            (Vec::new(), Vec::new())
        );
    }
    house.everything_arrived_once().await;
    house.verified_audit().await;
}

/// How the letter tells a customer its deadline; in German as far as no name of a day or month is in it.
fn promised(due_at: DateTime<Utc>, victim: Victim) -> String {
    if victim.reads_german() {
        return due_at.format("%Y, %H:%M UTC").to_string();
    }
    due_at
        .format("Promised to you by:      %A, %-d %B %Y, %H:%M UTC")
        .to_string()
}

async fn holding_letter_is_right(house: &House, incident: &Incident, victim: Victim) {
    let mails = house.relay.mails_to(&victim.security_contact());
    assert_eq!(mails.len(), 1, "{mails:#?}");
    let mail = &mails[0];
    let reference = incident.reference();
    let [subject, kind] = if victim.reads_german() {
        ["Sicherheitsmitteilung", "ERSTE MITTEILUNG"]
    } else {
        ["Security notice", "FIRST NOTICE"]
    };
    assert!(
        mail.subject.starts_with(&format!("{subject} {reference}")),
        "{}",
        mail.subject
    );
    assert!(
        mail.text.contains(kind) && mail.text.contains(victim.name),
        "{}",
        mail.text
    );
    assert!(mail.text.contains(&victim.tenant()), "{}", mail.text);
    let due_at = of(house, incident, victim).await.deadline.due_at;
    assert!(mail.text.contains(&promised(due_at, victim)), "{}", mail.text);
    for other in VICTIMS.iter().filter(|other| other.name != victim.name) {
        let html = mail.html.as_deref().unwrap_or_default();
        assert!(
            !mail.text.contains(other.name) && !mail.text.contains(&other.tenant()),
            "{} in the letter to {}",
            other.name,
            victim.name
        );
        assert!(
            !html.contains(&other.tenant()),
            "{} in the letter to {}",
            other.name,
            victim.name
        );
    }
    let mut tx = house.desk().store().read().await.expect("a transaction");
    let notices = tx.notices_of(&incident.id).await.expect("notices");
    assert!(
        notices.iter().all(|notice| notice.kind == NoticeKind::Holding),
        "nobody wrote a full notice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_takes_every_step_on_sqlite() {
    the_clock_takes_every_step(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_takes_every_step_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        the_clock_takes_every_step(place).await;
    }
}

/// Who was paged since nobody is on the list.
async fn asked_for_the_list(house: &House, incident: &Incident) -> Vec<String> {
    let all = house.deliveries(incident).await.into_iter();
    let about_it = |d: &Delivery| pages_for(d, |r| matches!(r, PageReason::NobodyListed));
    all.filter(about_it).map(|d| d.recipient).collect()
}

async fn with_nobody_on_the_list_people_are_paged_daily_and_who_is_found_at_60_h_is_told_in_time(
    place: Place,
) {
    let mut house = House::open(place, Setup::default()).await;
    let lead = house.actor(MARA).await;
    let desk = house.desk().clone();
    let incident = declared(&house).await;
    desk.confirm_disclosure(&incident.id, None, "the link was opened", None, &lead)
        .await
        .expect("confirmed");
    let began = house.now();
    house
        .clock
        .set(began + Duration::hours(24) - Duration::seconds(1));
    house.settle().await;
    assert_eq!(asked_for_the_list(&house, &incident).await, [""; 0]);
    house.clock.set(began + Duration::hours(24));
    house.settle().await;
    let first = asked_for_the_list(&house, &incident).await;
    assert!(first.contains(&INES.email.to_owned()), "counsel: {first:?}");
    assert!(
        !first.contains(&JONAS.email.to_owned()),
        "executives not yet: {first:?}"
    );
    house.clock.set(began + Duration::hours(48));
    house.settle().await;
    let second = asked_for_the_list(&house, &incident).await;
    assert!(
        second.len() > first.len() && second.contains(&JONAS.email.to_owned()),
        "{second:?}"
    );

    // At 60 h a customer is found: its clock began with the confirmation, and what is left of it is enough.
    house.clock.set(began + Duration::hours(60));
    let victim = VICTIMS[2];
    let customer = house.customers().await[&victim.key()].id.clone();
    desk.set_affected(
        &incident.id,
        &customer,
        Standing::Confirmed,
        "its files were linked",
        &lead,
    )
    .await
    .expect("affected");
    house.settle().await;
    let owed = of(&house, &incident, victim).await;
    assert_eq!(owed.deadline.from, began);
    assert_eq!(owed.deadline.due_at, began + Duration::hours(victim.hours));
    let holding = owed.step_at(Step::SendHolding);
    assert!(holding > house.now(), "there is time left");
    house.clock.set(holding - Duration::seconds(1));
    house.settle().await;
    assert_eq!(house.relay.mails_to(&victim.security_contact()).len(), 0);
    house.clock.set(holding);
    house.settle().await;
    assert_eq!(house.relay.mails_to(&victim.security_contact()).len(), 1);
    assert!(matches!(
        of(&house, &incident, victim).await.state,
        ObligationState::Told { in_time: true, .. }
    ));
    house.clock.set(began + Duration::hours(100));
    house.settle().await;
    assert_eq!(
        asked_for_the_list(&house, &incident).await,
        second,
        "somebody is on the list"
    );
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nobody_on_the_list_people_are_paged_daily_and_who_is_found_at_60_h_is_told_in_time_on_sqlite() {
    with_nobody_on_the_list_people_are_paged_daily_and_who_is_found_at_60_h_is_told_in_time(Place::sqlite())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nobody_on_the_list_people_are_paged_daily_and_who_is_found_at_60_h_is_told_in_time_on_postgresql()
 {
    if let Some(place) = Place::postgresql() {
        with_nobody_on_the_list_people_are_paged_daily_and_who_is_found_at_60_h_is_told_in_time(place).await;
    }
}

/// The changes of clocks in Berlin that come next: to summer time and back, or the other way round.
fn changes_of_clocks(from: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let local = |at: &DateTime<Utc>| at.with_timezone(&chrono_tz::Europe::Berlin).naive_local();
    let hours = (1..).map(|hour| from + Duration::hours(hour));
    let changes = hours.filter(|at| local(at) - local(&(*at - Duration::hours(1))) != Duration::hours(1));
    changes.take(2).collect()
}

async fn a_change_of_clocks_gives_no_hour_and_takes_none(places: [Place; 2]) {
    for (nth, place) in places.into_iter().enumerate() {
        let mut house = after_the_theft(place).await;
        let change = changes_of_clocks(house.now())[nth];
        // The incident waits for its decision until half a day before.
        house.clock.set(change - Duration::hours(12));
        house.settle().await;
        let incident = confirmed(&mut house).await;
        let confirmed_at = incident.disclosure.confirmed_at().expect("confirmed");
        let victim = VICTIMS
            .into_iter()
            .find(|victim| victim.hours == 72)
            .expect("one");
        let owed = of(&house, &incident, victim).await;
        assert_eq!(owed.deadline.due_at, confirmed_at + Duration::hours(72));
        let berlin = |at: DateTime<Utc>| at.with_timezone(&chrono_tz::Europe::Berlin).naive_local();
        let by_the_wall = berlin(owed.deadline.due_at) - berlin(confirmed_at);
        assert_eq!((by_the_wall - Duration::hours(72)).abs(), Duration::hours(1));
        house.clock.set(confirmed_at + Duration::hours(65));
        house.settle().await;
        let (_, letters) = reach(&mut house, confirmed_at + Duration::hours(66)).await;
        assert!(
            recipients(&letters).contains(&victim.security_contact()),
            "{letters:#?}"
        );
        holding_letter_is_right(&house, &incident, victim).await;
        let owed = of(&house, &incident, victim).await;
        assert!(
            matches!(owed.state, ObligationState::Told { in_time: true, .. }),
            "{owed:#?}"
        );
    }
}

#[tokio::test]
async fn a_change_of_clocks_gives_no_hour_and_takes_none_on_sqlite() {
    a_change_of_clocks_gives_no_hour_and_takes_none([Place::sqlite(), Place::sqlite()]).await;
}

#[tokio::test]
async fn a_change_of_clocks_gives_no_hour_and_takes_none_on_postgresql() {
    if let (Some(one), Some(other)) = (Place::postgresql(), Place::postgresql()) {
        a_change_of_clocks_gives_no_hour_and_takes_none([one, other]).await;
    }
}
