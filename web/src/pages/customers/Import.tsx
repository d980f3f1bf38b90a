import { Button, CopyButton, FileButton, Modal, Textarea } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../../api/client';
import type { ImportResult } from '../../api/types';
import { Refused } from '../../components/States';
import { count } from '../../words/labels';

const TEMPLATE = `key,name,tenants,notify_within,contract,counts_from,recipients,channel,tags,language,paying,security_contact,legal_contact,admin_contact,billing_contact
acme,Acme Logistics,acme-prod;acme-test,24h,MSA 2024 §9.2,aware,security;legal,phone,health;eu,en,yes,Sam Reyes <security@acme.example>;soc@acme.example,legal@acme.example,,
globex,Globex Health,globex,,,,,,,de,no,,dpo@globex.example,it@globex.example,billing@globex.example
`;

function inJson(text: string): boolean {
  return text.trimStart().startsWith('[');
}

/** Shows what an import would change before it changes anything. */
export function ImportDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [csv, setCsv] = useState('');
  const run = useMutation({
    mutationFn: (commit: boolean) =>
      request<ImportResult>(`/customers/import?commit=${commit}`, {
        method: 'POST',
        body: csv,
        contentType: inJson(csv) ? 'application/json' : 'text/csv',
      }),
    onSuccess: (result) => {
      if (result.committed) void client.invalidateQueries({ queryKey: ['customers'] });
    },
  });
  const result = run.data;
  const change = (text: string) => {
    setCsv(text);
    run.reset();
  };
  const changes = result === undefined ? 0 : result.added.length + result.changed.length;
  return (
    <Modal opened onClose={onClose} title="Import customers" size="xl">
      <div className="stack">
        <p className="small">
          CSV has one customer a row. Several values are separated by <code>;</code>, a contact is{' '}
          <code>Name &lt;mail@x&gt;</code> or <code>mail@x</code>. A JSON array has customers in the fields of
          the API, each with its key. Customers that are not in the file stay as they are.
        </p>
        <div className="row">
          <FileButton
            accept=".csv,text/csv,.json,application/json"
            onChange={(file) => void file?.text().then(change)}
            inputProps={{ 'aria-label': 'File of customers' }}
          >
            {(props) => <Button {...props}>Choose a file</Button>}
          </FileButton>
          <CopyButton value={TEMPLATE}>
            {({ copied, copy }) => <Button onClick={copy}>{copied ? 'Copied' : 'Copy a template'}</Button>}
          </CopyButton>
        </div>
        <Textarea
          label="CSV or JSON"
          value={csv}
          onChange={(event) => change(event.currentTarget.value)}
          minRows={6}
          maxRows={14}
          styles={{ input: { fontFamily: 'var(--mono)', fontSize: 12 } }}
        />
        <Refused fault={run.error} />
        {result !== undefined && <Preview result={result} counted={inJson(csv) ? 'entry' : 'line'} />}
        <div className="row" style={{ justifyContent: 'flex-end' }}>
          <Button onClick={onClose}>{result?.committed ? 'Close' : 'Cancel'}</Button>
          <Button disabled={csv.trim() === ''} loading={run.isPending} onClick={() => run.mutate(false)}>
            Preview changes
          </Button>
          <Button
            variant="filled"
            disabled={result === undefined || result.committed || result.faults.length > 0 || changes === 0}
            loading={run.isPending}
            onClick={() => run.mutate(true)}
          >
            Import
          </Button>
        </div>
      </div>
    </Modal>
  );
}

function Preview({ result, counted }: { result: ImportResult; counted: 'line' | 'entry' }) {
  return (
    <section aria-label="Changes" className="stack" aria-live="polite">
      <p className="strong">
        {result.committed ? 'Imported: ' : ''}
        {count(result.rows, 'row')}: {result.added.length} added, {result.changed.length} changed,{' '}
        {result.unchanged} unchanged,{' '}
        <span className={result.faults.length > 0 ? 'bad' : ''}>{count(result.faults.length, 'fault')}</span>
      </p>
      {result.faults.length > 0 && (
        <div className="notice-bar alarm">
          <p>Nothing is imported while there are faults.</p>
          <ul>
            {result.faults.map((fault) => (
              <li key={`${fault.line} ${fault.field} ${fault.detail}`}>
                {counted} {fault.line}, {fault.field}: {fault.detail}
              </li>
            ))}
          </ul>
        </div>
      )}
      <ul className="plain-list small stack tight">
        {result.added.map((row) => (
          <li key={row.key}>
            <span className="tag fine">added</span> {row.name} <code>{row.key}</code>
          </li>
        ))}
        {result.changed.map((row) => (
          <li key={row.key}>
            <span className="tag warn">changed</span> {row.name} <code>{row.key}</code>:{' '}
            {row.changes.join('; ')}
          </li>
        ))}
      </ul>
    </section>
  );
}
