import { TextInput } from '@mantine/core';
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
  value: string;
  onChange: (value: string) => void;
  error?: string;
  required?: boolean;
}

/** Asks when something was or will be, in the zone of the screen. */
export function InstantInput({ label, empty, ahead = false, onChange, ...rest }: InstantInputProps) {
  const { zone } = usePreferences();
  const now = forInput(serverNow(), zone);
  const named = zone === 'utc' ? 'UTC' : 'local time';
  return (
    <TextInput
      type="datetime-local"
      step={1}
      label={`${label} (${empty === undefined ? named : `${named}; ${empty}`})`}
      {...(ahead ? { min: now } : { max: now })}
      onChange={(event) => onChange(event.currentTarget.value)}
      {...rest}
    />
  );
}
