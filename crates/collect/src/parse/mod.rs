//! Lines and documents become fields in Sigma's names.
//!
//! Takes one line (or one document) and what is known about its source; gives the events in it. Pure: the same line and context
//! always give the same events, so reading again changes nothing. A line that no parser can read becomes an event that says why.

mod access_log;
mod balancer;
mod bucket_access;
mod choice;
mod cloudfront;
mod cloudtrail;
mod ftp;
mod guardduty;
mod journal;
mod json;
mod kinds;
pub(crate) mod otlp;
pub(crate) mod skim;
mod sshd;
mod syslog;
pub mod time;
pub(crate) mod vpc_flow;
mod waf;
mod words;

pub use choice::Choice;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use watchkeeper_domain::event::{Event, Fields, LogSource, SourceName};

/// How lines are to be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Judged for each line by itself, so that a line gives the same event wherever reading begins.
    #[default]
    Auto,
    /// Access logs of nginx and apache, "combined" or "common", with or without a virtual host in front.
    Combined,
    /// CloudTrail: one event, `{"Records": […]}`, or a list of events.
    Cloudtrail,
    /// GuardDuty findings, bare or in EventBridge's envelope.
    Guardduty,
    /// Syslog lines of sshd and its neighbours (RFC 3164, RFC 5424, or with an ISO time).
    Sshd,
    /// Syslog of any program (RFC 5424, RFC 3164, or with an ISO time); what has a form of its own within the message is read too.
    Syslog,
    /// VPC flow logs of any version.
    VpcFlow,
    /// AWS WAF's records in JSON.
    Waf,
    /// Access logs of AWS's application and classic load balancers.
    Alb,
    /// Standard logs of CloudFront.
    Cloudfront,
    /// Server access logs of S3 buckets.
    S3Access,
    /// Logs of FTP servers: vsftpd's own, xferlog, and syslog lines of vsftpd, proftpd and pure-ftpd.
    Ftp,
    /// Log records of OpenTelemetry in OTLP's JSON, as the receiver keeps them and the Collector's file exporter writes them.
    Otlp,
    /// Entries of journald, one JSON object a line.
    Journal,
    /// One JSON object a line.
    Json,
    /// Text without a form.
    Plain,
}

/// Names of fields in the record that say what kind of log it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordLogSource {
    /// The field that holds the category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The field that holds the product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The field that holds the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// How lines of one source become events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interpretation {
    /// How lines are to be read.
    pub format: Format,
    /// What kind of log it is; each part given wins over what follows from the format.
    pub log_source: LogSource,
    /// Fields of the record that win over both.
    pub log_source_from: RecordLogSource,
    /// The field that holds the time, when it is not one of [`time::USUAL_FIELDS`].
    pub timestamp_field: Option<String>,
    /// Minutes that a clock without a zone is ahead of UTC.
    pub utc_offset_minutes: i32,
    /// The fields of VPC flow log records in their order, as the flow log's `LogFormat` names them; AWS's default where not given.
    pub flow_log_format: Option<String>,
    /// The customer whom every event concerns.
    pub tenant: Option<String>,
}

/// What is known about a line besides its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// When it was collected.
    pub collected_at: DateTime<Utc>,
    /// When it happened, as the transport says (CloudWatch's timestamp); used where the line itself does not say.
    pub told_at: Option<DateTime<Utc>>,
}

impl Context {
    /// A line collected at `collected_at`, with no other knowledge of its time.
    #[must_use]
    pub fn collected(collected_at: DateTime<Utc>) -> Self {
        Self {
            collected_at,
            told_at: None,
        }
    }
}

/// One event found in a line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    /// When it happened, if the line says so.
    pub at: Option<DateTime<Utc>>,
    /// The id that the record itself carries, if its kind has one that is unique.
    pub id: Option<String>,
    /// What kind of log it is.
    pub log_source: LogSource,
    /// The fields; besides those of the text, where they stand [`Self::in_text`].
    pub fields: Map<String, Value>,
    /// Whether the text is a sound JSON object whose keys are fields, but for those of the same name in [`Self::fields`].
    pub in_text: bool,
    /// The record's own text, where a line holds several.
    pub raw: Option<String>,
    /// Why it could not be read.
    pub unparsed: Option<String>,
}

impl Parsed {
    fn unreadable(line: &str, reason: impl Into<String>) -> Self {
        let mut parsed = Self::text(line);
        parsed.unparsed = Some(reason.into());
        parsed
    }

    fn text(line: &str) -> Self {
        let mut fields = Map::new();
        fields.insert("message".into(), line.into());
        Self {
            fields,
            ..Self::default()
        }
    }

