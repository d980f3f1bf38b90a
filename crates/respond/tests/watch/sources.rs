//! What the worker `watch` shows of its sources.

use crate::post::Post;
use async_trait::async_trait;
use chrono::Duration;
use watchkeeper_collect::{Batch, CollectError, Cursor, Source};
use watchkeeper_detect::{DetectorSet, Limits};
use watchkeeper_domain::event::{EntityFields, SourceName};
use watchkeeper_respond::source_status::SourceStatus;
use watchkeeper_respond::workers::Worker;
use watchkeeper_respond::workers::watch::{Configured, Watch};
use watchkeeper_store::Store;

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

async fn shown(store: &Store, name: &SourceName) -> SourceStatus {
    let mut tx = store.read().await.expect("reads");
    let status = tx.source_status(name).await.expect("reads").expect("is shown");
    serde_json::from_value(status).expect("a status")
}

#[tokio::test]
async fn a_source_that_fails_is_shown_so_though_no_event_comes_and_well_again_afterwards() {
    let post = Post::open().await;
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
    let mut watch = Watch::open(post.desk.clone(), vec![source], engine, None)
        .await
        .expect("opens");

    watch.turn().await.expect("a turn");
    assert_eq!(shown(&post.store, &name).await.state(), "failing");

    post.clock.advance(Duration::minutes(2));
    watch.turn().await.expect("a turn");
    assert_eq!(shown(&post.store, &name).await.state(), "ok");
}
