/** Dialogs that ask for a reason, or for a word to be typed, before something is done. */
import { Button, Modal, Textarea, TextInput } from '@mantine/core';
import { type FormEvent, type ReactNode, useEffect, useState } from 'react';
import { ApiError } from '../api/client';
import { Refused } from './States';

interface DialogProps {
  title: string;
  opened: boolean;
  onClose: () => void;
  /** The label of the button that does it. */
  doLabel: string;
  pending: boolean;
  fault: Error | null;
  danger?: boolean;
  /** The button works only when this holds. */
  ready?: boolean;
  onDo: () => void;
  children: ReactNode;
  /** Fields whose faults are shown beside them. */
  shownFaults?: readonly string[];
  size?: string;
}

/**
 * Gives the focus back to where it was when a dialog that is taken off the page at once is closed: the dialog's own way of doing so
 * does not run then, and the focus would be lost.
 */
export function useFocusBack(opened: boolean) {
  const [from] = useState(() => (opened ? document.activeElement : null));
  useEffect(
    () => () => {
      setTimeout(() => {
        const lost = document.activeElement === null || document.activeElement === document.body;
        if (lost && from instanceof HTMLElement && from.isConnected) from.focus();
      });
    },
    [from],
  );
}

/** A form in a dialog. */
export function FormDialog(props: DialogProps) {
  const { title, opened, onClose, doLabel, pending, fault, danger, ready = true, onDo, children } = props;
  useFocusBack(opened);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready && !pending) onDo();
  };
  return (
    <Modal opened={opened} onClose={onClose} title={title} size={props.size ?? 'md'}>
      <form onSubmit={submit} className="stack">
        {children}
        <Refused fault={fault} shown={props.shownFaults} />
        <div className="row" style={{ justifyContent: 'flex-end' }}>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            type="submit"
            variant="filled"
            color={danger ? 'danger' : undefined}
            loading={pending}
            disabled={!ready}
          >
            {doLabel}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

export function faultOf(fault: Error | null, field: string): string | undefined {
  return fault instanceof ApiError ? fault.fault(field) : undefined;
}

interface ReasonDialogProps {
  title: string;
  opened: boolean;
  onClose: () => void;
  doLabel: string;
  pending: boolean;
  fault: Error | null;
  danger?: boolean;
  label?: string;
  intro?: ReactNode;
  /** What must be typed, where it cannot be undone. */
  typed?: string;
  onDo: (why: string) => void;
}

/** Asks why; the answer becomes part of the record. */
export function ReasonDialog(props: ReasonDialogProps) {
  const { opened, label = 'Why', typed } = props;
  const [why, setWhy] = useState('');
  const [word, setWord] = useState('');
  useEffect(() => {
    if (opened) {
      setWhy('');
      setWord('');
    }
  }, [opened]);
  const ready = why.trim() !== '' && (typed === undefined || word.trim() === typed);
  return (
    <FormDialog {...props} ready={ready} onDo={() => props.onDo(why.trim())} shownFaults={['why']}>
      {props.intro}
      <Textarea
        label={label}
        description="Becomes part of the record."
        value={why}
        onChange={(event) => setWhy(event.currentTarget.value)}
        error={faultOf(props.fault, 'why')}
        data-autofocus
        required
      />
      {typed !== undefined && <TypedWord word={typed} value={word} onChange={setWord} />}
    </FormDialog>
  );
}

/** What cannot be undone is confirmed by typing. */
export function TypedWord({
  word,
  value,
  onChange,
}: {
  word: string;
  value: string;
  onChange: (value: string) => void;
}) {
  return (
    <TextInput
      label={`Type ${word} to confirm`}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      autoComplete="off"
      spellCheck={false}
      required
    />
  );
}
