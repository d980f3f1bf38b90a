import { Button, Modal } from '@mantine/core';
import { useState } from 'react';
import { useMay } from '../../api/queries';
import type { NoticeView } from '../../api/types';
import { useNoticeWrite } from '../../api/writes';
import { FormDialog, ReasonDialog, TypedWord } from '../../components/dialogs';
import { ActorName, At } from '../../components/marks';
import { count } from '../../words/labels';
import { GIVE_THE_ROLE, HANDS, oneOf } from './approvers';
import { changedSince, type Read, type Reading } from './reading';

const WORD = 'APPROVE';

/** The second pair of eyes: approve what was read, to the byte, or return it. */
export function Approval({ view, reading }: { view: NoticeView; reading: Reading }) {
  const waits = view.notice.state === 'submitted';
  return (
    <>
      {waits && <Followed view={view} />}
      {waits && !view.may.approve && <Waits view={view} />}
      {waits && view.may.approve && reading.read !== null && reading.stale && (
        <Changed view={view} read={reading.read} onReadAgain={reading.readAgain} />
      )}
      <Decide view={view} reading={reading} />
    </>
  );
}

/** Why the reader does not approve it, and who may. */
export function Waits({ view }: { view: NoticeView }) {
  const holdsRole = useMay('approve_notices');
  const { approvers, may } = view;
  const paged = approvers.filter((each) => each.paged);
  return (
    <section className="notice-bar warn" aria-label="Who may approve">
      {may.hand !== null && holdsRole && <p className="strong">{HANDS[may.hand]}</p>}
      {approvers.length === 0 ? (
        <p>Nobody may approve it: everybody with the role legal had a hand in it. {GIVE_THE_ROLE}</p>
      ) : (
        <p>
          Waits for {oneOf(approvers.map((each) => each.name))}.{' '}
          {paged.length === 0
            ? 'Nobody of them was paged.'
            : paged.length === approvers.length
              ? `${paged.length === 1 ? 'Paged' : 'All were paged'} for it.`
              : `${paged.map((each) => each.name).join(', ')} ${paged.length === 1 ? 'was' : 'were'} paged for it.`}
        </p>
      )}
    </section>
  );
}

const PARTS = { recipients: 'whom it goes to', words: 'what it says' };

