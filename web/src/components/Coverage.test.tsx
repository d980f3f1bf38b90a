import { expect, test } from 'vitest';
import { coverageInWords, coveredInWords } from './Coverage';

const seen = { satisfiable: 'yes', unseen_fields: [], missing_fields: [], events: 12_400 } as const;

test('a detector that can match says by how many events that is known', () => {
  expect(coverageInWords({ ...seen, unseen_fields: [], missing_fields: [] })).toContain('12,400 events');
});

test('a detector that waits for fields names them and says what to do', () => {
  const words = coverageInWords({
    satisfiable: 'fields_unseen',
    unseen_fields: ['errorCode', 'userAgent'],
    missing_fields: ['errorCode'],
    events: 1,
  });
  expect(words).toContain('none of the 1 event of its log source had errorCode.');
  expect(words).toContain('pipeline');
  expect(words).not.toContain('userAgent');
});

test('what covers a source is said without what there is none of', () => {
  expect(coveredInWords({ can_match: 12, fields_unseen: 3, unknown: 0 })).toBe(
    '12 can match, 3 need fields that it never gave',
  );
  expect(coveredInWords({ can_match: 0, fields_unseen: 0, unknown: 40 })).toBe(
    '40 not known before more events come',
  );
});
