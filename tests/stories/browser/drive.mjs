/**
 * Drives Chromium for the stories: takes one JSON command a line on standard input, answers each with one JSON line.
 *
 * People are told apart by `who`; each has a browser context of their own. Whatever is waited for is waited for by Playwright. What
 * the page itself complains about (an error of a script, a breach of the content security policy) is a fault of the command during
 * which it happened.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const settings = JSON.parse(process.argv[2]);
const require = createRequire(pathToFileURL(join(settings.web, 'package.json')));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const WAIT = 20_000;
const WIDE = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let browser;
let pictures = 0;
const seats = new Map();

function pageOf(command) {
  const seat = seats.get(command.who);
  if (seat === undefined) throw new Error(`nobody called ${command.who} sits at a screen`);
  return seat.page;
}

/** The part of the page that is meant. */
function placeOf(command) {
  const page = pageOf(command);
  if (command.within === undefined) return page;
  const { role, name } = command.within;
  return page.getByRole(role, name === undefined ? {} : { name, exact: true });
}

/** Nothing is on its way any more: no text of a page that is still loading. */
async function rest(page) {
  await page.getByRole('status').filter({ hasText: /^Loading / }).first().waitFor({ state: 'hidden', timeout: WAIT });
}

/** In the page: waits until colours that change from one scheme to the other have arrived. */
async function stillness() {
  const ends = (animation) => Number.isFinite(animation.effect?.getComputedTiming().endTime);
  await Promise.allSettled(document.getAnimations().filter(ends).map((animation) => animation.finished));
}

const commands = {
  async start() {
    browser = await chromium.launch({ executablePath: settings.chromium, args: FLAGS, timeout: 60_000 });
  },

  async sit({ who, address }) {
    const context = await browser.newContext({
      baseURL: address,
      viewport: WIDE,
      locale: 'en-GB',
      timezoneId: 'UTC',
      colorScheme: 'light',
      reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(WAIT);
    const page = await context.newPage();
    const faults = [];
    page.on('pageerror', (error) => faults.push(`script: ${error.stack ?? error.message}`));
    page.on('console', (message) => {
      if (message.type() !== 'error') return;
      // A request that the server refuses is reported here, too; whether it should have is for the story to say.
      if (message.text().startsWith('Failed to load resource')) return;
      faults.push(`console: ${message.text()}`);
    });
    seats.set(who, { page, faults });
  },

  async open(command) {
    await pageOf(command).goto(command.path);
    await rest(pageOf(command));
  },

  async press(command) {
    const name = command.begins ? new RegExp(`^${command.name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`) : command.name;
    await placeOf(command).getByRole(command.role, { name, exact: command.begins !== true }).click();
  },

  async fill(command) {
    // Fields that must be filled in have a star behind their label.
    const label = new RegExp(`^${command.label.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}( \\*)?$`);
    await placeOf(command).getByLabel(label).fill(command.text);
  },

  async choose(command) {
    const field = placeOf(command).getByLabel(command.label, { exact: true });
    const option = field.locator('option').filter({ hasText: command.option });
    await option.first().waitFor({ state: 'attached' });
    await field.selectOption((await option.first().getAttribute('value')) ?? '');
  },

  async sees(command) {
    await placeOf(command).getByText(command.text).first().waitFor({ state: 'visible' });
  },

  async misses(command) {
    await placeOf(command).getByText(command.text).first().waitFor({ state: 'hidden' });
  },

  async heading(command) {
    await pageOf(command).getByRole('heading', { level: 1, name: command.text, exact: true }).waitFor();
    await rest(pageOf(command));
  },

  async reads(command) {
    const things = placeOf(command).getByRole(command.role);
    if (command.count > 0) await things.nth(command.count - 1).waitFor();
    await things.nth(command.count).waitFor({ state: 'detached' });
    return { texts: await things.allInnerTexts() };
  },

  async look(command) {
    const page = pageOf(command);
    await rest(page);
    pictures += 1;
    const name = `${String(pictures).padStart(2, '0')}-${command.name}`;
    const wrong = [];
    await page.evaluate(axe);
    // A screen that becomes narrow, or as tall as its page, is arranged anew, and a dialog in it is gone.
    const hasDialog = (await page.getByRole('dialog').count()) > 0;
    for (const [scheme, size, suffix] of [
      ['light', WIDE, 'light'],
      ['dark', WIDE, 'dark'],
      ['light', PHONE, 'phone'],
    ]) {
      if (hasDialog && size === PHONE) continue;
      await page.setViewportSize(size);
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
      await page.waitForFunction((wanted) => {
        const shown = document.documentElement.getAttribute('data-mantine-color-scheme');
        return shown === null || shown === wanted;
      }, scheme);
      await rest(page);
      await page.evaluate(stillness);
      const found = await page.evaluate(async () => {
        const outcome = await globalThis.axe.run(document, { resultTypes: ['violations'], iframes: false });
        return outcome.violations.map(({ id, help, nodes }) => ({
          rule: id,
          help,
          places: nodes.map((node) => `${node.target.join(' ')}: ${node.failureSummary}`),
        }));
      });
      wrong.push(...found.map((violation) => ({ ...violation, seen: suffix })));
      if (size === PHONE) {
        const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        if (over > 1) wrong.push({ rule: 'no sideways scrolling', seen: suffix, over });
      }
      await page.screenshot({ path: join(settings.pictures, `${name}-${suffix}.png`), fullPage: !hasDialog });
    }
    await page.setViewportSize(WIDE);
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    return { wrong };
  },
};

/** What the page complained about since it was asked last. */
function complaints(who) {
  return (seats.get(who)?.faults ?? []).splice(0);
}

async function answer(line) {
  const command = JSON.parse(line);
  try {
    const said = (await commands[command.do](command)) ?? {};
    const faults = complaints(command.who);
    return faults.length === 0 ? said : { fault: `the page complains: ${faults.join('; ')}` };
  } catch (error) {
    const page = seats.get(command.who)?.page;
    const shown = page === undefined ? '' : await page.locator('body').innerText({ timeout: 5_000 }).catch(() => '(unreadable)');
    if (page !== undefined) {
      await page.screenshot({ path: join(settings.pictures, 'failed.png') }).catch(() => undefined);
    }
    const said = complaints(command.who).join('; ');
    return { fault: `${error.message}\n${said}\nat ${page?.url()}:\n${shown}` };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() !== '') process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
}
await browser?.close();