/** Which letters followed changes of their customers since the notice was submitted: whoever read them before reads them again. */
export function Followed({ view }: { view: NoticeView }) {
  const followed = view.notice.followed ?? [];
  if (followed.length === 0) return null;
  const names = new Map(view.letters.map((letter) => [letter.customer, letter.customer_name]));
  return (
    <section className="notice-bar warn" aria-label="Letters that changed since it was submitted">
      <p className="strong">Letters changed since it was submitted. Read them again before you approve.</p>
      <ul className="plain small">
        {followed.map(({ customer, parts, by, at }) => (
          <li key={`${customer} ${at}`}>
            {names.get(customer) ?? customer}: {parts.map((part) => PARTS[part]).join(' and ')}, after{' '}
            {by.kind === 'worker' ? (
              'an earlier notice reached the customer or came back'
            ) : (
              <>
                <ActorName actor={by} /> changed the customer
              </>
            )}{' '}
            <At at={at} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The letters are not those that were read. */
function Changed({ view, read, onReadAgain }: { view: NoticeView; read: Read; onReadAgain: () => void }) {
  return (
    <section className="notice-bar alarm row apart" aria-label="Changed since you read it" role="alert">
      <div>
        <p className="strong">Changed since you read it. You cannot approve what you have not read.</p>
        <WhatChanged view={view} read={read} />
      </div>
      <Button
        onClick={() => {
          onReadAgain();
          document.getElementById('letters')?.scrollIntoView({ block: 'start' });
        }}
      >
        Read the letters as they stand now
      </Button>
    </section>
  );
}

function WhatChanged({ view, read }: { view: NoticeView; read: Read }) {
  const { changed, fresh, gone } = changedSince(read, view);
  return (
    <ul className="plain small">
      {changed.length > 0 && (
        <li>
          {count(changed.length, 'letter')} changed: {some(changed)}
        </li>
      )}
      {fresh.length > 0 && (
        <li>
          {count(fresh.length, 'letter')} new: {some(fresh)}
        </li>
      )}
      {gone.length > 0 && (
        <li>
          {count(gone.length, 'letter')} no longer there: {some(gone)}
        </li>
      )}
    </ul>
  );
}

const MOST_NAMES = 8;

/** Names, not all of a thousand. */
function some(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  return more > 0 ? `${names.slice(0, MOST_NAMES).join(', ')} and ${more} more` : names.join(', ');
}

function Decide({ view, reading }: { view: NoticeView; reading: Reading }) {
  const write = useNoticeWrite(view.notice.id);
  const [deciding, setDeciding] = useState<'approve' | 'return' | null>(null);
  const [typed, setTyped] = useState('');
  const recipients = view.letters.reduce((sum, letter) => sum + letter.recipients.length, 0);
  const { notice, may } = view;
  const { read, current, stale } = reading;
  const close = () => {
    setDeciding(null);
    setTyped('');
    write.reset();
  };
  const waits = notice.state === 'submitted';
  // A dialog that is open does not vanish when the notice changes under it: it says what happened.
  const overtaken = deciding !== null && !waits && !write.isPending && !write.isSuccess;
  if (!waits && deciding === null) return null;
  return (
    <>
      {waits && (may.approve || may.return) && (
        <section className="notice-bar warn row apart" aria-label="Approval">
          <p>
            {may.approve ? (
              <>
                Read the letters below. Approving sends them at once to {count(recipients, 'recipient')} of{' '}
                {count(view.letters.length, 'customer')}.
              </>
            ) : (
              'You can return it, so that it is changed.'
            )}
          </p>
          <div className="row">
            {may.return && <Button onClick={() => setDeciding('return')}>Return with a reason</Button>}
            {may.approve && (
              <Button
                variant="filled"
                color="danger"
                disabled={!current}
                onClick={() => setDeciding('approve')}
              >
                Approve and send
              </Button>
            )}
          </div>
        </section>
      )}
      <FormDialog
        title="Approve and send"
        opened={deciding === 'approve' && !overtaken}
        onClose={close}
        doLabel="Approve and send"
        danger
        pending={write.isPending}
        fault={write.error}
        ready={typed.trim() === WORD && current}
        onDo={() => {
          if (read === null) return;
          write.mutate(
            { path: '/approve', body: { content_hash: read.hash }, version: notice.version },
            { onSuccess: close },
          );
        }}
      >
        <p>
          {count(recipients, 'message')} to {count(view.letters.length, 'customer')}. What has been sent
          cannot be taken back.
        </p>
        {read !== null && (
          <p className="small dim wrap">
            Content hash of what you read <code>{read.hash}</code>. If one byte has changed since, nothing is
            sent.
          </p>
        )}
        {read !== null && stale && (
          <div className="notice-bar alarm" role="alert">
            <p className="strong">Changed since you read it. Nothing is sent.</p>
            <WhatChanged view={view} read={read} />
            <p>Cancel, read the letters as they stand now, and then approve.</p>
          </div>
        )}
        <TypedWord word={WORD} value={typed} onChange={setTyped} />
      </FormDialog>
      <ReasonDialog
        title="Return the notice"
        opened={deciding === 'return' && !overtaken}
        onClose={close}
        doLabel="Return notice"
        label="What must change"
        pending={write.isPending}
        fault={write.error}
        onDo={(why) =>
          write.mutate({ path: '/return', body: { why }, version: notice.version }, { onSuccess: close })
        }
      />
      <Modal
        opened={overtaken}
        onClose={close}
        title={deciding === 'approve' ? 'You did not approve it' : 'You did not return it'}
      >
        <div className="stack">
          <Overtaken view={view} />
          <div className="row" style={{ justifyContent: 'flex-end' }}>
            <Button onClick={close}>Close</Button>
          </div>
        </div>
      </Modal>
    </>
  );
}

/** What happened to a notice while somebody was about to decide on it. */
export function Overtaken({ view: { notice } }: { view: NoticeView }) {
  if (notice.state === 'sent') {
    return (
      <p>
        <ActorName actor={notice.approved_by} /> approved it meanwhile, and it was sent <At at={notice.at} />.
      </p>
    );
  }
  if (notice.state === 'returned') {
    return (
      <p>
        <ActorName actor={notice.by} /> returned it meanwhile: {notice.why}
      </p>
    );
  }
  return (
    <p>
      {notice.edited === undefined ? (
        'It changed meanwhile'
      ) : (
        <>
          <ActorName actor={notice.edited.by} /> changed it <At at={notice.edited.at} />
        </>
      )}
      , so it is a draft again. Nothing was sent. Read it again when it is submitted.
    </p>
  );
}
