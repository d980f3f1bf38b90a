//! Events in files, read as the service reads them: by the parsers of the sources.

use crate::commands::detect::input::{Block, Files};
use chrono::{DateTime, Utc};
use std::ops::ControlFlow;
use std::path::PathBuf;
use watchkeeper_collect::parse::{Context, Interpretation, Origin};
use watchkeeper_domain::event::{Event, SourceName};

/// Reads events of files.
pub(super) struct Sample<'a> {
    pub(super) how: &'a Interpretation,
    /// For events that do not say when they happened, and for dates without a year.
    pub(super) now: DateTime<Utc>,
}

impl Sample<'_> {
    /// Hands out every event of the files with its line, or, where a line or the file is a document of several, with its number.
    pub(super) fn each(
        &self,
        files: &[PathBuf],
        mut take: impl FnMut(u64, Event) -> ControlFlow<()>,
    ) -> Result<(), String> {
        let mut files = Files::new(files);
        let mut block = Block::default();
        let mut heading: Option<String> = None;
        while files.next(&mut block)? {
            if block.first == 1 {
                heading = None;
            }
            if self.block(&block, &mut heading, &mut take).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn block(
        &self,
        block: &Block,
        heading: &mut Option<String>,
        take: &mut impl FnMut(u64, Event) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if let Some(events) = &block.events {
            for (number, place) in (block.first..).zip(events) {
                let text = String::from_utf8_lossy(&block.text[place.clone()]);
                for event in self.events(&block.file, number, None, &text) {
                    take(number, event)?;
                }
            }
            return ControlFlow::Continue(());
        }
        let text = String::from_utf8_lossy(&block.text);
        for (number, line) in (block.first..).zip(text.lines()) {
            if line.trim().is_empty() {
                continue;
            }
            if number == 1 && self.how.is_heading(line) {
                *heading = Some(line.to_owned());
                continue;
            }
            let events = self.events(&block.file, number, heading.as_deref(), line);
            // A file that is one document on one line is numbered like other documents.
            let is_document = number == 1 && events.len() > 1;
            for (place, event) in (number..).zip(events) {
                take(if is_document { place } else { number }, event)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// The events in one text.
    pub(super) fn events(&self, file: &str, number: u64, heading: Option<&str>, text: &str) -> Vec<Event> {
        let source = SourceName(file.to_owned());
        let origin = Origin {
            source: &source,
            id: &format!("{file}:{number}"),
            context: Context::collected(self.now),
        };
        self.how.events_under(heading, origin, text)
    }
}
