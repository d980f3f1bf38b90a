//! What an auditor takes away shows by itself what happened, and that nobody changed it since.

use super::*;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::incident::Particular;
use watchkeeper_domain::register::Period;
use watchkeeper_respond::pack::{Packed, Scope};
use watchkeeper_stories::auditor::{root, rows, said, unpacked, verified};

pub(super) async fn exported(house: &House, scope: Scope) -> (Packed, Vec<u8>) {
    let mut bytes = Cursor::new(Vec::new());
    let by = house.actor(INES).await;
    let packed = house
        .desk()
        .export_pack(scope, &mut bytes, &by, &mut |_| {})
        .await
        .expect("a pack");
    (packed, bytes.into_inner())
}

/// The full notice, written by one and approved by another, whose letters arrive.
pub(super) async fn told_by_people(house: &mut House, incident: &Incident) {
    let facts = NoticeFacts {
        what_happened: "=A stolen API key was used to download files.".to_owned(),
        what_information: "Names and contents of files.".to_owned(),
        likely_consequences: "Others may have read them.".to_owned(),
        what_we_did: "We revoked the key.".to_owned(),
        what_you_should_do: "Look through your files.".to_owned(),
        ..NoticeFacts::default()
    };
    house.send_notice(incident, NoticeKind::Full, facts).await;
}

/// A second incident, whose suspicion is rejected.
async fn a_false_alarm(house: &House) {
    let (user, mara) = (house.user(MARA).await, house.actor(MARA).await);
    let declaration = Declaration {
        title: "A laptop was left in a train".to_owned(),
        severity: Severity::Sev3,
        summary: "It was encrypted.".to_owned(),
        playbook: None,
        drill: false,
    };
    let desk = house.desk();
    let incident = desk.declare(&user, declaration).await.expect("declared");
    desk.suspect_disclosure(&incident.id, None, "there are exports on it", &mara)
        .await
        .expect("suspected");
    let why = "its disk is encrypted and it came back sealed";
    desk.reject_disclosure(&incident.id, None, why, &mara)
        .await
        .expect("rejected");
    // Nobody is told of it, so that no notice says what happened: the register takes what is recorded on the incident.
    for (particular, text) in [
        (Particular::Nature, "A laptop with exports was left in a train."),
        (Particular::RecordCategories, "Names and addresses."),
        (Particular::SubjectCount, "About forty people."),
        (Particular::Measures, "It was wiped."),
    ] {
        desk.record_particular(&incident.id, None, particular, text, &mara)
            .await
            .expect("recorded");
    }
}

async fn a_pack_shows_what_happened(place: Place) {
    let mut house = after_the_theft(place).await;
    let incident = confirmed(&mut house).await;
    told_by_people(&mut house, &incident).await;
    a_false_alarm(&house).await;
    let (packed, bytes) = exported(&house, Scope::Period(Period::ALWAYS)).await;
    assert_eq!(packed.incidents, 2);

    let zip = house.place.folder().join("pack.zip");
    std::fs::write(&zip, &bytes).expect("written");
    let key = house.desk().log_key().to_string();
    let sound = verified(&zip, &["--key", &key, "--manifest", &packed.manifest_sha256]);
    assert!(sound.status.success(), "{}", said(&sound));

    let folder = house.place.folder().join("pack");
    unpacked(&zip, &folder);
    population_is_complete(&folder);
    people_were_told(&folder, &house, &incident).await;
    let register = rows(&folder, "register.csv");
    let states: Vec<&str> = register.iter().map(|row| row["state"].as_str()).collect();
    assert_eq!(states, ["confirmed", "rejected"]);
    assert_eq!(
        register[1]["reason"],
        "its disk is encrypted and it came back sealed"
    );
    assert_eq!(register[1]["facts"], "A laptop with exports was left in a train.");
    assert_eq!(
        register[1]["information"],
        "Categories of records: types of information: Names and addresses.\nApproximate number of data subjects: About forty people."
    );
    assert_eq!(register[1]["remedy"], "It was wiped.");
    assert_eq!(register[1]["effects"], "not yet known", "nobody has said it");
    assert_eq!(
        register[0]["facts"], "'=A stolen API key was used to download files.",
        "no spreadsheet runs it"
    );
    assert!(
        !register[1]["suspected_at"].is_empty(),
        "a rejection does not hide when it was suspected"
    );

    // That it was taken away is in the log, with the digest of what was taken.
    let mut tx = house.desk().store().read().await.expect("a transaction");
    let (head, _) = tx.audit_head().await.expect("a head");
    let last = tx.audit_after(head - 1, 1).await.expect("records").remove(0);
    assert_eq!(last.action, "pack.exported");
    assert!(last.detail.contains(&packed.manifest_sha256), "{}", last.detail);
    assert_eq!(
        last.actor,
        serde_json::to_string(&house.actor(INES).await).expect("JSON")
    );
}

