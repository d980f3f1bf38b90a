import { Button, Radio } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { incidentPath, rows, useDeliveries, useMay } from '../../api/queries';
import type { IncidentView, Notice } from '../../api/types';
import { useBeginNotice } from '../../api/writes';
import { DeliveryTable } from '../../components/DeliveryTable';
import { FormDialog } from '../../components/dialogs';
import { ActorName, Ago } from '../../components/marks';
import { Panel } from '../../components/Page';
import { Empty, Loaded, More } from '../../components/States';
import { count, NOTICE_NAMES, NOTICE_PURPOSES, NOTICE_STATE_NAMES } from '../../words/labels';
import { Receipts } from './Receipts';

/** What was and will be told, and the proof of each message. */
export function Comms({ view }: { view: IncidentView }) {
  const deliveries = useDeliveries(view.incident.id);
  const sum = view.deliveries_summary;
  return (
    <div className="stack">
      <Notices view={view} />
      <Receipts
        of={incidentPath(view.incident.id)}
        sent={view.notices.some((notice) => notice.state === 'sent')}
      />
      <Panel
        title="Deliveries"
        side={
          <span className="small dim">
            {sum.queued + sum.claimed} queued · {sum.accepted} accepted ·{' '}
            <span className={sum.refused > 0 ? 'bad' : ''}>{sum.refused} refused</span> ·{' '}
            <span className={sum.bounced > 0 ? 'bad' : ''}>{sum.bounced} bounced</span>
          </span>
        }
        bare
      >
        <Loaded query={{ ...deliveries, data: rows(deliveries.data) }} what="deliveries">
          {(list) =>
            list.length === 0 ? (
              <Empty title="No message has been written yet">
                Pages and letters appear here with the mail server’s answer.
              </Empty>
            ) : (
              <DeliveryTable list={list} />
            )
          }
        </Loaded>
        <More query={deliveries} />
      </Panel>
    </div>
  );
}

function Notices({ view }: { view: IncidentView }) {
  const may = useMay('draft_notices');
  const begin = useBeginNotice();
  const [choosing, setChoosing] = useState(false);
  const { disclosure } = view.incident;
  const confirmed = disclosure.state === 'confirmed';
  const reversed = disclosure.state === 'rejected' && disclosure.reversed !== undefined;
  return (
    <Panel
      title="Notices"
      side={
        may &&
        (confirmed || reversed) && (
          <Button variant="filled" onClick={() => setChoosing(true)}>
            Write a notice
          </Button>
        )
      }
      bare
    >
      <ChooseKind view={view} opened={choosing} onClose={() => setChoosing(false)} begin={begin} />
      {view.notices.length === 0 && (
        <p className="line-item dim">
          {confirmed
            ? 'No notice yet. Write the full notice: the letters are rendered for each customer while you write.'
            : 'Notices begin when a disclosure is confirmed.'}
        </p>
      )}
      <ul className="plain-list lines">
        {view.notices.map((notice) => (
          <NoticeRow key={notice.id} notice={notice} />
        ))}
      </ul>
    </Panel>
  );
}

/** Which kind: each says whom it goes to. */
function ChooseKind({
  view,
  opened,
  onClose,
  begin,
}: {
  view: IncidentView;
  opened: boolean;
  onClose: () => void;
  begin: ReturnType<typeof useBeginNotice>;
}) {
  const navigate = useNavigate();
  const told = view.notices.some((notice) => notice.state === 'sent' && notice.kind !== 'holding');
  const [kind, setKind] = useState<keyof typeof NOTICE_PURPOSES>(told ? 'follow_up' : 'full');
  return (
    <FormDialog
      title="Write a notice"
      opened={opened}
      onClose={onClose}
      doLabel="Begin"
      pending={begin.isPending}
      fault={begin.error}
      onDo={() =>
        begin.mutate(
          { incident: view.incident.id, kind },
          {
            onSuccess: (made) => void navigate({ to: '/notices/$id', params: { id: made.notice.id } }),
          },
        )
      }
    >
      <Radio.Group label="Kind" value={kind} onChange={(value) => setKind(value as typeof kind)}>
        <div className="stack">
          {(Object.keys(NOTICE_PURPOSES) as (typeof kind)[]).map((each) => (
            <Radio key={each} value={each} label={NOTICE_NAMES[each]} description={NOTICE_PURPOSES[each]} />
          ))}
        </div>
      </Radio.Group>
    </FormDialog>
  );
}

function NoticeRow({ notice }: { notice: Notice }) {
  return (
    <li className="line-item row apart">
      <div>
        <Link to="/notices/$id" params={{ id: notice.id }}>
          {NOTICE_NAMES[notice.kind]}
        </Link>{' '}
        <span className={notice.state === 'sent' ? 'tag fine' : 'tag'}>
          {NOTICE_STATE_NAMES[notice.state]}
        </span>
        <div className="small dim">
          {count(notice.letters, 'letter')} · begun by <ActorName actor={notice.author} />{' '}
          <Ago at={notice.created_at} />
        </div>
      </div>
      {notice.state === 'returned' && <span className="small soon">returned: {notice.why}</span>}
    </li>
  );
}
