import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ReportView } from '../../api/types';
import { Reports } from './Reports';

afterEach(cleanup);

const report: ReportView = {
  form: 'gdpr-33',
  title: 'Notification',
  law: 'GDPR',
  recipient: 'The authority',
  status: 'A draft',
  as_of: '2026-06-05T14:20:00Z',
  sections: [
    {
      heading: 'Nature',
      source: 'Art. 33(3)(a)',
      items: [{ label: 'Number of people', known: false, value: 'not yet known', basis: null }],
    },
  ],
  missing: [
    { source: 'Art. 33(3)(a)', label: 'Number of people', particular: 'subject_count' },
    { source: 'Art. 33(3)(b)', label: 'Contact', particular: null },
  ],
  pdf_lacks: ['U+5BA2'],
};
const show = (shown: ReportView, mayTake: boolean, onRecord: ((particular: string) => void) | null) =>
  render(
    <QueryClientProvider client={new QueryClient()}>
      <MantineProvider env="test">
        <Reports incident="inc_1" reports={[shown]} mayTake={mayTake} onRecord={onRecord} />
      </MantineProvider>
    </QueryClientProvider>,
  );

describe('reports to authorities', () => {
  it('say what is missing first, and let people say what only they know', () => {
    const onRecord = vi.fn();
    show(report, true, onRecord);
    expect(screen.getByText(/2 answers not yet known/)).toBeTruthy();
    expect(screen.getByText(/U\+5BA2/)).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Say: Number of people, Notification' }));
    expect(onRecord).toHaveBeenCalledWith('subject_count');
    expect(screen.queryByRole('button', { name: 'Say: Contact, Notification' })).toBeNull();
    expect(screen.getByRole('button', { name: 'PDF: Notification' })).toBeTruthy();
  });

  it('are not taken away by who may not, and say so when nothing is missing', () => {
    show({ ...report, missing: [], pdf_lacks: [] }, false, null);
    expect(screen.getByText('Nothing that the form asks for is missing.')).toBeTruthy();
    expect(screen.queryByRole('button')).toBeNull();
  });
});
