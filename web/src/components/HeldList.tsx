/** A list that does not move under the cursor: what is new waits behind a pill until it is asked for. */
import { Button } from '@mantine/core';
import { useEffect, useMemo, useRef, useState } from 'react';

interface Identified {
  id: string;
}

export interface HeldRow<T> {
  row: T;
  /** It was in the list when the list was opened, and is no longer. */
  gone: boolean;
}

/**
 * Which rows to show, given those on screen: known rows stay in their place with fresh content, rows that left are marked, and new
 * rows at the head are held back. Rows that follow the last one on screen come from loading more, and are shown.
 */
export function hold<T extends Identified>(
  shown: readonly T[],
  fresh: readonly T[],
): { kept: HeldRow<T>[]; held: number } {
  const freshById = new Map(fresh.map((row) => [row.id, row]));
  const known = new Set(shown.map((row) => row.id));
  const kept: HeldRow<T>[] = shown.map((row) => ({
    row: freshById.get(row.id) ?? row,
    gone: !freshById.has(row.id),
  }));
  const lastKnown = fresh.findLastIndex((row) => known.has(row.id));
  const below = fresh.slice(lastKnown + 1).filter((row) => !known.has(row.id));
  const held = fresh.slice(0, lastKnown + 1).filter((row) => !known.has(row.id)).length;
  if (lastKnown === -1) return { kept, held: below.length };
  return { kept: [...kept, ...below.map((row) => ({ row, gone: false }))], held };
}

/** `scope` names what the list shows; a change of it (another filter) starts afresh. */
export function useHeldRows<T extends Identified>(fresh: readonly T[] | undefined, scope: string) {
  const [shown, setShown] = useState<{ scope: string; rows: readonly T[] } | null>(null);
  const latest = useRef(fresh);
  latest.current = fresh;
  const current = shown !== null && shown.scope === scope && shown.rows.length > 0 ? shown.rows : null;
  useEffect(() => {
    if (fresh !== undefined && current === null) setShown({ scope, rows: fresh });
  }, [fresh, current, scope]);
  const { kept, held } = useMemo(() => {
    if (fresh === undefined) return { kept: undefined, held: 0 };
    return hold(current ?? fresh, fresh);
  }, [fresh, current]);
  return { rows: kept, held, release: () => setShown({ scope, rows: latest.current ?? [] }) };
}

export function NewPill({ held, release }: { held: number; release: () => void }) {
  return (
    <div className="new-pill" aria-live="polite">
      {held > 0 && (
        <Button radius="xl" variant="filled" onClick={release}>
          {held} new
        </Button>
      )}
    </div>
  );
}
