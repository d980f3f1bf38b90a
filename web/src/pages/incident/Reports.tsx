/** Reports to authorities: what is still missing in each, and the drafts to take away. */
import { Button, NativeSelect, Textarea } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { download } from '../../api/client';
import { useMay, useReports } from '../../api/queries';
import type { IncidentView, Particular, ReportView } from '../../api/types';
import { useIncidentWrite } from '../../api/writes';
import { FormDialog, faultOf } from '../../components/dialogs';
import { ActorName, At } from '../../components/marks';
import { Panel } from '../../components/Page';
import { Loaded, Refused } from '../../components/States';
import { count } from '../../words/labels';

/** Questions of authorities that people answer, in the order in which forms ask. */
const QUESTIONS: Record<Particular, string> = {
  nature: 'What happened',
  subject_categories: 'Categories of data subjects',
  subject_count: 'Approximate number of data subjects',
  record_categories: 'Categories of records: types of information',
  record_count: 'Approximate number of records',
  consequences: 'Likely consequences',
  measures: 'Measures taken or proposed, applied and ongoing',
  delay_reasons: 'Reasons for the delay',
  unlawful_act: 'Suspected unlawful or malicious acts',
  cross_border: 'Impact across borders',
  severity: 'Severity',
  impact: 'Impact',
  indicators: 'Indicators of compromise',
  root_cause: 'Type of threat or root cause',
  individuals: 'Identification of each individual',
  protective_steps: 'Steps that individuals should take',
};

/** Shown with the clocks of law: most incidents have nothing to do with any. */
export function ReportsPanel({ view }: { view: IncidentView }) {
  const { disclosure, moments = {} } = view.incident;
  if (disclosure.state === 'none' && Object.keys(moments).length === 0) return null;
  return <LoadedReports view={view} />;
}

function LoadedReports({ view }: { view: IncidentView }) {
  const reports = useReports(view.incident.id);
  const mayRecord = useMay('decide_disclosure');
  const mayTake = useMay('export_evidence');
  const [recording, setRecording] = useState<Particular | null>(null);
  return (
    <Panel title="Reports to authorities">
      <Loaded query={reports} what="the reports">
        {(loaded) => (
          <Reports
            incident={view.incident.id}
            reports={loaded.reports}
            mayTake={mayTake}
            onRecord={mayRecord ? setRecording : null}
          />
        )}
      </Loaded>
      {recording !== null && (
        <ParticularDialog view={view} first={recording} onClose={() => setRecording(null)} />
      )}
    </Panel>
  );
}

export function Reports({
  incident,
  reports,
  mayTake,
  onRecord,
}: {
  incident: string;
  reports: readonly ReportView[];
  mayTake: boolean;
  onRecord: ((particular: Particular) => void) | null;
}) {
  return (
    <div className="stack">
      <p className="small dim">
        Drafts from the records, for counsel to read. They are no legal advice, and taking one away submits
        nothing.
      </p>
      {onRecord !== null && (
        <div className="row">
          <Button onClick={() => onRecord('nature')}>Say what authorities ask</Button>
        </div>
      )}
      {reports.map((report) => (
        <Report key={report.form} incident={incident} report={report} mayTake={mayTake} onRecord={onRecord} />
      ))}
    </div>
  );
}

function Report({
  incident,
  report,
  mayTake,
  onRecord,
}: {
  incident: string;
  report: ReportView;
  mayTake: boolean;
  onRecord: ((particular: Particular) => void) | null;
}) {
  const take = useMutation({
    mutationFn: (format: 'pdf' | 'json') =>
      download(`/incidents/${encodeURIComponent(incident)}/reports/${encodeURIComponent(report.form)}`, {
        format,
      }),
  });
  return (
    <section className="stack tight" aria-label={report.title}>
      <h3>{report.title}</h3>
      <p className="small dim wrap">
        {report.recipient}. {report.law}
      </p>
      <Missing report={report} onRecord={onRecord} />
      {report.pdf_lacks.length > 0 && (
        <p className="small wrap">
          The font of the PDF lacks {report.pdf_lacks.join(', ')}: they stand in it as their codes. The JSON
          has them.
        </p>
      )}
      <details className="small">
        <summary>What it says</summary>
        <div className="stack tight" style={{ marginTop: 8 }}>
          {report.sections.flatMap((section) =>
            section.items.map((item) => (
              <div key={`${section.source} ${item.label}`}>
                <div className="strong wrap">
                  {item.label} ({section.source})
                </div>
                <div className={item.known ? 'wrap' : 'wrap dim'} style={{ whiteSpace: 'pre-line' }}>
                  {item.value}
                </div>
                {item.basis !== null && <div className="dim wrap">{item.basis}</div>}
              </div>
            )),
          )}
        </div>
      </details>
      {mayTake && (
        <div className="row">
          {(['pdf', 'json'] as const).map((format) => (
            <Button
              key={format}
              size="compact-sm"
              loading={take.isPending && take.variables === format}
              aria-label={`${format.toUpperCase()}: ${report.title}`}
              title="The audit log records that you took it."
              onClick={() => take.mutate(format)}
            >
              {format.toUpperCase()}
            </Button>
          ))}
        </div>
      )}
      <Refused fault={take.error} />
    </section>
  );
}

function Missing({
  report,
  onRecord,
}: {
  report: ReportView;
  onRecord: ((particular: Particular) => void) | null;
}) {
  if (report.missing.length === 0) return <p className="small">Nothing that the form asks for is missing.</p>;
  return (
    <details className="small" open={report.missing.length <= 3}>
      <summary>{count(report.missing.length, 'answer')} not yet known</summary>
      <ul>
        {report.missing.map(({ source, label, particular }) => (
          <li key={`${source} ${label}`} className="wrap">
            {label} ({source}){' '}
            {particular !== null && onRecord !== null && (
              <Button
                size="compact-xs"
                variant="subtle"
                aria-label={`Say: ${label}, ${report.title}`}
                onClick={() => onRecord(particular)}
              >
                Say…
              </Button>
            )}
          </li>
        ))}
      </ul>
    </details>
  );
}

function ParticularDialog({
  view,
  first,
  onClose,
}: {
  view: IncidentView;
  first: Particular;
  onClose: () => void;
}) {
  const write = useIncidentWrite(view.incident.id);
  const [particular, setParticular] = useState(first);
  const [text, setText] = useState('');
  const last = view.incident.particulars?.[particular]?.at(-1);
  return (
    <FormDialog
      title="Say what authorities ask"
      opened
      onClose={onClose}
      doLabel="Record"
      pending={write.isPending}
      fault={write.error}
      ready={text.trim() !== ''}
      shownFaults={['text']}
      onDo={() =>
        write.mutate(
          {
            path: '/particulars',
            body: { particular, text: text.trim() },
            touches: (incident) => incident.particulars?.[particular],
          },
          { onSuccess: onClose },
        )
      }
    >
      <NativeSelect
        label="Question"
        value={particular}
        data={Object.entries(QUESTIONS).map(([value, label]) => ({ value, label }))}
        onChange={(event) => setParticular(event.currentTarget.value as Particular)}
      />
      {last !== undefined && (
        <p className="small dim wrap">
          Said <At at={last.at} />, <ActorName actor={last.by} />: {last.text}
        </p>
      )}
      <Textarea
        label="Answer"
        description="Every form that asks for it says so in these words. What was said before stays in the record."
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        error={faultOf(write.error, 'text')}
        autosize
        minRows={3}
        maxRows={12}
        data-autofocus
        required
      />
    </FormDialog>
  );
}
