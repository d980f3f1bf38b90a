import { Button, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import { rows, useCustomers, useMay } from '../../api/queries';
import type { Customer } from '../../api/types';
import { Page } from '../../components/Page';
import { Empty, Loaded, More } from '../../components/States';
import { VirtualBody } from '../../components/VirtualBody';
import { CustomerForm } from './CustomerForm';
import { ImportDialog } from './Import';

const here = getRouteApi('/customers');

export function CustomersPage() {
  const search = here.useSearch();
  const navigate = here.useNavigate();
  const query = useCustomers(search.q ?? '');
  const may = useMay('keep_customers');
  const [open, setOpen] = useState<'import' | 'add' | null>(null);
  const find = useDebouncedCallback(
    (q: string) => void navigate({ search: { q: q || undefined }, replace: true }),
    250,
  );
  return (
    <Page
      title="Customers"
      actions={
        may && (
          <>
            <Button onClick={() => setOpen('add')}>Add customer</Button>
            <Button onClick={() => setOpen('import')}>Import CSV</Button>
          </>
        )
      }
    >
      <search className="filters" aria-label="Find customers">
        <TextInput
          aria-label="Search customers"
          placeholder="Name, key or tenant"
          defaultValue={search.q ?? ''}
          onChange={(event) => find(event.currentTarget.value)}
        />
      </search>
      <Loaded query={{ ...query, data: rows(query.data) }} what="customers">
        {(list) =>
          list.length === 0 ? (
            <Empty title={search.q ? 'No customer matches' : 'No customer yet'}>
              {search.q
                ? 'Search for a part of the name, the key or a tenant identifier.'
                : 'Import a CSV or JSON file: key, name, tenant identifiers, contract limit and contacts. Without it, nobody can be told.'}
            </Empty>
          ) : (
            <CustomerTable list={list} />
          )
        }
      </Loaded>
      <More query={query} />
      {open === 'import' && <ImportDialog onClose={() => setOpen(null)} />}
      {open === 'add' && <CustomerForm onClose={() => setOpen(null)} />}
    </Page>
  );
}

function CustomerTable({ list }: { list: Customer[] }) {
  return (
    <div className="table-scroll">
      <table className="table cards-when-narrow">
        <thead>
          <tr>
            <th>Customer</th>
            <th>Told within</th>
            <th>Tenants</th>
            <th>First contact</th>
            <th className="right">Contacts</th>
          </tr>
        </thead>
        <VirtualBody list={list} columns={5} estimate={48}>
          {(customer, index, measure) => (
            <tr key={customer.id} data-row data-index={index} ref={measure}>
              <td>
                <Link to="/customers/$id" params={{ id: customer.id }} className="title" data-row-link>
                  {customer.name}
                </Link>
                <div className="small dim mono">{customer.key}</div>
              </td>
              <td className="num" data-label="Told within">
                {customer.notify_within ?? <span className="dim">72h (default)</span>}
              </td>
              <td className="mono wrap" data-label="Tenants">
                {customer.tenants.slice(0, 3).join(', ')}
                {customer.tenants.length > 3 && ` and ${customer.tenants.length - 3} more`}
                {customer.tenants.length === 0 && (
                  <span className="soon">none: cannot be found in evidence</span>
                )}
              </td>
              <td className="wrap">
                {firstContact(customer) ?? <span className="bad strong">nobody can be told</span>}
              </td>
              <td className="right num" data-label="Contacts">
                {customer.contacts.length}
              </td>
            </tr>
          )}
        </VirtualBody>
      </table>
    </div>
  );
}

/** Letters go to the first of these that the customer has. */
const CONTACT_ORDER = ['security', 'legal', 'admin', 'billing'] as const;

function firstContact(customer: Customer): string | undefined {
  for (const role of CONTACT_ORDER) {
    const contact = customer.contacts.find((each) => each.role === role);
    if (contact !== undefined) return `${contact.email} (${role})`;
  }
  return undefined;
}
