import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../../api/client';
import { useMay } from '../../api/queries';
import type { Asking, Contact, Customer, CustomerDetail } from '../../api/types';
import { ReasonDialog } from '../../components/dialogs';
import { Ago, At } from '../../components/marks';
import { Panel } from '../../components/Page';
import { serverNow } from '../../live/serverClock';
import { spanMilliseconds } from '../../words/countdown';
import { EraseButton, EraseContact } from './EraseContact';

/** Whom to tell, how sure we are of each, and what each said when it was asked. */
export function Contacts({ detail: { customer, askings, verify_every } }: { detail: CustomerDetail }) {
  const [erasing, setErasing] = useState<Contact | null>(null);
  return (
    <Panel title="Contacts" bare>
      {customer.contacts.length === 0 && (
        <p className="line-item bad strong">
          No contact: if a disclosure concerns this customer, nobody can be told.
        </p>
      )}
      <ul className="plain-list lines">
        {customer.contacts.map((contact) => (
          <li key={`${contact.role} ${contact.email}`} className="line-item row apart">
            <div className="wrap">
              {contact.name || contact.email} <span className="tag">{contact.role}</span>
              {contact.name !== '' && <div className="small dim">{contact.email}</div>}
              <Asked asking={askings.find((asking) => asking.email === contact.email)} />
              {contact.trouble !== undefined && (
                <div className="small bad wrap">
                  {contact.trouble.kind === 'unreachable' ? 'takes no mail' : 'not the right one, it says'}{' '}
                  since <At at={contact.trouble.at} />
                  {contact.trouble.why !== '' && `: ${contact.trouble.why}`}
                </div>
              )}
            </div>
            <div className="stack tight">
              <Verified contact={contact} customer={customer} every={spanMilliseconds(verify_every)} />
              <VerifyContact customer={customer} contact={contact} />
              <EraseButton contact={contact} onErase={() => setErasing(contact)} />
            </div>
          </li>
        ))}
      </ul>
      {erasing !== null && (
        <EraseContact customer={customer} contact={erasing} onClose={() => setErasing(null)} />
      )}
    </Panel>
  );
}

function Verified({
  contact,
  customer,
  every = 0,
}: {
  contact: Contact;
  customer: Customer;
  every?: number;
}) {
  const since = Math.max(
    Date.parse(contact.added_at ?? customer.created_at),
    contact.verified_at === undefined ? 0 : Date.parse(contact.verified_at),
  );
  const old = serverNow() - since > every;
  return (
    <div className={`small ${old ? 'soon' : 'dim'}`}>
      {contact.verified_at === undefined ? (
        'never verified'
      ) : (
        <>
          verified <Ago at={contact.verified_at} />
        </>
      )}
    </div>
  );
}

function Asked({ asking }: { asking: Asking | undefined }) {
  if (asking === undefined) return null;
  return (
    <div className="small dim wrap">
      asked <At at={asking.asked_at} />: {asking.state === 'waiting' && <Waiting asking={asking} />}
      {asking.state === 'unanswered' && <span className="soon">no answer</span>}
      {asking.state === 'overtaken' && 'settled in another way'}
      {asking.state === 'confirmed' && `${asking.name} confirmed it`}
      {asking.state === 'undeliverable' && `the mail did not arrive: ${asking.why}`}
      {asking.state === 'not_the_right_one' &&
        `${asking.name} says it is wrong${asking.instead === '' ? '' : `; write to ${asking.instead}`}`}
    </div>
  );
}

function Waiting({ asking }: { asking: Asking & { state: 'waiting' } }) {
  return (
    <>
      {asking.reminded_at === null ? 'waits for an answer' : 'reminded, waits for an answer'} until{' '}
      <At at={asking.answer_by} />
    </>
  );
}

/** Somebody called, or wrote otherwise, and knows now that it is the right one. */
function VerifyContact({ customer, contact }: { customer: Customer; contact: Contact }) {
  const may = useMay('keep_customers');
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const verify = useMutation({
    mutationFn: (how: string) =>
      request<Customer>(`/customers/${encodeURIComponent(customer.id)}/contacts/verify`, {
        method: 'POST',
        body: { email: contact.email, how },
        version: customer.version,
      }),
    onSuccess: () => setOpen(false),
    onSettled: () => void client.invalidateQueries({ queryKey: ['customer', customer.id] }),
  });
  if (!may) return null;
  return (
    <>
      <Button
        variant="subtle"
        onClick={() => setOpen(true)}
        aria-label={`${contact.email} was verified by other means`}
      >
        Verified by other means
      </Button>
      <ReasonDialog
        title={`${contact.email} is the right contact`}
        opened={open}
        onClose={() => {
          setOpen(false);
          verify.reset();
        }}
        label="How you made sure"
        doLabel="Record it"
        pending={verify.isPending}
        fault={verify.error}
        intro={
          <p className="small">
            Ask somebody whom you know at the customer, not whoever answers at this address.
          </p>
        }
        onDo={(how) => verify.mutate(how)}
      />
    </>
  );
}
