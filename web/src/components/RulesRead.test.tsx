import { MantineProvider } from '@mantine/core';
import { cleanup, render, screen } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { RulesView } from '../api/types';
import { learnServerTime } from '../live/serverClock';
import { droppedInWords, Quarantined, RulesRead } from './RulesRead';

vi.mock('@tanstack/react-router', () => ({
  Link: ({ children, params }: { children: ReactNode; params: { id: string } }) => (
    <a href={`/detectors/${params.id}`}>{children}</a>
  ),
}));

afterEach(cleanup);
const show = (node: ReactNode) => render(<MantineProvider env="test">{node}</MantineProvider>);
const reloaded: RulesView['reloaded'] = {
  at: '2027-03-06T11:00:00Z',
  kept: 182,
  restarted: [{ id: 'stuffing', title: 'Credential stuffing' }],
  added: [],
  gone: ['payroll'],
  quarantined: 1,
};

describe('rules that were read again', () => {
  it('name the detectors whose windows began anew, with the way to each, and those that went', () => {
    learnServerTime('2027-03-06T11:07:00Z');
    show(<RulesRead rules={{ reloaded, unreadable: null }} />);
    const said = screen.getByRole('region', { name: 'Rules read again' }).textContent;
    expect(said).toContain('182 rules went on counting, 1 began anew, 0 came, 1 went, 1 fault in quarantine');
    expect(said).toContain('No longer run: payroll');
    const link = screen.getByRole('link', { name: 'Credential stuffing' });
    expect(link.getAttribute('href')).toBe('/detectors/stuffing');
  });

  it('that cannot be read say which path, why, and that the others run on', () => {
    const unreadable = { since: '2027-03-06T11:00:00Z', reason: '/etc/rules: permission denied' };
    show(<RulesRead rules={{ reloaded: null, unreadable }} />);
    const said = screen.getByRole('region', { name: 'Rules cannot be read' }).textContent;
    expect(said).toContain('/etc/rules: permission denied');
    expect(said).toContain('run on');
  });

  it('say nothing while they are those of the start', () => {
    show(<RulesRead rules={{ reloaded: null, unreadable: null }} />);
    expect(screen.queryByRole('region')).toBeNull();
  });
});

describe('a rule in quarantine', () => {
  it('is shown with file, line and key, or as much of it as there is', () => {
    const fault = { path: 'a.yml', line: 14, key: 'detection.sel', rule: 'a', reason: 'unknown modifier' };
    show(<Quarantined list={[fault, { ...fault, path: 'b.yml', line: null, key: null }]} />);
    const said = screen.getAllByRole('listitem').map((item) => item.textContent);
    expect(said).toEqual(['a.yml:14:detection.sel: unknown modifier', 'b.yml: unknown modifier']);
  });
});

describe('what a rule left out', () => {
  it('is told by its reason, and not at all where there is none', () => {
    const none = { groups_evicted: 0, ungrouped: 0, late: 0, records_forgotten: 0 };
    expect(droppedInWords(none)).toEqual([]);
    expect(droppedInWords({ ...none, groups_evicted: 1204, late: 2 })).toEqual([
      '1,204 groups forgotten to stay within the quota',
      '2 events too late to count',
    ]);
  });
});
