import { Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { ChangeProposal } from '../../api/types';
import { FormDialog, faultOf } from '../../components/dialogs';
import { InstantInput } from '../../components/InstantInput';
import { usePreferences } from '../../live/preferences';
import { forInput, fromInput } from '../../words/instants';

interface ProposalDialogProps {
  title: string;
  doLabel: string;
  /** What stands, where it is revised. */
  before?: ChangeProposal;
  write: { isPending: boolean; error: Error | null };
  onClose: () => void;
  onDo: (proposal: ChangeProposal) => void;
}

/** Asks what changes, why, and when. */
export function ProposalDialog({ title, doLabel, before, write, onClose, onDo }: ProposalDialogProps) {
  const { zone } = usePreferences();
  const [said, setSaid] = useState({
    title: before?.title ?? '',
    what: before?.what ?? '',
    why: before?.why ?? '',
    at: before === undefined ? '' : forInput(Date.parse(before.effective_at), zone),
  });
  const say = (field: keyof typeof said) => (text: string) => setSaid({ ...said, [field]: text });
  const effectiveAt = fromInput(said.at, zone);
  const whole = [said.title, said.what, said.why].every((text) => text.trim() !== '');
  return (
    <FormDialog
      title={title}
      opened
      onClose={onClose}
      doLabel={doLabel}
      pending={write.isPending}
      fault={write.error}
      shownFaults={['title', 'what', 'why', 'effective_at']}
      ready={whole && effectiveAt !== undefined}
      onDo={() =>
        effectiveAt !== undefined &&
        onDo({ title: said.title, what: said.what, why: said.why, effective_at: effectiveAt })
      }
      size="lg"
    >
      {before !== undefined && (
        <p className="notice-bar">What was judged was something else: it is judged again after this.</p>
      )}
      <TextInput
        label="Change"
        description="In a line; letters name it"
        value={said.title}
        onChange={(event) => say('title')(event.currentTarget.value)}
        error={faultOf(write.error, 'title')}
        data-autofocus
        required
      />
      <Textarea
        label="What changes"
        minRows={3}
        value={said.what}
        onChange={(event) => say('what')(event.currentTarget.value)}
        error={faultOf(write.error, 'what')}
        required
      />
      <Textarea
        label="Why"
        minRows={2}
        value={said.why}
        onChange={(event) => say('why')(event.currentTarget.value)}
        error={faultOf(write.error, 'why')}
        required
      />
      <InstantInput
        label="Takes effect"
        ahead
        value={said.at}
        onChange={say('at')}
        error={faultOf(write.error, 'effective_at')}
        required
      />
    </FormDialog>
  );
}
