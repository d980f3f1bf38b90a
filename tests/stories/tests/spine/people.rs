//! What people do at their screens.

use super::*;

pub(crate) async fn tomas_answers(world: &mut Surroundings, screens: &Screens) {
    let link = world.house.relay.mails_to(TOMAS.email)[0]
        .acknowledge_link()
        .expect("a signed link");
    let phone = screens.seat("Tomás' phone").await;
    phone.open(&link).await;
    phone.looks("answer-the-page").await;
    let waiting = world.house.incident().await.acknowledgement;
    assert_eq!(
        waiting,
        Acknowledgement::Waiting,
        "opening the link answers nothing"
    );
    phone.press(&format!("Acknowledge as {}", TOMAS.name)).await;
    phone.sees("acknowledged it at").await;
    phone.looks("page-answered").await;
    let answered = world.house.incident().await.acknowledgement;
    let by = world.house.actor(TOMAS).await;
    assert!(matches!(answered, Acknowledgement::Acknowledged { by: who, .. } if who == by));
}

pub(crate) const OWN: &str = "seven herons stand in the reeds";

pub(crate) async fn sits_down(house: &House, seat: &Seat, person: Person) {
    seat.signs_in_for_the_first_time(person.email, &house.passwords[person.email], OWN)
        .await;
}

pub(crate) async fn opens_the_room(house: &House, seat: &Seat) {
    let incident = house.incident().await;
    seat.open("/incidents").await;
    seat.is_at("Incidents").await;
    seat.follow(&incident.title).await;
    seat.is_at(&incident.title).await;
}

pub(crate) async fn mara_takes_command(world: &mut Surroundings, mara: &Seat) {
    mara.open("/login").await;
    mara.looks("sign-in").await;
    sits_down(&world.house, mara, MARA).await;
    mara.looks("incidents").await;
    opens_the_room(&world.house, mara).await;
    mara.looks("incident-room").await;
    mara.part("Roles").press("Take command").await;
    mara.part("Roles").sees("Mara Lindqvist (you)").await;
    mara.part("Roles").press("Take Communications liaison").await;
    mara.part("Roles")
        .press("Offer hand-over of Communications liaison")
        .await;
    mara.dialog().choose("Person", TOMAS.name).await;
    mara.looks("offer-hand-over").await;
    mara.dialog().press("Offer hand-over").await;
    mara.part("Roles")
        .sees(&format!("offered to {}; not accepted yet", TOMAS.name))
        .await;
    let incident = world.house.incident().await;
    let lead = world.house.user(MARA).await.id;
    assert_eq!(incident.holder(Role::Commander), Some(&lead));
    assert_eq!(
        incident.holder(Role::CommunicationsLiaison),
        Some(&lead),
        "she has it until he accepts"
    );
    world.house.deliver().await;
    let asked = world.house.relay.mails_to(TOMAS.email);
    assert!(
        asked.iter().any(|mail| mail
            .subject
            .contains("will you take over as communications liaison?")),
        "{asked:#?}"
    );
}

pub(crate) async fn communications_change_hands(
    world: &mut Surroundings,
    screens: &Screens,
    mara: &Seat,
) -> Seat {
    let tomas = screens.seat("Tomás").await;
    sits_down(&world.house, &tomas, TOMAS).await;
    opens_the_room(&world.house, &tomas).await;
    tomas.part("Roles").press("Accept Communications liaison").await;
    tomas.part("Roles").sees("Tomás Rey (you)").await;
    let incident = world.house.incident().await;
    assert_eq!(
        incident.holder(Role::CommunicationsLiaison),
        Some(&world.house.user(TOMAS).await.id)
    );
    // Her screen follows by itself.
    mara.part("Roles").sees("before: Mara Lindqvist").await;
    tomas
}

pub(crate) async fn mara_confirms(world: &mut Surroundings, mara: &Seat) -> DateTime<Utc> {
    world.house.pass(Duration::minutes(3));
    let reference = world.house.incident().await.reference();
    mara.part("Disclosure").press("Confirm disclosure").await;
    mara.dialog()
        .fill("Why", "The stolen key downloaded files of seven customers")
        .await;
    mara.dialog()
        .fill(&format!("Type {reference} to confirm"), &reference)
        .await;
    mara.looks("confirm-disclosure").await;
    mara.dialog().press("Confirm disclosure").await;
    mara.part("Disclosure").sees("7 customers still to be told").await;
    let rows = mara
        .part("Affected customers")
        .reads("listitem", VICTIMS.len())
        .await;
    for victim in VICTIMS {
        let row = rows.iter().find(|row| row.contains(victim.name));
        let row = row.unwrap_or_else(|| panic!("{} is proposed: {rows:#?}", victim.name));
        assert!(
            row.contains("Possible") && row.contains(&victim.tenant()),
            "{row}"
        );
        assert!(row.contains(&format!("{} events", logs::events_each())), "{row}");
    }
    mara.looks("disclosure-confirmed").await;
    let incident = world.house.incident().await;
    let confirmed_at = incident.disclosure.confirmed_at().expect("confirmed");
    assert_eq!(confirmed_at, world.house.now());
    assert!(
        incident
            .affected
            .values()
            .all(|affected| affected.standing == Standing::Possible)
    );
    deadlines_are_exact(&world.house, &incident, confirmed_at).await;
    mara.open("/breach").await;
    mara.is_at("Breach desk").await;
    mara.reads("article", VICTIMS.len()).await;
    mara.looks("breach-desk").await;
    confirmed_at
}

