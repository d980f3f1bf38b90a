//! Every stage of an SMTP conversation against every way it can go wrong, over real sockets.

use crate::support::{Counting, channel, key, limits, mail};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use watchkeeper_deliver::{
    Channel, Message, SendError, SmtpChannel, SmtpConfig, SmtpLimits, StageError, StageRecorder,
};
use watchkeeper_testbed::smtp::{Act, SmtpServer, Stage};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Accepted,
    Retry,
    Refused,
    Ambiguous,
}

fn outcome<T>(result: &Result<T, SendError>) -> Outcome {
    match result {
        Ok(_) => Outcome::Accepted,
        Err(SendError::Retry { .. }) => Outcome::Retry,
        Err(SendError::Refused { .. }) => Outcome::Refused,
        Err(SendError::Ambiguous { .. }) => Outcome::Ambiguous,
    }
}

const STAGES: [Stage; 6] = [
    Stage::Connect,
    Stage::Ehlo,
    Stage::Mail,
    Stage::Rcpt,
    Stage::Data,
    Stage::Dot,
];

/// Sends one mail to a server that does `act` at `stage`; tells the outcome and how often the content was about to be sent.
async fn attempt(
    stage: Stage,
    act: Act,
    limits: SmtpLimits,
) -> (Result<watchkeeper_deliver::Receipt, SendError>, usize) {
    let server = SmtpServer::start().await.unwrap();
    server.script(stage, act);
    let entered = Counting::default();
    let result = channel(server.port(), limits)
        .send(&mail(b"Subject: x\r\n\r\nhello\r\n"), &key(), &entered)
        .await;
    assert_eq!(
        outcome(&result) == Outcome::Accepted,
        server.accepted() == 1,
        "{stage:?}: {result:?}"
    );
    (result, entered.count())
}

#[tokio::test]
async fn a_4xx_at_any_stage_means_the_mail_is_tried_again() {
    for stage in STAGES {
        let (result, _) = attempt(stage, Act::reply("451 4.7.1 greylisted"), limits()).await;
        assert_eq!(outcome(&result), Outcome::Retry, "{stage:?}: {result:?}");
        let error = result.unwrap_err();
        assert!(
            error.reason().contains("451 4.7.1 greylisted"),
            "{stage:?}: {}",
            error.reason()
        );
    }
}

#[tokio::test]
async fn a_5xx_refuses_the_mail_only_where_the_relay_knows_the_mail() {
    for stage in STAGES {
        let (result, _) = attempt(stage, Act::reply("550 5.1.1 no such person"), limits()).await;
        let expected = if stage < Stage::Mail {
            Outcome::Retry
        } else {
            Outcome::Refused
        };
        assert_eq!(outcome(&result), expected, "{stage:?}: {result:?}");
        let error = result.unwrap_err();
        assert!(
            error.reason().contains("550 5.1.1 no such person"),
            "{stage:?}: {}",
            error.reason()
        );
        if stage < Stage::Mail {
            assert!(
                error.reason().contains("refuses this client"),
                "{}",
                error.reason()
            );
        }
    }
}

#[tokio::test]
async fn a_dropped_connection_is_ambiguous_only_after_the_final_dot() {
    for stage in STAGES {
        let (result, _) = attempt(stage, Act::Drop, limits()).await;
        let expected = if stage == Stage::Dot {
            Outcome::Ambiguous
        } else {
            Outcome::Retry
        };
        assert_eq!(outcome(&result), expected, "{stage:?}: {result:?}");
    }
}

#[tokio::test]
async fn silence_ends_after_the_limit_of_its_stage_and_is_ambiguous_only_after_the_final_dot() {
    let short = Duration::from_millis(150);
    for stage in STAGES {
        let mut limits = limits();
        match stage {
            Stage::Connect | Stage::Ehlo => {
                limits.connect = short;
                limits.greeting = short;
            }
            Stage::Data => limits.data = short,
            Stage::Dot => limits.final_dot = short,
            _ => limits.command = short,
        }
        let began = Instant::now();
        let (result, _) = attempt(stage, Act::Stall, limits).await;
        let expected = if stage == Stage::Dot {
            Outcome::Ambiguous
        } else {
            Outcome::Retry
        };
        assert_eq!(outcome(&result), expected, "{stage:?}: {result:?}");
        assert!(began.elapsed() >= short, "{stage:?} did not wait");
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{stage:?} waited for another stage's limit"
        );
        assert!(result.unwrap_err().reason().contains("no answer"), "{stage:?}");
    }
}

#[tokio::test]
async fn the_second_ehlo_is_judged_like_the_first() {
    for (act, expected) in [
        (Act::reply("421 4.3.2 closing"), Outcome::Retry),
        (Act::reply("550 5.7.1 not you"), Outcome::Retry),
        (Act::reply("354 what"), Outcome::Retry),
        (Act::Drop, Outcome::Retry),
    ] {
        let server = SmtpServer::start().await.unwrap();
        server.script_once(Stage::Ehlo, Act::reply("250 testbed"));
        server.script_once(Stage::Ehlo, act.clone());
        let result = channel(server.port(), limits())
            .send(&mail(b"A: b\r\n\r\n"), &key(), &())
            .await;
        assert_eq!(outcome(&result), expected, "{act:?}: {result:?}");
        assert_eq!(server.accepted(), 0);
    }
}

