/** What auditors and authorities are given: the auditor's pack and the register of breaches. Taking them away is recorded. */
import { Button, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { download } from '../api/client';
import { useMay } from '../api/queries';
import { Refused } from './States';

/** The pack of one incident. */
export function TakePack({ incident }: { incident: string }) {
  const may = useMay('export_evidence');
  const pack = useMutation({ mutationFn: () => download('/packs', { incident }) });
  if (!may) return null;
  return (
    <>
      <Button
        loading={pack.isPending}
        onClick={() => pack.mutate()}
        title="A zip with everything that shows what happened, and the script that verifies it. The audit log records that you took it."
      >
        Auditor’s pack
      </Button>
      <Refused fault={pack.error} />
      <Saved file={pack.data} pack />
    </>
  );
}

/** What was saved, and what to do with it. */
function Saved({ file, pack }: { file: string | undefined; pack: boolean }) {
  if (file === undefined) return null;
  return (
    <p className="small wrap" role="status">
      Saved as <code>{file}</code>.{' '}
      {pack ? (
        <>
          Its README.txt says what is in it. Whoever gets it unzips it and verifies it by{' '}
          <code>python3 verify-pack.py {file} --key 'THE KEY OF THE LOG'</code>, with the key that you gave
          them before.
        </>
      ) : (
        'Any spreadsheet opens it.'
      )}
    </p>
  );
}

/** Packs and registers of a time. */
export function TakeAway() {
  const may = useMay('export_evidence');
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const days = { from: from || undefined, to: to || undefined };
  const pack = useMutation({ mutationFn: () => download('/packs', days) });
  const register = useMutation({ mutationFn: () => download('/register', days) });
  if (!may) return null;
  return (
    <details className="notice-bar" style={{ marginBottom: 12 }}>
      <summary>Evidence for auditors and authorities</summary>
      <div className="stack" style={{ marginTop: 8 }}>
        <p>
          The pack is a zip with every incident of the time, who was told when, the messages byte for byte,
          approvals, and the log with its proofs; a script in it verifies all of that without this product.
          The register lists every suspicion and breach, also those that were rejected (GDPR Art. 33(5)). Both
          hold personal data, and the audit log records who took them.
        </p>
        <div className="filters">
          <TextInput
            type="date"
            label="Opened from"
            description="Empty: the first"
            value={from}
            onChange={(event) => setFrom(event.currentTarget.value)}
          />
          <TextInput
            type="date"
            label="Opened to"
            description="The day counts whole, in UTC"
            value={to}
            onChange={(event) => setTo(event.currentTarget.value)}
          />
        </div>
        <div className="row">
          <Button loading={pack.isPending} onClick={() => pack.mutate()}>
            Auditor’s pack
          </Button>
          <Button loading={register.isPending} onClick={() => register.mutate()}>
            Register of breaches
          </Button>
        </div>
        <Refused fault={pack.error ?? register.error} />
        <Saved file={pack.data} pack />
        <Saved file={register.data} pack={false} />
      </div>
    </details>
  );
}
