import { Button } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { rows, useDeliveries, useMay } from '../../api/queries';
import type { IncidentView, Notice } from '../../api/types';
import { useBeginNotice } from '../../api/writes';
import { DeliveryTable } from '../../components/DeliveryTable';
import { ActorName, Ago } from '../../components/marks';
import { Panel } from '../../components/Page';
import { Empty, Loaded, More, Refused } from '../../components/States';
import { count, NOTICE_STATE_NAMES } from '../../words/labels';

/** What was and will be told, and the proof of each message. */
export function Comms({ view }: { view: IncidentView }) {
  const deliveries = useDeliveries(view.incident.id);
  const sum = view.deliveries_summary;
  return (
    <div className="stack">
      <Notices view={view} />
      <Panel
        title="Deliveries"
        side={
          <span className="small dim num">
            {sum.queued + sum.claimed} queued · {sum.accepted} accepted ·{' '}
            <span className={sum.refused > 0 ? 'bad' : ''}>{sum.refused} refused</span>
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
  const navigate = useNavigate();
  const full = view.notices.some((notice) => notice.kind === 'full' && notice.state !== 'sent');
  const confirmed = view.incident.disclosure.state === 'confirmed';
  return (
    <Panel
      title="Notices"
      side={
        may &&
        confirmed &&
        !full && (
          <Button
            variant="filled"
            loading={begin.isPending}
            onClick={() =>
              begin.mutate(view.incident.id, {
                onSuccess: (made) => void navigate({ to: '/notices/$id', params: { id: made.notice.id } }),
              })
            }
          >
            Start the full notice
          </Button>
        )
      }
      bare
    >
      <Refused fault={begin.error} />
      {view.notices.length === 0 && (
        <p className="line-item dim">
          {confirmed
            ? 'No notice yet. Start the full notice: the letters are rendered for each customer while you write.'
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

function NoticeRow({ notice }: { notice: Notice }) {
  return (
    <li className="line-item row apart">
      <div>
        <Link to="/notices/$id" params={{ id: notice.id }}>
          {notice.kind === 'holding' ? 'Holding notice' : 'Full notice'}
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
