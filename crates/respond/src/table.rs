//! Tables for people with a spreadsheet: CSV whose cells a spreadsheet takes for text.

use crate::desk::RespondError;
use chrono::{DateTime, SecondsFormat, Utc};
use std::borrow::Cow;
use std::io::Write;

/// A table that is written row by row.
pub(crate) struct Table<W: Write> {
    csv: csv::Writer<W>,
}

impl<W: Write> Table<W> {
    /// A table with these columns.
    pub(crate) fn new(to: W, columns: &[&str]) -> Result<Self, RespondError> {
        let mut table = Self {
            csv: csv::Writer::from_writer(to),
        };
        table.csv.write_record(columns).map_err(unwritten)?;
        Ok(table)
    }

    /// More rows of a table whose columns were written before.
    pub(crate) fn more(to: W) -> Self {
        Self {
            csv: csv::Writer::from_writer(to),
        }
    }

    /// Writes the next row: a cell for each column.
    pub(crate) fn row<'c>(
        &mut self,
        cells: impl IntoIterator<Item = Cow<'c, str>>,
    ) -> Result<(), RespondError> {
        for cell in cells {
            self.csv
                .write_field(harmless(&cell).as_ref())
                .map_err(unwritten)?;
        }
        self.csv.write_record(None::<&[u8]>).map_err(unwritten)?;
        self.csv.flush().map_err(unwritten)
    }

    /// Writes what is left.
    pub(crate) fn end(mut self) -> Result<(), RespondError> {
        self.csv.flush().map_err(unwritten)
    }
}

pub(crate) fn unwritten(fault: impl std::fmt::Display) -> RespondError {
    RespondError::Unavailable(format!("it could not be written: {fault}"))
}

/// A cell that no spreadsheet takes for a formula (OWASP, CSV injection): one that begins like one gets an apostrophe before it.
fn harmless(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// An instant as programs and spreadsheets read it.
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A cell of any text.
pub(crate) fn cell<'c>(text: impl Into<Cow<'c, str>>) -> Cow<'c, str> {
    text.into()
}

/// A cell of an instant that may be missing.
pub(crate) fn at<'c>(instant_: Option<DateTime<Utc>>) -> Cow<'c, str> {
    Cow::Owned(instant_.map(instant).unwrap_or_default())
}

/// A cell of something that prints.
#[expect(
    clippy::needless_pass_by_value,
    reason = "rows are lists of cells; a reference at every number would hide what they hold"
)]
pub(crate) fn shown<'c>(what: impl ToString) -> Cow<'c, str> {
    Cow::Owned(what.to_string())
}

/// A cell of yes or no.
pub(crate) fn yes<'c>(is_so: bool) -> Cow<'c, str> {
    Cow::Borrowed(if is_so { "yes" } else { "no" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_text() {
        let mut bytes = Vec::new();
        let mut table = Table::new(&mut bytes, &["a", "b"]).expect("written");
        table
            .row([cell("=HYPERLINK(\"x\")"), cell("plain, with a comma")])
            .expect("written");
        for formula in ["+1", "-1", "@SUM(A1)", "\t=1"] {
            table.row([cell(formula), cell("")]).expect("written");
        }
        table.end().expect("written");
        let text = String::from_utf8(bytes).expect("text");
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        let firsts: Vec<String> = rows
            .records()
            .map(|row| row.expect("a row")[0].to_owned())
            .collect();
        assert_eq!(firsts, ["'=HYPERLINK(\"x\")", "'+1", "'-1", "'@SUM(A1)", "'\t=1"]);
        assert!(text.starts_with("a,b\n"), "{text}");
    }
}