    /// The same, with all fields built from its text.
    fn with_all_fields(mut self, text: &str) -> Self {
        if std::mem::take(&mut self.in_text) {
            let besides = std::mem::take(&mut self.fields);
            self.fields = serde_json::from_str(text).unwrap_or_default();
            self.fields.extend(besides);
        }
        self
    }

    /// A field at the top of a record with this text.
    fn field(&self, text: &str, name: &str) -> Option<Value> {
        let beside = self.fields.get(name).cloned();
        if beside.is_some() || !self.in_text {
            return beside;
        }
        skim::object(text, |key| key == name).ok()?.remove(name)
    }

    /// The front of a record with what its message says, where that has a form of its own: what the message says of itself wins.
    /// Otherwise the front alone.
    fn with_message(self, how: &Interpretation, message: &str, context: Context) -> Vec<Self> {
        let format = match guess(message) {
            Format::Plain | Format::Auto | Format::Otlp => return vec![self],
            format => format,
        };
        let found = parse_as(format, how, message, context);
        if found.is_empty() || found.iter().any(|parsed| parsed.unparsed.is_some()) {
            return vec![self];
        }
        let over = |inner: Self| {
            let mut parsed = self.clone();
            let inner = inner.with_all_fields(message);
            parsed.fields.extend(inner.fields);
            parsed.at = inner.at.or(parsed.at);
            parsed.id = inner.id;
            if inner.log_source != LogSource::default() {
                parsed.log_source = inner.log_source;
            }
            parsed
        };
        found.into_iter().map(over).collect()
    }
}

/// Where a line came from, for [`Interpretation::events`].
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Which source told it.
    pub source: &'a SourceName,
    /// An id that is the same whenever the line is read again.
    pub id: &'a str,
    /// What is known about it.
    pub context: Context,
}

/// The events in one line: almost always one; none for a document that holds an empty list, and for a heading.
#[must_use]
pub fn parse(how: &Interpretation, line: &str, context: Context) -> Vec<Parsed> {
    parse_under(None, how, line, context, &Map::new())
}

/// The events in one line of a file that begins with `heading`, a line for which [`Interpretation::is_heading`] holds; the transport
/// has `told` these fields of it.
fn parse_under(
    heading: Option<&str>,
    how: &Interpretation,
    line: &str,
    context: Context,
    told: &Map<String, Value>,
) -> Vec<Parsed> {
    let format = match (how.format, heading) {
        (Format::Auto, Some(heading)) if cloudfront::is_heading(heading) => Format::Cloudfront,
        (Format::Auto, Some(_)) => Format::VpcFlow,
        (Format::Auto, None) => guess(line),
        (format, _) => format,
    };
    let mut found = match format {
        Format::VpcFlow => vpc_flow::parse(line, heading.or(how.flow_log_format.as_deref())),
        Format::Cloudfront => cloudfront::parse(line, heading),
        format => parse_as(format, how, line, context),
    };
    for parsed in &mut found {
        parsed
            .fields
            .extend(told.iter().map(|(name, value)| (name.clone(), value.clone())));
        how.overlay(parsed, line);
    }
    found
}

fn parse_as(format: Format, how: &Interpretation, line: &str, context: Context) -> Vec<Parsed> {
    match format {
        Format::Combined => vec![access_log::parse(line)],
        Format::Cloudtrail => cloudtrail::parse(line),
        Format::Guardduty => guardduty::parse(line),
        Format::Sshd => sshd::parse(line, context.collected_at, how.utc_offset_minutes),
        Format::Syslog => syslog::parse(how, line, context),
        Format::VpcFlow => vpc_flow::parse(line, how.flow_log_format.as_deref()),
        Format::Waf => waf::parse(line),
        Format::Alb => vec![balancer::parse(line)],
        Format::Cloudfront => cloudfront::parse(line, None),
        Format::S3Access => vec![bucket_access::parse(line)],
        Format::Ftp => ftp::parse(line, context.collected_at, how.utc_offset_minutes),
        Format::Otlp => otlp::parse(how, line, context),
        Format::Journal => journal::parse(how, line, context),
        Format::Json => vec![json::parse(
            line,
            how.timestamp_field.as_deref(),
            how.utc_offset_minutes,
        )],
        Format::Plain | Format::Auto => vec![Parsed::text(line)],
    }
}

