// Looks at every page, light, dark and narrow, under the strict policy: no accessibility violation, no policy violation, nothing in the
// console, nothing fetched from elsewhere. Screenshots go to target/screenshots/web/ for people to look at.
//
//   npm run build && npm run look            all pages
//   npm run look -- notice                   only pages whose name contains "notice"
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import { behaviours } from './behaviours.mjs';
import { start } from './server.mjs';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SHOTS = new URL('../../target/screenshots/web/', import.meta.url).pathname;
const BROWSER = process.env.CHROMIUM ?? '/usr/bin/chromium';
const wanted = process.argv[2] ?? '';

const click =
  (name, role = 'button') =>
  async (page) =>
    page.getByRole(role, { name, exact: true }).first().click();
/** Name, address, and what to do before looking. */
const PAGES = [
  ['incidents', '/incidents'],
  ['declare', '/incidents', (page) => page.keyboard.press('c')],
  ['help', '/incidents', (page) => page.keyboard.press('?')],
  [
    'palette',
    '/incidents',
    async (page) => {
      await page.keyboard.press('Control+k');
      await page.getByPlaceholder('Search incidents, customers, places…').fill('ac');
      await page.getByText('Acme Logistics').waitFor();
    },
  ],
  ['advance', '/incidents', click('Advance 6 hours')],
  ['user-menu', '/incidents', click('Menu of Mara Lindqvist')],
  ['incident', '/incidents/inc_1'],
  ['incident-entry', '/incidents/inc_1#ent_8'],
  ['incident-suspected', '/incidents/inc_2'],
  ['incident-alerts', '/incidents/inc_1?tab=alerts'],
  ['incident-comms', '/incidents/inc_1?tab=comms'],
  ['incident-close', '/incidents/inc_1', click('Closed')],
  ['incident-close-drill', '/incidents/inc_4', click('Closed')],
  ['incident-confirm', '/incidents/inc_2', click('Confirm disclosure')],
  ['incident-handover', '/incidents/inc_1', click('Offer hand-over of Commander')],
  ['incident-severity', '/incidents/inc_1', click('Assess again')],
  ['incident-why', '/incidents/inc_1', click('Why Norden Versicherung AG is on the list')],
  ['incident-pause', '/incidents/inc_1', click('Pause: Notice to the covered entity')],
  ['incident-moment', '/incidents/inc_1', click('Record a moment')],
  ['incident-report', '/incidents/inc_1', (page) => page.getByText('What it says').first().click()],
  ['incident-particular', '/incidents/inc_1', click('Say what authorities ask')],
  [
    'incident-submitted',
    '/incidents/inc_1',
    click('Submitted: notification, Notification of a significant incident'),
  ],
  ['incident-extend', '/incidents/inc_2', click('Decide later')],
  ['incident-list', '/incidents/inc_1', click('Add a list')],
  ['incident-halted', '/incidents/inc_3'],
  ['incident-hold', '/incidents/inc_1', click('Legal hold…')],
  ['incident-agree', '/incidents/inc_3', click('Agree to the reversal…')],
  ['incident-move', '/incidents/inc_1', click('Count from another instant…')],
  ['incident-move-agree', '/incidents/inc_3', click('Agree to the later instant…')],
  [
    'incident-holding',
    '/incidents/inc_1',
    async (page) => {
      await page.getByText(': to whom, and its text').click();
      await page.getByLabel('Text of the holding notice').waitFor();
    },
  ],
  ['incident-applies', '/incidents/inc_1', click('Does not apply: Notification of a significant incident')],
  ['incident-standing', '/incidents/inc_1', click('Change standing of Acme Logistics')],
  ['incident-add-customer', '/incidents/inc_1', click('Add customer')],
  ['incident-proof', '/incidents/inc_1?tab=comms', click('Proof of the message to security@norden.example')],
  ['incident-drill', '/incidents/inc_4'],
  [
    'declare-drill',
    '/incidents',
    async (page) => {
      await page.keyboard.press('c');
      await page.getByLabel('This is a drill').click();
      await page.getByRole('button', { name: 'Declare drill' }).waitFor();
    },
  ],
  ['incident-missing', '/incidents/inc_none'],
  ['alerts', '/alerts'],
  ['alert', '/alerts/alr_4', click('Show raw event evt-0001-4f1c-8a7b')],
  ['alert-resolve', '/alerts/alr_4', click('Resolve')],
  ['breach', '/breach'],
  ['breach-explain', '/breach', click('Explain the miss for Norden Versicherung AG')],
  ['breach-call', '/breach', click('Call them: Norden Versicherung AG')],
  ['breach-take-back', '/breach', click('Take back the approval of the words in en')],
  ['notice-approve', '/notices/ntc_2'],
  ['notice-approve-dialog', '/notices/ntc_2', click('Approve and send')],
  ['notice-html', '/notices/ntc_2', click('HTML', 'tab')],
  ['notice-edit', '/notices/ntc_3'],
  ['notice-holding', '/notices/ntc_1'],
  ['notice-mine', '/notices/ntc_mine'],
  ['notice-nobody', '/notices/ntc_nobody'],
  ['notice-draft', '/notices/ntc_draft'],
  ['notice-sent', '/notices/ntc_sent'],
  ['notice-discard', '/notices/ntc_3', click('Discard')],
  ['changes', '/changes'],
  ['change-propose', '/changes', click('Propose a change')],
  ['change-assessed', '/changes/chg_5'],
  ['change-judge', '/changes/chg_1', click('Judge')],
  ['change-told', '/changes/chg_4'],
  ['change-fault', '/changes/chg_3'],
  ['change-notice', '/notices/ntc_5'],
  ['customers', '/customers'],
  [
    'customers-import',
    '/customers',
    async (page) => {
      await click('Import CSV')(page);
      await page.getByLabel('CSV or JSON').fill('key,name\nzeta,Zeta Freight');
      await click('Preview changes')(page);
      await page.getByText('line 4').waitFor();
    },
  ],
  ['customer', '/customers/cus_1'],
  ['customer-edit', '/customers/cus_1', click('Edit customer')],
  [
    'customer-verify',
    '/customers/cus_1',
    async (page) => page.getByRole('button', { name: 'verified by other means' }).first().click(),
  ],
  [
    'customer-erase',
    '/customers/cus_1',
    async (page) => page.getByRole('button', { name: 'Erase' }).first().click(),
  ],
  ['detectors', '/detectors'],
  ['detector', '/detectors/mass-download-by-one-key'],
  ['sources', '/sources'],
  ['sources-samples', '/sources', click('See samples of nginx-access that did not parse')],
  [
    'audit',
    '/audit',
    async (page) => {
      await click('Verify the log')(page);
      await page.getByText('holds').first().waitFor();
      await page.getByText('Sealed up to record 157').click();
      await page.getByRole('button', { name: 'Detail of record 156, incident.opened' }).click();
    },
  ],
  ['mailbox', '/mailbox'],
  ['mail', '/mailbox/mail_1'],
  ['settings', '/settings'],
  ['settings-people', '/settings?tab=people'],
  ['settings-add-person', '/settings?tab=people', click('Add person')],
  ['settings-tokens', '/settings?tab=tokens'],
  ['not-found', '/nowhere'],
];
/** The same places with nothing in them, or failing. */
const EMPTY = { status: 200, body: { items: [], next: null } };
const FAILING = {
  status: 500,
  body: {
    type: 'about:blank',
    title: 'Internal error',
    status: 500,
    detail: 'the database is locked; it is tried again',
  },
};
const BARE = [
  ['incidents-empty', '/incidents', { '/incidents': EMPTY }],
  ['alerts-empty', '/alerts', { '/alerts': EMPTY }],
  [
    'breach-empty',
    '/breach',
    { '/obligations': EMPTY, '/preflight': { status: 200, body: { next_at: null, taken: [] } } },
  ],
  ['changes-empty', '/changes', { '/changes': EMPTY }],
  ['customers-empty', '/customers', { '/customers': EMPTY }],
  ['sources-empty', '/sources', { '/sources': EMPTY }],
  ['mailbox-empty', '/mailbox', { '/mailbox': EMPTY }],
  ['detectors-failing', '/detectors', { '/detectors': FAILING }],
];
const LOOKS = [
  { name: 'light', colorScheme: 'light', viewport: { width: 1440, height: 900 } },
  { name: 'dark', colorScheme: 'dark', viewport: { width: 1440, height: 900 } },
  {
    name: 'narrow',
    colorScheme: 'light',
    viewport: { width: 390, height: 844 },
    isMobile: true,
    hasTouch: true,
  },
];
/** Opened by keys or buttons that a phone does not have. */
const NOT_NARROW = new Set(['declare', 'help', 'palette', 'advance']);

