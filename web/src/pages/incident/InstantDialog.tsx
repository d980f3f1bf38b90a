import { Textarea } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { Incident, IncidentView } from '../../api/types';
import { useIncidentWrite } from '../../api/writes';
import { FormDialog, faultOf } from '../../components/dialogs';
import { InstantInput } from '../../components/InstantInput';
import { usePreferences } from '../../live/preferences';
import { forInput, fromInput } from '../../words/instants';
import { type Asked, WhatFollows } from './Foreseen';

interface InstantDialogProps {
  view: IncidentView;
  title: string;
  doLabel: string;
  danger?: boolean;
  intro?: ReactNode;
  instant: {
    /** The field of the request that has it. */
    field: 'at' | 'until';
    label: string;
    description: string;
    /** Empty unless given. */
    initial?: number;
  };
  why: string;
  /** What the request calls the reason, and what people read above it; `why` unless given. */
  reason?: { field: 'evidence'; label: string };
  /** Below the incident's own path. */
  path: string;
  /** What the request says beside the instant and the reason. */
  body?: Record<string, unknown>;
  touches: (incident: Incident) => unknown;
  /** Shows what follows of the instant before it is sent. */
  foresee?: Asked['decision'];
  onClose: () => void;
}

/** A decision or a statement about an instant, and why. */
export function InstantDialog(props: InstantDialogProps) {
  const { view, instant, path, touches, onClose } = props;
  const { zone } = usePreferences();
  const write = useIncidentWrite(view.incident.id);
  const [at, setAt] = useState(instant.initial === undefined ? '' : forInput(instant.initial, zone));
  const [why, setWhy] = useState('');
  const { field, label } = props.reason ?? { field: 'why', label: 'Why' };
  const body = { ...props.body, [instant.field]: fromInput(at, zone), [field]: why.trim() };
  return (
    <FormDialog
      title={props.title}
      opened
      onClose={onClose}
      doLabel={props.doLabel}
      danger={props.danger}
      pending={write.isPending}
      fault={write.error}
      ready={why.trim() !== '' && at !== ''}
      shownFaults={[field, instant.field]}
      onDo={() => write.mutate({ path, body, touches }, { onSuccess: onClose })}
    >
      {props.intro}
      <InstantInput
        label={instant.label}
        description={instant.description}
        ahead={instant.field === 'until'}
        value={at}
        onChange={setAt}
        error={faultOf(write.error, instant.field)}
        required
      />
      {props.foresee !== undefined && at !== '' && (
        <WhatFollows incident={view.incident.id} decision={props.foresee} at={fromInput(at, zone)} />
      )}
      <Textarea
        label={label}
        description={props.why}
        value={why}
        onChange={(event) => setWhy(event.currentTarget.value)}
        error={faultOf(write.error, field)}
        data-autofocus
        required
      />
    </FormDialog>
  );
}
