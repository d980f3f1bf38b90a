import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { FACT_NAMES, LANGUAGE_NAMES } from '../../words/labels';
import type { Clash } from './together';

/** Texts that somebody else changed while the reader did: nothing is saved until each is decided. */
export function Clashes({
  clashes,
  by,
  onTake,
  onKeep,
}: {
  clashes: Clash[];
  by: ReactNode;
  onTake: (clash: Clash) => void;
  onKeep: (clash: Clash) => void;
}) {
  return clashes.map((clash) => (
    <div key={`${clash.language ?? ''} ${clash.field}`} className="notice-bar warn stack" role="alert">
      <p>
        {by} changed “{nameOf(clash)}” too, while you did. Nothing is saved until you choose.
      </p>
      <blockquote className="wrap" lang={clash.language} style={{ whiteSpace: 'pre-wrap' }}>
        {clash.theirs === '' ? <span className="dim">Nothing</span> : clash.theirs}
      </blockquote>
      <div className="row">
        <Button onClick={() => onTake(clash)}>Take this text</Button>
        <Button onClick={() => onKeep(clash)}>Keep mine</Button>
      </div>
    </div>
  ));
}

function nameOf({ language, field }: Clash): string {
  const name = field === 'records_read' ? 'Records read' : FACT_NAMES[field].label;
  return language === undefined ? name : `${name} (${LANGUAGE_NAMES[language] ?? language})`;
}
