import { Button, NativeSelect, Tabs, Textarea } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { ApiError } from '../../api/client';
import type { FactField, NoticeFacts, NoticeView } from '../../api/types';
import { useNoticeWrite } from '../../api/writes';
import { faultOf } from '../../components/dialogs';
import { InstantInput } from '../../components/InstantInput';
import { ActorName } from '../../components/marks';
import { Panel } from '../../components/Page';
import { Refused } from '../../components/States';
import { usePreferences } from '../../live/preferences';
import { forInput, fromInput } from '../../words/instants';
import { count, FACT_FIELDS, FACT_NAMES, LANGUAGE_NAMES } from '../../words/labels';
import { GIVE_THE_ROLE, oneOf } from './approvers';
import { Clashes } from './Clashes';
import { Findings } from './Findings';
import { type Clash, isSame, NO_FACTS, together, type Written, writtenIn } from './together';
import { useOthers } from './useOthers';

/** After this pause in typing, what was written is saved and the letters are rendered again. */
const SAVE_AFTER = 900;
const FIRST = 'first';

/** What the author says, in every language that is needed. Saved while writing; submitting saves first. */
export function FactsEditor({ view }: { view: NoticeView }) {
  const { notice } = view;
  const { zone } = usePreferences();
  const theirs = writtenIn(view);
  const [written, setWritten] = useState<Written>(theirs);
  /** What was saved last, by whom ever: what is written here is on top of it. */
  const [base, setBase] = useState({ written: theirs, version: notice.version });
  const [clashes, setClashes] = useState<Clash[]>([]);
  const [language, setLanguage] = useState(FIRST);
  const write = useNoticeWrite(notice.id);
  const dirty = !isSame(written, base.written);
  const { mutateAsync, isPending } = write;

  const save = async () => {
    const sent = written;
    const answer = await mutateAsync({ method: 'PUT', path: '', body: sent, version: base.version });
    setBase({ written: sent, version: answer.notice.version });
    return answer;
  };
  // Somebody else saved meanwhile: what each changed stands, and where both changed the same the reader decides.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only what is saved makes it look again
  useEffect(() => {
    if (isPending || notice.version <= base.version) return;
    setBase({ written: theirs, version: notice.version });
    if (write.error instanceof ApiError && write.error.isConflict) write.reset();
    if (isSame(theirs, base.written)) return;
    const merged = together(base.written, written, theirs);
    setWritten(merged.written);
    setClashes(merged.clashes);
  }, [notice.version, isPending]);
  const latest = useRef(save);
  latest.current = save;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each change of the text starts the pause anew
  useEffect(() => {
    if (!dirty || isPending || write.isError || clashes.length > 0) return;
    const timer = setTimeout(() => void latest.current().catch(() => undefined), SAVE_AFTER);
    return () => clearTimeout(timer);
  }, [written, dirty, isPending, write.isError, clashes.length]);

  const change = (next: Written) => {
    if (write.isError) write.reset();
    setWritten(next);
  };
  const said = language === FIRST ? written.facts : (written.translations[language] ?? NO_FACTS);
  const say = (field: keyof NoticeFacts, text: string) =>
    change(withText(written, language === FIRST ? undefined : language, field, text));
  const submit = async () => {
    try {
      const current = dirty ? (await save()).notice.version : base.version;
      await mutateAsync({ path: '/submit', version: current });
    } catch {
      // Shown below the form, from the mutation's own state.
    }
  };
  const others = useOthers(view);
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
        {others.length === 0 && (
          <p className="notice-bar alarm" role="alert">
            Nobody is left to approve this notice: whoever writes in it cannot. {GIVE_THE_ROLE} Or discard it
            and have somebody else write it.
          </p>
        )}
        <Clashes
          clashes={clashes}
          by={notice.edited === undefined ? 'Somebody else' : <ActorName actor={notice.edited.by} />}
          onTake={(clash) => {
            setClashes(clashes.filter((each) => each !== clash));
            change(withText(written, clash.language, clash.field, clash.theirs));
          }}
          onKeep={(clash) => setClashes(clashes.filter((each) => each !== clash))}
        />
        <Languages view={view} written={written} chosen={language} onChoose={setLanguage} onChange={change} />
        {view.fields.map(({ field, required }) => (
          <Textarea
            key={`${language} ${field}`}
            label={FACT_NAMES[field].label}
            description={language === FIRST ? FACT_NAMES[field].hint : written.facts[field]}
            required={required}
            minRows={field === 'contained' ? 1 : 3}
            value={said[field]}
            onChange={(event) => say(field, event.currentTarget.value)}
            error={faultOf(write.error, field)}
          />
        ))}
        <Textarea
          label="Records read"
          description="Which records cover the whole period, where you write that there is no evidence of something. Stands in no letter."
          minRows={1}
          value={said.records_read}
          onChange={(event) => say('records_read', event.currentTarget.value)}
        />
        {notice.next_update_by !== undefined && (
          <InstantInput
            label="Customers hear again by"
            description="The letters promise it. You are reminded before, and paged when it is late."
            ahead
            value={
              written.next_update_by === undefined ? '' : forInput(Date.parse(written.next_update_by), zone)
            }
            onChange={(text) => change({ ...written, next_update_by: fromInput(text, zone) })}
            error={faultOf(write.error, 'next_update_by')}
          />
        )}
        {view.missing.length > 0 && (
          <p className="notice-bar warn">Still to be written: {view.missing.map(inWords).join(', ')}.</p>
        )}
        <Findings findings={view.findings} />
        <Refused fault={write.error} shown={[...FACT_FIELDS, 'next_update_by']} />
        <div className="row">
          {write.isError && <Button onClick={() => void save().catch(() => undefined)}>Save again</Button>}
          <Button
            type="submit"
            variant="filled"
            size="sm"
            loading={isPending}
            disabled={(!view.may.submit && !dirty) || clashes.length > 0}
          >
            Submit for approval
          </Button>
          <span className="small dim">
            {others.length === 0
              ? 'Nobody else may approve it.'
              : `${oneOf(others)} may approve it; you cannot approve what you wrote.`}
          </span>
        </div>
      </form>
    </Panel>
  );
}

