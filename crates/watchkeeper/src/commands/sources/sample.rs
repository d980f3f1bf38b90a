//! `watchkeeper sources sample`: raw lines beside the fields that they become.

use super::{named, say};
use crate::cli::SampleOptions;
use crate::config::Config;
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use watchkeeper_collect::parse::{Context, Format, Interpretation, Origin};
use watchkeeper_collect::{Cursor, SourceConfig, spool, spool_dir};
use watchkeeper_domain::clock::SystemClock;
use watchkeeper_domain::event::Event;

const FAINT: Style = Style::new().dimmed();
const BAD: Style = AnsiColor::Red.on_default();

/// A sample in which so large a part is of one format is worth saying so in the configuration.
const CLEAR: f64 = 0.95;

pub(super) async fn sample(options: &SampleOptions) -> Result<ExitCode, String> {
    let config = Config::load(&options.file.config).map_err(|faults| faults.to_string())?;
    let source = named(&config, &options.name)?;
    let how = source.interpretation();
    let count = usize::from(options.count);
    let events = match source {
        SourceConfig::Http(_) | SourceConfig::Syslog(_) | SourceConfig::Sns(_) => {
            of_spool(source, &how, &config.server.data_dir, count)?
        }
        _ => as_the_service(source, count).await?,
    };
    let shown: Vec<Shown> = events.iter().map(|event| Shown::of(&how, event)).collect();
    if options.json {
        say(&as_json(source, &shown).to_string());
    } else {
        tell(source, &how, &shown);
    }
    let sound = !shown.is_empty() && shown.iter().all(|shown| shown.event.unparsed.is_none());
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// How many readings may go by without an event before there is nothing.
const READINGS: usize = 20;

/// Reads as the service does, with a cursor and a folder that nobody keeps.
async fn as_the_service(source: &SourceConfig, count: usize) -> Result<Vec<Event>, String> {
    let folder = tempfile::tempdir().map_err(|fault| format!("no folder can be made: {fault}"))?;
    let opened = watchkeeper_collect::open(&for_a_look(source), Arc::new(SystemClock), folder.path()).await;
    let mut source = opened.map_err(|fault| fault.to_string())?.source;
    let mut cursor = Cursor::start();
    let mut events = Vec::new();
    for _ in 0..READINGS {
        let batch = source.read(&cursor).await.map_err(|fault| fault.to_string())?;
        for remark in &batch.remarks {
            eprintln!("watchkeeper: {remark}");
        }
        events.extend(batch.events);
        cursor = batch.next;
        if events.len() >= count || !batch.more {
            break;
        }
    }
    events.truncate(count);
    Ok(events)
}

/// The source so that a look at it takes nothing from the service: a queue hides what was looked at for as short as it can.
fn for_a_look(source: &SourceConfig) -> SourceConfig {
    let mut source = source.clone();
    match &mut source {
        SourceConfig::File(files) => files.from_beginning = true,
        SourceConfig::S3(objects) => objects.visibility_seconds = 30,
        // What the queue tells, GuardDuty tells itself.
        SourceConfig::Guardduty(findings) => findings.queue_url = None,
        // Nobody pushes to this process.
        SourceConfig::CloudwatchLogs(logs) => logs.subscription = None,
        _ => {}
    }
    source
}

fn of_spool(
    source: &SourceConfig,
    how: &Interpretation,
    data_dir: &Path,
    count: usize,
) -> Result<Vec<Event>, String> {
    let dir = spool_dir(&source.name(), data_dir);
    if !dir.exists() {
        return Err(format!(
            "{} does not exist: nothing was pushed yet, or `server.data_dir` is another one",
            dir.display()
        ));
    }
    let records = spool::peek(&dir, count).map_err(|fault| format!("{}: {fault}", dir.display()))?;
    let name = source.name();
    let mut events = Vec::new();
    for (index, peeked) in records.iter().enumerate() {
        let id = index.to_string();
        let origin = Origin {
            source: &name,
            id: peeked.record.id.as_deref().unwrap_or(&id),
            context: Context {
                collected_at: peeked.received_at,
                told_at: peeked.record.at,
            },
        };
        let told = peeked.attributes.iter();
        let told = told.map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        events.extend(how.events_told(&told.collect(), origin, &peeked.record.line));
    }
    Ok(events)
}

/// An event with the reason why it was read so.
struct Shown<'e> {
    event: &'e Event,
    format: String,
    because: &'static str,
}

impl<'e> Shown<'e> {
    fn of(how: &Interpretation, event: &'e Event) -> Self {
        let choice = how.choose(&event.raw);
        Self {
            event,
            format: name_of(choice.format),
            because: choice.because,
        }
    }
}

fn name_of(format: Format) -> String {
    match serde_json::to_value(format) {
        Ok(Value::String(name)) => name,
        _ => String::new(),
    }
}

fn tally<'s>(shown: &'s [Shown<'_>]) -> BTreeMap<&'s str, usize> {
    let mut formats = BTreeMap::new();
    for shown in shown {
        *formats.entry(shown.format.as_str()).or_default() += 1;
    }
    formats
}

fn as_json(source: &SourceConfig, shown: &[Shown<'_>]) -> Value {
    let events: Vec<Value> = shown
        .iter()
        .map(|shown| {
            json!({
                "raw": shown.event.raw,
                "format": shown.format,
                "because": shown.because,
                "at": shown.event.at,
                "log_source": shown.event.log_source,
                "fields": shown.event.fields(),
                "unparsed": shown.event.unparsed,
            })
        })
        .collect();
    json!({
        "source": source.name(),
        "kind": source.kind(),
        "format": source.interpretation().format,
        "formats": tally(shown),
        "events": events,
    })
}

fn tell(source: &SourceConfig, how: &Interpretation, shown: &[Shown<'_>]) {
    if shown.is_empty() {
        say("nothing is there yet");
        return;
    }
    for shown in shown {
        say(&format!(
            "{FAINT}{} as {}, since {}{FAINT:#}",
            shown.event.at.to_rfc3339(),
            shown.format,
            shown.because
        ));
        say(&shown.event.raw);
        if let Some(reason) = &shown.event.unparsed {
            say(&format!("  {BAD}cannot be read: {reason}{BAD:#}"));
        }
        for (name, value) in shown.event.fields() {
            say(&format!("  {name} = {value}"));
        }
        say("");
    }
    let formats = tally(shown);
    let told: Vec<String> = formats
        .iter()
        .map(|(format, count)| format!("{count} as {format}"))
        .collect();
    say(&format!(
        "{}: {} events, {}",
        source.name(),
        shown.len(),
        told.join(", ")
    ));
    if how.format == Format::Auto
        && let Some((format, most)) = formats.iter().max_by_key(|(_, count)| **count)
        && *format != "plain"
        && *most as f64 >= CLEAR * shown.len() as f64
    {
        say(&format!(
            "`format = \"{format}\"` in the configuration makes every line be read so; without it each line is judged by itself"
        ));
    }
}
