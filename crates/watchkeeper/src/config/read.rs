//! Reads a configuration so that one fault does not hide another: a field that cannot be read is reported, set aside, and the rest of
//! its table is read on.

use super::{
    Audit, Changes, Config, ConfigFault, Contacts, Database, Detection, Drill, Incidents, Log, Mail, Paging,
    Playbooks, Preflight, Server, Sns,
};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::ops::Range;
use toml_edit::{Document, Item, Table, TableLike};
use watchkeeper_collect::SourceConfig;
use watchkeeper_domain::notice::Sender;
use watchkeeper_domain::regulator::RegulatorContact;

/// Every table that a configuration may have.
const TABLES: [&str; 17] = [
    "server",
    "database",
    "log",
    "mail",
    "sns",
    "paging",
    "drill",
    "changes",
    "notices",
    "regulator",
    "incidents",
    "preflight",
    "contacts",
    "audit",
    "detection",
    "playbooks",
    "source",
];

/// The remedy for what cannot be read, where the message itself says what was expected.
const AS_IN_THE_DEFAULT: &str = "write it as in the file that `watchkeeper config init` writes";

/// The document with its lines, and the faults found so far.
pub(super) struct Reader<'a> {
    text: &'a str,
    root: &'a Table,
    faults: Vec<ConfigFault>,
}

pub(super) fn read(text: &str) -> Result<Config, Vec<ConfigFault>> {
    let document = Document::parse(text).map_err(|fault| {
        let line = fault.span().map_or(0, |span| line_of(text, &span));
        vec![ConfigFault {
            line,
            field: String::new(),
            problem: fault.message().to_owned(),
            remedy: "write TOML, as in the file that `watchkeeper config init` writes".to_owned(),
        }]
    })?;
    let mut reader = Reader {
        text,
        root: document.as_table(),
        faults: Vec::new(),
    };
    reader.check_tables();
    let config = reader.config();
    let mut faults = reader.faults;
    faults.sort_by(|a, b| (a.line, &a.field).cmp(&(b.line, &b.field)));
    match config {
        Some(config) if faults.is_empty() => Ok(config),
        _ => Err(faults),
    }
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    text[..span.start.min(text.len())].matches('\n').count() + 1
}

