import { Button } from '@mantine/core';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useMay, useNotice } from '../../api/queries';
import type { NoticeView } from '../../api/types';
import { ActorName, At, Hash } from '../../components/marks';
import { Page } from '../../components/Page';
import { Loaded } from '../../components/States';
import { FACT_NAMES, LANGUAGE_NAMES, NOTICE_NAMES, NOTICE_STATE_NAMES } from '../../words/labels';
import { Approval } from './Approval';
import { Comments } from './Comments';
import { Difference } from './Difference';
import { Discard } from './Discard';
import { FactsEditor } from './FactsEditor';
import { Findings } from './Findings';
import { Letters } from './Letters';
import { useReading } from './reading';
import { Sent } from './Sent';
import { NO_FACTS } from './together';

const here = getRouteApi('/notices/$id');

/** One notice: what is said, how it reads for each customer, and who lets it go. */
export function NoticePage() {
  const { id } = here.useParams();
  const query = useNotice(id);
  const view = query.data;
  const kind = view === undefined ? 'Notice' : NOTICE_NAMES[view.notice.kind];
  return (
    <Page
      key={id}
      title={view === undefined ? kind : `${kind} of ${view.reference}`}
      crumb={
        view?.notice.change === undefined ? (
          <>
            <Link to="/breach">Breach desk</Link>
            {view?.notice.incident !== undefined && (
              <>
                {' / '}
                <Link to="/incidents/$id" params={{ id: view.notice.incident }}>
                  {view.reference}
                </Link>
              </>
            )}
          </>
        ) : (
          <>
            <Link to="/changes">Changes</Link>
            {' / '}
            <Link to="/changes/$id" params={{ id: view.notice.change }}>
              {view.reference}
            </Link>
          </>
        )
      }
    >
      <Loaded query={query} what="the notice">
        {(loaded) => <Notice view={loaded} />}
      </Loaded>
    </Page>
  );
}

function Notice({ view }: { view: NoticeView }) {
  const reading = useReading(view);
  const approves = useMay('approve_notices');
  const [writes, setWrites] = useState(false);
  // Whoever could still approve it reads it, and does not become one of its writers by a slip of the hand.
  const reads = !view.may.edit || (approves && view.may.hand === null && !writes);
  return (
    <div className="stack">
      <Standing view={view} />
      <Approval view={view} reading={reading} />
      {reads && view.may.edit && (
        <p className="notice-bar row apart">
          <span>
            It is being written. You may approve it when it is submitted, as long as you do not write in it.
          </span>
          <Button onClick={() => setWrites(true)}>Write in it</Button>
        </p>
      )}
      {view.notice.state === 'sent' && <Sent view={view} />}
      <div className="two">
        <div className="stack">
          {reads ? <FactsRead view={view} /> : <FactsEditor view={view} />}
          <Changes view={view} />
          <Comments view={view} />
        </div>
        <Letters view={view} onShown={reading.onShown} />
      </div>
    </div>
  );
}

