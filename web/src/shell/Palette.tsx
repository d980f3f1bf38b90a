/** Search and commands: places, incidents and customers by name, and what can be done from anywhere. */
import { Spotlight, type SpotlightActionGroupData, spotlight } from '@mantine/spotlight';
import '@mantine/spotlight/styles.css';
import { useMantineColorScheme } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { rows, useCustomers, useIncidents } from '../api/queries';
import { setPreferences, usePreferences } from '../live/preferences';
import { closeDialog, openDialog } from './openDialog';
import { usePlaces } from './Shell';

export default function Palette() {
  const navigate = useNavigate();
  const [text, setText] = useState('');
  const [asked] = useDebouncedValue(text.trim(), 200);
  const places = usePlaces();
  const { zone } = usePreferences();
  const { setColorScheme } = useMantineColorScheme();
  const incidents = rows(useIncidents({ q: asked === '' ? undefined : asked, limit: '8' }).data) ?? [];
  const found = rows(useCustomers(asked).data) ?? [];
  const customers = asked.length < 2 ? [] : found.slice(0, 6);
  useEffect(() => spotlight.open(), []);
  const go = (to: string, params?: Record<string, string>) => () => void navigate({ to, params });
  const matches = (label: string) => label.toLowerCase().includes(text.trim().toLowerCase());
  const commands = [
    { id: 'declare', label: 'Declare an incident', onClick: () => openDialog('declare') },
    { id: 'help', label: 'Keys and help', onClick: () => openDialog('help') },
    { id: 'light', label: 'Light colours', onClick: () => setColorScheme('light') },
    { id: 'dark', label: 'Dark colours', onClick: () => setColorScheme('dark') },
    {
      id: 'zone',
      label: zone === 'utc' ? 'Show times in local time' : 'Show times in UTC',
      onClick: () => setPreferences({ zone: zone === 'utc' ? 'local' : 'utc' }),
    },
  ].filter((command) => matches(command.label));
  const actions: SpotlightActionGroupData[] = [
    {
      group: 'Incidents',
      actions: incidents.slice(0, 8).map((row) => ({
        id: row.id,
        label: `${row.reference} ${row.title}`,
        description: `${row.severity.toUpperCase()} · ${row.codename}`,
        onClick: go('/incidents/$id', { id: row.id }),
      })),
    },
    {
      group: 'Customers',
      actions: customers.map((row) => ({
        id: row.id,
        label: row.name,
        description: row.key,
        onClick: go('/customers/$id', { id: row.id }),
      })),
    },
    {
      group: 'Places',
      actions: places
        .filter((place) => matches(place.name))
        .map((place) => ({ id: place.to, label: place.name, onClick: go(place.to) })),
    },
    { group: 'Commands', actions: commands },
  ];
  return (
    <Spotlight
      onSpotlightClose={() => closeDialog('palette')}
      shortcut={null}
      query={text}
      onQueryChange={setText}
      filter={(_text, all) => all}
      actions={actions.filter((group) => group.actions.length > 0)}
      nothingFound="Nothing found. Try a reference such as INC-0042, a codename or a customer."
      searchProps={{
        placeholder: 'Search incidents, customers, places…',
        'aria-label': 'Search and commands',
      }}
      transitionProps={{ duration: 0 }}
      attributes={{ content: { 'aria-label': 'Search and commands' } }}
    />
  );
}
