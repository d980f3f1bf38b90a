import { NativeSelect, SegmentedControl } from '@mantine/core';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useId } from 'react';
import { rows, useIncidents, useObligations, useOverview, useTelling } from '../../api/queries';
import type { DrillStatus, Miss, ObligationStateName, ObligationView } from '../../api/types';
import { LadderTrack } from '../../components/LadderTrack';
import { ActorName, At, ClockFace, Countdown, Weekday } from '../../components/marks';
import { Page } from '../../components/Page';
import { Empty, Loaded, More } from '../../components/States';
import { spanMilliseconds } from '../../words/countdown';
import { count } from '../../words/labels';
import { nextInWords, stepLimit } from '../../words/ladder';
import { ExplainMiss } from './ExplainMiss';
import { FullNotices } from './FullNotices';
import { HoldingWordsPanel } from './HoldingWords';
import { PreflightPanel } from './PreflightPanel';
import { ProofOfTelling } from './ProofOfTelling';
import { mustBeCalled, TellByHand, Tellings } from './TellByHand';

const here = getRouteApi('/breach');

/** What somebody still has to do something about: a customer to be told, or the reason of a miss, however it ended. */
const TO_DO = 'running,missed,unexplained';

/** Every promise to every customer, by the time that is left. */
export function BreachDeskPage() {
  const search = here.useSearch();
  const state = search.state ?? TO_DO;
  const query = useObligations({ ...search, state: state === 'all' ? undefined : state });
  return (
    <Page title="Breach desk">
      <Drills />
      <Filters />
      <FullNotices incident={search.incident} />
      <Loaded query={{ ...query, data: rows(query.data) }} what="obligations">
        {(list) =>
          list.length === 0 ? (
            <Empty
              title={
                state === TO_DO
                  ? 'No customer is waiting to be told, and no miss for its reason'
                  : 'Nothing matches these filters'
              }
            >
              <NothingBecause incident={search.incident} />
            </Empty>
          ) : (
            <div className="stack">
              <div className="panel lines">
                {list.map((obligation) => (
                  <ObligationRow key={obligation.id} obligation={obligation} />
                ))}
              </div>
              <ProofOfTelling list={list} />
            </div>
          )
        }
      </Loaded>
      <More query={query} />
      <PreflightPanel />
      <HoldingWordsPanel />
    </Page>
  );
}

/** Why the list is empty: nobody was ever owed a notice, or everybody has been told. */
function NothingBecause({ incident }: { incident: string | undefined }) {
  const known = useTelling(incident).data?.items ?? [];
  const told = known.some(({ counts }) => counts.told + counts.told_late + counts.ended > 0);
  if (known.some(({ counts }) => counts.untold > 0)) return <>Choose another state to see who waits.</>;
  if (told) return <>Every customer who was owed a notice has been told, or is owed nothing any more.</>;
  return (
    <>
      A clock for each affected customer starts when somebody confirms a disclosure in an{' '}
      <Link to="/incidents">incident</Link>.
    </>
  );
}

/** A yearly drill is itself a control: when the last one was, and whether another one is due. */
function Drills() {
  const drills = useOverview().data?.drills;
  return drills === undefined ? null : <DrillLine drills={drills} />;
}

export function DrillLine({ drills }: { drills: DrillStatus }) {
  const { last, last_closed_at, due_at, due } = drills;
  return (
    <p className={`notice-bar small${due ? ' warn' : ''}`}>
      {last !== null && last_closed_at !== null ? (
        <>
          The last drill,{' '}
          <Link to="/incidents/$id" params={{ id: last.incident }}>
            {last.reference}
          </Link>
          , was closed <At at={last_closed_at} /> with {last.score} of 100.{' '}
        </>
      ) : (
        'No drill was ever closed. '
      )}
      {due ? (
        <strong>A drill is due: hold one every year.</strong>
      ) : (
        due_at !== null && (
          <>
            The next one is due by <At at={due_at} />.
          </>
        )
      )}
      {drills.hindrance !== null && ` To declare one: ${drills.hindrance}.`}
    </p>
  );
}

function Filters() {
  const search = here.useSearch();
  const navigate = here.useNavigate();
  const incidents = (rows(useIncidents({}).data) ?? []).filter(
    (row) => row.disclosure === 'confirmed' || row.id === search.incident,
  );
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  return (
    <search className="filters" aria-label="Filter obligations">
      <SegmentedControl
        size="xs"
        aria-label="State"
        value={search.state ?? TO_DO}
        onChange={(state) => set({ state: state === TO_DO ? undefined : state })}
        data={[
          { value: TO_DO, label: 'To do' },
          { value: 'told', label: 'Told' },
          { value: 'missed', label: 'Missed' },
          { value: 'ended', label: 'Ended' },
          { value: 'all', label: 'All' },
        ]}
      />
      <NativeSelect
        aria-label="Incident"
        value={search.incident ?? ''}
        onChange={(event) => set({ incident: event.currentTarget.value })}
        data={[
          { value: '', label: 'All incidents' },
          ...incidents.map((row) => ({ value: row.id, label: `${row.reference} ${row.title}` })),
        ]}
      />
    </search>
  );
}

