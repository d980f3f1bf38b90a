//! What an incident answers to a question of a form, and where the answer comes from.

use super::ReportInput;
use super::form::From;
use crate::event::Entity;
use crate::incident::{Particular, SeverityAssessment, Standing};
use crate::notice::{FactField, Notice, NoticeKind, NoticeState};
use crate::obligation::rule::Moment;
use crate::words::{minute, second};

/// An answer.
pub(super) struct Answer {
    pub(super) value: String,
    /// Where it comes from, and as of when it stands.
    pub(super) basis: Option<String>,
}

fn plain(value: impl Into<String>) -> Answer {
    Answer {
        value: value.into(),
        basis: None,
    }
}

/// What people can record to answer a question.
pub(super) fn recorded_as(from: From) -> Option<Particular> {
    match from {
        From::Particular(particular) => Some(particular),
        From::Delay => Some(Particular::DelayReasons),
        From::Moment(_) | From::Contact | From::Procedures | From::Deadline | From::Customers => None,
    }
}

/// What is known.
pub(super) struct Known<'i> {
    input: ReportInput<'i>,
    to_customer: bool,
}

impl<'i> Known<'i> {
    pub(super) fn new(input: ReportInput<'i>, to_customer: bool) -> Self {
        Self { input, to_customer }
    }

    /// The answer to a question; none while nobody knows it.
    pub(super) fn answer(&self, from: From) -> Option<Answer> {
        match from {
            From::Moment(moment) => self.moment(moment),
            From::Particular(particular) => self.particular(particular),
            From::Contact => self.contact(),
            From::Procedures => self.procedures(),
            From::Deadline => self.deadline(),
            From::Delay => self.delay(),
            From::Customers => self.customers(),
        }
    }

    fn moment(&self, moment: Moment) -> Option<Answer> {
        let incident = self.input.incident;
        let at = incident.moments_in_force().get(&moment).copied()?;
        let record = incident.moments.get(&moment).and_then(|records| records.last());
        Some(Answer {
            value: second(at),
            // Why it was then may name people and other customers; it stays in the incident.
            basis: Some(match record {
                Some(record) => format!("recorded {}", minute(record.recorded_at)),
                None if moment == Moment::Detected => "when the incident was opened".to_owned(),
                None => "as decided on the disclosure".to_owned(),
            }),
        })
    }

    /// A customer reads what was written for customers first; an authority what was written for authorities.
    fn particular(&self, particular: Particular) -> Option<Answer> {
        let recorded = || self.recorded(particular);
        let told = || told_as(particular).and_then(|field| self.told(field));
        if self.to_customer {
            return told().or_else(recorded);
        }
        recorded().or_else(told).or_else(|| self.derived(particular))
    }

    fn recorded(&self, particular: Particular) -> Option<Answer> {
        let record = self.input.incident.particular(particular)?;
        Some(Answer {
            value: record.text.clone(),
            basis: Some(format!("recorded {}", minute(record.at))),
        })
    }

    /// What the newest notice says of a field, a sent one before a draft.
    fn told(&self, field: FactField) -> Option<Answer> {
        let accounts = [NoticeKind::Full, NoticeKind::FollowUp, NoticeKind::Final];
        let says = |notice: &&Notice| {
            accounts.contains(&notice.kind) && !notice.discarded() && !notice.facts.get(field).is_empty()
        };
        let sent = |notice: &&Notice| matches!(notice.state, NoticeState::Sent { .. });
        let mut newest = self.input.notices.iter().rev().filter(says);
        let notice = newest.clone().find(sent).or_else(|| newest.next())?;
        let state = match &notice.state {
            NoticeState::Sent { at, .. } => format!("sent {}", minute(*at)),
            _ => "not approved yet".to_owned(),
        };
        let as_of = notice
            .facts_as_of
            .map_or(String::new(), |at| format!(", as of {}", minute(at)));
        Some(Answer {
            value: notice.facts.get(field).to_owned(),
            basis: Some(format!("{}, {state}{as_of}", notice.kind.title())),
        })
    }

