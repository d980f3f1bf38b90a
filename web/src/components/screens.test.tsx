import { MantineProvider } from '@mantine/core';
import { cleanup, render, screen } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, describe, expect, it } from 'vitest';
import { ApiError } from '../api/client';
import type { ObligationView, Step } from '../api/types';
import { learnServerTime } from '../live/serverClock';
import { LadderTrack } from './LadderTrack';
import { LetterHtml } from './LetterHtml';
import { Countdown, SeverityMark } from './marks';
import { Failed, Refused } from './States';

afterEach(cleanup);
const show = (node: ReactNode) => render(<MantineProvider env="test">{node}</MantineProvider>);
const problem = (
  status: number,
  detail: string,
  faults: { field: string; detail: string }[] = [],
  type = 'about:blank',
) => new ApiError({ type, title: 'No', status, detail, faults });

describe('a countdown', () => {
  it('says what will happen, in how long and when, by the clock of the server', () => {
    learnServerTime('2027-03-06T11:07:52Z');
    show(
      <p data-testid="clock">
        <Countdown what="holding notice to 41 recipients" dueAt="2027-03-06T14:20:00Z" />
      </p>,
    );
    // A second may pass between the two lines above.
    expect(screen.getByTestId('clock').textContent).toMatch(
      /^holding notice to 41 recipients in 3:12:0[78], Sat 14:20 UTC$/,
    );
  });
});

describe('severity', () => {
  it('is readable without colour', () => {
    show(<SeverityMark severity="sev1" />);
    expect(screen.getByText('SEV1')).toBeTruthy();
  });
});

describe('the track of an obligation', () => {
  it('names each step and its state for those who cannot see it', () => {
    const ladder = (['list_affected', 'draft_full'] as Step[]).map((step, index) => ({
      step,
      what: step,
      at: '2027-03-06T14:20:00Z',
      taken_at: index === 0 ? '2027-03-06T14:20:00Z' : null,
      late: false,
    }));
    show(
      <LadderTrack
        obligation={{ customer_name: 'Acme', ladder, state: 'running' } as unknown as ObligationView}
      />,
    );
    const steps = screen.getAllByRole('listitem').map((item) => item.textContent);
    expect(steps).toEqual([
      'List: list_affected, taken, Sat 14:20 UTC',
      'Draft: draft_full, next, Sat 14:20 UTC',
    ]);
  });
});

describe('a failure', () => {
  it('says what to do about it', () => {
    show(<Failed what="The alert" fault={problem(403, 'you may not see this')} />);
    expect(screen.getByRole('alert').textContent).toContain(
      'An administrator can change them under Settings',
    );
  });

  it('that somebody else caused by being faster says so', () => {
    show(
      <Refused
        fault={problem(409, 'the incident is at version 8', [], 'urn:watchkeeper:problem:conflict')}
      />,
    );
    expect(screen.getByRole('alert').textContent).toContain(
      'Changed by somebody else: here is the current state',
    );
  });

  it('of a step that is not possible says what stands in the way, and blames nobody', () => {
    const detail = 'the incident is not closed yet: 1 customer is still to be told';
    show(<Refused fault={problem(409, detail, [], 'urn:watchkeeper:problem:refused')} />);
    const said = screen.getByRole('alert').textContent;
    expect(said).toContain(detail);
    expect(said).toContain('Do first what is named above');
    expect(said?.toLowerCase()).not.toContain('somebody else');
  });

  it('of fields that have no place of their own is listed', () => {
    show(
      <Refused
        fault={problem(422, 'wrong', [{ field: 'drill', detail: 'is not for you' }])}
        shown={['title']}
      />,
    );
    expect(screen.getByRole('alert').textContent).toContain('drill: is not for you');
  });
});

describe('a letter shown as HTML', () => {
  const html =
    '<html><head><style>p{color:red}</style></head><body><h1 style="x">Notice</h1><p onclick="alert(1)" class="a>b">To <b>Acme</b> &amp; all</p>' +
    '<script>alert(1)</script><img src="https://tracker.example/x.gif"><a href="javascript:alert(1)">here</a><iframe src="/x"></iframe></body></html>';

  it('keeps its words and their structure', () => {
    show(<LetterHtml html={html} />);
    const letter = screen.getByRole('region', { name: 'Letter as HTML' });
    expect(letter.querySelector('b')?.textContent).toBe('Acme');
    expect(letter.textContent).toContain('To Acme & all');
    expect(letter.textContent).toContain('here');
  });

  it('leaves behind everything that could run, load or lead away', () => {
    show(<LetterHtml html={html} />);
    const letter = screen.getByRole('region', { name: 'Letter as HTML' });
    expect(letter.querySelector('script, img, iframe, a, style, [style], [onclick]')).toBeNull();
    expect(letter.textContent).not.toContain('alert');
    expect(letter.textContent).not.toContain('color:red');
  });
});
