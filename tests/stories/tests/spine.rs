//! The story, told whole: log lines in CloudWatch and a finding of GuardDuty become an incident, a page and seven customers'
//! notices. What people do, they do in a browser.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use tokio::sync::Mutex;
use watchkeeper::config::Sns;
use watchkeeper_collect::SourceConfig;
use watchkeeper_collect::config::{CloudwatchLogsConfig, GuarddutyConfig};
use watchkeeper_collect::parse::{Format, RecordLogSource};
use watchkeeper_deliver::SnsConfig;
use watchkeeper_domain::delivery::{Channel, Delivery, DeliveryState};
use watchkeeper_domain::event::LogSource;
use watchkeeper_domain::incident::{Acknowledgement, Incident, Role, Severity, Standing};
use watchkeeper_domain::notice::{NoticeKind, NoticeState};
use watchkeeper_domain::obligation::ObligationState;
use watchkeeper_stories::aws::{Aws, REGION};
use watchkeeper_stories::company::{INES, MARA, Person, TOMAS, VICTIMS, Victim};
use watchkeeper_stories::house::{House, Setup, TOPIC, is_letter, named_in_the_record};
use watchkeeper_stories::logs::{self, THIEF};
use watchkeeper_stories::place::Place;
use watchkeeper_stories::relay::Mail;
use watchkeeper_stories::screen::{Screens, Seat};
use watchkeeper_testbed::guardduty::GuardDuty;
use watchkeeper_testbed::moto::Moto;

const GROUP: &str = "/filedrop/production";

/// One browser at a time: two are more than a small machine can carry.
static BROWSER: Mutex<()> = Mutex::const_new(());

fn cloudwatch(endpoint: &str, credentials: &Path) -> SourceConfig {
    SourceConfig::CloudwatchLogs(CloudwatchLogsConfig {
        name: "filedrop-logs".to_owned(),
        log_groups: vec![GROUP.to_owned()],
        region: REGION.to_owned(),
        profile: None,
        credentials_file: Some(credentials.to_owned()),
        role_arn: None,
        external_id: None,
        endpoint_url: Some(endpoint.to_owned()),
        sts_endpoint_url: None,
        account: Some("123456789012".to_owned()),
        filter_pattern: None,
        poll_seconds: 5,
        calls_per_second: 50.0,
        lookback_minutes: 60,
        horizon_minutes: 25,
        format: Format::Json,
        log_source: LogSource::default(),
        log_source_from: named_in_the_record(),
        timestamp_field: None,
        utc_offset_minutes: 0,
        tenant: None,
    })
}

fn guardduty(endpoint: &str, credentials: &Path) -> SourceConfig {
    SourceConfig::Guardduty(GuarddutyConfig {
        name: "guardduty".to_owned(),
        region: REGION.to_owned(),
        profile: None,
        credentials_file: Some(credentials.to_owned()),
        role_arn: None,
        external_id: None,
        endpoint_url: Some(endpoint.to_owned()),
        sts_endpoint_url: None,
        account: Some("111122223333".to_owned()),
        poll_seconds: 60,
        calls_per_second: 50.0,
        lookback_minutes: 60,
        format: Format::Guardduty,
        log_source: LogSource::default(),
        log_source_from: RecordLogSource::default(),
        timestamp_field: None,
        utc_offset_minutes: 0,
        tenant: None,
    })
}

/// Everything that stands around the house.
struct Surroundings {
    _moto: Moto,
    aws: Aws,
    guardduty: GuardDuty,
    queue: String,
    house: House,
}

