import type { Moment } from '../api/types';

/** The moments of an incident that clocks count from, in the order they usually come. */
export const MOMENT_NAMES: Record<Moment, string> = {
  occurred: 'Occurred',
  detected: 'Detected',
  suspected: 'Suspected',
  aware: 'Aware',
  confirmed: 'Confirmed',
  determined: 'Determined',
  classified: 'Classified',
};

/** What people record; the others follow from decisions on the disclosure. */
export const RECORDED: readonly Moment[] = ['occurred', 'detected', 'aware', 'determined', 'classified'];

/** What a phase waits for, in words: `aware` or `notification.submitted`. */
export function waitsFor(until: readonly string[]): string {
  const one = (start: string) => {
    const phase = start.endsWith('.submitted') ? start.slice(0, -'.submitted'.length) : null;
    return phase === null ? `the moment “${start}”` : `the submission of “${words(phase)}”`;
  };
  return until.map(one).join(' or ');
}

/** An identifier as people read it: `early_warning` is “early warning”. */
export function words(identifier: string): string {
  return identifier.replaceAll('_', ' ');
}
