/** Two people who write one notice at once: what each changed stands, and where both changed the same the reader decides. */
import type { NoticeFacts, NoticeView } from '../../api/types';
import { FACT_FIELDS } from '../../words/labels';

export interface Written {
  facts: NoticeFacts;
  translations: Record<string, NoticeFacts>;
  next_update_by?: string;
}

/** Nothing said. */
export const NO_FACTS = Object.fromEntries(
  [...FACT_FIELDS, 'records_read'].map((field) => [field, '']),
) as NoticeFacts;

/** A text that both changed, each in another way. */
export interface Clash {
  /** None where it is as first written. */
  language?: string;
  field: keyof NoticeFacts;
  theirs: string;
}

export function writtenIn({ notice }: Pick<NoticeView, 'notice'>): Written {
  return {
    facts: notice.facts,
    translations: notice.translations ?? {},
    next_update_by: notice.next_update_by,
  };
}

export function isSame(a: Written, b: Written): boolean {
  const languages = new Set([...Object.keys(a.translations), ...Object.keys(b.translations)]);
  return (
    a.next_update_by === b.next_update_by &&
    sameFacts(a.facts, b.facts) &&
    [...languages].every((language) => {
      const [mine, theirs] = [a.translations[language], b.translations[language]];
      return mine === undefined || theirs === undefined ? mine === theirs : sameFacts(mine, theirs);
    })
  );
}

function sameFacts(a: NoticeFacts, b: NoticeFacts): boolean {
  return fieldsOf(a, b).every((field) => a[field] === b[field]);
}

function fieldsOf(...facts: NoticeFacts[]): (keyof NoticeFacts)[] {
  return [...new Set(facts.flatMap((each) => Object.keys(each)))] as (keyof NoticeFacts)[];
}

/**
 * What is written when `theirs` was saved while `mine` was typed, both on top of `base`. Where both changed one text, mine stays and
 * the clash is told.
 */
export function together(
  base: Written,
  mine: Written,
  theirs: Written,
): { written: Written; clashes: Clash[] } {
  const clashes: Clash[] = [];
  const merge = (b: NoticeFacts, m: NoticeFacts, t: NoticeFacts, language?: string): NoticeFacts => {
    const merged = { ...m };
    for (const field of fieldsOf(b, m, t)) {
      if (m[field] === t[field] || t[field] === b[field]) continue;
      if (m[field] === b[field]) merged[field] = t[field];
      else clashes.push({ language, field, theirs: t[field] });
    }
    return merged;
  };
  const facts = merge(base.facts, mine.facts, theirs.facts);
  const translations: Record<string, NoticeFacts> = {};
  const languages = new Set([...Object.keys(mine.translations), ...Object.keys(theirs.translations)]);
  for (const language of languages) {
    const [b, m, t] = [base, mine, theirs].map((each) => each.translations[language]);
    // A translation that one of them dropped stays dropped, unless the other has written in it since.
    if (m === undefined && b !== undefined && t !== undefined && sameFacts(b, t)) continue;
    if (t === undefined && b !== undefined && m !== undefined && sameFacts(b, m)) continue;
    translations[language] = merge(b ?? NO_FACTS, m ?? b ?? NO_FACTS, t ?? b ?? NO_FACTS, language);
  }
  const promised = mine.next_update_by === base.next_update_by ? theirs.next_update_by : mine.next_update_by;
  return { written: { facts, translations, next_update_by: promised }, clashes };
}
