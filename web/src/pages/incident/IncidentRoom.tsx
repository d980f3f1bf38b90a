/** The room of one incident: what stands, who does what, what is due, and the record of it. */
import { Tabs } from '@mantine/core';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useIncident } from '../../api/queries';
import type { IncidentView } from '../../api/types';
import { Page } from '../../components/Page';
import { Loaded } from '../../components/States';
import { AlertTable } from '../alerts/AlertTable';
import { AffectedPanel } from './Affected';
import { BreachPanel } from './Breach';
import { Comms } from './Comms';
import { Header } from './Header';
import { RolesPanel } from './Roles';
import { TasksPanel } from './Tasks';
import { Timeline } from './Timeline';
import { TimersPanel } from './Timers';

const here = getRouteApi('/incidents/$id');

export function IncidentRoom() {
  const { id } = here.useParams();
  const incident = useIncident(id);
  return (
    <Page
      key={id}
      title={incident.data?.incident.title ?? 'Incident'}
      crumb={
        <>
          <Link to="/incidents">Incidents</Link>
          {incident.data && ` / ${incident.data.reference} · ${incident.data.incident.codename}`}
        </>
      }
    >
      <Loaded query={incident} what="the incident">
        {(view) => <Room view={view} />}
      </Loaded>
    </Page>
  );
}

function Room({ view }: { view: IncidentView }) {
  return (
    <div className="stack">
      <Header view={view} />
      <div className="room">
        <Centre view={view} />
        <div className="stack">
          <BreachPanel view={view} />
          <RolesPanel view={view} />
          <TimersPanel view={view} />
          <AffectedPanel view={view} />
          <TasksPanel view={view} />
        </div>
      </div>
    </div>
  );
}

function Centre({ view }: { view: IncidentView }) {
  const search = here.useSearch();
  const navigate = here.useNavigate();
  const tab = search.tab ?? 'timeline';
  return (
    <Tabs
      value={tab}
      onChange={(value) =>
        void navigate({
          search: (before) => ({ ...before, tab: value === 'timeline' ? undefined : (value ?? undefined) }),
          replace: true,
        })
      }
    >
      <Tabs.List aria-label="Parts of the incident" mb={12}>
        <Tabs.Tab value="timeline">Timeline</Tabs.Tab>
        <Tabs.Tab value="alerts">Alerts ({view.alerts.length})</Tabs.Tab>
        <Tabs.Tab value="comms">Notices & deliveries</Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value="timeline">
        <Timeline view={view} />
      </Tabs.Panel>
      <Tabs.Panel value="alerts">
        <AlertTable list={view.alerts.map((row) => ({ row, gone: false }))} />
      </Tabs.Panel>
      <Tabs.Panel value="comms">
        <Comms view={view} />
      </Tabs.Panel>
    </Tabs>
  );
}
