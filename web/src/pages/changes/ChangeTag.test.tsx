import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { ChangeCourse, ChangeRow, ChangeState } from '../../api/types';
import { ChangeTag } from './ChangeTag';

afterEach(cleanup);

const by = { kind: 'person', user: 'usr_1' } as const;
const at = '2026-06-05T14:20:00.000000Z';
const verdict = (substantial: boolean) => ({ substantial, reason: 'why', by, at });

function change(state: ChangeState, course: ChangeCourse = { course: 'planned' }): ChangeRow {
  return {
    id: 'chg_1',
    number: 1,
    version: 1,
    reference: 'CHG-0001',
    title: 'A change',
    what: 'what',
    why: 'why',
    effective_at: at,
    tell_by: at,
    proposed_at: at,
    proposed_by_name: 'Ann',
    revised_by_names: [],
    judged_by_name: null,
    agreed_by_name: null,
    withdrawn_by_name: null,
    next_step: null,
    steps: [],
    ...state,
    ...course,
  };
}

const shown = (row: ChangeRow) => {
  cleanup();
  render(<ChangeTag change={row} />);
  return [...document.querySelectorAll('.tag')].map((tag) => tag.textContent);
};

it('says in words where a change stands, whatever the colour', () => {
  const agreement = { by, at };
  expect(shown(change({ state: 'proposed' }))).toEqual(['not judged yet']);
  expect(shown(change({ state: 'assessed', verdict: verdict(false) }))).toEqual([
    'no, waits for a second person',
  ]);
  expect(shown(change({ state: 'agreed', verdict: verdict(true), agreement }))).toEqual(['yes']);
  const told = { notice: 'ntc_1', at, customers: 3 };
  expect(shown(change({ state: 'told', verdict: verdict(true), agreement, told }))).toEqual(['yes, told']);
});

it('shows a fault that a change took effect with, even when customers were told later', () => {
  const agreement = { by, at };
  const told = { notice: 'ntc_1', at, customers: 3 };
  const late = change(
    { state: 'told', verdict: verdict(true), agreement, told },
    { course: 'effective', effective_since: at, fault: 'not_told' },
  );
  expect(shown(late)).toEqual(['yes, told', 'in effect: fault']);
  expect(screen.getByText('in effect: fault').className).toContain('alarm');
});