function withText(
  written: Written,
  language: string | undefined,
  field: keyof NoticeFacts,
  text: string,
): Written {
  if (language === undefined) return { ...written, facts: { ...written.facts, [field]: text } };
  const facts = { ...(written.translations[language] ?? NO_FACTS), [field]: text };
  return { ...written, translations: { ...written.translations, [language]: facts } };
}

/** `what_happened (de)` as people read it. */
function inWords(missing: string): string {
  const [field = '', language] = missing.replace(')', '').split(' (');
  const name = FACT_NAMES[field as FactField]?.label.toLowerCase() ?? field;
  return language === undefined ? name : `${name} in ${LANGUAGE_NAMES[language] ?? language}`;
}

/** The languages it is written in: the first one, and translations for customers who read another. */
function Languages({
  view,
  written,
  chosen,
  onChoose,
  onChange,
}: {
  view: NoticeView;
  written: Written;
  chosen: string;
  onChoose: (language: string) => void;
  onChange: (written: Written) => void;
}) {
  const translated = Object.keys(written.translations);
  const others = view.languages.filter((each) => !translated.includes(each.language));
  const unread = others.filter((each) => each.language !== 'en' && each.customers > 0);
  const name = (language: string) => LANGUAGE_NAMES[language] ?? language;
  return (
    <div className="stack">
      {translated.length > 0 && (
        <Tabs value={chosen} onChange={(value) => onChoose(value ?? FIRST)}>
          <Tabs.List aria-label="Language">
            <Tabs.Tab value={FIRST}>As first written</Tabs.Tab>
            {translated.map((language) => (
              <Tabs.Tab key={language} value={language}>
                {name(language)}
              </Tabs.Tab>
            ))}
          </Tabs.List>
        </Tabs>
      )}
      {unread.map((each) => (
        <p key={each.language} className="notice-bar">
          {count(each.customers, 'customer')} {each.customers === 1 ? 'reads' : 'read'} {name(each.language)}.
          Without a translation, what you write stands as it is in a {name(each.language)} letter.
        </p>
      ))}
      <div className="row">
        {others.length > 0 && (
          <NativeSelect
            aria-label="Translate into"
            value=""
            onChange={(event) => {
              const language = event.currentTarget.value;
              if (language === '') return;
              onChange({ ...written, translations: { ...written.translations, [language]: NO_FACTS } });
              onChoose(language);
            }}
            data={[
              { value: '', label: 'Translate into…' },
              ...others.map((each) => ({
                value: each.language,
                label: `${name(each.language)} (${count(each.customers, 'customer')})`,
              })),
            ]}
          />
        )}
        {chosen !== FIRST && (
          <Button
            onClick={() => {
              const { [chosen]: _dropped, ...rest } = written.translations;
              onChange({ ...written, translations: rest });
              onChoose(FIRST);
            }}
          >
            Drop the translation into {name(chosen)}
          </Button>
        )}
      </div>
    </div>
  );
}
