import { Button } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { useMay, useOverview, useSession, useTelling } from '../../api/queries';
import type { HoldingGone, NoticeHeading, TellingRow } from '../../api/types';
import { useBeginNotice } from '../../api/writes';
import { Weekday } from '../../components/marks';
import { Loaded, Refused } from '../../components/States';
import { count, NOTICE_STATE_NAMES, tellingInWords } from '../../words/labels';

/** Of each incident in which somebody waits: where telling stands, its notices, and what to do about the full one. */
export function FullNotices({ incident }: { incident: string | undefined }) {
  const telling = useTelling(incident);
  return (
    <Loaded query={telling} what="where telling stands">
      {({ items }) =>
        items.length === 0 ? null : (
          <section className="panel lines" aria-label="Where telling stands">
            {items.map((row) => (
              <IncidentRow key={row.incident} row={row} />
            ))}
          </section>
        )
      }
    </Loaded>
  );
}

/** What the reader may do with a full notice. */
export function fullLabel({ state, approvers }: NoticeHeading, me: string): string {
  if (state !== 'submitted') return 'Open the full notice';
  if (approvers.includes(me)) return 'Read and approve the full notice';
  return approvers.length === 0 ? 'Open the full notice: nobody may approve it' : 'Read the full notice';
}

/** Said where a notice would be begun that nobody could approve: whoever writes one does not. */
function NobodyToApprove({ me }: { me: string }) {
  const approvers = useOverview().data?.approvers;
  if (approvers === undefined || approvers.some((user) => user !== me)) return null;
  return (
    <div className="small soon">
      {approvers.length === 0
        ? 'Nobody may approve notices: give two people the role legal (Settings, People).'
        : 'Only you may approve notices, and not one that you began: have somebody else start it, or give the role legal to a second person (Settings, People).'}
    </div>
  );
}

/** How far the holding notice went: it goes to each customer by the customer's own clock. */
export function HoldingWent({ gone }: { gone: HoldingGone }) {
  const { customers, waiting, next_at } = gone;
  if (customers === 0 && waiting === 0) return <>not needed: nobody waits for it</>;
  if (waiting === 0) return <>sent to {count(customers, 'customer')}</>;
  return (
    <>
      {customers === 0
        ? `prepared for ${count(waiting, 'customer')}`
        : `sent to ${customers} of ${count(customers + waiting, 'customer')}`}
      {next_at !== null && (
        <>
          , the next <Weekday at={next_at} />
        </>
      )}
    </>
  );
}

function IncidentRow({ row }: { row: TellingRow }) {
  const may = useMay('draft_notices');
  const me = useSession().user.id;
  const begin = useBeginNotice();
  const navigate = useNavigate();
  return (
    <div className="line-item row apart">
      <div className="grow">
        <Link to="/incidents/$id" params={{ id: row.incident }} className="strong">
          {row.reference}
        </Link>{' '}
        {row.title} {row.drill && <span className="tag warn">drill</span>}
        <div className="small dim">
          {tellingInWords(row.counts)}
          {row.counts.questions > 0 && (
            <>
              {' '}
              <Link to="/incidents/$id" params={{ id: row.incident }} search={{ tab: 'comms' }}>
                Answer
              </Link>
            </>
          )}
          {row.holding !== null && row.holding_gone !== null && (
            <>
              {' · '}
              <Link to="/notices/$id" params={{ id: row.holding.notice }}>
                holding notice
              </Link>{' '}
              <HoldingWent gone={row.holding_gone} />
            </>
          )}
          {row.unapproved.length > 0 && (
            <>
              {' '}
              <span className="tag alarm">words not approved: {row.unapproved.join(', ')}</span>
            </>
          )}
          {row.full !== null && <> · full notice {NOTICE_STATE_NAMES[row.full.state].toLowerCase()}</>}
        </div>
        {row.full === null && may && <NobodyToApprove me={me} />}
        <Refused fault={begin.error} />
      </div>
      {row.full !== null ? (
        <Button
          variant={row.full.state === 'sent' ? 'default' : 'filled'}
          renderRoot={(props) => (
            <Link to="/notices/$id" params={{ id: row.full?.notice ?? '' }} {...props} />
          )}
        >
          {fullLabel(row.full, me)}
        </Button>
      ) : (
        may && (
          <Button
            variant="filled"
            loading={begin.isPending}
            onClick={() =>
              begin.mutate(
                { incident: row.incident, kind: 'full' },
                {
                  onSuccess: (made) => void navigate({ to: '/notices/$id', params: { id: made.notice.id } }),
                },
              )
            }
          >
            Start the full notice
          </Button>
        )
      )}
    </div>
  );
}
