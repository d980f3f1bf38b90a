import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { Check, Preflight } from '../../api/types';
import { LastRun } from './PreflightPanel';

afterEach(cleanup);

const check = (changes: Partial<Check>): Check => ({
  check: 'relay',
  result: 'passed',
  seen: 'mail.example:587 answered',
  findings: [],
  more: 0,
  notes: [],
  ...changes,
});
const run = (checks: Check[]): Preflight => ({
  id: 'pfl_1',
  by: { kind: 'worker', worker: 'preflight' },
  began_at: '2026-06-05T06:00:00Z',
  ended_at: '2026-06-05T06:00:03Z',
  checks,
  recovered: ['dkim'],
});
const show = (taken: Preflight[], next_at: string | null = null) =>
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { enabled: false } } })}>
      <MantineProvider env="test">
        <LastRun preflights={{ next_at, taken }} />
      </MantineProvider>
    </QueryClientProvider>,
  );

it('before the first one it says what it is for and that it is switched off', () => {
  show([]);
  expect(screen.getByText('No pre-flight was taken yet')).toBeTruthy();
  expect(screen.getByText(/It is not taken by itself/)).toBeTruthy();
});

it('what failed stands first, with what was seen, what to do, and how much more there is', () => {
  const finding = { key: 'missing', seen: 'ours.example has no SPF record', remedy: 'publish one' };
  show([run([check({}), check({ check: 'spf', result: 'failed', findings: [finding], more: 2 })])]);
  const headings = screen.getAllByRole('heading').map((heading) => heading.textContent);
  expect(headings).toEqual(['SPF record', 'Mail relay']);
  expect(screen.getByText('ours.example has no SPF record')).toBeTruthy();
  expect(screen.getByText('To do: publish one')).toBeTruthy();
  expect(screen.getByText('And 2 more.')).toBeTruthy();
  expect(screen.getByText('1 check failed')).toBeTruthy();
  expect(screen.getByText(/Mended since: DKIM record/)).toBeTruthy();
});
