//! Paperplane Transfer: who works there, and whose files it keeps.

use chrono::{DateTime, Utc};
use std::fmt::Write as _;
use watchkeeper_domain::access::{AccessRole, User};
use watchkeeper_domain::id::UserId;
use watchkeeper_domain::notice::NoticeFacts;
use watchkeeper_respond::{Desk, RespondError};

/// Somebody with an account.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// The name to sign in with, and where pages go.
    pub email: &'static str,
    /// The name.
    pub name: &'static str,
    /// What the person is to the product.
    pub roles: &'static [AccessRole],
}

/// Leads, and keeps the accounts.
pub const MARA: Person = Person {
    email: "mara@paperplane.example",
    name: "Mara Lindqvist",
    roles: &[AccessRole::Responder, AccessRole::Commander, AccessRole::Admin],
};
/// Is on call.
pub const TOMAS: Person = Person {
    email: "tomas@paperplane.example",
    name: "Tomás Rey",
    roles: &[AccessRole::Responder],
};
/// Is counsel.
pub const INES: Person = Person {
    email: "ines@paperplane.example",
    name: "Ines Okafor",
    roles: &[AccessRole::Legal],
};
/// Is an executive: sees, and is told when customers are nearly late.
pub const JONAS: Person = Person {
    email: "jonas@paperplane.example",
    name: "Jonas Weber",
    roles: &[AccessRole::Viewer],
};

/// Everybody.
pub const PEOPLE: [Person; 4] = [MARA, TOMAS, INES, JONAS];

/// A customer whose files are taken.
#[derive(Debug, Clone, Copy)]
pub struct Victim {
    /// The name.
    pub name: &'static str,
    /// The stem of its tenant and of its domain.
    pub slug: &'static str,
    /// The contract's limit in hours.
    pub hours: i64,
    /// The language of its letters.
    pub language: &'static str,
}

impl Victim {
    /// Its identifier in the product.
    #[must_use]
    pub fn tenant(&self) -> String {
        format!("t-{}", self.slug)
    }

    /// Who is told first.
    #[must_use]
    pub fn security_contact(&self) -> String {
        format!("security@{}.example", self.slug)
    }

    /// Who is told when the first cannot be reached.
    #[must_use]
    pub fn legal_contact(&self) -> String {
        format!("legal@{}.example", self.slug)
    }

    /// The identifier that the company uses.
    #[must_use]
    pub fn key(&self) -> String {
        format!("V-{}", self.slug)
    }

    /// Whether its letters are in German.
    #[must_use]
    pub fn reads_german(&self) -> bool {
        self.language == "de"
    }
}

const fn victim(name: &'static str, slug: &'static str, hours: i64, language: &'static str) -> Victim {
    Victim {
        name,
        slug,
        hours,
        language,
    }
}

/// The customers whose files are taken: one must be told within a day, two read German.
pub const VICTIMS: [Victim; 7] = [
    victim("Aldermoor Surgeries", "aldermoor", 24, "en"),
    victim("Bergmann Feinmechanik GmbH", "bergmann", 72, "de"),
    victim("Calder & Finch Solicitors", "calder-finch", 72, "en"),
    victim("Dünenhof Verlag", "duenenhof", 72, "de"),
    victim("Eastquay Logistics", "eastquay", 72, "en"),
    victim("Fenland Research", "fenland", 72, "en"),
    victim("Garnet Films", "garnet", 72, "en"),
];

/// How many customers nothing happens to.
pub const BYSTANDERS: usize = 35;

/// A customer that nothing happens to.
#[must_use]
pub fn bystander_tenant(number: usize) -> String {
    format!("t-bystander-{number:02}")
}

/// All customers, as the import reads them.
#[must_use]
pub fn customers_csv() -> String {
    let mut csv = String::from(
        "key,name,tenants,notify_within,contract,language,security_contact,legal_contact,admin_contact,billing_contact\n",
    );
    for victim in VICTIMS {
        let (limit, contract) = if victim.hours == 72 {
            (String::new(), "MSA")
        } else {
            (format!("{}h", victim.hours), "DPA")
        };
        let _ = writeln!(
            csv,
            "{},{},{},{limit},{contract}-{},{},Security <{}>,Counsel <{}>,,accounts@{}.example",
            victim.key(),
            victim.name,
            victim.tenant(),
            victim.slug,
            victim.language,
            victim.security_contact(),
            victim.legal_contact(),
            victim.slug,
        );
    }
    for number in 0..BYSTANDERS {
        let tenant = bystander_tenant(number);
        let _ = writeln!(
            csv,
            "B-{number:02},Bystander {number:02} Ltd,{tenant},,MSA-B{number:02},en,security@bystander-{number:02}.example,,,"
        );
    }
    csv
}

/// Everything that a full and a final notice ask for.
#[must_use]
pub fn full_account() -> NoticeFacts {
    let text = || "known".to_owned();
    NoticeFacts {
        what_happened: text(),
        what_information: text(),
        likely_consequences: text(),
        what_we_did: text(),
        what_you_should_do: text(),
        contained: text(),
        ..NoticeFacts::default()
    }
}

/// Opens an account for everybody, where nobody has one. Without passwords, whose hashing would be most of a test's work; and all at
/// once, so that it is done or not.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn open_accounts(desk: &Desk, at: DateTime<Utc>) -> Result<(), RespondError> {
    if !desk.users().await?.is_empty() {
        return Ok(());
    }
    let mut tx = desk.store().begin().await?;
    for person in PEOPLE {
        let user = User {
            id: UserId::derived(&[person.email]),
            email: person.email.to_owned(),
            name: person.name.to_owned(),
            roles: person.roles.iter().copied().collect(),
            must_change_password: false,
            created_at: at,
            closed_at: None,
        };
        tx.insert_user(&user, None).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Somebody's account.
///
/// # Errors
/// When there is none, or the store cannot be read.
pub async fn account(desk: &Desk, person: Person) -> Result<User, RespondError> {
    let found = desk
        .users()
        .await?
        .into_iter()
        .find(|user| user.email == person.email);
    found.ok_or_else(|| RespondError::Unavailable(format!("{} has no account", person.name)))
}
