/** Who may approve a notice, in words. */
import type { NoticeView } from '../../api/types';

/** Why the reader may not approve it. */
export const HANDS: Record<NonNullable<NoticeView['may']['hand']>, string> = {
  began: 'You began this notice, so somebody else must approve it.',
  wrote: 'You wrote in this notice, so somebody else must approve it.',
  submitted: 'You submitted this notice, so somebody else must approve it.',
  made_follow:
    'You changed a customer while it waited, and its letter followed, so somebody else must approve it.',
};

export const GIVE_THE_ROLE = 'Give the role legal to somebody who had no hand in it (Settings, People).';

/** `Ines`, `Ines or Lena`, `Ines, Lena or Tom`. */
export function oneOf(names: readonly string[]): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} or ${last}`;
}
