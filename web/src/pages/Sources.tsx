import { Button, Modal } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useSources, useUnparsed } from '../api/queries';
import type { SourceCoverage, SourceView } from '../api/types';
import { Cost } from '../components/Cost';
import { coveredInWords } from '../components/Coverage';
import { Ago, At } from '../components/marks';
import { Page } from '../components/Page';
import { RawText } from '../components/RawText';
import { SourceTroubles } from '../components/SourceTroubles';
import { Sparkline } from '../components/Sparkline';
import { Empty, Loaded } from '../components/States';
import { seconds } from '../words/countdown';
import { bytes, count } from '../words/labels';

const STATE: Record<SourceView['state'], { tag: string; text: string }> = {
  ok: { tag: 'tag fine', text: 'reading' },
  waiting: { tag: 'tag', text: 'waiting for events' },
  failing: { tag: 'tag alarm', text: 'failing' },
};

/** Figures that most sources never have. */
const WHERE_ANY = [
  { of: 'malformed', name: 'malformed' },
  { of: 'dropped', name: 'dropped' },
  { of: 'refused', name: 'refused' },
  { of: 'gaps', name: 'gaps of unknown size' },
  { of: 'missed_by_push', name: 'missed by the subscription, found by polling' },
] as const;

export function SourcesPage() {
  const query = useSources();
  const [samples, setSamples] = useState<string | null>(null);
  return (
    <Page title="Sources">
      <Loaded query={query} what="sources">
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No source is configured">
              Name files, receivers or sources in AWS in the configuration:{' '}
              <code>watchkeeper config init</code> writes one with every setting explained,{' '}
              <code>watchkeeper sources add aws</code> what an account needs.
            </Empty>
          ) : (
            <div className="panel lines">
              {items.map((source) => (
                <Source key={source.name} source={source} onSamples={() => setSamples(source.name)} />
              ))}
            </div>
          )
        }
      </Loaded>
      {samples !== null && <Samples name={samples} onClose={() => setSamples(null)} />}
    </Page>
  );
}

function Source({ source, onSamples }: { source: SourceView; onSamples: () => void }) {
  const state = STATE[source.state];
  const isTold = source.alerts.some(({ trouble }) => trouble === 'failing');
  return (
    <section className="source" aria-label={source.name}>
      <div>
        <h2 className="wrap">{source.name}</h2>
        <p className="small dim">
          {source.kind}, {source.format}
        </p>
        <span className={state.tag}>{state.text}</span>
      </div>
      <Sparkline rate={source.rate} label={`Events of ${source.name}`} />
      <div className="figures">
        <Figure value={source.events.toLocaleString('en-GB')} name={`events, ${bytes(source.bytes)}`} />
        <Figure value={source.lag_seconds === null ? '–' : seconds(source.lag_seconds)} name="lag" />
        <Figure value={source.late.toLocaleString('en-GB')} name="late" />
        <Figure value={source.duplicates.toLocaleString('en-GB')} name="duplicates" />
        <Figure value={source.truncated.toLocaleString('en-GB')} name="truncated" />
        {WHERE_ANY.filter(({ of }) => source[of] > 0).map(({ of, name }) => (
          <Figure key={of} value={source[of].toLocaleString('en-GB')} name={name} />
        ))}
        {source.calls > 0 && (
          <Figure
            value={source.calls.toLocaleString('en-GB')}
            name={`calls, ${source.throttled} throttled`}
          />
        )}
      </div>
      <div className="small">
        <p className={source.unparsed > 0 ? 'soon' : 'dim'}>{count(source.unparsed, 'line')} not parsed</p>
        {source.unparsed > 0 && (
          <Button
            variant="default"
            onClick={onSamples}
            aria-label={`See samples of ${source.name} that did not parse`}
          >
            See samples
          </Button>
        )}
        <Covered by={source.coverage} source={source.name} />
        <p className="dim">
          last event {source.last_event_at === null ? 'never' : <Ago at={source.last_event_at} />}, read{' '}
          {source.last_read_at === null ? 'never' : <Ago at={source.last_read_at} />}
        </p>
      </div>
      <SourceTroubles alerts={source.alerts} />
      {source.cost !== null && <Cost cost={source.cost} />}
      {source.waiting.length > 0 && !isTold && (
        <p className="small dim source-error wrap">waits for {source.waiting.join('; ')}</p>
      )}
      {source.lost_bytes > 0 && (
        <p className="notice-bar alarm source-error">
          {bytes(source.lost_bytes)} could not be read before they were gone. Let files rotate later, or read
          them faster.
        </p>
      )}
      {source.remarks.length > 0 && (
        <details className="small source-error">
          <summary>{count(source.remarks.length, 'remark')} of the last day</summary>
          <ul className="plain-list">
            {source.remarks.map(({ at, text }) => (
              <li key={text} className="wrap">
                <At at={at} />: {text}
              </li>
            ))}
          </ul>
        </details>
      )}
      {source.error !== null && !isTold && (
        <p className="notice-bar alarm source-error wrap">
          <At at={source.error.at} />: {source.error.message}
        </p>
      )}
    </section>
  );
}

/** Which rules judge the events of a source, with the way to them. */
function Covered({ by, source }: { by: SourceCoverage | null; source: string }) {
  if (by === null) {
    return <p className="dim">not configured any more</p>;
  }
  const rules = by.can_match + by.unknown + by.fields_unseen;
  if (rules === 0) {
    return <p className="soon">no rule judges its events</p>;
  }
  return (
    <p className="dim">
      <Link to="/detectors" search={{ source }}>
        {count(rules, 'rule')}
      </Link>
      : {coveredInWords(by)}
    </p>
  );
}

function Figure({ value, name }: { value: string; name: string }) {
  return (
    <div className="figure">
      <b className="num">{value}</b>
      <span>{name}</span>
    </div>
  );
}

function Samples({ name, onClose }: { name: string; onClose: () => void }) {
  const query = useUnparsed(name, true);
  return (
    <Modal opened onClose={onClose} title={`Lines of ${name} that did not parse`} size="xl">
      <Loaded query={query} what="samples">
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No sample is kept any more" />
          ) : (
            <ul className="plain-list stack">
              {items.map((line) => (
                <li key={line.position}>
                  <p className="small">
                    <At at={line.at} /> · {line.position}: {line.reason}
                  </p>
                  <RawText label={`Line at ${line.position}`}>{line.line}</RawText>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Modal>
  );
}
