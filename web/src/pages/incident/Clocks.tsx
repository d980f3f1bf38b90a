/** What laws ask of an incident: the moments that clocks count from, and what is due to whom. */
import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useClocks, useMay } from '../../api/queries';
import type { ClocksView, IncidentView, LawRule, Moment, MomentView, RulePhase } from '../../api/types';
import { useIncidentWrite } from '../../api/writes';
import { FormDialog, faultOf } from '../../components/dialogs';
import { InstantInput } from '../../components/InstantInput';
import { ActorName, At, Countdown } from '../../components/marks';
import { Panel } from '../../components/Page';
import { Loaded } from '../../components/States';
import { usePreferences } from '../../live/preferences';
import { serverNow } from '../../live/serverClock';
import { forInput, fromInput } from '../../words/instants';
import { MOMENT_NAMES, RECORDED, waitsFor, words } from '../../words/moments';
import { DecisionDialog } from './DecisionDialog';
import { InstantDialog } from './InstantDialog';
import { Pause, PausesDialog, stands } from './Pauses';
import { UnreadLaws } from './UnreadLaws';

/** Shown once a disclosure is in question: most incidents have nothing to do with any law. */
export function ClocksPanel({ view }: { view: IncidentView }) {
  const { disclosure, moments = {} } = view.incident;
  if (disclosure.state === 'none' && Object.keys(moments).length === 0) return null;
  return <LoadedClocks view={view} />;
}

function LoadedClocks({ view }: { view: IncidentView }) {
  const clocks = useClocks(view.incident.id);
  return (
    <Panel title="Clocks of law">
      <Loaded query={clocks} what="the clocks">
        {(loaded) => <Clocks view={view} clocks={loaded} />}
      </Loaded>
    </Panel>
  );
}

function Clocks({ view, clocks }: { view: IncidentView; clocks: ClocksView }) {
  const may = useMay('decide_disclosure');
  const counsel = useMay('approve_notices');
  const [recording, setRecording] = useState(false);
  const [submitting, setSubmitting] = useState<{ rule: LawRule; phase: RulePhase } | null>(null);
  const [judging, setJudging] = useState<LawRule | null>(null);
  const [pausing, setPausing] = useState<LawRule | null>(null);
  return (
    <div className="stack">
      <Moments moments={clocks.moments} />
      {may && (
        <div className="row">
          <Button onClick={() => setRecording(true)}>Record a moment</Button>
        </div>
      )}
      {clocks.rules.map((rule) => (
        <Rule
          key={rule.id}
          rule={rule}
          onSubmit={may ? (phase) => setSubmitting({ rule, phase }) : null}
          onJudge={may ? () => setJudging(rule) : null}
          onPause={counsel ? () => setPausing(rule) : null}
        />
      ))}
      <UnreadLaws unread={clocks.unread} />
      {recording && <MomentDialog view={view} onClose={() => setRecording(false)} />}
      {judging !== null && <AppliesDialog view={view} rule={judging} onClose={() => setJudging(null)} />}
      {pausing !== null && <PausesDialog view={view} rule={pausing} onClose={() => setPausing(null)} />}
      {submitting !== null && (
        <SubmissionDialog view={view} {...submitting} onClose={() => setSubmitting(null)} />
      )}
    </div>
  );
}

