/** Clocks of law that stand for a while. */
import { NativeSelect } from '@mantine/core';
import { useState } from 'react';
import type { ClockPause, IncidentView, LawRule } from '../../api/types';
import { InstantInput } from '../../components/InstantInput';
import { ActorName, At } from '../../components/marks';
import { usePreferences } from '../../live/preferences';
import { serverNow } from '../../live/serverClock';
import { forInput, fromInput } from '../../words/instants';
import { count } from '../../words/labels';
import { DecisionDialog } from './DecisionDialog';
import { InstantDialog } from './InstantDialog';

interface PauseProps {
  view: IncidentView;
  rule: LawRule;
  onClose: () => void;
}

/** Pauses the clocks of a rule, or ends the pause that stands. */
export function PausesDialog(props: PauseProps) {
  return props.rule.pauses.some(stands) ? <ResumeDialog {...props} /> : <PauseDialog {...props} />;
}

/** Whether the clocks stand now because of it. */
export function stands(pause: ClockPause): boolean {
  return pause.lifted === undefined && Date.parse(pause.until) > serverNow();
}

/** A pause, as the record has it. */
export function Pause({ pause }: { pause: ClockPause }) {
  const { lifted } = pause;
  return (
    <div className="small wrap">
      <span className="tag">{stands(pause) ? 'paused' : 'was paused'}</span> <At at={pause.from} /> to{' '}
      <At at={lifted?.at ?? pause.until} />: {pause.reason}.{' '}
      <span className="dim">
        On file: {pause.evidence} (<ActorName actor={pause.by} />
        ).
        {lifted !== undefined && (
          <>
            {' '}
            Ended before its time by <ActorName actor={lifted.by} />: {lifted.why}
          </>
        )}
      </span>
    </div>
  );
}

/** Some laws let a notice wait, such as while the police investigates: for a reason that they name, with a paper, and not for ever. */
function PauseDialog({ view, rule, onClose }: PauseProps) {
  const { zone } = usePreferences();
  const [reason, setReason] = useState(rule.may_pause[0]?.reason ?? '');
  const [from, setFrom] = useState(forInput(serverNow(), zone));
  const chosen = rule.may_pause.find((each) => each.reason === reason);
  const days = chosen?.max_days ?? null;
  return (
    <InstantDialog
      view={view}
      title="Pause the clocks of a rule"
      doLabel="Pause"
      danger
      intro={
        <>
          <p className="small wrap">
            {rule.title}. What falls due in a pause is due when it ends; what is owed to customers by contract
            is not paused: that takes a legal hold.
          </p>
          <NativeSelect
            label="Reason"
            description={`The rule names these and no others. Chosen: ${reason}.`}
            value={reason}
            data={rule.may_pause.map((each) => each.reason)}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
          <InstantInput label="It begins at" value={from} onChange={setFrom} required />
        </>
      }
      instant={{
        field: 'until',
        label: 'It ends at',
        description:
          days === null
            ? 'As the paper says, within a year; the rule names no bound.'
            : `As the paper says; ${count(days, 'day')} at most, all pauses for this reason together.`,
      }}
      reason={{ field: 'evidence', label: 'On file' }}
      why={`${chosen?.evidence_required ?? ''}. Who stated it, when, and where the paper is.`}
      path={`/rules/${encodeURIComponent(rule.id)}/pause`}
      body={{ reason, from: fromInput(from, zone) }}
      touches={(incident) => incident.pauses}
      onClose={onClose}
    />
  );
}

function ResumeDialog({ view, rule, onClose }: PauseProps) {
  return (
    <DecisionDialog
      incident={view.incident.id}
      title="End the pause"
      opened
      onClose={onClose}
      doLabel="End the pause"
      intro={<p className="small wrap">{rule.title}: its clocks run from now on.</p>}
      path={`/rules/${encodeURIComponent(rule.id)}/resume`}
      touches={(incident) => incident.pauses}
    />
  );
}