function ObligationRow({ obligation }: { obligation: ObligationView }) {
  const heading = useId();
  return (
    <article className="obligation" aria-labelledby={heading} data-row>
      <div>
        <h2 id={heading}>
          <Link to="/customers/$id" params={{ id: obligation.customer }} data-row-link>
            {obligation.customer_name}
          </Link>
        </h2>
        <div className="small dim">
          <Link to="/incidents/$id" params={{ id: obligation.incident }}>
            {obligation.incident_reference}
          </Link>{' '}
          {obligation.incident_title} {obligation.drill && <span className="tag warn">drill</span>}
        </div>
        <Round round={obligation.round} />
        <StateLine obligation={obligation} />
        {obligation.miss !== null && <WhyMissed obligation={obligation} miss={obligation.miss} />}
      </div>
      <Clock obligation={obligation} />
      <div className="stack tight">
        <LadderTrack obligation={obligation} />
        <details className="small">
          <summary>Why this deadline</summary>
          <p className="dim">{obligation.deadline.explanation}</p>
        </details>
        {obligation.deadline.before?.map((before) => (
          <div key={before.due_at} className="small">
            <span className="tag warn">moved</span> it was due <At at={before.due_at} /> before
          </div>
        ))}
      </div>
      <div className="stack tight">
        <Proof obligation={obligation} />
        <Tellings by_hand={obligation.by_hand} />
        {mustBeCalled(obligation) && (
          <p className="small bad">No message reached them, and no contact is left: call them.</p>
        )}
        <TellByHand obligation={obligation} call={mustBeCalled(obligation)} />
      </div>
    </article>
  );
}

/** What was told before was withdrawn, and the customer is affected after all: it is owed anew, beside what was owed before. */
function Round({ round }: { round: number }) {
  if (round === 1) return null;
  return (
    <p className="small">
      <span className="tag warn">round {round}</span> what was told before was withdrawn
    </p>
  );
}

function Clock({ obligation }: { obligation: ObligationView }) {
  const limit = spanMilliseconds(obligation.deadline.limit);
  if (obligation.state !== 'running') {
    return (
      <div className="small dim">
        deadline <At at={obligation.deadline.due_at} />
      </div>
    );
  }
  return (
    <div>
      <ClockFace dueAt={obligation.deadline.due_at} limit={limit} className="desk-clock" />
      <div className="small dim">
        until the deadline, <Weekday at={obligation.deadline.due_at} />
      </div>
      {obligation.next !== null && (
        <div className="small">
          <Countdown
            what={nextInWords(obligation.next.step, obligation.recipients)}
            dueAt={obligation.next.at}
            limit={stepLimit(obligation.next.step, limit)}
          />
        </div>
      )}
    </div>
  );
}

function StateLine({ obligation }: { obligation: ObligationView }) {
  switch (obligation.state) {
    case 'running':
      return (
        <p className="small">
          <span className="tag">clock runs</span> since <At at={obligation.deadline.from} />
        </p>
      );
    case 'told':
      return (
        <p className="small">
          <span className={obligation.in_time ? 'tag fine' : 'tag alarm'}>
            {obligation.in_time ? 'told in time' : 'told late'}
          </span>{' '}
          <At at={obligation.at} />,{' '}
          <Link to="/notices/$id" params={{ id: obligation.notice }}>
            by this notice
          </Link>
        </p>
      );
    case 'missed':
      return (
        <p className="small">
          <span className="tag alarm">missed</span> recorded <At at={obligation.at} />
          {obligation.told_late_at !== null && (
            <>
              ; <span className="tag warn">told late</span> <At at={obligation.told_late_at} />
            </>
          )}
        </p>
      );
    case 'ended':
      return (
        <p className="small">
          <span className="tag">ended</span> by <ActorName actor={obligation.by} />: {obligation.why}
        </p>
      );
  }
}

/** Why a miss stands among what is to be done: by what became of the obligation since. */
const WAITS: Record<ObligationStateName, string> = {
  running: 'The deadline has passed. Nobody has said why yet.',
  missed: 'Nobody has said why yet, and the customer is still to be told.',
  told: 'The customer was told, after the deadline. Nobody has said why yet.',
  ended: 'It ended after the deadline had passed. Nobody has said why it was missed yet.',
};

/** A miss has its reason, however it ended: the customer was told late, was cleared afterwards, or has not been told. */
function WhyMissed({ obligation, miss }: { obligation: ObligationView; miss: Miss }) {
  return (
    <div className="small stack tight">
      {obligation.state === 'ended' && (
        <p>
          <span className="tag alarm">missed</span> before that, recorded <At at={miss.at} />
        </p>
      )}
      {miss.why === null ? (
        <>
          {!obligation.drill && (
            <p>{obligation.told_late_at !== null ? WAITS.told : WAITS[obligation.state]}</p>
          )}
          <ExplainMiss obligation={obligation} />
        </>
      ) : (
        <p className="dim">
          <ActorName actor={miss.why.by} />: {miss.why.text}
        </p>
      )}
    </div>
  );
}

/** The levels that have been reached, and what went wrong; nothing where nothing was sent. */
function Proof({ obligation }: { obligation: ObligationView }) {
  const { proof } = obligation;
  const figures: [string, number, string][] = [
    ['Queued', proof.queued, ''],
    ['Submitted', proof.submitted, 'good'],
    ['Remote accepted', proof.remote_accepted, 'good'],
    ['Refused', proof.refused, 'bad strong'],
    ['Bounced', proof.bounced, 'bad strong'],
    ['Possible duplicates', proof.possible_duplicates, 'soon'],
  ];
  const known = figures.filter(([, value]) => value > 0);
  return (
    <div className="small stack tight">
      <p className="dim">
        {count(obligation.recipients, 'recipient')}
        {known.length === 0 && ', no message yet'}
      </p>
      {known.length > 0 && (
        <dl className="definition proof">
          {known.map(([name, value, mark]) => (
            <div key={name} style={{ display: 'contents' }}>
              <dt>{name}</dt>
              <dd className={`num ${mark}`}>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}
