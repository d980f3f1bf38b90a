//! From what matched or crossed to the detection that is handed out.

use crate::catalog::{Catalog, Correlation};
use crate::counting::Link;
use crate::reason::{self, instant};
use crate::report::DetectorInfo;
use crate::sigma::rule::DetectionRule;
use crate::sigma::view::{Fields, View};
use crate::source::Sources;
use crate::window::{ACTORS_NAMED, Figures, GroupKey, Names, Open};
use std::collections::{BTreeMap, BTreeSet};
use watchkeeper_domain::detection::{Detection, Evidence, FINDING, TenantTrace};
use watchkeeper_domain::event::{Entity, EntityFields, Event};
use watchkeeper_domain::id::DetectionId;

/// The detection that one matching event is. It is folded by who acted, or by the finding that it tells of.
pub(crate) fn single(
    info: &DetectorInfo,
    rule: &DetectionRule,
    event: &Event,
    view: &View<'_>,
    fields: &Fields,
    entities: &EntityFields,
) -> Detection {
    let actors: Vec<_> = entities
        .actors(event)
        .map(|(field, value)| (field.to_owned(), value))
        .collect();
    let tenants: BTreeSet<String> = entities.tenants(event).collect();
    let mut about: BTreeSet<_> = actors
        .iter()
        .map(|(_, actor)| Entity::Actor(actor.clone()))
        .collect();
    about.extend(tenants.iter().cloned().map(Entity::Tenant));
    let group = match event.finding() {
        Some(finding) => vec![(FINDING.to_owned(), finding)],
        None => actors,
    };
    let trace = TenantTrace {
        events: 1,
        at_most: None,
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
    key: &GroupKey,
    open: &Open,
    sources: &Sources,
    entities: &EntityFields,
) -> Detection {
    let group = group(correlation, key);
    let figures = &open.figures;
    Detection {
        id: id(info, &group, open, sources),
        detector: info.id.clone(),
        title: info.title.clone(),
        level: info.level,
        first_at: instant(figures.first_at),
        last_at: instant(figures.last_at),
        events_seen: figures.events,
        reason: correlation.words.reason(&correlation.rule, open, &group, key),
        evidence: evidence(figures, sources),
        entities: about(figures, &group, key, entities),
        tenants: tenants(figures, key, sources),
        tenants_dropped: figures.tenants_dropped,
        tags: info.tags.clone(),
        group,
    }
}

fn group(correlation: &Correlation, key: &GroupKey) -> Vec<(String, String)> {
    let fields = correlation.rule.group_by.iter().cloned();
    fields.zip(key.parts().map(str::to_owned)).collect()
}

fn id(info: &DetectorInfo, group: &[(String, String)], open: &Open, sources: &Sources) -> DetectionId {
    let first = (sources.name(open.first.0), open.first.1.as_str());
    Detection::derive_id(&info.id, group, first)
}

/// The detection as an event for the correlations that count it: at the instant of its last event, with the values of its group.
pub(crate) fn link(
    catalog: &Catalog,
    index: usize,
    key: &GroupKey,
    open: &mut Open,
    sources: &Sources,
    depth: u8,
) -> Link {
    /// Names of more events say little about who it was, and reading all of a long window would stall the event at hand.
    const READ: usize = 1_024;
    const NAMED: usize = 16;
    let correlation = &catalog.correlations[index];
    let info = &catalog.detectors[correlation.detector];
    open.figures.read_waiting(READ);
    let group = group(correlation, key);
    let figures = &open.figures;
    let mut names = Names::default();
    for (field, actors) in figures
        .actors
        .iter()
        .filter(|(_, actors)| actors.len() <= ACTORS_NAMED)
    {
        actors
            .iter()
            .for_each(|actor| names.add_actor(*field, &actor.text(key)));
    }
    for tenant in figures.tenants.keys().take(NAMED) {
        names.add_tenant(&tenant.text(key));
    }
    Link {
        correlation: index,
        id: id(info, &group, open, sources).as_str().to_owned(),
        source: open.first.0,
        at: figures.last_at,
        names,
        text: format!(
            "{}: {}",
            info.title,
            correlation
                .words
                .reason(&correlation.rule, open, &group, key)
                .seen
        ),
        group,
        depth,
    }
}

fn evidence(figures: &Figures, sources: &Sources) -> Vec<Evidence> {
    let mut kept: Vec<_> = figures.head.iter().chain(&figures.tail).collect();
    kept.sort_by(|a, b| (a.at, a.source, &a.event).cmp(&(b.at, b.source, &b.event)));
    let told = kept.into_iter().map(|kept| Evidence {
        source: sources.name(kept.source).clone(),
        event: kept.event.clone(),
        at: instant(kept.at),
        raw: kept.raw.clone().unwrap_or_default(),
    });
    told.collect()
}

fn about(
    figures: &Figures,
    group: &[(String, String)],
    key: &GroupKey,
    entities: &EntityFields,
) -> BTreeSet<Entity> {
    let few = figures
        .actors
        .values()
        .filter(|actors| actors.len() <= ACTORS_NAMED);
    let mut about: BTreeSet<_> = few
        .flatten()
        .map(|actor| Entity::Actor(actor.text(key)))
        .collect();
    for (field, value) in group {
        if entities.tenant.contains(field) {
            about.insert(Entity::Tenant(value.clone()));
        } else if entities.actor.contains(field) {
            about.insert(Entity::Actor(value.clone()));
        }
    }
    if figures.events == 1 {
        about.extend(
            figures
                .tenants
                .keys()
                .map(|tenant| Entity::Tenant(tenant.text(key))),
        );
    }
    about
}

fn tenants(figures: &Figures, key: &GroupKey, sources: &Sources) -> BTreeMap<String, TenantTrace> {
    let told = figures.tenants.iter().map(|(tenant, trace)| {
        let trace = TenantTrace {
            events: trace.events,
            at_most: None,
            first_at: instant(trace.first_at),
            last_at: instant(trace.last_at),
            first_event: (sources.name(trace.first.0).clone(), trace.first.1.clone()),
        };
        (tenant.text(key), trace)
    });
    told.collect()
}
