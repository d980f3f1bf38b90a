import { Radio, Switch, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { request } from '../api/client';
import { incidentQuery, useMay, useOverview } from '../api/queries';
import type { IncidentView, Severity } from '../api/types';
import { FormDialog, faultOf } from '../components/dialogs';
import { SeverityMark } from '../components/marks';
import { SEVERITIES, SEVERITY_MEANS } from '../words/labels';
import { openDialog } from './openDialog';

/** Declares an incident by hand. */
export default function DeclareDialog() {
  const [title, setTitle] = useState('');
  const [summary, setSummary] = useState('');
  const [severity, setSeverity] = useState<Severity>('sev2');
  const [drill, setDrill] = useState(false);
  const may = useMay('respond');
  const hindrance = useOverview().data?.drills.hindrance ?? null;
  const navigate = useNavigate();
  const client = useQueryClient();
  const declare = useMutation({
    mutationFn: () =>
      request<IncidentView>('/incidents', {
        method: 'POST',
        body: { title: title.trim(), severity, summary: summary.trim(), drill },
      }),
    onSuccess: (view) => {
      client.setQueryData(incidentQuery(view.incident.id).queryKey, view);
      void client.invalidateQueries({ queryKey: ['incidents'] });
      openDialog(null);
      void navigate({ to: '/incidents/$id', params: { id: view.incident.id } });
    },
  });
  return (
    <FormDialog
      title={drill ? 'Declare a drill' : 'Declare an incident'}
      opened
      onClose={() => openDialog(null)}
      doLabel={drill ? 'Declare drill' : 'Declare incident'}
      pending={declare.isPending}
      fault={declare.error}
      ready={may && title.trim() !== ''}
      onDo={() => declare.mutate()}
      shownFaults={['title', 'summary', 'severity', 'drill']}
    >
      {!may && <p className="notice-bar warn">Your roles do not include declaring incidents.</p>}
      <TextInput
        label="Title"
        description="What it is, in a line"
        value={title}
        onChange={(event) => setTitle(event.currentTarget.value)}
        error={faultOf(declare.error, 'title')}
        data-autofocus
        required
      />
      <Radio.Group
        label="Severity"
        value={severity}
        onChange={(value) => setSeverity(value as Severity)}
        error={faultOf(declare.error, 'severity')}
      >
        <div className="stack tight">
          {SEVERITIES.map((each) => (
            <Radio
              key={each}
              value={each}
              label={
                <>
                  <SeverityMark severity={each} /> <span className="dim">{SEVERITY_MEANS[each]}</span>
                </>
              }
            />
          ))}
        </div>
      </Radio.Group>
      <Textarea
        label="Summary"
        description="What is known; may be short"
        value={summary}
        onChange={(event) => setSummary(event.currentTarget.value)}
        error={faultOf(declare.error, 'summary')}
      />
      <Switch
        label="This is a drill"
        description={
          hindrance ??
          'People are paged and letters are written as in earnest. Everything says [DRILL], and no customer gets any of it.'
        }
        checked={drill}
        disabled={hindrance !== null}
        onChange={(event) => setDrill(event.currentTarget.checked)}
        error={faultOf(declare.error, 'drill')}
      />
    </FormDialog>
  );
}
