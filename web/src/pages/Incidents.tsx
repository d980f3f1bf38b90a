import { Button, NativeSelect, SegmentedControl, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconFlame } from '@tabler/icons-react';
import { getRouteApi, Link } from '@tanstack/react-router';
import { rows, useIncidents, useMay, useNameOf } from '../api/queries';
import type { IncidentRow, Severity } from '../api/types';
import { type HeldRow, NewPill, useHeldRows } from '../components/HeldList';
import { Ago, Countdown, SeverityMark } from '../components/marks';
import { Page } from '../components/Page';
import { Empty, Loaded, More } from '../components/States';
import { useMinute } from '../live/serverClock';
import { openDialog } from '../shell/openDialog';
import { age } from '../words/countdown';
import { PHASE_NAMES, PHASES, SEVERITIES } from '../words/labels';

const here = getRouteApi('/incidents');

export function IncidentsPage() {
  const search = here.useSearch();
  const open = search.open ?? 'true';
  const query = useIncidents({ ...search, open: open === 'all' ? undefined : open });
  const fresh = rows(query.data);
  const { rows: held, held: waiting, release } = useHeldRows(fresh, JSON.stringify(search));
  const may = useMay('respond');
  return (
    <Page
      title="Incidents"
      actions={
        may && (
          <Button
            variant="filled"
            leftSection={<IconFlame size={16} aria-hidden />}
            onClick={() => openDialog('declare')}
            aria-keyshortcuts="c"
          >
            Declare incident
          </Button>
        )
      }
    >
      <Filters />
      <NewPill held={waiting} release={release} />
      <Loaded query={{ ...query, data: held }} what="incidents">
        {(list) => (list.length === 0 ? <NoIncidents /> : <IncidentTable list={list} />)}
      </Loaded>
      <More query={query} />
    </Page>
  );
}

function NoIncidents() {
  const search = here.useSearch();
  const filtered = search.severity || search.phase || search.q;
  if (filtered) {
    return (
      <Empty title="No incident matches these filters">
        <Link to="/incidents">Clear the filters</Link>
      </Empty>
    );
  }
  if (search.open === 'false') return <Empty title="No incident has been closed yet" />;
  return (
    <Empty title="No open incident">
      <p>
        Detectors open incidents by themselves; <Link to="/alerts">alerts</Link> show what they see. If you
        have noticed something that no detector has, declare an incident.
      </p>
    </Empty>
  );
}

function Filters() {
  const search = here.useSearch();
  const navigate = here.useNavigate();
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const find = useDebouncedCallback((q: string) => set({ q }), 250);
  return (
    <search className="filters" aria-label="Filter incidents">
      <SegmentedControl
        size="xs"
        aria-label="Open or closed"
        value={search.open ?? 'true'}
        onChange={(open) => set({ open: open === 'true' ? undefined : open })}
        data={[
          { value: 'true', label: 'Open' },
          { value: 'false', label: 'Closed' },
          { value: 'all', label: 'All' },
        ]}
      />
      <NativeSelect
        aria-label="Severity"
        value={search.severity ?? ''}
        onChange={(event) => set({ severity: event.currentTarget.value })}
        data={[
          { value: '', label: 'Any severity' },
          { value: 'sev1,sev2', label: 'SEV1 and SEV2' },
          ...SEVERITIES.map((value: Severity) => ({ value, label: value.toUpperCase() })),
        ]}
      />
      <NativeSelect
        aria-label="Phase"
        value={search.phase ?? ''}
        onChange={(event) => set({ phase: event.currentTarget.value })}
        data={[
          { value: '', label: 'Any phase' },
          ...PHASES.map((value) => ({ value, label: PHASE_NAMES[value] })),
        ]}
      />
      <TextInput
        aria-label="Search incidents"
        placeholder="Title, reference, codename"
        defaultValue={search.q ?? ''}
        onChange={(event) => find(event.currentTarget.value)}
      />
    </search>
  );
}

function IncidentTable({ list }: { list: HeldRow<IncidentRow>[] }) {
  return (
    <div className="table-scroll">
      <table className="table cards-when-narrow">
        <thead>
          <tr>
            <th>Severity</th>
            <th>Incident</th>
            <th>Phase</th>
            <th>Commander</th>
            <th>Next clock</th>
            <th className="right">Customers</th>
            <th className="right">Alerts</th>
            <th className="right">Age</th>
            <th className="right">Last update</th>
          </tr>
        </thead>
        <tbody>
          {list.map(({ row, gone }) => (
            <Row key={row.id} row={row} gone={gone} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ row, gone }: { row: IncidentRow; gone: boolean }) {
  const nameOf = useNameOf();
  const now = useMinute();
  return (
    <tr data-row className={gone ? 'gone' : ''}>
      <td>
        <SeverityMark severity={row.severity} />
      </td>
      <td style={{ minWidth: 240 }}>
        <Link to="/incidents/$id" params={{ id: row.id }} className="title" data-row-link>
          {row.title}
        </Link>
        <div className="small dim">
          {row.reference} · {row.codename} {row.drill && <span className="tag">drill</span>}{' '}
          {!row.acknowledged && row.phase !== 'closed' && <span className="tag alarm">not acknowledged</span>}{' '}
          <DisclosureTag row={row} />{' '}
          {row.worst_alert !== null && row.worst_alert.title !== row.title && (
            <span className="wrap">worst alert: {row.worst_alert.title}</span>
          )}{' '}
          {gone && 'no longer in this list'}
        </div>
      </td>
      <td data-label="Phase">{PHASE_NAMES[row.phase]}</td>
      <td data-label="Commander">
        {row.commander === null ? (
          <span className={row.phase === 'closed' ? 'dim' : 'bad'}>nobody</span>
        ) : (
          nameOf(row.commander)
        )}
      </td>
      <td data-label="Next">
        {row.next_clock === null ? (
          <span className="dim">none</span>
        ) : (
          <Countdown what={row.next_clock.what} dueAt={row.next_clock.due_at} />
        )}
      </td>
      <td className="right num" data-label="Customers">
        {row.affected}
      </td>
      <td className="right num" data-label="Alerts">
        {row.alerts}
      </td>
      <td className="right num" data-label="Age">
        {age(Date.parse(row.opened_at), now)}
      </td>
      <td className="right" data-label="Updated">
        <Ago at={row.last_update_at} />
      </td>
    </tr>
  );
}

function DisclosureTag({ row }: { row: IncidentRow }) {
  if (row.disclosure === 'confirmed') return <span className="tag alarm">disclosure confirmed</span>;
  if (row.disclosure === 'suspected') return <span className="tag warn">disclosure suspected</span>;
  return null;
}
