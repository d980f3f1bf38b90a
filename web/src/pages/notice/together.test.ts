import { describe, expect, it } from 'vitest';
import { isSame, NO_FACTS, together, type Written } from './together';

const written = (facts: Partial<Written['facts']>, translations: Written['translations'] = {}): Written => ({
  facts: { ...NO_FACTS, ...facts },
  translations,
});

describe('two people who write one notice at once', () => {
  const base = written({ what_happened: 'a file was read', likely_consequences: 'none known' });

  it('keeps what each of them changed', () => {
    const mine = written({ what_happened: 'a file was copied', likely_consequences: 'none known' });
    const theirs = written({ what_happened: 'a file was read', likely_consequences: 'phishing' });
    const { written: both, clashes } = together(base, mine, theirs);
    expect(both.facts.what_happened).toBe('a file was copied');
    expect(both.facts.likely_consequences).toBe('phishing');
    expect(clashes).toEqual([]);
  });

  it('lets the reader decide where both changed one text', () => {
    const mine = written({ what_happened: 'a file was copied', likely_consequences: 'none known' });
    const theirs = written({ what_happened: 'a file was sold', likely_consequences: 'none known' });
    const { written: both, clashes } = together(base, mine, theirs);
    expect(both.facts.what_happened).toBe('a file was copied');
    expect(clashes).toEqual([{ language: undefined, field: 'what_happened', theirs: 'a file was sold' }]);
  });

  it('keeps a translation that one of them wrote, and drops one that the other gave up', () => {
    const german = { ...NO_FACTS, what_happened: 'eine Datei wurde gelesen' };
    const french = { ...NO_FACTS, what_happened: 'un fichier a été lu' };
    const before = written({}, { de: german });
    const { written: both, clashes } = together(before, written({}), written({}, { de: german, fr: french }));
    expect(Object.keys(both.translations)).toEqual(['fr']);
    expect(clashes).toEqual([]);
    const changed = { ...german, likely_consequences: 'keine' };
    const kept = together(before, written({}), written({}, { de: changed }));
    expect(kept.written.translations.de?.likely_consequences).toBe('keine');
  });

  it('knows texts that are the same, whatever the order of their fields', () => {
    const turned = Object.fromEntries(Object.entries(base.facts).reverse()) as Written['facts'];
    expect(isSame(base, { ...base, facts: turned })).toBe(true);
    expect(isSame(base, written({}))).toBe(false);
  });
});
