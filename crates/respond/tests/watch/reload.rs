//! Rules that change while the watch runs.

use crate::post::{Post, brute_force, settle};
use serde_json::json;
use watchkeeper_detect::RuleFile;
use watchkeeper_respond::workers::watch::{LOOK_EVERY, Watch};

/// Time passes until a change is taken: it must be seen twice.
async fn notice(post: &Post, watch: &mut Watch) {
    for _ in 0..2 {
        post.clock.advance(LOOK_EVERY);
        settle(watch).await;
    }
}

fn events(alerts: &[(String, u64)]) -> Vec<u64> {
    alerts.iter().map(|alert| alert.1).collect()
}

#[tokio::test]
async fn an_unchanged_rule_goes_on_counting_over_a_reload() {
    let post = Post::open().await;
    post.folder.hold([brute_force("sign_in", 3)]);
    let mut watch = post.watch().await;
    settle(&mut watch).await;
    post.feed.fails("sign_in", "192.0.2.1", 0);
    post.feed.fails("sign_in", "192.0.2.1", 1);
    settle(&mut watch).await;
    post.folder
        .hold([brute_force("sign_in", 3), brute_force("token", 5)]);
    notice(&post, &mut watch).await;
    post.feed.fails("sign_in", "192.0.2.1", 2);
    settle(&mut watch).await;
    assert_eq!(events(&post.alerts().await), [3], "two before and one after");
    let shown = watch.board().snapshot();
    let reloaded = shown.reloaded.as_ref().expect("it is shown");
    assert_eq!(reloaded.kept, 2, "the rule and what it counts");
    assert!(reloaded.added.contains(&"token".to_owned()), "{reloaded:?}");
    assert!(reloaded.restarted.is_empty() && reloaded.gone.is_empty());
    assert_eq!(reloaded.at, post.desk.now());
    assert!(shown.detectors().any(|(info, _)| info.id == "token"));
}

#[tokio::test]
async fn a_changed_rule_begins_its_window_anew_and_says_so() {
    let post = Post::open().await;
    post.folder
        .hold([brute_force("sign_in", 3), brute_force("token", 3)]);
    let mut watch = post.watch().await;
    for second in 0..2 {
        post.feed.fails("sign_in", "192.0.2.1", second);
        post.feed.fails("token", "192.0.2.1", second);
    }
    settle(&mut watch).await;
    post.folder
        .hold([brute_force("sign_in", 3), brute_force("token", 2)]);
    notice(&post, &mut watch).await;
    assert!(
        post.alerts().await.is_empty(),
        "two by the old words are not two by the new ones"
    );
    let recorded = post.recorded("detectors.reloaded").await;
    assert_eq!(recorded.len(), 1, "{recorded:#?}");
    assert_eq!(
        (&recorded[0]["restarted"], &recorded[0]["restarted_ids"]),
        (&json!(1), &json!(["token"]))
    );
    assert_eq!(
        (&recorded[0]["gone"], &recorded[0]["quarantined"]),
        (&json!(0), &json!(0))
    );
    let shown = watch.board().snapshot();
    assert_eq!(shown.reloaded.as_ref().expect("is shown").restarted, ["token"]);
    // The new window counts, also when the process starts again in between.
    post.feed.fails("token", "192.0.2.1", 10);
    settle(&mut watch).await;
    drop(watch);
    let mut watch = post.watch().await;
    post.feed.fails("token", "192.0.2.1", 11);
    post.feed.fails("sign_in", "192.0.2.1", 12);
    settle(&mut watch).await;
    let alerts = post.alerts().await;
    assert_eq!(events(&alerts), [3, 2], "{alerts:?}");
}

#[tokio::test]
async fn a_rule_that_is_broken_is_quarantined_while_the_others_run_and_is_well_when_it_is_mended() {
    let post = Post::open().await;
    post.folder
        .hold([brute_force("sign_in", 3), brute_force("token", 3)]);
    let mut watch = post.watch().await;
    post.feed.fails("sign_in", "192.0.2.1", 0);
    settle(&mut watch).await;
    let broken = RuleFile::new(
        "token.yml",
        brute_force("token", 3).text.replace("group-by", "group_by"),
    );
    post.folder.hold([brute_force("sign_in", 3), broken]);
    notice(&post, &mut watch).await;
    let shown = watch.board().snapshot();
    let fault = shown
        .rules
        .quarantined
        .iter()
        .find(|fault| fault.path == "token.yml")
        .expect("it is said");
    assert!(fault.line.is_some(), "{fault:?}");
    assert!(
        fault.key.as_ref().is_some_and(|key| key.contains("group_by")),
        "{fault:?}"
    );
    assert!(shown.detectors().all(|(info, _)| info.id != "token"));
    let recorded = post.recorded("detectors.reloaded").await;
    assert!(
        recorded[0]["quarantined"].as_u64().expect("a count") >= 1,
        "{recorded:?}"
    );
    post.feed.fails("sign_in", "192.0.2.1", 1);
    post.feed.fails("sign_in", "192.0.2.1", 2);
    settle(&mut watch).await;
    assert_eq!(events(&post.alerts().await), [3]);
    post.folder
        .hold([brute_force("sign_in", 3), brute_force("token", 3)]);
    notice(&post, &mut watch).await;
    let shown = watch.board().snapshot();
    assert!(shown.rules.quarantined.is_empty());
    assert!(shown.detectors().any(|(info, _)| info.id == "token"));
}

