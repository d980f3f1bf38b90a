import { Button, NativeSelect, Switch, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { request } from '../../api/client';
import type { Contact, ContactRole, ContractTerms, Customer, CustomerEdit } from '../../api/types';
import { FormDialog, faultOf } from '../../components/dialogs';
import { ROLES } from '../../words/contracts';
import { TagsField, TermsFields } from './TermsFields';

type Row = { id: number; name: string; email: string; role: ContactRole };

function firstRows(contacts: readonly Contact[]): Row[] {
  if (contacts.length === 0) return [{ id: 0, name: '', email: '', role: 'security' }];
  return contacts.map(({ name, email, role }, id) => ({ id, name, email, role }));
}

/** The promise, where a contract says nothing else. */
const PROMISE: ContractTerms = { counts_from: 'confirmed', recipients: [], channel: 'email' };

/** Adds a customer, or changes one. */
export function CustomerForm({ customer, onClose }: { customer?: Customer; onClose: () => void }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [key, setKey] = useState(customer?.key ?? '');
  const [name, setName] = useState(customer?.name ?? '');
  const [tenants, setTenants] = useState(customer?.tenants.join('\n') ?? '');
  const [within, setWithin] = useState(customer?.notify_within ?? '');
  const [contract, setContract] = useState(customer?.contract ?? '');
  const [terms, setTerms] = useState(customer?.terms ?? PROMISE);
  const [tags, setTags] = useState(customer?.tags.join(', ') ?? '');
  const [paying, setPaying] = useState(customer?.paying ?? true);
  const [language, setLanguage] = useState(customer?.language ?? 'en');
  const [contacts, setContacts] = useState(firstRows(customer?.contacts ?? []));
  const save = useMutation({
    mutationFn: () => {
      const edit: CustomerEdit = {
        name: name.trim(),
        tenants: tenants.split(/[\s,;]+/).filter((each) => each !== ''),
        notify_within: within.trim() === '' ? null : within.trim(),
        contract: contract.trim(),
        terms,
        tags: tags
          .split(',')
          .map((each) => each.trim())
          .filter((each) => each !== ''),
        language: language.trim(),
        paying,
        contacts: contacts
          .filter((each) => each.email.trim() !== '')
          .map((each) => ({ name: each.name.trim(), email: each.email.trim(), role: each.role })),
      };
      return request<Customer>(`/customers/${encodeURIComponent(key.trim())}`, { method: 'PUT', body: edit });
    },
    onSuccess: (saved) => {
      void client.invalidateQueries({ queryKey: ['customers'] });
      void client.invalidateQueries({ queryKey: ['customer'] });
      onClose();
      if (customer === undefined) void navigate({ to: '/customers/$id', params: { id: saved.id } });
    },
  });
  const field = (which: string) => faultOf(save.error, which);
  return (
    <FormDialog
      title={customer === undefined ? 'Add a customer' : `Edit ${customer.name}`}
      opened
      onClose={onClose}
      doLabel="Save customer"
      pending={save.isPending}
      fault={save.error}
      ready={key.trim() !== '' && name.trim() !== ''}
      onDo={() => save.mutate()}
      shownFaults={[
        'key',
        'name',
        'tenants',
        'notify_within',
        'contract',
        'terms.recipients',
        'tags',
        'language',
        'contacts',
      ]}
      size="lg"
    >
      <TextInput
        label="Key"
        description="A short name of yours that never changes"
        value={key}
        onChange={(event) => setKey(event.currentTarget.value)}
        disabled={customer !== undefined}
        error={field('key')}
        required
      />
      <TextInput
        label="Name"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        error={field('name')}
        required
      />
      <Textarea
        label="Tenants"
        description="Identifiers as they appear in logs, one a line"
        value={tenants}
        onChange={(event) => setTenants(event.currentTarget.value)}
        error={field('tenants')}
      />
      <div className="two">
        <TextInput
          label="Told within"
          description="By contract, such as 24h; empty: 72h"
          value={within}
          onChange={(event) => setWithin(event.currentTarget.value)}
          error={field('notify_within')}
        />
        <TextInput
          label="Contract"
          description="Where the limit is written"
          value={contract}
          onChange={(event) => setContract(event.currentTarget.value)}
          error={field('contract')}
        />
      </div>
      <TermsFields terms={terms} onChange={setTerms} fault={field('terms.recipients')} />
      <TagsField value={tags} onChange={setTags} error={field('tags')} />
      <TextInput
        label="Language of letters"
        description="en, de, …; a missing translation falls back to en"
        value={language}
        onChange={(event) => setLanguage(event.currentTarget.value)}
        error={field('language')}
      />
      <Switch
        label="Pays"
        description="Whoever pays is told of changes that are substantial for security. A disclosure is told to everybody affected."
        checked={paying}
        onChange={(event) => setPaying(event.currentTarget.checked)}
      />
      <ContactRows contacts={contacts} onChange={setContacts} />
      {field('contacts') !== undefined && <p className="bad small">{field('contacts')}</p>}
    </FormDialog>
  );
}

function ContactRows({ contacts, onChange }: { contacts: Row[]; onChange: (rows: Row[]) => void }) {
  const set = (id: number, change: Partial<Row>) =>
    onChange(contacts.map((each) => (each.id === id ? { ...each, ...change } : each)));
  const next = Math.max(-1, ...contacts.map((each) => each.id)) + 1;
  return (
    <fieldset style={{ border: 0, padding: 0, margin: 0 }} className="stack tight">
      <legend className="small strong">Contacts</legend>
      {contacts.map((contact, index) => (
        <div className="contact-row" key={contact.id}>
          <TextInput
            aria-label={`Name of contact ${index + 1}`}
            placeholder="Name"
            value={contact.name}
            onChange={(event) => set(contact.id, { name: event.currentTarget.value })}
          />
          <TextInput
            type="email"
            aria-label={`E-mail of contact ${index + 1}`}
            placeholder="name@customer.example"
            value={contact.email}
            onChange={(event) => set(contact.id, { email: event.currentTarget.value })}
          />
          <NativeSelect
            aria-label={`Role of contact ${index + 1}`}
            value={contact.role}
            onChange={(event) => set(contact.id, { role: event.currentTarget.value as ContactRole })}
            data={ROLES.map((role) => ({ value: role, label: role }))}
          />
          <Button
            variant="subtle"
            aria-label={`Remove contact ${index + 1}`}
            onClick={() => onChange(contacts.filter((each) => each.id !== contact.id))}
          >
            Remove
          </Button>
        </div>
      ))}
      <div>
        <Button onClick={() => onChange([...contacts, { id: next, name: '', email: '', role: 'security' }])}>
          Add contact
        </Button>
      </div>
    </fieldset>
  );
}
