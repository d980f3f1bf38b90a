/** How severe the breach is for the people whose data it is, by ENISA's method: shown, never deciding. */
import { Button, Checkbox, NumberInput, Select, Textarea } from '@mantine/core';
import { useState } from 'react';
import { useMay } from '../../api/queries';
import type {
  AssessedSeverity,
  DataKind,
  Identification,
  IncidentView,
  Loss,
  SeverityInputs,
} from '../../api/types';
import { useIncidentWrite } from '../../api/writes';
import { FormDialog, faultOf } from '../../components/dialogs';
import { ActorName, At } from '../../components/marks';

const DATA: Record<DataKind, string> = {
  simple: '1 · simple: contact details',
  behavioural: '2 · behavioural: location, habits',
  financial: '3 · financial: accounts, payments',
  sensitive: '4 · sensitive: health, beliefs',
};
const IDENTIFICATION: Record<Identification, string> = {
  negligible: '0.25 · negligible',
  limited: '0.5 · limited',
  significant: '0.75 · significant',
  maximum: '1 · maximum: at once',
};
const LOSS: Record<'confidentiality' | 'integrity' | 'availability', Record<Loss, string>> = {
  confidentiality: {
    none: '0 · not lost',
    partial: '0.25 · to a known number of recipients',
    full: '0.5 · to an unknown number of recipients',
  },
  integrity: {
    none: '0 · not lost',
    partial: '0.25 · altered, can be undone',
    full: '0.5 · altered for good',
  },
  availability: {
    none: '0 · not lost',
    partial: '0.25 · unavailable for a while',
    full: '0.5 · unavailable for good',
  },
};

export function BreachSeverity({ view }: { view: IncidentView }) {
  const may = useMay('decide_disclosure');
  const [open, setOpen] = useState(false);
  const { assessments, note } = view.breach_severity;
  const newest = assessments[assessments.length - 1];
  if (view.incident.disclosure.state === 'none') return null;
  return (
    <section className="stack tight" aria-label="Severity of the breach">
      {newest === undefined ? (
        <p className="small dim">Nobody has assessed how severe it is by ENISA’s method.</p>
      ) : (
        <Assessed assessment={newest} note={note} />
      )}
      {assessments.length > 1 && (
        <details className="small">
          <summary>Assessed before</summary>
          <ul className="plain-list stack tight">
            {assessments
              .slice(0, -1)
              .reverse()
              .map((each) => (
                <li key={each.at}>
                  {each.score} ({each.level}), <ActorName actor={each.by} />, <At at={each.at} />: {each.why}
                </li>
              ))}
          </ul>
        </details>
      )}
      {may && (
        <div className="row">
          <Button onClick={() => setOpen(true)}>
            {newest === undefined ? 'Assess severity' : 'Assess again'}
          </Button>
        </div>
      )}
      {open && <AssessDialog view={view} onClose={() => setOpen(false)} />}
    </section>
  );
}

function Assessed({ assessment, note }: { assessment: AssessedSeverity; note: string }) {
  return (
    <>
      <p>
        <span className={assessment.level.includes('high') ? 'tag alarm' : 'tag'}>
          severity {assessment.score}, {assessment.level}
        </span>{' '}
        <span className="small">ENISA</span>
      </p>
      <p className="small wrap">{assessment.arithmetic}</p>
      <p className="small dim wrap">
        <ActorName actor={assessment.by} />, <At at={assessment.at} />: {assessment.why}
      </p>
      <p className="small">{note}</p>
    </>
  );
}

const options = <K extends string>(names: Record<K, string>) =>
  (Object.entries(names) as [K, string][]).map(([value, label]) => ({ value, label }));

function AssessDialog({ view, onClose }: { view: IncidentView; onClose: () => void }) {
  const write = useIncidentWrite(view.incident.id);
  const last = view.incident.assessments?.at(-1)?.inputs;
  const [inputs, setInputs] = useState<SeverityInputs>(
    last ?? {
      data: [{ kind: 'simple', adjustment: 0 }],
      identification: 'maximum',
      confidentiality: 'none',
      integrity: 'none',
      availability: 'none',
      malice: false,
    },
  );
  const [why, setWhy] = useState('');
  const change = (part: Partial<SeverityInputs>) => setInputs((before) => ({ ...before, ...part }));
  const changeData = (index: number, part: Partial<SeverityInputs['data'][number]>) =>
    change({ data: inputs.data.map((each, at) => (at === index ? { ...each, ...part } : each)) });
  return (
    <FormDialog
      title="Severity of the breach"
      opened
      onClose={onClose}
      doLabel="Record"
      pending={write.isPending}
      fault={write.error}
      ready={why.trim() !== ''}
      shownFaults={['why']}
      onDo={() =>
        write.mutate(
          {
            path: '/assessment',
            body: { inputs, why: why.trim() },
            touches: (incident) => incident.assessments,
          },
          { onSuccess: onClose },
        )
      }
    >
      <p className="small">{view.breach_severity.note}</p>
      {inputs.data.map((each, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: rows are told apart by their place alone
        <div className="row" key={index}>
          <Select
            label={`Data ${index + 1}`}
            data={options(DATA)}
            value={each.kind}
            onChange={(kind) => kind && changeData(index, { kind: kind as DataKind })}
            allowDeselect={false}
          />
          <NumberInput
            label="Adjusted by"
            min={-3}
            max={3}
            value={each.adjustment}
            onChange={(value) => changeData(index, { adjustment: Number(value) || 0 })}
            w={100}
          />
          {inputs.data.length > 1 && (
            <Button onClick={() => change({ data: inputs.data.filter((_, at) => at !== index) })}>
              Remove
            </Button>
          )}
        </div>
      ))}
      <div className="row">
        <Button onClick={() => change({ data: [...inputs.data, { kind: 'simple', adjustment: 0 }] })}>
          Another kind of data
        </Button>
      </div>
      <Select
        label="How easily people are identified"
        data={options(IDENTIFICATION)}
        value={inputs.identification}
        onChange={(value) => value && change({ identification: value as Identification })}
        allowDeselect={false}
      />
      {(['confidentiality', 'integrity', 'availability'] as const).map((part) => (
        <Select
          key={part}
          label={`Loss of ${part}`}
          data={options(LOSS[part])}
          value={inputs[part]}
          onChange={(value) => value && change({ [part]: value as Loss })}
          allowDeselect={false}
        />
      ))}
      <Checkbox
        label="Somebody meant harm (0.5)"
        checked={inputs.malice}
        onChange={(event) => change({ malice: event.currentTarget.checked })}
      />
      <Textarea
        label="Why"
        description="Why these inputs. Becomes part of the record."
        value={why}
        onChange={(event) => setWhy(event.currentTarget.value)}
        error={faultOf(write.error, 'why')}
        required
      />
    </FormDialog>
  );
}
