//! The story, told whole: log lines in CloudWatch and a finding of GuardDuty become an incident, a page and seven customers'
//! notices. What people do, they do in a browser.

mod letters;
mod people;
mod world;

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use letters::seven_letters_arrive;
use people::{
    communications_change_hands, ines_approves, mara_confirms, mara_takes_command, mara_writes,
    the_desk_is_quiet, tomas_answers,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use tokio::sync::Mutex;
use watchkeeper::config::Sns;
use watchkeeper_collect::SourceConfig;
use watchkeeper_collect::config::{CloudwatchLogsConfig, GuarddutyConfig};
use watchkeeper_collect::parse::{Format, RecordLogSource};
use watchkeeper_deliver::AwsAccess;
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
use world::{Surroundings, a_quiet_morning, files_are_taken, passwords_are_tried, surroundings};

/// One browser at a time: two are more than a small machine can carry.
static BROWSER: Mutex<()> = Mutex::const_new(());

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
    let facts = mara_writes(&mut world, &mara, &tomas).await;
    ines_approves(&mut world, &screens).await;
    seven_letters_arrive(&world, confirmed_at, &facts).await;
    the_desk_is_quiet(&world, &mara, &tomas).await;
    world.house.settle().await;
    world.house.everything_arrived_once().await;
    world.house.verified_audit().await;
    screens.close().await;
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
