import { Button, NativeSelect, Select, Textarea } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { rows, useCustomers, useMay } from '../../api/queries';
import type { Affected, IncidentView, Standing } from '../../api/types';
import { useIncidentWrite } from '../../api/writes';
import { FormDialog, faultOf } from '../../components/dialogs';
import { ActorName, Ago } from '../../components/marks';
import { Panel } from '../../components/Page';
import { count, STANDING_NAMES } from '../../words/labels';
import { ListDialog } from './AffectedList';
import { WhyDialog } from './Why';

const STANDING_TAG: Record<Standing, string> = {
  confirmed: 'tag alarm',
  possible: 'tag warn',
  cleared: 'tag',
};
const ORDER: readonly Standing[] = ['confirmed', 'possible', 'cleared'];

/** Which customers are affected, on what evidence. */
export function AffectedPanel({ view }: { view: IncidentView }) {
  const { incident, customers } = view;
  const may = useMay('decide_disclosure') && incident.phase !== 'closed';
  const [editing, setEditing] = useState<{ customer: string | null } | null>(null);
  const [listing, setListing] = useState(false);
  const [asked, setAsked] = useState<string | null>(null);
  const list = Object.entries(incident.affected).sort(
    ([a, left], [b, right]) =>
      ORDER.indexOf(left.standing) - ORDER.indexOf(right.standing) ||
      (customers[a]?.name ?? a).localeCompare(customers[b]?.name ?? b),
  );
  const told = list.filter(([, affected]) => affected.standing !== 'cleared').length;
  return (
    <Panel
      title="Affected customers"
      side={
        <div className="row">
          <span className="small dim num">{told}</span>
          {may && (
            <Button size="compact-sm" onClick={() => setEditing({ customer: null })}>
              Add customer
            </Button>
          )}
          {may && (
            <Button size="compact-sm" onClick={() => setListing(true)}>
              Add a list
            </Button>
          )}
        </div>
      }
      bare
    >
      {incident.unclaimed_tenants.length > 0 && (
        <div className="notice-bar warn">
          <p className="strong">
            {count(incident.unclaimed_tenants.length, 'tenant')} in the evidence that no customer claims
          </p>
          <p className="small wrap">
            <span className="mono">{incident.unclaimed_tenants.join(', ')}</span>. Enter them under{' '}
            <Link to="/customers">Customers</Link>; else nobody is told.
          </p>
        </div>
      )}
      {list.length === 0 && (
        <p className="line-item dim">
          {incident.disclosure.state === 'none' || incident.disclosure.state === 'rejected'
            ? 'Nobody yet. As soon as somebody suspects a disclosure, customers whose tenants the evidence names are proposed here.'
            : 'Nobody yet. Customers whose tenants the evidence names are proposed here by themselves.'}
          {view.evidence_tenants.count > 0 && (
            <span className="wrap">
              {' '}
              The evidence names {count(view.evidence_tenants.count, 'tenant')} by now:{' '}
              <span className="mono">{view.evidence_tenants.names.slice(0, 10).join(', ')}</span>
              {view.evidence_tenants.count > Math.min(10, view.evidence_tenants.names.length) && ' …'}
            </span>
          )}
        </p>
      )}
      <ul className="plain-list lines">
        {list.map(([id, affected]) => (
          <AffectedRow
            key={id}
            name={customers[id]?.name ?? id}
            id={id}
            affected={affected}
            onWhy={() => setAsked(id)}
            onEdit={may ? () => setEditing({ customer: id }) : undefined}
          />
        ))}
      </ul>
      {asked !== null && (
        <WhyDialog
          incident={incident.id}
          customer={asked}
          name={customers[asked]?.name ?? asked}
          onClose={() => setAsked(null)}
        />
      )}
      {listing && <ListDialog view={view} onClose={() => setListing(false)} />}
      {editing !== null && (
        <StandingDialog view={view} customer={editing.customer} onClose={() => setEditing(null)} />
      )}
    </Panel>
  );
}

