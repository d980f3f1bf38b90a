import { Checkbox, NativeSelect, TextInput } from '@mantine/core';
import type { Channel, ContractTerms, CountsFrom } from '../../api/types';
import { CHANNELS, COUNTS_FROM, ROLES } from '../../words/contracts';

interface TermsFieldsProps {
  terms: ContractTerms;
  onChange: (terms: ContractTerms) => void;
  fault: string | undefined;
}

/** What a contract says of notices beside their limit. */
export function TermsFields({ terms, onChange, fault }: TermsFieldsProps) {
  return (
    <>
      <div className="two">
        <NativeSelect
          label="The time counts from"
          description="A moment that nobody recorded counts from the confirmation"
          value={terms.counts_from}
          data={Object.entries(COUNTS_FROM).map(([value, label]) => ({ value, label }))}
          onChange={(event) => onChange({ ...terms, counts_from: event.currentTarget.value as CountsFrom })}
        />
        <NativeSelect
          label="Told by"
          description="What people do beside the e-mail is a task of the incident"
          value={terms.channel}
          data={Object.entries(CHANNELS).map(([value, label]) => ({ value, label }))}
          onChange={(event) => onChange({ ...terms, channel: event.currentTarget.value as Channel })}
        />
      </div>
      <Checkbox.Group
        label="The contract names these contacts"
        description="All of them are told; without any, those of the first kind that there are"
        value={terms.recipients}
        error={fault}
        onChange={(named) => onChange({ ...terms, recipients: ROLES.filter((role) => named.includes(role)) })}
      >
        <div className="row">
          {ROLES.map((role) => (
            <Checkbox key={role} value={role} label={role} />
          ))}
        </div>
      </Checkbox.Group>
    </>
  );
}

/** Words of the company's own, with a comma between. */
export function TagsField(props: { value: string; onChange: (text: string) => void; error?: string }) {
  return (
    <TextInput
      label="Tags"
      description="Your own words to find customers by, with commas between"
      value={props.value}
      onChange={(event) => props.onChange(event.currentTarget.value)}
      error={props.error}
    />
  );
}
