//! From what matched or crossed to the detection that is handed out.

use crate::catalog::Correlation;
use crate::reason::{self, instant};
use crate::report::DetectorInfo;
use crate::sigma::rule::DetectionRule;
use crate::sigma::view::{Fields, View};
use crate::source::Sources;
use crate::window::{ACTORS_NAMED, Figures, Open};
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_domain::detection::{Detection, Evidence, TenantTrace};
use watchkeeper_domain::event::{Entity, EntityFields};

/// The detection that one matching event is. It is folded by who acted.
pub(crate) fn single(
    info: &DetectorInfo,
    rule: &DetectionRule,
    view: &View<'_>,
    fields: &Fields,
    entities: &EntityFields,
) -> Detection {
    let event = view.event;
    let group: Vec<_> = entities
        .actors(event)
        .map(|(field, value)| (field.to_owned(), value))
        .collect();
    let tenants: BTreeSet<String> = entities.tenants(event).collect();
    let mut about: BTreeSet<_> = group
        .iter()
        .map(|(_, actor)| Entity::Actor(actor.clone()))
        .collect();
    about.extend(tenants.iter().cloned().map(Entity::Tenant));
    let trace = TenantTrace {
        events: 1,
        first_at: event.at,
        last_at: event.at,
        first_event: (event.source.clone(), event.id.clone()),
    };
    Detection {
        id: Detection::derive_id(&info.id, &group, (&event.source, &event.id)),
        detector: info.id.clone(),
        title: info.title.clone(),
        level: info.level,
        first_at: event.at,
        last_at: event.at,
        events_seen: 1,
        reason: reason::single(&info.title, event.at, rule.matched_fields(view, fields)),
        evidence: vec![Evidence::of(event)],
        entities: about,
        tenants: tenants
            .into_iter()
            .map(|tenant| (tenant, trace.clone()))
            .collect(),
        tenants_dropped: 0,
        tags: info.tags.clone(),
        group,
    }
}

/// The detection that an open group is.
pub(crate) fn grouped(
    info: &DetectorInfo,
    correlation: &Correlation,
    key: &[String],
    open: &Open,
    sources: &Sources,
    entities: &EntityFields,
) -> Detection {
    let group: Vec<_> = correlation
        .rule
        .group_by
        .iter()
        .cloned()
        .zip(key.iter().cloned())
        .collect();
    let figures = &open.figures;
    let first = (sources.name(open.first.0), open.first.1.as_str());
    Detection {
        id: Detection::derive_id(&info.id, &group, first),
        detector: info.id.clone(),
        title: info.title.clone(),
        level: info.level,
        first_at: instant(figures.first_at),
        last_at: instant(figures.last_at),
        events_seen: figures.events,
        reason: correlation.words.reason(&correlation.rule, open, &group),
        evidence: evidence(figures, sources),
        entities: about(figures, &group, entities),
        tenants: tenants(figures, sources),
        tenants_dropped: figures.tenants_dropped,
        tags: info.tags.clone(),
        group,
    }
}

fn evidence(figures: &Figures, sources: &Sources) -> Vec<Evidence> {
    let mut kept: Vec<_> = figures.head.iter().chain(&figures.tail).collect();
    kept.sort_by(|a, b| (a.at, a.source, &a.event).cmp(&(b.at, b.source, &b.event)));
    let told = kept.into_iter().map(|kept| Evidence {
        source: sources.name(kept.source).clone(),
        event: kept.event.clone(),
        at: instant(kept.at),
        raw: kept.raw.clone(),
    });
    told.collect()
}

fn about(figures: &Figures, group: &[(String, String)], entities: &EntityFields) -> BTreeSet<Entity> {
    let few = figures
        .actors
        .values()
        .filter(|actors| actors.len() <= ACTORS_NAMED);
    let mut about: BTreeSet<_> = few.flatten().cloned().map(Entity::Actor).collect();
    for (field, value) in group {
        if entities.tenant.contains(field) {
            about.insert(Entity::Tenant(value.clone()));
        } else if entities.actor.contains(field) {
            about.insert(Entity::Actor(value.clone()));
        }
    }
    if figures.events == 1 {
        about.extend(figures.tenants.keys().cloned().map(Entity::Tenant));
    }
    about
}

fn tenants(figures: &Figures, sources: &Sources) -> BTreeMap<String, TenantTrace> {
    let told = figures.tenants.iter().map(|(tenant, trace)| {
        let trace = TenantTrace {
            events: trace.events,
            first_at: instant(trace.first_at),
            last_at: instant(trace.last_at),
            first_event: (sources.name(trace.first.0).clone(), trace.first.1.clone()),
        };
        (tenant.clone(), trace)
    });
    told.collect()
}
