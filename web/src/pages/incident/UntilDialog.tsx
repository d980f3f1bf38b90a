import { Textarea } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { Incident, IncidentView } from '../../api/types';
import { useIncidentWrite } from '../../api/writes';
import { FormDialog, faultOf } from '../../components/dialogs';
import { InstantInput } from '../../components/InstantInput';
import { usePreferences } from '../../live/preferences';
import { fromInput } from '../../words/instants';

interface UntilDialogProps {
  view: IncidentView;
  title: string;
  doLabel: string;
  danger?: boolean;
  intro?: ReactNode;
  until: { label: string; description: string };
  why: string;
  /** Below the incident's own path. */
  path: string;
  touches: (incident: Incident) => unknown;
  onClose: () => void;
}

/** A decision that ends by itself: until when, and why. */
export function UntilDialog(props: UntilDialogProps) {
  const { view, path, touches, onClose } = props;
  const { zone } = usePreferences();
  const write = useIncidentWrite(view.incident.id);
  const [until, setUntil] = useState('');
  const [why, setWhy] = useState('');
  return (
    <FormDialog
      title={props.title}
      opened
      onClose={onClose}
      doLabel={props.doLabel}
      danger={props.danger}
      pending={write.isPending}
      fault={write.error}
      ready={why.trim() !== '' && until !== ''}
      shownFaults={['why', 'until']}
      onDo={() =>
        write.mutate(
          { path, body: { until: fromInput(until, zone), why: why.trim() }, touches },
          { onSuccess: onClose },
        )
      }
    >
      {props.intro}
      <InstantInput
        label={props.until.label}
        description={props.until.description}
        ahead
        value={until}
        onChange={setUntil}
        error={faultOf(write.error, 'until')}
        required
      />
      <Textarea
        label="Why"
        description={props.why}
        value={why}
        onChange={(event) => setWhy(event.currentTarget.value)}
        error={faultOf(write.error, 'why')}
        data-autofocus
        required
      />
    </FormDialog>
  );
}
