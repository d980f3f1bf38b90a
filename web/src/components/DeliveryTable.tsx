import { Button, Modal } from '@mantine/core';
import { useState } from 'react';
import { useDelivery } from '../api/queries';
import type { BounceReport, DeliveryDetail, DeliveryView } from '../api/types';
import { aboutInWords, count } from '../words/labels';
import { Ago, At, Countdown } from './marks';
import { RawText } from './RawText';
import { Loaded } from './States';

/** Messages and what became of each; the conversation with the mail server on demand. */
export function DeliveryTable({ list }: { list: readonly DeliveryView[] }) {
  const [shown, setShown] = useState<string | null>(null);
  return (
    <>
      <div className="table-scroll" style={{ border: 0 }}>
        <table className="table cards-when-narrow">
          <thead>
            <tr>
              <th>Message</th>
              <th>Recipient</th>
              <th>State</th>
              <th className="right">Attempts</th>
              <th>
                <span className="hidden">Proof</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {list.map((delivery) => (
              <tr key={delivery.id}>
                <td>
                  {aboutInWords(delivery.about, delivery.customer_name, delivery.notice_kind)}
                  <div className="small dim">
                    <Ago at={delivery.created_at} /> by {delivery.channel === 'sns' ? 'SNS' : 'e-mail'}
                  </div>
                </td>
                <td className="wrap">{delivery.recipient}</td>
                <td>
                  <State delivery={delivery} />
                </td>
                <td className="right num" data-label="Attempts">
                  {delivery.attempts}
                </td>
                <td className="right">
                  <Button
                    variant="subtle"
                    onClick={() => setShown(delivery.id)}
                    aria-label={`Proof of the message to ${delivery.recipient}`}
                  >
                    Proof
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Proof id={shown} onClose={() => setShown(null)} />
    </>
  );
}

function State({ delivery }: { delivery: DeliveryView }) {
  return (
    <div className="small">
      {delivery.state === 'queued' && (
        <>
          <span className="tag">queued</span>{' '}
          <Countdown what="next attempt" dueAt={delivery.next_attempt_at} />
          {delivery.last_answer !== null && <div className="dim wrap">{delivery.last_answer}</div>}
        </>
      )}
      {delivery.state === 'claimed' && <span className="tag">being sent</span>}
      {delivery.state === 'accepted' && (
        <>
          <span className="tag fine" title="our relay took the message">
            submitted
          </span>{' '}
          <At at={delivery.at} />
          <div className="dim wrap">
            {delivery.answer} ({delivery.by})
          </div>
        </>
      )}
      {delivery.state === 'refused' && (
        <>
          <span className="tag alarm">refused</span> <At at={delivery.at} />
          <div className="wrap">{delivery.answer}</div>
        </>
      )}
      {delivery.state === 'bounced' && (
        <>
          <span className="tag alarm">bounced</span> <At at={delivery.at} />
          <div className="wrap">{delivery.answer}</div>
          {delivery.submitted !== null && (
            <div className="dim">
              our relay had taken it <At at={delivery.submitted.at} />
            </div>
          )}
        </>
      )}
      {delivery.remote_accepted !== undefined && (
        <div>
          <span className="tag fine" title="a server of theirs took it, and a report says so">
            remote accepted
          </span>{' '}
          {delivery.remote_accepted.action}, {delivery.remote_accepted.by ?? 'their mail server'}, reported{' '}
          <At at={delivery.remote_accepted.at} />
        </div>
      )}
      {delivery.possible_duplicate && <div className="soon">possibly received twice</div>}
    </div>
  );
}

function Proof({ id, onClose }: { id: string | null; onClose: () => void }) {
  const query = useDelivery(id);
  return (
    <Modal opened={id !== null} onClose={onClose} title="What can be proved of this message" size="xl">
      <Loaded query={query} what="the proof">
        {(delivery) => <Conversation delivery={delivery} />}
      </Loaded>
    </Modal>
  );
}

/** What our own relay answered, in the words of the proof. */
const OUTCOMES: Record<string, string> = {
  accepted: 'submitted: our relay took it',
  deferred: 'put off, to be tried again',
  refused: 'refused',
  unknown: 'the answer was lost',
};

function Conversation({ delivery }: { delivery: DeliveryDetail }) {
  return (
    <div className="stack">
      <dl className="definition">
        <dt>Recipient</dt>
        <dd>{delivery.recipient}</dd>
        <dt>Subject</dt>
        <dd>{delivery.subject}</dd>
        <dt>State</dt>
        <dd>
          <State delivery={delivery} />
        </dd>
      </dl>
      <h3>{count(delivery.transcripts.length, 'conversation')}</h3>
      {delivery.transcripts.map((transcript) => (
        <div key={transcript.at}>
          <p className="small">
            <At at={transcript.at} />: {OUTCOMES[transcript.outcome] ?? transcript.outcome}
          </p>
          <RawText label={`Conversation of ${transcript.at}`}>{transcript.lines.join('\n')}</RawText>
        </div>
      ))}
      <h3>{count(delivery.reports.length, 'report')}</h3>
      {delivery.reports.length === 0 && (
        <p className="small dim">No mail server has reported about this message.</p>
      )}
      {delivery.reports.map((report) => (
        <Reported key={report.digest} report={report} />
      ))}
      <h3>The message</h3>
      {delivery.message === null ? (
        <p className="small dim">
          Its recipient was erased, and its bytes with them. Its digest stands in the audit log.
        </p>
      ) : (
        <RawText label="The message">{delivery.message}</RawText>
      )}
    </div>
  );
}

/** What a mail server reported, and the report itself on demand. */
function Reported({ report }: { report: BounceReport }) {
  return (
    <div className="small">
      <p>
        <At at={report.received_at} />:{' '}
        {report.report === null ? (
          'not a report that can be understood'
        ) : (
          <>
            {report.report.action}, {report.report.status}
            {report.report.remote_mta !== undefined && <> by {report.report.remote_mta}</>}
            {report.report.diagnostic !== undefined && <>: {report.report.diagnostic}</>}
          </>
        )}
      </p>
      <details>
        <summary>The report as it came ({report.bytes} bytes)</summary>
        <RawText label={`Report of ${report.received_at}`}>{report.raw}</RawText>
      </details>
    </div>
  );
}
