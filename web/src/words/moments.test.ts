import { expect, test } from 'vitest';
import { waitsFor, words } from './moments';

test('a phase that waits says for which moment or which submission', () => {
  expect(waitsFor(['aware'])).toBe('the moment “aware”');
  expect(waitsFor(['early_warning.submitted'])).toBe('the submission of “early warning”');
  expect(words('attorney_general')).toBe('attorney general');
});
