/** The words of the holding notice: it goes while nobody acts, so that two people read them beforehand. */
import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../../api/client';
import { useHoldingWords, useMay, useSession } from '../../api/queries';
import type { HoldingWords, WordsApproval } from '../../api/types';
import { FormDialog, ReasonDialog } from '../../components/dialogs';
import { ActorName, At } from '../../components/marks';
import { Panel } from '../../components/Page';
import { RawText } from '../../components/RawText';
import { Loaded } from '../../components/States';
import { count } from '../../words/labels';

export function HoldingWordsPanel() {
  const query = useHoldingWords();
  return (
    <Panel title="Words of the holding notice" bare>
      <Loaded query={query} what="the words of the holding notice">
        {(words) => (
          <ul className="plain-list lines">
            {words.items.map((each) => (
              <WordsLine key={each.digest} words={each} />
            ))}
          </ul>
        )}
      </Loaded>
    </Panel>
  );
}

type Doing = 'put-forward' | 'approve' | 'take-back';

export function WordsLine({ words }: { words: HoldingWords }) {
  const [doing, setDoing] = useState<Doing | null>(null);
  const mayPutForward = useMay('draft_notices');
  const mayApprove = useMay('approve_notices');
  const me = useSession().user.id;
  const { approval } = words;
  const approved = approval?.approved;
  const forward = approval?.put_forward ?? [];
  const mine = forward.some(({ by }) => by.kind === 'person' && by.user === me);
  return (
    <li className="line-item stack tight">
      <div className="row apart">
        <h3>
          {words.language} <span className="dim small">would go to {count(words.customers, 'customer')}</span>
        </h3>
        <span className={approved ? 'tag fine' : 'tag alarm'}>{approved ? 'approved' : 'not approved'}</span>
      </div>
      {!approved && (
        <p className="small wrap">
          Nobody has approved these words. The holding notice goes by the clock all the same, since silence
          would be worse; timeline, register and the auditor’s pack then say so.
        </p>
      )}
      {forward.map((act) => (
        <p key={act.at} className="small dim">
          put forward by <ActorName actor={act.by} />, <At at={act.at} />
        </p>
      ))}
      {approved && (
        <p className="small dim">
          approved by <ActorName actor={approved.by} />, <At at={approved.at} />
        </p>
      )}
      {(approval?.taken_back ?? []).map((taken) => (
        <p key={taken.at} className="small dim wrap">
          approval by <ActorName actor={taken.approved.by} /> (<At at={taken.approved.at} />) taken back by{' '}
          <ActorName actor={taken.by} />, <At at={taken.at} />: {taken.why}
        </p>
      ))}
      <details className="small">
        <summary>Read them, filled with samples</summary>
        <p className="dim">
          letters/{words.folders.join(', ')}/{words.language}, SHA-256 {words.digest}
        </p>
        <p className="strong">{words.subject}</p>
        <RawText label={`Text of the holding notice in ${words.language}`}>{words.text}</RawText>
      </details>
      {!approved && (
        <div className="row">
          {mayPutForward && !mine && (
            <Button
              size="compact-sm"
              aria-label={`Put forward the words in ${words.language}`}
              onClick={() => setDoing('put-forward')}
            >
              Put forward…
            </Button>
          )}
          {mayApprove && !mine && forward.length > 0 && (
            <Button
              size="compact-sm"
              variant="filled"
              aria-label={`Approve the words in ${words.language}`}
              onClick={() => setDoing('approve')}
            >
              Approve…
            </Button>
          )}
          {mine && <span className="small dim">A second person approves what you put forward.</span>}
        </div>
      )}
      {approved && mayPutForward && (
        <div className="row">
          <Button
            size="compact-sm"
            variant="subtle"
            aria-label={`Take back the approval of the words in ${words.language}`}
            onClick={() => setDoing('take-back')}
          >
            Take back…
          </Button>
        </div>
      )}
      {doing === 'take-back' && <TakeBackDialog words={words} onClose={() => setDoing(null)} />}
      {doing !== null && doing !== 'take-back' && (
        <WordsDialog words={words} doing={doing} onClose={() => setDoing(null)} />
      )}
    </li>
  );
}

/** One person is enough to take an approval back: it holds nothing up, and two people can approve the words anew. */
function TakeBackDialog({ words, onClose }: { words: HoldingWords; onClose: () => void }) {
  const act = useWordsAct('take-back', words, onClose);
  return (
    <ReasonDialog
      title={`Take back the approval of the words in ${words.language}`}
      opened
      onClose={onClose}
      doLabel="Take back"
      danger
      pending={act.isPending}
      fault={act.error}
      intro={
        <p className="small">
          It stops nothing. Whatever goes by the clock from now on goes with words that nobody has approved,
          and timeline, register and the auditor’s pack say so. To stop a holding notice: approve a full one,
          reverse the confirmation, or place a legal hold. Two people can approve these words anew.
        </p>
      }
      onDo={(why) => act.mutate({ why })}
    />
  );
}

const SAYS: Record<Exclude<Doing, 'take-back'>, { title: string; label: string; means: string }> = {
  'put-forward': {
    title: 'Put these words forward',
    label: 'Put forward',
    means:
      'You say that you wrote or changed them, or answer for them as they came. You cannot approve them then.',
  },
  approve: {
    title: 'Approve these words',
    label: 'Approve',
    means:
      'They go to customers without anybody reading them again. One byte changed, and they are approved anew.',
  },
};

function useWordsAct(doing: Doing, { language, digest }: HoldingWords, onDone: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (beside: { why?: string }) =>
      request<WordsApproval>(`/holding-words/${doing}`, {
        method: 'POST',
        body: { language, digest, ...beside },
      }),
    onSuccess: onDone,
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ['holding-words'] });
      void client.invalidateQueries({ queryKey: ['obligations'] });
      void client.invalidateQueries({ queryKey: ['incident'] });
    },
  });
}

function WordsDialog({
  words,
  doing,
  onClose,
}: {
  words: HoldingWords;
  doing: Exclude<Doing, 'take-back'>;
  onClose: () => void;
}) {
  const act = useWordsAct(doing, words, onClose);
  const { title, label, means } = SAYS[doing];
  return (
    <FormDialog
      title={title}
      opened
      onClose={onClose}
      doLabel={label}
      pending={act.isPending}
      fault={act.error}
      onDo={() => act.mutate({})}
      size="lg"
    >
      <p className="small">{means}</p>
      <p className="strong">{words.subject}</p>
      <RawText label="The words">{words.text}</RawText>
    </FormDialog>
  );
}
