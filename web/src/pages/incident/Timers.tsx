import type { IncidentView, Timer } from '../../api/types';
import { Ago, Countdown } from '../../components/marks';
import { Panel } from '../../components/Page';
import { timerInWords } from '../../words/labels';

/** What is due, and what happens by itself when it is not done. */
export function TimersPanel({ view }: { view: IncidentView }) {
  const all = view.incident.timers
    .filter((timer) => timer.state.state === 'running')
    .sort((a, b) => a.due_at.localeCompare(b.due_at));
  // Every task shows its own clock below; here stands the one that runs out first.
  const firstTask = all.find((timer) => timer.kind.kind === 'task');
  const running = all.filter((timer) => timer.kind.kind !== 'task' || timer === firstTask);
  const fired = view.incident.timers.filter((timer) => timer.state.state === 'fired');
  return (
    <Panel title="Timers" bare>
      {running.length === 0 && <p className="line-item dim">No timer is running.</p>}
      <ul className="plain-list lines">
        {running.map((timer) => (
          <Running key={timer.id} timer={timer} view={view} />
        ))}
        {fired.map((timer) => (
          <li key={timer.id} className="line-item small dim">
            {timerInWords(timer.kind, view.incident.tasks).due} ran out{' '}
            {timer.state.state === 'fired' && <Ago at={timer.state.at} />}
          </li>
        ))}
      </ul>
    </Panel>
  );
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