#[tokio::test]
async fn a_354_followed_by_a_550_is_refused_and_never_counts_as_sent() {
    let server = SmtpServer::start().await.unwrap();
    server.script(Stage::Dot, Act::reply("550 5.7.1 content rejected"));
    let result = channel(server.port(), limits())
        .send(&mail(b"A: b\r\n\r\nx\r\n"), &key(), &())
        .await;
    assert_eq!(outcome(&result), Outcome::Refused, "{result:?}");
    let transcript = result.unwrap_err().transcript().join("\n");
    assert!(
        transcript.contains("S: 354 go on") && transcript.contains("S: 550 5.7.1 content rejected"),
        "{transcript}"
    );
}

#[tokio::test]
async fn an_answer_to_the_final_dot_that_is_neither_yes_nor_no_is_ambiguous() {
    for odd in ["354 go on", "334 more", "hello", "99", "250-half\r\n551 other"] {
        let (result, _) = attempt_dot(odd).await;
        assert_eq!(result, Outcome::Ambiguous, "{odd}");
    }
}

async fn attempt_dot(odd: &str) -> (Outcome, usize) {
    let server = SmtpServer::start().await.unwrap();
    server.script(Stage::Dot, Act::reply(odd));
    let entered = Counting::default();
    let mut limits = limits();
    limits.final_dot = Duration::from_millis(300);
    let result = channel(server.port(), limits)
        .send(&mail(b"A: b\r\n\r\nx\r\n"), &key(), &entered)
        .await;
    (outcome(&result), entered.count())
}

#[tokio::test]
async fn anything_but_354_to_data_sends_no_content() {
    for odd in ["250 ok", "334 more", "251 ok"] {
        let (result, entered) = attempt(Stage::Data, Act::reply(odd), limits()).await;
        assert_eq!(outcome(&result), Outcome::Retry, "{odd}: {result:?}");
        assert_eq!(entered, 0, "{odd}: the content was about to be sent");
    }
}

#[tokio::test]
async fn a_3xx_to_mail_or_rcpt_is_not_taken_for_a_yes() {
    for stage in [Stage::Mail, Stage::Rcpt] {
        let (result, entered) = attempt(stage, Act::reply("354 out of step"), limits()).await;
        assert_eq!(outcome(&result), Outcome::Retry, "{stage:?}: {result:?}");
        assert_eq!(entered, 0);
    }
}

#[tokio::test]
async fn a_mail_that_was_accepted_while_the_connection_broke_is_ambiguous() {
    let server = SmtpServer::start().await.unwrap();
    server.script(Stage::Dot, Act::AcceptThenDrop);
    let result = channel(server.port(), limits())
        .send(&mail(b"A: b\r\n\r\nx\r\n"), &key(), &())
        .await;
    assert_eq!(outcome(&result), Outcome::Ambiguous, "{result:?}");
    assert_eq!(
        server.accepted(),
        1,
        "this is the case in which a repetition is a duplicate"
    );
}

/// A content that no socket buffer holds, so that the other side decides how much of it leaves.
fn large() -> Message {
    let mut bytes = b"Subject: large\r\n\r\n".to_vec();
    for _ in 0..400_000 {
        bytes
            .extend_from_slice(b"0123456789012345678901234567890123456789012345678901234567890123456789\r\n");
    }
    mail(&bytes)
}

#[tokio::test]
async fn a_connection_lost_before_the_final_dot_is_tried_again_without_suspicion() {
    let server = SmtpServer::start().await.unwrap();
    server.offer(&["8BITMIME"]);
    server.script(Stage::Content, Act::Drop);
    let entered = Counting::default();
    let result = channel(server.port(), limits())
        .send(&large(), &key(), &entered)
        .await;
    assert_eq!(outcome(&result), Outcome::Retry, "{result:?}");
    assert_eq!((entered.count(), server.accepted()), (1, 0));
    assert!(result.unwrap_err().reason().contains("the content"));
}

