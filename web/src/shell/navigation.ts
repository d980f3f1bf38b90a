import {
  IconAlarm,
  IconArrowsExchange,
  IconBell,
  IconBuilding,
  IconDatabaseImport,
  IconFlame,
  IconListCheck,
  IconMail,
  IconRadar2,
  IconSettings,
} from '@tabler/icons-react';
import type { Overview, Permission } from '../api/types';

export interface Place {
  to: string;
  name: string;
  icon: typeof IconFlame;
  /** Only for people who may do this. */
  needs?: Permission;
  demoOnly?: boolean;
  /** How many things wait there. */
  waiting?: (overview: Overview) => number;
  /** Whether that number is a fault. */
  alarming?: boolean;
}

export const PLACES: readonly Place[] = [
  {
    to: '/incidents',
    name: 'Incidents',
    icon: IconFlame,
    waiting: (o) => Object.values(o.open_incidents).reduce((sum, n) => sum + n, 0),
  },
  { to: '/alerts', name: 'Alerts', icon: IconBell, waiting: (o) => o.open_alerts },
  {
    to: '/breach',
    name: 'Breach desk',
    icon: IconAlarm,
    waiting: (o) => o.telling.untold + o.telling.questions,
  },
  { to: '/customers', name: 'Customers', icon: IconBuilding },
  { to: '/changes', name: 'Changes', icon: IconArrowsExchange },
  { to: '/detectors', name: 'Detectors', icon: IconRadar2 },
  {
    to: '/sources',
    name: 'Sources',
    icon: IconDatabaseImport,
    waiting: (o) => o.source_faults,
    alarming: true,
  },
  { to: '/audit', name: 'Audit', icon: IconListCheck, needs: 'read_audit' },
  { to: '/mailbox', name: 'Mailbox', icon: IconMail, demoOnly: true },
  { to: '/settings', name: 'Settings', icon: IconSettings },
];
