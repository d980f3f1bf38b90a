//! What counting needs of an event, however it was read.

use crate::sigma::view::{Fields, View};
use crate::window::Names;
use chrono::{DateTime, Utc};
use std::borrow::Cow;
use watchkeeper_domain::event::{EntityFields, Event, LogSource, SourceName};

/// An event as it is counted.
#[derive(Clone, Copy)]
pub(crate) struct Occurrence<'e> {
    /// Unique within the source.
    pub(crate) id: &'e str,
    pub(crate) source: &'e SourceName,
    /// None where it is not known: every rule judges it then.
    pub(crate) log_source: Option<&'e LogSource>,
    /// When it says it happened.
    pub(crate) at: DateTime<Utc>,
    pub(crate) collected_at: DateTime<Utc>,
    /// The line as it came.
    pub(crate) raw: &'e str,
    pub(crate) fields: &'e dyn FieldText,
}

/// The fields of an event, by dotted path.
pub(crate) trait FieldText {
    /// The value as text; numbers and booleans in their JSON form, objects and lists not at all.
    fn text(&self, path: &str) -> Option<Cow<'_, str>>;

    /// The value as a number, also where it came as text.
    fn number(&self, path: &str) -> Option<f64>;
}

impl FieldText for Event {
    fn text(&self, path: &str) -> Option<Cow<'_, str>> {
        use serde_json::Value;
        match self.field(path)? {
            Value::String(text) => Some(Cow::Borrowed(text)),
            Value::Number(number) => Some(Cow::Owned(number.to_string())),
            Value::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn number(&self, path: &str) -> Option<f64> {
        use serde_json::Value;
        match self.field(path)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => crate::sigma::view::number(text),
            _ => None,
        }
    }
}

/// The fields that rules and correlations ask for, of an event that was read from text.
pub(crate) struct TextFields<'v, 'e> {
    pub(crate) view: &'v View<'e>,
    pub(crate) fields: &'v Fields,
}

impl FieldText for TextFields<'_, '_> {
    fn text(&self, path: &str) -> Option<Cow<'_, str>> {
        let field = self.fields.known(path)?;
        self.view.single(field).map(|scalar| Cow::Borrowed(scalar.text))
    }

    fn number(&self, path: &str) -> Option<f64> {
        self.view.single(self.fields.known(path)?)?.number()
    }
}

impl<'e> Occurrence<'e> {
    pub(crate) fn of(event: &'e Event) -> Self {
        Self {
            id: &event.id,
            source: &event.source,
            log_source: Some(&event.log_source),
            at: event.at,
            collected_at: event.collected_at,
            raw: &event.raw,
            fields: event,
        }
    }
}

/// Whom an event is about.
pub(crate) fn names(fields: &dyn FieldText, entities: &EntityFields) -> Names {
    let mut names = Names::default();
    for (number, field) in entities.actor.iter().enumerate() {
        let actor = fields.text(field);
        if let Some(actor) = actor.filter(|actor| !actor.is_empty() && actor != "-") {
            names.actors.push((number as u32, actor.into_owned()));
        }
    }
    for field in &entities.tenant {
        let tenant = fields.text(field);
        if let Some(tenant) =
            tenant.filter(|tenant| !tenant.is_empty() && !names.tenants.iter().any(|t| t == tenant))
        {
            names.tenants.push(tenant.into_owned());
        }
    }
    names.tenants.sort_unstable();
    names
}
