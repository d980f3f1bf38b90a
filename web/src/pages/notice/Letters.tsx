import { NativeSelect, Tabs } from '@mantine/core';
import { useState } from 'react';
import type { Letter } from '../../api/types';
import { LetterHtml } from '../../components/LetterHtml';
import { Hash } from '../../components/marks';
import { Panel } from '../../components/Page';
import { RawText } from '../../components/RawText';

/** The letters as they would go, one customer at a time. */
export function Letters({ letters }: { letters: readonly Letter[] }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const letter = letters.find((each) => each.id === chosen) ?? letters[0];
  if (letter === undefined) {
    return (
      <Panel title="Letters">
        <p className="dim">
          Nobody is affected, so there is no letter. Put customers on the incident’s list first.
        </p>
      </Panel>
    );
  }
  return (
    <Panel title={`Letters (${letters.length})`}>
      <div className="stack">
        <NativeSelect
          label="Customer"
          value={letter.id}
          onChange={(event) => setChosen(event.currentTarget.value)}
          data={letters.map((each) => ({ value: each.id, label: each.customer_name }))}
        />
        <dl className="definition">
          <dt>To</dt>
          <dd>
            {letter.recipients.length === 0 ? (
              <span className="bad strong">nobody: this customer has no contact</span>
            ) : (
              letter.recipients.join(', ')
            )}
          </dd>
          <dt>Subject</dt>
          <dd className="strong">{letter.subject}</dd>
          <dt>Hash</dt>
          <dd>
            <Hash hash={letter.hash} />
          </dd>
        </dl>
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
      </div>
    </Panel>
  );
}
