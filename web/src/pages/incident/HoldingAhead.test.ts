import { describe, expect, it } from 'vitest';
import type { LadderStep, ObligationView } from '../../api/types';
import { holdingNext } from './HoldingAhead';

const owed = (customer: string, at: string, part: Partial<ObligationView> = {}): ObligationView =>
  ({
    customer,
    state: 'running',
    ladder: [
      { step: 'last_call', what: '', at: '2027-03-05T00:00:00Z', taken_at: null, late: false },
      { step: 'send_holding', what: '', at, taken_at: null, late: false },
    ] satisfies LadderStep[],
    ...part,
  }) as ObligationView;

const monday = '2027-03-08T14:20:00Z';
const tuesday = '2027-03-09T14:20:00Z';

describe('the holding notice that goes next', () => {
  it('is that of everybody whose clock says the same instant, the first of them', () => {
    const next = holdingNext([owed('a', tuesday), owed('b', monday), owed('c', monday)]);
    expect(next?.at).toBe(monday);
    expect(next?.together.map((each) => each.customer)).toEqual(['b', 'c']);
  });

  it('is none to whoever was told, has ended, or got it', () => {
    const taken = owed('c', monday);
    const got = taken.ladder.map((step) => ({ ...step, taken_at: monday }));
    expect(
      holdingNext([
        owed('a', monday, { state: 'told' } as Partial<ObligationView>),
        owed('b', monday, { state: 'ended' } as Partial<ObligationView>),
        { ...taken, ladder: got },
      ]),
    ).toBeNull();
  });
});
