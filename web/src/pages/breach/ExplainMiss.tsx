import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../../api/client';
import { useMay } from '../../api/queries';
import type { ObligationView } from '../../api/types';
import { ReasonDialog } from '../../components/dialogs';

/** A missed deadline asks for its reason until somebody gives it. */
export function ExplainMiss({ obligation }: { obligation: ObligationView }) {
  const may = useMay('approve_notices');
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const explain = useMutation({
    mutationFn: (why: string) =>
      request(`/obligations/${encodeURIComponent(obligation.id)}/explain`, { method: 'POST', body: { why } }),
    onSuccess: () => {
      setOpen(false);
      void client.invalidateQueries({ queryKey: ['obligations'] });
      void client.invalidateQueries({ queryKey: ['incident', obligation.incident] });
    },
  });
  if (!may) return <p className="bad">A reason is required; counsel gives it.</p>;
  return (
    <>
      <Button onClick={() => setOpen(true)} aria-label={`Explain the miss for ${obligation.customer_name}`}>
        Explain the miss
      </Button>
      <ReasonDialog
        title={`Why ${obligation.customer_name} was not told in time`}
        opened={open}
        onClose={() => {
          setOpen(false);
          explain.reset();
        }}
        doLabel="Record the reason"
        pending={explain.isPending}
        fault={explain.error}
        intro={<p className="small">Telling goes on; the reason is kept with the miss.</p>}
        onDo={(why) => explain.mutate(why)}
      />
    </>
  );
}
