import { diffWordsWithSpace } from 'diff';
import type { FactField, NoticeFacts } from '../../api/types';
import { FACT_NAMES } from '../../words/labels';

/** What is different between two versions, field by field; marks words and says in words what the marks mean. */
export function Difference({
  before,
  now,
  fields,
}: {
  before: NoticeFacts;
  now: NoticeFacts;
  fields: readonly FactField[];
}) {
  const changed = fields.filter((field) => before[field] !== now[field]);
  if (changed.length === 0) return <p className="dim">Not a word is different.</p>;
  return (
    <div className="stack">
      {changed.map((field) => (
        <div key={field}>
          <h3>{FACT_NAMES[field].label}</h3>
          <p className="wrap" style={{ whiteSpace: 'pre-wrap' }}>
            {parts(before[field], now[field]).map((part) =>
              part.kind === 'same' ? (
                <span key={part.key}>{part.text}</span>
              ) : part.kind === 'new' ? (
                <ins key={part.key}>{part.text}</ins>
              ) : (
                <del key={part.key}>{part.text}</del>
              ),
            )}
          </p>
        </div>
      ))}
    </div>
  );
}

/** Words that stayed, came and went, each with a key that follows from its place. */
function parts(before: string, now: string) {
  let at = 0;
  return diffWordsWithSpace(before, now).map((change) => {
    const key = `${at}`;
    at += change.value.length + 1;
    const kind = change.added ? 'new' : change.removed ? 'gone' : 'same';
    return { key, kind, text: change.value } as const;
  });
}
