import { Button } from '@mantine/core';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useAlert, useMay } from '../../api/queries';
import type { AlertView, Evidence, TenantTrace } from '../../api/types';
import { type AlertWrite, useAlertWrite } from '../../api/writes';
import { ActorName, Ago, At, SeverityMark } from '../../components/marks';
import { Page, Panel } from '../../components/Page';
import { RawText } from '../../components/RawText';
import { Loaded, Refused } from '../../components/States';
import { count, VERDICT_NAMES } from '../../words/labels';
import { AttachDialog, ResolveDialog } from './decisions';

const here = getRouteApi('/alerts/$id');

export function AlertDetailPage() {
  const { id } = here.useParams();
  const query = useAlert(id);
  return (
    <Page
      title={query.data?.alert.title ?? 'Alert'}
      crumb={<Link to="/alerts">Alerts</Link>}
      actions={query.data && <Actions view={query.data} />}
    >
      <Loaded query={query} what="the alert">
        {(view) => <Detail view={view} />}
      </Loaded>
    </Page>
  );
}

function Actions({ view }: { view: AlertView }) {
  const { alert } = view;
  const may = useMay('respond');
  const write = useAlertWrite(alert.id);
  const navigate = useNavigate();
  const [deciding, setDeciding] = useState<'resolve' | 'attach' | null>(null);
  if (!may || alert.state === 'resolved') return null;
  const openIncident = () =>
    write.mutate(
      { path: '/open-incident', version: alert.version },
      {
        onSuccess: ({ alert: joined }) => {
          if (joined.incident !== null)
            void navigate({ to: '/incidents/$id', params: { id: joined.incident } });
        },
      },
    );
  const decide = (decision: AlertWrite) => write.mutate(decision, { onSuccess: () => setDeciding(null) });
  const close = () => {
    setDeciding(null);
    write.reset();
  };
  return (
    <>
      {alert.state === 'open' && (
        <Button
          variant="filled"
          data-key="a"
          aria-keyshortcuts="a"
          onClick={() => write.mutate({ path: '/acknowledge', version: alert.version })}
        >
          Acknowledge
        </Button>
      )}
      {alert.incident === null && (
        <>
          <Button onClick={openIncident}>Open an incident</Button>
          <Button onClick={() => setDeciding('attach')}>Attach to an incident</Button>
        </>
      )}
      <Button onClick={() => setDeciding('resolve')}>Resolve</Button>
      {deciding === null && <Refused fault={write.error} />}
      {deciding === 'resolve' && (
        <ResolveDialog
          version={alert.version}
          pending={write.isPending}
          fault={write.error}
          onClose={close}
          onDo={decide}
        />
      )}
      {deciding === 'attach' && (
        <AttachDialog
          version={alert.version}
          pending={write.isPending}
          fault={write.error}
          onClose={close}
          onDo={decide}
        />
      )}
    </>
  );
}

function Detail({ view }: { view: AlertView }) {
  const { alert } = view;
  return (
    <div className="stack">
      <div className="row">
        <SeverityMark severity={alert.severity} />
        <span className={alert.state === 'open' ? 'tag warn' : 'tag'}>{alert.state}</span>
        {alert.state !== 'open' && (
          <span className="small dim">
            by <ActorName actor={alert.by} /> <Ago at={alert.at} />
          </span>
        )}
        {alert.incident !== null && (
          <Link to="/incidents/$id" params={{ id: alert.incident }}>
            {view.incident_reference ?? 'its incident'}
          </Link>
        )}
      </div>
      {alert.state === 'resolved' && (
        <p className="notice-bar">
          {VERDICT_NAMES[alert.verdict]}. {alert.why}
        </p>
      )}
      <div className="two">
        <Why view={view} />
        <Extent view={view} />
      </div>
      <Panel
        title={`Evidence (${count(alert.evidence.length, 'event')} kept of ${view.events.toLocaleString('en-GB')})`}
        bare
      >
        <ul className="plain-list lines">
          {alert.evidence.map((evidence) => (
            <EvidenceRow key={`${evidence.source} ${evidence.event}`} evidence={evidence} />
          ))}
        </ul>
      </Panel>
    </div>
  );
}

