//! Nothing happens for weeks, and somebody outside still holds what the audit log was.

use super::*;
use watchkeeper_domain::audit::note::kept_in;

const NOTARY: &str = "anchor@notary.example";

/// Of how many records each checkpoint is that the notary got, the oldest first; every one is signed by the log, and can be read in the
/// mail.
fn witnessed(house: &House) -> Vec<u64> {
    let messages = house.relay.server().messages().into_iter();
    let sizes = messages.filter(|mail| mail.to[0] == NOTARY).map(|mail| {
        let note = kept_in(&mail.text()).expect("a note");
        note.checkpoint(house.desk().log_key())
            .expect("signed by the log")
            .size
    });
    let sizes: Vec<u64> = sizes.collect();
    let mails = house.relay.mails_to(NOTARY);
    for (mail, size) in mails.iter().zip(&sizes) {
        let size = size.to_string();
        assert!(
            mail.text.lines().any(|line| line.trim_end() == size),
            "{}",
            mail.text
        );
    }
    sizes
}

async fn a_checkpoint_leaves_the_house_every_week_also_when_nothing_happens(place: Place) {
    let setup = Setup {
        witnesses: vec![NOTARY.to_owned()],
        ..Setup::default()
    };
    let mut house = House::open(place, setup).await;
    house.settle().await;
    assert_eq!(witnessed(&house).len(), 1, "the first one goes at once");
    house.pass(Duration::days(7) - Duration::seconds(1));
    house.settle().await;
    assert_eq!(witnessed(&house).len(), 1);
    house.pass(Duration::seconds(1));
    house.settle().await;
    house.settle().await;
    let sizes = witnessed(&house);
    assert_eq!(sizes.len(), 2, "once");
    assert!(sizes[0] < sizes[1], "it has what came since: {sizes:?}");

    // Three weeks without the service are one checkpoint, as soon as it is back.
    house.go_down();
    house.pass(Duration::days(21));
    house.come_up().await;
    house.settle().await;
    assert_eq!(witnessed(&house).len(), 3);
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_leaves_the_house_every_week_also_when_nothing_happens_on_sqlite() {
    a_checkpoint_leaves_the_house_every_week_also_when_nothing_happens(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_leaves_the_house_every_week_also_when_nothing_happens_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        a_checkpoint_leaves_the_house_every_week_also_when_nothing_happens(place).await;
    }
}
