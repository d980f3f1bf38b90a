// What the console does with keys, dialogs and refusals: a sentence, what the server answers differently, and the story.
import assert from 'node:assert/strict';
import { customers, incidentViews, letters, noticeViews } from './fixtures/world.mjs';

const button = (page, name) => page.getByRole('button', { name, exact: true }).first();
const open = async (page, stage, path) => {
  await page.goto(stage.origin + path);
  await page.getByText('live', { exact: true }).first().waitFor();
};
/** The one write whose path ends so. */
const written = (stage, end) => {
  const found = stage.writes.filter((each) => each.path.endsWith(end));
  assert.equal(found.length, 1, `expected one write to …${end}, there were ${found.length}`);
  return { ...found[0], body: JSON.parse(found[0].body) };
};
const changed = (view, change) => ({
  ...view,
  incident: { ...view.incident, version: view.incident.version + 1, ...change },
});
const conflict = {
  type: 'urn:watchkeeper:problem:conflict',
  title: 'Changed',
  status: 409,
  detail: 'the incident is at version 38, you changed version 37',
};

const ANEW = 'c'.repeat(64);
/** The author changes the notice and submits it again while somebody reads it. */
const resubmitted = (stage) => {
  const { ntc_2 } = noticeViews;
  const hash = 'd'.repeat(64);
  const [first, ...others] = ntc_2.letters;
  const notice = { ...ntc_2.notice, version: 7, content_hash: ANEW };
  const body = { ...ntc_2, notice, letters: [{ ...first, hash }, ...others] };
  stage.overrides['/notices/ntc_2'] = { status: 200, body };
  const letter = { ...letters[0], text: 'What the author wrote since', hash };
  stage.overrides[`/letters/${first.id}`] = { status: 200, body: letter };
  stage.change('ntc_2');
};

