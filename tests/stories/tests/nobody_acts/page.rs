//! The page that nobody answers goes on to the next step, and whoever is in charge is reminded.

use super::*;

async fn an_unanswered_page_escalates(place: Place) {
    let mut house = after_the_theft(place).await;
    let running = |incident: &Incident, wanted: fn(&TimerKind) -> bool| {
        let timers = incident.timers.iter();
        let mut found = timers
            .filter(|t| t.state == TimerState::Running && wanted(&t.kind))
            .map(|t| t.due_at);
        found.next().expect("the timer runs")
    };
    let acknowledge = |kind: &TimerKind| matches!(kind, TimerKind::Acknowledge { .. });
    let status = |kind: &TimerKind| matches!(kind, TimerKind::StatusUpdate { .. });
    let escalations = async |house: &House| -> Vec<String> {
        let all = house.deliveries(&house.incident().await).await;
        let escalated: Vec<Delivery> = all
            .into_iter()
            .filter(|d| pages_for(d, |r| *r == PageReason::NotAcknowledged))
            .collect();
        recipients(&escalated)
    };
    let reminders = async |house: &House| -> Vec<String> {
        let all = house.deliveries(&house.incident().await).await;
        let due: Vec<Delivery> = all
            .into_iter()
            .filter(|d| pages_for(d, |r| *r == PageReason::StatusUpdateDue))
            .collect();
        recipients(&due)
    };
    let opened = house.relay.mails_to(TOMAS.email);
    assert!(
        opened
            .iter()
            .any(|mail| mail.subject.contains("new incident") && mail.acknowledge_link().is_some()),
        "{opened:#?}"
    );
    assert_eq!(
        house.relay.mails_to(MARA.email).len(),
        0,
        "the second step is not woken while the first has time"
    );

    let due = running(&house.incident().await, acknowledge);
    house.clock.set(due - Duration::seconds(1));
    house.settle().await;
    assert_eq!(escalations(&house).await, Vec::<String>::new());
    house.clock.set(due);
    house.settle().await;
    house.settle().await;
    assert_eq!(escalations(&house).await, [MARA.email]);
    // The second step has ten minutes; being the last one, it is repeated.
    let again = running(&house.incident().await, acknowledge);
    assert_eq!(again, due + Duration::minutes(10));
    house.clock.set(again - Duration::seconds(1));
    house.settle().await;
    assert_eq!(escalations(&house).await.len(), 1);
    house.clock.set(again);
    house.settle().await;
    assert_eq!(escalations(&house).await, [MARA.email, MARA.email]);

    let due = running(&house.incident().await, status);
    house.clock.set(due - Duration::seconds(1));
    house.settle().await;
    assert_eq!(reminders(&house).await, Vec::<String>::new());
    house.clock.set(due);
    house.settle().await;
    house.settle().await;
    assert_eq!(
        reminders(&house).await,
        [TOMAS.email],
        "nobody commands, so the on-call is reminded"
    );

    // Answering ends the escalation, and only that.
    let mail = house.relay.mails_to(MARA.email).pop().expect("a page");
    let link = mail.acknowledge_link().expect("a signed link");
    let token = link.rsplit('/').next().expect("a token");
    house
        .desk()
        .acknowledge_by_link(token)
        .await
        .expect("the link is good");
    let count = escalations(&house).await.len();
    house.pass(Duration::hours(2));
    house.settle().await;
    assert_eq!(escalations(&house).await.len(), count);
    assert_eq!(reminders(&house).await.len(), 2, "the status update is still due");
    house.everything_arrived_once().await;
    house.verified_audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_page_escalates_on_sqlite() {
    an_unanswered_page_escalates(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_page_escalates_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        an_unanswered_page_escalates(place).await;
    }
}
