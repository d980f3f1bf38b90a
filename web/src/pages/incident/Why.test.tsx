import { MantineProvider } from '@mantine/core';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, describe, expect, it } from 'vitest';
import type { WhyAffected } from '../../api/types';
import { Why } from './Why';

afterEach(cleanup);

const nothing = { count: 0, names: [] };
const why = (part: Partial<WhyAffected>): WhyAffected => ({
  standing: 'possible',
  changes: [],
  alerts: [],
  events_counted: 0,
  events_at_most: null,
  events_kept: 0,
  events: [],
  objects: nothing,
  people: nothing,
  data_classes: nothing,
  ...part,
});
const show = (found: WhyAffected) =>
  render(
    <MantineProvider env="test">
      <Why why={found} />
    </MantineProvider>,
  );

describe('why a customer is on the list', () => {
  it('is answered with the events, and says what the numbers rest on', () => {
    show(
      why({
        events_counted: 412,
        events_kept: 20,
        objects: { count: 2, names: ['a.pdf', 'b.pdf'] },
        events: [
          {
            source: 'trail',
            event: '17',
            at: '2026-06-05T14:20:00Z',
            raw: '{"bucket":"files-17"}',
            by: [{ tenant: 't-acme', rule: 'evidence/store.yaml:2', found_in: 'bucket = files-17' }],
            says: [
              ['action', 'download'],
              ['path', '/files/a.pdf'],
            ],
          },
        ],
      }),
    );
    expect(screen.getByText(/412 events name this customer/).textContent).toContain('20 of them are kept');
    expect(screen.getByText(/At least 2 × object/).textContent).toContain('a.pdf, b.pdf');
    expect(screen.getByText('download · /files/a.pdf')).toBeTruthy();
    expect(screen.getByText('Names the customer by bucket = files-17 (evidence/store.yaml:2)')).toBeTruthy();
  });

  it('says from how many to how many there are where alerts may have counted the same ones', () => {
    show(why({ events_counted: 48, events_at_most: 95, events_kept: 20 }));
    const said = screen.getByText(/At least 48 events name this customer, at most 95/);
    expect(said.textContent).toContain('several alerts may have counted the same ones. 20 of them');
  });

  it('says so where no event does', () => {
    show(why({}));
    expect(screen.getByText(/No event names this customer/)).toBeTruthy();
  });
});
