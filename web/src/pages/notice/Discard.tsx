import { Button } from '@mantine/core';
import { useState } from 'react';
import type { NoticeView } from '../../api/types';
import { useNoticeWrite } from '../../api/writes';
import { ReasonDialog } from '../../components/dialogs';

/** Gives up what is being written. */
export function Discard({ view: { notice } }: { view: NoticeView }) {
  const write = useNoticeWrite(notice.id);
  const [asking, setAsking] = useState(false);
  const close = () => {
    setAsking(false);
    write.reset();
  };
  return (
    <>
      <Button onClick={() => setAsking(true)}>Discard</Button>
      <ReasonDialog
        title="Discard the notice"
        opened={asking}
        onClose={close}
        doLabel="Discard notice"
        danger
        pending={write.isPending}
        fault={write.error}
        intro={
          <p>It stays in the record as it is, and goes to nobody. What is owed to customers stays owed.</p>
        }
        onDo={(why) =>
          write.mutate({ path: '/discard', body: { why }, version: notice.version }, { onSuccess: close })
        }
      />
    </>
  );
}
