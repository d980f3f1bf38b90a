import { Button, NativeSelect, SegmentedControl, Textarea } from '@mantine/core';
import { getRouteApi, Link, useLocation } from '@tanstack/react-router';
import { type FormEvent, useEffect, useState } from 'react';
import { incidentPath, rows, useMay, useTimeline } from '../../api/queries';
import type { IncidentView, TimelineEntry, WrittenKind } from '../../api/types';
import { useIncidentWrite } from '../../api/writes';
import { faultOf } from '../../components/dialogs';
import { InstantInput } from '../../components/InstantInput';
import { Ago } from '../../components/marks';
import { Empty, Loaded, More, Refused } from '../../components/States';
import { usePreferences } from '../../live/preferences';
import { day, fromInput, full, timeOfDay, zoneName } from '../../words/instants';
import { ENTRY_GROUPS, ENTRY_NAMES } from '../../words/labels';

const here = getRouteApi('/incidents/$id');
const WRITTEN: Record<WrittenKind, { label: string; hint: string }> = {
  note: { label: 'Note', hint: 'What you see or do' },
  decision: { label: 'Decision', hint: 'What was decided, by whom, and why' },
  evidence: { label: 'Evidence', hint: 'What shows it, and where it is kept' },
  status_update: {
    label: 'Status',
    hint: 'Where things stand; replaces the summary above and restarts the clock of updates',
  },
};

export function Timeline({ view }: { view: IncidentView }) {
  const query = useTimeline(incidentPath(view.incident.id));
  const search = here.useSearch();
  const navigate = here.useNavigate();
  const group = ENTRY_GROUPS[search.show ?? ''];
  const all = rows(query.data);
  const list = group === undefined ? all : all?.filter((entry) => group.kinds.includes(entry.kind));
  const { hash } = useLocation();
  const { hasNextPage, isFetching, fetchNextPage } = query;
  const found = hash === '' || (all?.some((entry) => entry.id === hash) ?? false);
  useEffect(() => {
    // A permalink may point at an entry far down: load until it is there, then show it.
    if (!found && hasNextPage && !isFetching) void fetchNextPage();
    if (hash !== '' && found) document.getElementById(hash)?.scrollIntoView({ block: 'center' });
  }, [found, hasNextPage, isFetching, fetchNextPage, hash]);
  return (
    <div className="stack">
      <Composer view={view} />
      <div className="row apart">
        <NativeSelect
          aria-label="Show entries"
          value={search.show ?? ''}
          onChange={(event) => {
            const show = event.currentTarget.value;
            void navigate({ search: (before) => ({ ...before, show }), replace: true });
          }}
          data={[
            { value: '', label: 'All entries' },
            ...Object.entries(ENTRY_GROUPS).map(([value, { label }]) => ({ value, label })),
          ]}
        />
        <span className="small dim">the newest record first; the time is when it happened</span>
      </div>
      <Loaded query={{ ...query, data: list }} what="the timeline">
        {(entries) =>
          entries.length === 0 ? (
            <Empty title={group === undefined ? 'Nothing has happened yet' : 'No entry of this kind'}>
              {group === undefined
                ? 'Write the first entry above.'
                : 'Choose “All entries”, or write the first one above.'}
            </Empty>
          ) : (
            <Entries entries={entries} pointed={hash} />
          )
        }
      </Loaded>
      <More query={query} />
    </div>
  );
}

/** Entries of a timeline, day by day. */
export function Entries({ entries, pointed }: { entries: TimelineEntry[]; pointed: string }) {
  const { zone } = usePreferences();
  const days = new Map<string, TimelineEntry[]>();
  for (const entry of entries) {
    const name = day(Date.parse(entry.recorded_at), zone);
    const group = days.get(name);
    if (group === undefined) days.set(name, [entry]);
    else group.push(entry);
  }
  return (
    <div className="panel">
      {[...days.entries()].map(([name, list]) => (
        <section key={name} aria-label={name}>
          <h2 className="day-line">
            {name} ({zoneName(Date.parse(list[0]?.recorded_at ?? ''), zone)})
          </h2>
          <ol className="plain-list lines">
            {list.map((entry) => (
              <Entry key={entry.id} entry={entry} pointed={entry.id === pointed} />
            ))}
          </ol>
        </section>
      ))}
    </div>
  );
}

const BY_HAND = new Set(['note', 'decision', 'evidence', 'status_update']);
/** Further apart than this, the two instants of an entry are worth reading both. */
const APART = 1000;

function Entry({ entry, pointed }: { entry: TimelineEntry; pointed: boolean }) {
  const { zone } = usePreferences();
  const happened = Date.parse(entry.happened_at);
  const recorded = Date.parse(entry.recorded_at);
  const apart = Math.abs(recorded - happened) > APART;
  return (
    <li
      id={entry.id}
      className={`timeline-entry ${BY_HAND.has(entry.kind) ? 'mine-written' : ''} ${pointed ? 'pointed' : ''}`}
    >
      <Link
        to="."
        search={(before: Record<string, string>) => before}
        hash={entry.id}
        className="num small"
        title={`Happened ${full(happened, zone)}, recorded ${full(recorded, zone)}. Link to this entry.`}
        aria-label={`${timeOfDay(happened, zone)}: link to this entry`}
      >
        {timeOfDay(happened, zone)}
      </Link>
      <div className="grow">
        <div className="small dim">
          <span className="strong">{ENTRY_NAMES[entry.kind]}</span> · {entry.by_name} ·{' '}
          <Ago at={entry.recorded_at} />
          {apart && (
            <>
              {' '}
              · happened {full(happened, zone)}, recorded {full(recorded, zone)}
            </>
          )}
        </div>
        <p>{entry.text}</p>
      </div>
    </li>
  );
}

function Composer({ view }: { view: IncidentView }) {
  const { zone } = usePreferences();
  const may = useMay('respond');
  const write = useIncidentWrite(view.incident.id);
  const [kind, setKind] = useState<WrittenKind>('note');
  const [text, setText] = useState('');
  const [at, setAt] = useState('');
  if (!may) return null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() === '') return;
    write.mutate(
      { path: '/timeline', body: { kind, text: text.trim(), happened_at: fromInput(at, zone) } },
      {
        onSuccess: () => {
          setText('');
          setAt('');
        },
      },
    );
  };
  return (
    <form className="panel no-print" onSubmit={submit} aria-label="Write to the timeline">
      <div className="panel-body stack">
        <SegmentedControl
          size="xs"
          aria-label="Kind of entry"
          value={kind}
          onChange={(value) => setKind(value as WrittenKind)}
          data={Object.entries(WRITTEN).map(([value, { label }]) => ({ value, label }))}
        />
        <Textarea
          aria-label={WRITTEN[kind].label}
          placeholder={WRITTEN[kind].hint}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          error={faultOf(write.error, 'text')}
        />
        <div className="row apart" style={{ alignItems: 'flex-end' }}>
          <InstantInput
            label="Happened at"
            empty="empty: now"
            value={at}
            onChange={setAt}
            error={faultOf(write.error, 'happened_at')}
          />
          <Button
            type="submit"
            variant="filled"
            size="sm"
            loading={write.isPending}
            disabled={text.trim() === ''}
          >
            Add to timeline
          </Button>
        </div>
        <Refused fault={write.error} shown={['text', 'happened_at']} />
      </div>
    </form>
  );
}
