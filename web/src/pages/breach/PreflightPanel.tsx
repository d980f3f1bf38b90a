import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { request } from '../../api/client';
import { useMay, usePreflights } from '../../api/queries';
import type { Check, Preflight, Preflights } from '../../api/types';
import { ActorName, Ago, At } from '../../components/marks';
import { Panel } from '../../components/Page';
import { Empty, Loaded, Refused } from '../../components/States';
import { CHECK_NAMES, count } from '../../words/labels';

/** Whether customers could be told today, as it was found out last. */
export function PreflightPanel() {
  const query = usePreflights();
  const may = useMay('respond');
  const client = useQueryClient();
  const take = useMutation({
    mutationFn: () => request<Preflight>('/preflight', { method: 'POST', body: {} }),
    onSettled: () => void client.invalidateQueries({ queryKey: ['preflight'] }),
  });
  return (
    <Panel
      title="Pre-flight: could customers be told today?"
      bare
      side={
        may && (
          <Button loading={take.isPending} onClick={() => take.mutate()}>
            Run it now
          </Button>
        )
      }
    >
      <Refused fault={take.error} />
      <Loaded query={query} what="the pre-flight">
        {(preflights) => <LastRun preflights={preflights} />}
      </Loaded>
    </Panel>
  );
}

const ORDER = { failed: 0, passed: 1, not_applicable: 2 };

export function LastRun({ preflights: { next_at, taken } }: { preflights: Preflights }) {
  const [last] = taken;
  const next =
    next_at === null ? (
      'It is not taken by itself: [preflight] enabled is false.'
    ) : (
      <>
        The next one is due <At at={next_at} />.
      </>
    );
  if (last === undefined)
    return (
      <Empty title="No pre-flight was taken yet">
        It looks whether relay, DNS, letters, contacts and people are ready for the day they are needed.{' '}
        {next}
      </Empty>
    );
  const failed = last.checks.filter((check) => check.result === 'failed').length;
  const checks = [...last.checks].sort((one, other) => ORDER[one.result] - ORDER[other.result]);
  return (
    <>
      <p className="line-item small">
        <span className={failed > 0 ? 'tag alarm' : 'tag fine'}>
          {failed > 0 ? `${count(failed, 'check')} failed` : 'nothing failed'}
        </span>{' '}
        taken <Ago at={last.ended_at} /> by <ActorName actor={last.by} />. {next}
        {last.recovered.length > 0 && (
          <> Mended since: {last.recovered.map((check) => CHECK_NAMES[check]).join(', ')}.</>
        )}
      </p>
      <ul className="plain-list lines">
        {checks.map((check) => (
          <CheckLine key={check.check} check={check} />
        ))}
      </ul>
    </>
  );
}

const RESULTS = {
  failed: { word: 'failed', tag: 'tag alarm' },
  passed: { word: 'passed', tag: 'tag fine' },
  not_applicable: { word: 'not applicable', tag: 'tag' },
};

function CheckLine({ check }: { check: Check }) {
  const { word, tag } = RESULTS[check.result];
  return (
    <li className="line-item">
      <div className="row apart">
        <h3>{CHECK_NAMES[check.check]}</h3>
        <span className={tag}>{word}</span>
      </div>
      {check.findings.length === 0 && <p className="small dim wrap">{check.seen}</p>}
      {check.findings.map((finding) => (
        <div key={finding.key} className="small wrap">
          <p>{finding.seen}</p>
          <p className="dim">To do: {finding.remedy}</p>
        </div>
      ))}
      {check.more > 0 && <p className="small">And {check.more} more.</p>}
      {check.notes.map((note) => (
        <p key={note} className="small dim wrap">
          {note}
        </p>
      ))}
    </li>
  );
}
