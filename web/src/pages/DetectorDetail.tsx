import { getRouteApi, Link } from '@tanstack/react-router';
import { useDetector } from '../api/queries';
import type { DetectorDetail } from '../api/types';
import { coverageInWords } from '../components/Coverage';
import { Ago } from '../components/marks';
import { Page, Panel } from '../components/Page';
import { RawText } from '../components/RawText';
import { droppedInWords } from '../components/RulesRead';
import { Loaded } from '../components/States';

const here = getRouteApi('/detectors/$id');

export function DetectorDetailPage() {
  const { id } = here.useParams();
  const query = useDetector(id);
  return (
    <Page title={query.data?.title ?? 'Detector'} crumb={<Link to="/detectors">Detectors</Link>}>
      <Loaded query={query} what="the detector">
        {(detector) => <Detail detector={detector} />}
      </Loaded>
    </Page>
  );
}

function Detail({ detector }: { detector: DetectorDetail }) {
  const source = detector.log_source;
  return (
    <div className="two">
      <div className="stack">
        <Panel title="What it looks for">
          <div className="stack">
            {detector.description && <p>{detector.description}</p>}
            <dl className="definition">
              <dt>Level</dt>
              <dd>{detector.level}</dd>
              <dt>Kind</dt>
              <dd>{detector.kind.replaceAll('_', ' ')}</dd>
              {detector.status && (
                <>
                  <dt>Status</dt>
                  <dd>{detector.status}</dd>
                </>
              )}
              <dt>Events of</dt>
              <dd>
                {[source?.product, source?.category, source?.service].filter(Boolean).join(' / ') ||
                  'any source'}
              </dd>
              <dt>File</dt>
              <dd className="mono">{detector.path}</dd>
              <dt>Tags</dt>
              <dd className="mono">{detector.tags.join(', ') || 'none'}</dd>
              {detector.author && (
                <>
                  <dt>Author</dt>
                  <dd>{detector.author}</dd>
                </>
              )}
            </dl>
            <Texts title="What may set it off wrongly" texts={detector.falsepositives} />
            <Texts title="References" texts={detector.references} />
          </div>
        </Panel>
        <Panel title="What it did">
          <div className="figures">
            <Figure value={detector.judged} name="events judged" />
            <Figure value={detector.matched} name="matched" />
            <Figure value={detector.alerts} name="alerts" />
            <Figure value={detector.false_positives} name="false positives" />
          </div>
          <h3>Whether it can match what comes</h3>
          <p className="wrap">{coverageInWords(detector.coverage)}</p>
          <Texts title="Fields it names that no event had" texts={detector.coverage.unseen_fields} />
          <Texts title="What it left out" texts={droppedInWords(detector.dropped)} />
          <p className="small dim">
            Last match: {detector.last_match_at === null ? 'never' : <Ago at={detector.last_match_at} />} ·{' '}
            <Link to="/alerts" search={{ detector: detector.id, state: 'all' }}>
              its alerts
            </Link>
          </p>
        </Panel>
      </div>
      <Panel title="Rule">
        <RawText label="Source of the rule" nowrap>
          {detector.source}
        </RawText>
      </Panel>
    </div>
  );
}

function Texts({ title, texts }: { title: string; texts: readonly string[] }) {
  if (texts.length === 0) return null;
  return (
    <div>
      <h3>{title}</h3>
      <ul>
        {texts.map((text) => (
          <li key={text} className="wrap">
            {text}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Figure({ value, name }: { value: number; name: string }) {
  return (
    <div className="figure">
      <b className="num">{value.toLocaleString('en-GB')}</b>
      <span>{name}</span>
    </div>
  );
}