/// The format that a line looks like.
#[must_use]
pub fn guess(line: &str) -> Format {
    let trimmed = line.trim_start();
    if trimmed.starts_with('{') || trimmed.starts_with('[') {
        if cloudtrail::resembles(trimmed) {
            Format::Cloudtrail
        } else if waf::resembles(trimmed) {
            Format::Waf
        } else if guardduty::resembles(trimmed) {
            Format::Guardduty
        } else if otlp::resembles(trimmed) {
            Format::Otlp
        } else if journal::resembles(trimmed) {
            Format::Journal
        } else if trimmed.starts_with('{') {
            Format::Json
        } else {
            Format::Plain
        }
    } else if access_log::resembles(line) {
        Format::Combined
    } else if sshd::resembles(line) {
        Format::Sshd
    } else if vpc_flow::resembles(line) {
        Format::VpcFlow
    } else if balancer::resembles(line) {
        Format::Alb
    } else if bucket_access::resembles(line) {
        Format::S3Access
    } else if cloudfront::resembles(line) {
        Format::Cloudfront
    } else if ftp::resembles(line) {
        Format::Ftp
    } else if syslog::resembles(line) {
        Format::Syslog
    } else {
        Format::Plain
    }
}

impl Interpretation {
    /// The events in one line. An event's id is the record's own where it has one, else `origin.id`, with `#n` behind it from
    /// the second on.
    #[must_use]
    pub fn events(&self, origin: Origin<'_>, line: &str) -> Vec<Event> {
        self.events_of(None, &Map::new(), origin, line)
    }

    /// As [`Self::events`], for a line of which the transport says these fields, too. They win over those of the line, which anybody may
    /// write.
    #[must_use]
    pub fn events_told(&self, told: &Map<String, Value>, origin: Origin<'_>, line: &str) -> Vec<Event> {
        self.events_of(None, told, origin, line)
    }

    /// Whether a line at the beginning of a file says which fields the lines behind it have, as in VPC flow logs and logs of CloudFront
    /// on S3.
    #[must_use]
    pub fn is_heading(&self, line: &str) -> bool {
        match self.format {
            Format::VpcFlow => vpc_flow::is_heading(line),
            Format::Cloudfront => cloudfront::is_heading(line),
            Format::Auto => vpc_flow::is_heading(line) || cloudfront::is_heading(line),
            _ => false,
        }
    }

    /// As [`Self::events`], for a line of a file that begins with `heading`.
    #[must_use]
    pub fn events_under(&self, heading: Option<&str>, origin: Origin<'_>, line: &str) -> Vec<Event> {
        self.events_of(heading, &Map::new(), origin, line)
    }

    fn events_of(
        &self,
        heading: Option<&str>,
        told: &Map<String, Value>,
        origin: Origin<'_>,
        line: &str,
    ) -> Vec<Event> {
        let Context {
            collected_at,
            told_at,
        } = origin.context;
        let found = parse_under(heading, self, line, origin.context, told);
        found
            .into_iter()
            .enumerate()
            .map(|(index, parsed)| Event {
                id: parsed.id.unwrap_or_else(|| numbered(origin.id, index)),
                source: origin.source.clone(),
                at: parsed.at.or(told_at).unwrap_or(collected_at),
                collected_at,
                log_source: parsed.log_source,
                fields: if parsed.in_text {
                    Fields::in_text(parsed.fields)
                } else {
                    parsed.fields.into()
                },
                raw: parsed.raw.unwrap_or_else(|| line.to_owned()),
                unparsed: parsed.unparsed,
            })
            .collect()
    }

    /// Lays what the configuration says over what the line says.
    fn overlay(&self, parsed: &mut Parsed, line: &str) {
        let LogSource {
            category,
            product,
            service,
        } = &self.log_source;
        let found = &mut parsed.log_source;
        found.category = category.clone().or(found.category.take());
        found.product = product.clone().or(found.product.take());
        found.service = service.clone().or(found.service.take());
        let told = |field: &Option<String>| match parsed.field(line, field.as_deref()?)? {
            Value::String(text) if !text.is_empty() => Some(text),
            _ => None,
        };
        let from = &self.log_source_from;
        let (category, product, service) = (told(&from.category), told(&from.product), told(&from.service));
        let found = &mut parsed.log_source;
        found.category = category.or(found.category.take());
        found.product = product.or(found.product.take());
        found.service = service.or(found.service.take());
        if let Some(tenant) = &self.tenant
            && parsed.field(line, "tenant").is_none()
        {
            parsed.fields.insert("tenant".into(), tenant.clone().into());
        }
    }
}

fn numbered(id: &str, index: usize) -> String {
    if index == 0 {
        id.to_owned()
    } else {
        format!("{id}#{index}")
    }
}

fn log_source(product: &str, service: &str) -> LogSource {
    LogSource {
        category: None,
        product: Some(product.to_owned()),
        service: Some(service.to_owned()),
    }
}
