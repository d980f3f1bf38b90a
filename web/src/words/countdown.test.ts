import { describe, expect, it } from 'vitest';
import { age, clockFace, leftInWords, relative, spanMilliseconds, urgency } from './countdown';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2027, 2, 6, 14, 0, 0);

describe('a clock', () => {
  it('shows hours only when there are some, and days in full', () => {
    expect(clockFace(12 * MINUTE + 8 * SECOND)).toBe('12:08');
    expect(clockFace(3 * HOUR + 12 * MINUTE + 8 * SECOND)).toBe('3:12:08');
    expect(clockFace(2 * DAY + 4 * HOUR + 10 * MINUTE)).toBe('2 d 04:10:00');
  });

  it('never shows more time than there is', () => {
    expect(clockFace(8 * SECOND + 999)).toBe('00:08');
  });

  it('says in how long, and after its instant that it is overdue', () => {
    expect(leftInWords(NOW + 3 * HOUR, NOW)).toBe('in 3:00:00');
    expect(leftInWords(NOW, NOW)).toBe('00:00 overdue');
    expect(leftInWords(NOW - 90 * SECOND, NOW)).toBe('01:30 overdue');
  });
});

describe('urgency', () => {
  it('counts against the limit, so that a 24 h and a 72 h contract look alike at the same share', () => {
    for (const limit of [24 * HOUR, 72 * HOUR]) {
      const seen = [limit / 5, limit / 6, limit / 12, 0].map((left) => urgency(NOW + left, NOW, limit));
      expect(seen).toEqual(['calm', 'soon', 'urgent', 'over']);
    }
  });

  it('without a limit begins an hour before', () => {
    expect(urgency(NOW + HOUR + 1, NOW)).toBe('calm');
    expect(urgency(NOW + HOUR, NOW)).toBe('soon');
    expect(urgency(NOW + 15 * MINUTE, NOW)).toBe('urgent');
  });
});

describe('lengths of time', () => {
  it('are read as the configuration writes them, and nothing else is', () => {
    expect(spanMilliseconds('90s')).toBe(90 * SECOND);
    expect(spanMilliseconds('72h')).toBe(72 * HOUR);
    expect(spanMilliseconds('3d')).toBe(3 * DAY);
    expect(spanMilliseconds('3 days')).toBeUndefined();
    expect(spanMilliseconds('')).toBeUndefined();
  });

  it('are told in one unit when they are past or ahead', () => {
    expect(relative(NOW - 20 * SECOND, NOW)).toBe('now');
    expect(relative(NOW - 50 * SECOND, NOW)).toBe('1 min ago');
    expect(relative(NOW - 47 * HOUR, NOW)).toBe('47 h ago');
    expect(relative(NOW - 49 * HOUR, NOW)).toBe('2 d ago');
    expect(relative(NOW + 4 * HOUR, NOW)).toBe('in 4 h');
  });

  it('are told as an age with the minutes that matter', () => {
    expect(age(NOW - 12 * MINUTE, NOW)).toBe('12 min');
    expect(age(NOW - 3 * HOUR - 5 * MINUTE, NOW)).toBe('3 h 05 min');
    expect(age(NOW - 52 * HOUR, NOW)).toBe('2 d 4 h');
    expect(age(NOW + MINUTE, NOW)).toBe('0 min');
  });
});
