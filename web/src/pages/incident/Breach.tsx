import { Button, Textarea } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { useMay } from '../../api/queries';
import type { IncidentView } from '../../api/types';
import { useIncidentWrite } from '../../api/writes';
import { FormDialog, faultOf, TypedWord } from '../../components/dialogs';
import { InstantInput } from '../../components/InstantInput';
import { ActorName, At, Countdown } from '../../components/marks';
import { Panel } from '../../components/Page';
import { usePreferences } from '../../live/preferences';
import { spanMilliseconds } from '../../words/countdown';
import { fromInput } from '../../words/instants';
import { tellingInWords } from '../../words/labels';
import { HAPPENS, stepLimit } from '../../words/ladder';
import { ExplainMiss } from '../breach/ExplainMiss';
import { BreachSeverity } from './BreachSeverity';
import { DecisionDialog } from './DecisionDialog';
import { WhatFollows } from './Foreseen';
import { Halt } from './Halt';
import { HoldingAhead } from './HoldingAhead';
import { InstantDialog } from './InstantDialog';
import { Moves } from './Moves';

type Decision = 'suspect' | 'confirm' | 'reject' | 'extend';

/** Whether customers' confidential information was disclosed: suspected, then confirmed or rejected. */
export function BreachPanel({ view }: { view: IncidentView }) {
  const { incident } = view;
  const may = useMay('decide_disclosure') && incident.phase !== 'closed';
  const [deciding, setDeciding] = useState<Decision | null>(null);
  const state = incident.disclosure.state;
  return (
    <Panel title="Disclosure">
      <div className="stack">
        <Stands view={view} />
        <Misses view={view} />
        <BreachSeverity view={view} />
        {may && (
          <div className="row">
            {(state === 'none' || state === 'rejected') && (
              <Button onClick={() => setDeciding('suspect')}>Suspect disclosure</Button>
            )}
            {state !== 'confirmed' && (
              <Button
                color="danger"
                variant={state === 'suspected' ? 'filled' : 'default'}
                onClick={() => setDeciding('confirm')}
              >
                Confirm disclosure
              </Button>
            )}
            {state === 'suspected' && (
              <Button onClick={() => setDeciding('reject')}>Reject disclosure</Button>
            )}
            {state === 'suspected' && <Button onClick={() => setDeciding('extend')}>Decide later</Button>}
          </div>
        )}
      </div>
      <ShortDecision view={view} decision={deciding} onClose={() => setDeciding(null)} />
      {deciding === 'extend' && <ExtendDialog view={view} onClose={() => setDeciding(null)} />}
      {deciding === 'confirm' && <ConfirmDialog view={view} onClose={() => setDeciding(null)} />}
    </Panel>
  );
}

function Stands({ view }: { view: IncidentView }) {
  const { disclosure } = view.incident;
  switch (disclosure.state) {
    case 'none':
      return (
        <p className="dim">
          Nobody suspects that customers’ confidential information was disclosed. If somebody does, a decision
          is due
          {view.incident.playbook ? ` within ${view.incident.playbook.disclosure_decision}` : ''}.
        </p>
      );
    case 'suspected':
      return (
        <div className="stack tight">
          <p>
            <span className="tag warn">suspected</span>{' '}
            <Countdown what="Decision due" dueAt={disclosure.decide_by} />
          </p>
          <Said by={<ActorName actor={disclosure.by} />} at={disclosure.at} why={disclosure.why} />
        </div>
      );
    case 'confirmed':
      return (
        <div className="stack tight">
          <p>
            <span className="tag alarm">confirmed</span> <span className="small">clocks run from </span>
            <At at={disclosure.at} />
          </p>
          <Said by={<ActorName actor={disclosure.by} />} at={disclosure.recorded_at} why={disclosure.why} />
          <Owed view={view} />
          <Moves view={view} />
          <Halt view={view} />
        </div>
      );
    case 'rejected':
      return (
        <div className="stack tight">
          <p>
            <span className="tag">{disclosure.reversed ? 'reversed' : 'rejected'}</span>
            {disclosure.reversed && (
              <span className="small">
                {' '}
                confirmed as of <At at={disclosure.reversed.confirmed_at} />
              </span>
            )}
          </p>
          {disclosure.reversed && (
            <Said
              by={<ActorName actor={disclosure.reversed.asked.by} />}
              at={disclosure.reversed.asked.at}
              why={disclosure.reversed.asked.why}
            />
          )}
          <Said by={<ActorName actor={disclosure.by} />} at={disclosure.at} why={disclosure.why} />
        </div>
      );
  }
}

function Said({ by, at, why }: { by: ReactNode; at: string; why: string }) {
  return (
    <p className="small dim wrap">
      {by}, <At at={at} />: {why}
    </p>
  );
}

