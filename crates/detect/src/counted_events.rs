//! What correlations need of the events that they count, taken out of them as they are judged: counting comes later and in order,
//! and need not read an event a second time.

use crate::occurrence::{CountedField, FieldText};
use crate::sigma::view::{FieldId, Form, Scalar};
use std::ops::Range;

/// Events to be counted, one after the other.
#[derive(Debug, Default)]
pub struct CountedEvents {
    /// Their values' texts.
    texts: String,
    values: Vec<CountedValue>,
    /// The rules that match them and that correlations count, by number.
    rules: Vec<usize>,
    /// By event: where its values and its rules end.
    ends: Vec<(usize, usize)>,
}

#[derive(Debug)]
struct CountedValue {
    field: FieldId,
    form: Form,
    text: Range<usize>,
}

impl CountedEvents {
    /// The event that was taken as this one, counted from 0.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<CountedEvent<'_>> {
        let (values_end, rules_end) = *self.ends.get(number)?;
        let before = number.checked_sub(1).map(|before| self.ends[before]);
        let (values_start, rules_start) = before.unwrap_or_default();
        Some(CountedEvent {
            texts: &self.texts,
            values: &self.values[values_start..values_end],
            rules: &self.rules[rules_start..rules_end],
        })
    }

    /// Forgets them, and keeps the memory for others.
    pub fn clear(&mut self) {
        self.texts.clear();
        self.values.clear();
        self.rules.clear();
        self.ends.clear();
    }

    /// Takes an event that these rules count; false where there is no rule.
    pub(crate) fn take<'v, 'a: 'v>(
        &mut self,
        rules: impl Iterator<Item = usize>,
        values: impl Iterator<Item = &'v Scalar<'a>>,
    ) -> bool {
        let before = self.rules.len();
        self.rules.extend(rules);
        if self.rules.len() == before {
            return false;
        }
        for value in values {
            let start = self.texts.len();
            self.texts.push_str(value.text);
            self.values.push(CountedValue {
                field: value.field,
                form: value.form,
                text: start..self.texts.len(),
            });
        }
        self.ends.push((self.values.len(), self.rules.len()));
        true
    }
}

/// One event to be counted.
#[derive(Debug, Clone, Copy)]
pub struct CountedEvent<'c> {
    texts: &'c str,
    values: &'c [CountedValue],
    rules: &'c [usize],
}

impl<'c> CountedEvent<'c> {
    /// The rules that match and that correlations count, by number, in the order they were loaded.
    pub(crate) fn rules(&self) -> &'c [usize] {
        self.rules
    }

    fn value(&self, field: &CountedField) -> Option<&'c CountedValue> {
        self.values.iter().find(|value| value.field == field.id)
    }
}

impl FieldText for CountedEvent<'_> {
    fn text(&self, field: &CountedField) -> Option<&str> {
        Some(&self.texts[self.value(field)?.text.clone()])
    }

    fn number(&self, field: &CountedField) -> Option<f64> {
        let value = self.value(field)?;
        value.form.number(&self.texts[value.text.clone()])
    }
}
