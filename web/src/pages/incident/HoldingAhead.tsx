/** Whom the holding notice goes to if nobody acts, in how long, and what it says: seen before it goes. */
import { NativeSelect } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useLetter, useNotice } from '../../api/queries';
import type { LetterRow, ObligationView } from '../../api/types';
import { Countdown } from '../../components/marks';
import { RawText } from '../../components/RawText';
import { Loaded } from '../../components/States';
import { spanMilliseconds } from '../../words/countdown';
import { count } from '../../words/labels';
import { nextInWords, stepLimit } from '../../words/ladder';

/** The obligations whose holding notice goes next, all at one instant; none where no clock has it ahead. */
export function holdingNext(
  obligations: ObligationView[],
): { at: string; together: ObligationView[] } | null {
  const ahead = obligations.flatMap((each) => {
    const step = each.ladder.find((one) => one.step === 'send_holding');
    const goes = each.state === 'running' && step !== undefined && step.taken_at === null;
    return goes ? [{ at: step.at, each }] : [];
  });
  const at = ahead.map((one) => one.at).sort()[0];
  if (at === undefined) return null;
  return { at, together: ahead.filter((one) => one.at === at).map((one) => one.each) };
}

/** So many customers are named; the notice lists the others. */
const NAMED = 50;

export function HoldingAhead({ obligations }: { obligations: ObligationView[] }) {
  const [opened, setOpened] = useState(false);
  const next = holdingNext(obligations);
  const first = next?.together[0];
  if (next === null || first === undefined) return null;
  const recipients = next.together.reduce((sum, each) => sum + each.recipients, 0);
  const notice = first.holding?.notice;
  const unapproved = first.holding?.unapproved ?? [];
  return (
    <details className="small" onToggle={(event) => setOpened(event.currentTarget.open)}>
      <summary>
        <Countdown
          what={nextInWords('send_holding', recipients)}
          dueAt={next.at}
          limit={stepLimit('send_holding', spanMilliseconds(first.deadline.limit))}
        />
        : to whom, and its text
        {unapproved.length > 0 && <span className="tag alarm">words not approved</span>}
      </summary>
      {unapproved.length > 0 && (
        <p className="wrap">
          Nobody has approved its words in {unapproved.join(', ')}. It goes all the same when it is due, and
          the record says so.{' '}
          <Link to="/breach" search={{ incident: first.incident }}>
            Read and approve them at the breach desk
          </Link>
        </p>
      )}
      {opened && notice !== undefined && (
        <Ahead notice={notice} customers={new Set(next.together.map((each) => each.customer))} />
      )}
      {notice === undefined && <p className="bad">There is no holding notice yet.</p>}
    </details>
  );
}

function Ahead({ notice, customers }: { notice: string; customers: Set<string> }) {
  const query = useNotice(notice);
  return (
    <Loaded query={query} what="the holding notice">
      {(view) => (
        <Goes notice={notice} letters={view.letters.filter((letter) => customers.has(letter.customer))} />
      )}
    </Loaded>
  );
}

function Goes({ notice, letters }: { notice: string; letters: LetterRow[] }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const row = letters.find((each) => each.id === chosen) ?? letters[0];
  const letter = useLetter(row?.id ?? '');
  if (row === undefined) return <p className="bad">No letter is rendered for these customers.</p>;
  const more = letters.length - NAMED;
  return (
    <div className="stack tight">
      <ul aria-label="Who gets the holding notice">
        {letters.slice(0, NAMED).map((each) => (
          <li key={each.id}>
            {each.customer_name}:{' '}
            {each.recipients.length === 0 ? (
              <span className="bad strong">nobody, this customer has no contact</span>
            ) : (
              each.recipients.join(', ')
            )}
          </li>
        ))}
      </ul>
      {more > 0 && (
        <p>
          And {count(more, 'customer')} more:{' '}
          <Link to="/notices/$id" params={{ id: notice }}>
            open the notice
          </Link>
        </p>
      )}
      {letters.length > 1 && (
        <NativeSelect
          size="xs"
          label="The letter to"
          value={row.id}
          onChange={(event) => setChosen(event.currentTarget.value)}
          data={letters.map((each) => ({ value: each.id, label: each.customer_name }))}
        />
      )}
      <Loaded query={letter} what="the letter">
        {(whole) => (
          <>
            <p className="strong">{whole.subject}</p>
            <RawText label="Text of the holding notice">{whole.text}</RawText>
          </>
        )}
      </Loaded>
    </div>
  );
}
