import { Button, NativeSelect, Tabs } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useLetter, useMay } from '../../api/queries';
import type { Letter, LetterRow, NoticeView } from '../../api/types';
import { useDryRun } from '../../api/writes';
import { LetterHtml } from '../../components/LetterHtml';
import { ActorName, At, Hash } from '../../components/marks';
import { Panel } from '../../components/Page';
import { RawText } from '../../components/RawText';
import { Loaded, Refused } from '../../components/States';
import { count } from '../../words/labels';
import { Tellings } from '../breach/TellByHand';

/** The letters as they would go, one customer at a time. */
export function Letters({ view, onShown }: { view: NoticeView; onShown: (hash: string) => void }) {
  const { letters } = view;
  const [chosen, setChosen] = useState<string | null>(null);
  const row = letters.find((each) => each.id === chosen) ?? letters[0];
  const query = useLetter(row?.id ?? '', row?.hash);
  const client = useQueryClient();
  const { id, content_hash } = view.notice;
  const shown = row === undefined ? undefined : query.data?.hash;
  // What came is the letter that the notice speaks of, or one of them is old: then both are asked for again.
  const agrees = shown === row?.hash;
  useEffect(() => {
    if (shown === undefined) return;
    if (agrees) onShown(content_hash);
    else void client.invalidateQueries({ queryKey: ['notice', id] });
  }, [shown, agrees, content_hash, onShown, client, id]);
  if (row === undefined) {
    return (
      <Panel title="Letters">
        <p className="dim">
          There is nobody to send this kind of notice to now, so there is no letter. A full notice goes to
          affected customers who have not had one; a security-change notice to those who pay; the other kinds
          to customers who were told before.
        </p>
      </Panel>
    );
  }
  return (
    <Panel title={`Letters (${letters.length})`} id="letters">
      <div className="stack">
        {view.notice.unapproved !== undefined && (
          <p className="wrap">
            <span className="tag alarm">words not approved</span> {count(view.notice.unapproved, 'letter')}{' '}
            went by the clock with words that nobody had approved beforehand.
          </p>
        )}
        <NativeSelect
          label="Customer"
          value={row.id}
          onChange={(event) => setChosen(event.currentTarget.value)}
          data={letters.map((each) => ({ value: each.id, label: each.customer_name }))}
        />
        <Loaded query={query} what="the letter">
          {(letter) =>
            agrees ? (
              <Whole letter={letter} row={row} />
            ) : (
              <p className="notice-bar warn" role="status">
                This letter has just changed. The page is catching up.
              </p>
            )
          }
        </Loaded>
        <DryRun view={view} row={row} />
      </div>
    </Panel>
  );
}

function Whole({ letter, row }: { letter: Letter; row: LetterRow }) {
  return (
    <>
      <dl className="definition">
        <dt>To</dt>
        <dd>
          {row.recipients.length === 0 ? (
            <span className="bad strong">nobody: this customer has no contact</span>
          ) : (
            row.recipients.join(', ')
          )}
        </dd>
        <dt>Subject</dt>
        <dd className="strong">{letter.subject}</dd>
        <dt>Hash</dt>
        <dd>
          <Hash hash={letter.hash} />
        </dd>
        {row.template?.approved && (
          <>
            <dt>Words</dt>
            <dd>
              approved beforehand by <ActorName actor={row.template.approved.by} />,{' '}
              <At at={row.template.approved.at} />
            </dd>
          </>
        )}
      </dl>
      <Tellings by_hand={row.by_hand} />
      <Tabs defaultValue="text">
        <Tabs.List aria-label="Form of the letter">
          <Tabs.Tab value="text">Text</Tabs.Tab>
          <Tabs.Tab value="html">HTML</Tabs.Tab>
          <Tabs.Tab value="source">HTML source</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="text" pt={8}>
          <RawText label="Letter as text">{letter.text}</RawText>
        </Tabs.Panel>
        <Tabs.Panel value="html" pt={8}>
          <LetterHtml html={letter.html} />
        </Tabs.Panel>
        <Tabs.Panel value="source" pt={8}>
          <RawText label="Source of the letter’s HTML">{letter.html}</RawText>
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

/** The letter as mail, to the reader alone: how it looks in the program that recipients read it with. */
function DryRun({ view, row }: { view: NoticeView; row: LetterRow }) {
  const may = useMay('draft_notices');
  const run = useDryRun(view.notice.id);
  if (!may || view.notice.state === 'sent' || view.notice.state === 'discarded') return null;
  return (
    <div className="row">
      <Button loading={run.isPending} onClick={() => run.mutate(row.customer)}>
        Send this letter to me only
      </Button>
      <span className="small dim" role="status">
        {run.data
          ? `On its way to ${run.data.recipient}, marked [DRY RUN].`
          : 'A dry run: no customer gets anything.'}
      </span>
      <Refused fault={run.error} />
    </div>
  );
}
