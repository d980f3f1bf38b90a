/** Why a customer is on the list: the events that name it, and what they say was touched. */
import { Modal } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useWhyAffected } from '../../api/queries';
import type { WhyAffected } from '../../api/types';
import { useFocusBack } from '../../components/dialogs';
import { ActorName, At } from '../../components/marks';
import { RawText } from '../../components/RawText';
import { Loaded } from '../../components/States';
import { count, STANDING_NAMES } from '../../words/labels';

interface WhyProps {
  incident: string;
  customer: string;
  name: string;
  onClose: () => void;
}

export function WhyDialog({ incident, customer, name, onClose }: WhyProps) {
  const why = useWhyAffected(incident, customer);
  useFocusBack(true);
  return (
    <Modal opened onClose={onClose} title={`Why ${name} is on the list`} size="xl">
      <Loaded query={why} what="the evidence">
        {(found) => <Why why={found} />}
      </Loaded>
    </Modal>
  );
}

export function Why({ why }: { why: WhyAffected }) {
  return (
    <div className="stack">
      <Figures why={why} />
      {why.alerts.length > 0 && (
        <section aria-label="Alerts" className="stack tight">
          <h3>Alerts</h3>
          <ul className="plain-list stack tight small">
            {why.alerts.map((each) => (
              <li key={each.alert}>
                <Link to="/alerts/$id" params={{ id: each.alert }}>
                  {each.title}
                </Link>
                {Object.entries(each.tenants).map(([tenant, trace]) => (
                  <div key={tenant} className="dim wrap">
                    {count(trace.events, 'event')} of <span className="mono">{tenant}</span>,{' '}
                    <At at={trace.first_at} /> to <At at={trace.last_at} />; the first is{' '}
                    <span className="mono">
                      {trace.first_event[1]} of {trace.first_event[0]}
                    </span>
                  </div>
                ))}
              </li>
            ))}
          </ul>
        </section>
      )}
      <section aria-label="Decisions" className="stack tight">
        <h3>Decisions</h3>
        <ul className="plain-list stack tight small">
          {why.changes.map((change) => (
            <li key={`${change.at} ${change.to}`} className="wrap">
              {STANDING_NAMES[change.to]}, <ActorName actor={change.by} />, <At at={change.at} />:{' '}
              {change.evidence}
            </li>
          ))}
        </ul>
      </section>
      {why.events.length > 0 && (
        <section aria-label="Events" className="stack tight">
          <h3>Events</h3>
          {why.events.map((event) => (
            <details key={`${event.source} ${event.event}`} className="small">
              <summary>
                <At at={event.at} /> {event.source}:{' '}
                <span className="mono wrap">
                  {event.says.length > 0
                    ? event.says.map(([, value]) => value).join(' · ')
                    : event.by.map((by) => by.found_in).join('; ')}
                </span>
              </summary>
              {event.says.length > 0 && (
                <p className="wrap">{event.says.map(([field, value]) => `${field} = ${value}`).join(', ')}</p>
              )}
              <p className="dim wrap">
                Names the customer by {event.by.map((by) => `${by.found_in} (${by.rule})`).join('; ')}
              </p>
              <RawText label={`Event ${event.event}`}>{event.raw}</RawText>
            </details>
          ))}
        </section>
      )}
    </div>
  );
}

function Figures({ why }: { why: WhyAffected }) {
  if (why.events_counted === 0) {
    return <p>No event names this customer: people put it on the list. Their reasons are below.</p>;
  }
  const named = [
    ['object', why.objects],
    ['person', why.people],
    ['kind of data', why.data_classes],
  ] as const;
  return (
    <div className="stack tight">
      <p>
        {why.events_at_most !== null && 'At least '}
        {count(why.events_counted, 'event')} {why.events_counted === 1 ? 'names' : 'name'} this customer
        {why.events_at_most !== null &&
          `, at most ${why.events_at_most}: several alerts may have counted the same ones`}
        . {why.events_kept} of them {why.events_kept === 1 ? 'is' : 'are'} kept as evidence; what follows
        rests on these, and there may be more.
      </p>
      <ul className="plain-list small stack tight">
        {named
          .filter(([, found]) => found.count > 0)
          .map(([what, found]) => (
            <li key={what} className="wrap">
              At least {found.count} × {what}: <span className="mono">{found.names.join(', ')}</span>
              {found.count > found.names.length && ' …'}
            </li>
          ))}
      </ul>
    </div>
  );
}
