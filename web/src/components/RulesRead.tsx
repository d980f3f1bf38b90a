import { Link } from '@tanstack/react-router';
import type { NamedDetector, QuarantinedRule, RuleDrops, RulesView } from '../api/types';
import { count } from '../words/labels';
import { Ago } from './marks';

/** More names than this hide the rest of the page. */
const NAMED = 12;

/** How rules were read last: what began anew, what came and went, and why they cannot be read at present. */
export function RulesRead({ rules }: { rules: RulesView }) {
  const { reloaded, unreadable } = rules;
  return (
    <>
      {unreadable !== null && (
        <section className="notice-bar alarm" aria-label="Rules cannot be read">
          <h2>Rules cannot be read; those that were loaded last run on</h2>
          <p className="wrap">
            <code>{unreadable.reason}</code>, since <Ago at={unreadable.since} />
          </p>
        </section>
      )}
      {reloaded !== null && (
        <section className="notice-bar" aria-label="Rules read again">
          <p>
            Rules were read again <Ago at={reloaded.at} />: {count(reloaded.kept, 'rule')} went on counting,{' '}
            {reloaded.restarted.length} began anew, {reloaded.added.length} came, {reloaded.gone.length} went
            {reloaded.quarantined > 0 && <>, {count(reloaded.quarantined, 'fault')} in quarantine</>}
          </p>
          <Names what="Began their windows anew" of={reloaded.restarted} />
          <Names what="New" of={reloaded.added} />
          {reloaded.gone.length > 0 && (
            <p className="small wrap">
              No longer run: <code>{shortened(reloaded.gone)}</code>
            </p>
          )}
        </section>
      )}
    </>
  );
}

function Names({ what, of }: { what: string; of: readonly NamedDetector[] }) {
  if (of.length === 0) return null;
  return (
    <p className="small wrap">
      {what}:{' '}
      {of.slice(0, NAMED).map((each, index) => (
        <span key={each.id}>
          {index > 0 && ', '}
          <Link to="/detectors/$id" params={{ id: each.id }}>
            {each.title}
          </Link>
        </span>
      ))}
      {of.length > NAMED && ` and ${of.length - NAMED} more`}
    </p>
  );
}

function shortened(ids: readonly string[]): string {
  const named = ids.slice(0, NAMED).join(', ');
  return ids.length > NAMED ? `${named} and ${ids.length - NAMED} more` : named;
}

/** Where a rule's fault is, as `file:line:key`, and what it is. */
export function Quarantined({ list }: { list: readonly QuarantinedRule[] }) {
  return (
    <section className="notice-bar alarm" aria-label="Quarantined rules">
      <h2>{count(list.length, 'fault')} in rules that do not run; the rest run</h2>
      <ul>
        {list.map((rule) => (
          <li key={`${place(rule)} ${rule.reason}`} className="wrap">
            <code>{place(rule)}</code>: {rule.reason}
          </li>
        ))}
      </ul>
    </section>
  );
}

function place({ path, line, key }: QuarantinedRule): string {
  return [path, line, key].filter((part) => part !== null).join(':');
}

/** What a rule left out, in words; nothing where it left nothing out. */
export function droppedInWords(dropped: RuleDrops): string[] {
  const words = [
    [dropped.groups_evicted, 'groups forgotten to stay within the quota'],
    [dropped.records_forgotten, 'events of full groups forgotten early'],
    [dropped.late, 'events too late to count'],
    [dropped.ungrouped, 'events without a field that it groups by or counts'],
  ] as const;
  return words
    .filter(([number]) => number > 0)
    .map(([number, what]) => `${number.toLocaleString('en-GB')} ${what}`);
}
