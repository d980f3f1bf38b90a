import { Button, Menu, TextInput } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useMay, useSession } from '../../api/queries';
import type { Incident, IncidentView, Phase, Severity } from '../../api/types';
import { useAcknowledgeIncident, useIncidentWrite } from '../../api/writes';
import { FormDialog, faultOf, ReasonDialog } from '../../components/dialogs';
import { ActorName, Ago, ClockFace, Countdown, SeverityMark, Weekday } from '../../components/marks';
import { Refused } from '../../components/States';
import { useMinute } from '../../live/serverClock';
import { age } from '../../words/countdown';
import { count, PHASE_NAMES, PHASES, SEVERITIES, SEVERITY_MEANS, timerInWords } from '../../words/labels';
import { ClosingDialog } from './ClosingDialog';
import { overdueTasks } from './overdue';

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
            <WorstAlert incident={incident} />
            {incident.summary !== '' && <p className="wrap">{incident.summary}</p>}
          </div>
          <div className="stack tight">
            {!closed && <NextDue view={view} />}
            <CustomersDue view={view} />
            {(!closed || incident.acknowledgement.state === 'acknowledged') && <Acknowledge view={view} />}
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

/** What is late stands first and stays in sight; below it what is due next, and the first deadline of customers. */
function NextDue({ view }: { view: IncidentView }) {
  const { incident, next_due_at } = view;
  const overdue = overdueTasks(incident, useMinute());
  const latest = overdue[0];
  const timer = incident.timers.find((each) => each.state.state === 'running' && each.due_at === next_due_at);
  const next = timer ? timerInWords(timer.kind, incident.tasks).due : 'Next due';
  return (
    <div className="stack tight">
      {latest?.due_at != null ? (
        <>
          <div>
            <ClockFace dueAt={latest.due_at} className="big-clock" />
            <div className="small bad wrap">
              Overdue: {latest.title}, since <Weekday at={latest.due_at} />
              {overdue.length > 1 && `; and ${count(overdue.length - 1, 'more task')}`}
            </div>
          </div>
          {next_due_at !== null && (
            <div className="small dim wrap">
              Next: {next}, <Weekday at={next_due_at} />
            </div>
          )}
        </>
      ) : next_due_at !== null ? (
        <div>
          <ClockFace dueAt={next_due_at} className="big-clock" />
          <div className="small dim wrap">
            {next}, <Weekday at={next_due_at} />
          </div>
        </div>
      ) : (
        <p className="dim small">No timer is running</p>
      )}
    </div>
  );
}

/** Customers who are still to be told, whatever else runs. */
function CustomersDue({ view }: { view: IncidentView }) {
  const owed = view.obligations.filter((each) => each.state === 'running' || each.state === 'missed');
  const running = owed.filter((each) => each.state === 'running').map((each) => each.deadline.due_at);
  const missed = owed.length - running.length;
  const first = running.sort()[0];
  if (owed.length === 0) return null;
  return (
    <div className="small strong wrap">
      {first !== undefined && (
        <div>
          {count(running.length, 'customer')} to tell, first deadline <Countdown dueAt={first} />
        </div>
      )}
      {missed > 0 && <div className="bad">{count(missed, 'customer')} not told by the deadline</div>}
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
  const current = PHASES.indexOf(incident.phase);
  const close = () => {
    setTo(null);
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
      {to === 'closed' && <ClosingDialog view={view} onClose={close} />}
      <FormDialog
        title={`Enter phase ${to === null ? '' : PHASE_NAMES[to]}`}
        opened={to !== null && to !== 'closed'}
        onClose={close}
        doLabel="Enter phase"
        pending={write.isPending}
        fault={write.error}
        onDo={() =>
          write.mutate({ path: '/phase', body: { phase: to }, touches: (i) => i.phase }, { onSuccess: close })
        }
      >
        <p>
          The incident goes from {PHASE_NAMES[incident.phase]} to {to === null ? '' : PHASE_NAMES[to]}; the
          timeline says so.
        </p>
      </FormDialog>
    </>
  );
}

/** What the incident has become, where its title says something else. */
function WorstAlert({ incident }: { incident: Incident }) {
  const worst = incident.worst_alert;
  if (worst === undefined || worst.title === incident.title) return null;
  return (
    <p className="small wrap">
      <span className="dim">worst alert:</span> <SeverityMark severity={worst.severity} />{' '}
      <Link to="/alerts/$id" params={{ id: worst.alert }}>
        {worst.title}
      </Link>
    </p>
  );
}

/** Says anew what the incident is. */
export function ChangeTitle({ view }: { view: IncidentView }) {
  const { incident } = view;
  const may = useMay('lead_incidents') && incident.phase !== 'closed';
  const write = useIncidentWrite(incident.id);
  const [title, setTitle] = useState<string | null>(null);
  const close = () => {
    setTitle(null);
    write.reset();
  };
  if (!may) return null;
  return (
    <>
      <Button onClick={() => setTitle(incident.title)}>Change title</Button>
      <FormDialog
        title="Change the title"
        opened={title !== null}
        onClose={close}
        doLabel="Change title"
        pending={write.isPending}
        fault={write.error}
        ready={title !== null && title.trim() !== '' && title.trim() !== incident.title}
        shownFaults={['title']}
        onDo={() =>
          write.mutate(
            { path: '/title', body: { title: title?.trim() }, touches: (i) => i.title },
            { onSuccess: close },
          )
        }
      >
        <TextInput
          label="Title"
          description="What it is, in a line. The one before stays in the timeline."
          value={title ?? ''}
          onChange={(event) => setTitle(event.currentTarget.value)}
          error={faultOf(write.error, 'title')}
          maxLength={200}
          data-autofocus
          required
        />
      </FormDialog>
    </>
  );
}
