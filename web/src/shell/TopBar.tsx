import {
  ActionIcon,
  Button,
  Menu,
  Popover,
  SegmentedControl,
  Text,
  useComputedColorScheme,
  useMantineColorScheme,
} from '@mantine/core';
import {
  IconClockPlay,
  IconDeviceDesktop,
  IconMoon,
  IconSearch,
  IconSun,
  IconUserCircle,
} from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { request } from '../api/client';
import { useMay, useOverview, useSession } from '../api/queries';
import type { Travelled } from '../api/types';
import { At, ClockFace, Weekday } from '../components/marks';
import { Refused } from '../components/States';
import { setPreferences, usePreferences } from '../live/preferences';
import { learnServerTime, useNow } from '../live/serverClock';
import { useLiveness } from '../live/stream';
import { seconds } from '../words/countdown';
import { full } from '../words/instants';
import { openDialog } from './openDialog';

export function TopBar() {
  const session = useSession();
  return (
    <header className="top">
      <Link to="/incidents" className="brand" aria-label="Watchkeeper">
        <img src="/favicon.svg" alt="" width={24} height={24} />
        <span>Watchkeeper</span>
      </Link>
      <MostUrgent />
      {session.mode === 'demo' && <DemoClock />}
      <Liveness />
      <ActionIcon
        className="only-wide"
        variant="subtle"
        color="gray"
        aria-label="Search and commands (Ctrl K)"
        onClick={() => openDialog('palette')}
      >
        <IconSearch size={18} aria-hidden />
      </ActionIcon>
      <ZoneSwitch />
      <UserMenu />
      <form id="sign-out" method="post" action="/logout" hidden>
        <input type="hidden" name="csrf" value={session.csrf} />
      </form>
    </header>
  );
}

/** The clock that runs out first, as the largest number of the page. */
function MostUrgent() {
  const overview = useOverview();
  const urgent = overview.data?.most_urgent;
  if (urgent == null) {
    return (
      <p className="urgent-clock dim">
        {overview.data === undefined ? 'Looking at the clocks…' : 'No clock is running'}
      </p>
    );
  }
  return (
    <Link to="/incidents/$id" params={{ id: urgent.incident }} className="urgent-clock">
      <ClockFace dueAt={urgent.due_at} className="face" />
      <span className="what">
        {urgent.what} · {urgent.reference} · <Weekday at={urgent.due_at} />
      </span>
    </Link>
  );
}

function Liveness() {
  const { live, seconds: silent } = useLiveness();
  return (
    <span className={`liveness ${live ? '' : 'stale'}`}>
      <span className="dot" aria-hidden />
      {live ? 'live' : `stale ${seconds(silent)}`}
    </span>
  );
}

function ZoneSwitch() {
  const { zone } = usePreferences();
  return (
    <SegmentedControl
      className="only-wide"
      size="xs"
      aria-label="Zone of times"
      value={zone}
      onChange={(value) => setPreferences({ zone: value === 'local' ? 'local' : 'utc' })}
      data={[
        { value: 'utc', label: 'UTC' },
        { value: 'local', label: 'Local' },
      ]}
    />
  );
}

const STEP_HOURS = 6;

/** The clock of the demo, and the button that moves it. */
function DemoClock() {
  const now = useNow();
  const { zone } = usePreferences();
  const may = useMay('advance_clock');
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  const advance = useMutation({
    mutationFn: () => request<Travelled>('/demo/advance', { method: 'POST', body: { hours: STEP_HOURS } }),
    onSuccess: (answer) => {
      learnServerTime(answer.now);
      if (answer.stopped === null) setAsking(false);
      void client.invalidateQueries();
    },
  });
  return (
    <div className="row only-wide" style={{ flexWrap: 'nowrap' }}>
      <span className="tag warn">demo</span>
      <span className="num small">{full(now, zone)}</span>
      {may && (
        <Popover opened={asking} onChange={setAsking} width={280} trapFocus withArrow>
          <Popover.Target>
            <Button leftSection={<IconClockPlay size={14} aria-hidden />} onClick={() => setAsking(true)}>
              Advance {STEP_HOURS} hours
            </Button>
          </Popover.Target>
          <Popover.Dropdown aria-label="Advance the clock">
            <div className="stack">
              <Text size="sm">
                Everything that falls due in the next {STEP_HOURS} hours happens now: reminders, escalations,
                holding notices. The clock stops at each and goes on when it is done. This cannot be undone.
              </Text>
              <StoppedShort travelled={advance.data} />
              <Refused fault={advance.error} />
              <div className="row">
                <Button variant="filled" loading={advance.isPending} onClick={() => advance.mutate()}>
                  Advance now
                </Button>
                <Button onClick={() => setAsking(false)}>Cancel</Button>
              </div>
            </div>
          </Popover.Dropdown>
        </Popover>
      )}
    </div>
  );
}

/** Where the clock did not go the whole way: how far it got, and what it waits for. */
function StoppedShort({ travelled }: { travelled: Travelled | undefined }) {
  if (travelled === undefined || travelled.stopped === null) return null;
  const { moved_seconds, left_seconds, waits_for, due_at } = travelled.stopped;
  return (
    <div className="notice-bar warn small" role="status">
      The clock went {seconds(moved_seconds)} and stopped: it waits for {waits_for}, due <At at={due_at} />.
      It leaps over nothing. Advance again for the {seconds(left_seconds)} that are left.
    </div>
  );
}

function UserMenu() {
  const session = useSession();
  const { zone } = usePreferences();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const shown = useComputedColorScheme('light');
  const scheme = (value: 'light' | 'dark' | 'auto', label: string, Icon: typeof IconSun) => (
    <Menu.Item
      leftSection={<Icon size={16} aria-hidden />}
      onClick={() => setColorScheme(value)}
      rightSection={colorScheme === value ? <span className="small">chosen</span> : undefined}
      closeMenuOnClick={false}
    >
      {label}
    </Menu.Item>
  );
  return (
    <Menu position="bottom-end" width={240} transitionProps={{ duration: 0 }}>
      <Menu.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={`Menu of ${session.user.name}`}
          data-scheme={shown}
        >
          <IconUserCircle size={20} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {session.user.name}
          <br />
          {session.user.email}
        </Menu.Label>
        {scheme('light', 'Light', IconSun)}
        {scheme('dark', 'Dark', IconMoon)}
        {scheme('auto', 'As the system', IconDeviceDesktop)}
        <Menu.Divider />
        <Menu.Item onClick={() => setPreferences({ zone: zone === 'utc' ? 'local' : 'utc' })}>
          Show times in {zone === 'utc' ? 'local time' : 'UTC'}
        </Menu.Item>
        <Menu.Item onClick={() => openDialog('help')}>Keys and help</Menu.Item>
        <Menu.Item component="a" href="/password">
          Change password
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item component="button" type="submit" form="sign-out" closeMenuOnClick={false}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
