//! What is kept at a checkpoint, and what a process finds that starts again.

use crate::post::{Post, brute_force, settle};
use watchkeeper_respond::workers::Worker;
use watchkeeper_respond::workers::watch::{CompactAfter, Watch};
use watchkeeper_store::DetectorState;

/// As small as it can be kept.
const AT_ONCE: CompactAfter = CompactAfter { bytes: 0, deltas: 0 };

async fn state(post: &Post) -> DetectorState {
    let mut tx = post.store.read().await.expect("reads");
    tx.detector_state().await.expect("reads")
}

#[tokio::test]
async fn a_window_that_one_process_began_is_ended_by_the_next() {
    let post = Post::open().await;
    post.folder.hold([brute_force("sign_in", 3)]);
    for second in 0..2 {
        post.feed.fails("sign_in", "192.0.2.1", second);
        settle(&mut post.watch().await).await;
    }
    assert!(post.alerts().await.is_empty());
    assert_eq!(
        state(&post).await.deltas.len(),
        2,
        "each process added what changed"
    );
    post.feed.fails("sign_in", "192.0.2.1", 2);
    settle(&mut post.watch().await).await;
    let alerts = post.alerts().await;
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(alerts[0].1, 3);
}

#[tokio::test]
async fn a_turn_in_which_nothing_happened_writes_nothing() {
    let post = Post::open().await;
    post.folder.hold([brute_force("sign_in", 3)]);
    let mut watch = post.watch().await;
    post.feed.fails("sign_in", "192.0.2.1", 0);
    settle(&mut watch).await;
    let before = state(&post).await;
    for _ in 0..3 {
        watch.turn().await.expect("a turn");
    }
    assert_eq!(state(&post).await, before);
}

#[tokio::test]
async fn pieces_are_put_together_when_there_are_many_and_windows_go_on_from_the_base() {
    let post = Post::open().await;
    post.folder.hold([brute_force("sign_in", 6)]);
    let mut watch = post.watch().await;
    watch.compact_after(CompactAfter {
        bytes: u64::MAX,
        deltas: 3,
    });
    for second in 0..5 {
        assert_eq!(state(&post).await.base, 0, "three are not too many");
        post.feed.fails("sign_in", "192.0.2.1", second);
        watch.turn().await.expect("a turn");
        watch.compacted().await;
    }
    // The fifth turn found four and put them together, beside what it changed itself.
    let kept = state(&post).await;
    assert!(kept.base >= 4, "{}", kept.base);
    assert_eq!((kept.last(), kept.base_pieces.len()), (5, 1));
    drop(watch);
    post.feed.fails("sign_in", "192.0.2.1", 5);
    settle(&mut post.watch().await).await;
    let alerts = post.alerts().await;
    assert_eq!(alerts.iter().map(|alert| alert.1).collect::<Vec<_>>(), [6]);
}

/// Runs the same events, with a restart after each `every` of them, and compactions under way while they come.
async fn story(every: usize, after: Option<CompactAfter>) -> (Vec<(String, u64)>, DetectorState) {
    let post = Post::open().await;
    post.folder
        .hold([brute_force("sign_in", 3), brute_force("token", 5)]);
    let open = async || -> Watch {
        let mut watch = post.watch().await;
        after.into_iter().for_each(|after| watch.compact_after(after));
        watch
    };
    let mut watch = open().await;
    for n in 0..120_usize {
        let kind = if n % 3 == 0 { "token" } else { "sign_in" };
        let seconds = i64::try_from(n * 7).expect("a small number");
        post.feed.fails(kind, &format!("192.0.2.{}", n * n % 11), seconds);
        watch.turn().await.expect("a turn");
        if n % every == every - 1 {
            // Dropped as a killed process drops it: whatever it was doing besides is cut off or goes on, nobody waits for it.
            watch = open().await;
        }
    }
    settle(&mut watch).await;
    watch.compacted().await;
    (post.alerts().await, state(&post).await)
}

#[tokio::test]
async fn restarts_and_compactions_at_any_time_change_no_alert() {
    let (expected, undisturbed) = story(usize::MAX, None).await;
    assert!(expected.len() > 8, "{expected:#?}");
    assert_eq!(undisturbed.base, 0);
    for every in [1, 2, 7, 40] {
        let (found, kept) = story(every, Some(AT_ONCE)).await;
        assert_eq!(found, expected, "a restart after each {every}");
        assert!(
            kept.base > 0 || every == 1,
            "a compaction has ended: {}",
            kept.base
        );
    }
    let (found, kept) = story(usize::MAX, Some(AT_ONCE)).await;
    assert_eq!(found, expected);
    assert!(kept.base > 100, "{}", kept.base);
    assert!(kept.deltas.len() < 10, "{}", kept.deltas.len());
}

