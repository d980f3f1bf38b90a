import { render, screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import { SourceTroubles } from './SourceTroubles';

test('a trouble says what, why, what to do and that somebody was told', () => {
  render(
    <SourceTroubles
      alerts={[
        {
          trouble: 'quiet',
          since: '2026-06-01T11:30:00Z',
          told_at: '2026-06-01T12:00:00Z',
          reason: 'no event came for 31 min; 30 min are allowed: so it is configured',
          remedy: 'look whether what writes these events still does',
        },
      ]}
    />,
  );
  expect(screen.getByText('Is quiet')).toBeTruthy();
  expect(screen.getByText(/no event came for 31 min/)).toBeTruthy();
  expect(screen.getByText(/To do: look whether/)).toBeTruthy();
  expect(screen.getByText(/The on-call was told/)).toBeTruthy();
});

test('where nothing is wrong nothing is said', () => {
  const { container } = render(<SourceTroubles alerts={[]} />);
  expect(container.textContent).toBe('');
});
