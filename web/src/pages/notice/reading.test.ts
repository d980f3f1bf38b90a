import { act, renderHook } from '@testing-library/react';
import { expect, it } from 'vitest';
import type { NoticeView } from '../../api/types';
import { oneOf } from './approvers';
import { changedSince, useReading } from './reading';

const view = (hash: string, state: string, letters: [string, string][]): NoticeView =>
  ({
    notice: { content_hash: hash, state },
    letters: letters.map(([id, own]) => ({ id, hash: own, customer_name: id.toUpperCase() })),
  }) as unknown as NoticeView;

const read = (first: NoticeView) =>
  renderHook(({ now }: { now: NoticeView }) => useReading(now), { initialProps: { now: first } });

it('what was read stays what was on the screen, until the reader reads it again', () => {
  const before = view('h1', 'submitted', [['a', '1']]);
  const after = view('h2', 'submitted', [['a', '2']]);
  const { result, rerender } = read(before);
  expect(result.current.current).toBe(false);
  act(() => result.current.onShown('h1'));
  expect(result.current.read?.hash).toBe('h1');
  rerender({ now: after });
  act(() => result.current.onShown('h2'));
  expect(result.current.read?.hash).toBe('h1');
  expect(result.current.current).toBe(false);
  act(() => result.current.readAgain());
  expect(result.current.current).toBe(true);
});

it('a letter of other content, or of a draft, counts as not read', () => {
  const { result, rerender } = read(view('h1', 'draft', [['a', '1']]));
  act(() => result.current.onShown('h1'));
  rerender({ now: view('h1', 'submitted', [['a', '1']]) });
  act(() => result.current.onShown('h0'));
  expect(result.current.read).toBeNull();
});

it('which letters changed, came and went is said by their customers', () => {
  const before = {
    hash: 'h1',
    letters: view('h1', 'submitted', [
      ['a', '1'],
      ['b', '1'],
      ['c', '1'],
    ]).letters,
  };
  const now = view('h2', 'submitted', [
    ['a', '1'],
    ['b', '2'],
    ['d', '1'],
  ]);
  expect(changedSince(before, now)).toEqual({ changed: ['B'], fresh: ['D'], gone: ['C'] });
});

it('names are told as a choice', () => {
  expect([[], ['Ines'], ['Ines', 'Lena'], ['Ines', 'Lena', 'Tom']].map(oneOf)).toEqual([
    '',
    'Ines',
    'Ines or Lena',
    'Ines, Lena or Tom',
  ]);
});
