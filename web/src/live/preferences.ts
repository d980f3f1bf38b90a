/** What a person likes, kept in this browser only: the zone of times, and whether single keys act. */
import { useSyncExternalStore } from 'react';
import type { Zone } from '../words/instants';

export interface Preferences {
  zone: Zone;
  singleKeys: boolean;
}

const KEY = 'watchkeeper.preferences';
const DEFAULTS: Preferences = { zone: 'utc', singleKeys: true };
const listeners = new Set<() => void>();
let current = read();

function read(): Preferences {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Preferences>;
    return {
      zone: kept.zone === 'local' ? 'local' : 'utc',
      singleKeys: kept.singleKeys !== false,
    };
  } catch {
    return DEFAULTS;
  }
}

export function setPreferences(change: Partial<Preferences>): void {
  current = { ...current, ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    // A browser that forbids storage keeps the choice until the page is closed.
  }
  for (const listener of listeners) listener();
}

export function getPreferences(): Preferences {
  return current;
}

export function usePreferences(): Preferences {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}
