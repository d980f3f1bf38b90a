import type { ChangeFault, ChangeRow } from '../../api/types';

export const FAULTS: Record<ChangeFault, string> = {
  not_judged: 'It took effect before two people had judged whether it is substantial for security.',
  not_told: 'It is substantial for security and took effect before customers were told.',
};

/** Where a change stands, in words; the colour only repeats them. */
export function ChangeTag({ change }: { change: ChangeRow }) {
  const fault = change.course === 'effective' && change.fault !== undefined;
  return (
    <span className="row">
      <span className={tone(change)}>{judged(change)}</span>
      {change.course !== 'planned' && (
        <span className={fault ? 'tag alarm' : 'tag'}>
          {change.course === 'withdrawn' ? 'withdrawn' : fault ? 'in effect: fault' : 'in effect'}
        </span>
      )}
    </span>
  );
}

function judged(change: ChangeRow): string {
  switch (change.state) {
    case 'proposed':
      return 'not judged yet';
    case 'assessed':
      return `${change.verdict.substantial ? 'yes' : 'no'}, waits for a second person`;
    case 'agreed':
      return change.verdict.substantial ? 'yes' : 'no';
    case 'told':
      return 'yes, told';
  }
}

function tone(change: ChangeRow): string {
  if (change.state === 'told') return 'tag fine';
  if (change.state === 'agreed') return change.verdict.substantial ? 'tag warn' : 'tag';
  return change.state === 'assessed' ? 'tag warn' : 'tag';
}
