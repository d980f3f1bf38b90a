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

/// The fields of an event as rules see it: those that some rule or correlation asks for, and those that say whom it is about.
pub(crate) struct Seen<'v, 'e> {
    pub(crate) view: &'v View<'e>,
    pub(crate) fields: &'v Fields,
}

impl FieldText for Seen<'_, '_> {
    fn text(&self, path: &str) -> Option<Cow<'_, str>> {
        let field = self.fields.known(path)?;
        self.view.single(field).map(|scalar| Cow::Borrowed(scalar.text))
    }

    fn number(&self, path: &str) -> Option<f64> {
        self.view.single(self.fields.known(path)?)?.number()
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
