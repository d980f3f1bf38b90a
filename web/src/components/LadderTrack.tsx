import type { ObligationView } from '../api/types';
import { usePreferences } from '../live/preferences';
import { full, weekdayTime } from '../words/instants';
import { ladderTrack, TRACK_WORDS } from '../words/ladder';

/** The ladder of an obligation: filled what was taken, ringed what is next, dotted what is to come. */
export function LadderTrack({ obligation }: { obligation: ObligationView }) {
  const { zone } = usePreferences();
  return (
    <ol className="track" aria-label={`Ladder for ${obligation.customer_name}`}>
      {ladderTrack(obligation.ladder, obligation.state).map((step) => (
        <li
          key={step.step}
          className={step.state}
          title={`${step.what}: ${TRACK_WORDS[step.state]}, ${full(Date.parse(step.takenAt ?? step.at), zone)}`}
        >
          <span className="name">{step.label}</span>
          <span className="hidden">
            : {step.what}, {TRACK_WORDS[step.state]},{' '}
          </span>
          <span className="when">{weekdayTime(Date.parse(step.takenAt ?? step.at), zone)}</span>
        </li>
      ))}
    </ol>
  );
}
