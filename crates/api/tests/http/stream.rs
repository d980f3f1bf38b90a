//! The stream of changes.

use crate::support::{Place, Visitor};
use axum::body::{Body, BodyDataStream};
use futures::StreamExt;
use serde_json::Value;
use watchkeeper_domain::access::AccessRole;

/// Reads events from a stream.
struct Reader {
    body: BodyDataStream,
    kept: String,
}

/// One event.
#[derive(Debug)]
struct Event {
    id: Option<i64>,
    name: String,
    data: Value,
}

impl Reader {
    async fn open(place: &Place, visitor: &Visitor) -> Self {
        let response = place.raw(visitor, "GET", "/api/v1/stream", Body::empty()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            body: response.into_body().into_data_stream(),
            kept: String::new(),
        }
    }

    /// The next event; `None` when the stream has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.kept.split_once("\n\n") {
                let field = |name: &str| {
                    event
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(|v| v.trim().to_owned())
                };
                let event = Event {
                    id: field("id:").map(|id| id.parse().expect("a number")),
                    name: field("event:").unwrap_or_default(),
                    data: serde_json::from_str(&field("data:").unwrap_or_default()).expect("JSON"),
                };
                self.kept = rest.to_owned();
                return Some(event);
            }
            let chunk = self.body.next().await?.expect("a chunk");
            self.kept.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }

    async fn change(&mut self) -> Event {
        loop {
            let event = self.next().await.expect("an event");
            if event.name == "change" {
                return event;
            }
        }
    }
}

#[tokio::test]
async fn a_change_is_told_with_its_number_and_names_nobody() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let mut reader = Reader::open(&place, &ann).await;
    let tick = reader.next().await.expect("an event");
    assert_eq!(
        (tick.name.as_str(), tick.data["server_time"].as_str()),
        ("tick", Some("2026-06-01T08:00:00Z"))
    );
    let view = place.incident(&ann, "Odd downloads").await;
    let change = reader.change().await;
    assert_eq!(change.id, change.data["seq"].as_i64());
    assert_eq!(change.data["subject"], view["incident"]["id"]);
    let fields: Vec<&String> = change.data.as_object().expect("an object").keys().collect();
    assert_eq!(fields, ["seq", "at", "action", "subject"]);
}

#[tokio::test]
async fn who_was_away_goes_on_where_they_stopped() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Commander]).await;
    let mut reader = Reader::open(&place, &ann).await;
    place.incident(&ann, "One").await;
    let seen = reader.change().await.id.expect("a number");
    drop(reader);
    place.incident(&ann, "Two").await;
    place.incident(&ann, "Three").await;
    let (head, _) = place
        .desk
        .store()
        .read()
        .await
        .expect("reads")
        .audit_head()
        .await
        .expect("a head");
    let mut reader = Reader::open(&place, &ann.with("last-event-id", &seen.to_string())).await;
    for expected in seen + 1..=head {
        assert_eq!(reader.change().await.id, Some(expected));
    }
    let from_another_database = ann.with("last-event-id", "999999");
    let mut reader = Reader::open(&place, &from_another_database).await;
    place.incident(&ann, "Four").await;
    assert_eq!(reader.change().await.id, Some(head + 1));
}

#[tokio::test]
async fn it_ends_when_the_service_stops() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Viewer]).await;
    let mut reader = Reader::open(&place, &ann).await;
    assert_eq!(reader.next().await.expect("an event").name, "tick");
    place.state.stop.cancel();
    assert!(reader.next().await.is_none());
}

#[tokio::test]
async fn it_ends_soon_after_the_session() {
    let place = Place::open().await;
    let ann = place.person("ann", &[AccessRole::Viewer]).await;
    let mut reader = Reader::open(&place, &ann).await;
    assert_eq!(reader.next().await.expect("an event").name, "tick");
    place
        .form(&ann, "/logout", &[("csrf", &ann.headers["x-csrf-token"])])
        .await;
    assert_eq!(reader.change().await.data["action"], "user.signed_out");
    // The clock of the reactor is moved to the next tick; the database's threads go on by the real one.
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(11)).await;
    tokio::time::resume();
    assert!(reader.next().await.is_none());
}
