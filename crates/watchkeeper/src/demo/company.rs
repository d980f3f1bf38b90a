//! Paperplane Transfer: its customers with their contracts, and its people.

use std::fmt::Write as _;
use watchkeeper_domain::access::AccessRole;
use watchkeeper_domain::id::digest;
use watchkeeper_domain::page::{PagingPolicy, PagingStep};
use watchkeeper_domain::span::Span;

/// The company's domain.
pub(super) const DOMAIN: &str = "paperplane.example";

/// Somebody who works at the company and has an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoPerson {
    /// The name to sign in with, and where mail goes.
    pub email: String,
    /// The person's name.
    pub name: &'static str,
    /// What the person is to the product.
    pub roles: Vec<AccessRole>,
    /// The step of the paging policy at which the person is woken, counted from 0.
    pub on_call_step: Option<usize>,
}

/// The people of the company. The first one is the demo's printed sign-in.
#[must_use]
pub fn people() -> Vec<DemoPerson> {
    use AccessRole::{Admin, Commander, Legal, Responder, Viewer};
    let person = |mailbox: &str, name, roles: &[AccessRole], on_call_step| DemoPerson {
        email: format!("{mailbox}@{DOMAIN}"),
        name,
        roles: roles.to_vec(),
        on_call_step,
    };
    vec![
        person(
            "mara.lindqvist",
            "Mara Lindqvist",
            &[Responder, Commander, Admin],
            Some(1),
        ),
        person("tomas.rey", "Tomás Rey", &[Responder], Some(0)),
        person("priya.raman", "Priya Raman", &[Responder], Some(1)),
        person("ines.okafor", "Ines Okafor", &[Legal], Some(2)),
        person("lena.brandt", "Lena Brandt", &[Commander, Legal], Some(2)),
        person("jonas.weber", "Jonas Weber", &[Viewer], None),
    ]
}

/// Addresses of executives, who are told when a customer's notice is close to late.
#[must_use]
pub fn executives() -> Vec<String> {
    vec![format!("jonas.weber@{DOMAIN}")]
}

/// Whom to page: the engineer on call, then the lead with a second engineer, then everybody who can decide.
#[must_use]
pub fn paging() -> PagingPolicy {
    let waits = [Span::minutes(5), Span::minutes(5), Span::minutes(15)];
    let steps = waits.into_iter().enumerate().map(|(step, wait)| PagingStep {
        people: people()
            .into_iter()
            .filter(|person| person.on_call_step == Some(step))
            .map(|person| person.email)
            .collect(),
        topics: Vec::new(),
        wait,
    });
    PagingPolicy {
        steps: steps.collect(),
    }
}

/// A customer, as far as its traffic needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DemoCustomer {
    /// The identifier that the company uses.
    pub(super) key: String,
    /// Its name.
    pub(super) name: &'static str,
    /// Its domain, without `.example`; also the stem of its tenants.
    pub(super) slug: &'static str,
    /// What the contract says; empty where the default of 72 hours holds.
    pub(super) notify_within: &'static str,
    /// Language of letters.
    pub(super) language: &'static str,
    /// Its tenants in the product, the main one first.
    pub(super) tenants: Vec<String>,
    /// E-mail addresses of people who use the product there.
    pub(super) users: Vec<String>,
    /// The key that its own systems use.
    pub(super) api_key: String,
    /// How busy it is; 1 is quiet.
    pub(super) weight: u32,
    /// Its number, counted from 0.
    pub(super) index: usize,
}

impl DemoCustomer {
    /// The main tenant.
    pub(super) fn tenant(&self) -> &str {
        self.tenants.first().map_or("", String::as_str)
    }

    /// The address from which its office comes (TEST-NET-1).
    pub(super) fn office(&self) -> String {
        format!("192.0.2.{}", 10 + self.index)
    }

    /// The address from which its systems come (TEST-NET-2).
    pub(super) fn systems(&self) -> String {
        format!("198.51.100.{}", 10 + self.index)
    }
}

/// `(name, slug, notify_within, language, weight)`
type Listed = (&'static str, &'static str, &'static str, &'static str, u32);