async fn surroundings(place: Place) -> Option<Surroundings> {
    let moto = match tokio::task::spawn_blocking(Moto::start).await.expect("no panic") {
        Ok(moto) => moto,
        Err(missing) => {
            let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!ci, "{missing}");
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "\n*** THE STORY WAS NOT TOLD: {missing} ***\n");
            return None;
        }
    };
    let aws = Aws::at(&moto.endpoint_url);
    aws.create_group(GROUP).await;
    let (topic, queue) = aws.topic_with_queue("oncall").await;
    let guard = GuardDuty::start().await;
    let credentials = place.folder().join("credentials");
    std::fs::write(
        &credentials,
        "[default]\naws_access_key_id = testing\naws_secret_access_key = testing\n",
    )
    .expect("written");
    let sns = Sns {
        access: SnsConfig {
            credentials_file: Some(credentials.clone()),
            endpoint_url: Some(moto.endpoint_url.clone()),
            ..SnsConfig::in_region(REGION)
        },
        topics: BTreeMap::from([(TOPIC.to_owned(), topic)]),
    };
    let sources = vec![
        cloudwatch(&moto.endpoint_url, &credentials),
        guardduty(&guard.endpoint_url, &credentials),
    ];
    let house = House::open(
        place,
        Setup {
            sources,
            sns: Some(sns),
        },
    )
    .await;
    Some(Surroundings {
        _moto: moto,
        aws,
        guardduty: guard,
        queue,
        house,
    })
}

async fn the_story(place: Place) {
    let _one = BROWSER.lock().await;
    let engine = place.engine;
    let Some(mut world) = surroundings(place).await else {
        return;
    };
    let address = world.house.serve();
    let Some(screens) = Screens::open(&address, engine).await else {
        return;
    };
    a_quiet_morning(&mut world).await;
    passwords_are_tried(&mut world).await;
    files_are_taken(&mut world).await;
    tomas_answers(&mut world, &screens).await;
    let mara = screens.seat("Mara").await;
    mara_takes_command(&mut world, &mara).await;
    let tomas = communications_change_hands(&mut world, &screens, &mara).await;
    let confirmed_at = mara_confirms(&mut world, &mara).await;
    let facts = mara_writes(&mut world, &mara).await;
    ines_approves(&mut world, &screens).await;
    seven_letters_arrive(&world, confirmed_at, &facts).await;
    the_desk_is_quiet(&world, &mara, &tomas).await;
    world.house.settle().await;
    world.house.everything_arrived_once().await;
    world.house.verified_audit().await;
    screens.close().await;
}

async fn a_quiet_morning(world: &mut Surroundings) {
    let now = world.house.now();
    world
        .aws
        .put(GROUP, &logs::ordinary(now - Duration::minutes(5)))
        .await;
    world.house.settle().await;
    assert!(
        world.house.incidents().await.is_empty(),
        "an ordinary morning wakes nobody"
    );
    assert_eq!(world.house.relay.mails().len(), 0);
}

async fn passwords_are_tried(world: &mut Surroundings) {
    world.house.pass(Duration::minutes(2));
    let now = world.house.now();
    world
        .aws
        .put(GROUP, &logs::stuffing(now - Duration::seconds(90)))
        .await;
    world.house.watch().await;
    let incident = world.house.incident().await;
    assert_eq!(incident.severity, Severity::Sev2);
    assert_eq!(world.house.relay.mails().len(), 0, "the page waits in the outbox");
    world.house.deliver().await;
    let mails = world.house.relay.mails_to(TOMAS.email);
    assert_eq!(mails.len(), 1);
    assert!(
        mails[0].subject.starts_with("[SEV2] INC-0001 new incident"),
        "{}",
        mails[0].subject
    );
    assert_eq!(world.house.relay.mails().len(), 1, "nobody else is woken");
    let messages = world.aws.take_all(&world.queue).await;
    assert_eq!(messages.len(), 1, "{messages:#?}");
    assert!(
        told(&messages[0], "Subject").starts_with("[SEV2] INC-0001 new incident"),
        "{messages:#?}"
    );
    assert!(
        told(&messages[0], "Message").contains(&incident.summary),
        "{messages:#?}"
    );
}

fn told<'v>(message: &'v Value, field: &str) -> &'v str {
    message[field].as_str().unwrap_or_default()
}

