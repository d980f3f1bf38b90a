import { Button, Menu } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';
import { useState } from 'react';
import { useMay, useSession } from '../../api/queries';
import type { IncidentView, Phase, Severity } from '../../api/types';
import { useAcknowledgeIncident, useIncidentWrite } from '../../api/writes';
import { FormDialog, ReasonDialog, TypedWord } from '../../components/dialogs';
import { ActorName, Ago, ClockFace, SeverityMark, Weekday } from '../../components/marks';
import { Refused } from '../../components/States';
import { useMinute } from '../../live/serverClock';
import { age } from '../../words/countdown';
import { PHASE_NAMES, PHASES, SEVERITIES, SEVERITY_MEANS, timerInWords } from '../../words/labels';

/** What stands: severity, phase, whether somebody has answered, and what is due next. */
export function Header({ view }: { view: IncidentView }) {
  const { incident } = view;
  const now = useMinute();
  const closed = incident.phase === 'closed';
  return (
    <div className="panel">
      <div className="panel-body stack">
        {incident.drill && (
          <p className="notice-bar warn">
            <strong>This is a drill.</strong> Every subject begins with [DRILL], alerts stay out of it, and
            letters to customers go to {incident.drill_terms?.customers_to ?? 'nobody'} alone.
          </p>
        )}
        <div className="incident-head">
          <div className="stack">
            <div className="row">
              <SeverityControl view={view} />
              {incident.drill && <span className="tag warn">drill</span>}
              <span className="dim small">
                opened <Ago at={incident.opened_at} /> by <ActorName actor={incident.opened_by} /> · age{' '}
                {age(Date.parse(incident.opened_at), now)}
              </span>
            </div>
            <PhaseStepper view={view} />
            {incident.summary !== '' && <p className="wrap">{incident.summary}</p>}
          </div>
          <div className="stack tight">
            {!closed && <NextDue view={view} />}
            <Acknowledge view={view} />
          </div>
        </div>
        {incident.playbook && (
          <p className="small dim">
            Playbook {incident.playbook.title}, version {incident.playbook.version},{' '}
            <code>{incident.playbook.hash.slice(0, 12)}</code>
          </p>
        )}
      </div>
    </div>
  );
}

function NextDue({ view }: { view: IncidentView }) {
  const { incident, next_due_at } = view;
  if (next_due_at === null) return <p className="dim small">No timer is running</p>;
  const timer = incident.timers.find((each) => each.state.state === 'running' && each.due_at === next_due_at);
  return (
    <div>
      <ClockFace dueAt={next_due_at} className="big-clock" />
      <div className="small dim">
        {timer ? timerInWords(timer.kind, incident.tasks).due : 'Next due'}, <Weekday at={next_due_at} />
      </div>
    </div>
  );
}

function Acknowledge({ view }: { view: IncidentView }) {
  const { user } = useSession();
  const may = useMay('respond');
  const acknowledge = useAcknowledgeIncident(view.incident.id, user.id);
  const stands = view.incident.acknowledgement;
  if (stands.state === 'acknowledged') {
    return (
      <p className="small">
        <IconCheck size={14} aria-hidden style={{ verticalAlign: -2 }} /> Acknowledged by{' '}
        <ActorName actor={stands.by} /> <Ago at={stands.at} />
      </p>
    );
  }
  return (
    <div className="stack tight">
      <Button
        variant="filled"
        size="sm"
        disabled={!may}
        loading={acknowledge.isPending}
        onClick={() => acknowledge.mutate()}
        data-key="a"
        aria-keyshortcuts="a"
      >
        Acknowledge
      </Button>
      <Refused fault={acknowledge.error} />
    </div>
  );
}

function SeverityControl({ view }: { view: IncidentView }) {
  const { incident } = view;
  const may = useMay('lead_incidents');
  const write = useIncidentWrite(incident.id);
  const [to, setTo] = useState<Severity | null>(null);
  if (!may || incident.phase === 'closed') return <SeverityMark severity={incident.severity} />;
  return (
    <>
      <Menu transitionProps={{ duration: 0 }} position="bottom-start" width={320}>
        <Menu.Target>
          <Button
            data-key="s"
            aria-keyshortcuts="s"
            aria-label={`Severity ${incident.severity.toUpperCase()}: change`}
          >
            <SeverityMark severity={incident.severity} />
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {SEVERITIES.filter((each) => each !== incident.severity).map((each) => (
            <Menu.Item key={each} onClick={() => setTo(each)}>
              <SeverityMark severity={each} /> <span className="dim">{SEVERITY_MEANS[each]}</span>
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      <ReasonDialog
        title={`Change severity to ${to?.toUpperCase() ?? ''}`}
        opened={to !== null}
        onClose={() => {
          setTo(null);
          write.reset();
        }}
        doLabel="Change severity"
        pending={write.isPending}
        fault={write.error}
        onDo={(why) =>
          write.mutate(
            { path: '/severity', body: { severity: to, why }, touches: (i) => i.severity },
            { onSuccess: () => setTo(null) },
          )
        }
      />
    </>
  );
}

function PhaseStepper({ view }: { view: IncidentView }) {
  const { incident } = view;
  const may = useMay('lead_incidents') && incident.phase !== 'closed';
  const write = useIncidentWrite(incident.id);
  const [to, setTo] = useState<Phase | null>(null);
  const [typed, setTyped] = useState('');
  const current = PHASES.indexOf(incident.phase);
  const close = () => {
    setTo(null);
    setTyped('');
    write.reset();
  };
  return (
    <>
      <ol className="phases" aria-label="Phases">
        {PHASES.map((phase, index) => {
          const state = index < current ? 'past' : index === current ? 'current' : 'ahead';
          return (
            <li key={phase}>
              {may && state !== 'current' ? (
                <button type="button" className={state} onClick={() => setTo(phase)}>
                  {PHASE_NAMES[phase]}
                </button>
              ) : (
                <span className={`phase ${state}`} aria-current={state === 'current' ? 'step' : undefined}>
                  {PHASE_NAMES[phase]}
                </span>
              )}
            </li>
          );
        })}
      </ol>
      <FormDialog
        title={to === 'closed' ? 'Close the incident' : `Enter phase ${to === null ? '' : PHASE_NAMES[to]}`}
        opened={to !== null}
        onClose={close}
        doLabel={to === 'closed' ? 'Close incident' : 'Enter phase'}
        pending={write.isPending}
        fault={write.error}
        danger={to === 'closed'}
        ready={to !== 'closed' || typed.trim() === view.reference}
        onDo={() =>
          write.mutate({ path: '/phase', body: { phase: to }, touches: (i) => i.phase }, { onSuccess: close })
        }
      >
        <p>
          {to === 'closed'
            ? 'Closing ends the timers. A new detection opens a new incident.'
            : `The incident goes from ${PHASE_NAMES[incident.phase]} to ${to === null ? '' : PHASE_NAMES[to]}; the timeline says so.`}
        </p>
        {to === 'closed' && <TypedWord word={view.reference} value={typed} onChange={setTyped} />}
      </FormDialog>
    </>
  );
}
