/** The room of one incident: what stands, who does what, what is due, and the record of it. */
import { Tabs } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { getRouteApi, Link, useLocation } from '@tanstack/react-router';
import { useIncident } from '../../api/queries';
import type { IncidentView } from '../../api/types';
import { Page } from '../../components/Page';
import { Loaded } from '../../components/States';
import { TakePack } from '../../components/TakeAway';
import { AlertTable } from '../alerts/AlertTable';
import { AffectedPanel } from './Affected';
import { BreachPanel } from './Breach';
import { ClocksPanel } from './Clocks';
import { Comms } from './Comms';
import { DrillPanel } from './Drill';
import { ChangeTitle, Header } from './Header';
import { ReportsPanel } from './Reports';
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
      actions={
        incident.data && (
          <>
            <ChangeTitle view={incident.data} />
            <TakePack incident={id} />
          </>
        )
      }
    >
      <Loaded query={incident} what="the incident">
        {(view) => <Room view={view} />}
      </Loaded>
    </Page>
  );
}

/** What to do: on a wide screen beside the record, on a phone before it. */
function Response({ view }: { view: IncidentView }) {
  return (
    <div className="stack">
      <DrillPanel view={view} />
      <BreachPanel view={view} />
      <ClocksPanel view={view} />
      <ReportsPanel view={view} />
      <RolesPanel view={view} />
      <TimersPanel view={view} />
      <AffectedPanel view={view} />
      <TasksPanel view={view} />
    </div>
  );
}

function Room({ view }: { view: IncidentView }) {
  const narrow = useMediaQuery('(max-width: 768px)', undefined, { getInitialValueInEffect: false });
  return (
    <div className="stack">
      <Header view={view} />
      <div className="room">
        <Centre view={view} narrow={narrow === true} />
        {narrow !== true && <Response view={view} />}
      </div>
    </div>
  );
}

function Centre({ view, narrow }: { view: IncidentView; narrow: boolean }) {
  const search = here.useSearch();
  const navigate = here.useNavigate();
  const { hash } = useLocation();
  const first = narrow && hash === '' ? 'response' : 'timeline';
  const asked = search.tab ?? first;
  const tab = asked === 'response' && !narrow ? 'timeline' : asked;
  return (
    <Tabs
      value={tab}
      onChange={(value) =>
        void navigate({
          search: (before) => ({ ...before, tab: value === first ? undefined : (value ?? undefined) }),
          replace: true,
        })
      }
    >
      <Tabs.List aria-label="Parts of the incident" mb={12}>
        {narrow && <Tabs.Tab value="response">Response</Tabs.Tab>}
        <Tabs.Tab value="timeline">Timeline</Tabs.Tab>
        <Tabs.Tab value="alerts">Alerts ({view.alerts.length})</Tabs.Tab>
        <Tabs.Tab value="comms">Notices & deliveries</Tabs.Tab>
      </Tabs.List>
      {narrow && (
        <Tabs.Panel value="response">
          <Response view={view} />
        </Tabs.Panel>
      )}
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