fn population_is_complete(folder: &Path) {
    let incidents = rows(folder, "incidents.csv");
    let numbers: Vec<&str> = incidents.iter().map(|row| row["number"].as_str()).collect();
    assert_eq!(numbers, ["1", "2"]);
    assert!(incidents[0]["disposition"].contains("a disclosure is confirmed"));
    assert!(incidents[1]["disposition"].contains("a suspected disclosure was rejected"));
}

async fn people_were_told(folder: &Path, house: &House, incident: &Incident) {
    let owed = rows(folder, "obligations.csv");
    let promises: Vec<_> = owed
        .iter()
        .filter(|row| row["rule"].starts_with("contract."))
        .collect();
    assert_eq!(promises.len(), VICTIMS.len());
    for row in &promises {
        assert_eq!(
            (row["state"].as_str(), row["on_time"].as_str()),
            ("told", "yes"),
            "{row:?}"
        );
        assert!(row["arithmetic"].contains("Confirmed"), "{row:?}");
    }
    let recipients = rows(folder, "recipients.csv");
    assert_eq!(recipients.len(), VICTIMS.len());
    for row in &recipients {
        assert_eq!(row["outcome"], "accepted");
        assert!(
            row["address"].starts_with("security@") && row["message_id"].starts_with('<'),
            "{row:?}"
        );
        let kept = std::fs::read(folder.join(&row["message"])).expect("the message");
        let arrived = house.relay.server().messages();
        assert!(
            arrived.iter().any(|mail| mail.bytes == kept),
            "the bytes are those that the relay got"
        );
    }
    let customers = rows(folder, "customers-at.csv");
    let listed = customers
        .iter()
        .filter(|row| row["standing_then"] == "possible")
        .count();
    assert_eq!(listed, VICTIMS.len());
    assert_eq!(
        customers.len(),
        house.customers().await.len(),
        "also those that are not affected"
    );
    let approvals = std::fs::read_to_string(folder.join("approvals.json")).expect("approvals");
    assert!(
        approvals.contains(incident.id.as_str()) && approvals.contains(INES.email),
        "{approvals}"
    );
}

#[tokio::test]
async fn a_pack_shows_what_happened_on_sqlite() {
    a_pack_shows_what_happened(Place::sqlite()).await;
}

#[tokio::test]
async fn a_pack_shows_what_happened_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_pack_shows_what_happened(place).await;
    }
}

#[tokio::test]
async fn the_same_state_gives_the_same_bytes() {
    let mut house = after_the_theft(Place::sqlite()).await;
    let incident = confirmed(&mut house).await;
    told_by_people(&mut house, &incident).await;
    let mut packs = Vec::new();
    for _ in 0..2 {
        let mut bytes = Cursor::new(Vec::new());
        let packed = house
            .desk()
            .write_pack(Scope::Incident(1), &mut bytes, &mut |_| {})
            .await;
        packs.push((packed.expect("a pack"), bytes.into_inner()));
        house.pass(Duration::minutes(1));
    }
    assert_eq!(packs[0], packs[1]);
    let none = house
        .desk()
        .write_pack(Scope::Incident(7), Cursor::new(Vec::new()), &mut |_| {})
        .await;
    assert_eq!(
        none.expect_err("refused").to_string(),
        "there is no incident `INC-0007`"
    );
}

/// A change of an unpacked pack.
struct Tampering {
    what: &'static str,
    /// What the script must say, beside that the pack does not hold.
    named: &'static str,
    change: fn(&Path),
}

fn message(folder: &Path) -> PathBuf {
    let mut messages: Vec<PathBuf> = std::fs::read_dir(folder.join("messages"))
        .expect("messages")
        .map(|entry| entry.expect("a file").path())
        .collect();
    messages.sort();
    messages.remove(0)
}

pub(super) fn edit(path: &Path, change: impl FnOnce(String) -> String) {
    let text = std::fs::read_to_string(path).expect("a text");
    let changed = change(text.clone());
    assert_ne!(changed, text, "the change changes {}", path.display());
    std::fs::write(path, changed).expect("written");
}

/// Changes what the pack says of each notice's approval.
fn approvals(folder: &Path, change: impl Fn(&mut serde_json::Value)) {
    edit(&folder.join("approvals.json"), |text| {
        let mut notices: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
        notices.iter_mut().for_each(change);
        serde_json::to_string(&notices).expect("JSON")
    });
}

