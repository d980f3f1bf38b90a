import { MantineProvider } from '@mantine/core';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { LevelShare } from '../../api/types';
import { ProofTables } from './ProofOfTelling';

afterEach(cleanup);

const share = (level: LevelShare['level'], permille: number | null): LevelShare => ({
  level,
  in_time: 1,
  late: 0,
  never: 2,
  open: 0,
  on_time_permille: permille,
});

it('says so where nobody is owed a notice', () => {
  render(
    <MantineProvider env="test">
      <ProofTables proof={{ levels: [share('submitted', null)], customers: [] }} />
    </MantineProvider>,
  );
  expect(screen.getByText('Nobody is owed a notice here.')).toBeTruthy();
  expect(screen.queryByRole('table')).toBeNull();
});
