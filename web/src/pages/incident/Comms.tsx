import { Button, NativeSelect, Radio, TextInput } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { incidentPath, rows, useDeliveries, useMay } from '../../api/queries';
import type { DeliveryView, HoldingGone, IncidentView, Notice } from '../../api/types';
import { useBeginNotice } from '../../api/writes';
import { DeliveryTable } from '../../components/DeliveryTable';
import { FormDialog } from '../../components/dialogs';
import { ActorName, Ago } from '../../components/marks';
import { Panel } from '../../components/Page';
import { Empty, Loaded, More } from '../../components/States';
import { count, NOTICE_NAMES, NOTICE_PURPOSES, NOTICE_STATE_NAMES } from '../../words/labels';
import { HoldingWent } from '../breach/FullNotices';
import { Receipts } from './Receipts';

/** What was and will be told, and the proof of each message. */
export function Comms({ view }: { view: IncidentView }) {
  const deliveries = useDeliveries(view.incident.id);
  return (
    <div className="stack">
      <Notices view={view} />
      <Receipts
        of={incidentPath(view.incident.id)}
        sent={view.notices.some((notice) => notice.state === 'sent')}
      />
      <Loaded query={{ ...deliveries, data: rows(deliveries.data) }} what="deliveries">
        {(list) => <Deliveries list={list} />}
      </Loaded>
      <More query={deliveries} />
    </div>
  );
}

/** Letters to customers first; what we page each other is folded, since it tells no customer anything. */
function Deliveries({ list }: { list: readonly DeliveryView[] }) {
  const [only, setOnly] = useState<Shown>('all');
  const [find, setFind] = useState('');
  const wanted = find.trim().toLowerCase();
  const shown = list.filter(
    (each) =>
      (only === 'all' || SHOWN[only].is(each)) &&
      (wanted === '' ||
        each.recipient.toLowerCase().includes(wanted) ||
        (each.customer_name ?? '').toLowerCase().includes(wanted)),
  );
  const letters = shown.filter(isLetter);
  const pages = shown.filter((each) => !isLetter(each));
  return (
    <>
      <search className="filters" aria-label="Filter deliveries">
        <NativeSelect
          size="xs"
          aria-label="State of messages"
          value={only}
          onChange={(event) => setOnly(event.currentTarget.value as Shown)}
          data={Object.entries(SHOWN).map(([value, { name }]) => ({ value, label: name }))}
        />
        <TextInput
          size="xs"
          aria-label="Customer or address"
          placeholder="Customer or address"
          value={find}
          onChange={(event) => setFind(event.currentTarget.value)}
        />
      </search>
      <Panel title="Letters to customers" side={<Sum list={letters} />} bare>
        {letters.length === 0 ? (
          <Empty title={list.some(isLetter) ? 'No letter matches' : 'No letter has been sent yet'}>
            Each letter appears here with what can be proved of it.
          </Empty>
        ) : (
          <DeliveryTable list={letters} />
        )}
      </Panel>
      {pages.length > 0 && (
        <details className="panel">
          <summary className="line-item">
            Pages to our own people <Sum list={pages} />
          </summary>
          <DeliveryTable list={pages} />
        </details>
      )}
    </>
  );
}

type Shown = 'all' | 'open' | 'submitted' | 'failed';

const SHOWN: Record<Shown, { name: string; is: (each: DeliveryView) => boolean }> = {
  all: { name: 'All messages', is: () => true },
  open: { name: 'Queued', is: (each) => each.state === 'queued' || each.state === 'claimed' },
  submitted: { name: 'Submitted', is: (each) => each.state === 'accepted' },
  failed: { name: 'Refused or bounced', is: (each) => each.state === 'refused' || each.state === 'bounced' },
};

const isLetter = (each: DeliveryView) => each.about.kind === 'letter';

/** How many stand where, in the words of the proof. */
function Sum({ list }: { list: readonly DeliveryView[] }) {
  const of = (...states: DeliveryView['state'][]) =>
    list.filter((each) => states.includes(each.state)).length;
  const remote = list.filter((each) => each.remote_accepted !== undefined).length;
  const [refused, bounced] = [of('refused'), of('bounced')];
  return (
    <span className="small dim">
      {of('queued', 'claimed')} queued · {of('accepted')} submitted
      {remote > 0 && ` · ${remote} remote accepted`} ·{' '}
      <span className={refused > 0 ? 'bad' : ''}>{refused} refused</span> ·{' '}
      <span className={bounced > 0 ? 'bad' : ''}>{bounced} bounced</span>
    </span>
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
          <NoticeRow key={notice.id} notice={notice} gone={view.holding_gone[notice.id]} />
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

function NoticeRow({ notice, gone }: { notice: Notice; gone: HoldingGone | undefined }) {
  return (
    <li className="line-item row apart">
      <div>
        <Link to="/notices/$id" params={{ id: notice.id }}>
          {NOTICE_NAMES[notice.kind]}
        </Link>{' '}
        {gone === undefined ? (
          <span className={notice.state === 'sent' ? 'tag fine' : 'tag'}>
            {NOTICE_STATE_NAMES[notice.state]}
          </span>
        ) : (
          <HoldingWent gone={gone} />
        )}
        <div className="small dim">
          {count(notice.letters, 'letter')} · begun by <ActorName actor={notice.author} />{' '}
          <Ago at={notice.created_at} />
        </div>
      </div>
      {notice.state === 'returned' && <span className="small soon">returned: {notice.why}</span>}
    </li>
  );
}
