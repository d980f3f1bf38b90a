/** Which of the dialogs that open from everywhere is open. */
import { useSyncExternalStore } from 'react';

export type GlobalDialog = 'declare' | 'help' | 'palette';

let open: GlobalDialog | null = null;
const listeners = new Set<() => void>();

export function openDialog(which: GlobalDialog | null): void {
  open = which;
  for (const listener of listeners) listener();
}

/** Closes `which`, unless another has opened meanwhile. */
export function closeDialog(which: GlobalDialog): void {
  if (open === which) openDialog(null);
}

export function useOpenDialog(): GlobalDialog | null {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => open,
  );
}