impl Reader<'_> {
    fn check_tables(&mut self) {
        for (key, item) in self.root.iter() {
            if !TABLES.contains(&key) {
                let line = self.line_of_key(self.root, key, item);
                self.fault(
                    line,
                    key,
                    "there is no such table".to_owned(),
                    &format!("use one of: {}", TABLES.join(", ")),
                );
            }
        }
    }

    /// Reads every table and checks those that could be read, whatever is wrong with the others.
    fn config(&mut self) -> Option<Config> {
        let server = self.table::<Server>("server", false);
        let database = self.table::<Database>("database", false);
        let log = self.table::<Log>("log", false);
        let mail = self.table::<Mail>("mail", true);
        let sns = if self.root.contains_key("sns") {
            Some(self.table::<Sns>("sns", true))
        } else {
            None
        };
        let paging = self.table::<Paging>("paging", true);
        let drill = self.table::<Drill>("drill", false);
        let changes = self.table::<Changes>("changes", false);
        let notices = self.table::<Sender>("notices", true);
        let regulator = self.table::<RegulatorContact>("regulator", false);
        let incidents = self.table::<Incidents>("incidents", false);
        let preflight = self.table::<Preflight>("preflight", false);
        let contacts = self.table::<Contacts>("contacts", false);
        let audit = self.table::<Audit>("audit", false);
        let detection = self.table::<Detection>("detection", false);
        let playbooks = self.table::<Playbooks>("playbooks", false);
        let sources = self.sources();
        let names = self.source_names();
        server.iter().for_each(|table| self.check_server(table));
        database.iter().for_each(|table| self.check_database(table));
        mail.iter().for_each(|table| self.check_mail(table));
        sns.iter().flatten().for_each(|table| self.check_sns(table));
        paging
            .iter()
            .for_each(|table| self.check_paging(table, sns.as_ref().map(Option::as_ref)));
        drill.iter().for_each(|table| self.check_drill(table));
        changes.iter().for_each(|table| self.check_changes(*table));
        preflight.iter().for_each(|table| self.check_preflight(table));
        contacts.iter().for_each(|table| self.check_contacts(table));
        notices
            .iter()
            .for_each(|table| self.check_address("notices", "contact", &table.contact));
        let email = regulator.as_ref().and_then(|table| table.email.as_deref());
        email
            .iter()
            .for_each(|email| self.check_address("regulator", "email", email));
        detection.iter().for_each(|table| {
            self.check_rules(table);
            self.check_detection(table, &names);
        });
        for address in audit.iter().flat_map(|audit| &audit.witnesses) {
            self.check_address("audit", "witnesses", address);
        }
        playbooks.iter().for_each(|table| self.check_playbooks(table));
        Some(Config {
            server: server?,
            database: database?,
            log: log?,
            mail: mail?,
            sns: match sns {
                None => None,
                Some(sns) => Some(sns?),
            },
            paging: paging?,
            drill: drill?,
            changes: changes?,
            notices: notices?,
            regulator: regulator?,
            incidents: incidents?,
            preflight: preflight?,
            contacts: contacts?,
            audit: audit?,
            detection: detection?,
            playbooks: playbooks?,
            sources,
        })
    }

    fn table<T: DeserializeOwned>(&mut self, name: &str, required: bool) -> Option<T> {
        let Some(item) = self.root.get(name) else {
            if required {
                let remedy = "add the table; `watchkeeper config init` shows what belongs into it";
                self.fault(0, name, format!("the table [{name}] is missing"), remedy);
                return None;
            }
            return toml_edit::de::from_str("").ok();
        };
        let Some(table) = item.as_table_like() else {
            let line = item.span().map_or(0, |span| line_of(self.text, &span));
            self.fault(
                line,
                name,
                "this is not a table".to_owned(),
                &format!("write [{name}] and its fields below it"),
            );
            return None;
        };
        self.read_table(name, table)
    }

    fn sources(&mut self) -> Vec<SourceConfig> {
        let Some(item) = self.root.get("source") else {
            return Vec::new();
        };
        let Some(tables) = item.as_array_of_tables() else {
            let line = item.span().map_or(0, |span| line_of(self.text, &span));
            self.fault(
                line,
                "source",
                "sources are a list of tables".to_owned(),
                "write [[source]] and its fields below it",
            );
            return Vec::new();
        };
        let mut sources = Vec::new();
        let mut names = BTreeSet::new();
        for (index, table) in tables.iter().enumerate() {
            let path = format!("source[{index}]");
            let Some(source) = self.read_table::<SourceConfig>(&path, table) else {
                continue;
            };
            let line = table.span().map_or(0, |span| line_of(self.text, &span));
            for fault in source.validate() {
                let top = fault.field.split('.').next().unwrap_or_default();
                let line = table
                    .get_key_value(top)
                    .map_or(line, |(key, item)| self.span_line(key.span(), item, line));
                self.fault(
                    line,
                    &format!("{path}.{}", fault.field),
                    fault.wrong,
                    &fault.remedy,
                );
            }
            if !names.insert(source.name()) {
                let problem = format!("the name `{}` stands twice", source.name());
                self.fault(
                    line,
                    &format!("{path}.name"),
                    problem,
                    "give each source a name of its own",
                );
            }
            sources.push(source);
        }
        sources
    }

    /// Reads a table field by field as far as it goes: what cannot be read is reported and set aside, and the rest is read again.
    fn read_table<T: DeserializeOwned>(&mut self, path: &str, table: &dyn TableLike) -> Option<T> {
        let mut left = Table::new();
        for (key, item) in table.iter() {
            left.insert(key, item.clone());
        }
        let mut set_aside: BTreeSet<String> = BTreeSet::new();
        loop {
            let document = toml_edit::DocumentMut::from(left.clone());
            let fault = match toml_edit::de::from_document::<T>(document) {
                Ok(read) => return set_aside.is_empty().then_some(read),
                Err(fault) => fault,
            };
            let message = fault.message().to_owned();
            let culprit = culprit(table, &left, fault.span().as_ref(), &message);
            match culprit {
                Some((field, line_span)) => {
                    let line = line_of(self.text, &line_span);
                    let top = field.split(['.', '[']).next().unwrap_or(&field).to_owned();
                    self.fault(line, &format!("{path}.{field}"), message, AS_IN_THE_DEFAULT);
                    left.remove(&top);
                    if !set_aside.insert(top) {
                        return None;
                    }
                }
                None => {
                    let missing_set_aside = set_aside
                        .iter()
                        .any(|field| message.contains(&format!("`{field}`")));
                    if !missing_set_aside {
                        let line = first_span(table).map_or(0, |span| line_of(self.text, &span));
                        self.fault(line, path, message, AS_IN_THE_DEFAULT);
                    }
                    return None;
                }
            }
        }
    }

    /// The names of sources as they are written, also of those that cannot be read otherwise.
    fn source_names(&self) -> BTreeSet<String> {
        let tables = self.root.get("source").and_then(Item::as_array_of_tables);
        let names = tables
            .into_iter()
            .flatten()
            .filter_map(|table| table.get("name")?.as_str());
        names.map(str::to_owned).collect()
    }

    /// The line of a field of a table within a table; that of the table where it is not written.
    pub(super) fn line_below(&self, table: &str, inner: &str, field: &str) -> usize {
        let otherwise = self.line(table, inner);
        let inner = self
            .root
            .get(table)
            .and_then(|item| item.as_table_like()?.get(inner));
        let own = inner.and_then(|item| item.as_table_like()?.get_key_value(field));
        own.map_or(otherwise, |(key, item)| {
            self.span_line(key.span(), item, otherwise)
        })
    }

    /// The line of a field; that of its table where it is not written.
    pub(super) fn line(&self, table: &str, field: &str) -> usize {
        let Some(item) = self.root.get(table) else {
            return 0;
        };
        let own = item.as_table_like().and_then(|t| t.get_key_value(field));
        let of_table = self
            .root
            .get_key_value(table)
            .map_or(0, |(key, item)| self.span_line(key.span(), item, 0));
        own.map_or(of_table, |(key, item)| self.span_line(key.span(), item, of_table))
    }

    fn line_of_key(&self, table: &Table, key: &str, item: &Item) -> usize {
        let span = table.key(key).and_then(toml_edit::Key::span);
        self.span_line(span, item, 0)
    }

    fn span_line(&self, key: Option<Range<usize>>, item: &Item, otherwise: usize) -> usize {
        key.or_else(|| item.span())
            .map_or(otherwise, |span| line_of(self.text, &span))
    }

    pub(super) fn fault(&mut self, line: usize, field: &str, problem: String, remedy: &str) {
        self.faults.push(ConfigFault {
            line,
            field: field.to_owned(),
            problem,
            remedy: remedy.to_owned(),
        });
    }
}