export const behaviours = [
  [
    'g and b lead to the breach desk, j and Enter open the first row',
    {},
    async (page, stage) => {
      await open(page, stage, '/incidents');
      await page.getByRole('link', { name: 'Credential stuffing against sign-in' }).waitFor();
      await page.keyboard.press('j');
      await page.keyboard.press('j');
      await page.keyboard.press('Enter');
      await page.waitForURL('**/incidents/inc_2');
      await page.keyboard.press('g');
      await page.keyboard.press('b');
      await page.waitForURL('**/breach');
    },
  ],
  [
    'single keys do nothing once they are switched off, and while typing',
    {},
    async (page, stage) => {
      await open(page, stage, '/settings');
      await page.getByRole('switch', { name: 'Single keys act' }).click({ force: true });
      await page.locator('h1').click();
      await page.keyboard.press('c');
      await page.keyboard.press('g');
      await page.keyboard.press('b');
      assert.equal(await page.getByRole('dialog').count(), 0);
      assert.ok(page.url().endsWith('/settings'));
      await page.keyboard.press('Control+k');
      await page.getByRole('dialog').waitFor();
    },
  ],
  [
    'a disclosure is confirmed only after its reference was typed',
    {},
    async (page, stage) => {
      await open(page, stage, '/incidents/inc_2');
      await button(page, 'Confirm disclosure').click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Why').fill('four accounts were read');
      const confirm = dialog.getByRole('button', { name: 'Confirm disclosure' });
      await dialog.getByLabel('Type INC-0041 to confirm').fill('INC-0042');
      assert.equal(await confirm.isDisabled(), true);
      await dialog.getByLabel('Type INC-0041 to confirm').fill('INC-0041');
      await dialog.getByLabel('Confirmed at (UTC)').fill('2026-01-02T03:04:05');
      await confirm.click();
      await dialog.waitFor({ state: 'detached' });
      const write = written(stage, '/disclosure/confirm');
      assert.deepEqual(write.body, {
        why: 'four accounts were read',
        confirmed_at: '2026-01-02T03:04:05.000Z',
      });
      assert.equal(write.version, `"${incidentViews.inc_2.incident.version}"`);
      assert.equal(write.csrf, 'csrf-of-the-fixture');
    },
  ],
  [
    'an incident is not closed while a customer is still to be told; each thing that is open leads to where it is done',
    {},
    async (page, stage) => {
      await open(page, stage, '/incidents/inc_1');
      await button(page, 'Closed').click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('2 customers are still to be told').waitFor();
      assert.equal(await dialog.getByRole('button', { name: 'Close incident' }).isDisabled(), true);
      await dialog.getByRole('button', { name: 'Show Roles' }).click();
      await dialog.waitFor({ state: 'detached' });
      await page.waitForFunction(() => document.activeElement?.id === 'roles');
    },
  ],
  [
    'what is left open when an incident is closed needs a reason',
    {
      'POST /incidents/inc_2/phase': {
        status: 200,
        body: changed(incidentViews.inc_2, { phase: 'closed' }),
      },
      'GET /incidents/inc_2/closing': {
        status: 200,
        body: {
          open: [
            {
              what: 'vacant',
              in_the_way: false,
              text: 'nobody is scribe, which is required',
              role: 'scribe',
            },
          ],
          customers: {},
        },
      },
    },
    async (page, stage) => {
      await open(page, stage, '/incidents/inc_2');
      await button(page, 'Closed').click();
      const dialog = page.getByRole('dialog');
      const close = dialog.getByRole('button', { name: 'Close incident' });
      await dialog.getByLabel('Type INC-0041 to confirm').fill('INC-0041');
      assert.equal(await close.isDisabled(), true);
      await dialog.getByLabel('Why it is closed with this open').fill('it was written down elsewhere');
      await close.click();
      await dialog.waitFor({ state: 'detached' });
      assert.deepEqual(written(stage, '/phase').body, {
        phase: 'closed',
        why: 'it was written down elsewhere',
      });
    },
  ],
  [
    'Escape gives the focus back to the button that opened a dialog',
    {},
    async (page, stage) => {
      await open(page, stage, '/incidents/inc_1');
      for (const name of ['Add a list', 'Legal hold…']) {
        await button(page, name).focus();
        await page.keyboard.press('Enter');
        const dialog = page.getByRole('dialog');
        await dialog.waitFor();
        await page.keyboard.press('Escape');
        await dialog.waitFor({ state: 'detached' });
        await page.waitForFunction((wanted) => document.activeElement?.textContent === wanted, name);
      }
    },
  ],
  [
    'a task to call a customer leads to what is written down of it, with the way and the contact filled in',
    { 'POST /obligations/obl_2/told-by-hand': { status: 200, body: {} } },
    async (page, stage) => {
      await open(page, stage, '/incidents/inc_1');
      await button(page, 'Acme Logistics was told by hand').click();
      const dialog = page.getByRole('dialog');
      assert.equal(await dialog.getByLabel('How', { exact: true }).inputValue(), 'phone');
      assert.equal(
        await dialog.getByRole('combobox', { name: 'Whom' }).inputValue(),
        'Security desk, security@acme.example',
      );
      await dialog.getByLabel('What was said or sent').fill('Read the holding notice to them.');
      await dialog.getByLabel('What shows it').fill('Recording 12');
      await dialog.getByRole('button', { name: 'Write it down' }).click();
      await dialog.waitFor({ state: 'detached' });
      const { body } = written(stage, '/obligations/obl_2/told-by-hand');
      assert.deepEqual([body.channel, body.to], ['phone', 'Security desk, security@acme.example']);
    },
  ],
  [
    'what was erased of a contact is said though the contact is gone from the list',
    {
      'POST /customers/cus_1/contacts/erase': {
        status: 200,
        body: { messages: 2, letters: 1, entries: 1, others: 0 },
      },
    },
    async (page, stage) => {
      await open(page, stage, '/customers/cus_1');
      const [contact, ...others] = customers[0].contacts;
      await button(page, `Erase ${contact.email}`).click();
      const dialog = page.getByRole('dialog');
      const erase = dialog.getByRole('button', { name: 'Erase for good' });
      await dialog.getByLabel('Where the request is on file').fill('REQ-17');
      assert.equal(await erase.isDisabled(), true);
      await dialog.getByLabel(`Type ${contact.email} to confirm`).fill(contact.email);
      await page.route('**/api/v1/customers/cus_1', async (route) => {
        const detail = await (await route.fetch()).json();
        await route.fulfill({ json: { ...detail, customer: { ...detail.customer, contacts: others } } });
      });
      await erase.click();
      await page.getByRole('button', { name: `Erase ${contact.email}` }).waitFor({ state: 'detached' });
      await dialog.getByText('From 2 messages, 1 letter, 1 timeline entry and 0 other records').waitFor();
      assert.deepEqual(written(stage, '/contacts/erase').body, {
        email: contact.email,
        ground: 'asked',
        reference: 'REQ-17',
      });
      await dialog.getByRole('button', { name: 'Done' }).click();
      await dialog.waitFor({ state: 'detached' });
    },
  ],
  [
    'a second commander is told that somebody else was faster',
    { 'POST /incidents/inc_2/roles/commander/assign': { status: 409, body: conflict } },
    async (page, stage) => {
      await open(page, stage, '/incidents/inc_2');
      await button(page, 'Take command').waitFor();
      // From now on the role belongs to somebody else.
      await page.route('**/api/v1/incidents/inc_2', (route) =>
        route.fulfill({
          json: changed(incidentViews.inc_2, {
            posts: {
              commander: {
                holder: { user: 'usr_2', since: '2027-01-01T00:00:00Z' },
                offer: null,
                history: [],
              },
            },
          }),
        }),
      );
      await button(page, 'Take command').click();
      await page.getByText('Changed by somebody else: here is the current state').waitFor();
      await page.getByText('Tom Okafor').first().waitFor();
      assert.equal(stage.writes.length, 1);
    },
  ],
  [
    'an acknowledgement shows at once and is taken back when it is refused',
    {
      'POST /incidents/inc_1/acknowledge': {
        status: 503,
        body: { ...conflict, status: 503, detail: 'the database is locked' },
      },
    },
    async (page, stage) => {
      await open(page, stage, '/incidents/inc_1');
      await button(page, 'Acknowledge').waitFor();
      await page.locator('h1').click();
      await page.keyboard.press('a');
      await page.getByText('the database is locked').waitFor();
      await button(page, 'Acknowledge').waitFor();
    },
  ],
  [
    'a notice is approved by the hash that was on the screen',
    {},
    async (page, stage) => {
      await open(page, stage, '/notices/ntc_2');
      await button(page, 'Approve and send').click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Type APPROVE to confirm').fill('APPROVE');
      await dialog.getByRole('button', { name: 'Approve and send' }).click();
      await dialog.waitFor({ state: 'detached' });
      assert.deepEqual(written(stage, '/approve').body, {
        content_hash: noticeViews.ntc_2.notice.content_hash,
      });
    },
  ],
  [
    'letters that change under the reader are shown as they stand, and approved only when they were read again',
    {},
    async (page, stage) => {
      await open(page, stage, '/notices/ntc_2');
      await page.getByLabel('Letter as text').waitFor();
      resubmitted(stage);
      await page.getByText('Changed since you read it.').first().waitFor();
      await page.getByText(`1 letter changed: ${noticeViews.ntc_2.letters[0].customer_name}`).waitFor();
      await page.getByText('What the author wrote since').waitFor();
      assert.equal(await button(page, 'Approve and send').isDisabled(), true);
      await button(page, 'Read the letters as they stand now').click();
      await button(page, 'Approve and send').click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Type APPROVE to confirm').fill('APPROVE');
      await dialog.getByRole('button', { name: 'Approve and send' }).click();
      await dialog.waitFor({ state: 'detached' });
      assert.deepEqual(written(stage, '/approve').body, { content_hash: ANEW });
    },
  ],
  [
    'a dialog to approve that is open while the letters change keeps to what was read and sends nothing',
    {},
    async (page, stage) => {
      await open(page, stage, '/notices/ntc_2');
      await button(page, 'Approve and send').click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Type APPROVE to confirm').fill('APPROVE');
      resubmitted(stage);
      await dialog.getByText('Changed since you read it. Nothing is sent.').waitFor();
      await dialog.getByText(noticeViews.ntc_2.notice.content_hash).waitFor();
      assert.equal(await dialog.getByRole('button', { name: 'Approve and send' }).isDisabled(), true);
      assert.equal(stage.writes.length, 0);
    },
  ],
  [
    'a dialog to approve does not vanish without a word when the author changes the notice',
    {},
    async (page, stage) => {
      await open(page, stage, '/notices/ntc_2');
      await button(page, 'Approve and send').click();
      await page.getByRole('dialog').getByLabel('Type APPROVE to confirm').fill('APP');
      const { ntc_2 } = noticeViews;
      const edited = { by: { kind: 'person', user: 'usr_2' }, at: new Date().toISOString() };
      const may = { ...ntc_2.may, edit: true, approve: false, return: false };
      const notice = { ...ntc_2.notice, version: 6, state: 'draft', content_hash: ANEW, edited };
      stage.overrides['/notices/ntc_2'] = { status: 200, body: { ...ntc_2, notice, may } };
      stage.change('ntc_2');
      const dialog = page.getByRole('dialog', { name: 'You did not approve it' });
      await dialog.getByText('so it is a draft again. Nothing was sent.').waitFor();
      await dialog.getByRole('button', { name: 'Close' }).last().click();
      await dialog.waitFor({ state: 'detached' });
      assert.equal(
        await page.getByLabel('What happened').count(),
        0,
        'whoever may approve it does not write by a slip',
      );
    },
  ],
  [
    'who cannot approve reads at once why, and who can',
    {},
    async (page, stage) => {
      await open(page, stage, '/notices/ntc_mine');
      await page.getByText('You wrote in this notice, so somebody else must approve it.').waitFor();
      await page.getByText('Waits for Inês Carvalho. Paged when it was submitted.').waitFor();
      await page.getByText('Returned before by').waitFor();
      assert.equal(await button(page, 'Approve and send').count(), 0);
      await open(page, stage, '/notices/ntc_nobody');
      await page
        .getByText('Nobody may approve it: everybody with the role legal had a hand in it.')
        .waitFor();
    },
  ],
  [
    'what changed since it was submitted is shown in every language',
    {},
    async (page, stage) => {
      await open(page, stage, '/notices/ntc_mine');
      const german = page
        .getByRole('region', { name: 'Differences' })
        .getByRole('region', { name: 'German' });
      await german.getByText('gestohlen').waitFor();
      await german.getByText('entwendet').waitFor();
    },
  ],
  [
    'a notice that was sent shows its recipients and begins what follows it',
    {},
    async (page, stage) => {
      await open(page, stage, '/notices/ntc_sent');
      const recipients = page.getByRole('region', { name: 'Recipients' });
      await recipients.getByText('security@norden.example').first().waitFor();
      const sent = page.waitForRequest((request) => request.method() === 'POST');
      await button(page, 'Correct it').click();
      assert.deepEqual(JSON.parse((await sent).postData()), { kind: 'correction' });
    },
  ],
  [
    'a draft is discarded with a reason',
    {},
    async (page, stage) => {
      await open(page, stage, '/notices/ntc_3');
      await button(page, 'Discard').click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Why').fill('begun by mistake');
      await dialog.getByRole('button', { name: 'Discard notice' }).click();
      await dialog.waitFor({ state: 'detached' });
      assert.deepEqual(written(stage, '/discard').body, { why: 'begun by mistake' });
    },
  ],
  [
    'what is written in a notice is saved while writing',
    {},
    async (page, stage) => {
      await open(page, stage, '/notices/ntc_3');
      assert.equal(await button(page, 'Submit for approval').isDisabled(), true);
      await page.getByLabel('Likely consequences').fill('Contents may be known outside');
      await page.getByText('Saved', { exact: true }).waitFor({ state: 'detached' });
      await page.getByText('Saved', { exact: true }).waitFor();
      const write = written(stage, '/notices/ntc_3');
      assert.equal(write.method, 'PUT');
      assert.equal(write.body.facts.likely_consequences, 'Contents may be known outside');
    },
  ],
  [
    'signing out is a form that works without the API',
    {},
    async (page, stage) => {
      await open(page, stage, '/incidents');
      await button(page, 'Menu of Mara Lindqvist').click();
      const left = page.waitForRequest(
        (request) => request.url().endsWith('/logout') && request.method() === 'POST',
      );
      await page.getByRole('menuitem', { name: 'Sign out' }).click();
      assert.equal((await left).postData(), 'csrf=csrf-of-the-fixture');
    },
  ],
];
