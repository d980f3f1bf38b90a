import { Button } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { useMay, useOverview, useSession } from '../../api/queries';
import type { ObligationView } from '../../api/types';
import { useBeginNotice } from '../../api/writes';
import { Refused } from '../../components/States';
import { count, NOTICE_STATE_NAMES } from '../../words/labels';

interface IncidentNotices {
  id: string;
  reference: string;
  title: string;
  waiting: number;
  full: ObligationView['full'];
  holding: ObligationView['holding'];
  /** Languages in which it goes by the clock with words that nobody has approved. */
  unapproved: Set<string>;
}

/** Of each incident: its notices, and what to do about the full one. */
export function FullNotices({ list }: { list: readonly ObligationView[] }) {
  const byIncident = new Map<string, IncidentNotices>();
  for (const each of list) {
    const known = byIncident.get(each.incident) ?? {
      id: each.incident,
      reference: each.incident_reference,
      title: each.incident_title,
      waiting: 0,
      full: null,
      holding: null,
      unapproved: new Set<string>(),
    };
    if (each.state === 'running' || each.state === 'missed') known.waiting += 1;
    known.full ??= each.full;
    known.holding ??= each.holding;
    for (const language of each.holding?.unapproved ?? []) known.unapproved.add(language);
    byIncident.set(each.incident, known);
  }
  return (
    <div className="panel lines">
      {[...byIncident.values()].map((incident) => (
        <IncidentRow key={incident.id} incident={incident} />
      ))}
    </div>
  );
}

/** What the reader may do with a full notice. */
export function fullLabel({ state, approvers }: NonNullable<ObligationView['full']>, me: string): string {
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

function IncidentRow({ incident }: { incident: IncidentNotices }) {
  const may = useMay('draft_notices');
  const me = useSession().user.id;
  const begin = useBeginNotice();
  const navigate = useNavigate();
  return (
    <div className="line-item row apart">
      <div className="grow">
        <Link to="/incidents/$id" params={{ id: incident.id }} className="strong">
          {incident.reference}
        </Link>{' '}
        {incident.title}
        <div className="small dim">
          {count(incident.waiting, 'customer')} still to be told
          {incident.holding !== null && (
            <>
              {' · '}
              <Link to="/notices/$id" params={{ id: incident.holding.notice }}>
                holding notice
              </Link>{' '}
              {NOTICE_STATE_NAMES[incident.holding.state].toLowerCase()}
            </>
          )}
          {incident.unapproved.size > 0 && (
            <>
              {' '}
              <span className="tag alarm">
                words not approved: {[...incident.unapproved].sort().join(', ')}
              </span>
            </>
          )}
          {incident.full !== null && (
            <> · full notice {NOTICE_STATE_NAMES[incident.full.state].toLowerCase()}</>
          )}
        </div>
        {incident.full === null && may && <NobodyToApprove me={me} />}
        <Refused fault={begin.error} />
      </div>
      {incident.full !== null ? (
        <Button
          variant={incident.full.state === 'sent' ? 'default' : 'filled'}
          renderRoot={(props) => (
            <Link to="/notices/$id" params={{ id: incident.full?.notice ?? '' }} {...props} />
          )}
        >
          {fullLabel(incident.full, me)}
        </Button>
      ) : (
        may && (
          <Button
            variant="filled"
            loading={begin.isPending}
            onClick={() =>
              begin.mutate(
                { incident: incident.id, kind: 'full' },
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
