/**
 * The server's clock in the browser: all countdowns run on it, so a wrong clock at the desk moves no deadline, and the clock of a demo
 * can be advanced.
 */
import { useSyncExternalStore } from 'react';

let offset = 0;
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** The present, by the server. Milliseconds since the epoch. */
export function serverNow(): number {
  return Date.now() + offset;
}

/** Takes over what the server says the time is. Less than half a second apart is the network, and is left alone. */
export function learnServerTime(instant: string): void {
  const said = Date.parse(instant);
  if (Number.isNaN(said)) return;
  const difference = said - serverNow();
  if (Math.abs(difference) < 500) return;
  offset += difference;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    for (const each of listeners) each();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The present in whole seconds; renders again every second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => Math.floor(serverNow() / 1000) * 1000);
}

/** The present in whole minutes; for ages in lists, which need not tick. */
export function useMinute(): number {
  return useSyncExternalStore(subscribe, () => Math.floor(serverNow() / 60_000) * 60_000);
}