function Why({ view }: { view: AlertView }) {
  const { alert } = view;
  return (
    <Panel title="Why it fired">
      <dl className="definition">
        <dt>Rule</dt>
        <dd>
          <Link to="/detectors/$id" params={{ id: alert.detector }}>
            {view.detector_title || alert.detector}
          </Link>
        </dd>
        <dt>Expected</dt>
        <dd>{alert.reason.expected}</dd>
        <dt>Seen</dt>
        <dd className="strong">{alert.reason.seen}</dd>
        {alert.group.map(([field, value]) => (
          <Pair key={`group ${field}`} name={field} value={value} />
        ))}
        {alert.reason.fields
          .filter(([field]) => !alert.group.some(([grouped]) => grouped === field))
          .map(([field, value]) => (
            <Pair key={`field ${field}`} name={field} value={value} />
          ))}
        {alert.tags.length > 0 && (
          <>
            <dt>Tags</dt>
            <dd className="mono">{alert.tags.join(', ')}</dd>
          </>
        )}
      </dl>
    </Panel>
  );
}

function Pair({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt className="mono">{name}</dt>
      <dd className="mono">{value}</dd>
    </>
  );
}

function Extent({ view }: { view: AlertView }) {
  const { alert } = view;
  const tenants = Object.entries(view.tenants);
  return (
    <Panel title="How far it reaches">
      <div className="stack">
        <dl className="definition">
          <dt>Events</dt>
          <dd className="num">
            {view.events.toLocaleString('en-GB')} in {count(view.count, 'detection')}
          </dd>
          <dt>First event</dt>
          <dd>
            <At at={alert.first_at} />
          </dd>
          <dt>Last event</dt>
          <dd>
            <At at={alert.last_at} />
          </dd>
          <dt>Opened</dt>
          <dd>
            <At at={alert.opened_at} />
          </dd>
          <dt>Actors</dt>
          <dd className="mono">
            {alert.entities
              .filter((entity) => entity.kind === 'actor')
              .map((entity) => entity.value)
              .join(', ') || 'none named'}
          </dd>
        </dl>
        <Tenants tenants={tenants} />
      </div>
    </Panel>
  );
}

function Tenants({ tenants }: { tenants: [string, TenantTrace][] }) {
  if (tenants.length === 0) return <p className="dim small">Its events name no tenant.</p>;
  return (
    <table className="table">
      <thead>
        <tr>
          <th>Tenant</th>
          <th className="right">Events</th>
          <th className="right">Last event</th>
        </tr>
      </thead>
      <tbody>
        {tenants.map(([tenant, trace]) => (
          <tr key={tenant}>
            <td className="mono wrap">{tenant}</td>
            <td className="right num">{trace.events.toLocaleString('en-GB')}</td>
            <td className="right">
              <Ago at={trace.last_at} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function EvidenceRow({ evidence }: { evidence: Evidence }) {
  const [open, setOpen] = useState(false);
  return (
    <li className="line-item">
      <div className="row apart" style={{ flexWrap: 'nowrap' }}>
        <div className="grow small">
          <At at={evidence.at} /> · {evidence.source} <code className="dim wrap">{evidence.event}</code>
        </div>
        <Button
          variant="subtle"
          style={{ flexShrink: 0 }}
          aria-expanded={open}
          aria-label={`${open ? 'Hide' : 'Show'} raw event ${evidence.event}`}
          onClick={() => setOpen(!open)}
        >
          {open ? 'Hide raw' : 'Show raw'}
        </Button>
      </div>
      {open && <RawText label={`Raw event ${evidence.event}`}>{pretty(evidence.raw)}</RawText>}
    </li>
  );
}

/** JSON with line breaks; anything else as it was received. */
function pretty(raw: string): string {
  try {
    return JSON.stringify(JSON.parse(raw), null, 2);
  } catch {
    return raw;
  }
}