/// Which field of the table a fault's span lies in, with the path below it; the span counts in the original text, since items keep
/// theirs.
fn culprit(
    table: &dyn TableLike,
    left: &Table,
    span: Option<&Range<usize>>,
    message: &str,
) -> Option<(String, Range<usize>)> {
    for (key, item) in table.iter().filter(|(key, _)| left.contains_key(key)) {
        let key_span = table.get_key_value(key).and_then(|(key, _)| key.span());
        if let Some(span) = span
            && let Some(below) = path_to(span, key_span.as_ref(), item)
        {
            return Some((format!("{key}{below}"), span.clone()));
        }
        // A field that nobody knows is named by the message alone.
        if message.contains(&format!("unknown field `{key}`")) {
            return Some((key.to_owned(), key_span.or_else(|| item.span())?));
        }
    }
    None
}

/// The path below a field to what a span points at; empty for the field itself. The span of a table is that of its header alone, so
/// its fields are asked one by one.
fn path_to(span: &Range<usize>, key: Option<&Range<usize>>, item: &Item) -> Option<String> {
    let within = |outer: &Range<usize>| outer.start <= span.start && span.end <= outer.end;
    let below = |table: &dyn TableLike| {
        table.iter().find_map(|(key, item)| {
            let key_span = table.get_key_value(key).and_then(|(key, _)| key.span());
            path_to(span, key_span.as_ref(), item).map(|below| format!(".{key}{below}"))
        })
    };
    let deeper = match (item.as_table_like(), item.as_array_of_tables()) {
        (Some(table), _) => below(table),
        (None, Some(tables)) => {
            let mut tables = tables.iter().enumerate();
            tables.find_map(|(index, table)| below(table).map(|path| format!("[{index}]{path}")))
        }
        (None, None) => None,
    };
    let here = || key.is_some_and(within) || item.span().is_some_and(|outer| within(&outer));
    deeper.or_else(|| here().then(String::new))
}

fn first_span(table: &dyn TableLike) -> Option<Range<usize>> {
    table
        .iter()
        .filter_map(|(key, item)| {
            table
                .get_key_value(key)
                .and_then(|(key, _)| key.span())
                .or_else(|| item.span())
        })
        .min_by_key(|span| span.start)
}
