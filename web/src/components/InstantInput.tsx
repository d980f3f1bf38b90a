import { TextInput } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { usePreferences } from '../live/preferences';
import { serverNow } from '../live/serverClock';
import { forInput } from '../words/instants';

interface InstantInputProps {
  label: string;
  /** What leaving it empty means. */
  empty?: string;
  description?: string;
  /** Whether it is to come; else it was, up to now. */
  ahead?: boolean;
  /** `2027-03-06T14:20:05`; empty while there is none, or what is typed is none. */
  value: string;
  onChange: (value: string) => void;
  error?: string;
  required?: boolean;
}

const WRITTEN = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2})(?::(\d{2}))?$/;

/** What is typed as it is sent: `2027-03-06 14:20` is `2027-03-06T14:20:00`. */
export function typedInstant(text: string): string | null {
  const match = WRITTEN.exec(text.trim());
  if (match === null) return null;
  const instant = `${match[1]}T${match[2]}:${match[3] ?? '00'}`;
  const at = new Date(`${instant}Z`);
  // No 30 February, which a browser would take for 2 March.
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(instant) ? instant : null;
}

const shown = (value: string) => value.replace('T', ' ');

/**
 * Asks when something was or will be, in the zone of the screen and as every other instant is written. A browser's own field would show
 * it as the machine's language does, such as 03/06/2027, 02:20 PM. What cannot be read is no instant, and the form does not go.
 */
export function InstantInput({ label, empty, ahead = false, value, onChange, ...rest }: InstantInputProps) {
  const { zone } = usePreferences();
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(shown(value));
  const typed = typedInstant(text);
  const given = typedInstant(value);
  if (given !== null && given !== typed) setText(shown(value));
  const now = forInput(serverNow(), zone);
  const named = zone === 'utc' ? 'UTC' : 'local time';
  let fault = '';
  if (text.trim() !== '') {
    if (typed === null) fault = 'Write it as 2027-03-06 14:20:05';
    else if (ahead && typed < now) fault = 'This has passed already';
    else if (!ahead && typed > now) fault = 'This is still to come';
  }
  useEffect(() => field.current?.setCustomValidity(fault), [fault]);
  return (
    <TextInput
      ref={field}
      label={`${label} (${empty === undefined ? named : `${named}; ${empty}`})`}
      placeholder="YYYY-MM-DD hh:mm:ss"
      autoComplete="off"
      spellCheck={false}
      {...rest}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        onChange(typedInstant(event.currentTarget.value) ?? '');
      }}
      error={rest.error ?? (fault === '' ? undefined : fault)}
    />
  );
}
