/**
 * Keeps the screen fresh: follows /api/v1/stream, asks again for what changed, and says how old the picture is. When the stream is
 * gone it polls, and tries the stream again.
 */
import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useEffect, useSyncExternalStore } from 'react';
import type { StreamChange } from '../api/types';
import { learnServerTime } from './serverClock';

/** The server ticks every 10 s; two missed ticks mean that the picture is stale. */
const STALE_AFTER = 25_000;
const POLL_EVERY = 15_000;
const RECONNECT_AFTER = 5_000;
/** Changes come in bursts; one refetch answers a burst. Under attack they never stop, so refetches keep a distance. */
const COALESCE = 250;
const DISTANCE = 2_000;

/** Which queries show something of a subject, by the prefix of its id. */
const SHOWN_BY: Record<string, readonly string[]> = {
  inc_: ['incidents', 'incident', 'timeline', 'obligations', 'deliveries'],
  alr_: ['alerts', 'alert', 'incidents', 'incident', 'detectors'],
  // Alerts that more events were folded into; told all together.
  aler: ['alerts', 'alert', 'incidents', 'incident', 'detectors'],
  // Rules that were read again.
  dete: ['detectors'],
  obl_: ['obligations', 'incident', 'timeline', 'customer'],
  chg_: ['changes', 'change', 'timeline'],
  ntc_: ['notice', 'letter', 'incident', 'change', 'obligations', 'timeline'],
  dlv_: ['deliveries', 'obligations', 'incident', 'change', 'timeline', 'mailbox', 'customer'],
  cus_: ['customers', 'customer', 'incident'],
  ask_: ['customer'],
  pfl_: ['preflight'],
  // What became of sources is told all together.
  sour: ['sources'],
  // Who may approve notices follows from people's roles.
  usr_: ['users', 'notice', 'obligations'],
  tok_: ['tokens'],
};
const ALWAYS = ['overview', 'audit'];

/** The names of queries that a change of `subject` makes old; undefined: all of them. */
export function queriesShowing(subject: string): readonly string[] | undefined {
  const shown = SHOWN_BY[subject.slice(0, 4)];
  return shown === undefined ? undefined : [...shown, ...ALWAYS];
}

interface Heard {
  connected: boolean;
  /** By the browser's own clock. */
  lastHeard: number;
}
let heard: Heard = { connected: false, lastHeard: Date.now() };
const listeners = new Set<() => void>();
function setHeard(connected: boolean, now: boolean): void {
  heard = { connected, lastHeard: now ? Date.now() : heard.lastHeard };
  for (const listener of listeners) listener();
}

/** How the picture stands: seconds since the server was last heard, and whether that is too long. */
export function useLiveness(): { live: boolean; seconds: number } {
  const seconds = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      const timer = setInterval(listener, 1000);
      return () => {
        listeners.delete(listener);
        clearInterval(timer);
      };
    },
    () => {
      const silent = Date.now() - heard.lastHeard;
      return heard.connected && silent < STALE_AFTER ? 0 : Math.max(1, Math.floor(silent / 1000));
    },
  );
  return { live: seconds === 0, seconds };
}

/** Follows the stream for as long as the caller is on screen. */
export function useStream(): void {
  const client = useQueryClient();
  useEffect(() => follow(client), [client]);
}

function follow(client: QueryClient): () => void {
  let source: EventSource | undefined;
  let reconnect: ReturnType<typeof setTimeout> | undefined;
  let flush: ReturnType<typeof setTimeout> | undefined;
  let names: Set<string> | 'all' = new Set();

  let refreshed = 0;
  const refresh = () => {
    refreshed = Date.now();
    const old = names;
    names = new Set();
    flush = undefined;
    void client.invalidateQueries(
      old === 'all' ? {} : { predicate: (each) => old.has(String(each.queryKey[0])) },
    );
  };
  const note = (shown: readonly string[] | undefined) => {
    if (shown === undefined) names = 'all';
    else if (names !== 'all') for (const name of shown) names.add(name);
    flush ??= setTimeout(refresh, Math.max(COALESCE, refreshed + DISTANCE - Date.now()));
  };
  const connect = () => {
    source = new EventSource('/api/v1/stream');
    source.addEventListener('open', () => setHeard(true, true));
    source.addEventListener('tick', (event) => {
      setHeard(true, true);
      const { server_time } = JSON.parse((event as MessageEvent<string>).data) as { server_time: string };
      learnServerTime(server_time);
    });
    source.addEventListener('change', (event) => {
      setHeard(true, true);
      const change = JSON.parse((event as MessageEvent<string>).data) as StreamChange;
      note(queriesShowing(change.subject));
    });
    source.addEventListener('error', () => {
      setHeard(false, false);
      // The browser reconnects by itself after a break, but gives up for good on an HTTP error.
      if (source?.readyState === EventSource.CLOSED) reconnect = setTimeout(connect, RECONNECT_AFTER);
    });
  };
  const poll = setInterval(() => {
    if (heard.connected && Date.now() - heard.lastHeard < STALE_AFTER) return;
    void client.invalidateQueries().then(() => {
      const failed = client
        .getQueryCache()
        .findAll({ type: 'active' })
        .some((each) => each.state.status === 'error');
      if (!failed && navigator.onLine) setHeard(heard.connected, true);
    });
  }, POLL_EVERY);
  connect();
  return () => {
    source?.close();
    clearTimeout(reconnect);
    clearTimeout(flush);
    clearInterval(poll);
  };
}