function Owed({ view }: { view: IncidentView }) {
  const running = view.obligations.filter((each) => each.state === 'running');
  const next = running
    .flatMap((each) => (each.next === null ? [] : [{ ...each.next, each }]))
    .sort((a, b) => a.at.localeCompare(b.at))[0];
  return (
    <>
      <p className="small">
        {tellingInWords(view.telling)}.{' '}
        <Link to="/breach" search={{ incident: view.incident.id }}>
          Open the breach desk
        </Link>
      </p>
      {next !== undefined && next.step !== 'send_holding' && (
        <p>
          <Countdown
            what={HAPPENS[next.step]}
            dueAt={next.at}
            limit={stepLimit(next.step, spanMilliseconds(next.each.deadline.limit))}
          />
        </p>
      )}
      <HoldingAhead obligations={view.obligations} />
    </>
  );
}

/** Misses without a reason: whatever came of them, the incident is not closed before each has one. In a drill nobody was owed anything. */
function Misses({ view }: { view: IncidentView }) {
  const misses = view.obligations.filter((each) => each.miss?.why === null && !each.drill);
  if (misses.length === 0) return null;
  return (
    <ul className="plain small" aria-label="Misses without a reason">
      {misses.map((each) => (
        <li key={each.id} className="stack tight">
          <p>
            <span className="tag alarm">missed</span> {each.customer_name} was not told in time. The incident
            is not closed before somebody says why.
          </p>
          <ExplainMiss obligation={each} />
        </li>
      ))}
    </ul>
  );
}

function ShortDecision({
  view,
  decision,
  onClose,
}: {
  view: IncidentView;
  decision: Decision | null;
  onClose: () => void;
}) {
  const rejecting = decision === 'reject';
  return (
    <DecisionDialog
      incident={view.incident.id}
      title={rejecting ? 'Reject the disclosure' : 'Suspect a disclosure'}
      opened={decision === 'suspect' || rejecting}
      onClose={onClose}
      doLabel={rejecting ? 'Reject disclosure' : 'Suspect disclosure'}
      intro={
        rejecting ? (
          <p className="small">No customer is told. The reason stays in the register.</p>
        ) : (
          decision === 'suspect' && <WhatFollows incident={view.incident.id} decision="suspect" />
        )
      }
      path={`/disclosure/${decision}`}
      touches={(incident) => incident.disclosure}
    />
  );
}

/** Who needs longer to decide says why, and until when. */
function ExtendDialog({ view, onClose }: { view: IncidentView; onClose: () => void }) {
  return (
    <InstantDialog
      view={view}
      title="Decide later"
      doLabel="Extend"
      instant={{ field: 'until', label: 'Decide by', description: 'Within three days of the suspicion.' }}
      why="What is still missing for a decision. Becomes part of the record."
      path="/disclosure/extend"
      touches={(incident) => incident.disclosure}
      onClose={onClose}
    />
  );
}

/** Confirming starts clocks that customers rely on, so the reference is typed. */
function ConfirmDialog({ view, onClose }: { view: IncidentView; onClose: () => void }) {
  const { zone } = usePreferences();
  const write = useIncidentWrite(view.incident.id);
  const [why, setWhy] = useState('');
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState('');
  const [aware, setAware] = useState('');
  const awareUnknown = view.incident.moments?.aware === undefined;
  const awareAt = awareUnknown ? fromInput(aware, zone) : undefined;
  return (
    <FormDialog
      title="Confirm the disclosure"
      opened
      onClose={onClose}
      doLabel="Confirm disclosure"
      danger
      pending={write.isPending}
      fault={write.error}
      ready={why.trim() !== '' && typed.trim() === view.reference}
      shownFaults={['why', 'confirmed_at']}
      onDo={() =>
        write.mutate(
          {
            path: '/disclosure/confirm',
            body: { why: why.trim(), confirmed_at: fromInput(at, zone), aware_at: awareAt },
            touches: (incident) => incident.disclosure,
          },
          { onSuccess: onClose },
        )
      }
    >
      <p className="small">
        A clock starts for each customer on the list, and for each that is added. A holding notice is prepared
        at once and goes by itself when eleven twelfths of the time are over.
      </p>
      <Textarea
        label="Why"
        description="What shows that it was disclosed. Becomes part of the record."
        value={why}
        onChange={(event) => setWhy(event.currentTarget.value)}
        error={faultOf(write.error, 'why')}
        data-autofocus
        required
      />
      <InstantInput
        label="Confirmed at"
        description="Empty: now. Deadlines are counted from this instant."
        value={at}
        onChange={setAt}
        error={faultOf(write.error, 'confirmed_at')}
      />
      {awareUnknown && (
        <InstantInput
          label="Aware since"
          description="When the company became aware. Laws, and some contracts, count from it. Empty: record it later, under Clocks of law."
          value={aware}
          onChange={setAware}
          error={faultOf(write.error, 'aware_at')}
        />
      )}
      <WhatFollows
        incident={view.incident.id}
        decision="confirm"
        at={fromInput(at, zone)}
        awareAt={awareAt}
      />
      <TypedWord word={view.reference} value={typed} onChange={setTyped} />
    </FormDialog>
  );
}
