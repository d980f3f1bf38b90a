//! What counting needs of an event, however it was read.

use crate::sigma::view::{FieldId, Fields, View};
use crate::window::Names;
use chrono::{DateTime, Utc};
use watchkeeper_domain::event::{EntityFields, Event, LogSource, SourceName};

/// A field that counting reads: its path, and the number that rules know it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CountedField {
    pub(crate) path: String,
    pub(crate) id: FieldId,
}

impl CountedField {
    pub(crate) fn new(path: String, fields: &mut Fields) -> Self {
        Self {
            id: fields.id(&path),
            path,
        }
    }
}

/// The fields that say whom an event is about.
#[derive(Debug, Default, Clone)]
pub(crate) struct NamingFields {
    pub(crate) actor: Vec<CountedField>,
    pub(crate) tenant: Vec<CountedField>,
}

impl NamingFields {
    pub(crate) fn new(entities: &EntityFields, fields: &mut Fields) -> Self {
        let mut all = |paths: &[String]| {
            let paths = paths.iter().cloned();
            paths.map(|path| CountedField::new(path, fields)).collect()
        };
        Self {
            actor: all(&entities.actor),
            tenant: all(&entities.tenant),
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &CountedField> {
        self.actor.iter().chain(&self.tenant)
    }

    /// Those of them that `is_one` says so of.
    pub(crate) fn only(mut self, is_one: impl Fn(&CountedField) -> bool) -> Self {
        self.actor.retain(&is_one);
        self.tenant.retain(&is_one);
        self
    }
}

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
    /// The fields that say whom it is about.
    pub(crate) named_by: &'e NamingFields,
}

/// The fields of an event that counting reads.
pub(crate) trait FieldText {
    /// The value as text; numbers and booleans in their JSON form, objects and lists not at all.
    fn text(&self, field: &CountedField) -> Option<&str>;

    /// The value as a number, also where it came as text.
    fn number(&self, field: &CountedField) -> Option<f64>;
}

impl FieldText for View<'_> {
    fn text(&self, field: &CountedField) -> Option<&str> {
        self.single(field.id).map(|scalar| scalar.text)
    }

    fn number(&self, field: &CountedField) -> Option<f64> {
        self.single(field.id)?.number()
    }
}

impl<'e> Occurrence<'e> {
    pub(crate) fn of(event: &'e Event, fields: &'e dyn FieldText, named_by: &'e NamingFields) -> Self {
        Self {
            id: &event.id,
            source: &event.source,
            log_source: Some(&event.log_source),
            at: event.at,
            collected_at: event.collected_at,
            raw: &event.raw,
            fields,
            named_by,
        }
    }
}

/// Reads whom an event is about into `names`, which is emptied first.
pub(crate) fn read_names(fields: &dyn FieldText, named_by: &NamingFields, names: &mut Names) {
    names.clear();
    for (number, field) in named_by.actor.iter().enumerate() {
        let actor = fields.text(field);
        if let Some(actor) = actor.filter(|actor| !actor.is_empty() && *actor != "-") {
            names.add_actor(number as u32, actor);
        }
    }
    for field in &named_by.tenant {
        let tenant = fields.text(field);
        if let Some(tenant) =
            tenant.filter(|tenant| !tenant.is_empty() && !names.tenants().any(|known| known == *tenant))
        {
            names.add_tenant(tenant);
        }
    }
}
