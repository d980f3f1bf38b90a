import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../../api/client';
import { useMay } from '../../api/queries';
import type { Contact, ContactErased, Customer } from '../../api/types';
import { FormDialog, faultOf, TypedWord } from '../../components/dialogs';
import { count } from '../../words/labels';

const GROUNDS = [
  { value: 'asked', label: 'The person asked for it' },
  { value: 'no_longer_needed', label: 'The data is no longer needed' },
];

/** Opens the dialog; nothing for whoever may not erase. */
export function EraseButton({ contact, onErase }: { contact: Contact; onErase: () => void }) {
  if (!useMay('approve_notices')) return null;
  return (
    <Button variant="subtle" onClick={onErase} aria-label={`Erase ${contact.email}`}>
      Erase…
    </Button>
  );
}

/**
 * Takes a person out of the records; that the customer was told stays. Stands beside the list of contacts: what was erased is said when
 * the contact is no longer in it.
 */
export function EraseContact({
  customer,
  contact,
  onClose,
}: {
  customer: Customer;
  contact: Contact;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const [ground, setGround] = useState('asked');
  const [reference, setReference] = useState('');
  const [word, setWord] = useState('');
  const erase = useMutation({
    mutationFn: () =>
      request<ContactErased>(`/customers/${encodeURIComponent(customer.id)}/contacts/erase`, {
        method: 'POST',
        body: { email: contact.email, ground, reference: reference.trim() },
        version: customer.version,
      }),
    onSuccess: () => void client.invalidateQueries({ queryKey: ['customer', customer.id] }),
  });
  if (erase.data !== undefined) {
    const { messages, letters, entries, others } = erase.data;
    return (
      <FormDialog
        title="The contact was erased"
        opened
        onClose={onClose}
        doLabel="Done"
        pending={false}
        fault={null}
        onDo={onClose}
      >
        <p>
          From {count(messages, 'message')}, {count(letters, 'letter')},{' '}
          {count(entries, 'timeline entry', 'timeline entries')} and {count(others, 'other record')}. The
          audit log says when, by whom and on which request.
        </p>
        <p className="small">Backups that were made before still have the person.</p>
      </FormDialog>
    );
  }
  return (
    <FormDialog
      title={`Erase ${contact.name || contact.email}`}
      opened
      onClose={onClose}
      doLabel="Erase for good"
      danger
      pending={erase.isPending}
      fault={erase.error}
      shownFaults={['reference']}
      ready={reference.trim() !== '' && word.trim() === contact.email}
      onDo={() => erase.mutate()}
    >
      <p className="small">
        The contact, the bytes of every message to {contact.email} and the name in timelines and receipts go
        for good. That {customer.name} was told, when, with which digest and what its server answered stays,
        because the company has to show it.
      </p>
      <NativeSelect
        label="Ground (GDPR Art. 17)"
        data={GROUNDS}
        value={ground}
        onChange={(event) => setGround(event.currentTarget.value)}
      />
      <TextInput
        label="Where the request is on file"
        description="Such as a ticket number. It stays in the audit log for good: no names."
        value={reference}
        onChange={(event) => setReference(event.currentTarget.value)}
        error={faultOf(erase.error, 'reference')}
        maxLength={80}
        required
      />
      <TypedWord word={contact.email} value={word} onChange={setWord} />
    </FormDialog>
  );
}
