import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, describe, expect, it } from 'vitest';
import { SessionContext } from '../../api/queries';
import type { AssessedSeverity, IncidentView, Session } from '../../api/types';
import { BreachSeverity } from './BreachSeverity';

afterEach(cleanup);

const note = 'It never suppresses or delays the notice that is owed to customers.';
const assessed = (score: string, level: AssessedSeverity['level'], why: string): AssessedSeverity => ({
  score,
  level,
  why,
  arithmetic: `… = ${score}, ${level}`,
  by: { kind: 'operator' },
  at: `2026-06-05T14:2${score.length}:00Z`,
});

const session = { permissions: ['view'] } as unknown as Session;

function show(assessments: AssessedSeverity[], state: string) {
  const view = {
    incident: { id: 'inc_1', disclosure: { state } },
    breach_severity: { assessments, note },
  } as unknown as IncidentView;
  return render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { enabled: false } } })}>
      <MantineProvider env="test">
        <SessionContext value={session}>
          <BreachSeverity view={view} />
        </SessionContext>
      </MantineProvider>
    </QueryClientProvider>,
  );
}

describe('the severity of a breach', () => {
  it('is shown with its arithmetic, its history, and that it suppresses nothing', () => {
    show(
      [assessed('1', 'low', 'names only'), assessed('4.5', 'very high', 'health records, too')],
      'confirmed',
    );
    expect(screen.getByText('severity 4.5, very high')).toBeTruthy();
    expect(screen.getByText('… = 4.5, very high')).toBeTruthy();
    expect(screen.getByText(note)).toBeTruthy();
    expect(screen.getByText(/1 \(low\)/).textContent).toContain('names only');
  });

  it('that nobody assessed says so, and is not asked for where nothing is suspected', () => {
    show([], 'suspected');
    expect(screen.getByText(/Nobody has assessed/)).toBeTruthy();
    cleanup();
    show([], 'none');
    expect(screen.queryByText(/Nobody has assessed/)).toBeNull();
  });
});
