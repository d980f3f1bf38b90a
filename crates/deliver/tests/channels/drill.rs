//! The lock before every channel: what belongs to a drill goes to whom drills may reach, and nobody else is even connected to.

use crate::support::{Counting, channel, key, limits, mail};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::Arc;
use watchkeeper_deliver::{
    AwsAccess, Channel, DrillGuard, Message, SendError, SesChannel, SesConfig, SnsChannel, TopicMessage,
};
use watchkeeper_domain::drill::DrillReach;

const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:drill";

fn reach() -> DrillReach {
    let mut reach = DrillReach::default();
    for entry in ["@company.example", TOPIC] {
        reach.allow(entry).unwrap();
    }
    reach
}

fn to(address: &str, drill: bool) -> Message {
    match mail(b"Subject: [DRILL]\r\n\r\nx\r\n") {
        Message::Mail(mail) => Message::Mail(watchkeeper_deliver::Mail {
            to: address.to_owned(),
            drill,
            ..mail
        }),
        other => other,
    }
}

fn topic(arn: &str, drill: bool) -> Message {
    Message::Topic(TopicMessage {
        topic_arn: arn.to_owned(),
        subject: "[DRILL] SEV1".to_owned(),
        text: "x".to_owned(),
        drill,
    })
}

async fn sns(port: u16) -> SnsChannel {
    let config = AwsAccess {
        endpoint_url: Some(format!("http://127.0.0.1:{port}")),
        timeout: std::time::Duration::from_millis(300),
        ..AwsAccess::in_region("eu-central-1")
    };
    let keys = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    SnsChannel::new(&config, Some(SharedCredentialsProvider::new(keys)))
        .await
        .unwrap()
}

async fn ses(port: u16) -> SesChannel {
    let config = SesConfig {
        configuration_set: None,
        topics: Vec::new(),
        access: AwsAccess {
            endpoint_url: Some(format!("http://127.0.0.1:{port}")),
            timeout: std::time::Duration::from_millis(300),
            ..AwsAccess::in_region("eu-central-1")
        },
    };
    let keys = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    SesChannel::new(&config, Some(SharedCredentialsProvider::new(keys)))
        .await
        .unwrap()
}

/// Somebody who listens and never answers.
fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn was_connected_to(listener: &TcpListener) -> bool {
    match listener.accept() {
        Ok(_) => true,
        Err(fault) if fault.kind() == ErrorKind::WouldBlock => false,
        Err(fault) => panic!("{fault}"),
    }
}

/// Every channel there is, with a message of a drill to somebody outside.
async fn every_channel(port: u16) -> Vec<(Arc<dyn Channel>, Message)> {
    vec![
        (
            Arc::new(channel(port, limits())),
            to("security@customer.example", true),
        ),
        (Arc::new(ses(port).await), to("security@customer.example", true)),
        (
            Arc::new(sns(port).await),
            topic("arn:aws:sns:eu-central-1:123456789012:everybody", true),
        ),
    ]
}

#[tokio::test]
async fn no_channel_connects_for_a_drill_to_somebody_outside() {
    let (listener, port) = listener();
    for (channel, message) in every_channel(port).await {
        let stage = Counting::default();
        let guarded = DrillGuard::before(channel, reach());
        let refused = guarded.send(&message, &key(), &stage).await;
        let Err(SendError::Refused { reason, transcript }) = refused else {
            panic!("{refused:?}");
        };
        assert!(reason.contains("outside of [drill] reach"), "{reason}");
        assert!(transcript.is_empty());
        assert_eq!(stage.count(), 0, "the content was about to be sent");
        assert!(!was_connected_to(&listener), "{message:?}");
    }
}

#[tokio::test]
async fn the_same_channels_connect_without_the_lock() {
    let (listener, port) = listener();
    for (channel, message) in every_channel(port).await {
        let key = key();
        let attempt = channel.send(&message, &key, &());
        let waited = tokio::time::timeout(std::time::Duration::from_secs(2), attempt).await;
        assert!(was_connected_to(&listener), "{message:?}: {waited:?}");
    }
}

#[tokio::test]
async fn a_drill_within_reach_and_everything_that_is_no_drill_goes_through() {
    let reached: [(Message, bool); 4] = [
        (to("ada@company.example", true), true),
        (to("security@customer.example", false), true),
        (topic(TOPIC, true), false),
        (
            topic("arn:aws:sns:eu-central-1:123456789012:everybody", false),
            false,
        ),
    ];
    for (message, by_mail) in reached {
        let (listener, port) = listener();
        let channel: Arc<dyn Channel> = if by_mail {
            Arc::new(channel(port, limits()))
        } else {
            Arc::new(sns(port).await)
        };
        let guarded = DrillGuard::before(channel, reach());
        let stage = Counting::default();
        let _ = tokio::time::timeout(
            std::time::Duration::from_secs(2),
            guarded.send(&message, &key(), &stage),
        )
        .await;
        assert!(was_connected_to(&listener), "{message:?}");
    }
}
