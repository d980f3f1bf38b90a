/** What follows of a decision, shown before it is taken. The server decides it as it would, and keeps nothing of it. */
import { useDeferredValue } from 'react';
import { useForesight } from '../../api/queries';
import type { ForeseenFor, Foresight } from '../../api/types';
import { At } from '../../components/marks';
import { Refused } from '../../components/States';
import { count } from '../../words/labels';

/** So many customers are named; the breach desk lists all of them. */
const NAMED = 20;

export interface Asked {
  incident: string;
  decision: 'suspect' | 'confirm' | 'move' | 'agree_move';
  /** From when it would count; now, where it is left out. */
  at?: string;
  /** Since when the company was aware, where that is recorded with it. */
  awareAt?: string;
}

export function WhatFollows(asked: Asked) {
  const at = useDeferredValue(asked.at);
  const awareAt = useDeferredValue(asked.awareAt);
  const query = useForesight(asked.incident, { decision: asked.decision, at, aware_at: awareAt });
  if (query.error !== null) return <Refused fault={query.error} />;
  if (query.data === undefined) return <p className="small dim">Counting what follows…</p>;
  return (
    <section className="notice-bar small stack tight" aria-label="What follows" aria-live="polite">
      <Follows decision={asked.decision} seen={query.data} />
    </section>
  );
}

export function Follows({ decision, seen }: { decision: Asked['decision']; seen: Foresight }) {
  return (
    <>
      {seen.decide_by !== null && (
        <p>
          <strong>
            A decision is due by <At at={seen.decide_by} />.
          </strong>
        </p>
      )}
      {seen.before_detection && seen.counts_from !== null && seen.detected_at !== null && (
        <p className="bad">
          <At at={seen.counts_from} /> is before the incident was detected (<At at={seen.detected_at} />
          ). Check the instant: nobody can confirm what nobody has seen, unless it was known from elsewhere.
        </p>
      )}
      {seen.waits_for_second && (
        <p>This is what follows once another person agrees. Until then the clocks run on as they are.</p>
      )}
      {seen.counted_from !== null && seen.counts_from !== null && (
        <p>
          The confirmation counts from <At at={seen.counts_from} /> instead of <At at={seen.counted_from} />.
        </p>
      )}
      {decision !== 'suspect' && <Deadlines seen={seen} />}
      {seen.pages.map((page) => (
        <p key={page.capacity}>
          {PAGED[page.capacity]}
          {page.vacant && page.capacity !== 'others' && ` (${VACANT[page.capacity]})`}:{' '}
          {page.names.length === 0 ? (
            <span className="bad">nobody else can be paged</span>
          ) : (
            `${page.names.join(', ')} ${page.names.length === 1 ? 'is' : 'are'} paged`
          )}
          .
        </p>
      ))}
    </>
  );
}

const PAGED = { commander: 'Commander', counsel: 'Counsel', others: 'Others' };
const VACANT = { commander: 'nobody is named; the on-call stands in', counsel: 'nobody is named' };

function Deadlines({ seen }: { seen: Foresight }) {
  if (seen.customers.length === 0) {
    return <p>No customer is on the list yet: a clock starts for each as soon as it is put there.</p>;
  }
  return (
    <>
      {seen.late > 0 && (
        <p className="bad strong">
          {count(seen.late, 'deadline')} {seen.late === 1 ? 'has' : 'have'} passed by then: a recorded miss at
          once, and its reason is wanted.
        </p>
      )}
      {seen.at_once > 0 && (
        <p className="bad strong">The holding notice goes to {count(seen.at_once, 'customer')} at once.</p>
      )}
      {seen.first_due_at !== null && (
        <p>
          First deadline: <At at={seen.first_due_at} />.
          {seen.first_holding_at !== null && seen.at_once === 0 && (
            <>
              {' '}
              The first holding notice goes by itself: <At at={seen.first_holding_at} />.
            </>
          )}
        </p>
      )}
      <details open={seen.customers.length <= 8}>
        <summary>
          {count(seen.customers.length, 'customer')}
          {seen.moved > 0 && `, ${seen.moved} with another deadline`}
        </summary>
        <ul className="plain">
          {seen.customers.slice(0, NAMED).map((each) => (
            <li key={each.customer}>
              <OfCustomer each={each} />
            </li>
          ))}
        </ul>
        {seen.customers.length > NAMED && <p>And {seen.customers.length - NAMED} more.</p>}
      </details>
    </>
  );
}

function OfCustomer({ each }: { each: ForeseenFor }) {
  return (
    <span title={each.because}>
      <span className="strong">{each.name}</span>:{' '}
      {each.due_before === null ? (
        <>
          due <At at={each.due_at} />
        </>
      ) : (
        <>
          now <At at={each.due_before} />, then <At at={each.due_at} />
        </>
      )}
      {each.late && <span className="bad">, {each.told ? 'told too late' : 'too late'}</span>}
      {each.told && !each.late && ', told in time'}
      {each.at_once && <span className="bad">, holding notice at once</span>}
      {each.holding_at !== null && !each.at_once && !each.told && (
        <>
          ; holding notice <At at={each.holding_at} />
        </>
      )}
    </span>
  );
}
