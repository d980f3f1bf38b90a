import { NativeSelect, SegmentedControl } from '@mantine/core';
import { getRouteApi, Link } from '@tanstack/react-router';
import { rows, useAlerts, useDetectors } from '../../api/queries';
import { NewPill, useHeldRows } from '../../components/HeldList';
import { Page } from '../../components/Page';
import { Empty, Loaded, More } from '../../components/States';
import { SEVERITIES } from '../../words/labels';
import { AlertTable } from './AlertTable';

const here = getRouteApi('/alerts');

export function AlertsPage() {
  const search = here.useSearch();
  const state = search.state ?? 'open';
  const query = useAlerts({ ...search, state: state === 'all' ? undefined : state });
  const { rows: held, held: waiting, release } = useHeldRows(rows(query.data), JSON.stringify(search));
  return (
    <Page title="Alerts">
      <Filters />
      <NewPill held={waiting} release={release} />
      <Loaded query={{ ...query, data: held }} what="alerts">
        {(list) =>
          list.length === 0 ? (
            <Empty title={state === 'open' ? 'No open alert' : 'No alert matches these filters'}>
              Detectors look at every event. See what they judge under <Link to="/detectors">Detectors</Link>,
              and whether events arrive under <Link to="/sources">Sources</Link>.
            </Empty>
          ) : (
            <AlertTable list={list} />
          )
        }
      </Loaded>
      <More query={query} />
    </Page>
  );
}

function Filters() {
  const search = here.useSearch();
  const navigate = here.useNavigate();
  const detectors = useDetectors().data?.items ?? [];
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  return (
    <search className="filters" aria-label="Filter alerts">
      <SegmentedControl
        size="xs"
        aria-label="State"
        value={search.state ?? 'open'}
        onChange={(state) => set({ state: state === 'open' ? undefined : state })}
        data={[
          { value: 'open', label: 'Open' },
          { value: 'acknowledged', label: 'Acknowledged' },
          { value: 'resolved', label: 'Resolved' },
          { value: 'all', label: 'All' },
        ]}
      />
      <NativeSelect
        aria-label="Severity"
        value={search.severity ?? ''}
        onChange={(event) => set({ severity: event.currentTarget.value })}
        data={[
          { value: '', label: 'Any severity' },
          ...SEVERITIES.map((value) => ({ value, label: value.toUpperCase() })),
        ]}
      />
      <NativeSelect
        aria-label="Detector"
        value={search.detector ?? ''}
        onChange={(event) => set({ detector: event.currentTarget.value })}
        data={[
          { value: '', label: 'Any detector' },
          ...detectors.map((each) => ({ value: each.id, label: each.title })),
        ]}
      />
    </search>
  );
}
