import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useMay } from '../../api/queries';
import type { Incident, IncidentView, Task } from '../../api/types';
import { useIncidentWrite } from '../../api/writes';
import { ReasonDialog } from '../../components/dialogs';
import { ActorName, Ago, Countdown } from '../../components/marks';
import { Panel } from '../../components/Page';
import { Refused } from '../../components/States';
import { useMinute } from '../../live/serverClock';
import { ACT_WORDS, PHASE_NAMES, PHASES, ROLE_NAMES } from '../../words/labels';
import { TellByHand, Tellings } from '../breach/TellByHand';
import { overdueTasks } from './overdue';

/** What the playbook asks for, by phase; the phase that the incident is in comes first. */
export function TasksPanel({ view }: { view: IncidentView }) {
  const { incident } = view;
  const done = incident.tasks.filter((task) => task.state !== 'open').length;
  const now = useMinute();
  const current = PHASES.indexOf(incident.phase);
  const overdue = overdueTasks(incident, now);
  const order = [...PHASES.slice(current), ...PHASES.slice(0, current)];
  const groups = order
    .map((phase) => ({
      phase,
      tasks: incident.tasks.filter((task) => task.phase === phase && !overdue.includes(task)),
    }))
    .filter((group) => group.tasks.length > 0);
  return (
    <Panel
      title="Tasks"
      side={
        <span className="small dim num">
          {done} of {incident.tasks.length}
        </span>
      }
      bare
    >
      {incident.tasks.length === 0 && (
        <p className="line-item dim">No playbook is in force, so nothing is asked for.</p>
      )}
      {overdue.length > 0 && (
        <div>
          <h3 className="day-line bad">Overdue</h3>
          <ul className="plain-list lines">
            {overdue.map((task) => (
              <TaskRow key={task.id} task={task} view={view} />
            ))}
          </ul>
        </div>
      )}
      {groups.map((group) => (
        <div key={group.phase}>
          <h3 className="day-line">{PHASE_NAMES[group.phase]}</h3>
          <ul className="plain-list lines">
            {group.tasks.map((task) => (
              <TaskRow key={task.id} task={task} view={view} />
            ))}
          </ul>
        </div>
      ))}
    </Panel>
  );
}

/** Whom the task asks to tell by hand: each with what was written down of it, and the way to write it down. */
function ToTell({ customers, view }: { customers: readonly string[]; view: IncidentView }) {
  return (
    <ul className="plain small" aria-label="Whom to tell by hand">
      {customers.map((id) => {
        const rounds = view.obligations.filter((each) => each.customer === id);
        const owed = rounds.sort((a, b) => a.round - b.round).at(-1);
        if (owed === undefined) return null;
        return (
          <li key={id} className="stack tight">
            <div className="row apart">
              <Link to="/customers/$id" params={{ id }}>
                {owed.customer_name}
              </Link>
              <TellByHand obligation={owed} />
            </div>
            <Tellings by_hand={owed.by_hand} />
          </li>
        );
      })}
    </ul>
  );
}

function TaskRow({ task, view }: { task: Task; view: IncidentView }) {
  // What was left open when it was closed is still done.
  const may = useMay('respond');
  const write = useIncidentWrite(view.incident.id);
  const [skipping, setSkipping] = useState(false);
  const touches = (incident: Incident) => incident.tasks.find((each) => each.id === task.id);
  return (
    <li className="line-item">
      <div className="row apart top-aligned" style={{ flexWrap: 'nowrap' }}>
        <div className="grow">
          <div>{task.title}</div>
          <div className="small dim">
            {ROLE_NAMES[task.role]}
            {task.csf !== undefined && ` · ${task.csf}`}
          </div>
          <div className="small">
            {task.state === 'open' && task.due_at !== null && <Countdown what="due" dueAt={task.due_at} />}
            {task.state === 'done' && (
              <span className="good">
                done by <ActorName actor={task.by} /> <Ago at={task.at} />
                {task.through !== undefined && ACT_WORDS[task.through]}
              </span>
            )}
            {task.state === 'skipped' && (
              <span className="dim">
                skipped by <ActorName actor={task.by} /> <Ago at={task.at} />: {task.why}
              </span>
            )}
          </div>
          {task.by_hand !== undefined && task.state === 'open' && (
            <ToTell customers={task.by_hand.customers} view={view} />
          )}
        </div>
        {task.state === 'open' && may && (
          <div className="row" style={{ flexWrap: 'nowrap' }}>
            <Button
              loading={write.isPending && !skipping}
              aria-label={`Done: ${task.title}`}
              onClick={() => write.mutate({ path: `/tasks/${task.id}/done`, touches })}
            >
              Done
            </Button>
            <Button variant="subtle" aria-label={`Skip: ${task.title}`} onClick={() => setSkipping(true)}>
              Skip
            </Button>
          </div>
        )}
      </div>
      <Refused fault={skipping ? null : write.error} />
      <ReasonDialog
        title="Skip the task"
        opened={skipping}
        onClose={() => {
          setSkipping(false);
          write.reset();
        }}
        doLabel="Skip task"
        pending={write.isPending}
        fault={write.error}
        intro={<p className="strong">{task.title}</p>}
        onDo={(why) =>
          write.mutate(
            { path: `/tasks/${task.id}/skip`, body: { why }, touches },
            { onSuccess: () => setSkipping(false) },
          )
        }
      />
    </li>
  );
}
