//! Deliveries: one message to one recipient each, with its proof.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_deliver::{Message, parse_received};
use watchkeeper_domain::delivery::{About, Delivery};
use watchkeeper_domain::id::{CustomerId, DeliveryId, NoticeId};
use watchkeeper_domain::notice::NoticeKind;
use watchkeeper_store::{KeptReport, StoreError, Transcript, Tx};

/// A delivery, with names.
#[derive(Debug, Serialize)]
pub(crate) struct DeliveryView {
    #[serde(flatten)]
    delivery: Delivery,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice_kind: Option<NoticeKind>,
}

/// Deliveries with names, in the same order.
pub(crate) async fn delivery_views(
    tx: &mut Tx,
    deliveries: Vec<Delivery>,
) -> Result<Vec<DeliveryView>, StoreError> {
    let (mut notices, mut customers) = (BTreeSet::new(), BTreeSet::new());
    for delivery in &deliveries {
        if let About::Letter { notice, customer, .. } = &delivery.about {
            notices.insert(notice.clone());
            customers.insert(customer.clone());
        } else if let About::Asking { customer, .. } = &delivery.about {
            customers.insert(customer.clone());
        }
    }
    let mut kinds: BTreeMap<NoticeId, NoticeKind> = BTreeMap::new();
    for notice in notices {
        if let Some(found) = tx.notice_opt(&notice).await? {
            kinds.insert(notice, found.kind);
        }
    }
    let customers = tx
        .customers_by_ids(&customers.into_iter().collect::<Vec<_>>())
        .await?;
    let names: BTreeMap<CustomerId, String> = customers.into_iter().map(|c| (c.id, c.name)).collect();
    let view = |delivery: Delivery| {
        let (customer_name, notice_kind) = match &delivery.about {
            About::Letter { customer, notice, .. } => {
                (names.get(customer).cloned(), kinds.get(notice).copied())
            }
            About::Asking { customer, .. } => (names.get(customer).cloned(), None),
            About::Page { .. }
            | About::HousePage { .. }
            | About::DryRun { .. }
            | About::Checkpoint { .. } => (None, None),
        };
        DeliveryView {
            delivery,
            customer_name,
            notice_kind,
        }
    };
    Ok(deliveries.into_iter().map(view).collect())
}

/// A delivery with every attempt and the message as it was frozen.
#[derive(Debug, Serialize)]
pub(crate) struct DeliveryDetail {
    #[serde(flatten)]
    view: DeliveryView,
    transcripts: Vec<Transcript>,
    reports: Vec<ReportView>,
    /// None where the message was erased.
    message: Option<String>,
}

/// What a mail server reported, with the message as it came.
#[derive(Debug, Serialize)]
struct ReportView {
    #[serde(flatten)]
    kept: KeptReport,
    raw: String,
}

/// One delivery in full.
pub(crate) async fn delivery_detail(
    tx: &mut Tx,
    id: &DeliveryId,
    message: Option<&Message>,
) -> Result<DeliveryDetail, StoreError> {
    let delivery = tx.delivery(id).await?;
    let view = delivery_views(tx, vec![delivery]).await?.pop();
    let view = view.ok_or_else(|| StoreError::NotFound {
        what: "delivery",
        id: id.to_string(),
    })?;
    let message = message.map(|message| match message {
        Message::Mail(mail) => shown_mail(&mail.bytes),
        Message::Topic(topic) => format!("Subject: {}\r\n\r\n{}", topic.subject, without_links(&topic.text)),
    });
    let reports = tx.reports_of(id).await?.into_iter().map(|kept| ReportView {
        // A report may bring our own message back, a page's signed link in it.
        raw: shown_mail(&kept.raw),
        kept,
    });
    Ok(DeliveryDetail {
        view,
        reports: reports.collect(),
        transcripts: tx.transcripts(id).await?,
        message,
    })
}

/// A mail as it was sent, with the secrets of signed links left out. Where a part's encoding keeps one from being found, the headers
/// and the decoded text are shown instead.
fn shown_mail(bytes: &[u8]) -> String {
    let raw = String::from_utf8_lossy(bytes);
    let shown = without_links(&raw);
    if !leaks(&shown) {
        return shown;
    }
    let headers = raw.split("\r\n\r\n").next().unwrap_or_default();
    let text = parse_received(bytes)
        .ok()
        .and_then(|mail| mail.text)
        .unwrap_or_default();
    format!("{headers}\r\n\r\n{}", without_links(&text))
}

/// Whether a reader of the mail would still find the secret of a signed link.
fn leaks(mail: &str) -> bool {
    let Ok(mail) = parse_received(mail.as_bytes()) else {
        return false;
    };
    let parts = [mail.text, mail.html];
    let mut links = parts
        .iter()
        .flatten()
        .flat_map(|part| part.split("/ack/").skip(1));
    links.any(|after| !after.starts_with("(hidden"))
}

/// What stands in place of the secret of a signed link.
const HIDDEN: &str = "(hidden: whoever has this link answers as its recipient)";

/// A message with the secrets of signed links left out: whoever may read it must not be able to answer in somebody else's name. A
/// line that was wrapped by quoted-printable ends in `=`; what follows it belongs to the secret too.
fn without_links(message: &str) -> String {
    let mut shown = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = rest.find("/ack/") {
        let (before, secret) = rest.split_at(at + "/ack/".len());
        shown.push_str(before);
        shown.push_str(HIDDEN);
        rest = after_secret(secret);
    }
    shown.push_str(rest);
    shown
}

fn after_secret(text: &str) -> &str {
    let mut rest = text;
    loop {
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || "-_.=".contains(c)))
            .unwrap_or(rest.len());
        let wrapped = rest[..end].ends_with('=');
        let after = &rest[end..];
        let next_line = after.strip_prefix("\r\n").or_else(|| after.strip_prefix('\n'));
        match next_line.filter(|_| wrapped) {
            Some(line) => rest = line,
            None => return after,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_inside_an_encoded_part_is_not_shown_either() {
        // "https://w.example/ack/secret" in base64, and one whose path is cut by a soft line break.
        let head = "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ";
        for (encoding, body) in [
            ("base64", "aHR0cHM6Ly93LmV4YW1wbGUvYWNrL3NlY3JldA==\r\n"),
            ("quoted-printable", "https://w.example/a=\r\nck/secret\r\n"),
        ] {
            let shown = shown_mail(format!("{head}{encoding}\r\n\r\n{body}").as_bytes());
            assert!(
                shown.starts_with("Subject: x") && shown.contains(HIDDEN),
                "{shown}"
            );
            assert!(
                !shown.contains("secret\r") && !shown.contains("c2VjcmV0") && !shown.contains("NlY3JldA"),
                "{shown}"
            );
        }
    }

    #[test]
    fn the_secret_of_a_signed_link_is_not_shown() {
        let message = "Answer: https://w.example/ack/YWNr.aaaa-_bb\r\n\r\nOr: http://w.example/ack/YWNr=\r\nLmJi.cc=\r\ndd\r\nThe end /ack/x";
        let shown = without_links(message);
        assert_eq!(
            shown,
            format!(
                "Answer: https://w.example/ack/{HIDDEN}\r\n\r\nOr: http://w.example/ack/{HIDDEN}\r\nThe end /ack/{HIDDEN}"
            )
        );
    }
}