async fn files_are_taken(world: &mut Surroundings) {
    world.house.pass(Duration::minutes(2));
    let now = world.house.now();
    world
        .aws
        .put(GROUP, &logs::theft(now - Duration::seconds(80)))
        .await;
    world.guardduty.put_finding(
        "f-exfiltration",
        "Exfiltration:S3/AnomalousBehavior",
        8.0,
        now - Duration::seconds(5),
        THIEF,
    );
    world.house.settle().await;
    let incident = world.house.incident().await;
    assert_eq!(
        incident.severity,
        Severity::Sev1,
        "the theft joins and makes it worse"
    );
    let mut tx = world.house.desk().store().read().await.expect("a transaction");
    let alerts = tx.alerts_of(&incident.id).await.expect("alerts");
    let titles: Vec<&str> = alerts.iter().map(|alert| alert.title.as_str()).collect();
    for title in [
        "Credential stuffing from one address",
        "One API key reads files of several tenants",
        "GuardDuty reports exfiltration",
    ] {
        assert!(titles.contains(&title), "{titles:?}");
    }
    let messages = world.aws.take_all(&world.queue).await;
    assert!(
        messages
            .iter()
            .any(|message| told(message, "Subject").contains("worse")),
        "{messages:#?}"
    );
}

async fn tomas_answers(world: &mut Surroundings, screens: &Screens) {
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

const OWN: &str = "seven herons stand in the reeds";

async fn sits_down(house: &House, seat: &Seat, person: Person) {
    seat.signs_in_for_the_first_time(person.email, &house.passwords[person.email], OWN)
        .await;
}

async fn opens_the_room(house: &House, seat: &Seat) {
    let incident = house.incident().await;
    seat.open("/incidents").await;
    seat.is_at("Incidents").await;
    seat.follow(&incident.title).await;
    seat.is_at(&incident.title).await;
}

async fn mara_takes_command(world: &mut Surroundings, mara: &Seat) {
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

async fn communications_change_hands(world: &mut Surroundings, screens: &Screens, mara: &Seat) -> Seat {
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

async fn mara_confirms(world: &mut Surroundings, mara: &Seat) -> DateTime<Utc> {
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

async fn deadlines_are_exact(house: &House, incident: &Incident, confirmed_at: DateTime<Utc>) {
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

const FACTS: [(&str, &str); 5] = [
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

/// Writes the full notice and submits it; gives what was said.
async fn mara_writes(world: &mut Surroundings, mara: &Seat) -> Vec<String> {
    world.house.pass(Duration::minutes(20));
    opens_the_room(&world.house, mara).await;
    mara.turn_to("Notices & deliveries").await;
    mara.part("Notices").sees("Holding notice").await;
    mara.press("Start the full notice").await;
    mara.is_at("Full notice of INC-0001").await;
    for (label, text) in FACTS {
        mara.fill(label, text).await;
    }
    mara.press("Submit for approval").await;
    mara.sees("Waits for approval").await;
    mara.sees("Waits for somebody who may approve notices").await;
    mara.looks("notice-submitted").await;
    world.house.deliver().await;
    let asked = world.house.relay.mails_to(INES.email);
    assert!(
        asked
            .iter()
            .any(|mail| mail.subject.contains("a notice waits for your approval")),
        "{asked:#?}"
    );
    FACTS.into_iter().map(|(_, text)| text.to_owned()).collect()
}

async fn ines_approves(world: &mut Surroundings, screens: &Screens) {
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
    ines.sees("Sent").await;
    world.house.deliver().await;
    ines.looks("notice-sent").await;
}

async fn seven_letters_arrive(world: &Surroundings, confirmed_at: DateTime<Utc>, facts: &[String]) {
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

fn letter_is_right(
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
    for fact in facts {
        assert!(mail.text.contains(fact), "{fact} in\n{}", mail.text);
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

async fn receipt_is_kept(house: &House, letter: &Delivery) {
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

/// Nothing is left to do, and every other screen shows what happened without fault.
async fn the_desk_is_quiet(world: &Surroundings, mara: &Seat, tomas: &Seat) {
    let incident = world.house.incident().await;
    mara.open("/breach?state=told").await;
    mara.is_at("Breach desk").await;
    let told = mara.reads("article", VICTIMS.len()).await;
    assert!(told.iter().all(|row| row.contains("told in time")), "{told:#?}");
    mara.looks("breach-desk-told").await;
    mara.open(&format!("/incidents/{}?tab=comms", incident.id)).await;
    mara.is_at(&incident.title).await;
    mara.part("Deliveries").sees(&VICTIMS[0].security_contact()).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn the_story_on_sqlite() {
    the_story(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        the_story(place).await;
    }
}
