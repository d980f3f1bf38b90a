import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useMay } from '../../api/queries';
import type { AlertRow, AlertStateName } from '../../api/types';
import { useAlertWrite } from '../../api/writes';
import type { HeldRow } from '../../components/HeldList';
import { Ago, SeverityMark } from '../../components/marks';
import { Empty } from '../../components/States';
import { VirtualBody } from '../../components/VirtualBody';

const STATE_TAG: Record<AlertStateName, string> = {
  open: 'tag warn',
  acknowledged: 'tag',
  resolved: 'tag fine',
};

export function AlertTable({ list }: { list: HeldRow<AlertRow>[] }) {
  if (list.length === 0) return <Empty title="No alert here" />;
  return (
    <div className="table-scroll">
      <table className="table cards-when-narrow">
        <thead>
          <tr>
            <th>Severity</th>
            <th>Alert</th>
            <th>Expected → seen</th>
            <th>State</th>
            <th className="right">Events</th>
            <th className="right">Last event</th>
            <th>
              <span className="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <VirtualBody list={list} columns={7} estimate={52}>
          {({ row, gone }, index, measure) => (
            <Row key={row.id} row={row} gone={gone} index={index} measure={measure} />
          )}
        </VirtualBody>
      </table>
    </div>
  );
}

function Row({
  row,
  gone,
  index,
  measure,
}: {
  row: AlertRow;
  gone: boolean;
  index: number;
  measure: (element: HTMLTableRowElement | null) => void;
}) {
  const may = useMay('respond');
  const write = useAlertWrite(row.id);
  return (
    <tr data-row data-index={index} ref={measure} className={gone ? 'gone' : ''}>
      <td>
        <SeverityMark severity={row.severity} />
      </td>
      <td style={{ minWidth: 220 }}>
        <Link to="/alerts/$id" params={{ id: row.id }} className="title" data-row-link>
          {row.title}
        </Link>
        <div className="small dim wrap">
          {row.group.map(([field, value]) => `${field} ${value}`).join(' · ')}
          {gone && ' · no longer in this list'}
        </div>
      </td>
      <td className="small" style={{ minWidth: 180 }}>
        <div className="clamp dim">{row.expected}</div>
        <div className="clamp">{row.seen}</div>
      </td>
      <td>
        <span className={STATE_TAG[row.state]}>{row.state}</span>
      </td>
      <td className="right num" data-label="Events">
        {row.events.toLocaleString('en-GB')}
      </td>
      <td className="right" data-label="Last event">
        <Ago at={row.last_at} />
      </td>
      <td className="right">
        {row.state === 'open' && may && (
          <Button
            data-key="a"
            loading={write.isPending}
            aria-label={`Acknowledge: ${row.title}`}
            onClick={() => write.mutate({ path: '/acknowledge', version: row.version })}
          >
            Acknowledge
          </Button>
        )}
        {write.error !== null && <div className="small bad">{write.error.message}</div>}
      </td>
    </tr>
  );
}
