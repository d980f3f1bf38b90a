import type { Incident, Task } from '../../api/types';

/** Open tasks whose time has passed, the latest first. */
export function overdueTasks(incident: Incident, now: number): Task[] {
  return incident.tasks
    .filter((task) => task.state === 'open' && task.due_at !== null && Date.parse(task.due_at) <= now)
    .sort((a, b) => (a.due_at ?? '').localeCompare(b.due_at ?? ''));
}