const LISTED: [Listed; 40] = [
    ("Halden & Roth Orthopädie GmbH", "halden-roth", "", "de", 2),
    ("Norrsken Maps AB", "norrsken-maps", "", "en", 3),
    ("Brightwell Legal LLP", "brightwell-legal", "24h", "en", 2),
    ("Kessler Druck und Medien GmbH", "kessler-druck", "", "de", 3),
    ("Ovalstone Architects", "ovalstone", "", "en", 2),
    ("Marisol Foods S.L.", "marisol-foods", "", "en", 1),
    ("Tannhof Wohnbau AG", "tannhof", "48h", "de", 1),
    ("Quillpress Publishing", "quillpress", "", "en", 3),
    ("Vanterra Energy", "vanterra", "24h", "en", 2),
    ("Elbkontor Logistik GmbH", "elbkontor", "48h", "de", 2),
    ("Saffron Studio", "saffron-studio", "", "en", 2),
    ("Lumenford Clinics", "lumenford", "24h", "en", 2),
    ("Talgrund Treuhand AG", "talgrund", "", "de", 1),
    ("Pinecrest Audio", "pinecrest-audio", "", "en", 2),
    ("Harborline Shipping", "harborline", "", "en", 1),
    ("Feldmark Saatgut eG", "feldmark", "", "de", 1),
    ("Copperleaf Analytics", "copperleaf", "", "en", 3),
    ("Inkwell Films", "inkwell-films", "", "en", 3),
    ("Rheinwerk IT-Service GmbH", "rheinwerk-it", "", "de", 2),
    ("Sunderby Insurance", "sunderby", "24h", "en", 2),
    ("Tidewater Labs", "tidewater-labs", "", "en", 2),
    ("Velvet Row Fashion", "velvet-row", "", "en", 1),
    ("Wolkenstein Verlag KG", "wolkenstein", "", "de", 2),
    ("Albion Survey Partners", "albion-survey", "", "en", 1),
    ("Mirabeau Events", "mirabeau", "", "en", 1),
    ("Nordhaus Immobilien GmbH", "nordhaus", "", "de", 1),
    ("Osterberg Maschinenbau GmbH", "osterberg", "48h", "de", 2),
    ("Parallax VFX", "parallax-vfx", "", "en", 3),
    ("Redwood Notaries", "redwood-notaries", "24h", "en", 1),
    ("Silberbach Pharma GmbH", "silberbach", "24h", "de", 2),
    ("Threefold Research", "threefold", "", "en", 1),
    ("Umbra Games", "umbra-games", "", "en", 3),
    ("Westmoor University Press", "westmoor", "", "en", 1),
    ("Yellowfin Marine", "yellowfin", "", "en", 1),
    ("Zeilinger Bau GmbH", "zeilinger", "", "de", 1),
    ("Amberlight Photography", "amberlight", "", "en", 2),
    ("Stadtwerke Hohenried", "stadtwerke-hohenried", "48h", "de", 1),
    ("Cinderpath Outdoor", "cinderpath", "", "en", 1),
    ("Dovecote Charity Network", "dovecote", "", "en", 1),
    ("Everline Textiles", "everline", "48h", "en", 1),
];

const GIVEN: [&str; 16] = [
    "Anna", "Ben", "Clara", "David", "Elif", "Felix", "Greta", "Hugo", "Ida", "Jamal", "Karin", "Luca",
    "Mei", "Noor", "Oscar", "Petra",
];

const FAMILY: [&str; 19] = [
    "Albers", "Bianchi", "Castell", "Dorn", "Ekholm", "Fisher", "Grant", "Hauser", "Ivers", "Jansen",
    "Keller", "Lund", "Moreau", "Novak", "Olsen", "Prince", "Quist", "Reyes", "Stern",
];

/// How many people of one customer use the product.
const USERS_EACH: usize = 4;

/// A person at the customer with this number; no two of one customer have the same name.
fn name_of(customer: usize, person: usize) -> (&'static str, &'static str) {
    (
        GIVEN[(customer * 5 + person * 3) % GIVEN.len()],
        FAMILY[(customer * 7 + person * 4) % FAMILY.len()],
    )
}

fn address_of(customer: usize, person: usize, slug: &str) -> String {
    let (given, family) = name_of(customer, person);
    format!(
        "{}.{}@{slug}.example",
        given.to_lowercase(),
        family.to_lowercase()
    )
}

/// The customers, in the order of their keys.
pub(super) fn customers() -> Vec<DemoCustomer> {
    LISTED
        .iter()
        .enumerate()
        .map(|(index, listed)| customer(index, *listed))
        .collect()
}

fn customer(index: usize, (name, slug, notify_within, language, weight): Listed) -> DemoCustomer {
    let mut tenants = vec![format!("t-{slug}")];
    if index % 9 == 4 {
        tenants.push(format!("t-{slug}-archive"));
    }
    DemoCustomer {
        key: format!("C-{}", 1001 + index),
        name,
        slug,
        notify_within,
        language,
        tenants,
        users: (0..USERS_EACH)
            .map(|person| address_of(index, person, slug))
            .collect(),
        api_key: format!("fdk_live_{}", &digest(&["api-key", slug])[..16]),
        weight,
        index,
    }
}

/// The customers as the import reads them.
#[must_use]
pub fn customers_csv() -> String {
    let mut csv = String::from(
        "key,name,tenants,notify_within,contract,language,security_contact,legal_contact,admin_contact,billing_contact\n",
    );
    for customer in customers() {
        let row = [
            customer.key.clone(),
            customer.name.to_owned(),
            customer.tenants.join(";"),
            customer.notify_within.to_owned(),
            contract(&customer),
            customer.language.to_owned(),
            security_contacts(&customer),
            legal_contact(&customer),
            contact(&customer, 2),
            format!("Accounts <accounts@{}.example>", customer.slug),
        ];
        let cells: Vec<String> = row.iter().map(|cell| quoted(cell)).collect();
        let _ = writeln!(csv, "{}", cells.join(","));
    }
    csv
}

