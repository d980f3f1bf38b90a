import { MantineProvider } from '@mantine/core';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { useState } from 'react';
import { afterEach, expect, it } from 'vitest';
import { learnServerTime } from '../live/serverClock';
import { InstantInput, typedInstant } from './InstantInput';

afterEach(cleanup);

function Asked() {
  const [at, setAt] = useState('');
  return (
    <MantineProvider env="test">
      <InstantInput label="Confirmed at" value={at} onChange={setAt} />
      <output>{at}</output>
    </MantineProvider>
  );
}

it('reads what is written as every instant is, and no day that does not exist', () => {
  expect(typedInstant('2027-03-06 14:20')).toBe('2027-03-06T14:20:00');
  expect(typedInstant('2027-03-06T14:20:05')).toBe('2027-03-06T14:20:05');
  for (const wrong of ['03/06/2027', '2027-02-30 10:00', '2027-03-06 25:00', '2027-03-06', '']) {
    expect(typedInstant(wrong)).toBeNull();
  }
});

it('keeps what is being typed, gives nothing until it is an instant, and lets no form go with half of one', () => {
  learnServerTime('2027-03-06T11:07:52Z');
  render(<Asked />);
  const field = screen.getByLabelText<HTMLInputElement>('Confirmed at (UTC)');
  const type = (text: string) => fireEvent.change(field, { target: { value: text } });
  type('2027-03-06 1');
  expect(field.value).toBe('2027-03-06 1');
  expect(screen.getByRole('status').textContent).toBe('');
  expect(field.validity.valid).toBe(false);
  type('2027-03-06 10:20');
  expect(field.value).toBe('2027-03-06 10:20');
  expect(screen.getByRole('status').textContent).toBe('2027-03-06T10:20:00');
  expect(field.validity.valid).toBe(true);
  type('2027-03-06 12:20');
  expect(field.validity.valid).toBe(false);
});
