import { describe, expect, it } from 'vitest';
import { queriesShowing } from './stream';

describe('a change', () => {
  it('of a delivery makes the breach desk and the incident old', () => {
    expect(queriesShowing('dlv_01J9')).toEqual(
      expect.arrayContaining(['obligations', 'incident', 'deliveries']),
    );
  });

  it('of a notice makes its letters old, not only what is said about them', () => {
    expect(queriesShowing('ntc_1')).toEqual(expect.arrayContaining(['notice', 'letter']));
  });

  it('of anything makes the clocks of the top bar and the audit log old', () => {
    for (const prefix of ['inc_', 'alr_', 'obl_', 'ntc_', 'dlv_', 'cus_', 'usr_', 'tok_']) {
      expect(queriesShowing(`${prefix}1`)).toEqual(expect.arrayContaining(['overview', 'audit']));
    }
  });

  it('that folds events into alerts asks again for alerts and incidents, not for everything', () => {
    expect(queriesShowing('alerts')).toContain('alerts');
  });

  it('of the rules asks again for the detectors', () => {
    expect(queriesShowing('detectors')).toContain('detectors');
  });

  it('of something unknown makes everything old, rather than nothing', () => {
    expect(queriesShowing('xyz_1')).toBeUndefined();
  });
});
