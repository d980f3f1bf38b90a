//! Lists of customers in CSV: takes bytes, gives rows and everything that is wrong with them, by line and column.

use crate::operations::customers::{ContactFacts, CustomerFacts, LineFault};
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_domain::customer::{Channel, ContactRole, ContractTerms, CountsFrom, Customer};
use watchkeeper_domain::span::Span;

/// The columns of a list. `key` and `name` must be there; of the others those that are left out stay as they are.
pub(crate) const COLUMNS: [&str; 15] = [
    "key",
    "name",
    "tenants",
    "notify_within",
    "contract",
    "counts_from",
    "recipients",
    "channel",
    "tags",
    "language",
    "paying",
    "security_contact",
    "legal_contact",
    "admin_contact",
    "billing_contact",
];

/// The most customers of one list.
pub(crate) const ROWS_LIMIT: usize = 100_000;

/// More faults than this help nobody; the rest is counted in the last one.
const FAULTS_LIMIT: usize = 1_000;

/// One customer of a list.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) line: u64,
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) tenants: Option<BTreeSet<String>>,
    pub(crate) notify_within: Option<Option<Span>>,
    pub(crate) contract: Option<String>,
    pub(crate) counts_from: Option<CountsFrom>,
    pub(crate) recipients: Option<BTreeSet<ContactRole>>,
    pub(crate) channel: Option<Channel>,
    pub(crate) tags: Option<BTreeSet<String>>,
    pub(crate) language: Option<String>,
    /// None where the column is left out or empty: then it stays as it is.
    pub(crate) paying: Option<bool>,
    /// Those of the columns that are there; the others keep their contacts.
    pub(crate) contacts: BTreeMap<ContactRole, Vec<ContactFacts>>,
}

impl Row {
    /// What the row says, completed by what stands where columns are left out.
    pub(crate) fn facts(&self, before: Option<&Customer>) -> CustomerFacts {
        let mut contacts = Vec::new();
        for role in ContactRole::ALL {
            match self.contacts.get(&role) {
                Some(listed) => contacts.extend(listed.iter().cloned()),
                None => contacts.extend(standing(before, role)),
            }
        }
        let language = self.language.clone().filter(|language| !language.is_empty());
        CustomerFacts {
            name: self.name.clone(),
            tenants: self
                .tenants
                .clone()
                .or_else(|| before.map(|b| b.tenants.clone()))
                .unwrap_or_default(),
            notify_within: self
                .notify_within
                .unwrap_or_else(|| before.and_then(|b| b.notify_within)),
            contract: self
                .contract
                .clone()
                .or_else(|| before.map(|b| b.contract.clone()))
                .unwrap_or_default(),
            terms: Some(self.terms(before)),
            tags: self.tags.clone(),
            language: language
                .or_else(|| before.map(|b| b.language.clone()))
                .unwrap_or_else(|| "en".to_owned()),
            paying: self.paying,
            contacts,
        }
    }

    fn terms(&self, before: Option<&Customer>) -> ContractTerms {
        let before = before.map(|before| before.terms.clone()).unwrap_or_default();
        ContractTerms {
            counts_from: self.counts_from.unwrap_or(before.counts_from),
            recipients: self.recipients.clone().unwrap_or(before.recipients),
            channel: self.channel.unwrap_or(before.channel),
        }
    }

    /// The column that a field of a customer comes from.
    pub(crate) fn column(&self, field: &str) -> String {
        let first = ContactRole::ALL
            .into_iter()
            .find(|role| self.contacts.get(role).is_some_and(|c| !c.is_empty()));
        match (field, first) {
            ("contacts", Some(role)) => contact_column(role),
            ("contacts", None) => contact_column(ContactRole::Security),
            (field, _) => field.strip_prefix("terms.").unwrap_or(field).to_owned(),
        }
    }
}

fn standing(before: Option<&Customer>, role: ContactRole) -> impl Iterator<Item = ContactFacts> + '_ {
    let contacts = before
        .map(|before| before.contacts.as_slice())
        .unwrap_or_default();
    contacts
        .iter()
        .filter(move |contact| contact.role == role)
        .map(|contact| ContactFacts {
            name: contact.name.clone(),
            email: contact.email.clone(),
            role: contact.role,
        })
}

fn contact_column(role: ContactRole) -> String {
    format!("{}_contact", role.name())
}

/// Faults of one list.
#[derive(Default)]
pub(crate) struct Faults(Vec<LineFault>);

impl Faults {
    pub(crate) fn found(self) -> Vec<LineFault> {
        self.0
    }

