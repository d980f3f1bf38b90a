import { Button } from '@mantine/core';
import { useState } from 'react';
import { useMay } from '../../api/queries';
import type { NoticeView } from '../../api/types';
import { useNoticeWrite } from '../../api/writes';
import { FormDialog, ReasonDialog, TypedWord } from '../../components/dialogs';
import { count } from '../../words/labels';

const WORD = 'APPROVE';

/** The second pair of eyes: approve what was read, to the byte, or return it. */
export function Approval({ view }: { view: NoticeView }) {
  const mayApprove = useMay('approve_notices');
  if (view.notice.state !== 'submitted') return null;
  if (!view.may.approve && !view.may.return) {
    return (
      <p className="notice-bar warn">
        {mayApprove
          ? 'You wrote or submitted this notice, so a second person must approve it.'
          : 'Waits for somebody who may approve notices. They have been paged.'}
      </p>
    );
  }
  return <Decide view={view} />;
}

function Decide({ view }: { view: NoticeView }) {
  const write = useNoticeWrite(view.notice.id);
  const [deciding, setDeciding] = useState<'approve' | 'return' | null>(null);
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
      </p>
      <div className="row">
        {view.may.return && <Button onClick={() => setDeciding('return')}>Return with a reason</Button>}
        {view.may.approve && (
          <Button variant="filled" color="danger" onClick={() => setDeciding('approve')}>
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
        ready={typed.trim() === WORD}
        onDo={() =>
          write.mutate(
            { path: '/approve', body: { content_hash: notice.content_hash }, version: notice.version },
            { onSuccess: close },
          )
        }
      >
        <p>
          {count(recipients, 'message')} to {count(view.letters.length, 'customer')}. What has been sent
          cannot be taken back.
        </p>
        <p className="small dim wrap">
          Content hash <code>{notice.content_hash}</code>. If one byte has changed since you read it, nothing
          is sent.
        </p>
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
