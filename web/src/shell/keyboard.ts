/**
 * Keys: `g i` and its like go somewhere, `j`/`k` walk through rows, and other single keys press the button that carries them in
 * `data-key`; the row in focus is asked first, then the page. Off while typing, in a dialog, or when switched off.
 */
import { useNavigate } from '@tanstack/react-router';
import { useEffect } from 'react';
import { getPreferences } from '../live/preferences';

export const GO_KEYS: Record<string, { to: string; name: string }> = {
  i: { to: '/incidents', name: 'Incidents' },
  a: { to: '/alerts', name: 'Alerts' },
  b: { to: '/breach', name: 'Breach desk' },
  c: { to: '/customers', name: 'Customers' },
  d: { to: '/detectors', name: 'Detectors' },
  o: { to: '/sources', name: 'Sources' },
  u: { to: '/audit', name: 'Audit' },
  m: { to: '/mailbox', name: 'Mailbox' },
  s: { to: '/settings', name: 'Settings' },
};

/** After `g`, the second key is waited for this long. */
const CHORD = 1200;

function typing(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  return (
    element?.closest?.('input, textarea, select, [contenteditable="true"], [role="dialog"], [role="menu"]') !=
    null
  );
}

function walk(direction: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>('[data-row-link]')];
  const at = links.indexOf(document.activeElement as HTMLElement);
  const next = links[at === -1 ? 0 : Math.min(links.length - 1, Math.max(0, at + direction))];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

function press(key: string): boolean {
  const selector = `button[data-key="${key}"]:not(:disabled)`;
  const row = document.activeElement?.closest('[data-row]');
  const button =
    row?.querySelector<HTMLButtonElement>(selector) ?? document.querySelector<HTMLButtonElement>(selector);
  button?.click();
  return button != null;
}

export function useKeyboard(open: { help: () => void; declare: () => void; palette: () => void }): void {
  const navigate = useNavigate();
  useEffect(() => {
    let chordUntil = 0;
    const onKey = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        open.palette();
        return;
      }
      if (event.metaKey || event.ctrlKey || event.altKey || typing(event.target)) return;
      if (!getPreferences().singleKeys) return;
      const key = event.key;
      if (Date.now() < chordUntil) {
        chordUntil = 0;
        const goal = GO_KEYS[key];
        if (goal) void navigate({ to: goal.to });
        return;
      }
      if (key === 'g') chordUntil = Date.now() + CHORD;
      else if (key === 'j') walk(1);
      else if (key === 'k') walk(-1);
      else if (key === '?') open.help();
      else if (key === 'c') open.declare();
      else if (/^[a-z]$/.test(key) && press(key)) event.preventDefault();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [navigate, open]);
}
