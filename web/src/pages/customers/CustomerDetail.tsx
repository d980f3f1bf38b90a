import { Button } from '@mantine/core';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useCustomer, useMay } from '../../api/queries';
import type { CustomerDetail, ObligationView } from '../../api/types';
import { DeliveryTable } from '../../components/DeliveryTable';
import { At, Countdown } from '../../components/marks';
import { Page, Panel } from '../../components/Page';
import { Loaded } from '../../components/States';
import { CHANNELS, COUNTS_FROM } from '../../words/contracts';
import { spanMilliseconds } from '../../words/countdown';
import { Contacts } from './Contacts';
import { CustomerForm } from './CustomerForm';

const here = getRouteApi('/customers/$id');

export function CustomerDetailPage() {
  const { id } = here.useParams();
  const query = useCustomer(id);
  const may = useMay('keep_customers');
  const [editing, setEditing] = useState(false);
  const customer = query.data?.customer;
  return (
    <Page
      title={customer?.name ?? 'Customer'}
      crumb={<Link to="/customers">Customers</Link>}
      actions={may && customer && <Button onClick={() => setEditing(true)}>Edit customer</Button>}
    >
      <Loaded query={query} what="the customer">
        {(detail) => <Detail detail={detail} />}
      </Loaded>
      {editing && customer && <CustomerForm customer={customer} onClose={() => setEditing(false)} />}
    </Page>
  );
}

function Detail({ detail }: { detail: CustomerDetail }) {
  const { customer, obligations, deliveries } = detail;
  return (
    <div className="stack">
      <div className="two">
        <Panel title="Contract">
          <dl className="definition">
            <dt>Key</dt>
            <dd className="mono">{customer.key}</dd>
            <dt>Told within</dt>
            <dd>
              {customer.notify_within ?? '72h, by default'}
              {customer.contract !== '' && <span className="dim"> ({customer.contract})</span>}
            </dd>
            <dt>Counts from</dt>
            <dd>{COUNTS_FROM[customer.terms.counts_from]}</dd>
            <dt>Told by</dt>
            <dd>
              {CHANNELS[customer.terms.channel]}
              {customer.terms.recipients.length > 0 && (
                <span className="dim">, to all contacts of {customer.terms.recipients.join(', ')}</span>
              )}
            </dd>
            {customer.tags.length > 0 && (
              <>
                <dt>Tags</dt>
                <dd className="row">
                  {customer.tags.map((tag) => (
                    <span key={tag} className="tag">
                      {tag}
                    </span>
                  ))}
                </dd>
              </>
            )}
            <dt>Language</dt>
            <dd>{customer.language}</dd>
            <dt>Pays</dt>
            <dd>
              {customer.paying ? 'yes: told of changes that affect security' : 'no: not told of changes'}
            </dd>
            <dt>Tenants</dt>
            <dd className="mono">
              {customer.tenants.join(', ') || <span className="soon">none: cannot be found in evidence</span>}
            </dd>
            <dt>Changed</dt>
            <dd>
              <At at={customer.updated_at} />
            </dd>
          </dl>
        </Panel>
        <Contacts detail={detail} />
      </div>
      <Panel title="Obligations" bare>
        {obligations.length === 0 && <p className="line-item dim">This customer has never had to be told.</p>}
        <ul className="plain-list lines">
          {obligations.map((obligation) => (
            <Owed key={obligation.id} obligation={obligation} />
          ))}
        </ul>
      </Panel>
      <Panel title="Deliveries" bare>
        {deliveries.length === 0 ? (
          <p className="line-item dim">No letter has been sent to this customer.</p>
        ) : (
          <DeliveryTable list={deliveries} />
        )}
      </Panel>
    </div>
  );
}

function Owed({ obligation }: { obligation: ObligationView }) {
  return (
    <li className="line-item row apart">
      <div>
        <Link to="/incidents/$id" params={{ id: obligation.incident }}>
          {obligation.incident_reference}
        </Link>{' '}
        {obligation.incident_title}
        <div className="small dim">{obligation.deadline.explanation}</div>
      </div>
      <div className="small">
        {obligation.state === 'running' && (
          <Countdown
            what="deadline"
            dueAt={obligation.deadline.due_at}
            limit={spanMilliseconds(obligation.deadline.limit)}
          />
        )}
        {obligation.state === 'told' && (
          <span className={obligation.in_time ? 'tag fine' : 'tag alarm'}>
            {obligation.in_time ? 'told in time' : 'told late'}
          </span>
        )}
        {obligation.state === 'missed' && <span className="tag alarm">missed</span>}
        {obligation.told_late_at !== null && (
          <>
            {' '}
            <span className="tag warn">told late</span> <At at={obligation.told_late_at} />
          </>
        )}
        {obligation.state === 'ended' && <span className="tag">ended</span>}
      </div>
    </li>
  );
}
