import { Button, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useMutation } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { request } from '../api/client';
import { rows, useAudit } from '../api/queries';
import type { AuditRecord, AuditVerdict } from '../api/types';
import { At, Hash } from '../components/marks';
import { Page } from '../components/Page';
import { RawText } from '../components/RawText';
import { Empty, Loaded, More, Refused } from '../components/States';
import { VirtualBody } from '../components/VirtualBody';
import { count } from '../words/labels';

const here = getRouteApi('/audit');

export function AuditPage() {
  const search = here.useSearch();
  const navigate = here.useNavigate();
  const query = useAudit(search);
  const verify = useMutation({ mutationFn: () => request<AuditVerdict>('/audit/verify') });
  const find = useDebouncedCallback(
    (change: Partial<typeof search>) =>
      void navigate({ search: (before) => ({ ...before, ...change }), replace: true }),
    250,
  );
  return (
    <Page
      title="Audit"
      actions={
        <Button variant="filled" loading={verify.isPending} onClick={() => verify.mutate()}>
          Verify the log
        </Button>
      }
    >
      <div aria-live="polite" className="stack" style={{ marginBottom: 12 }}>
        {verify.data && <Verdict verdict={verify.data} />}
        <Refused fault={verify.error} />
      </div>
      <search className="filters" aria-label="Filter records">
        <TextInput
          label="Subject"
          placeholder="inc_…, ntc_…"
          defaultValue={search.subject ?? ''}
          onChange={(event) => find({ subject: event.currentTarget.value.trim() })}
        />
        <TextInput
          label="Action"
          placeholder="incident.opened"
          defaultValue={search.action ?? ''}
          onChange={(event) => find({ action: event.currentTarget.value.trim() })}
        />
      </search>
      <Loaded query={{ ...query, data: rows(query.data) }} what="the audit log">
        {(list) =>
          list.length === 0 ? (
            <Empty title="No record matches">
              Every change of state is recorded here. Clear the filters to see all.
            </Empty>
          ) : (
            <Records list={list} />
          )
        }
      </Loaded>
      <More query={query} />
    </Page>
  );
}

function Verdict({ verdict }: { verdict: AuditVerdict }) {
  if (verdict.ok) {
    return (
      <p className="notice-bar">
        <span className="tag fine">holds</span> {count(verdict.records, 'record')}, each carrying the hash of
        the one before. Head <Hash hash={verdict.head} />
      </p>
    );
  }
  return (
    <p className="notice-bar alarm">
      <span className="tag alarm">does not hold</span> The first record that does not fit is{' '}
      {verdict.misfit.seq}: {verdict.misfit.what}. Compare with a copy of the log before you trust anything
      after it.
    </p>
  );
}

function Records({ list }: { list: readonly AuditRecord[] }) {
  return (
    <div className="table-scroll">
      <table className="table cards-when-narrow">
        <thead>
          <tr>
            <th className="right">No.</th>
            <th>When</th>
            <th>Who</th>
            <th>Action</th>
            <th>Subject</th>
            <th>Hash</th>
          </tr>
        </thead>
        <VirtualBody list={list} columns={6} estimate={40}>
          {(record, index, measure) => (
            <Row key={record.seq} record={record} index={index} measure={measure} />
          )}
        </VirtualBody>
      </table>
    </div>
  );
}

function Row({
  record,
  index,
  measure,
}: {
  record: AuditRecord;
  index: number;
  measure: (element: HTMLTableRowElement | null) => void;
}) {
  const [open, setOpen] = useState(false);
  return (
    <tr data-index={index} ref={measure}>
      <td className="right num" data-label="No.">
        {record.seq}
      </td>
      <td>
        <At at={record.at} />
      </td>
      <td>{record.actor_name}</td>
      <td>
        <button
          type="button"
          className="link-button"
          aria-expanded={open}
          aria-label={`Detail of record ${record.seq}, ${record.action}`}
          onClick={() => setOpen(!open)}
        >
          {record.action}
        </button>
        {open && <RawText label={`Detail of record ${record.seq}`}>{record.detail}</RawText>}
      </td>
      <td className="mono wrap">{record.subject}</td>
      <td data-label="Hash">
        <code title={record.hash}>{record.hash.slice(0, 12)}</code>
      </td>
    </tr>
  );
}
