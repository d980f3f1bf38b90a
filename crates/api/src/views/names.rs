//! Names in place of ids. Records hold ids alone, so that a name can change or be forgotten; people read names.

use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::id::{CustomerId, UserId};
use watchkeeper_respond::workers::watch::Board;
use watchkeeper_store::{StoreError, Tx};

/// The titles of detectors by id.
pub(crate) type Titles = BTreeMap<String, String>;

/// The titles of the detectors that run.
pub(crate) fn titles(board: &Board) -> Titles {
    board
        .snapshot()
        .rules
        .detectors
        .iter()
        .map(|info| (info.id.clone(), info.title.clone()))
        .collect()
}

/// Names of people, customers and detectors.
pub(crate) struct Names {
    by_id: BTreeMap<String, String>,
    titles: Titles,
}

impl Names {
    /// The names of everybody with an account.
    pub(crate) async fn of_people(tx: &mut Tx, titles: Titles) -> Result<Self, StoreError> {
        let by_id = tx
            .users()
            .await?
            .into_iter()
            .map(|user| (user.id.to_string(), user.name))
            .collect();
        Ok(Self { by_id, titles })
    }

    /// The names of everybody with an account, and of the customers that these texts mention.
    pub(crate) async fn in_texts(
        tx: &mut Tx,
        titles: Titles,
        texts: impl Iterator<Item = &str> + Send,
    ) -> Result<Self, StoreError> {
        let mentioned: BTreeSet<CustomerId> = texts
            .flat_map(ids)
            .filter_map(|(_, id)| id.parse().ok())
            .collect();
        let mut names = Self::of_people(tx, titles).await?;
        let customers = tx
            .customers_by_ids(&mentioned.into_iter().collect::<Vec<_>>())
            .await?;
        names.by_id.extend(
            customers
                .into_iter()
                .map(|customer| (customer.id.to_string(), customer.name)),
        );
        Ok(names)
    }

    /// A text with names in place of the ids that are known.
    pub(crate) fn put_into(&self, text: &str) -> String {
        let mut named = String::with_capacity(text.len());
        let mut copied = 0;
        for (at, id) in ids(text) {
            if let Some(name) = self.by_id.get(id) {
                named.push_str(&text[copied..at]);
                named.push_str(name);
                copied = at + id.len();
            }
        }
        named.push_str(&text[copied..]);
        named
    }

    /// Who it was, for people.
    pub(crate) fn of(&self, actor: &Actor) -> String {
        match actor {
            Actor::Person { user } => self
                .by_id
                .get(user.as_str())
                .cloned()
                .unwrap_or_else(|| "somebody".to_owned()),
            Actor::Detector { detector } => self.titles.get(detector).unwrap_or(detector).clone(),
            Actor::Worker { worker } => format!("Watchkeeper ({})", worker.replace('_', " ")),
            Actor::Operator => "operator at the command line".to_owned(),
        }
    }
}

/// The ids of people and customers in a text, each with its place.
fn ids(text: &str) -> Vec<(usize, &str)> {
    let mut found: Vec<(usize, &str)> = Vec::new();
    for prefix in [UserId::PREFIX, CustomerId::PREFIX] {
        for (at, _) in text.match_indices(prefix) {
            let rest = &text[at + prefix.len()..];
            let length = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
            found.push((at, &text[at..at + prefix.len() + length]));
        }
    }
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_names_where_they_are_known() {
        let (ann, acme) = (UserId::derived(&["ann"]), CustomerId::derived(&["acme"]));
        let by_id = [
            (ann.to_string(), "Ann".to_owned()),
            (acme.to_string(), "Äcme".to_owned()),
        ]
        .into();
        let names = Names {
            by_id,
            titles: Titles::new(),
        };
        let stranger = UserId::derived(&["stranger"]);
        let text = format!("{acme} is cleared: {ann}, after {stranger}; usr_ and cus_ü stay; {ann}");
        assert_eq!(
            names.put_into(&text),
            format!("Äcme is cleared: Ann, after {stranger}; usr_ and cus_ü stay; Ann")
        );
    }
}
