import { Button, Textarea } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import type { FactField, NoticeFacts, NoticeView } from '../../api/types';
import { useNoticeWrite } from '../../api/writes';
import { faultOf } from '../../components/dialogs';
import { Panel } from '../../components/Page';
import { Refused } from '../../components/States';
import { FACT_FIELDS, FACT_NAMES } from '../../words/labels';

/** After this pause in typing, what was written is saved and the letters are rendered again. */
const SAVE_AFTER = 900;
const OPTIONAL: readonly FactField[] = ['not_yet_known', 'contained'];

/** What the author says. Saved while writing; submitting saves first. */
export function FactsEditor({ view }: { view: NoticeView }) {
  const [facts, setFacts] = useState<NoticeFacts>(view.notice.facts);
  const write = useNoticeWrite(view.notice.id);
  const saved = useRef(JSON.stringify(view.notice.facts));
  const dirty = JSON.stringify(facts) !== saved.current;
  const version = view.notice.version;
  const { mutateAsync, isPending } = write;

  const save = async () => {
    const sent = JSON.stringify(facts);
    const answer = await mutateAsync({ method: 'PUT', path: '', body: { facts }, version });
    saved.current = sent;
    return answer;
  };
  const latest = useRef(save);
  latest.current = save;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each change of the text starts the pause anew
  useEffect(() => {
    if (!dirty || isPending || write.isError) return;
    const timer = setTimeout(() => void latest.current().catch(() => undefined), SAVE_AFTER);
    return () => clearTimeout(timer);
  }, [facts, dirty, isPending, write.isError]);

  const change = (field: FactField, text: string) => {
    if (write.isError) write.reset();
    setFacts({ ...facts, [field]: text });
  };
  const submit = async () => {
    try {
      const current = dirty ? (await save()).notice.version : version;
      await mutateAsync({ path: '/submit', version: current });
    } catch {
      // Shown below the form, from the mutation's own state.
    }
  };
  const missing = view.missing.filter((field) => facts[field].trim() === '');
  return (
    <Panel
      title="Facts"
      side={
        <span className="small dim" role="status">
          {write.isError ? 'Not saved' : isPending ? 'Saving…' : dirty ? 'Changed' : 'Saved'}
        </span>
      }
    >
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        {FACT_FIELDS.map((field) => (
          <Textarea
            key={field}
            label={FACT_NAMES[field].label}
            description={FACT_NAMES[field].hint}
            required={!OPTIONAL.includes(field)}
            minRows={field === 'contained' ? 1 : 3}
            value={facts[field]}
            onChange={(event) => change(field, event.currentTarget.value)}
            error={faultOf(write.error, field)}
          />
        ))}
        {missing.length > 0 && (
          <p className="notice-bar warn">
            Still to be written: {missing.map((field) => FACT_NAMES[field].label.toLowerCase()).join(', ')}.
          </p>
        )}
        <Refused fault={write.error} shown={FACT_FIELDS} />
        <div className="row">
          {write.isError && <Button onClick={() => void save().catch(() => undefined)}>Save again</Button>}
          <Button
            type="submit"
            variant="filled"
            size="sm"
            loading={isPending}
            disabled={
              !view.may.submit && !dirty
                ? true
                : FACT_FIELDS.some((f) => !OPTIONAL.includes(f) && facts[f].trim() === '')
            }
          >
            Submit for approval
          </Button>
          <span className="small dim">A second person approves it; you cannot approve your own.</span>
        </div>
      </form>
    </Panel>
  );
}
