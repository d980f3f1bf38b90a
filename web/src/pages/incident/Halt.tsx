/** The two ways to stop the ladder without telling: two people reverse the confirmation, or the law forbids to tell for a while. */
import { Button } from '@mantine/core';
import { useState } from 'react';
import { useMay, useSession } from '../../api/queries';
import type { IncidentView } from '../../api/types';
import { ActorName, At, Countdown } from '../../components/marks';
import { serverNow } from '../../live/serverClock';
import { DecisionDialog } from './DecisionDialog';
import { InstantDialog } from './InstantDialog';

type Asking = 'reverse' | 'refuse_reversal' | 'hold' | 'lift';

export function Halt({ view }: { view: IncidentView }) {
  const { disclosure, hold } = view.incident;
  const mayDecide = useMay('decide_disclosure');
  const mayHold = useMay('approve_notices');
  const [asking, setAsking] = useState<Asking | null>(null);
  const me = useSession().user.id;
  if (disclosure.state !== 'confirmed') return null;
  const asked = disclosure.reversal;
  const mine = asked?.by.kind === 'person' && asked.by.user === me;
  const held = hold !== undefined && Date.parse(hold.until) > serverNow();
  const close = () => setAsking(null);
  return (
    <div className="stack tight">
      {held && (
        <div className="notice-bar warn">
          <p>
            <span className="tag warn">legal hold</span>{' '}
            <Countdown what="Nothing goes to customers; ends" dueAt={hold.until} />
          </p>
          <p className="small wrap">
            <ActorName actor={hold.by} />, <At at={hold.at} />: {hold.why}. Deadlines do not wait for it.
          </p>
        </div>
      )}
      {asked && (
        <div className="notice-bar warn">
          <p>
            <span className="tag warn">reversal asked for</span> Clocks run on until another person agrees.
          </p>
          <p className="small wrap">
            <ActorName actor={asked.by} />, <At at={asked.at} />: {asked.why}
          </p>
        </div>
      )}
      <div className="row">
        {mayDecide && !asked && (
          <Button size="compact-sm" variant="subtle" onClick={() => setAsking('reverse')}>
            Reverse the confirmation…
          </Button>
        )}
        {mayDecide && asked && !mine && (
          <Button size="compact-sm" color="danger" onClick={() => setAsking('reverse')}>
            Agree to the reversal…
          </Button>
        )}
        {mayDecide && asked && (
          <Button size="compact-sm" onClick={() => setAsking('refuse_reversal')}>
            {mine ? 'Withdraw…' : 'Refuse…'}
          </Button>
        )}
        {mayHold && !held && (
          <Button size="compact-sm" variant="subtle" onClick={() => setAsking('hold')}>
            Legal hold…
          </Button>
        )}
        {mayHold && held && (
          <Button size="compact-sm" onClick={() => setAsking('lift')}>
            Lift the hold…
          </Button>
        )}
      </div>
      {asking === 'hold' ? (
        <HoldDialog view={view} onClose={close} />
      ) : (
        <Reason view={view} asking={asking} agreeing={asked !== undefined} onClose={close} />
      )}
    </div>
  );
}

function Reason({
  view,
  asking,
  agreeing,
  onClose,
}: {
  view: IncidentView;
  asking: Exclude<Asking, 'hold'> | null;
  agreeing: boolean;
  onClose: () => void;
}) {
  const words = {
    reverse: agreeing
      ? {
          title: 'Agree that it was no disclosure',
          label: 'Reverse the confirmation',
          intro: 'What is owed to customers ends now. Who was told stays told, and must hear it from you.',
          path: '/disclosure/reverse',
        }
      : {
          title: 'Reverse the confirmation',
          label: 'Ask a second person',
          intro:
            'Another person must agree. Until then every clock runs on, and the holding notice goes when it is due.',
          path: '/disclosure/reverse',
        },
    refuse_reversal: {
      title: 'The confirmation stands',
      label: 'It stands',
      intro: 'Nothing changes: the clocks ran on all the while.',
      path: '/disclosure/refuse_reversal',
    },
    lift: {
      title: 'Lift the legal hold',
      label: 'Lift the hold',
      intro: 'What is due goes to customers at once.',
      path: '/hold/lift',
    },
  }[asking ?? 'reverse'];
  return (
    <DecisionDialog
      incident={view.incident.id}
      title={words.title}
      opened={asking !== null}
      onClose={onClose}
      doLabel={words.label}
      danger={asking === 'reverse' && agreeing}
      typed={asking === 'reverse' && agreeing ? view.reference : undefined}
      intro={<p className="small">{words.intro}</p>}
      path={words.path}
      touches={(incident) => [incident.disclosure, incident.hold]}
    />
  );
}

function HoldDialog({ view, onClose }: { view: IncidentView; onClose: () => void }) {
  return (
    <InstantDialog
      view={view}
      title="Legal hold"
      doLabel="Place the hold"
      danger
      intro={
        <p className="small">
          Nothing goes to customers before the hold ends, by itself or by hand; what is due then goes at once.
          Deadlines do not wait: who is told late is a recorded miss.
        </p>
      }
      instant={{
        field: 'until',
        label: 'It ends at',
        description: 'Within thirty days. Who needs longer documents it anew.',
      }}
      why="Who forbids to tell, and on what paper. Becomes part of the record."
      path="/hold"
      touches={(incident) => incident.hold}
      onClose={onClose}
    />
  );
}