pub(crate) async fn deadlines_are_exact(house: &House, incident: &Incident, confirmed_at: DateTime<Utc>) {
    let owed = house.obligations(incident).await;
    assert_eq!(owed.len(), VICTIMS.len());
    let customers = house.customers().await;
    for victim in VICTIMS {
        let customer = &customers[&victim.key()].id;
        let obligation = owed.iter().find(|o| o.customer == *customer).expect("owed");
        assert_eq!(
            obligation.deadline.due_at,
            confirmed_at + Duration::hours(victim.hours),
            "{}",
            victim.name
        );
    }
}

pub(crate) const FACTS: [(&str, &str); 5] = [
    (
        "What happened",
        "A key that reads every tenant was stolen and used from 203.0.113.77.",
    ),
    (
        "What information",
        "Three files of your tenant were downloaded, and its list of files was read.",
    ),
    (
        "Likely consequences",
        "Whoever has the files may use what they say.",
    ),
    (
        "What we did and will do",
        "The key was revoked; all keys of its kind are being replaced.",
    ),
    (
        "What you should do",
        "Replace credentials that the files contain.",
    ),
];

/// What two people write in the notice at the same time.
const HERS: (&str, &str) = ("Contained?", "yes, the key works nowhere any more");
const HIS: (&str, &str) = ("Not yet known", "Who has the files.");

/// Writes the full notice, while he writes in it too, and submits it; gives what was said.
pub(crate) async fn mara_writes(world: &mut Surroundings, mara: &Seat, tomas: &Seat) -> Vec<String> {
    world.house.pass(Duration::minutes(20));
    opens_the_room(&world.house, mara).await;
    mara.turn_to("Notices & deliveries").await;
    mara.part("Notices").sees("Holding notice").await;
    mara.press("Write a notice").await;
    mara.press("Begin").await;
    mara.is_at("Full notice of INC-0001").await;
    for (label, text) in FACTS {
        mara.fill(label, text).await;
    }
    opens_the_room(&world.house, tomas).await;
    tomas.turn_to("Notices & deliveries").await;
    tomas.part("Notices").follow("Full notice").await;
    tomas.is_at("Full notice of INC-0001").await;
    tomas.fill(HIS.0, HIS.1).await;
    mara.fill(HERS.0, HERS.1).await;
    // Each of them sees the other's words in the letters: neither was written over.
    let letters = format!("Letters ({})", VICTIMS.len());
    mara.part(&letters).sees(HIS.1).await;
    tomas.part(&letters).sees(HERS.1).await;
    mara.press("Submit for approval").await;
    mara.sees("Waits for approval").await;
    mara.sees("Waits for Ines Okafor. Paged for it.").await;
    mara.looks("notice-submitted").await;
    world.house.deliver().await;
    let asked = world.house.relay.mails_to(INES.email);
    assert!(
        asked
            .iter()
            .any(|mail| mail.subject.contains("a notice waits for your approval")),
        "{asked:#?}"
    );
    let written = FACTS.into_iter().chain([HERS, HIS]);
    written.map(|(_, text)| text.to_owned()).collect()
}

pub(crate) async fn ines_approves(world: &mut Surroundings, screens: &Screens) {
    let letters_before = world.house.deliveries(&world.house.incident().await).await;
    assert!(
        !letters_before.iter().any(is_letter),
        "no letter goes before the second person has read it"
    );
    let ines = screens.seat("Ines").await;
    sits_down(&world.house, &ines, INES).await;
    opens_the_room(&world.house, &ines).await;
    ines.turn_to("Notices & deliveries").await;
    ines.part("Notices").follow("Full notice").await;
    ines.is_at("Full notice of INC-0001").await;
    ines.sees("Letters (7)").await;
    ines.looks("notice-to-approve").await;
    ines.part("Approval").press("Approve and send").await;
    ines.dialog().fill("Type APPROVE to confirm", "APPROVE").await;
    ines.dialog().press("Approve and send").await;
    // The dialog speaks of what has been sent before anything is.
    ines.sees("approved by Ines Okafor").await;
    world.house.deliver().await;
    ines.looks("notice-sent").await;
}

/// Nothing is left to do, and every other screen shows what happened without fault.
pub(crate) async fn the_desk_is_quiet(world: &Surroundings, mara: &Seat, tomas: &Seat) {
    let incident = world.house.incident().await;
    mara.open("/breach?state=told").await;
    mara.is_at("Breach desk").await;
    let told = mara.reads("article", VICTIMS.len()).await;
    assert!(told.iter().all(|row| row.contains("told in time")), "{told:#?}");
    mara.looks("breach-desk-told").await;
    mara.open(&format!("/incidents/{}?tab=comms", incident.id)).await;
    mara.is_at(&incident.title).await;
    mara.part("Letters to customers")
        .sees(&VICTIMS[0].security_contact())
        .await;
    mara.looks("deliveries").await;
    for (path, heading, name) in [
        ("/alerts", "Alerts", "alerts"),
        ("/customers", "Customers", "customers"),
        ("/detectors", "Detectors", "detectors"),
        ("/sources", "Sources", "sources"),
        ("/audit", "Audit", "audit"),
        ("/settings", "Settings", "settings"),
    ] {
        mara.open(path).await;
        mara.is_at(heading).await;
        mara.looks(name).await;
    }
    mara.open("/audit").await;
    mara.press("Verify the log").await;
    mara.sees("each carrying the hash of the one before").await;
    tomas.open("/alerts").await;
    tomas.follow("One API key reads files of several tenants").await;
    tomas.is_at("One API key reads files of several tenants").await;
    tomas.looks("alert").await;
}