#[tokio::test]
async fn a_relay_that_stops_reading_the_content_is_tried_again_without_suspicion() {
    let server = SmtpServer::start().await.unwrap();
    server.offer(&["8BITMIME"]);
    server.script(Stage::Content, Act::Stall);
    let mut limits = limits();
    limits.content = Duration::from_millis(300);
    let result = channel(server.port(), limits).send(&large(), &key(), &()).await;
    assert_eq!(outcome(&result), Outcome::Retry, "{result:?}");
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn nobody_listening_is_tried_again() {
    let port = {
        let server = SmtpServer::start().await.unwrap();
        server.port()
    };
    // The port may linger for a moment after its server is gone; a refused and a reset connection mean the same.
    let result = channel(port, limits())
        .send(&mail(b"A: b\r\n\r\n"), &key(), &())
        .await;
    assert_eq!(outcome(&result), Outcome::Retry, "{result:?}");
}

#[tokio::test]
async fn every_message_has_a_connection_of_its_own_so_no_answer_is_credited_to_another() {
    let server = SmtpServer::start().await.unwrap();
    let mut slow = limits();
    slow.final_dot = Duration::from_millis(150);
    let channel = channel(server.port(), slow);
    server.script_once(Stage::Dot, Act::Stall);
    server.script_once(Stage::Dot, Act::reply("550 5.7.1 rejected"));
    let first = channel.send(&mail(b"A: 1\r\n\r\n1\r\n"), &key(), &()).await;
    let second = channel.send(&mail(b"A: 2\r\n\r\n2\r\n"), &key(), &()).await;
    let third = channel.send(&mail(b"A: 3\r\n\r\n3\r\n"), &key(), &()).await;
    let outcomes = [outcome(&first), outcome(&second), outcome(&third)];
    assert_eq!(
        outcomes,
        [Outcome::Ambiguous, Outcome::Refused, Outcome::Accepted]
    );
    assert_eq!(server.connections(), 3);
    assert!(third.unwrap().answer.ends_with("queued as 3"));
}

#[tokio::test]
async fn a_send_that_is_abandoned_after_the_final_dot_leaves_nothing_behind_for_the_next() {
    let server = SmtpServer::start().await.unwrap();
    let channel = channel(server.port(), limits());
    server.script_once(Stage::Dot, Act::Stall);
    let first = mail(b"A: 1\r\n\r\n1\r\n");
    let abandoned = tokio::time::timeout(Duration::from_millis(300), channel.send(&first, &key(), &())).await;
    assert!(abandoned.is_err());
    server.script_once(Stage::Dot, Act::reply("550 5.7.1 rejected"));
    let second = channel.send(&mail(b"A: 2\r\n\r\n2\r\n"), &key(), &()).await;
    assert_eq!(outcome(&second), Outcome::Refused, "{second:?}");
}

struct Failing;

#[async_trait::async_trait]
impl StageRecorder for Failing {
    async fn entering_data(&self) -> Result<(), StageError> {
        Err(StageError("the lease was lost".to_owned()))
    }
}

#[tokio::test]
async fn no_content_leaves_when_the_stage_cannot_be_committed() {
    let server = SmtpServer::start().await.unwrap();
    let contents = std::sync::Arc::new(AtomicUsize::new(0));
    let seen = std::sync::Arc::clone(&contents);
    server.on_stage(move |stage, _| {
        if stage >= Stage::Content {
            seen.fetch_add(1, Ordering::SeqCst);
        }
    });
    let result = channel(server.port(), limits())
        .send(&mail(b"A: b\r\n\r\nx\r\n"), &key(), &Failing)
        .await;
    assert_eq!(outcome(&result), Outcome::Retry, "{result:?}");
    assert!(result.unwrap_err().reason().contains("the lease was lost"));
    assert_eq!((server.accepted(), contents.load(Ordering::SeqCst)), (0, 0));
}

#[tokio::test]
async fn the_stage_is_committed_after_354_and_before_the_first_byte_of_content() {
    let server = SmtpServer::start().await.unwrap();
    let order = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&order);
    server.on_stage(move |stage, _| seen.lock().unwrap().push(format!("{stage:?}")));
    let recorder = Noting(std::sync::Arc::clone(&order));
    channel(server.port(), limits())
        .send(&mail(b"A: b\r\n\r\nx\r\n"), &key(), &recorder)
        .await
        .unwrap();
    let order = order.lock().unwrap().join(" ");
    assert!(order.ends_with("Data committed Content Dot"), "{order}");
}

struct Noting(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

#[async_trait::async_trait]
impl StageRecorder for Noting {
    async fn entering_data(&self) -> Result<(), StageError> {
        self.0.lock().unwrap().push("committed".to_owned());
        Ok(())
    }
}

#[tokio::test]
async fn a_relay_without_starttls_gets_no_mail_when_encryption_is_required() {
    let server = SmtpServer::start().await.unwrap();
    let mut config = SmtpConfig::loopback(server.port());
    config.host = "localhost".to_owned();
    config.tls = watchkeeper_deliver::Tls::Required;
    config.limits = limits();
    let result = SmtpChannel::new(config)
        .unwrap()
        .send(&mail(b"A: b\r\n\r\nx\r\n"), &key(), &())
        .await;
    assert_eq!(outcome(&result), Outcome::Retry, "{result:?}");
    assert!(result.unwrap_err().reason().contains("STARTTLS"));
    assert!(
        !server.commands().iter().any(|line| line.starts_with("MAIL")),
        "{:?}",
        server.commands()
    );
}