/// Makes the manifest fit what stands in the folder, as a forger would.
pub(super) fn mend(folder: &Path) {
    let script = "import hashlib,json,os,sys\n\
        os.chdir(sys.argv[1]); m=json.load(open('manifest.json')); kept=[]\n\
        for f in m['files']:\n\
        \x20if os.path.exists(f['path']):\n\
        \x20\x20b=open(f['path'],'rb').read(); f['bytes']=len(b); f['sha256']=hashlib.sha256(b).hexdigest(); kept.append(f)\n\
        m['files']=kept; json.dump(m,open('manifest.json','w'))";
    let done = Command::new("python3").args(["-c", script]).arg(folder).status();
    assert!(done.expect("python3 runs").success());
}

const CHANGES: [Tampering; 15] = [
    Tampering {
        what: "a byte of a table",
        named: "incidents.csv: it was changed",
        change: |folder| {
            edit(&folder.join("incidents.csv"), |text| {
                text.replacen("INC-0001", "INC-0002", 1)
            })
        },
    },
    Tampering {
        what: "a file that is gone",
        named: "register.csv: it was removed",
        change: |folder| std::fs::remove_file(folder.join("register.csv")).expect("removed"),
    },
    Tampering {
        what: "a file that was put in",
        named: "messages/dlv_made_up.eml: it was added",
        change: |folder| {
            std::fs::write(folder.join("messages/dlv_made_up.eml"), "To: x\n\nx\n").expect("written")
        },
    },
    Tampering {
        what: "a byte of the rules",
        named: "rules/obligations/gdpr-33_1/rule.yaml: it was changed",
        change: |folder| {
            edit(&folder.join("rules/obligations/gdpr-33_1/rule.yaml"), |text| {
                text.replacen("72", "96", 1)
            })
        },
    },
    Tampering {
        what: "a record of the log that is gone, with the manifest mended",
        named: "a row was removed or moved",
        change: |folder| {
            edit(&folder.join("log/log.jsonl"), |text| {
                let mut lines: Vec<&str> = text.lines().collect();
                lines.remove(4);
                lines.join("\n") + "\n"
            });
            mend(folder);
        },
    },
    Tampering {
        what: "a word of a record, with the manifest mended",
        named: "was changed",
        change: |folder| {
            edit(&folder.join("log/log.jsonl"), |text| {
                text.replacen("disclosure.confirmed", "disclosure.concealed", 1)
            });
            mend(folder);
        },
    },
    Tampering {
        what: "the end of the log, with the manifest mended",
        named: "the log was cut or changed",
        change: |folder| {
            edit(&folder.join("log/log.jsonl"), |text| {
                let lines: Vec<&str> = text.lines().collect();
                lines[..lines.len() - 3].join("\n") + "\n"
            });
            mend(folder);
        },
    },
    Tampering {
        what: "a word of a message, with the manifest mended",
        named: "its bytes are not those that the log says were sent",
        change: |folder| {
            edit(&message(folder), |text| text.replacen("Subject:", "Subjekt:", 1));
            mend(folder);
        },
    },
    Tampering {
        what: "a message that is gone, with the manifest mended",
        named: "the log says that it was sent, but it is missing",
        change: |folder| {
            std::fs::remove_file(message(folder)).expect("removed");
            mend(folder);
        },
    },
    Tampering {
        what: "a word of the timeline, with the manifest mended",
        named: "is not as it was written",
        change: |folder| {
            edit(&folder.join("timeline.jsonl"), |text| {
                text.replacen("Disclosure confirmed", "Disclosure conceded", 1)
            });
            mend(folder);
        },
    },
    Tampering {
        what: "an entry of the timeline that is gone, with the manifest mended",
        named: "and it is missing",
        change: |folder| {
            edit(&folder.join("timeline.jsonl"), |text| {
                let lines: Vec<&str> = text.lines().collect();
                lines[1..].join("\n") + "\n"
            });
            mend(folder);
        },
    },
    Tampering {
        what: "a letter, with its hash and the manifest mended",
        named: "its letters are not those that were approved",
        change: |folder| {
            let script = "import importlib.util,json,sys\n\
                s=importlib.util.spec_from_file_location('v',sys.argv[2]); v=importlib.util.module_from_spec(s); s.loader.exec_module(v)\n\
                p=sys.argv[1]+'/letters.jsonl'; ls=[json.loads(l) for l in open(p)]\n\
                for l in ls: l['text']=l['text'].replace('API key','door key'); l['hash']=v.letter_digest(l)\n\
                open(p,'w').write(''.join(json.dumps(l)+'\\n' for l in ls))";
            let done = Command::new("python3")
                .args(["-c", script])
                .arg(folder)
                .arg(root().join("docs/verify-pack.py"))
                .status();
            assert!(done.expect("python3 runs").success());
            mend(folder);
        },
    },
    Tampering {
        what: "another approver, with the manifest mended",
        named: "somebody else approved it",
        change: |folder| {
            approvals(folder, |notice| {
                if notice["kind"] == "full" {
                    notice["approved"]["actor"]["user"] = "usr_X".into();
                }
            });
            mend(folder);
        },
    },
    Tampering {
        what: "another approver of the holding notice's words, with the manifest mended",
        named: "the log has another approval of them",
        change: |folder| {
            approvals(folder, |notice| {
                if notice["kind"] == "holding" {
                    notice["words"][0]["approved"]["actor"]["user"] = "usr_X".into();
                }
            });
            mend(folder);
        },
    },
    Tampering {
        what: "a checkpoint that another key signed",
        named: "no signature of the log's key",
        change: |folder| {
            edit(&folder.join("log/checkpoint.txt"), |text| {
                let last = text.trim_end().rfind(' ').expect("a signature");
                text[..last + 10].to_owned() + "AAAA" + &text[last + 14..]
            });
            mend(folder);
        },
    },
];