    /// What records say of it that nobody wrote for this purpose.
    fn derived(&self, particular: Particular) -> Option<Answer> {
        let incident = self.input.incident;
        match particular {
            Particular::Nature => {
                let summary = incident.summary.trim();
                let basis = Some("summary of the incident".to_owned());
                (!summary.is_empty()).then(|| Answer {
                    value: summary.to_owned(),
                    basis,
                })
            }
            Particular::Severity => {
                let assessed = incident.assessments.last().and_then(SeverityAssessment::told)?;
                Some(Answer {
                    value: format!("{} ({}). {}", assessed.level, assessed.score, assessed.arithmetic),
                    basis: Some(format!("assessment by ENISA's method, {}", minute(assessed.at))),
                })
            }
            Particular::UnlawfulAct => {
                let last = incident.assessments.last().filter(|last| last.inputs.malice)?;
                Some(Answer {
                    value: "Yes: malice is assumed".to_owned(),
                    basis: Some(format!("assessment of severity, {}", minute(last.at))),
                })
            }
            Particular::Indicators => {
                let actors = incident.entities.iter().filter_map(|entity| match entity {
                    Entity::Actor(actor) => Some(actor.as_str()),
                    Entity::Tenant(_) => None,
                });
                let actors = actors.collect::<Vec<_>>().join("\n");
                (!actors.is_empty()).then(|| Answer {
                    value: actors,
                    basis: Some(
                        "who acted in the incident's alerts, as events name them; nobody has verified it"
                            .to_owned(),
                    ),
                })
            }
            Particular::SubjectCategories
            | Particular::SubjectCount
            | Particular::RecordCategories
            | Particular::RecordCount
            | Particular::Consequences
            | Particular::Measures
            | Particular::DelayReasons
            | Particular::CrossBorder
            | Particular::Impact
            | Particular::RootCause
            | Particular::Individuals
            | Particular::ProtectiveSteps => None,
        }
    }

    /// A name and a way to reach it; one alone is not a contact.
    fn contact(&self) -> Option<Answer> {
        let contact = self.input.contact;
        let name = said(contact.name.as_deref())?;
        let ways = self.ways();
        if ways.is_empty() {
            return None;
        }
        let role = said(contact.role.as_deref())
            .map(|role| format!(", {role}"))
            .unwrap_or_default();
        let mut lines = vec![format!("{name}{role}")];
        lines.extend(ways.iter().map(ToString::to_string));
        Some(plain(lines.join("\n")))
    }

    fn ways(&self) -> Vec<&str> {
        let contact = self.input.contact;
        let ways = [&contact.email, &contact.phone, &contact.address];
        ways.into_iter().filter_map(|way| said(way.as_deref())).collect()
    }

    /// What customers are told anyway, and what the configuration adds.
    fn procedures(&self) -> Option<Answer> {
        let mut ways: Vec<&str> = said(Some(&self.input.sender.contact)).into_iter().collect();
        ways.extend(
            self.ways()
                .into_iter()
                .filter(|way| *way != self.input.sender.contact.trim()),
        );
        (!ways.is_empty()).then(|| plain(ways.join("\n")))
    }

    /// When it is late: since it was submitted late, or not in time so far.
    fn late(&self) -> Option<bool> {
        let clock = self.input.clock;
        Some(clock.submitted_at.unwrap_or(self.input.now) > clock.due_at?)
    }

    fn deadline(&self) -> Option<Answer> {
        let clock = self.input.clock;
        let (due, late) = (second(clock.due_at?), self.late()?);
        Some(plain(match (clock.submitted_at, late) {
            (Some(at), false) => format!("{due}; submitted {}, in time", second(at)),
            (Some(at), true) => format!("{due}; submitted {}, late", second(at)),
            (None, false) => format!("{due}; no submission is recorded yet"),
            (None, true) => format!("{due}; it has passed, and no submission is recorded"),
        }))
    }

    fn delay(&self) -> Option<Answer> {
        if self.late()? {
            self.recorded(Particular::DelayReasons)
        } else {
            Some(plain("None to give: the deadline is kept so far"))
        }
    }

    fn customers(&self) -> Option<Answer> {
        let affected = &self.input.incident.affected;
        let standing = |wanted| affected.values().filter(|each| each.standing == wanted).count();
        let (confirmed, possible, cleared) = (
            standing(Standing::Confirmed),
            standing(Standing::Possible),
            standing(Standing::Cleared),
        );
        (!affected.is_empty()).then(|| Answer {
            value: format!("{confirmed} confirmed, {possible} possible, {cleared} cleared"),
            basis: Some("list of affected customers".to_owned()),
        })
    }
}

fn said(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// The field of a notice that answers a question.
fn told_as(particular: Particular) -> Option<FactField> {
    match particular {
        Particular::Nature => Some(FactField::WhatHappened),
        Particular::RecordCategories => Some(FactField::WhatInformation),
        Particular::Consequences => Some(FactField::LikelyConsequences),
        Particular::Measures => Some(FactField::WhatWeDid),
        Particular::ProtectiveSteps => Some(FactField::WhatYouShouldDo),
        Particular::SubjectCategories
        | Particular::SubjectCount
        | Particular::RecordCount
        | Particular::DelayReasons
        | Particular::UnlawfulAct
        | Particular::CrossBorder
        | Particular::Severity
        | Particular::Impact
        | Particular::Indicators
        | Particular::RootCause
        | Particular::Individuals => None,
    }
}
