import { expect, it } from 'vitest';
import { fullLabel } from './FullNotices';

it('the button says what the reader may do with a full notice', () => {
  const full = (state: 'draft' | 'submitted' | 'sent', approvers: string[]) =>
    fullLabel({ notice: 'ntc_1', state, approvers }, 'usr_1');
  expect(full('submitted', ['usr_1', 'usr_2'])).toBe('Read and approve the full notice');
  expect(full('submitted', ['usr_2'])).toBe('Read the full notice');
  expect(full('submitted', [])).toBe('Open the full notice: nobody may approve it');
  expect(full('draft', [])).toBe('Open the full notice');
  expect(full('sent', [])).toBe('Open the full notice');
});
