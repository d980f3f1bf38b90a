//! What AWS shows late is judged exactly once, though the process is killed again and again: the real binary, and a CloudWatch Logs that
//! speaks the wire protocol.

use chrono::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;
use watchkeeper_domain::clock::{Clock, SystemClock};
use watchkeeper_stories::service::Service;
use watchkeeper_testbed::cloudwatch::CloudWatch;

/// How many events there are in all, and how often the process is killed meanwhile.
const EVENTS: i64 = 18_000;
const KILLS: i64 = 6;
const GROUPS: [&str; 3] = ["/app/shop", "/app/files", "/app/mail"];

#[tokio::test(flavor = "multi_thread")]
async fn what_shows_late_is_judged_once_though_the_process_is_killed_again_and_again() {
    let cloudwatch = CloudWatch::start(Arc::new(SystemClock)).await;
    cloudwatch.page_size(500);
    let mut service = Service::configured(&format!(
        r#"
[[source]]
kind = "cloudwatch_logs"
name = "logs"
region = "eu-central-1"
log_group_prefixes = ["/app/"]
credentials_file = "FOLDER/credentials"
endpoint_url = "{}"
poll_seconds = 1
calls_per_second = 50
horizon_minutes = 5
format = "json"
log_source = {{ category = "application" }}
"#,
        cloudwatch.endpoint_url
    ));
    let credentials = "[default]\naws_access_key_id = testing\naws_secret_access_key = testing\n";
    std::fs::write(service.path().join("credentials"), credentials).expect("written");
    GROUPS.iter().for_each(|group| cloudwatch.create_group(group));
    service.start().await;
    for round in 0..KILLS {
        for number in 0..EVENTS / KILLS {
            let now = SystemClock.now();
            // Most are shown at once, in any order; some up to forty seconds late, over several kills.
            let at = now - Duration::milliseconds(number * 37 % 20_000);
            let late = if number % 20 == 0 { number / 20 % 41 } else { 0 };
            let group = GROUPS[usize::try_from(number).unwrap_or(0) % GROUPS.len()];
            let message = format!("{{\"kind\":\"pushed\",\"n\":\"{round}-{number}\"}}");
            cloudwatch.put(group, "s", at, now + Duration::seconds(late), &message);
        }
        // Whatever it is doing then.
        tokio::time::sleep(std::time::Duration::from_millis(
            1_500 + 350 * round.unsigned_abs(),
        ))
        .await;
        service.kill().await;
        service.start().await;
    }
    let store = service.store().await;
    let events = EVENTS.unsigned_abs();
    service.wait_until_judged(&store, events).await;
    // Whatever comes twice comes with the next sweep over the same time.
    drop(cloudwatch.asked());
    let mut since: BTreeMap<String, usize> = BTreeMap::new();
    while since.len() < GROUPS.len() || since.values().any(|times| *times < 5) {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        for group in cloudwatch.asked() {
            *since.entry(group).or_default() += 1;
        }
    }
    service.kill().await;
    assert_eq!(service.judged(&store).await, events);
    assert_eq!(
        service.alerted(&store).await,
        events,
        "each event is in one alert, once"
    );
    store.close().await;
}
