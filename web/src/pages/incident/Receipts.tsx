import { Button, Textarea } from '@mantine/core';
import { useState } from 'react';
import { type MatterPath, useMay, useReceipts } from '../../api/queries';
import type { ReceiptView } from '../../api/types';
import { useAnswer } from '../../api/writes';
import { FormDialog, faultOf } from '../../components/dialogs';
import { ActorName, Ago, At } from '../../components/marks';
import { Panel } from '../../components/Page';
import { Loaded } from '../../components/States';
import { count, NOTICE_NAMES } from '../../words/labels';

interface Asked {
  receipt: ReceiptView;
  /** Counted from 1. */
  number: number;
}

/** What recipients did with their letters on the portal: opened, acknowledged, asked. */
export function Receipts({ of, sent }: { of: MatterPath; sent: boolean }) {
  const query = useReceipts(of);
  const [answering, setAnswering] = useState<Asked | null>(null);
  const list = query.data?.items ?? [];
  if (!sent && list.length === 0) return null;
  const acknowledged = list.filter((receipt) => receipt.acknowledged !== undefined).length;
  const open = list.flatMap((receipt) => receipt.questions).filter((question) => !question.answer).length;
  return (
    <Panel title="What recipients did" bare>
      <p className="line-item small dim num">
        {list.length} opened · {acknowledged} acknowledged ·{' '}
        <span className={open > 0 ? 'soon' : ''}>{count(open, 'question')} to answer</span>
      </p>
      <Loaded query={query} what="what recipients did">
        {() =>
          list.length === 0 ? (
            <p className="line-item dim">
              No recipient has typed in the code of a letter yet. Who opens, acknowledges or asks on the page
              that letters name appears here.
            </p>
          ) : (
            <ul className="plain-list lines">
              {list.map((receipt) => (
                <Row
                  key={receipt.letter}
                  receipt={receipt}
                  onAnswer={(number) => setAnswering({ receipt, number })}
                />
              ))}
            </ul>
          )
        }
      </Loaded>
      {answering && <AnswerDialog of={of} asked={answering} onClose={() => setAnswering(null)} />}
    </Panel>
  );
}

function Row({ receipt, onAnswer }: { receipt: ReceiptView; onAnswer: (number: number) => void }) {
  const may = useMay('approve_notices');
  return (
    <li className="line-item stack">
      <div>
        <span className="strong">{receipt.customer_name}</span>{' '}
        <span className="small dim">
          {receipt.notice_kind && NOTICE_NAMES[receipt.notice_kind].toLowerCase()} · opened{' '}
          <Ago at={receipt.opened_at} />
        </span>
        <div className="small">
          {receipt.acknowledged ? (
            <>
              Acknowledged by {receipt.acknowledged.name}
              {receipt.acknowledged.role && ` (${receipt.acknowledged.role})`},{' '}
              <At at={receipt.acknowledged.at} />
            </>
          ) : (
            <span className="dim">Not acknowledged yet</span>
          )}
        </div>
      </div>
      {receipt.questions.map((question, index) => (
        <blockquote key={question.at + question.name} className="quote">
          <p className="small dim">
            {question.name} asks, <At at={question.at} />
          </p>
          <p className="wrap" style={{ whiteSpace: 'pre-line' }}>
            {question.text}
          </p>
          {question.answer ? (
            <>
              <p className="small dim">
                <ActorName actor={question.answer.by} /> answered, <At at={question.answer.at} />
              </p>
              <p className="wrap" style={{ whiteSpace: 'pre-line' }}>
                {question.answer.text}
              </p>
            </>
          ) : may ? (
            <Button size="xs" onClick={() => onAnswer(index + 1)}>
              Answer
            </Button>
          ) : (
            <p className="small soon">Waits for somebody who may approve notices</p>
          )}
        </blockquote>
      ))}
    </li>
  );
}

function AnswerDialog({ of, asked, onClose }: { of: MatterPath; asked: Asked; onClose: () => void }) {
  const write = useAnswer(of);
  const [text, setText] = useState('');
  const { receipt, number } = asked;
  return (
    <FormDialog
      title={`Answer ${receipt.customer_name}`}
      opened
      onClose={onClose}
      doLabel="Answer"
      pending={write.isPending}
      fault={write.error}
      shownFaults={['text']}
      ready={text.trim() !== ''}
      onDo={() => write.mutate({ letter: receipt.letter, number, text: text.trim() }, { onSuccess: onClose })}
    >
      <p className="wrap" style={{ whiteSpace: 'pre-line' }}>
        {receipt.questions[number - 1]?.text}
      </p>
      <Textarea
        label="Answer"
        description="Stands on the recipient’s page, and in the record. It cannot be changed; a correction is another notice."
        minRows={4}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        error={faultOf(write.error, 'text')}
        data-autofocus
        required
      />
    </FormDialog>
  );
}
