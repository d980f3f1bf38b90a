import { useDrillReport } from '../../api/queries';
import type { DrillCheck, DrillReport, DrillVerdict, IncidentView } from '../../api/types';
import { At } from '../../components/marks';
import { Panel } from '../../components/Page';
import { Loaded } from '../../components/States';

const VERDICTS: Record<DrillVerdict, { word: string; tag: string }> = {
  met: { word: 'met', tag: 'tag fine' },
  partly: { word: 'partly met', tag: 'tag warn' },
  not_met: { word: 'not met', tag: 'tag alarm' },
  open: { word: 'to be done', tag: 'tag' },
  not_asked: { word: 'not asked', tag: 'tag' },
};

/** How a drill goes: what was met, what was not, and its score. Nothing in an incident that is no drill. */
export function DrillPanel({ view }: { view: IncidentView }) {
  return view.incident.drill ? <Report id={view.incident.id} /> : null;
}

function Report({ id }: { id: string }) {
  const query = useDrillReport(id);
  return (
    <Panel title="How the drill goes" side={query.data && <Score report={query.data} />} bare>
      <Loaded query={query} what="the report of the drill">
        {(report) => <DrillChecks report={report} />}
      </Loaded>
    </Panel>
  );
}

function Score({ report }: { report: DrillReport }) {
  return (
    <span className="small num">
      <span className="strong">{report.score} of 100</span>{' '}
      <span className="dim">
        {report.closed ? 'reached' : 'so far'} · {report.points} of {report.worth} points
      </span>
    </span>
  );
}

/** Every check of a drill, in words. */
export function DrillChecks({ report }: { report: DrillReport }) {
  return (
    <ul className="plain-list lines">
      {report.checks.map((check) => (
        <CheckRow key={check.id} check={check} />
      ))}
    </ul>
  );
}

function CheckRow({ check }: { check: DrillCheck }) {
  const { word, tag } = VERDICTS[check.verdict];
  return (
    <li className="line-item">
      <div className="row apart">
        <span className="strong">{check.title}</span>
        <span className="row">
          <span className={tag}>{word}</span>
          <span className="small dim num">
            {check.worth === 0 ? 'does not count' : `${check.points} of ${check.worth}`}
          </span>
        </span>
      </div>
      <div className="small">
        {check.measured}
        {check.done_at !== null && (
          <>
            {', '}
            <At at={check.done_at} />
          </>
        )}
      </div>
      <div className="small dim">
        Asked: {check.target}
        {check.due_at !== null && (
          <>
            {', by '}
            <At at={check.due_at} />
          </>
        )}
      </div>
    </li>
  );
}
