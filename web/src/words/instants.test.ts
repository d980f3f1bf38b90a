import { describe, expect, it } from 'vitest';
import { day, forInput, fromInput, full, weekdayTime, zoneName } from './instants';

const AT = Date.parse('2027-03-06T14:20:05.123456Z');

describe('an instant', () => {
  it('always names its zone', () => {
    expect(full(AT, 'utc')).toBe('2027-03-06 14:20:05 UTC');
    expect(weekdayTime(AT, 'utc')).toBe('Sat 14:20 UTC');
    expect(zoneName(AT, 'local')).not.toBe('');
  });

  it('at midnight is 00, not 24', () => {
    expect(full(Date.UTC(2027, 2, 6), 'utc')).toBe('2027-03-06 00:00:00 UTC');
    expect(day(Date.UTC(2027, 2, 6), 'utc')).toBe('Sat 6 Mar 2027');
  });

  it('survives a round through an input, in either zone', () => {
    for (const zone of ['utc', 'local'] as const) {
      expect(Date.parse(fromInput(forInput(AT, zone), zone) ?? '')).toBe(Date.parse('2027-03-06T14:20:05Z'));
    }
  });

  it('that was not entered is left out', () => {
    expect(fromInput('', 'utc')).toBeUndefined();
    expect(fromInput('yesterday', 'utc')).toBeUndefined();
  });
});
