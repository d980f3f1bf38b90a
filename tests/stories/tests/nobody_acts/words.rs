//! The words of the holding notice go while nobody acts, so that two people read them beforehand. What nobody has approved goes all the
//! same, and everything says so.

use super::pack::{edit, exported, mend};
use super::*;
use watchkeeper_domain::notice::TemplateWords;
use watchkeeper_respond::pack::Scope;
use watchkeeper_stories::auditor::{rows, said, unpacked, verified};

async fn words_in(house: &House, language: &str) -> TemplateWords {
    let all = house.desk().holding_words().await.expect("words");
    let one = all.into_iter().find(|each| each.words.language == language);
    one.expect("the language ships").words
}

/// Only the German words are approved: Mara puts them forward, Inês approves.
async fn only_the_german_ones_are_approved(house: &House) {
    let (mara, ines) = (house.user(MARA).await, house.user(INES).await);
    let (as_mara, as_ines) = (house.actor(MARA).await, house.actor(INES).await);
    let desk = house.desk();
    let (german, english) = (words_in(house, "de").await, words_in(house, "en").await);
    let early = desk
        .approve_words(&german, &ines)
        .await
        .expect_err("nobody put them forward");
    assert!(
        early.to_string().contains("nobody has put these words forward"),
        "{early}"
    );
    desk.put_words_forward(&german, &as_mara)
        .await
        .expect("put forward");
    let role = desk.approve_words(&german, &mara).await.expect_err("no counsel");
    assert!(role.to_string().contains("only counsel"), "{role}");
    desk.put_words_forward(&english, &as_ines)
        .await
        .expect("put forward");
    let own = desk.approve_words(&english, &ines).await.expect_err("her own");
    assert!(own.to_string().contains("a second person"), "{own}");
    let unknown = TemplateWords {
        digest: "0".repeat(64),
        ..german.clone()
    };
    let changed = desk
        .approve_words(&unknown, &ines)
        .await
        .expect_err("other words");
    assert!(changed.to_string().contains("read them again"), "{changed}");
    let approval = desk.approve_words(&german, &ines).await.expect("approved");
    assert_eq!(approval.approved.map(|act| act.by), Some(as_ines));
    let twice = desk
        .put_words_forward(&german, &as_mara)
        .await
        .expect_err("approved already");
    assert!(twice.to_string().contains("are approved"), "{twice}");
}

async fn words_that_nobody_approved_go_all_the_same_and_everything_says_so(place: Place) {
    let setup = Setup {
        words_unread: true,
        ..Setup::default()
    };
    let mut house = after_the_theft_in(place, setup).await;
    only_the_german_ones_are_approved(&house).await;
    let incident = confirmed(&mut house).await;
    let confirmed_at = incident.disclosure.confirmed_at().expect("confirmed");
    for hours in [22, 66] {
        house.clock.set(confirmed_at + Duration::hours(hours));
        house.settle().await;
    }
    let (_, letters) = sent(&house).await;
    assert_eq!(letters.len(), VICTIMS.len(), "silence would be worse");
    house.everything_arrived_once().await;
    let english = VICTIMS.iter().filter(|victim| victim.language == "en").count();

    let mut tx = house.desk().store().read().await.expect("a transaction");
    let notices = tx.notices_of(&incident.id).await.expect("notices");
    assert_eq!(notices[0].unapproved, english as u64);
    let ines = house.actor(INES).await;
    for letter in tx.letters(&notices[0].id).await.expect("letters") {
        let template = letter.template.expect("its words");
        let by = template.approved.map(|act| act.by);
        let expected = (template.language == "de").then(|| ines.clone());
        assert_eq!(by, expected, "bound when it went");
    }
    drop(tx);
    let entries = house.timeline(&incident).await;
    let warned: Vec<&str> = entries
        .iter()
        .map(|entry| entry.text.as_str())
        .filter(|text| text.contains("Nobody had approved its words in `en`"))
        .collect();
    assert_eq!(
        warned.len(),
        2,
        "for the one customer of a day, and for the others"
    );
    assert!(
        warned[1].contains(&format!("`en` ({})", english - 1)),
        "{warned:#?}"
    );
    the_pack_says_so(&mut house, &incident, english).await;
    house.verified_audit().await;
}

async fn the_pack_says_so(house: &mut House, incident: &Incident, english: usize) {
    let (packed, bytes) = exported(house, Scope::Incident(incident.number)).await;
    let (zip, folder) = (
        house.place.folder().join("words.zip"),
        house.place.folder().join("words"),
    );
    std::fs::write(&zip, &bytes).expect("written");
    let key = house.desk().log_key().to_string();
    let sound = verified(&zip, &["--key", &key, "--manifest", &packed.manifest_sha256]);
    assert!(sound.status.success(), "{}", said(&sound));
    assert!(
        said(&sound).contains("words of holding notices"),
        "{}",
        said(&sound)
    );
    unpacked(&zip, &folder);
    let register = rows(&folder, "register.csv");
    assert_eq!(register[0]["words_unapproved"], english.to_string());
    let approvals = std::fs::read_to_string(folder.join("approvals.json")).expect("approvals");
    assert!(
        approvals.contains(&format!("\"unapproved\": {english}")),
        "{approvals}"
    );

    // Somebody makes it look as if nobody or somebody else had approved them.
    let (ines, mara) = (house.user(INES).await.id, house.user(MARA).await.id);
    let named = format!("\"approved\":{{\"by\":{{\"kind\":\"person\",\"user\":\"{ines}\"}}");
    for (what, instead) in [
        ("another approver", named.replace(ines.as_str(), mara.as_str())),
        ("nobody", named.replace("\"approved\"", "\"proved\"")),
    ] {
        unpacked(&zip, &folder);
        edit(&folder.join("letters.jsonl"), |text| {
            text.replacen(&named, &instead, 1)
        });
        mend(&folder);
        let broken = verified(&folder, &["--key", &key]);
        assert!(!broken.status.success(), "{what}: {}", said(&broken));
        assert!(
            said(&broken).contains("with another approval of them"),
            "{what}: {}",
            said(&broken)
        );
    }
}