    pub(crate) fn add(&mut self, line: u64, field: &str, detail: impl Into<String>) {
        if self.0.len() < FAULTS_LIMIT {
            self.0.push(LineFault {
                line,
                field: field.to_owned(),
                detail: detail.into(),
            });
        } else if self.0.len() == FAULTS_LIMIT {
            let detail = format!("there are more faults than {FAULTS_LIMIT}; mend these first");
            self.0.push(LineFault {
                line,
                field: field.to_owned(),
                detail,
            });
        }
    }
}

/// Reads a list. Rows with faults are given as far as they could be read.
pub(crate) fn read(list: &[u8]) -> (Vec<Row>, Vec<LineFault>) {
    let list = list.strip_prefix("\u{feff}".as_bytes()).unwrap_or(list);
    let mut faults = Faults::default();
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(list);
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(fault) => {
            faults.add(1, "header", format!("the list is not CSV in UTF-8: {fault}"));
            return (Vec::new(), faults.0);
        }
    };
    let columns = read_header(&header, &mut faults);
    if !faults.0.is_empty() {
        return (Vec::new(), faults.0);
    }
    let mut rows: Vec<Row> = Vec::new();
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                if rows.len() == ROWS_LIMIT {
                    faults.add(
                        line,
                        "row",
                        format!("the list has more than {ROWS_LIMIT} customers; cut it into several"),
                    );
                    break;
                }
                rows.extend(read_row(&record, line, &columns, &mut seen, &mut faults));
            }
            Err(fault) => {
                let line = fault.position().map_or(0, csv::Position::line);
                faults.add(line, "row", format!("the line is not CSV in UTF-8: {fault}"));
            }
        }
    }
    if rows.is_empty() && faults.0.is_empty() {
        faults.add(1, "header", "there is no customer below the header");
    }
    (rows, faults.0)
}

fn read_header<'h>(header: &'h csv::StringRecord, faults: &mut Faults) -> Vec<&'h str> {
    let columns: Vec<&str> = header.iter().collect();
    for (at, column) in columns.iter().enumerate() {
        if !COLUMNS.contains(column) {
            faults.add(
                1,
                column,
                format!(
                    "there is no column `{column}`; the columns are {}",
                    COLUMNS.join(",")
                ),
            );
        } else if columns[..at].contains(column) {
            faults.add(
                1,
                column,
                format!("the column `{column}` stands twice; leave one out"),
            );
        }
    }
    for needed in ["key", "name"] {
        if !columns.contains(&needed) {
            faults.add(
                1,
                needed,
                format!(
                    "the column `{needed}` is missing; the columns are {}",
                    COLUMNS.join(",")
                ),
            );
        }
    }
    columns
}

fn read_row(
    record: &csv::StringRecord,
    line: u64,
    columns: &[&str],
    seen: &mut BTreeMap<String, u64>,
    faults: &mut Faults,
) -> Option<Row> {
    if record.len() != columns.len() {
        let detail = format!(
            "the line has {} fields, but the header has {}; quote fields that hold commas",
            record.len(),
            columns.len()
        );
        faults.add(line, "row", detail);
        return None;
    }
    let field = |name: &str| {
        columns
            .iter()
            .position(|column| *column == name)
            .and_then(|at| record.get(at))
    };
    let key = field("key").unwrap_or_default().to_owned();
    if let Some(earlier) = seen.insert(key.clone(), line) {
        faults.add(
            line,
            "key",
            format!("`{key}` stands in line {earlier} already; one line a customer"),
        );
        return None;
    }
    let mut contacts = BTreeMap::new();
    for role in ContactRole::ALL {
        let column = contact_column(role);
        if let Some(text) = field(&column) {
            contacts.insert(role, read_contacts(text, role, line, &column, faults));
        }
    }
    Some(Row {
        line,
        key,
        name: field("name").unwrap_or_default().to_owned(),
        tenants: field("tenants").map(|text| several(text).map(ToOwned::to_owned).collect()),
        notify_within: field("notify_within").map(|text| read_span(text, line, faults)),
        contract: field("contract").map(ToOwned::to_owned),
        counts_from: field("counts_from").map(|text| {
            let known = CountsFrom::ALL.map(|one| (one.name(), one));
            read_word(text, &known, (line, "counts_from"), faults).unwrap_or_default()
        }),
        recipients: field("recipients").map(|text| {
            let known = ContactRole::ALL.map(|one| (one.name(), one));
            let words = several(text);
            words
                .filter_map(|word| read_word(word, &known, (line, "recipients"), faults))
                .collect()
        }),
        channel: field("channel").map(|text| {
            let known = Channel::ALL.map(|one| (one.name(), one));
            read_word(text, &known, (line, "channel"), faults).unwrap_or_default()
        }),
        tags: field("tags").map(|text| several(text).map(ToOwned::to_owned).collect()),
        language: field("language").map(ToOwned::to_owned),
        paying: field("paying").and_then(|text| read_yes(text, line, faults)),
        contacts,
    })
}

