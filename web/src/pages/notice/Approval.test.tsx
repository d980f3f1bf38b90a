import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { NoticeView } from '../../api/types';
import { Followed } from './Approval';

afterEach(cleanup);

const show = (followed: NoticeView['notice']['followed']) =>
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { enabled: false } } })}>
      <MantineProvider env="test">
        <Followed
          view={
            {
              notice: { followed },
              letters: [{ customer: 'cus_1', customer_name: 'Acme Logistics' }],
            } as unknown as NoticeView
          }
        />
      </MantineProvider>
    </QueryClientProvider>,
  );

it('a letter that followed its customer says what of it is different', () => {
  const by = { kind: 'person' as const, user: 'usr_2' };
  show([{ customer: 'cus_1', parts: ['recipients', 'words'], by, at: '2026-06-05T14:20:00Z' }]);
  expect(screen.getByText(/Read them again before you approve/)).toBeTruthy();
  expect(screen.getByText(/Acme Logistics: whom it goes to and what it says/)).toBeTruthy();
});

it('nothing is said where no letter changed', () => {
  show(undefined);
  expect(screen.queryByText(/Read them again/)).toBeNull();
});