const faults = [];

/** What the first page may cost before it shows something, in kB of compressed script. */
const FIRST_PAGE_LIMIT = 230;
async function weigh(browser, origin) {
  const page = await browser.newPage();
  const scripts = [];
  page.on('response', (response) => {
    if (response.url().endsWith('.js')) scripts.push(response.body());
  });
  await page.goto(`${origin}/incidents`);
  await page.locator('h1').first().waitFor();
  const kilobytes = (await Promise.all(scripts)).reduce((sum, body) => sum + gzipSync(body).length, 0) / 1000;
  console.log(`the first page takes ${kilobytes.toFixed(0)} kB of compressed script`);
  if (kilobytes > FIRST_PAGE_LIMIT)
    faults.push(`the first page takes more than ${FIRST_PAGE_LIMIT} kB of compressed script`);
  await page.close();
}

/** One browser profile per look, so that scripts are fetched once. */
function profile(browser, view) {
  return browser.newContext({
    colorScheme: view.colorScheme,
    viewport: view.viewport,
    isMobile: view.isMobile ?? false,
    hasTouch: view.hasTouch ?? false,
    reducedMotion: 'reduce',
  });
}

async function look(context, origin, view, [name, path, before], expectFailures = false) {
  const page = await context.newPage();
  const where = `${name} (${view.name})`;
  page.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return;
    if (/status of (404|500)/.test(message.text()) && (expectFailures || name.endsWith('-missing'))) return;
    faults.push(`${where}: console ${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`${where}: ${error.stack ?? error.message}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(origin)) faults.push(`${where}: asks for ${request.url()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(
        `policy: ${event.violatedDirective} blocked ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`,
      );
    });
  });
  try {
    await page.goto(origin + path);
    await page.locator('h1').first().waitFor();
    await page.waitForFunction(
      () => document.querySelector('main [role="status"] .mantine-Loader-root') === null,
    );
    await page.getByText('live', { exact: true }).first().waitFor();
    if (before !== undefined) {
      await before(page);
      await page.waitForFunction(
        () => document.querySelector('[role="status"] .mantine-Loader-root') === null,
      );
    }
    await examine(page, where);
    const dialog = before !== undefined && (await page.getByRole('dialog').count()) > 0;
    await page.screenshot({ path: `${SHOTS}${name}-${view.name}.png`, fullPage: !dialog });
  } catch (fault) {
    faults.push(`${where}: ${fault.message.split('\n').slice(0, 3).join(' | ')}`);
    await page.screenshot({ path: `${SHOTS}${name}-${view.name}.png` }).catch(() => undefined);
  } finally {
    await page.close();
  }
}

async function examine(page, where) {
  // Through the protocol, which the policy does not concern.
  await page.evaluate(AXE);
  // What lies behind an open dialog is looked at without it.
  const violations = await page.evaluate(async () => {
    const open = document.querySelector('[role="dialog"][aria-modal="true"]') !== null;
    const { violations: found } = await window.axe.run(open ? { exclude: ['main', '.bottom'] } : document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return found.flatMap((each) =>
      each.nodes
        .slice(0, 4)
        .map((node) => `${each.id}: ${node.target.join(' ')}: ${node.failureSummary.replaceAll('\n', ' ')}`),
    );
  });
  for (const violation of violations) faults.push(`${where}: axe ${violation}`);
  const h1 = await page.locator('h1').count();
  if (h1 !== 1) faults.push(`${where}: has ${h1} first headings; a page has one`);
  const wide = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  if (wide > 0) faults.push(`${where}: is ${wide} px wider than the window`);
}

if (!existsSync(BROWSER)) {
  console.error(`there is no browser at ${BROWSER}; install chromium, or name one in CHROMIUM`);
  process.exit(1);
}
await mkdir(SHOTS, { recursive: true });
const browser = await chromium.launch({
  executablePath: BROWSER,
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
let looked = 0;
try {
  const site = await start();
  await weigh(browser, site.origin);
  for (const view of LOOKS) {
    const context = await profile(browser, view);
    for (const entry of PAGES) {
      if (!entry[0].includes(wanted) || (view.name === 'narrow' && NOT_NARROW.has(entry[0]))) continue;
      await look(context, site.origin, view, entry);
      looked += 1;
    }
    await context.close();
  }
  site.close();
  for (const [sentence, overrides, story] of behaviours) {
    if (!sentence.includes(wanted)) continue;
    const stage = await start(overrides);
    const page = await browser.newPage({ viewport: LOOKS[0].viewport });
    page.setDefaultTimeout(15_000);
    await story(page, stage).catch((fault) =>
      faults.push(`${sentence}: ${fault.message.split('\n').slice(0, 4).join(' | ')}`),
    );
    await page.close();
    stage.close();
    looked += 1;
  }
  for (const [name, path, overrides] of BARE) {
    if (!name.includes(wanted)) continue;
    const bare = await start(overrides);
    for (const view of LOOKS) {
      const context = await profile(browser, view);
      await look(context, bare.origin, view, [name, path], true);
      await context.close();
      looked += 1;
    }
    bare.close();
  }
} finally {
  await browser.close();
}
console.log(`${looked} looks, ${faults.length} faults; screenshots in ${SHOTS}`);
for (const fault of faults) console.log(`- ${fault}`);
process.exit(faults.length === 0 && looked > 0 ? 0 : 1);
