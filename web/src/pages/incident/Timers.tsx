import type { Incident, IncidentView, Timer } from '../../api/types';
import { Ago, Countdown } from '../../components/marks';
import { Panel } from '../../components/Page';
import { serverNow, useMinute } from '../../live/serverClock';
import { count, timerInWords } from '../../words/labels';
import { overdueTasks } from './overdue';

/** What is due, and what happens by itself when it is not done. */
export function TimersPanel({ view }: { view: IncidentView }) {
  useMinute();
  const all = view.incident.timers
    .filter((timer) => timer.state.state === 'running')
    .sort((a, b) => a.due_at.localeCompare(b.due_at));
  // Every task shows its own clock below; here stands the one that runs out first.
  const firstTask = all.find((timer) => timer.kind.kind === 'task');
  const running = all.filter((timer) => timer.kind.kind !== 'task' || timer === firstTask);
  const { overdue, over } = ranOut(view.incident);
  return (
    <Panel title="Timers" bare>
      {running.length === 0 && overdue.length === 0 && <p className="line-item dim">No timer is running.</p>}
      <ul className="plain-list lines">
        {overdue.map((task) => (
          <li key={task.id} className="line-item">
            <Countdown what={task.title} dueAt={task.due_at ?? ''} />
            <div className="small dim">its role was reminded; nobody is reminded again</div>
          </li>
        ))}
        {running.map((timer) => (
          <Running key={timer.id} timer={timer} view={view} />
        ))}
      </ul>
      {over.length > 0 && (
        <details className="line-item small dim">
          <summary>
            {count(over.length, 'timer')} ran out, and what was due is done or no longer needed
          </summary>
          <ul className="plain-list">
            {over.map((timer) => (
              <li key={timer.id}>
                {timerInWords(timer.kind, view.incident.tasks).due} ran out{' '}
                {timer.state.state === 'fired' && <Ago at={timer.state.at} />}
              </li>
            ))}
          </ul>
        </details>
      )}
    </Panel>
  );
}

/** Tasks that are late, the latest first, and the timers that ran out and no longer matter. */
function ranOut(incident: Incident) {
  const overdue = overdueTasks(incident, serverNow());
  const late = new Set(overdue.map((task) => task.id));
  const over = incident.timers.filter(
    (timer) => timer.state.state === 'fired' && !(timer.kind.kind === 'task' && late.has(timer.kind.task)),
  );
  return { overdue, over };
}

function Running({ timer, view }: { timer: Timer; view: IncidentView }) {
  const words = timerInWords(timer.kind, view.incident.tasks);
  return (
    <li className="line-item">
      <Countdown what={`${words.due} due`} dueAt={timer.due_at} />
      <div className="small dim">{words.otherwise}</div>
    </li>
  );
}