#[tokio::test]
async fn whatever_is_changed_in_a_pack_is_named() {
    let mut house = after_the_theft(Place::sqlite()).await;
    let incident = confirmed(&mut house).await;
    told_by_people(&mut house, &incident).await;
    let (packed, bytes) = exported(&house, Scope::Incident(1)).await;
    let zip = house.place.folder().join("pack.zip");
    std::fs::write(&zip, &bytes).expect("written");
    let key = house.desk().log_key().to_string();
    let folder = house.place.folder().join("pack");
    for Tampering { what, named, change } in &CHANGES {
        unpacked(&zip, &folder);
        let before = verified(&folder, &["--key", &key]);
        assert!(before.status.success(), "{}", said(&before));
        change(&folder);
        let after = verified(&folder, &["--key", &key]);
        let text = said(&after);
        assert_eq!(after.status.code(), Some(1), "{what}: {text}");
        assert!(text.contains(named), "{what}: `{named}` is not in\n{text}");
        assert!(!text.contains("Traceback"), "{what}: {text}");
    }

    // A table that was changed with its manifest is found by what the service's log says of the manifest.
    unpacked(&zip, &folder);
    edit(&folder.join("obligations.csv"), |text| {
        text.replacen("told", "TOLD", 1)
    });
    mend(&folder);
    let alone = verified(&folder, &["--key", &key]);
    assert!(alone.status.success(), "{}", said(&alone));
    let asked = verified(&folder, &["--key", &key, "--manifest", &packed.manifest_sha256]);
    assert!(
        !asked.status.success() && said(&asked).contains("manifest.json: its SHA-256"),
        "{}",
        said(&asked)
    );

    // A byte of what the zip holds, which its reader stumbles over.
    let mut broken = bytes;
    let name = b"incidents.csv";
    let at = broken
        .windows(name.len())
        .position(|part| part == name)
        .expect("its header");
    // Behind the name stand 20 bytes of sizes, then the content.
    broken[at + name.len() + 60] ^= 1;
    std::fs::write(&zip, &broken).expect("written");
    let after = verified(&zip, &["--key", &key]);
    assert!(
        !after.status.success() && !said(&after).contains("Traceback"),
        "{}",
        said(&after)
    );
}

#[tokio::test]
async fn a_number_that_no_incident_has_is_named() {
    use sqlx::Connection as _;
    let house = after_the_theft(Place::sqlite()).await;
    a_false_alarm(&house).await;
    a_false_alarm(&house).await;
    let mut connection = sqlx::SqliteConnection::connect(&house.place.url)
        .await
        .expect("it opens");
    let away = "PRAGMA foreign_keys = OFF; DELETE FROM incident WHERE number = 2";
    sqlx::raw_sql(away)
        .execute(&mut connection)
        .await
        .expect("it is taken out");
    connection.close().await.expect("it closes");
    let (_, bytes) = exported(&house, Scope::Period(Period::ALWAYS)).await;
    let zip = house.place.folder().join("pack.zip");
    std::fs::write(&zip, &bytes).expect("written");
    let folder = house.place.folder().join("pack");
    unpacked(&zip, &folder);
    let incidents = rows(&folder, "incidents.csv");
    assert_eq!(incidents[1]["reference"], "INC-0002");
    assert!(incidents[1]["title"].starts_with("MISSING"), "{incidents:?}");
    let by = Actor::Operator;
    let register = house
        .desk()
        .export_register(Period::ALWAYS, &by)
        .await
        .expect("a register");
    assert!(
        register.contains("INC-0003") && !register.contains("INC-0001"),
        "{register}"
    );
}
