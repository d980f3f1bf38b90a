import { Button } from '@mantine/core';
import { useState } from 'react';
import { useMay } from '../../api/queries';
import type { NoticeView } from '../../api/types';
import { useNoticeWrite } from '../../api/writes';
import { FormDialog, ReasonDialog, TypedWord } from '../../components/dialogs';
import { ActorName, At } from '../../components/marks';
import { count } from '../../words/labels';

const WORD = 'APPROVE';

/** The second pair of eyes: approve what was read, to the byte, or return it. */
export function Approval({ view }: { view: NoticeView }) {
  const mayApprove = useMay('approve_notices');
  if (view.notice.state !== 'submitted') return null;
  if (!view.may.approve && !view.may.return) {
    return (
      <>
        <Followed view={view} />
        <Waits mayApprove={mayApprove} />
      </>
    );
  }
  return (
    <>
      <Followed view={view} />
      <Decide view={view} />
    </>
  );
}

function Waits({ mayApprove }: { mayApprove: boolean }) {
  return (
    <p className="notice-bar warn">
      {mayApprove
        ? 'You wrote or submitted this notice, or changed a customer of it since, so another person must approve it.'
        : 'Waits for somebody who may approve notices. They have been paged.'}
    </p>
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
            <ActorName actor={by} /> changed the customer <At at={at} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Decide({ view }: { view: NoticeView }) {
  const write = useNoticeWrite(view.notice.id);
  const [deciding, setDeciding] = useState<'approve' | 'return' | null>(null);
  // What stood there when the dialog was opened is what was read: what comes in meanwhile is refused by the server.
  const [read, setRead] = useState(view.notice.content_hash);
  const [typed, setTyped] = useState('');
  const recipients = view.letters.reduce((sum, letter) => sum + letter.recipients.length, 0);
  const { notice } = view;
  const close = () => {
    setDeciding(null);
    setTyped('');
    write.reset();
  };
  return (
    <section className="notice-bar warn row apart" aria-label="Approval">
      <p>
        Read the letters below. Approving sends them at once to {count(recipients, 'recipient')} of{' '}
        {count(view.letters.length, 'customer')}.
        {!view.may.approve && ' You had a hand in it, so another person must approve it; you can return it.'}
      </p>
      <div className="row">
        {view.may.return && <Button onClick={() => setDeciding('return')}>Return with a reason</Button>}
        {view.may.approve && (
          <Button
            variant="filled"
            color="danger"
            onClick={() => {
              setRead(notice.content_hash);
              setDeciding('approve');
            }}
          >
            Approve and send
          </Button>
        )}
      </div>
      <FormDialog
        title="Approve and send"
        opened={deciding === 'approve'}
        onClose={close}
        doLabel="Approve and send"
        danger
        pending={write.isPending}
        fault={write.error}
        ready={typed.trim() === WORD && read === notice.content_hash}
        onDo={() =>
          write.mutate(
            { path: '/approve', body: { content_hash: read }, version: notice.version },
            { onSuccess: close },
          )
        }
      >
        <p>
          {count(recipients, 'message')} to {count(view.letters.length, 'customer')}. What has been sent
          cannot be taken back.
        </p>
        <p className="small dim wrap">
          Content hash <code>{read}</code>. If one byte has changed since you read it, nothing is sent.
        </p>
        {read !== notice.content_hash && (
          <p className="bad">The letters have just changed. Close this, and read them again.</p>
        )}
        <TypedWord word={WORD} value={typed} onChange={setTyped} />
      </FormDialog>
      <ReasonDialog
        title="Return the notice"
        opened={deciding === 'return'}
        onClose={close}
        doLabel="Return notice"
        label="What must change"
        pending={write.isPending}
        fault={write.error}
        onDo={(why) =>
          write.mutate({ path: '/return', body: { why }, version: notice.version }, { onSuccess: close })
        }
      />
    </section>
  );
}
