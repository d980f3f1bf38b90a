/** Addresses. Filters live in the query string as plain words, so that a view can be sent to somebody. */
import {
  createRootRoute,
  createRoute,
  createRouter,
  type ErrorComponentProps,
  lazyRouteComponent,
  redirect,
} from '@tanstack/react-router';
import { Page } from './components/Page';
import { Empty, Failed, Loading } from './components/States';
import { Shell } from './shell/Shell';

type Search<K extends string> = Partial<Record<K, string>>;

/** Keeps the named parameters and drops all others. */
function only<K extends string>(...names: K[]) {
  return (search: Record<string, unknown>): Search<K> => {
    const kept: Search<K> = {};
    for (const name of names) {
      const value = search[name];
      if (value !== undefined && value !== '') kept[name] = String(value);
    }
    return kept;
  };
}

const root = createRootRoute({
  component: Shell,
  notFoundComponent: () => (
    <Page title="Not found">
      <Empty title="There is no such page">Choose a place on the left, or press Ctrl K and search.</Empty>
    </Page>
  ),
});
const route = <P extends string>(path: P) => ({ getParentRoute: () => root, path }) as const;

const home = createRoute({
  ...route('/'),
  beforeLoad: () => {
    throw redirect({ to: '/incidents', replace: true });
  },
});
const incidents = createRoute({
  ...route('/incidents'),
  validateSearch: only('open', 'severity', 'phase', 'q'),
  component: lazyRouteComponent(() => import('./pages/Incidents'), 'IncidentsPage'),
});
const incident = createRoute({
  ...route('/incidents/$id'),
  validateSearch: only('tab', 'show'),
  component: lazyRouteComponent(() => import('./pages/incident/IncidentRoom'), 'IncidentRoom'),
});
const alerts = createRoute({
  ...route('/alerts'),
  validateSearch: only('state', 'severity', 'detector'),
  component: lazyRouteComponent(() => import('./pages/alerts/Alerts'), 'AlertsPage'),
});
const alert = createRoute({
  ...route('/alerts/$id'),
  component: lazyRouteComponent(() => import('./pages/alerts/AlertDetail'), 'AlertDetailPage'),
});
const breach = createRoute({
  ...route('/breach'),
  validateSearch: only('incident', 'state'),
  component: lazyRouteComponent(() => import('./pages/breach/BreachDesk'), 'BreachDeskPage'),
});
const notice = createRoute({
  ...route('/notices/$id'),
  component: lazyRouteComponent(() => import('./pages/notice/Notice'), 'NoticePage'),
});
const changes = createRoute({
  ...route('/changes'),
  component: lazyRouteComponent(() => import('./pages/changes/Changes'), 'ChangesPage'),
});
const change = createRoute({
  ...route('/changes/$id'),
  component: lazyRouteComponent(() => import('./pages/changes/ChangeDetail'), 'ChangeDetailPage'),
});
const customers = createRoute({
  ...route('/customers'),
  validateSearch: only('q'),
  component: lazyRouteComponent(() => import('./pages/customers/Customers'), 'CustomersPage'),
});
const customer = createRoute({
  ...route('/customers/$id'),
  component: lazyRouteComponent(() => import('./pages/customers/CustomerDetail'), 'CustomerDetailPage'),
});
const detectors = createRoute({
  ...route('/detectors'),
  validateSearch: only('q', 'coverage', 'source'),
  component: lazyRouteComponent(() => import('./pages/Detectors'), 'DetectorsPage'),
});
const detector = createRoute({
  ...route('/detectors/$id'),
  component: lazyRouteComponent(() => import('./pages/DetectorDetail'), 'DetectorDetailPage'),
});
const sources = createRoute({
  ...route('/sources'),
  component: lazyRouteComponent(() => import('./pages/Sources'), 'SourcesPage'),
});
const audit = createRoute({
  ...route('/audit'),
  validateSearch: only('subject', 'action'),
  component: lazyRouteComponent(() => import('./pages/Audit'), 'AuditPage'),
});
const mailbox = createRoute({
  ...route('/mailbox'),
  component: lazyRouteComponent(() => import('./pages/Mailbox'), 'MailboxPage'),
});
const mail = createRoute({
  ...route('/mailbox/$id'),
  component: lazyRouteComponent(() => import('./pages/Mail'), 'MailPage'),
});
const settings = createRoute({
  ...route('/settings'),
  validateSearch: only('tab'),
  component: lazyRouteComponent(() => import('./pages/settings/Settings'), 'SettingsPage'),
});

function RouteFailed({ error, reset }: ErrorComponentProps) {
  return (
    <Page title="Something went wrong">
      <Failed
        what="This page"
        fault={error instanceof Error ? error : new Error(String(error))}
        retry={reset}
      />
    </Page>
  );
}

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    incidents,
    incident,
    alerts,
    alert,
    breach,
    notice,
    changes,
    change,
    customers,
    customer,
    detectors,
    detector,
    sources,
    audit,
    mailbox,
    mail,
    settings,
  ]),
  defaultPreload: 'intent',
  defaultPendingComponent: () => <Loading what="the page" />,
  defaultErrorComponent: RouteFailed,
  scrollRestoration: true,
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const kept = Object.entries(search).filter(([, value]) => value !== undefined && value !== '');
    const text = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString();
    return text === '' ? '' : `?${text}`;
  },
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