/// Contracts with a limit of their own are data-processing agreements that were negotiated.
fn contract(customer: &DemoCustomer) -> String {
    let year = 2023 + customer.index % 3;
    let kind = if customer.notify_within.is_empty() {
        "MSA"
    } else {
        "DPA"
    };
    format!("{kind}-{year}-{:03}", 17 + customer.index * 7)
}

fn contact(customer: &DemoCustomer, person: usize) -> String {
    let (given, family) = name_of(customer.index, person);
    format!(
        "{given} {family} <{}>",
        address_of(customer.index, person, customer.slug)
    )
}

/// Most customers name a team, some a person, a few two, and every ninth none: then its counsel is told first.
fn security_contacts(customer: &DemoCustomer) -> String {
    let team = format!("Security team <security@{}.example>", customer.slug);
    match customer.index % 9 {
        5 => String::new(),
        2 | 6 => contact(customer, 0),
        3 => format!("{team};{}", contact(customer, 0)),
        _ => team,
    }
}

/// Customers with a contract of their own, and those without a security contact, name counsel.
fn legal_contact(customer: &DemoCustomer) -> String {
    if customer.index % 9 == 5 || !customer.notify_within.is_empty() || customer.language == "de" {
        contact(customer, 1)
    } else {
        String::new()
    }
}

/// A cell of CSV (RFC 4180 §2).
fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use watchkeeper_domain::customer::address_fault;

    #[test]
    fn every_customer_is_distinct_and_can_be_reached() {
        let customers = customers();
        assert_eq!(customers.len(), 40);
        let tenants: BTreeSet<&String> = customers.iter().flat_map(|c| &c.tenants).collect();
        assert_eq!(
            tenants.len(),
            customers.iter().map(|c| c.tenants.len()).sum::<usize>()
        );
        let users: BTreeSet<&String> = customers.iter().flat_map(|c| &c.users).collect();
        assert_eq!(users.len(), customers.len() * USERS_EACH);
        for user in users {
            assert_eq!(address_fault(user), None);
        }
        for limit in customers
            .iter()
            .map(|c| c.notify_within)
            .filter(|limit| !limit.is_empty())
        {
            assert!(
                limit.parse::<Span>().is_ok_and(|span| span < Span::hours(72)),
                "{limit}"
            );
        }
    }

    #[test]
    fn the_import_has_a_cell_for_every_column_and_an_address_in_every_contact() {
        let csv = customers_csv();
        let mut lines = csv.lines();
        let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
        assert_eq!(header.len(), 10);
        let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
        assert_eq!(rows.len(), 40);
        for row in rows {
            assert_eq!(row.len(), header.len(), "{row:?}");
            let contacts: Vec<&str> = row[6..]
                .iter()
                .flat_map(|cell| cell.split(';'))
                .filter(|c| !c.is_empty())
                .collect();
            assert!(contacts.len() >= 2, "{row:?}");
            for contact in contacts {
                let address = contact
                    .split_once('<')
                    .and_then(|(_, rest)| rest.strip_suffix('>'));
                assert_eq!(address.map(address_fault), Some(None), "{contact}");
            }
        }
    }

    #[test]
    fn a_cell_with_a_comma_or_a_quote_is_quoted() {
        assert_eq!(quoted("Baker, Smith"), "\"Baker, Smith\"");
        assert_eq!(quoted("the \"best\""), "\"the \"\"best\"\"\"");
        assert_eq!(quoted("plain"), "plain");
    }

    #[test]
    fn the_policy_pages_people_who_exist_and_ends_with_somebody() {
        let policy = paging();
        assert_eq!(policy.faults(), Vec::<String>::new());
        let emails: BTreeSet<String> = people().into_iter().map(|person| person.email).collect();
        assert!(
            policy
                .steps
                .iter()
                .flat_map(|step| &step.people)
                .all(|email| emails.contains(email))
        );
        assert!(executives().iter().all(|email| emails.contains(email)));
    }

    #[test]
    fn somebody_can_approve_what_somebody_else_wrote() {
        let holds = |role| {
            people()
                .into_iter()
                .filter(move |person| person.roles.contains(&role))
        };
        assert_eq!(people()[0].name, "Mara Lindqvist");
        assert!(people()[0].roles.contains(&AccessRole::Admin));
        assert!(holds(AccessRole::Legal).all(|person| person.name != people()[0].name));
        assert!(
            holds(AccessRole::Legal).count() > 1,
            "counsel can write a notice, and somebody is left to approve it"
        );
    }
}
