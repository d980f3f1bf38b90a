import { Button } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { rows, useMay, useNoticeDeliveries } from '../../api/queries';
import type { IncidentNoticeKind, NoticeView } from '../../api/types';
import { useBeginNotice } from '../../api/writes';
import { DeliveryTable } from '../../components/DeliveryTable';
import { Panel } from '../../components/Page';
import { Empty, Loaded, More, Refused } from '../../components/States';

/** What continues a notice that was sent, with what it is for. */
const CONTINUES: { kind: Exclude<IncidentNoticeKind, 'holding' | 'full'>; label: string; what: string }[] = [
  { kind: 'follow_up', label: 'Write a follow-up', what: 'something new' },
  { kind: 'correction', label: 'Correct it', what: 'something in it was wrong' },
  { kind: 'withdrawn', label: 'Withdraw it', what: 'to customers who were told and then cleared' },
];

/** A notice that was sent: who has it, by which proof, and what can follow. */
export function Sent({ view }: { view: NoticeView }) {
  const { incident } = view.notice;
  return (
    <>
      {incident !== undefined && view.notice.kind !== 'withdrawn' && <Continue incident={incident} />}
      <Recipients view={view} />
    </>
  );
}

function Continue({ incident }: { incident: string }) {
  const may = useMay('draft_notices');
  const begin = useBeginNotice();
  const navigate = useNavigate();
  if (!may) return null;
  return (
    <section className="panel" aria-label="What can follow">
      <div className="panel-body stack">
        <p>What was sent stays as it is. Something new, or wrong, is said in a notice of its own:</p>
        <div className="row">
          {CONTINUES.map(({ kind, label, what }) => (
            <Button
              key={kind}
              title={what}
              loading={begin.isPending && begin.variables.kind === kind}
              onClick={() =>
                begin.mutate(
                  { incident, kind },
                  {
                    onSuccess: (made) =>
                      void navigate({ to: '/notices/$id', params: { id: made.notice.id } }),
                  },
                )
              }
            >
              {label}
            </Button>
          ))}
        </div>
        <Refused fault={begin.error} />
      </div>
    </section>
  );
}

function Recipients({ view }: { view: NoticeView }) {
  const deliveries = useNoticeDeliveries(view.notice.id);
  const { incident, change } = view.notice;
  return (
    <Panel
      title="Recipients"
      side={
        incident !== undefined ? (
          <Link to="/incidents/$id" params={{ id: incident }} search={{ tab: 'comms' }} className="small">
            who opened and acknowledged it: {view.reference}
          </Link>
        ) : (
          <Link to="/changes/$id" params={{ id: change ?? '' }} className="small">
            who opened and acknowledged it: {view.reference}
          </Link>
        )
      }
      bare
    >
      <Loaded query={{ ...deliveries, data: rows(deliveries.data) }} what="the recipients">
        {(list) =>
          list.length === 0 ? (
            <Empty title="No message was written">Nobody had an address that it could go to.</Empty>
          ) : (
            <DeliveryTable list={list} />
          )
        }
      </Loaded>
      <More query={deliveries} />
    </Panel>
  );
}
