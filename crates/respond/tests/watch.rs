//! What the worker `watch` shows of its sources.

use async_trait::async_trait;
use chrono::{DateTime, Duration};
use std::sync::Arc;
use watchkeeper_collect::{Batch, CollectError, Cursor, Source};
use watchkeeper_deliver::Party;
use watchkeeper_detect::{DetectorSet, Limits};
use watchkeeper_domain::clock::{Clock, ManualClock};
use watchkeeper_domain::event::{EntityFields, SourceName};
use watchkeeper_domain::incident::Severity;
use watchkeeper_domain::notice::Sender;
use watchkeeper_domain::page::PagingPolicy;
use watchkeeper_domain::span::Span;
use watchkeeper_respond::source_status::SourceStatus;
use watchkeeper_respond::workers::Worker;
use watchkeeper_respond::workers::watch::{Configured, Watch};
use watchkeeper_respond::{Desk, House, Library};
use watchkeeper_store::{DatabaseConfig, Store};

/// Fails the first time, and has nothing to tell after that.
struct Falters {
    name: SourceName,
    failed: bool,
}

#[async_trait]
impl Source for Falters {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn read(&mut self, from: &Cursor) -> Result<Batch, CollectError> {
        if self.failed {
            return Ok(Batch::nothing(from));
        }
        self.failed = true;
        let reason = "it is not one".to_owned();
        Err(CollectError::Cursor {
            source_name: self.name.clone(),
            reason,
        })
    }
}

fn house() -> House {
    House {
        base_url: "http://127.0.0.1".to_owned(),
        sender: Sender {
            company: "Example".to_owned(),
            contact: "security@example.com".to_owned(),
            check_at: "example.com/check".to_owned(),
        },
        mail_from: Party::address("watch@example.com"),
        paging: PagingPolicy { steps: Vec::new() },
        executives: Vec::new(),
        topics: Default::default(),
        join_within: Span::hours(6),
        open_incident_at: Severity::Sev2,
        library: Library::default(),
        demo: false,
    }
}

async fn shown(store: &Store, name: &SourceName) -> SourceStatus {
    let mut tx = store.read().await.expect("reads");
    let status = tx.source_status(name).await.expect("reads").expect("is shown");
    serde_json::from_value(status).expect("a status")
}

#[tokio::test]
async fn a_source_that_fails_is_shown_so_though_no_event_comes_and_well_again_afterwards() {
    let dir = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", dir.path().join("db").display());
    let store = Store::open(&DatabaseConfig { url }).await.expect("opens");
    store.migrate().await.expect("migrates");
    let clock = Arc::new(ManualClock::at(DateTime::UNIX_EPOCH));
    let desk = Desk::open(store.clone(), Arc::clone(&clock) as Arc<dyn Clock>, house())
        .await
        .expect("opens");
    let name = SourceName("edge".to_owned());
    let source = Configured {
        source: Box::new(Falters {
            name: name.clone(),
            failed: false,
        }),
        kind: "file".to_owned(),
        format: "plain".to_owned(),
    };
    let engine = DetectorSet::load([], EntityFields::default(), Limits::default());
    let mut watch = Watch::open(desk, vec![source], engine, None)
        .await
        .expect("opens");

    watch.turn().await.expect("a turn");
    assert_eq!(shown(&store, &name).await.state(), "failing");

    clock.advance(Duration::minutes(2));
    watch.turn().await.expect("a turn");
    assert_eq!(shown(&store, &name).await.state(), "ok");
}