function Moments({ moments }: { moments: readonly MomentView[] }) {
  const known = moments.filter((each) => each.at !== null);
  return (
    <dl className="definition">
      {known.map(({ moment, at, records }) => {
        const last = records.at(-1);
        return (
          <div key={moment} style={{ display: 'contents' }}>
            <dt>{MOMENT_NAMES[moment]}</dt>
            <dd>
              {at !== null && <At at={at} />}
              {last !== undefined && (
                <div className="small dim wrap">
                  <ActorName actor={last.by} />: {last.why}
                </div>
              )}
              {records.slice(0, -1).map((earlier) => (
                <div key={earlier.recorded_at} className="small dim wrap">
                  before: <At at={earlier.at} />, <ActorName actor={earlier.by} />: {earlier.why}
                </div>
              ))}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

function Rule({
  rule,
  onSubmit,
  onJudge,
  onPause,
}: {
  rule: LawRule;
  onSubmit: ((phase: RulePhase) => void) | null;
  onJudge: (() => void) | null;
  onPause: (() => void) | null;
}) {
  const aside = rule.set_aside;
  return (
    <section className="stack tight" aria-label={rule.title}>
      <h3>{rule.title}</h3>
      {aside !== null && (
        <p className="small wrap">
          <span className="tag">does not apply</span> <At at={aside.at} />, <ActorName actor={aside.by} />:{' '}
          {aside.why}
        </p>
      )}
      {(aside === null ? rule.phases : []).map((phase) => (
        <div key={phase.id} className="row apart">
          <div>
            {rule.phases.length > 1 && <span className="strong">{words(phase.id)}: </span>}
            <Due phase={phase} />
          </div>
          {onSubmit !== null && phase.submitted === null && phase.due.state !== 'waits' && (
            <Button
              size="compact-sm"
              aria-label={`${DONE[doneHow(phase)].label}: ${words(phase.id)}, ${rule.title}`}
              onClick={() => onSubmit(phase)}
            >
              {DONE[doneHow(phase)].label}
            </Button>
          )}
        </div>
      ))}
      {rule.pauses.map((pause) => (
        <Pause key={pause.recorded_at} pause={pause} />
      ))}
      {onJudge !== null && (
        <div className="row">
          <Button
            size="compact-sm"
            variant="subtle"
            aria-label={`${aside === null ? 'Does not apply' : 'Applies after all'}: ${rule.title}`}
            onClick={onJudge}
          >
            {aside === null ? 'Does not apply…' : 'Applies after all…'}
          </Button>
          {onPause !== null && aside === null && rule.may_pause.length > 0 && (
            <Button
              size="compact-sm"
              variant="subtle"
              aria-label={`${rule.pauses.some(stands) ? 'End the pause' : 'Pause'}: ${rule.title}`}
              onClick={onPause}
            >
              {rule.pauses.some(stands) ? 'End the pause…' : 'Pause…'}
            </Button>
          )}
        </div>
      )}
      <details className="small">
        <summary>
          How it is counted, and where it is written{' '}
          <code title="The rule’s name in the configuration">{rule.id}</code>
        </summary>
        <div className="stack tight">
          {rule.phases.map(
            (phase) =>
              phase.due.state === 'by' &&
              phase.due.readings.map((reading) => (
                <p key={`${phase.id} ${reading.arithmetic}`} className="wrap">
                  {words(phase.id)}: {reading.arithmetic}
                </p>
              )),
          )}
          <p className="wrap">Starts: {rule.trigger}</p>
          <p className="wrap">To: {rule.recipients}</p>
          <p className="wrap">If: {rule.applies_if}</p>
          <p className="wrap">
            {rule.source}; {rule.confidence === 'V' ? 'read at the source' : 'read at a secondary source'},{' '}
            {rule.last_verified}. Days of {rule.jurisdiction}.
          </p>
        </div>
      </details>
    </section>
  );
}

function Due({ phase }: { phase: RulePhase }) {
  const { due, submitted } = phase;
  if (submitted !== null) {
    return (
      <span>
        {DONE[doneHow(phase)].done} <At at={submitted.at} />
        {phase.in_time === true && ', in time'}
        {phase.in_time === false && <span className="tag alarm">late</span>}
        {phase.target_met === true && ', within our own target'}
        {phase.target_met === false && <span className="tag warn">after our own target</span>}
        <span className="small dim wrap">
          {' '}
          ({submitted.reference}, <ActorName actor={submitted.by} />)
        </span>
      </span>
    );
  }
  switch (due.state) {
    case 'waits':
      return <span className="dim">not started; counts from {waitsFor(due.until)}</span>;
    case 'asap':
      return (
        <span>
          as soon as possible, since <At at={due.since} />
          {due.target_at !== null && <Target at={due.target_at} source={phase.target?.source} />}
        </span>
      );
    case 'by':
      return <Countdown what="due" dueAt={due.due_at} />;
  }
}

/** What the company set itself where the law names no number: reminded of, and no deadline of the law. */
function Target({ at, source }: { at: string; source: string | undefined }) {
  const passed = Date.parse(at) < serverNow();
  return (
    <span className="small wrap">
      ; {passed && <span className="tag warn">target passed</span>}{' '}
      <span title={source}>our own target, no deadline of the law:</span> <At at={at} />
    </span>
  );
}

/** When a moment was. A later instant than the one that counts takes another person. */
function MomentDialog({ view, onClose }: { view: IncidentView; onClose: () => void }) {
  const [moment, setMoment] = useState<Moment>('aware');
  return (
    <InstantDialog
      view={view}
      title="Record a moment"
      doLabel="Record moment"
      intro={
        <NativeSelect
          label="Moment"
          description="When a disclosure was suspected or confirmed is recorded by deciding on it."
          value={moment}
          data={RECORDED.map((each) => ({ value: each, label: MOMENT_NAMES[each] }))}
          onChange={(event) => setMoment(event.currentTarget.value as Moment)}
        />
      }
      instant={{
        field: 'at',
        label: 'It was at',
        description: 'Clocks count from this instant. To move one later takes another person.',
        initial: serverNow(),
      }}
      why="What shows that it was then. Becomes part of the record."
      path="/moments"
      body={{ moment }}
      touches={(incident) => incident.moments}
      onClose={onClose}
    />
  );
}

/** Whether a rule applies to the incident is counsel's to say; its clocks page nobody while it does not. */
function AppliesDialog({ view, rule, onClose }: { view: IncidentView; rule: LawRule; onClose: () => void }) {
  const applies = rule.set_aside !== null;
  return (
    <DecisionDialog
      incident={view.incident.id}
      title={applies ? 'The rule applies after all' : 'The rule does not apply'}
      opened
      onClose={onClose}
      doLabel={applies ? 'It applies' : 'It does not apply'}
      intro={
        <>
          <p className="small wrap">
            {rule.title}. It applies if: {rule.applies_if}
          </p>
          <p className="small">
            {applies
              ? 'Its clocks go on as if it had never been set aside: what is due already pages at once.'
              : 'Its clocks page nobody from now on. That can be taken back.'}
          </p>
        </>
      }
      path={`/rules/${encodeURIComponent(rule.id)}`}
      body={{ applies }}
      touches={(incident) => incident.set_aside}
    />
  );
}

/** A register is kept by ourselves: an entry is made in it, and nothing is submitted to anybody. */
function doneHow(phase: RulePhase): 'submission' | 'entry' {
  return phase.id === 'entry' ? 'entry' : 'submission';
}

const DONE = {
  submission: {
    label: 'Submitted',
    record: 'Record submission',
    to: 'to:',
    at: 'It was submitted at',
    proof: 'What proves it: a number of the authority, the name of a receipt. The first submission counts.',
    done: 'submitted',
  },
  entry: {
    label: 'Entered',
    record: 'Record entry',
    to: 'kept for:',
    at: 'It was entered at',
    proof: 'Where the entry stands: the number or page of your own register. The first entry counts.',
    done: 'entered',
  },
};

function SubmissionDialog({
  view,
  rule,
  phase,
  onClose,
}: {
  view: IncidentView;
  rule: LawRule;
  phase: RulePhase;
  onClose: () => void;
}) {
  const { zone } = usePreferences();
  const write = useIncidentWrite(view.incident.id);
  const [at, setAt] = useState(forInput(serverNow(), zone));
  const [reference, setReference] = useState('');
  const how = DONE[doneHow(phase)];
  return (
    <FormDialog
      title={`${how.label}: ${words(phase.id)}`}
      opened
      onClose={onClose}
      doLabel={how.record}
      pending={write.isPending}
      fault={write.error}
      ready={reference.trim() !== '' && at !== ''}
      shownFaults={['reference', 'at']}
      onDo={() =>
        write.mutate(
          {
            path: '/submissions',
            body: { rule: rule.id, phase: phase.id, at: fromInput(at, zone), reference: reference.trim() },
            touches: (incident) => incident.submissions,
          },
          { onSuccess: onClose },
        )
      }
    >
      <p className="small">
        {rule.title}, {how.to} {rule.recipients}. Phases that count from it start now.
      </p>
      {phase.requires.length > 0 && (
        <p className="small">It must say: {phase.requires.map(words).join(', ')}.</p>
      )}
      <InstantInput label={how.at} value={at} onChange={setAt} error={faultOf(write.error, 'at')} required />
      <TextInput
        label="Reference"
        description={how.proof}
        value={reference}
        onChange={(event) => setReference(event.currentTarget.value)}
        error={faultOf(write.error, 'reference')}
        data-autofocus
        required
      />
    </FormDialog>
  );
}
