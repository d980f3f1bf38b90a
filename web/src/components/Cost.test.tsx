import { render, screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import type { SourceCost } from '../api/types';
import { Cost, costInWords } from './Cost';

const cost: SourceCost = {
  measured_seconds: 86_400,
  calls_a_day: 17_280,
  bytes_a_day: 4_000_000,
  usd_a_month: 0.20736,
  at_most: false,
  share_of_limit: null,
  not_counted: 'storage',
  prices_of: 'us-east-1',
  prices_as_of: '2026-03',
  prices_written_at: [],
};

test('a price is rounded to cents and says when it is a bound', () => {
  expect(costInWords(cost)).toBe('polling costs about 0.21 USD a month');
  expect(costInWords({ ...cost, at_most: true })).toBe('polling costs at most 0.21 USD a month');
  expect(costInWords({ ...cost, usd_a_month: 0.001 })).toBe('polling costs less than 0.01 USD a month');
});

test('what has no price says which share of the limit it takes', () => {
  expect(costInWords({ ...cost, usd_a_month: 0 })).toBe('polling has no price');
  expect(costInWords({ ...cost, usd_a_month: 0, share_of_limit: 0.123 })).toContain('takes 12 %');
  expect(costInWords({ ...cost, usd_a_month: 0, share_of_limit: 0.001 })).toContain('less than 1 %');
});

test('what was measured, priced and not counted is said beside it', () => {
  render(<Cost cost={cost} />);
  expect(screen.getByText(/17,280 calls a day/)).toBeTruthy();
  expect(screen.getByText(/us-east-1 as of 2026-03/)).toBeTruthy();
  expect(screen.getByText(/Not counted: storage\./)).toBeTruthy();
});
