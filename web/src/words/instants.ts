/** Instants as text, in UTC or the browser's zone. The zone is always written out, so that no time can be misread. */

export type Zone = 'utc' | 'local';

function parts(at: number, zone: Zone, options: Intl.DateTimeFormatOptions): Record<string, string> {
  const format = new Intl.DateTimeFormat('en-GB', {
    ...options,
    hourCycle: 'h23',
    ...(zone === 'utc' ? { timeZone: 'UTC' } : {}),
  });
  return Object.fromEntries(format.formatToParts(at).map((part) => [part.type, part.value]));
}

/** `UTC`, or the short name of the browser's zone at that instant, such as `CET`. */
export function zoneName(at: number, zone: Zone): string {
  if (zone === 'utc') return 'UTC';
  return parts(at, zone, { timeZoneName: 'short' }).timeZoneName ?? 'local';
}

/** `Sat 14:20 UTC`: within a week, the weekday says enough. */
export function weekdayTime(at: number, zone: Zone): string {
  const p = parts(at, zone, { weekday: 'short', hour: '2-digit', minute: '2-digit' });
  return `${p.weekday} ${p.hour}:${p.minute} ${zoneName(at, zone)}`;
}

/** `2027-03-06 14:20:05 UTC`: for records and on hover. */
export function full(at: number, zone: Zone): string {
  const p = parts(at, zone, {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second} ${zoneName(at, zone)}`;
}

/** `14:20:05`: inside a list that says the day elsewhere. */
export function timeOfDay(at: number, zone: Zone): string {
  const p = parts(at, zone, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
  return `${p.hour}:${p.minute}:${p.second}`;
}

/** `Sat 6 Mar 2027`: the heading of a day. */
export function day(at: number, zone: Zone): string {
  const p = parts(at, zone, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });
  return `${p.weekday} ${p.day} ${p.month} ${p.year}`;
}

/** What `<input type="datetime-local">` holds for an instant. */
export function forInput(at: number, zone: Zone): string {
  const p = parts(at, zone, {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  return `${p.year}-${p.month}-${p.day}T${p.hour}:${p.minute}:${p.second}`;
}

/** The instant that a `datetime-local` input means, as RFC 3339; undefined when it is empty or no time. */
export function fromInput(text: string, zone: Zone): string | undefined {
  if (text.trim() === '') return undefined;
  const at = new Date(zone === 'utc' ? `${text}Z` : text);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}
