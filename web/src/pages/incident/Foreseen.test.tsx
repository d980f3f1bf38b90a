import { MantineProvider } from '@mantine/core';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { ForeseenFor, Foresight } from '../../api/types';
import { Follows } from './Foreseen';

afterEach(cleanup);

const acme: ForeseenFor = {
  customer: 'cus_1',
  name: 'Acme',
  due_before: null,
  due_at: '2027-03-05T09:00:00Z',
  holding_at: '2027-03-05T07:00:00Z',
  at_once: true,
  late: true,
  late_before: false,
  told: false,
  because: 'contract.dpa',
};
const seen: Foresight = {
  now: '2027-03-06T11:00:00Z',
  counts_from: '2027-03-04T09:00:00Z',
  counted_from: null,
  detected_at: '2027-03-06T10:00:00Z',
  before_detection: true,
  aware_at: null,
  decide_by: null,
  waits_for_second: false,
  first_due_at: acme.due_at,
  first_holding_at: '2027-03-06T11:00:00Z',
  late: 1,
  at_once: 1,
  moved: 0,
  customers: [acme],
  pages: [{ capacity: 'commander', vacant: true, names: ['Tomas'] }],
};

function shown(decision: 'suspect' | 'confirm' | 'move', change: Partial<Foresight>): string {
  render(
    <MantineProvider env="test">
      <div data-testid="all">
        <Follows decision={decision} seen={{ ...seen, ...change }} />
      </div>
    </MantineProvider>,
  );
  return screen.getByTestId('all').textContent ?? '';
}

it('says before a confirmation who is late at once, what goes at once, and that it predates the detection', () => {
  const text = shown('confirm', {});
  expect(text).toContain('2027-03-04 09:00:00 UTC is before the incident was detected');
  expect(text).toContain('1 deadline has passed by then: a recorded miss at once');
  expect(text).toContain('The holding notice goes to 1 customer at once.');
  expect(text).toContain('First deadline: 2027-03-05 09:00:00 UTC.');
  expect(text).toContain('Commander (nobody is named; the on-call stands in): Tomas is paged.');
});

it('names the instant by which a suspicion is decided, and no deadline of a customer', () => {
  const text = shown('suspect', { decide_by: '2027-03-07T02:55:00Z', before_detection: false });
  expect(text).toContain('A decision is due by 2027-03-07 02:55:00 UTC.');
  expect(text).not.toContain('deadline');
});

it('shows for each customer when it is due now and when then', () => {
  const moved = { ...acme, due_before: '2027-03-04T09:00:00Z', late: false, at_once: false };
  const text = shown('move', { customers: [moved], moved: 1, late: 0, at_once: 0, waits_for_second: true });
  expect(text).toContain('once another person agrees');
  expect(text).toContain('Acme: now 2027-03-04 09:00:00 UTC, then 2027-03-05 09:00:00 UTC');
  expect(text).toContain('holding notice 2027-03-05 07:00:00 UTC');
});
