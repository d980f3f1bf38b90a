import { Link } from '@tanstack/react-router';
import { useBounceTallies, useProofOfTelling } from '../../api/queries';
import type {
  BounceTallies,
  CustomerProof,
  LevelShare,
  ObligationView,
  ProofLevel,
  ProofOfTelling as Proved,
} from '../../api/types';
import { ActorName, At } from '../../components/marks';
import { Loaded } from '../../components/States';
import { count } from '../../words/labels';
import { Tellings } from './TellByHand';

const LEVELS: Record<ProofLevel, { name: string; means: string }> = {
  submitted: { name: 'Submitted', means: 'our relay took the message' },
  remote_accepted: { name: 'Remote accepted', means: 'a server of theirs took it, and a report says so' },
  opened: { name: 'Opened', means: 'opened on the portal' },
  acknowledged: { name: 'Acknowledged', means: 'somebody confirmed that they have read it' },
  by_hand: { name: 'Told by hand', means: 'people called, posted or used their system; proves no letter' },
};
/** The levels of a message. */
const ORDER = ['submitted', 'remote_accepted', 'opened', 'acknowledged'] as const;

/** Of each incident: what can be proved about having told its customers, each level by itself. */
export function ProofOfTelling({ list }: { list: readonly ObligationView[] }) {
  const incidents = new Map(list.map((each) => [each.incident, each.incident_reference]));
  const tallies = useBounceTallies();
  return (
    <section className="stack" aria-labelledby="proof-of-telling">
      <h2 id="proof-of-telling">Proof of telling</h2>
      {[...incidents].map(([id, reference]) => (
        <OfIncident key={id} id={id} reference={reference} />
      ))}
      <Loaded query={tallies} what="what came to return paths">
        {(found) => <CameToNothing tallies={found} />}
      </Loaded>
    </section>
  );
}

function OfIncident({ id, reference }: { id: string; reference: string }) {
  const query = useProofOfTelling(id);
  return (
    <div className="panel stack">
      <h3>
        <Link to="/incidents/$id" params={{ id }}>
          {reference}
        </Link>
      </h3>
      <Loaded query={query} what="the proof">
        {(proof) => <ProofTables proof={proof} />}
      </Loaded>
    </div>
  );
}

/** Shares by level, and each customer with its messages. */
export function ProofTables({ proof }: { proof: Proved }) {
  if (proof.customers.length === 0) {
    return <p className="dim">Nobody is owed a notice here.</p>;
  }
  return <Tables proof={proof} />;
}

