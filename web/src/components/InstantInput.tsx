import { TextInput } from '@mantine/core';
import { usePreferences } from '../live/preferences';
import { serverNow } from '../live/serverClock';
import { forInput } from '../words/instants';

interface InstantInputProps {
  label: string;
  /** What leaving it empty means. */
  empty?: string;
  description?: string;
  value: string;
  onChange: (value: string) => void;
  error?: string;
  required?: boolean;
}

/** Asks when something was, in the zone of the screen, up to now. */
export function InstantInput({ label, empty, onChange, ...rest }: InstantInputProps) {
  const { zone } = usePreferences();
  const named = zone === 'utc' ? 'UTC' : 'local time';
  return (
    <TextInput
      type="datetime-local"
      step={1}
      label={`${label} (${empty === undefined ? named : `${named}; ${empty}`})`}
      max={forInput(serverNow(), zone)}
      onChange={(event) => onChange(event.currentTarget.value)}
      {...rest}
    />
  );
}
