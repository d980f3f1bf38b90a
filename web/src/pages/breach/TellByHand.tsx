/** People told a customer by phone, by post or in the customer's own system: a proof of its own, with what shows it. */
import { Autocomplete, Button, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../../api/client';
import { useMay, useSession } from '../../api/queries';
import type { Channel, ObligationView, ToldByHand } from '../../api/types';
import { FormDialog, faultOf } from '../../components/dialogs';
import { InstantInput } from '../../components/InstantInput';
import { ActorName, At } from '../../components/marks';
import { usePreferences } from '../../live/preferences';
import { serverNow } from '../../live/serverClock';
import { forInput, fromInput } from '../../words/instants';

const CHANNELS = [
  { value: 'phone', label: 'By phone' },
  { value: 'post', label: 'By post' },
  { value: 'portal', label: 'In the customer’s own system' },
];

/** Opens what is written down of a call, with the way that the contract asks for and the first contact filled in. */
export function TellByHand({
  obligation,
  call = false,
}: {
  obligation: ObligationView;
  /** Whether they must be called, so that it is the next thing to do. */
  call?: boolean;
}) {
  const may = useMay('draft_notices');
  const [open, setOpen] = useState(false);
  if (!may || obligation.drill) return null;
  return (
    <>
      <Button
        size="compact-sm"
        variant={call ? 'filled' : 'subtle'}
        aria-label={
          call ? `Call them: ${obligation.customer_name}` : `${obligation.customer_name} was told by hand`
        }
        onClick={() => setOpen(true)}
      >
        {call ? 'Call them…' : 'Told by hand…'}
      </Button>
      {open && <TellingDialog obligation={obligation} onClose={() => setOpen(false)} />}
    </>
  );
}

/** Whom to call, as it is written down: the name where there is one, and the address that is known of them. */
function callees({ contacts }: ObligationView): string[] {
  const lines = contacts.map(({ name, email }) => (name === '' ? email : `${name}, ${email}`));
  return [...new Set(lines)];
}

/** Whether every message to the customer came to nothing, so that only people can tell it. */
export function mustBeCalled({ state, drill, proof, by_hand = [] }: ObligationView): boolean {
  const waits = state === 'running' || state === 'missed';
  const nothing = proof.queued + proof.submitted === 0 && proof.refused + proof.bounced > 0;
  return waits && !drill && nothing && by_hand.length === 0;
}

function TellingDialog({ obligation, onClose }: { obligation: ObligationView; onClose: () => void }) {
  const client = useQueryClient();
  const { zone } = usePreferences();
  const me = useSession().user.name;
  const contacts = callees(obligation);
  const [channel, setChannel] = useState<Channel>(
    obligation.channel === 'email' ? 'phone' : obligation.channel,
  );
  const [teller, setTeller] = useState(me);
  const [to, setTo] = useState(contacts[0] ?? '');
  const [at, setAt] = useState(forInput(serverNow(), zone));
  const [said, setSaid] = useState('');
  const [evidence, setEvidence] = useState('');
  const tell = useMutation({
    mutationFn: () =>
      request<ObligationView>(`/obligations/${encodeURIComponent(obligation.id)}/told-by-hand`, {
        method: 'POST',
        body: { channel, teller, to, told_at: fromInput(at, zone), said, evidence },
      }),
    onSuccess: () => {
      onClose();
      void client.invalidateQueries({ queryKey: ['obligations'] });
      void client.invalidateQueries({ queryKey: ['incident', obligation.incident] });
      void client.invalidateQueries({ queryKey: ['notice'] });
    },
  });
  const fault = (field: string) => faultOf(tell.error, field);
  return (
    <FormDialog
      title={`${obligation.customer_name} was told by hand`}
      opened
      onClose={onClose}
      doLabel="Write it down"
      pending={tell.isPending}
      fault={tell.error}
      ready={[teller, to, at, said, evidence].every((each) => each.trim() !== '')}
      shownFaults={['channel', 'teller', 'to', 'told_at', 'said', 'evidence']}
      onDo={() => tell.mutate()}
      size="lg"
    >
      <p className="small">
        It is a proof of its own: it makes no letter arrive, and where the deadline stands does not change by
        it.
      </p>
      <NativeSelect
        label="How"
        value={channel}
        data={CHANNELS}
        onChange={(event) => setChannel(event.currentTarget.value as Channel)}
        error={fault('channel')}
      />
      <TextInput
        label="Who told them"
        value={teller}
        onChange={(event) => setTeller(event.currentTarget.value)}
        error={fault('teller')}
        required
      />
      <Autocomplete
        label="Whom"
        description={
          contacts.length === 0
            ? 'A name with a number, or an address. No contact of theirs is known.'
            : 'The first contact stands here; choose another one, and add the number or the address.'
        }
        value={to}
        onChange={setTo}
        data={contacts}
        filter={({ options }) => options}
        error={fault('to')}
        required
      />
      <InstantInput label="When" value={at} onChange={setAt} error={fault('told_at')} required />
      <Textarea
        label="What was said or sent"
        description="The pack has its digest; the text can be erased with the person."
        value={said}
        onChange={(event) => setSaid(event.currentTarget.value)}
        error={fault('said')}
        autosize
        minRows={3}
        required
      />
      <TextInput
        label="What shows it"
        description="A recording, a tracking number, a ticket, and where that is."
        value={evidence}
        onChange={(event) => setEvidence(event.currentTarget.value)}
        error={fault('evidence')}
        required
      />
    </FormDialog>
  );
}

const HOW: Record<ToldByHand['channel'], string> = {
  email: 'by e-mail',
  phone: 'by phone',
  post: 'by post',
  portal: 'in their own system',
};

/** Every time that a customer was told by hand. */
export function Tellings({ by_hand = [] }: { by_hand?: ToldByHand[] }) {
  return by_hand.map((each) => (
    <p key={each.id} className="small wrap">
      <span className="tag">told {HOW[each.channel]}</span> <At at={each.told_at} />, {each.teller} to{' '}
      {each.to}.{' '}
      <span className="dim">
        Shown by: {each.evidence} (written down by <ActorName actor={each.by} />, SHA-256 of what was said{' '}
        {each.said_sha256.slice(0, 12)}…)
      </span>
    </p>
  ));
}
