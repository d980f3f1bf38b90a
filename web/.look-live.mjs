import { chromium } from 'playwright-core';

const [, , url, user, password, out, ...paths] = process.argv;
const scheme = process.env.SCHEME || 'light',
  width = +(process.env.WIDTH || 1440),
  height = +(process.env.HEIGHT || 900);
const b = await chromium.launch({
  executablePath: '/usr/bin/chromium',
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
const c = await b.newContext({ colorScheme: scheme, viewport: { width, height } });
const p = await c.newPage();
p.on('console', (m) => {
  if (['error', 'warning'].includes(m.type())) console.log('console', m.type(), m.text().slice(0, 300));
});
p.on('pageerror', (e) => console.log('pageerror', e.message.slice(0, 300)));
p.on('response', (r) => {
  if (r.status() >= 400) console.log('http', r.status(), r.url());
});
await p.goto(url + '/login');
if (process.env.SHOTLOGIN) await p.screenshot({ path: `${out}/login.png` });
await p.fill('#email', user);
await p.fill('#password', password);
await Promise.all([p.waitForURL((u) => !u.pathname.startsWith('/login')), p.click('button[type=submit]')]);
for (const path of paths) {
  await p.goto(url + path);
  await p.waitForTimeout(1800);
  await p.screenshot({
    path: `${out}/${scheme}-${width}${path.replaceAll('/', '_')}.png`,
    fullPage: !!process.env.FULL,
  });
  console.log('shot', path, await p.title());
}
await b.close();
