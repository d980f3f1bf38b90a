//! Which addresses SES keeps from being sent to: what bounced or complained once is on the account's suppression list, and mail to it is
//! taken and goes nowhere.

use super::SesChannel;
use crate::aws::describe;
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;

/// How many pages of a thousand addresses are read.
const MOST_PAGES: usize = 500;

/// How many addresses a page has (SES API v2, ListSuppressedDestinations).
const PAGE: i32 = 1_000;

/// An address that SES sends nothing to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppressed {
    /// The address, as it was asked for.
    pub address: String,
    /// Why, in SES's word: `BOUNCE` or `COMPLAINT`.
    pub reason: String,
    /// Since when.
    pub since: Option<DateTime<Utc>>,
}

/// The suppression list could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the suppression list of SES cannot be read: {0}")]
pub struct SuppressionError(String);

impl SesChannel {
    /// Which of these addresses are on the account's suppression list, in their order, each once. Case makes no difference, as for SES.
    ///
    /// # Errors
    /// When SES does not answer, or the list is longer than is read.
    pub async fn suppressed(&self, addresses: &[String]) -> Result<Vec<Suppressed>, SuppressionError> {
        let wanted: BTreeSet<String> = addresses.iter().map(|address| address.to_lowercase()).collect();
        let mut found: Vec<Suppressed> = Vec::new();
        let mut next = None;
        for _ in 0..MOST_PAGES {
            if wanted.is_empty() {
                return Ok(Vec::new());
            }
            let request = self.client.list_suppressed_destinations().page_size(PAGE);
            let page = request.set_next_token(next).send().await;
            let page = page.map_err(|error| SuppressionError(crate::one_line(&describe(&error))))?;
            for entry in page.suppressed_destination_summaries() {
                let address = entry.email_address().to_lowercase();
                if wanted.contains(&address) {
                    let since = entry.last_update_time();
                    found.push(Suppressed {
                        address,
                        reason: entry.reason().as_str().to_owned(),
                        since: DateTime::from_timestamp(since.secs(), since.subsec_nanos()),
                    });
                }
            }
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(in_order(addresses, &found));
            }
        }
        Err(SuppressionError(format!(
            "it has more than {MOST_PAGES} pages of {PAGE} addresses"
        )))
    }
}

fn in_order(addresses: &[String], found: &[Suppressed]) -> Vec<Suppressed> {
    let mut seen = BTreeSet::new();
    let once = addresses
        .iter()
        .filter(|address| seen.insert(address.to_lowercase()));
    once.filter_map(|address| {
        let entry = found
            .iter()
            .find(|entry| entry.address == address.to_lowercase())?;
        Some(Suppressed {
            address: address.clone(),
            ..entry.clone()
        })
    })
    .collect()
}
