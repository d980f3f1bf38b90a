import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, describe, expect, it } from 'vitest';
import { SessionContext } from '../../api/queries';
import type { HoldingWords, Permission, Session } from '../../api/types';
import { WordsLine } from './HoldingWords';

afterEach(cleanup);

const at = '2026-06-05T14:20:00Z';
const by = (user: string) => ({ by: { kind: 'person' as const, user }, at });
const words = (approval: HoldingWords['approval']): HoldingWords => ({
  language: 'de',
  digest: 'a'.repeat(64),
  folders: ['customer'],
  customers: 2,
  subject: 'Sicherheitsmitteilung',
  text: 'Wir haben festgestellt',
  approval,
});
const put_forward = [by('usr_2')];
const show = (shown: HoldingWords, permissions: Permission[]) => {
  const session = { user: { id: 'usr_2' }, permissions } as Session;
  return render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { enabled: false } } })}>
      <MantineProvider env="test">
        <SessionContext value={session}>
          <WordsLine words={shown} />
        </SessionContext>
      </MantineProvider>
    </QueryClientProvider>,
  );
};

describe('words that nobody has approved', () => {
  it('say that they go all the same', () => {
    show(words(null), ['view', 'approve_notices']);
    expect(screen.getByText('not approved')).toBeTruthy();
    expect(screen.getByText(/goes by the clock all the same/)).toBeTruthy();
    expect(screen.queryByText('Approve…'), 'nobody has put them forward').toBeNull();
  });

  it('are not approved by who put them forward', () => {
    show(words({ language: 'de', digest: '', version: 1, put_forward }), [
      'draft_notices',
      'approve_notices',
    ]);
    expect(screen.queryByText('Approve…')).toBeNull();
    expect(screen.getByText('A second person approves what you put forward.')).toBeTruthy();
  });

  it('are approved by somebody else', () => {
    const forward = [by('usr_7')];
    show(words({ language: 'de', digest: '', version: 1, put_forward: forward }), ['approve_notices']);
    expect(screen.getByText('Approve…')).toBeTruthy();
  });
});

it('words that are approved say by whom, and ask for nothing', () => {
  show(words({ language: 'de', digest: '', version: 2, put_forward, approved: by('usr_3') }), [
    'approve_notices',
  ]);
  expect(screen.getByText('approved')).toBeTruthy();
  expect(screen.queryByText(/goes by the clock all the same/)).toBeNull();
  expect(screen.queryByRole('button')).toBeNull();
});

it('an approval is taken back by one person, who is told before what that does', () => {
  show(words({ language: 'de', digest: '', version: 2, put_forward, approved: by('usr_3') }), [
    'draft_notices',
  ]);
  fireEvent.click(screen.getByRole('button', { name: 'Take back the approval of the words in de' }));
  expect(screen.getByText(/goes with words that nobody has approved/)).toBeTruthy();
  const button = screen.getByRole('button', { name: 'Take back' }) as HTMLButtonElement;
  expect(button.disabled, 'a reason is wanted').toBe(true);
});

it('an approval that was taken back stays with its reason', () => {
  const taken = { ...by('usr_2'), put_forward, approved: by('usr_3'), why: 'a phone number is wrong' };
  show(words({ language: 'de', digest: '', version: 3, put_forward: [], taken_back: [taken] }), ['view']);
  expect(screen.getByText('not approved')).toBeTruthy();
  expect(screen.getByText(/a phone number is wrong/)).toBeTruthy();
});
