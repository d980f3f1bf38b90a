import type { Finding } from '../../api/types';
import { FACT_NAMES, LANGUAGE_NAMES } from '../../words/labels';

/** What a careful reader would object to; the heavy ones keep a notice from being submitted. */
export function Findings({ findings }: { findings: readonly Finding[] }) {
  if (findings.length === 0) return null;
  return (
    <section aria-label="Objections" className="stack">
      {findings.map((finding) => (
        <p
          key={`${finding.field} ${finding.language ?? ''} ${finding.words}`}
          className={finding.weight === 'must' ? 'notice-bar alarm' : 'notice-bar warn'}
        >
          <span className="strong">
            {FACT_NAMES[finding.field].label}
            {finding.language && ` (${LANGUAGE_NAMES[finding.language] ?? finding.language})`}
          </span>
          {finding.weight === 'must' ? ', must change: ' : ': '}“{finding.words}” {finding.problem}.
        </p>
      ))}
    </section>
  );
}
