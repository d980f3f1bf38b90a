//! What counting needs of an event, however it was read.

use crate::sigma::view::{Fields, View};
use crate::window::Names;
use chrono::{DateTime, Utc};
use serde_json::Value;
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
    /// The fields that name whom it is about, where only some of the configured ones can be there.
    pub(crate) entities: Option<&'e EntityFields>,
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
        match self.field(path)? {
            Value::String(text) => Some(Cow::Borrowed(text)),
            Value::Number(number) => Some(Cow::Owned(number.to_string())),
            Value::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn number(&self, path: &str) -> Option<f64> {
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

/// The fields of an event that came with them: what rules and correlations ask for as the rules saw it, and the others.
pub(crate) struct EventFields<'v, 'e> {
    pub(crate) asked: TextFields<'v, 'e>,
    pub(crate) event: &'e Event,
}

impl FieldText for EventFields<'_, '_> {
    fn text(&self, path: &str) -> Option<Cow<'_, str>> {
        self.asked
            .text(path)
            .or_else(|| FieldText::text(self.event, path))
    }

    fn number(&self, path: &str) -> Option<f64> {
        self.asked
            .number(path)
            .or_else(|| FieldText::number(self.event, path))
    }
}

impl<'e> Occurrence<'e> {
    pub(crate) fn of(event: &'e Event, fields: &'e dyn FieldText) -> Self {
        Self {
            id: &event.id,
            source: &event.source,
            log_source: Some(&event.log_source),
            at: event.at,
            collected_at: event.collected_at,
            raw: &event.raw,
            fields,
            entities: None,
        }
    }
}

/// Reads whom an event is about into `names`, which is emptied first.
pub(crate) fn read_names(fields: &dyn FieldText, entities: &EntityFields, names: &mut Names) {
    names.clear();
    for (number, field) in entities.actor.iter().enumerate() {
        let actor = fields.text(field);
        if let Some(actor) = actor.filter(|actor| !actor.is_empty() && actor != "-") {
            names.add_actor(number as u32, &actor);
        }
    }
    for field in &entities.tenant {
        let tenant = fields.text(field);
        if let Some(tenant) =
            tenant.filter(|tenant| !tenant.is_empty() && !names.tenants().any(|known| known == tenant))
        {
            names.add_tenant(&tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_those_that_the_event_has_however_many_there_are() {
        let mut value = json!({"a.b": 1, "a": {"b": 2, "c": {"d": 3}}, "n": null, "n.o": {"p": 4}, "x.y": {"z": 5}, "x": {"y": {"w": 6}}, "q": 1, "q.r": {"s": 7}});
        for many in [false, true] {
            for number in 0..if many { 100 } else { 3 } {
                value[format!("f{number}")] = json!(number);
            }
            let Value::Object(fields) = value.clone() else {
                unreachable!()
            };
            let mut event: Event = serde_json::from_value(json!({
                "id": "1", "source": "s", "at": "2026-01-05T09:00:00Z", "collected_at": "2026-01-05T09:00:00Z",
                "log_source": {}, "fields": {}, "raw": "",
            }))
            .unwrap();
            event.fields = fields;
            for path in [
                "a.b", "a.c.d", "a.x", "a", "n", "n.o.p", "x.y.z", "x.y.w", "q.r.s", "f2", "f99", "y", "ab",
                "",
            ] {
                assert_eq!(
                    FieldText::text(&event, path).map(Cow::into_owned),
                    event.text(path),
                    "{path}"
                );
            }
        }
    }
}