function Tables({ proof }: { proof: Proved }) {
  // Where no report is taken, no proof of it can come, and its absence says nothing of a customer.
  const unknowable = useBounceTallies().data?.reports_taken === false;
  return (
    <>
      <div className="table-scroll">
        <table className="table cards-when-narrow">
          <caption className="hidden">Share of customers told in time, by level of proof</caption>
          <thead>
            <tr>
              <th>Level</th>
              <th className="right">In time</th>
              <th className="right">Late</th>
              <th className="right">Not by now</th>
              <th className="right">Still open</th>
              <th className="right">On time</th>
            </tr>
          </thead>
          <tbody>
            {proof.levels.map((share) =>
              unknowable && share.level === 'remote_accepted' && share.in_time + share.late === 0 ? (
                <Unknowable key={share.level} />
              ) : (
                <Share key={share.level} share={share} />
              ),
            )}
          </tbody>
        </table>
      </div>
      <details className="small">
        <summary>{count(proof.customers.length, 'customer')} and their messages</summary>
        <div className="table-scroll">
          <table className="table cards-when-narrow">
            <caption className="hidden">When each message reached each level of proof</caption>
            <thead>
              <tr>
                <th>Customer</th>
                <th>Recipient</th>
                {ORDER.map((level) => (
                  <th key={level}>{LEVELS[level].name}</th>
                ))}
              </tr>
            </thead>
            <tbody>
              {proof.customers.map((customer) => (
                <Customer key={`${customer.customer}/${customer.round}`} customer={customer} />
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </>
  );
}

/** A level that nothing here can reach. */
function Unknowable() {
  return (
    <tr>
      <td>
        {LEVELS.remote_accepted.name}
        <div className="small dim">{LEVELS.remote_accepted.means}</div>
      </td>
      <td colSpan={5} className="dim">
        cannot be known here: reports of mail servers are not taken. Set <code>[mail.bounces]</code> in the
        configuration, or events of SES, to take them.
      </td>
    </tr>
  );
}

/** Levels that the customer reaches, not we: nobody fails who has not opened a letter. */
const THEIRS: readonly ProofLevel[] = ['remote_accepted', 'opened', 'acknowledged', 'by_hand'];

function Share({ share }: { share: LevelShare }) {
  return (
    <tr>
      <td>
        {LEVELS[share.level].name}
        <div className="small dim">{LEVELS[share.level].means}</div>
      </td>
      <td className="right num" data-label="In time">
        {share.in_time}
      </td>
      <td className={`right num ${share.late > 0 ? 'soon' : ''}`} data-label="Late">
        {share.late}
      </td>
      <td
        className={`right num ${share.never > 0 && !THEIRS.includes(share.level) ? 'bad strong' : ''}`}
        data-label="Not by now"
      >
        {share.never}
      </td>
      <td className="right num" data-label="Still open">
        {share.open}
      </td>
      <td className="right num" data-label="On time">
        {share.on_time_permille === null ? '–' : `${(share.on_time_permille / 10).toFixed(1)} %`}
      </td>
    </tr>
  );
}

function Customer({ customer }: { customer: CustomerProof }) {
  const name = (
    <>
      <Link to="/customers/$id" params={{ id: customer.customer }}>
        {customer.customer_name}
      </Link>
      <div className="dim">
        {customer.round > 1 && `round ${customer.round}, `}
        {customer.state}, due <At at={customer.due_at} />
      </div>
      <Tellings by_hand={customer.by_hand} />
      {customer.miss !== undefined && (
        <div className="bad">
          missed <At at={customer.miss.at} />
          {customer.miss.why === null ? (
            ', no reason given yet'
          ) : (
            <>
              , <ActorName actor={customer.miss.why.by} />: {customer.miss.why.text}
            </>
          )}
        </div>
      )}
    </>
  );
  if (customer.recipients.length === 0) {
    return (
      <tr>
        <td>{name}</td>
        <td className="dim" colSpan={1 + ORDER.length}>
          no message yet
        </td>
      </tr>
    );
  }
  return customer.recipients.map((recipient, index) => (
    <tr key={recipient.delivery}>
      <td>{index === 0 ? name : <span className="hidden">{customer.customer_name}</span>}</td>
      <td className="wrap">
        {recipient.recipient}
        {!recipient.stands && <div className="dim">{recipient.state}: proves nothing</div>}
      </td>
      {ORDER.map((level) => {
        const at = recipient.proof[level];
        return (
          <td key={level} data-label={LEVELS[level].name}>
            {at === null ? '–' : <At at={at} />}
          </td>
        );
      })}
    </tr>
  ));
}

const KINDS: Record<string, string> = {
  forged: 'with a forged return path',
  unknown: 'about nothing that we sent',
  repeated: 'that said what was known',
  not_a_report: 'that were no reports, such as absence notes',
};

/** What came to return paths and changed nothing. */
function CameToNothing({ tallies }: { tallies: BounceTallies }) {
  if (!tallies.reports_taken) {
    return (
      <p className="small dim">
        Reports of mail servers are not taken here, so nothing beyond “submitted” can be proved by mail: set
        [mail.bounces] in the configuration, or events of SES.
      </p>
    );
  }
  if (tallies.items.length === 0) {
    return (
      <p className="small dim">
        Every report that came{tallies.domain !== null && ` to ${tallies.domain}`} was about one of our
        messages.
      </p>
    );
  }
  return (
    <ul className="small dim">
      {tallies.items.map((tally) => (
        <li key={tally.kind}>
          {count(tally.count, 'message')} {KINDS[tally.kind] ?? tally.kind}, last <At at={tally.last_at} />:
          counted, nothing changed
        </li>
      ))}
    </ul>
  );
}
