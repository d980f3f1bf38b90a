import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SessionContext } from '../../api/queries';
import type { NoticeFacts, NoticeView, Session } from '../../api/types';
import { FactsEditor } from './FactsEditor';
import { NO_FACTS } from './together';

const saved = vi.fn<(version: string | undefined, facts: NoticeFacts) => void>();

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('fetch', async (_path: string, { headers, body }: RequestInit) => {
    const sent = JSON.parse(String(body)) as { facts: NoticeFacts };
    saved((headers as Record<string, string>)['If-Match'], sent.facts);
    return new Response(JSON.stringify(written(9, sent.facts)), {
      headers: { 'Content-Type': 'application/json' },
    });
  });
});
afterEach(() => {
  cleanup();
  saved.mockReset();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const written = (version: number, facts: Partial<NoticeFacts>) =>
  ({
    notice: {
      id: 'ntc_1',
      version,
      facts: { ...NO_FACTS, ...facts },
      edited: { by: { kind: 'person', user: 'usr_2' }, at: '2026-06-05T14:20:00Z' },
    },
    fields: [
      { field: 'what_happened', required: true },
      { field: 'likely_consequences', required: true },
    ],
    missing: [],
    findings: [],
    languages: [],
    may: { submit: true },
    approvers: [{ user: 'usr_3', name: 'Ines Okafor', paged: false }],
  }) as unknown as NoticeView;

const client = new QueryClient({ defaultOptions: { queries: { enabled: false } } });
const screenOf = (view: NoticeView) => (
  <QueryClientProvider client={client}>
    <MantineProvider env="test">
      <SessionContext value={{ user: { id: 'usr_1' }, permissions: [] } as unknown as Session}>
        <FactsEditor view={view} />
      </SessionContext>
    </MantineProvider>
  </QueryClientProvider>
);
const field = (label: string) => screen.getByLabelText(label, { exact: false }) as HTMLTextAreaElement;
const type = (label: string, text: string) => fireEvent.change(field(label), { target: { value: text } });
const pause = () => act(() => vi.advanceTimersByTimeAsync(2_000));

it('what somebody else saved meanwhile stands beside what is typed here', async () => {
  const shown = render(screenOf(written(3, { what_happened: 'a file was read' })));
  type('What happened', 'a file was copied');
  shown.rerender(screenOf(written(4, { what_happened: 'a file was read', likely_consequences: 'phishing' })));
  expect(field('Likely consequences').value).toBe('phishing');
  await pause();
  expect(saved).toHaveBeenCalledExactlyOnceWith(
    '"4"',
    expect.objectContaining({ what_happened: 'a file was copied', likely_consequences: 'phishing' }),
  );
});

it('nothing is saved over a text that both changed before the reader has chosen', async () => {
  const shown = render(screenOf(written(3, { what_happened: 'a file was read' })));
  type('What happened', 'a file was copied');
  shown.rerender(screenOf(written(4, { what_happened: 'a file was sold' })));
  await pause();
  expect(saved).not.toHaveBeenCalled();
  expect(screen.getByRole('alert').textContent).toContain('a file was sold');
  expect(field('What happened').value).toBe('a file was copied');
  fireEvent.click(screen.getByRole('button', { name: 'Keep mine' }));
  await pause();
  expect(saved).toHaveBeenCalledExactlyOnceWith(
    '"4"',
    expect.objectContaining({ what_happened: 'a file was copied' }),
  );
});

it('the other text is taken where the reader wants it', async () => {
  const shown = render(screenOf(written(3, { what_happened: 'a file was read' })));
  type('What happened', 'a file was copied');
  shown.rerender(screenOf(written(4, { what_happened: 'a file was sold' })));
  fireEvent.click(screen.getByRole('button', { name: 'Take this text' }));
  await pause();
  expect(field('What happened').value).toBe('a file was sold');
  expect(saved, 'it is saved already').not.toHaveBeenCalled();
});
