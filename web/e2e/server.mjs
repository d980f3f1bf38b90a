// Serves web/dist under the policy of the real server, with a world of fixtures behind /api/v1.
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import * as register from './fixtures/changes.mjs';
import * as readiness from './fixtures/preflight.mjs';
import * as world from './fixtures/world.mjs';

const DIST = new URL('../dist/', import.meta.url).pathname;
const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.html': 'text/html' };
const page = (items) => ({ items, next: null });

/** What each address of the API answers; `undefined` is 404. */
function answer(method, path, origin, search) {
  const [, name, id, part] = path.split('/');
  const byId = (list) => list.find((each) => each.id === id);
  if (method !== 'GET') return write(name, id, part);
  switch (name) {
    case 'session':
      return world.session;
    case 'overview':
      return world.overview;
    case 'users':
      return page(world.users);
    case 'tokens':
      return page(world.tokens);
    case 'incidents':
      if (part === 'timeline') return page(id === 'inc_1' ? world.timeline : []);
      if (part === 'proof') return world.proofOfTelling;
      if (part === 'drill') return id === 'inc_4' ? world.drillReport : undefined;
      if (part === 'disclosure') return world.foreseen[search.get('decision')];
      if (part === 'clocks') return world.clocks;
      if (part === 'closing') return world.closing(id);
      if (part === 'reports') return { reports: world.reports };
      if (part === 'receipts') return page(id === 'inc_1' ? world.receipts : []);
      if (part === 'affected') return world.why;
      if (part === 'deliveries') return page(id === 'inc_1' ? world.deliveries : []);
      return id === undefined ? page(world.incidents) : world.incidentViews[id];
    case 'deliveries':
      return world.deliveryDetail;
    case 'alerts':
      return id === undefined ? page(world.alerts) : world.alertViews[id];
    case 'obligations':
      return page(world.obligations);
    case 'telling':
      return page(world.telling);
    case 'preflight':
      return readiness.preflights;
    case 'holding-words':
      return page(readiness.holdingWords);
    case 'notices':
      if (part === 'deliveries') return page(world.deliveries.filter((each) => each.about.kind === 'letter'));
      return world.noticeViews[id] ?? register.changeNoticeViews[id];
    case 'changes':
      if (part === 'timeline') return page(register.history);
      if (part === 'receipts') return page(id === 'chg_4' ? register.changeReceipts : []);
      return id === undefined ? page(register.changes) : register.changeView(id);
    case 'letters':
      return byId(world.letters);
    case 'customers': {
      if (id === undefined) return page(world.customers);
      const customer = byId(world.customers);
      return (
        customer && {
          customer,
          obligations: world.obligations.slice(0, 1),
          deliveries: [...world.deliveries.slice(2, 4), readiness.askingDelivery],
          askings: readiness.askings,
          verify_every: '365d',
        }
      );
    }
    case 'detectors':
      return id === undefined ? world.detectors : world.detectorDetail;
    case 'sources':
      return page(part === 'unparsed' ? world.unparsed : world.sources);
    case 'audit':
      if (id === 'verify') {
        return { ok: true, records: 160, head: world.audit[0].hash, checkpoints: 12, sealed: 157 };
      }
      return id === 'checkpoint' ? world.checkpoint : page(world.audit);
    case 'bounces':
      return world.bounceTallies;
    case 'mailbox':
      return id === undefined ? page(world.mails) : world.mailMessage(origin);
    default:
      return undefined;
  }
}

function write(name, id, part) {
  if (name === 'incidents' && part !== undefined) return world.incidentViews[id];
  if (name === 'notices' && part === 'dry-run') return { recipient: 'mara@ferry.example' };
  if (name === 'notices') return world.noticeViews[id] ?? register.changeNoticeViews[id];
  if (name === 'changes') return register.changeView(id ?? 'chg_1');
  if (name === 'letters') return world.receipts[0];
  if (name === 'preflight') return readiness.preflights.taken[0];
  if (name === 'customers' && part === 'contacts') return world.customers[0];
  if (name === 'alerts') return world.alertViews[id];
  if (name === 'customers' && id?.startsWith('import')) {
    return {
      rows: 3,
      added: [{ key: 'zeta', name: 'Zeta Freight' }],
      changed: [{ key: 'acme', name: 'Acme Logistics', changes: ['notify_within 72h → 24h'] }],
      unchanged: 0,
      faults: [
        { line: 4, field: 'security_contact', detail: '`soc@` is not an e-mail address; write name@host' },
      ],
      committed: false,
    };
  }
  if (name === 'demo') return { now: world.at(360), stopped: null };
  return undefined;
}

function send(response, status, type, body, headers = {}) {
  response.writeHead(status, { 'Content-Type': type, 'X-Content-Type-Options': 'nosniff', ...headers });
  response.end(body);
}

function stream(response, streams) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  const tick = () =>
    response.write(`event: tick\ndata: ${JSON.stringify({ server_time: new Date().toISOString() })}\n\n`);
  tick();
  const timer = setInterval(tick, 10_000);
  streams.add(response);
  response.on('close', () => {
    clearInterval(timer);
    streams.delete(response);
  });
}

async function serveFile(path, response) {
  const asset = path.startsWith('/assets/') || extname(path) !== '';
  const file = join(DIST, normalize(asset ? path : '/index.html'));
  const nonce = randomBytes(16).toString('base64');
  const policy =
    `default-src 'none'; script-src 'self'; style-src 'self' 'nonce-${nonce}'; img-src 'self' data:; font-src 'self'; ` +
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
  try {
    const body = await readFile(file);
    const content = asset ? body : body.toString().replaceAll('__CSP_NONCE__', nonce);
    send(response, 200, TYPES[extname(file)] ?? 'application/octet-stream', content, {
      'Content-Security-Policy': policy,
    });
  } catch {
    send(response, 404, 'text/plain', 'not found');
  }
}

async function bodyOf(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

/**
 * Starts on a free port of the loopback. `overrides` maps a path of the API, or a method and a path, to `{ status, body }`. Every write is
 * kept in `writes`; `change` tells whoever follows the stream that something changed.
 */
export async function start(overrides = {}) {
  const writes = [];
  const streams = new Set();
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost');
    const origin = `http://${request.headers.host}`;
    if (!pathname.startsWith('/api/v1/')) return void serveFile(pathname, response);
    const path = pathname.slice('/api/v1'.length);
    if (path === '/stream') return stream(response, streams);
    if (request.method !== 'GET') {
      const { 'if-match': version, 'x-csrf-token': csrf } = request.headers;
      writes.push({ method: request.method, path, body: await bodyOf(request), version, csrf });
    }
    const special = overrides[`${request.method} ${path}`] ?? overrides[path];
    if (special !== undefined) {
      return send(response, special.status, 'application/json', JSON.stringify(special.body));
    }
    const body = answer(request.method, path, origin, searchParams);
    if (body === undefined) {
      const problem = {
        type: 'about:blank',
        title: 'Not found',
        status: 404,
        detail: `there is nothing at ${path}`,
      };
      return send(response, 404, 'application/problem+json', JSON.stringify(problem));
    }
    send(response, 200, 'application/json', JSON.stringify(body));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    writes,
    overrides,
    change: (subject) => {
      for (const each of streams) each.write(`event: change\ndata: ${JSON.stringify({ subject })}\n\n`);
    },
    origin: `http://127.0.0.1:${server.address().port}`,
    close: () => server.closeAllConnections() || server.close(),
  };
}
