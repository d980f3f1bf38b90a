import type { SourceAlert } from '../api/types';
import { Ago, At } from './marks';

const TITLES: Record<SourceAlert['trouble'], string> = {
  failing: 'Cannot be read',
  losing: 'Loses events',
  unreadable: 'Cannot be parsed',
  behind: 'Is behind',
  quiet: 'Is quiet',
};

/** What is wrong with a source: why, since when, what to do, and when the on-call was told. */
export function SourceTroubles({ alerts }: { alerts: readonly SourceAlert[] }) {
  return alerts.map(({ trouble, since, told_at, reason, remedy }) => (
    <div key={trouble} className="notice-bar alarm source-error wrap">
      <p>
        <b>{TITLES[trouble]}</b> since <At at={since} />: {reason}
      </p>
      <p className="small">To do: {remedy}</p>
      <p className="small dim">
        The on-call was told <Ago at={told_at} />.
      </p>
    </div>
  ));
}