#[tokio::test]
async fn after_a_failed_commit_detectors_and_sources_stand_where_the_database_does() {
    let post = Post::open().await;
    post.folder.hold([brute_force("sign_in", 3)]);
    let (mut first, mut second) = (post.watch().await, post.watch().await);
    post.feed.fails("sign_in", "192.0.2.1", 0);
    post.feed.fails("sign_in", "192.0.2.1", 1);
    // As when a commit reaches the database and its answer does not come back: what it wrote is there, and the writer does not know.
    settle(&mut second).await;
    let fault = first
        .turn()
        .await
        .expect_err("this checkpoint is written already");
    assert!(fault.to_string().contains("database"), "{fault}");
    let committed = state(&post).await;
    settle(&mut first).await;
    assert_eq!(
        state(&post).await,
        committed,
        "it goes on from there, and reads nothing twice"
    );
    assert!(post.alerts().await.is_empty());
    post.feed.fails("sign_in", "192.0.2.1", 2);
    settle(&mut first).await;
    let alerts = post.alerts().await;
    assert_eq!(alerts.iter().map(|alert| alert.1).collect::<Vec<_>>(), [3]);
}

#[tokio::test]
async fn the_board_shares_the_texts_of_rules_and_renews_the_figures() {
    let post = Post::open().await;
    post.folder.hold([brute_force("sign_in", 3)]);
    let mut watch = post.watch().await;
    let board = watch.board();
    let before = board.snapshot();
    post.feed.fails("sign_in", "192.0.2.1", 0);
    settle(&mut watch).await;
    let after = board.snapshot();
    assert!(std::sync::Arc::ptr_eq(&before.rules, &after.rules));
    let judged = |shown: &watchkeeper_respond::workers::watch::BoardSnapshot| {
        shown
            .detectors()
            .map(|(_, activity)| activity.judged)
            .sum::<u64>()
    };
    assert_eq!(judged(&before), 0);
    assert!(judged(&after) > 0);
}

#[tokio::test]
async fn the_board_says_which_rules_wait_for_fields_that_never_come() {
    use watchkeeper_collect::parse::{Format, Interpretation};
    use watchkeeper_detect::{RuleFile, Satisfiable};
    use watchkeeper_domain::event::SourceName;
    let post = Post::open().await;
    let rule = |id: &str, product: &str, field: &str| {
        RuleFile::new(
            format!("{id}.yml"),
            format!(
                "title: {id}\nid: {id}\nlogsource: {{product: {product}}}\ndetection: {{s: {{{field}: 1}}, condition: s}}\n"
            ),
        )
    };
    post.folder.hold([
        brute_force("sign_in", 200),
        rule("waits", "app", "gone"),
        rule("nobody", "other", "kind"),
    ]);
    let mut app = Interpretation {
        format: Format::Json,
        ..Interpretation::default()
    };
    app.log_source.product = Some("app".to_owned());
    let sources = [(SourceName("feed".to_owned()), app)];
    let mut watch = post.watch().await.expecting(sources.into());
    let board = watch.board();
    let of = |id: &str| {
        board
            .snapshot()
            .coverage_of(id)
            .expect("a rule that runs")
            .clone()
    };
    assert_eq!(of("waits").satisfiable, Satisfiable::Unknown);
    assert_eq!(of("nobody").satisfiable, Satisfiable::NoLogSource);
    for second in 0..100 {
        post.feed.fails("sign_in", "192.0.2.1", second);
    }
    settle(&mut watch).await;
    assert_eq!(of("sign_in").satisfiable, Satisfiable::Yes);
    let waits = of("waits");
    assert_eq!(
        (waits.satisfiable, waits.events),
        (Satisfiable::FieldsUnseen, 100)
    );
    assert_eq!(waits.unseen_fields, ["gone"]);
    let shown = board.snapshot();
    let own = &shown.sources[&SourceName("feed".to_owned())];
    let counts = [
        Satisfiable::Yes,
        Satisfiable::FieldsUnseen,
        Satisfiable::NoLogSource,
    ];
    assert_eq!(counts.map(|answer| own.count(answer)), [2, 1, 1], "{own:?}");
    assert_eq!(
        [0, 1, 2, 3].map(|place| own.is_judged_by(place)),
        [true, true, true, false]
    );
}
