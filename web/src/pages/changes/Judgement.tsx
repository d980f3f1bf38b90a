import { Button, Radio, Textarea } from '@mantine/core';
import { useState } from 'react';
import { useMay } from '../../api/queries';
import type { ChangeView } from '../../api/types';
import { useChangeWrite } from '../../api/writes';
import { FormDialog, faultOf } from '../../components/dialogs';
import { At } from '../../components/marks';
import { Panel } from '../../components/Page';
import { Refused } from '../../components/States';

/** Whether the change is substantial for security: judged by one person, agreed by another. */
export function Judgement({ view }: { view: ChangeView }) {
  const { change, may } = view;
  const write = useChangeWrite(change.id);
  const [judging, setJudging] = useState(false);
  const verdict = change.state === 'proposed' ? undefined : change.verdict;
  return (
    <Panel title="Substantial for security?">
      <div className="stack">
        {verdict === undefined ? (
          <p className="dim">Nobody has judged it yet.</p>
        ) : (
          <dl className="definition">
            <dt>Judgement</dt>
            <dd className="strong">{verdict.substantial ? 'Yes, substantial' : 'No, not substantial'}</dd>
            <dt>Reason</dt>
            <dd className="wrap" style={{ whiteSpace: 'pre-line' }}>
              {verdict.reason}
            </dd>
            <dt>Judged</dt>
            <dd>
              {change.judged_by_name}, <At at={verdict.at} />
            </dd>
            {(change.state === 'agreed' || change.state === 'told') && (
              <>
                <dt>Agreed</dt>
                <dd>
                  {change.agreed_by_name}, <At at={change.agreement.at} />
                </dd>
              </>
            )}
          </dl>
        )}
        <Waiting view={view} />
        <div className="row">
          {may.agree && (
            <Button
              variant="filled"
              loading={write.isPending}
              onClick={() => write.mutate({ path: '/agree', version: change.version })}
            >
              Agree
            </Button>
          )}
          {may.assess && (
            <Button variant={verdict === undefined ? 'filled' : 'default'} onClick={() => setJudging(true)}>
              {verdict === undefined ? 'Judge' : 'Judge otherwise'}
            </Button>
          )}
        </div>
        {!judging && <Refused fault={write.error} />}
      </div>
      {judging && <JudgeDialog view={view} onClose={() => setJudging(false)} />}
    </Panel>
  );
}

/** Why nobody here can agree, where that is so. */
function Waiting({ view: { change, may } }: { view: ChangeView }) {
  const approves = useMay('approve_notices');
  if (change.state !== 'assessed' || change.course === 'withdrawn' || may.agree) return null;
  return (
    <p className="notice-bar warn">
      {approves
        ? 'You wrote or judged this change, so a second person must agree.'
        : 'Waits for somebody who may approve notices. They have been paged.'}
    </p>
  );
}

function JudgeDialog({ view: { change }, onClose }: { view: ChangeView; onClose: () => void }) {
  const write = useChangeWrite(change.id);
  const [answer, setAnswer] = useState<'yes' | 'no' | null>(null);
  const [reason, setReason] = useState('');
  return (
    <FormDialog
      title="Is it substantial for security?"
      opened
      onClose={onClose}
      doLabel="Record judgement"
      pending={write.isPending}
      fault={write.error}
      shownFaults={['reason']}
      ready={answer !== null && reason.trim() !== ''}
      onDo={() =>
        write.mutate(
          {
            path: '/assess',
            body: { substantial: answer === 'yes', reason: reason.trim() },
            version: change.version,
          },
          { onSuccess: onClose },
        )
      }
    >
      <Radio.Group
        label="Judgement"
        value={answer}
        onChange={(value) => setAnswer(value === 'yes' ? 'yes' : 'no')}
        required
      >
        <div className="stack tight">
          <Radio
            value="yes"
            label="Yes, substantial"
            description="Customers who pay are told before it takes effect."
          />
          <Radio
            value="no"
            label="No"
            description="It stays in the register with the reason; nobody is told."
          />
        </div>
      </Radio.Group>
      <Textarea
        label="Reason"
        description="Becomes part of the record. A second person must agree."
        minRows={3}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        error={faultOf(write.error, 'reason')}
        required
      />
    </FormDialog>
  );
}
