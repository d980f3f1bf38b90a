/** What is still open when an incident is closed: what stands in the way, and what needs a reason. Each leads to where it is done. */
import { Textarea, UnstyledButton } from '@mantine/core';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useClosing } from '../../api/queries';
import type { ClosingView, IncidentView, StillOpen } from '../../api/types';
import { useIncidentWrite } from '../../api/writes';
import { FormDialog, faultOf, TypedWord } from '../../components/dialogs';
import { Weekday } from '../../components/marks';
import { partId } from '../../components/Page';
import { Loaded } from '../../components/States';
import { count } from '../../words/labels';

const here = getRouteApi('/incidents/$id');

/** In which part of the room it is done. */
const PARTS: Record<StillOpen['what'], string> = {
  suspicion: 'Disclosure',
  unexplained: 'Disclosure',
  not_told: 'Affected customers',
  withdrawal: 'Affected customers',
  never_told: 'Affected customers',
  nobody_listed: 'Affected customers',
  unclaimed: 'Affected customers',
  correction: 'Disclosure',
  draft: 'Disclosure',
  promised_update: 'Timers',
  register: 'Disclosure',
  report: 'Clocks of law',
  vacant: 'Roles',
  task: 'Tasks',
};

export function ClosingDialog({ view, onClose }: { view: IncidentView; onClose: () => void }) {
  const { incident } = view;
  const closing = useClosing(incident.id);
  const write = useIncidentWrite(incident.id);
  const [typed, setTyped] = useState('');
  const [why, setWhy] = useState('');
  const open = closing.data?.open ?? [];
  const stops = open.some((each) => each.in_the_way);
  const needsWhy = open.length > 0;
  const promised = open.some((each) => each.what === 'promised_update');
  return (
    <FormDialog
      title="Close the incident"
      opened
      onClose={onClose}
      doLabel="Close incident"
      pending={write.isPending}
      fault={write.error}
      danger
      size="lg"
      ready={
        closing.data !== undefined &&
        !stops &&
        (!needsWhy || why.trim() !== '') &&
        typed.trim() === view.reference
      }
      shownFaults={['why']}
      onDo={() =>
        write.mutate(
          { path: '/phase', body: { phase: 'closed', why: why.trim() }, touches: (i) => i.phase },
          { onSuccess: onClose, onError: () => void closing.refetch() },
        )
      }
    >
      <Loaded query={closing} what="what is open">
        {(found) => <WhatIsOpen found={found} onLeave={onClose} />}
      </Loaded>
      {closing.data !== undefined && !stops && (
        <>
          <p className="small">
            Closing ends the timers
            {promised ? ', save that of the promised update and those of clocks of law' : ''}. A new detection
            opens a new incident.
          </p>
          <Textarea
            label={needsWhy ? 'Why it is closed with this open' : 'Why (may stay empty)'}
            description="Becomes part of the record."
            value={why}
            onChange={(event) => setWhy(event.currentTarget.value)}
            error={faultOf(write.error, 'why')}
            required={needsWhy}
          />
          <TypedWord word={view.reference} value={typed} onChange={setTyped} />
        </>
      )}
    </FormDialog>
  );
}

function WhatIsOpen({ found, onLeave }: { found: ClosingView; onLeave: () => void }) {
  const stops = found.open.filter((each) => each.in_the_way);
  const rest = found.open.filter((each) => !each.in_the_way && each.what !== 'task');
  const tasks = found.open.filter((each) => each.what === 'task');
  if (found.open.length === 0) return <p className="good">Nothing is open.</p>;
  const item = (each: StillOpen) => (
    <OpenItem key={`${each.what} ${each.text}`} open={each} found={found} onLeave={onLeave} />
  );
  return (
    <div className="stack">
      {stops.length > 0 && (
        <section aria-label="Stands in the way" className="notice-bar alarm stack tight">
          <h3>It is not closed while this is open</h3>
          <ul className="plain-list stack tight">{stops.map(item)}</ul>
        </section>
      )}
      {rest.length > 0 && (
        <section aria-label="Needs a reason" className="stack tight">
          <h3>Open; closing over it needs a reason</h3>
          <ul className="plain-list stack tight">{rest.map(item)}</ul>
        </section>
      )}
      {tasks.length > 0 && (
        <details open={tasks.length <= 5}>
          <summary>
            {count(tasks.length, 'open task')},{' '}
            {tasks.filter((each) => each.what === 'task' && each.overdue).length} overdue: closing over them
            needs a reason
          </summary>
          <ul className="plain-list stack tight small">{tasks.map(item)}</ul>
        </details>
      )}
    </div>
  );
}

function OpenItem({ open, found, onLeave }: { open: StillOpen; found: ClosingView; onLeave: () => void }) {
  const late = open.what === 'task' && open.overdue;
  return (
    <li className="wrap">
      <span className={late ? 'bad' : ''}>
        {open.what === 'task' ? open.title : `${open.text.charAt(0).toUpperCase()}${open.text.slice(1)}`}
      </span>
      {open.what === 'task' && open.due_at !== null && (
        <span className={late ? 'bad' : 'dim'}>
          {' '}
          {late ? 'overdue since' : 'due'} <Weekday at={open.due_at} />
        </span>
      )}{' '}
      <Where open={open} onLeave={onLeave} />
      {'customers' in open && (
        <div className="link-list">
          {open.customers.slice(0, 20).map((id, index) => (
            <span key={id}>
              {index > 0 && ', '}
              <Link to="/customers/$id" params={{ id }}>
                {found.customers[id] ?? id}
              </Link>
            </span>
          ))}
          {open.customers.length > 20 && <span className="dim"> and {open.customers.length - 20} more</span>}
        </div>
      )}
      {open.what === 'unclaimed' && <div className="small mono wrap">{open.tenants.join(', ')}</div>}
    </li>
  );
}

function Where({ open, onLeave }: { open: StillOpen; onLeave: () => void }) {
  const navigate = here.useNavigate();
  if (open.what === 'draft' || open.what === 'correction') {
    return (
      <Link to="/notices/$id" params={{ id: open.notice }}>
        Open the notice
      </Link>
    );
  }
  const part = PARTS[open.what];
  const lead = async () => {
    onLeave();
    const find = () => document.getElementById(partId(part));
    // On a phone the parts stand in a tab of their own.
    if (find() === null) await navigate({ search: (before) => ({ ...before, tab: 'response' }) });
    // The dialog gives the focus back first.
    setTimeout(() => {
      find()?.scrollIntoView({ block: 'start' });
      find()?.focus({ preventScroll: true });
    }, 50);
  };
  return (
    <UnstyledButton className="link-button" onClick={() => void lead()}>
      Show {part}
    </UnstyledButton>
  );
}
