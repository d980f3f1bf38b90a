import { Button } from '@mantine/core';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { changePath, rows, useChange, useTimeline } from '../../api/queries';
import type { ChangeView } from '../../api/types';
import { useBeginChangeNotice, useChangeWrite } from '../../api/writes';
import { ReasonDialog } from '../../components/dialogs';
import { At } from '../../components/marks';
import { Page, Panel } from '../../components/Page';
import { Loaded, More, Refused } from '../../components/States';
import { count, NOTICE_STATE_NAMES } from '../../words/labels';
import { ProofTables } from '../breach/ProofOfTelling';
import { Receipts } from '../incident/Receipts';
import { Entries } from '../incident/Timeline';
import { Telling } from './Changes';
import { ChangeTag, FAULTS } from './ChangeTag';
import { Judgement } from './Judgement';
import { ProposalDialog } from './ProposalDialog';

const here = getRouteApi('/changes/$id');

/** One change: what it is, how two people judged it, and whom it was told to. */
export function ChangeDetailPage() {
  const { id } = here.useParams();
  const query = useChange(id);
  const view = query.data;
  return (
    <Page
      key={id}
      title={view?.change.title ?? 'Change'}
      crumb={
        <>
          <Link to="/changes">Changes</Link>
          {view && ` / ${view.change.reference}`}
        </>
      }
      actions={view && <Actions view={view} />}
    >
      <Loaded query={query} what="the change">
        {(loaded) => <Change view={loaded} />}
      </Loaded>
    </Page>
  );
}

function Change({ view }: { view: ChangeView }) {
  const { change } = view;
  return (
    <div className="stack">
      {change.course === 'effective' && change.fault !== undefined && (
        <p className="notice-bar alarm">
          <span className="strong">A fault is on record.</span> {FAULTS[change.fault]}
        </p>
      )}
      {change.course === 'withdrawn' && (
        <p className="notice-bar">
          Withdrawn by {change.withdrawn_by_name}, <At at={change.withdrawn_at} />: {change.withdrawn_why}
          {change.state === 'told' && ' Customers were told that it comes.'}
        </p>
      )}
      <div className="two">
        <Proposal view={view} />
        <Judgement view={view} />
      </div>
      <Notices view={view} />
      {view.proof !== null && (
        <Panel title="Who was told">
          <ProofTables proof={view.proof} />
        </Panel>
      )}
      <Receipts of={changePath(change.id)} sent={change.state === 'told'} />
      <History id={change.id} />
    </div>
  );
}

function Proposal({ view: { change } }: { view: ChangeView }) {
  return (
    <Panel title="Proposal" side={<ChangeTag change={change} />}>
      <dl className="definition">
        <dt>Takes effect</dt>
        <dd>
          <At at={change.effective_at} />
        </dd>
        <dt>Customers</dt>
        <dd>
          <Telling change={change} />
        </dd>
        <dt>What changes</dt>
        <dd className="wrap" style={{ whiteSpace: 'pre-line' }}>
          {change.what}
        </dd>
        <dt>Why</dt>
        <dd className="wrap" style={{ whiteSpace: 'pre-line' }}>
          {change.why}
        </dd>
        <dt>Proposed</dt>
        <dd>
          {change.proposed_by_name}, <At at={change.proposed_at} />
          {change.revised_by_names.length > 0 && `; revised by ${change.revised_by_names.join(', ')}`}
        </dd>
      </dl>
    </Panel>
  );
}

function Actions({ view: { change, may } }: { view: ChangeView }) {
  const write = useChangeWrite(change.id);
  const [open, setOpen] = useState<'revise' | 'withdraw' | null>(null);
  const close = () => {
    setOpen(null);
    write.reset();
  };
  return (
    <>
      {may.revise && <Button onClick={() => setOpen('revise')}>Revise</Button>}
      {may.withdraw && <Button onClick={() => setOpen('withdraw')}>Withdraw</Button>}
      {open === 'revise' && (
        <ProposalDialog
          title={`Revise ${change.reference}`}
          doLabel="Revise change"
          before={change}
          write={write}
          onClose={close}
          onDo={(body) =>
            write.mutate({ method: 'PUT', path: '', body, version: change.version }, { onSuccess: close })
          }
        />
      )}
      <ReasonDialog
        title={`Withdraw ${change.reference}`}
        opened={open === 'withdraw'}
        onClose={close}
        doLabel="Withdraw change"
        intro={<p>It does not come. The change and this reason stay in the register.</p>}
        pending={write.isPending}
        fault={write.error}
        onDo={(why) =>
          write.mutate({ path: '/withdraw', body: { why }, version: change.version }, { onSuccess: close })
        }
      />
    </>
  );
}

/** The notice: begun from the proposal, written and approved on a page of its own. */
function Notices({ view: { change, notices, paying, may } }: { view: ChangeView }) {
  const begin = useBeginChangeNotice(change.id);
  const navigate = useNavigate();
  if (notices.length === 0 && !may.write) return null;
  return (
    <Panel title="Notice to customers" bare>
      <ul className="plain-list lines">
        {notices.map((notice) => (
          <li key={notice.id} className="line-item row apart">
            <span>
              <Link to="/notices/$id" params={{ id: notice.id }}>
                Security-change notice
              </Link>{' '}
              to {count(notice.letters, 'customer')}
            </span>
            <span className={notice.state === 'sent' ? 'tag fine' : 'tag warn'}>
              {NOTICE_STATE_NAMES[notice.state]}
            </span>
          </li>
        ))}
      </ul>
      {may.write && (
        <div className="line-item row apart">
          <span className="small dim">
            It goes to whoever pays when a second person approves it: {count(paying, 'customer')} now.
          </span>
          <Button
            variant={notices.length === 0 ? 'filled' : 'default'}
            loading={begin.isPending}
            onClick={() =>
              begin.mutate(
                { what_changes: change.what, why_it_changes: change.why },
                { onSuccess: (made) => void navigate({ to: '/notices/$id', params: { id: made.id } }) },
              )
            }
          >
            {notices.length === 0 ? 'Write the notice' : 'Write another notice'}
          </Button>
        </div>
      )}
      <Refused fault={begin.error} />
    </Panel>
  );
}

function History({ id }: { id: string }) {
  const query = useTimeline(changePath(id));
  return (
    <section className="stack" aria-labelledby="history">
      <h2 id="history">History</h2>
      <Loaded query={{ ...query, data: rows(query.data) }} what="the history">
        {(entries) => <Entries entries={entries} pointed="" />}
      </Loaded>
      <More query={query} />
    </section>
  );
}
