/** Small marks that mean the same on every screen: severity, instants, countdowns, names, states. */
import { Tooltip } from '@mantine/core';
import {
  IconAlertOctagonFilled,
  IconAlertTriangleFilled,
  IconCircleDot,
  IconSquareRotated,
} from '@tabler/icons-react';
import { useDetectorTitle, useNameOf } from '../api/queries';
import type { Actor, Severity } from '../api/types';
import { usePreferences } from '../live/preferences';
import { serverNow, useMinute, useNow } from '../live/serverClock';
import { clockFace, leftInWords, relative, urgency } from '../words/countdown';
import { full, weekdayTime } from '../words/instants';
import { actorName } from '../words/labels';

const ICONS = {
  sev1: IconAlertOctagonFilled,
  sev2: IconAlertTriangleFilled,
  sev3: IconSquareRotated,
  sev4: IconCircleDot,
};

/** Severity as icon, text and colour, so that no single one of them is needed. */
export function SeverityMark({ severity }: { severity: Severity }) {
  const Icon = ICONS[severity];
  return (
    <span className={`severity ${severity}`}>
      <Icon size={14} aria-hidden />
      {severity.toUpperCase()}
    </span>
  );
}

/** How long ago; the exact instant on hover and for screen readers. */
export function Ago({ at }: { at: string }) {
  useMinute();
  const { zone } = usePreferences();
  const instant = Date.parse(at);
  return (
    <time className="num" dateTime={at} title={full(instant, zone)}>
      {relative(instant, serverNow())}
    </time>
  );
}

/** An exact instant, as records show it. */
export function At({ at }: { at: string }) {
  const { zone } = usePreferences();
  return (
    <time className="num" dateTime={at}>
      {full(Date.parse(at), zone)}
    </time>
  );
}

/** Weekday and time, for deadlines within sight. */
export function Weekday({ at }: { at: string }) {
  const { zone } = usePreferences();
  const instant = Date.parse(at);
  return (
    <time className="num" dateTime={at} title={full(instant, zone)}>
      {weekdayTime(instant, zone)}
    </time>
  );
}

/** The figures of a clock alone: `3:12:08`, with a minus once it has run out. */
export function ClockFace({
  dueAt,
  limit,
  className = '',
}: {
  dueAt: string;
  limit?: number;
  className?: string;
}) {
  const now = useNow();
  const due = Date.parse(dueAt);
  return (
    <span className={`num ${urgency(due, now, limit)} ${className}`}>
      {due < now ? '−' : ''}
      {clockFace(due - now)}
    </span>
  );
}

/** What will happen, in how long, and when: `holding notice to 3 recipients in 3:12:08, Sat 14:20 UTC`. */
export function Countdown({ what, dueAt, limit }: { what?: string; dueAt: string; limit?: number }) {
  const now = useNow();
  const due = Date.parse(dueAt);
  return (
    <span>
      {what !== undefined && `${what} `}
      <span className={`num strong ${urgency(due, now, limit)}`}>{leftInWords(due, now)}</span>
      {', '}
      <Weekday at={dueAt} />
    </span>
  );
}

export function Person({ id }: { id: string }) {
  return <>{useNameOf()(id)}</>;
}

export function ActorName({ actor }: { actor: Actor }) {
  const nameOf = useNameOf();
  const detector = useDetectorTitle(actor.kind === 'detector' ? actor.detector : null);
  return <>{detector === undefined ? actorName(actor, nameOf) : `detector “${detector}”`}</>;
}

/** The first figures of a digest; the whole on hover. */
export function Hash({ hash }: { hash: string }) {
  return (
    <Tooltip label={hash}>
      <code>{hash.slice(0, 16)}…</code>
    </Tooltip>
  );
}
