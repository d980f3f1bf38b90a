import { Button, CopyButton, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useMutation } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import { request } from '../api/client';
import { rows, useAudit, useCheckpoint } from '../api/queries';
import type { AuditRecord, AuditVerdict } from '../api/types';
import { At, Hash } from '../components/marks';
import { Page } from '../components/Page';
import { RawText } from '../components/RawText';
import { Empty, Loaded, More, Refused } from '../components/States';
import { TakeAway } from '../components/TakeAway';
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
      <Sealed />
      <TakeAway />
      <search className="filters" aria-label="Filter records">
        <TextInput
          label="Subject"
          placeholder="INC-0042, inc_…, ntc_…"
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
        the one before. Head <Hash hash={verdict.head} />.{' '}
        {verdict.checkpoints === 0
          ? 'No checkpoint stands for them yet.'
          : `${count(verdict.checkpoints, 'signed checkpoint')} fit, the largest of ${count(verdict.sealed, 'record')}.`}
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

/** What others need to verify the log without us. */
function Sealed() {
  const { data } = useCheckpoint();
  if (!data) return null;
  return (
    <details className="notice-bar" style={{ marginBottom: 12 }}>
      <summary>
        {data.at ? (
          <>
            Sealed up to record {data.size}, <At at={data.at} />
            {data.unsealed > 0 && <>; {count(data.unsealed, 'record')} since</>}
          </>
        ) : (
          <>No checkpoint yet: the first one is made within minutes</>
        )}
      </summary>
      <div className="stack" style={{ marginTop: 8 }}>
        <p>
          Whoever holds the whole database can rewrite the log so that it fits itself. What others keep shows
          it: the key of the log, a checkpoint, and every e-mail that goes out from here, since each carries
          the newest checkpoint. Give the key to your auditor now, and a checkpoint from time to time;{' '}
          <code>watchkeeper audit verify --against</code> compares.
        </p>
        <RawText label="Key of the log">{data.key}</RawText>
        {data.note && <RawText label="Newest checkpoint">{data.note}</RawText>}
        <div className="row">
          <Copy what="key" text={data.key} />
          {data.note && <Copy what="checkpoint" text={data.note} />}
        </div>
      </div>
    </details>
  );
}

function Copy({ what, text }: { what: string; text: string }) {
  return (
    <CopyButton value={text}>
      {({ copied, copy }) => <Button onClick={copy}>{copied ? 'Copied' : `Copy the ${what}`}</Button>}
    </CopyButton>
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

/** What a record is about; a link where it has a page of its own. */
function Subject({ id }: { id: string }) {
  switch (id.slice(0, 4)) {
    case 'inc_':
      return (
        <Link to="/incidents/$id" params={{ id }}>
          {id}
        </Link>
      );
    case 'ntc_':
      return (
        <Link to="/notices/$id" params={{ id }}>
          {id}
        </Link>
      );
    case 'cus_':
      return (
        <Link to="/customers/$id" params={{ id }}>
          {id}
        </Link>
      );
    case 'chg_':
      return (
        <Link to="/changes/$id" params={{ id }}>
          {id}
        </Link>
      );
    case 'alr_':
      return (
        <Link to="/alerts/$id" params={{ id }}>
          {id}
        </Link>
      );
    default:
      return <>{id}</>;
  }
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
  const sealed = useCheckpoint().data?.size ?? 0;
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
        {open && (
          <>
            <RawText label={`Detail of record ${record.seq}`}>{record.detail}</RawText>
            {record.seq <= sealed && (
              <a href={`/api/v1/audit/${record.seq}/proof`} download>
                Proof that record {record.seq} is in the log
              </a>
            )}
          </>
        )}
      </td>
      <td className="mono wrap">
        <Subject id={record.subject} />
      </td>
      <td data-label="Hash">
        <code title={record.hash}>{record.hash.slice(0, 12)}</code>
      </td>
    </tr>
  );
}
