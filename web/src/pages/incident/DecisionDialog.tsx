/** A decision on an incident that asks for nothing but its reason. */
import type { ReactNode } from 'react';
import type { Incident } from '../../api/types';
import { useIncidentWrite } from '../../api/writes';
import { ReasonDialog } from '../../components/dialogs';

interface DecisionDialogProps {
  /** The incident's id. */
  incident: string;
  title: string;
  opened: boolean;
  onClose: () => void;
  doLabel: string;
  danger?: boolean;
  intro?: ReactNode;
  /** What must be typed, where it cannot be undone. */
  typed?: string;
  /** Below `/incidents/{id}`. */
  path: string;
  /** What is sent beside the reason. */
  body?: Record<string, unknown>;
  touches: (incident: Incident) => unknown;
}

export function DecisionDialog({ incident, onClose, path, body, touches, ...shown }: DecisionDialogProps) {
  const write = useIncidentWrite(incident);
  return (
    <ReasonDialog
      {...shown}
      onClose={() => {
        onClose();
        write.reset();
      }}
      pending={write.isPending}
      fault={write.error}
      onDo={(why) => write.mutate({ path, body: { ...body, why }, touches }, { onSuccess: onClose })}
    />
  );
}
