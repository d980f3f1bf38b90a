/** From when the confirmation counts, and from when it counted before: an earlier instant at once, a later one by two people. */
import { Button } from '@mantine/core';
import { useState } from 'react';
import { useForesight, useMay, useSession } from '../../api/queries';
import type { IncidentView, Moved } from '../../api/types';
import { ActorName, At } from '../../components/marks';
import { count } from '../../words/labels';
import { DecisionDialog } from './DecisionDialog';
import { WhatFollows } from './Foreseen';
import { InstantDialog } from './InstantDialog';

type Asking = 'move' | 'agree_move' | 'refuse_move';

const PATH = '/disclosure';

export function Moves({ view }: { view: IncidentView }) {
  const { disclosure } = view.incident;
  const mayDecide = useMay('decide_disclosure');
  const [asking, setAsking] = useState<Asking | null>(null);
  const me = useSession().user.id;
  if (disclosure.state !== 'confirmed') return null;
  const { moving, moved = [] } = disclosure;
  const mine = moving?.by.kind === 'person' && moving.by.user === me;
  const close = () => setAsking(null);
  return (
    <div className="stack tight">
      {moved.length > 0 && (
        <ul className="plain small" aria-label="From when the confirmation counted before">
          {moved.map((each) => (
            <li key={each.at}>
              <MovedLine moved={each} />
            </li>
          ))}
        </ul>
      )}
      {moving && (
        <div className="notice-bar warn">
          <p>
            <span className="tag warn">later instant asked for</span> Clocks would count from{' '}
            <At at={moving.to} /> instead of <At at={disclosure.at} />. They run on as they are until another
            person agrees.
          </p>
          <Moving incident={view.incident.id} to={moving.to} />
          <p className="small wrap">
            <ActorName actor={moving.by} />, <At at={moving.at} />: {moving.why}
          </p>
        </div>
      )}
      {mayDecide && (
        <div className="row">
          <Button size="compact-sm" variant="subtle" onClick={() => setAsking('move')}>
            Count from another instant…
          </Button>
          {moving && !mine && (
            <Button size="compact-sm" color="danger" onClick={() => setAsking('agree_move')}>
              Agree to the later instant…
            </Button>
          )}
          {moving && (
            <Button size="compact-sm" onClick={() => setAsking('refuse_move')}>
              {mine ? 'Withdraw the request…' : 'Refuse the later instant…'}
            </Button>
          )}
        </div>
      )}
      {asking === 'move' ? (
        <InstantDialog
          view={view}
          title="The confirmation counts from another instant"
          doLabel="Say so"
          danger
          intro={
            <p className="small">
              An earlier instant counts at once and brings deadlines nearer. A later one moves them away:
              another person must agree, and clocks run on as they are until then. What was counted before
              stays in sight.
            </p>
          }
          instant={{
            field: 'at',
            label: 'It was confirmed at',
            description: 'When the company knew for certain.',
          }}
          why="What shows that it was confirmed then. Becomes part of the record."
          path={`${PATH}/move`}
          foresee="move"
          touches={(incident) => incident.disclosure}
          onClose={close}
        />
      ) : (
        <Answer view={view} asking={asking} to={moving?.to} onClose={close} />
      )}
    </div>
  );
}

/** What the request would do to the deadlines. */
function Moving({ incident, to }: { incident: string; to: string }) {
  const seen = useForesight(incident, { decision: 'agree_move', at: to }).data;
  const moved = seen?.customers.filter((each) => each.due_before !== null) ?? [];
  const first = moved[0];
  if (seen === undefined) return null;
  if (first === undefined || first.due_before === null) return <p>No deadline would move by it.</p>;
  return (
    <p>
      {count(moved.length, 'deadline')} would move; the first from <At at={first.due_before} /> to{' '}
      <At at={first.due_at} />.
    </p>
  );
}

function MovedLine({ moved }: { moved: Moved }) {
  return (
    <span className="wrap">
      Counted from <At at={moved.from} /> before;{' '}
      {moved.asked && (
        <>
          <ActorName actor={moved.asked.by} /> asked ({moved.asked.why}) and{' '}
        </>
      )}
      <ActorName actor={moved.by} /> {moved.asked ? 'agreed' : 'moved it'}, <At at={moved.at} />: {moved.why}
    </span>
  );
}

function Answer({
  view,
  asking,
  to,
  onClose,
}: {
  view: IncidentView;
  asking: Exclude<Asking, 'move'> | null;
  /** The instant that was asked for. */
  to: string | undefined;
  onClose: () => void;
}) {
  const agrees = asking === 'agree_move';
  return (
    <DecisionDialog
      incident={view.incident.id}
      title={agrees ? 'Agree that it was confirmed later' : 'The confirmation counts as it did'}
      opened={asking !== null}
      onClose={onClose}
      doLabel={agrees ? 'Move the clocks' : 'It counts as it did'}
      danger={agrees}
      intro={
        agrees ? (
          <>
            <p className="small">
              Deadlines of everybody whose clock counts from the confirmation move away; the earlier ones stay
              beside them.
            </p>
            <WhatFollows incident={view.incident.id} decision="agree_move" at={to} />
          </>
        ) : (
          <p className="small">Nothing changes: the clocks ran on all the while.</p>
        )
      }
      path={`${PATH}/${asking}`}
      body={agrees ? { at: to } : {}}
      touches={(incident) => incident.disclosure}
    />
  );
}