function Standing({ view }: { view: NoticeView }) {
  const { notice } = view;
  const recipients = view.letters.reduce((sum, letter) => sum + letter.recipients.length, 0);
  return (
    <div className="panel">
      <div className="panel-body stack">
        <div className="row">
          <span
            className={
              notice.state === 'sent' ? 'tag fine' : notice.state === 'submitted' ? 'tag warn' : 'tag'
            }
          >
            {NOTICE_STATE_NAMES[notice.state]}
          </span>
          <span className="small">
            begun by <ActorName actor={notice.author} />
          </span>
          {notice.edited !== undefined && (
            <span className="small">
              last changed by <ActorName actor={notice.edited.by} />, <At at={notice.edited.at} />
            </span>
          )}
          {notice.state === 'submitted' && (
            <span className="small">
              submitted by <ActorName actor={notice.by} />, <At at={notice.at} />
            </span>
          )}
          {notice.state === 'sent' && (
            <span className="small">
              sent <At at={notice.at} />, approved by <ActorName actor={notice.approved_by} />
            </span>
          )}
          {view.may.discard && <Discard view={view} />}
        </div>
        {notice.state === 'returned' && (
          <p className="notice-bar warn">
            Returned by <ActorName actor={notice.by} />: {notice.why}
          </p>
        )}
        {notice.returned !== undefined && (notice.state === 'draft' || notice.state === 'submitted') && (
          <p className="notice-bar">
            Returned before by <ActorName actor={notice.returned.by} />, <At at={notice.returned.at} />:{' '}
            {notice.returned.why}
          </p>
        )}
        {notice.state === 'discarded' && (
          <p className="notice-bar">
            Discarded by <ActorName actor={notice.by} />, <At at={notice.at} />: {notice.why}. It goes to
            nobody.
          </p>
        )}
        {notice.state === 'prepared' && (
          <p className="notice-bar">
            Goes by itself shortly before the deadline, from a template that was approved beforehand, unless a
            full notice is approved first.
          </p>
        )}
        <div className="figures">
          <div className="figure">
            <b className="num">{view.letters.length}</b>
            <span>letters</span>
          </div>
          <div className="figure">
            <b className="num">{recipients}</b>
            <span>recipients, one message each</span>
          </div>
          <div className="figure">
            <b>
              <Hash hash={notice.content_hash} />
            </b>
            <span>content hash that an approval is bound to</span>
          </div>
        </div>
      </div>
    </div>
  );
}

function FactsRead({ view }: { view: NoticeView }) {
  const { facts, kind } = view.notice;
  const written = view.fields.map(({ field }) => field).filter((field) => facts[field].trim() !== '');
  const translations = Object.entries(view.notice.translations ?? {});
  return (
    <section className="panel" aria-label="Facts">
      <div className="panel-head">
        <h2>Facts</h2>
      </div>
      <div className="panel-body stack">
        {written.length === 0 && (
          <p className="dim">
            {kind === 'holding'
              ? 'A holding notice says what its template says.'
              : 'Nothing has been written yet.'}
          </p>
        )}
        {written.map((field) => (
          <div key={field}>
            <h3>{FACT_NAMES[field].label}</h3>
            <p className="wrap" style={{ whiteSpace: 'pre-wrap' }}>
              {facts[field]}
            </p>
          </div>
        ))}
        {facts.records_read !== '' && (
          <div>
            <h3>Records read (in no letter)</h3>
            <p className="wrap">{facts.records_read}</p>
          </div>
        )}
        {translations.map(([language, said]) => (
          <details key={language}>
            <summary>{LANGUAGE_NAMES[language] ?? language}</summary>
            {written.map((field) => (
              <div key={field} lang={language}>
                <h3>{FACT_NAMES[field].label}</h3>
                <p className="wrap" style={{ whiteSpace: 'pre-wrap' }}>
                  {said[field]}
                </p>
              </div>
            ))}
          </details>
        ))}
        {view.notice.state !== 'sent' && <Findings findings={view.findings} />}
      </div>
    </section>
  );
}

/** What is different from what was read before: from the last submission, or from what customers were told last. */
function Changes({ view }: { view: NoticeView }) {
  const { notice, told_before: told } = view;
  const fields = view.fields.map((each) => each.field);
  if (notice.state === 'sent') return null;
  const before = notice.read_before?.facts ?? told;
  if (!before) return null;
  const languages = notice.read_before
    ? [
        ...new Set([
          ...Object.keys(notice.read_before.translations),
          ...Object.keys(notice.translations ?? {}),
        ]),
      ].sort()
    : [];
  return (
    <section className="panel" aria-label="Differences">
      <div className="panel-head">
        <h2>
          {notice.read_before
            ? 'Changed since it was submitted last'
            : 'Different from what customers were told last'}
        </h2>
      </div>
      <div className="panel-body">
        {languages.length > 0 && <h3>As first written</h3>}
        <Difference before={before} now={notice.facts} fields={fields} />
        {languages.map((language) => (
          <section key={language} aria-label={LANGUAGE_NAMES[language] ?? language}>
            <h3>{LANGUAGE_NAMES[language] ?? language}</h3>
            <Difference
              before={notice.read_before?.translations[language] ?? NO_FACTS}
              now={notice.translations?.[language] ?? NO_FACTS}
              fields={fields}
            />
          </section>
        ))}
      </div>
    </section>
  );
}
