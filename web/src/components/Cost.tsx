import type { SourceCost } from '../api/types';
import { seconds } from '../words/countdown';
import { bytes } from '../words/labels';

/** What polling a source costs, in a few words. */
export function costInWords({ usd_a_month, at_most, share_of_limit }: SourceCost): string {
  if (usd_a_month === 0) {
    const free = 'polling has no price';
    return share_of_limit === null
      ? free
      : `${free}, and takes ${percent(share_of_limit)} of the calls that AWS allows`;
  }
  const least = 0.01;
  const usd =
    usd_a_month < least ? 'less than 0.01' : `${at_most ? 'at most' : 'about'} ${usd_a_month.toFixed(2)}`;
  return `polling costs ${usd} USD a month`;
}

function percent(share: number): string {
  return share > 0 && share < 0.01 ? 'less than 1 %' : `${Math.round(share * 100)} %`;
}

/** What polling costs, with what was measured, what was priced and what was not. */
export function Cost({ cost }: { cost: SourceCost }) {
  return (
    <details className="small source-error">
      <summary>{costInWords(cost)}</summary>
      <p>
        Measured over {seconds(cost.measured_seconds)}: {Math.round(cost.calls_a_day).toLocaleString('en-GB')}{' '}
        calls a day, {bytes(Math.round(cost.bytes_a_day))} of log text a day. Priced: the calls, at the list
        prices of {cost.prices_of} as of {cost.prices_as_of}, without free allowances. Not counted:{' '}
        {cost.not_counted}.
      </p>
    </details>
  );
}