fn several(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|part| !part.is_empty())
}

/// One of a few words; an empty field says nothing.
fn read_word<T: Copy>(
    text: &str,
    known: &[(&'static str, T)],
    (line, column): (u64, &str),
    faults: &mut Faults,
) -> Option<T> {
    if text.is_empty() {
        return None;
    }
    let found = known.iter().find(|(word, _)| *word == text);
    if found.is_none() {
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        let detail = format!("`{text}` is not known; write one of {}", words.join(", "));
        faults.add(line, column, detail);
    }
    found.map(|(_, one)| *one)
}

fn read_span(text: &str, line: u64, faults: &mut Faults) -> Option<Span> {
    if text.is_empty() {
        return None;
    }
    match Span::try_from(text.to_owned()) {
        Ok(span) => Some(span),
        Err(detail) => {
            faults.add(line, "notify_within", detail);
            None
        }
    }
}

fn read_yes(text: &str, line: u64, faults: &mut Faults) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "" => None,
        "yes" | "true" => Some(true),
        "no" | "false" => Some(false),
        _ => {
            faults.add(
                line,
                "paying",
                format!("`{text}` is neither `yes` nor `no`; left empty, it stays as it is, and a new customer pays"),
            );
            None
        }
    }
}

/// Contacts as `Name <mail@x>` or `mail@x`, separated by `;`. Whether an address is sound is judged with the whole customer.
fn read_contacts(
    text: &str,
    role: ContactRole,
    line: u64,
    column: &str,
    faults: &mut Faults,
) -> Vec<ContactFacts> {
    let mut contacts = Vec::new();
    for part in several(text) {
        let (name, email) = match part.split_once('<') {
            None => ("", part),
            Some((name, rest)) => match rest.strip_suffix('>') {
                Some(email) => (name.trim(), email.trim()),
                None => {
                    faults.add(
                        line,
                        column,
                        format!("`{part}` has no `>`; write such as `Jo Doe <jo@example.com>`"),
                    );
                    continue;
                }
            },
        };
        contacts.push(ContactFacts {
            name: name.trim_matches('"').trim().to_owned(),
            email: email.to_owned(),
            role,
        });
    }
    contacts
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "key,name,tenants,notify_within,contract,language,security_contact,legal_contact,admin_contact,billing_contact\n";

    fn faults(rows: &str) -> Vec<(u64, String)> {
        let (_, faults) = read(format!("{HEADER}{rows}").as_bytes());
        faults
            .into_iter()
            .map(|fault| (fault.line, fault.field))
            .collect()
    }

    #[test]
    fn a_list_is_read_with_several_values_a_field() {
        let text = format!(
            "\u{feff}{HEADER}acme,\"Acme, Inc.\",t-1; t-2,24h,DPA 7,de,Sec Team <sec@acme.example>;soc@acme.example,,,\n"
        );
        let (rows, faults) = read(text.as_bytes());
        assert_eq!(faults, []);
        let facts = rows[0].facts(None);
        assert_eq!((rows[0].line, facts.name.as_str()), (2, "Acme, Inc."));
        assert_eq!(facts.tenants.len(), 2);
        assert_eq!(facts.notify_within, Some(Span::hours(24)));
        let contacts: Vec<(&str, &str)> = facts
            .contacts
            .iter()
            .map(|c| (c.name.as_str(), c.email.as_str()))
            .collect();
        assert_eq!(
            contacts,
            [("Sec Team", "sec@acme.example"), ("", "soc@acme.example")]
        );
    }

    #[test]
    fn every_fault_is_named_with_its_line_and_column() {
        let found = faults(
            "a,A,,5 days,,en,x@a.example,,,\nb,B\na,A again,,,,en,x@a.example,,,\nc,C,,,,en,Jo <jo@c.example,,,\nd,D,,5µ,,en,x@d.example,,,\n",
        );
        let expected = [
            (2, "notify_within"),
            (3, "row"),
            (4, "key"),
            (5, "security_contact"),
            (6, "notify_within"),
        ];
        assert_eq!(found, expected.map(|(line, field)| (line, field.to_owned())));
    }

    #[test]
    fn an_unknown_and_a_missing_column_are_named_before_any_row() {
        let (rows, faults) = read(b"key,mail\na,b\n");
        assert!(rows.is_empty());
        let fields: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["mail", "name"]);
    }

    #[test]
    fn what_is_not_utf_8_and_an_empty_list_are_faults() {
        assert_eq!(faults("a,\u{e4}").len(), 1);
        assert_eq!(read(b"key,name\na,\xff\n").1[0].line, 2);
        assert_eq!(read(b"").1.len(), 2);
        assert_eq!(read(HEADER.as_bytes()).1.len(), 1);
    }
}
