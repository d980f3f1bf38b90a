/** What the reader of a notice has had on the screen: an approval is of that, and of nothing that came in since. */
import { useCallback, useState } from 'react';
import type { LetterRow, NoticeView } from '../../api/types';

/** The letters that were read, by the content hash that came with them. */
export interface Read {
  hash: string;
  letters: readonly LetterRow[];
}

export interface Reading {
  /** None until a letter was on the screen while the notice waited. */
  read: Read | null;
  /** Whether what was read is what stands, and a letter of it is on the screen. */
  current: boolean;
  /** Whether something else stands than what was read. */
  stale: boolean;
  /** A letter is on the screen, as it was when the notice had this content. */
  onShown: (hash: string) => void;
  /** The reader wants to read the letters as they stand now. */
  readAgain: () => void;
}

/** Keeps what was read while the notice goes on changing: only the reader says that the letters were read again. */
export function useReading(view: NoticeView): Reading {
  const { notice, letters } = view;
  const [read, setRead] = useState<Read | null>(null);
  const [shown, setShown] = useState<string | null>(null);
  const { content_hash, state } = notice;
  const onShown = useCallback(
    (hash: string) => {
      setShown(hash);
      if (state === 'submitted' && hash === content_hash)
        setRead((before) => before ?? { hash: content_hash, letters });
    },
    [state, content_hash, letters],
  );
  return {
    read,
    current: read !== null && read.hash === content_hash && shown === content_hash,
    stale: read !== null && read.hash !== content_hash,
    onShown,
    readAgain: () => setRead({ hash: content_hash, letters }),
  };
}

/** Which letters are not what was read, by the names of their customers; `gone` have no letter any more. */
export function changedSince(
  read: Read,
  view: NoticeView,
): { changed: string[]; fresh: string[]; gone: string[] } {
  const before = new Map(read.letters.map((row) => [row.id, row.hash]));
  const now = new Set(view.letters.map((row) => row.id));
  const names = (rows: readonly LetterRow[]) => rows.map((row) => row.customer_name);
  return {
    changed: names(view.letters.filter((row) => before.has(row.id) && before.get(row.id) !== row.hash)),
    fresh: names(view.letters.filter((row) => !before.has(row.id))),
    gone: names(read.letters.filter((row) => !now.has(row.id))),
  };
}