/// Why the approval of the English words is taken back.
const MISTAKE: &str = "the hotline in it is that of last year";

async fn an_approval_that_one_person_took_back_counts_no_more(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    let confirmed_at = incident.disclosure.confirmed_at().expect("confirmed");
    house.clock.set(confirmed_at + Duration::hours(22));
    house.settle().await;
    let english = words_in(&house, "en").await;
    let tomas = house.actor(TOMAS).await;
    let desk = house.desk().clone();
    let silent = desk.take_back_words(&english, " ", &tomas).await;
    let silent = silent.expect_err("no reason").to_string();
    assert!(silent.contains("say why"), "{silent}");
    let taken = desk.take_back_words(&english, MISTAKE, &tomas).await;
    assert_eq!(taken.expect("taken back").approved, None);
    let twice = desk.take_back_words(&english, MISTAKE, &tomas).await;
    let twice = twice.expect_err("there is none").to_string();
    assert!(twice.contains("nobody has approved these words"), "{twice}");
    let entries = house.timeline(&incident).await;
    let beforehand = entries
        .iter()
        .any(|entry| entry.text.contains(MISTAKE) && entry.text.contains("goes all the same when it is due"));
    assert!(beforehand, "{entries:#?}");

    house.clock.set(confirmed_at + Duration::hours(66));
    house.settle().await;
    let (_, letters) = sent(&house).await;
    assert_eq!(letters.len(), VICTIMS.len(), "silence would be worse");
    let afterwards = VICTIMS
        .iter()
        .filter(|victim| victim.language == "en" && victim.hours == 72)
        .count();
    let customers = house.customers().await;
    let of_a_day = VICTIMS
        .iter()
        .find(|victim| victim.hours == 24)
        .expect("a contract");
    let of_a_day = &customers[&of_a_day.key()].id;
    let mut tx = house.desk().store().read().await.expect("a transaction");
    let notices = tx.notices_of(&incident.id).await.expect("notices");
    assert_eq!(notices[0].unapproved, afterwards as u64);
    for letter in tx.letters(&notices[0].id).await.expect("letters") {
        let before = letter.customer == *of_a_day;
        let template = letter.template.expect("its words");
        let approved = before || template.language != "en";
        assert_eq!(template.approved.is_some(), approved, "bound when it went");
    }
    drop(tx);
    let (mara, ines) = (house.actor(MARA).await, house.user(INES).await);
    let early = desk.approve_words(&english, &ines).await;
    let early = early.expect_err("they are read anew").to_string();
    assert!(early.contains("nobody has put these words forward"), "{early}");
    desk.put_words_forward(&english, &mara)
        .await
        .expect("put forward");
    desk.approve_words(&english, &ines).await.expect("approved anew");
    the_pack_shows_what_was_taken_back(&mut house, &incident).await;
    house.verified_audit().await;
}

async fn the_pack_shows_what_was_taken_back(house: &mut House, incident: &Incident) {
    let (_, bytes) = exported(house, Scope::Incident(incident.number)).await;
    let (zip, folder) = (
        house.place.folder().join("taken.zip"),
        house.place.folder().join("taken"),
    );
    std::fs::write(&zip, &bytes).expect("written");
    let key = house.desk().log_key().to_string();
    let sound = verified(&zip, &["--key", &key]);
    assert!(sound.status.success(), "{}", said(&sound));
    for (what, instead) in [(MISTAKE, "nothing in particular"), ("taken_back", "left_out")] {
        unpacked(&zip, &folder);
        edit(&folder.join("approvals.json"), |text| {
            assert!(text.contains(what), "{text}");
            text.replace(what, instead)
        });
        mend(&folder);
        let broken = verified(&folder, &["--key", &key]);
        assert!(!broken.status.success(), "{what}: {}", said(&broken));
        assert!(
            said(&broken).contains("the log has another approval of them"),
            "{what}: {}",
            said(&broken)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_one_person_took_back_counts_no_more_on_sqlite() {
    an_approval_that_one_person_took_back_counts_no_more(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_one_person_took_back_counts_no_more_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        an_approval_that_one_person_took_back_counts_no_more(place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_nobody_approved_go_all_the_same_and_everything_says_so_on_sqlite() {
    words_that_nobody_approved_go_all_the_same_and_everything_says_so(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_nobody_approved_go_all_the_same_and_everything_says_so_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        words_that_nobody_approved_go_all_the_same_and_everything_says_so(place).await;
    }
}
