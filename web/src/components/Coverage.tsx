import type { DetectorCoverage, SourceCoverage } from '../api/types';
import { count } from '../words/labels';

/** The answers to whether a detector can match what the sources send, from good to bad. */
export const ANSWERS: Record<DetectorCoverage['satisfiable'], string> = {
  yes: 'Can match',
  unknown: 'Not known yet',
  fields_unseen: 'Fields never seen',
  no_log_source: 'No source',
};

/** Why a detector can or cannot match what the sources send, in a sentence. */
export function coverageInWords({ satisfiable, missing_fields, events }: DetectorCoverage): string {
  const came = count(events, 'event');
  switch (satisfiable) {
    case 'yes':
      return `${came} of its log source came since the service started, and they have the fields that it needs.`;
    case 'unknown':
      return `A source gives its kind of log, but only ${came} came since the service started: too few to tell which fields they have.`;
    case 'fields_unseen':
      return `It cannot match: none of the ${came} of its log source had ${missing_fields.join(', ')}. Check the parser of the source, or rename fields by a pipeline.`;
    case 'no_log_source':
      return 'It cannot match: no configured source gives its kind of log. Connect one, or leave the detector waiting.';
  }
}

/** What the rules that judge a source's events can make of what it gave. */
export function coveredInWords({ can_match, fields_unseen, unknown }: SourceCoverage): string {
  const said = [
    can_match > 0 && `${can_match} can match`,
    fields_unseen > 0 && `${fields_unseen} need fields that it never gave`,
    unknown > 0 && `${unknown} not known before more events come`,
  ];
  return said.filter((part) => part !== false).join(', ');
}

/** Whether a detector can match, as one short mark beside the others of a list. */
export function CoverageMark({ coverage }: { coverage: DetectorCoverage }) {
  const { satisfiable, missing_fields } = coverage;
  return (
    <>
      <span className={satisfiable === 'yes' ? undefined : 'dim'}>{ANSWERS[satisfiable]}</span>
      {satisfiable === 'fields_unseen' && (
        <div className="small dim mono wrap">{missing_fields.join(', ')}</div>
      )}
    </>
  );
}
