import { Button, FileButton, Modal, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../../api/client';
import type { AffectedList, IncidentView, Standing } from '../../api/types';
import { useFocusBack } from '../../components/dialogs';
import { Refused } from '../../components/States';
import { count, STANDING_NAMES } from '../../words/labels';

/** Many customers at once, by whatever name an analyst's list has for them; shown before anything changes. */
export function ListDialog({ view, onClose }: { view: IncidentView; onClose: () => void }) {
  const client = useQueryClient();
  useFocusBack(true);
  const [list, setList] = useState('');
  const [standing, setStanding] = useState<Standing | ''>('');
  const [evidence, setEvidence] = useState('');
  const run = useMutation({
    mutationFn: (commit: boolean) =>
      request<AffectedList>(`/incidents/${view.incident.id}/affected/list`, {
        method: 'POST',
        body: { list, standing, evidence: evidence.trim(), commit },
      }),
    onSuccess: (result) => {
      if (result.committed) void client.invalidateQueries({ queryKey: ['incidents'] });
    },
  });
  const result = run.data;
  const ready =
    result !== undefined && !result.committed && result.faults.length === 0 && result.changed.length > 0;
  return (
    <Modal opened onClose={onClose} title="Add a list of affected customers" size="lg">
      <div className="stack">
        <p className="small">
          One customer a line, or several that commas separate: by key, tenant or name, in any case.
        </p>
        <FileButton
          accept=".txt,.csv,text/plain,text/csv"
          onChange={(file) =>
            void file?.text().then((text) => {
              setList(text);
              run.reset();
            })
          }
          inputProps={{ 'aria-label': 'File with the list' }}
        >
          {(props) => (
            <Button {...props} style={{ alignSelf: 'flex-start' }}>
              Choose a file
            </Button>
          )}
        </FileButton>
        <Textarea
          label="List"
          value={list}
          onChange={(event) => {
            setList(event.currentTarget.value);
            run.reset();
          }}
          minRows={6}
          maxRows={14}
          styles={{ input: { fontFamily: 'var(--mono)', fontSize: 12 } }}
          data-autofocus
        />
        <NativeSelect
          label="They are"
          value={standing}
          data={[
            { value: '', label: 'Choose…' },
            ...(['confirmed', 'possible', 'cleared'] as const).map((each) => ({
              value: each,
              label: STANDING_NAMES[each],
            })),
          ]}
          onChange={(event) => {
            setStanding(event.currentTarget.value as Standing | '');
            run.reset();
          }}
        />
        <TextInput
          label="Evidence"
          description="What shows it, such as who made the list from what. Becomes part of the record."
          value={evidence}
          onChange={(event) => setEvidence(event.currentTarget.value)}
          required
        />
        <Refused fault={run.error} />
        {result !== undefined && standing !== '' && <Preview result={result} standing={standing} />}
        <div className="row" style={{ justifyContent: 'flex-end' }}>
          <Button onClick={onClose}>{result?.committed ? 'Close' : 'Cancel'}</Button>
          <Button
            disabled={list.trim() === '' || standing === ''}
            loading={run.isPending}
            onClick={() => run.mutate(false)}
          >
            Preview changes
          </Button>
          <Button
            variant="filled"
            disabled={!ready || evidence.trim() === ''}
            loading={run.isPending}
            onClick={() => run.mutate(true)}
          >
            Put on the list
          </Button>
        </div>
      </div>
    </Modal>
  );
}

function Preview({ result, standing }: { result: AffectedList; standing: Standing }) {
  return (
    <section aria-label="Changes" className="stack" aria-live="polite">
      <p className="strong">
        {result.committed ? 'Done: ' : ''}
        {count(result.changed.length, 'customer')} {result.committed ? 'now' : 'will be'} {standing},{' '}
        {result.unchanged} stand so already,{' '}
        <span className={result.faults.length > 0 ? 'bad' : ''}>{count(result.faults.length, 'fault')}</span>
      </p>
      {result.faults.length > 0 && (
        <div className="notice-bar alarm">
          <p>Nothing changes while there are faults.</p>
          <ul>
            {result.faults.map((fault) => (
              <li key={`${fault.line} ${fault.listed}`} className="wrap">
                line {fault.line}, <span className="mono">{fault.listed}</span>: {fault.detail}
              </li>
            ))}
          </ul>
        </div>
      )}
      <ul className="plain-list small stack tight">
        {result.changed.slice(0, 200).map((customer) => (
          <li key={customer.id} className="wrap">
            {customer.name}
            {customer.listed !== customer.name && <span className="dim"> ({customer.listed})</span>}
            {customer.before !== null && <span className="dim">, was {customer.before}</span>}
          </li>
        ))}
        {result.changed.length > 200 && <li className="dim">and {result.changed.length - 200} more</li>}
      </ul>
    </section>
  );
}
