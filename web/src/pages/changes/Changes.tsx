import { Button } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { rows, useChanges, useMay } from '../../api/queries';
import type { ChangeRow } from '../../api/types';
import { useProposeChange } from '../../api/writes';
import { Ago, At } from '../../components/marks';
import { Page } from '../../components/Page';
import { Empty, Loaded, More } from '../../components/States';
import { ChangeTag } from './ChangeTag';
import { ProposalDialog } from './ProposalDialog';

/** The register of changes: what is coming, who judged it, and who was told. */
export function ChangesPage() {
  const query = useChanges();
  const may = useMay('draft_notices');
  const propose = useProposeChange();
  const navigate = useNavigate();
  const [open, setOpen] = useState(false);
  const close = () => {
    setOpen(false);
    propose.reset();
  };
  return (
    <Page
      title="Changes"
      below={
        <p className="dim">
          Customers are promised to be told of a substantial change that affects security, before it takes
          effect.
        </p>
      }
      actions={may && <Button onClick={() => setOpen(true)}>Propose a change</Button>}
    >
      <Loaded query={{ ...query, data: rows(query.data) }} what="the register of changes">
        {(list) =>
          list.length === 0 ? (
            <Empty title="No change is in the register">
              Propose what may affect the security of customers’ data: another processor, another place where
              data is kept, another way of signing in. Somebody judges it, a second person agrees.
            </Empty>
          ) : (
            <ChangeTable list={list} />
          )
        }
      </Loaded>
      <More query={query} />
      {open && (
        <ProposalDialog
          title="Propose a change"
          doLabel="Propose change"
          write={propose}
          onClose={close}
          onDo={(proposal) =>
            propose.mutate(proposal, {
              onSuccess: (view) => void navigate({ to: '/changes/$id', params: { id: view.change.id } }),
            })
          }
        />
      )}
    </Page>
  );
}

function ChangeTable({ list }: { list: ChangeRow[] }) {
  return (
    <div className="table-scroll">
      <table className="table cards-when-narrow">
        <thead>
          <tr>
            <th>Change</th>
            <th>Substantial for security?</th>
            <th>Takes effect</th>
            <th>Customers</th>
            <th>Proposed</th>
          </tr>
        </thead>
        <tbody>
          {list.map((change) => (
            <tr key={change.id} data-row>
              <td>
                <Link to="/changes/$id" params={{ id: change.id }} className="title" data-row-link>
                  {change.title}
                </Link>
                <div className="small dim mono">{change.reference}</div>
              </td>
              <td data-label="Substantial for security?">
                <ChangeTag change={change} />
              </td>
              <td data-label="Takes effect">
                <At at={change.effective_at} />
              </td>
              <td data-label="Customers">
                <Telling change={change} />
              </td>
              <td data-label="Proposed">
                {change.proposed_by_name}, <Ago at={change.proposed_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Whether customers were told, or by when they are. */
export function Telling({ change }: { change: ChangeRow }) {
  if (change.state === 'told') {
    return (
      <>
        told <At at={change.told.at} />
      </>
    );
  }
  if (change.course === 'withdrawn') return <span className="dim">does not come</span>;
  if (change.state === 'agreed' && !change.verdict.substantial) {
    return <span className="dim">need not be told</span>;
  }
  const late = change.course === 'effective' || change.steps.some((taken) => taken.step === 'late');
  return (
    <span className={late ? 'bad strong' : 'soon'}>
      {late && 'late: '}
      {change.state === 'agreed' ? 'to be told by ' : 'to be judged, and told if substantial, by '}
      <At at={change.tell_by} />
    </span>
  );
}