function AffectedRow({
  id,
  name,
  affected,
  onWhy,
  onEdit,
}: {
  id: string;
  name: string;
  affected: Affected;
  onWhy: () => void;
  onEdit?: () => void;
}) {
  const traces = Object.entries(affected.traces);
  const events = traces.reduce((sum, [, trace]) => sum + trace.events, 0);
  const last = affected.changes.at(-1);
  return (
    <li className="line-item">
      <div className="row apart" style={{ flexWrap: 'nowrap' }}>
        <div className="grow">
          <Link to="/customers/$id" params={{ id }} className="wrap">
            {name}
          </Link>{' '}
          <span className={STANDING_TAG[affected.standing]}>{STANDING_NAMES[affected.standing]}</span>
        </div>
        <Button
          size="compact-sm"
          variant="subtle"
          style={{ flexShrink: 0 }}
          onClick={onWhy}
          aria-label={`Why ${name} is on the list`}
        >
          Why
        </Button>
        {onEdit !== undefined && (
          <Button
            size="compact-sm"
            variant="subtle"
            style={{ flexShrink: 0 }}
            onClick={onEdit}
            aria-label={`Change standing of ${name}`}
          >
            Change
          </Button>
        )}
      </div>
      <div className="small dim wrap">
        {traces.length > 0 && (
          <>
            {traces.some(([, trace]) => trace.at_most !== undefined) && 'at least '}
            {count(events, 'event')} of{' '}
            <span className="mono">{traces.map(([tenant]) => tenant).join(', ')}</span>
          </>
        )}
        {last !== undefined && (
          <>
            {traces.length > 0 && ' · '}
            <ActorName actor={last.by} /> <Ago at={last.at} />: {last.evidence}
          </>
        )}
      </div>
    </li>
  );
}

function StandingDialog({
  view,
  customer,
  onClose,
}: {
  view: IncidentView;
  customer: string | null;
  onClose: () => void;
}) {
  const known = customer === null ? undefined : view.incident.affected[customer];
  const [chosen, setChosen] = useState<string | null>(customer);
  const [standing, setStanding] = useState<Standing | ''>('');
  const told = view.obligations.some((owed) => owed.customer === customer && owed.state === 'told');
  const [evidence, setEvidence] = useState('');
  const write = useIncidentWrite(view.incident.id);
  const name = customer === null ? 'Add a customer' : (view.customers[customer]?.name ?? customer);
  return (
    <FormDialog
      title={customer === null ? 'Add an affected customer' : `Standing of ${name}`}
      opened
      onClose={onClose}
      doLabel={customer === null ? 'Add to the list' : 'Set standing'}
      pending={write.isPending}
      fault={write.error}
      ready={chosen !== null && standing !== '' && evidence.trim() !== ''}
      shownFaults={['customer', 'standing', 'evidence']}
      onDo={() =>
        write.mutate(
          {
            path: '/affected',
            body: { customer: chosen, standing, evidence: evidence.trim() },
            touches: (incident) => (chosen === null ? null : (incident.affected[chosen]?.standing ?? null)),
          },
          { onSuccess: onClose },
        )
      }
    >
      {customer === null && (
        <CustomerSearch value={chosen} onChange={setChosen} except={view.incident.affected} />
      )}
      <NativeSelect
        label="Standing"
        value={standing}
        onChange={(event) => setStanding(event.currentTarget.value as Standing | '')}
        error={faultOf(write.error, 'standing')}
        description={known === undefined ? undefined : `Now: ${STANDING_NAMES[known.standing]}.`}
        data={[
          { value: '', label: 'Choose…' },
          { value: 'confirmed', label: 'Confirmed: verified that its information is concerned' },
          { value: 'possible', label: 'Possible: cannot be ruled out; is told' },
          {
            value: 'cleared',
            label: told
              ? 'Cleared: verified that it is not concerned; was told: a withdrawal is owed'
              : 'Cleared: verified that it is not concerned; is not told',
          },
        ]}
      />
      <Textarea
        label="Evidence"
        description="What shows it: events, files, an answer. Becomes part of the record."
        value={evidence}
        onChange={(event) => setEvidence(event.currentTarget.value)}
        error={faultOf(write.error, 'evidence')}
        required
      />
    </FormDialog>
  );
}

function CustomerSearch({
  value,
  onChange,
  except,
}: {
  value: string | null;
  onChange: (id: string | null) => void;
  except: Record<string, Affected>;
}) {
  const [text, setText] = useState('');
  const [asked] = useDebouncedValue(text, 200);
  const found = (rows(useCustomers(asked).data) ?? []).filter(
    (customer) => except[customer.id] === undefined,
  );
  return (
    <Select
      label="Customer"
      placeholder="Search by name or key"
      searchable
      value={value}
      onChange={onChange}
      onSearchChange={setText}
      data={found.map((customer) => ({ value: customer.id, label: `${customer.name} (${customer.key})` }))}
      filter={({ options }) => options}
      nothingFoundMessage="No customer of that name. Add it under Customers first."
      required
    />
  );
}
