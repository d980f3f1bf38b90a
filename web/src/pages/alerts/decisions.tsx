import { NativeSelect, Radio, Textarea } from '@mantine/core';
import { useState } from 'react';
import { rows, useIncidents } from '../../api/queries';
import type { Verdict } from '../../api/types';
import type { AlertWrite } from '../../api/writes';
import { FormDialog, faultOf } from '../../components/dialogs';
import { VERDICT_NAMES } from '../../words/labels';

interface DecisionProps {
  version: number;
  pending: boolean;
  fault: Error | null;
  onClose: () => void;
  onDo: (write: AlertWrite) => void;
}

/** What the alert turned out to be, and why. */
export function ResolveDialog({ version, pending, fault, onClose, onDo }: DecisionProps) {
  const [verdict, setVerdict] = useState<Verdict>('true_positive');
  const [why, setWhy] = useState('');
  return (
    <FormDialog
      title="Resolve the alert"
      opened
      onClose={onClose}
      doLabel="Resolve alert"
      pending={pending}
      fault={fault}
      ready={why.trim() !== ''}
      shownFaults={['verdict', 'why']}
      onDo={() => onDo({ path: '/resolve', body: { verdict, why: why.trim() }, version })}
    >
      <Radio.Group
        label="Verdict"
        value={verdict}
        onChange={(value) => setVerdict(value as Verdict)}
        error={faultOf(fault, 'verdict')}
      >
        <div className="stack tight">
          {Object.entries(VERDICT_NAMES).map(([value, label]) => (
            <Radio key={value} value={value} label={label} />
          ))}
        </div>
      </Radio.Group>
      <Textarea
        label="Why"
        description="Helps whoever sees this alert the next time."
        value={why}
        onChange={(event) => setWhy(event.currentTarget.value)}
        error={faultOf(fault, 'why')}
        required
      />
    </FormDialog>
  );
}

export function AttachDialog({ version, pending, fault, onClose, onDo }: DecisionProps) {
  const [incident, setIncident] = useState('');
  const open = rows(useIncidents({ open: 'true' }).data) ?? [];
  return (
    <FormDialog
      title="Attach to an incident"
      opened
      onClose={onClose}
      doLabel="Attach alert"
      pending={pending}
      fault={fault}
      ready={incident !== ''}
      shownFaults={['incident']}
      onDo={() => onDo({ path: '/attach', body: { incident }, version })}
    >
      <NativeSelect
        label="Open incident"
        value={incident}
        onChange={(event) => setIncident(event.currentTarget.value)}
        error={faultOf(fault, 'incident')}
        data={[
          { value: '', label: open.length === 0 ? 'No incident is open' : 'Choose…' },
          ...open.map((row) => ({ value: row.id, label: `${row.reference} ${row.title}` })),
        ]}
      />
    </FormDialog>
  );
}
