//! Who hears of a decision on a disclosure: not whoever takes it, and where a role is vacant whoever stands in.

use super::*;
use watchkeeper_respond::operations::breach::Confirmed;
use watchkeeper_respond::operations::foresee::Decision;

async fn who_confirms_is_not_paged_and_whoever_stands_in_is(place: Place) {
    let mut house = after_the_theft(place).await;
    let id = house.incident().await.id;
    let ines = house.actor(INES).await;
    let now = Confirmed::default();
    let foreseen = house
        .desk()
        .foresee(&id, Decision::Confirm, now, &ines)
        .await
        .expect("foreseen");
    assert_eq!(
        foreseen.customers.len(),
        VICTIMS.len(),
        "also those whom only the evidence names"
    );
    assert!(
        house.incident().await.affected.is_empty(),
        "nothing of it is kept"
    );
    let vacant: Vec<(&str, bool)> = foreseen
        .pages
        .iter()
        .map(|page| (page.capacity, page.vacant))
        .collect();
    assert_eq!(vacant, [("counsel", true), ("commander", true)]);

    let why = "the stolen key downloaded files of seven customers";
    let incident = house
        .desk()
        .confirm_disclosure(&id, None, why, None, &ines)
        .await
        .expect("confirmed");
    house.settle().await;
    let all = house.deliveries(&incident).await;
    let pages = all
        .iter()
        .filter(|d| pages_for(d, |reason| *reason == PageReason::DisclosureConfirmed));
    // Tomás is on call and stands in for the commander; Mara leads, and stands in for counsel, who is Inês alone.
    let reached: Vec<String> = pages.map(|d| d.recipient.clone()).collect();
    assert_eq!(reached.len(), 2, "{reached:?}");
    assert_eq!(
        reached.into_iter().collect::<BTreeSet<_>>(),
        emails(&[TOMAS, MARA])
    );
    let shown: BTreeSet<&str> = foreseen
        .pages
        .iter()
        .flat_map(|page| page.names.iter().map(String::as_str))
        .collect();
    assert_eq!(
        shown,
        BTreeSet::from([TOMAS.name, MARA.name]),
        "what was shown is what happened"
    );
    let owed = house.obligations(&incident).await;
    let due: BTreeSet<DateTime<Utc>> = owed.iter().map(|owed| owed.deadline.due_at).collect();
    let shown: BTreeSet<DateTime<Utc>> = foreseen.customers.iter().map(|c| c.foreseen.due_at).collect();
    assert_eq!(due, shown);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_confirms_is_not_paged_and_whoever_stands_in_is_on_sqlite() {
    who_confirms_is_not_paged_and_whoever_stands_in_is(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_confirms_is_not_paged_and_whoever_stands_in_is_on_postgresql() {
    if let Some(place) = Place::postgresql() {
        who_confirms_is_not_paged_and_whoever_stands_in_is(place).await;
    }
}
