import { NativeSelect, TextInput } from '@mantine/core';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useDetectors } from '../api/queries';
import type { DetectorList, DetectorView, Level } from '../api/types';
import { ANSWERS, CoverageMark } from '../components/Coverage';
import { Ago } from '../components/marks';
import { Page } from '../components/Page';
import { droppedInWords, Quarantined, RulesRead } from '../components/RulesRead';
import { Empty, Loaded } from '../components/States';
import { count } from '../words/labels';

const here = getRouteApi('/detectors');
const LEVEL_CLASS: Record<Level, string> = {
  critical: 'severity sev1',
  high: 'severity sev2',
  medium: 'severity sev3',
  low: 'severity sev4',
  informational: 'severity sev4',
};

export function DetectorsPage() {
  const query = useDetectors();
  return (
    <Page title="Detectors">
      <Loaded query={query} what="detectors">
        {(list) => <List list={list} />}
      </Loaded>
    </Page>
  );
}

function List({ list }: { list: DetectorList }) {
  const { q = '', coverage = '', source = '' } = here.useSearch();
  const navigate = here.useNavigate();
  const wanted = q.toLowerCase();
  const found = list.items.filter(
    (each) =>
      (coverage === '' || each.coverage.satisfiable === coverage) &&
      (source === '' || each.sources.includes(source)) &&
      [each.id, each.title, each.path, ...each.tags].some((text) => text.toLowerCase().includes(wanted)),
  );
  const { dropped } = list;
  return (
    <div className="stack">
      {list.quarantined.length > 0 && <Quarantined list={list.quarantined} />}
      <RulesRead rules={list.rules} />
      <div className="row apart">
        <div className="row">
          <TextInput
            aria-label="Search detectors"
            placeholder="Title, file, tag"
            value={q}
            onChange={(event) => {
              const text = event.currentTarget.value;
              void navigate({ search: (now) => ({ ...now, q: text || undefined }), replace: true });
            }}
          />
          <NativeSelect
            aria-label="Whether the sources can satisfy them"
            value={coverage}
            data={[
              { value: '', label: 'All detectors' },
              ...Object.entries(ANSWERS).map(([value, name]) => ({
                value,
                label: `${name} (${list.items.filter((each) => each.coverage.satisfiable === value).length})`,
              })),
            ]}
            onChange={(event) => {
              const chosen = event.currentTarget.value;
              void navigate({ search: (now) => ({ ...now, coverage: chosen || undefined }), replace: true });
            }}
          />
        </div>
        {source !== '' && (
          <p className="small">
            {count(found.length, 'rule')} for events of <b>{source}</b>{' '}
            <Link to="/detectors" search={(now) => ({ ...now, source: undefined })}>
              of all sources
            </Link>
          </p>
        )}
        <p className="small dim">
          {count(list.items.length, 'rule')} in force · events left out:{' '}
          {dropped.late.toLocaleString('en-GB')} late, {dropped.future.toLocaleString('en-GB')} from the
          future, {dropped.duplicate.toLocaleString('en-GB')} duplicate,{' '}
          {dropped.evicted.toLocaleString('en-GB')} groups forgotten,{' '}
          {dropped.ungrouped.toLocaleString('en-GB')} without a group
        </p>
      </div>
      {found.length === 0 ? (
        <Empty title={list.items.length === 0 ? 'No detector is loaded' : 'No detector matches'}>
          {list.items.length === 0 &&
            'Put Sigma rules into the detectors directory that the configuration names.'}
        </Empty>
      ) : (
        <Table list={found} />
      )}
    </div>
  );
}

function Table({ list }: { list: readonly DetectorView[] }) {
  return (
    <div className="table-scroll">
      <table className="table cards-when-narrow">
        <thead>
          <tr>
            <th>Level</th>
            <th>Detector</th>
            <th>Kind</th>
            <th>With our sources</th>
            <th className="right">Judged</th>
            <th className="right">Matched</th>
            <th className="right">Alerts</th>
            <th className="right">False positives</th>
            <th className="right">Last match</th>
          </tr>
        </thead>
        <tbody>
          {list.map((detector) => (
            <tr key={detector.id} data-row>
              <td>
                <span className={LEVEL_CLASS[detector.level]}>{detector.level}</span>
              </td>
              <td>
                <Link to="/detectors/$id" params={{ id: detector.id }} className="title" data-row-link>
                  {detector.title}
                </Link>
                <div className="small dim mono wrap">{detector.path}</div>
                {droppedInWords(detector.dropped).map((words) => (
                  <div key={words} className="small wrap">
                    Left out: {words}
                  </div>
                ))}
              </td>
              <td data-label="Kind">{detector.kind.replaceAll('_', ' ')}</td>
              <td data-label="With our sources">
                <CoverageMark coverage={detector.coverage} />
              </td>
              <td className="right num" data-label="Judged">
                {detector.judged.toLocaleString('en-GB')}
              </td>
              <td className="right num" data-label="Matched">
                {detector.matched.toLocaleString('en-GB')}
              </td>
              <td className="right num" data-label="Alerts">
                {detector.alerts.toLocaleString('en-GB')}
              </td>
              <td className="right num" data-label="False positives">
                {detector.false_positives.toLocaleString('en-GB')}
              </td>
              <td className="right" data-label="Last match">
                {detector.last_match_at === null ? (
                  <span className="dim">never</span>
                ) : (
                  <Ago at={detector.last_match_at} />
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
