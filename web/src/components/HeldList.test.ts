import { describe, expect, it } from 'vitest';
import { hold } from './HeldList';

const row = (id: string, title = id) => ({ id, title });
const ids = (kept: { row: { id: string } }[]) => kept.map((each) => each.row.id);

describe('a list that is being read', () => {
  it('holds new rows back and counts them', () => {
    const { kept, held } = hold([row('b'), row('c')], [row('x'), row('a'), row('b'), row('c')]);
    expect(ids(kept)).toEqual(['b', 'c']);
    expect(held).toBe(2);
  });

  it('keeps rows in their place when the server orders them anew, with fresh content', () => {
    const { kept, held } = hold([row('a'), row('b')], [row('b', 'worse'), row('a')]);
    expect(kept.map((each) => each.row.title)).toEqual(['a', 'worse']);
    expect(held).toBe(0);
  });

  it('marks a row that has left the list and does not pull others up', () => {
    const { kept } = hold([row('a'), row('b')], [row('b')]);
    expect(kept.map((each) => [each.row.id, each.gone])).toEqual([
      ['a', true],
      ['b', false],
    ]);
  });

  it('shows rows that were asked for at its end', () => {
    const { kept, held } = hold([row('a'), row('b')], [row('n'), row('a'), row('b'), row('c'), row('d')]);
    expect(ids(kept)).toEqual(['a', 'b', 'c', 'd']);
    expect(held).toBe(1);
  });
});