#[tokio::test]
async fn a_rule_whose_file_is_deleted_is_gone_and_its_window_with_it() {
    let post = Post::open().await;
    let both = [brute_force("sign_in", 3), brute_force("token", 3)];
    post.folder.hold(both.clone());
    let mut watch = post.watch().await;
    post.feed.fails("token", "192.0.2.1", 0);
    post.feed.fails("token", "192.0.2.1", 1);
    settle(&mut watch).await;
    post.folder.hold([brute_force("sign_in", 3)]);
    notice(&post, &mut watch).await;
    let shown = watch.board().snapshot();
    assert!(shown.detectors().all(|(info, _)| info.id != "token"));
    let gone = &shown.reloaded.as_ref().expect("is shown").gone;
    assert!(gone.contains(&"token".to_owned()), "{gone:?}");
    // It comes back without what it counted, also for a process that starts again.
    post.folder.hold(both);
    notice(&post, &mut watch).await;
    drop(watch);
    let mut watch = post.watch().await;
    post.feed.fails("token", "192.0.2.1", 2);
    settle(&mut watch).await;
    assert!(post.alerts().await.is_empty());
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_keeps_the_rules_that_run_and_says_so() {
    let post = Post::open().await;
    post.folder.hold([brute_force("sign_in", 2)]);
    let mut watch = post.watch().await;
    post.feed.fails("sign_in", "192.0.2.1", 0);
    settle(&mut watch).await;
    post.folder.cannot_be_read("/etc/rules: permission denied");
    post.clock.advance(LOOK_EVERY);
    settle(&mut watch).await;
    assert!(
        watch.board().snapshot().unreadable.is_none(),
        "a file that is replaced is not there for a moment"
    );
    post.clock.advance(LOOK_EVERY);
    settle(&mut watch).await;
    let since = post.desk.now();
    notice(&post, &mut watch).await;
    let shown = watch.board().snapshot();
    let unreadable = shown.unreadable.as_ref().expect("it is said");
    assert_eq!(
        (unreadable.reason.as_str(), unreadable.since),
        ("/etc/rules: permission denied", since)
    );
    post.feed.fails("sign_in", "192.0.2.1", 1);
    settle(&mut watch).await;
    assert_eq!(events(&post.alerts().await), [2]);
    assert!(
        watch.board().snapshot().unreadable.is_some(),
        "checkpoints keep it shown"
    );
    post.folder.hold([brute_force("sign_in", 2)]);
    notice(&post, &mut watch).await;
    let shown = watch.board().snapshot();
    assert!(shown.unreadable.is_none());
    assert!(shown.reloaded.is_none(), "they are those that ran all the time");
    assert!(post.recorded("detectors.reloaded").await.is_empty());
}

#[tokio::test]
async fn a_file_that_is_still_being_written_is_not_taken() {
    let post = Post::open().await;
    post.folder.hold([brute_force("sign_in", 3)]);
    let mut watch = post.watch().await;
    settle(&mut watch).await;
    let whole = brute_force("token", 3);
    for length in [10, 40, 90] {
        let half = RuleFile::new(whole.path.clone(), &whole.text[..length]);
        post.folder.hold([brute_force("sign_in", 3), half]);
        post.clock.advance(LOOK_EVERY);
        settle(&mut watch).await;
        let shown = watch.board().snapshot();
        assert!(shown.reloaded.is_none() && shown.rules.quarantined.is_empty());
    }
    post.folder.hold([brute_force("sign_in", 3), whole]);
    notice(&post, &mut watch).await;
    let shown = watch.board().snapshot();
    assert!(shown.detectors().any(|(info, _)| info.id == "token"));
    assert_eq!(post.recorded("detectors.reloaded").await.len(), 1);
}

#[tokio::test]
async fn files_that_are_written_again_as_they_were_are_no_reload() {
    let post = Post::open().await;
    post.folder.hold([brute_force("sign_in", 3)]);
    let mut watch = post.watch().await;
    settle(&mut watch).await;
    post.folder.touch();
    notice(&post, &mut watch).await;
    assert!(watch.board().snapshot().reloaded.is_none());
    assert!(post.recorded("detectors.reloaded").await.is_empty());
}

#[tokio::test]
async fn who_rings_has_the_rules_read_at_once_and_told_even_where_nothing_changed() {
    let post = Post::open().await;
    post.folder.hold([brute_force("sign_in", 3)]);
    let mut watch = post.watch().await;
    settle(&mut watch).await;
    post.folder
        .hold([brute_force("sign_in", 3), brute_force("token", 3)]);
    settle(&mut watch).await;
    assert!(watch.board().snapshot().reloaded.is_none(), "no time has passed");
    post.bell.ring();
    settle(&mut watch).await;
    let shown = watch.board().snapshot();
    assert!(shown.detectors().any(|(info, _)| info.id == "token"));
    post.bell.ring();
    settle(&mut watch).await;
    let recorded = post.recorded("detectors.reloaded").await;
    assert_eq!(recorded.len(), 2, "{recorded:#?}");
    assert_eq!(
        (&recorded[1]["kept"], &recorded[1]["added"]),
        (&json!(4), &json!(0))
    );
}
