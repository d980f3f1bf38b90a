import type { Channel, ContactRole, CountsFrom } from '../api/types';

/** Kinds of contacts, the preferred first. */
export const ROLES: readonly ContactRole[] = ['security', 'legal', 'admin', 'billing'];

/** From when the limit of a contract counts. */
export const COUNTS_FROM: Record<CountsFrom, string> = {
  confirmed: 'the confirmation of a disclosure',
  aware: 'awareness of it',
  suspected: 'the suspicion of it',
  detected: 'its detection',
};

/** How a customer is told. */
export const CHANNELS: Record<Channel, string> = {
  email: 'e-mail',
  phone: 'e-mail and phone',
  post: 'e-mail and post',
  portal: 'e-mail and a system of theirs',
};
