/** Words for clocks: how long until an instant, what will happen then, and how urgent that is. Pure: the present is passed in. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How close a clock is to running out. Colour is kept for `soon`, `urgent` and `over`. */
export type Urgency = 'calm' | 'soon' | 'urgent' | 'over';

/** A length of time as a clock shows it: `3:12:08`, `12:08`, `2 d 04:10:00`. */
export function clockFace(milliseconds: number): string {
  const seconds = Math.floor(Math.abs(milliseconds) / SECOND);
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor((seconds % 86_400) / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const two = (value: number) => String(value).padStart(2, '0');
  const tail = `${two(minutes)}:${two(seconds % 60)}`;
  if (days > 0) return `${days} d ${two(hours)}:${tail}`;
  return hours > 0 ? `${hours}:${tail}` : tail;
}

/** How urgent a clock is. With `limit`, the last sixth of it is `soon` and the last twelfth `urgent`; else 1 h and 15 min. */
export function urgency(dueAt: number, now: number, limit?: number): Urgency {
  const left = dueAt - now;
  if (left <= 0) return 'over';
  const soon = limit === undefined ? HOUR : limit / 6;
  const urgent = limit === undefined ? 15 * MINUTE : limit / 12;
  if (left <= urgent) return 'urgent';
  return left <= soon ? 'soon' : 'calm';
}

/** `in 3:12:08`, or `12:08 overdue`. */
export function leftInWords(dueAt: number, now: number): string {
  const left = dueAt - now;
  return left > 0 ? `in ${clockFace(left)}` : `${clockFace(left)} overdue`;
}

/** A span of the configuration (`90s`, `5m`, `72h`, `3d`) in milliseconds; undefined when it is none. */
export function spanMilliseconds(span: string): number | undefined {
  const match = /^(\d+)([smhd])$/.exec(span);
  if (!match) return undefined;
  const unit = { s: SECOND, m: MINUTE, h: HOUR, d: DAY }[match[2] as 's' | 'm' | 'h' | 'd'];
  return Number(match[1]) * unit;
}

/** How long ago or ahead, in one unit, for lists: `now`, `5 min ago`, `3 h ago`, `2 d ago`, `in 4 h`. */
export function relative(at: number, now: number): string {
  const distance = Math.abs(now - at);
  const say = (value: number, unit: string) => (at <= now ? `${value} ${unit} ago` : `in ${value} ${unit}`);
  if (distance < 45 * SECOND) return 'now';
  if (distance < HOUR) return say(Math.max(1, Math.floor(distance / MINUTE)), 'min');
  if (distance < 2 * DAY) return say(Math.floor(distance / HOUR), 'h');
  return say(Math.floor(distance / DAY), 'd');
}

/** How old something is: `12 min`, `3 h 05 min`, `2 d 4 h`. */
export function age(from: number, now: number): string {
  const past = Math.max(0, now - from);
  const minutes = Math.floor(past / MINUTE);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A list's lag, rate or age in seconds as words: `4 s`, `3 min`, `2 h`. */
export function seconds(value: number): string {
  if (value < 60) return `${Math.round(value)} s`;
  if (value < 3600) return `${Math.round(value / 60)} min`;
  if (value < 2 * 86_400) return `${Math.round(value / 3600)} h`;
  return `${Math.round(value / 86_400)} d`;
}
