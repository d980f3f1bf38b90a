/** The ladder of an obligation as a track: what was taken, what comes next, what is to come. */
import type { LadderStep, ObligationStateName, Step } from '../api/types';

export type TrackState = 'taken' | 'late' | 'next' | 'to-come' | 'not-needed';

export interface TrackStep {
  step: Step;
  label: string;
  what: string;
  state: TrackState;
  at: string;
  takenAt: string | null;
}

const SHORT: Record<Step, string> = {
  list_affected: 'List',
  draft_full: 'Draft',
  escalate: 'Escalate',
  last_call: 'Last call',
  send_holding: 'Holding notice',
  overdue: 'Deadline',
};

/** What happens at a step, for people. */
export const HAPPENS: Record<Step, string> = {
  list_affected: 'paging the commander: list of affected customers not verified',
  draft_full: 'paging security lead and counsel: no full notice approved',
  escalate: 'paging executives',
  last_call: 'last call before the holding notice',
  send_holding: 'holding notice',
  overdue: 'deadline: a recorded miss',
};

/** The steps in order. Where the clock has stopped, steps that were not taken are not needed. */
export function ladderTrack(ladder: readonly LadderStep[], state: ObligationStateName): TrackStep[] {
  const running = state === 'running';
  const nextIndex = ladder.findIndex((step) => step.taken_at === null);
  return ladder.map((step, index) => ({
    step: step.step,
    label: SHORT[step.step],
    what: step.what,
    state: stepState(step, running, index === nextIndex),
    at: step.at,
    takenAt: step.taken_at,
  }));
}

function stepState(step: LadderStep, running: boolean, isNext: boolean): TrackState {
  if (step.taken_at !== null) return step.late ? 'late' : 'taken';
  if (!running) return 'not-needed';
  return isNext ? 'next' : 'to-come';
}

/** What happens next by itself: `holding notice to 3 recipients`. */
export function nextInWords(step: Step, recipients: number): string {
  if (step !== 'send_holding') return HAPPENS[step];
  return `holding notice to ${recipients} ${recipients === 1 ? 'recipient' : 'recipients'}`;
}

/**
 * The limit that says how urgent the next step is: the last sixth and twelfth of it count where customers are concerned. A step that
 * only wakes people is urgent by the clock on the wall.
 */
export function stepLimit(step: Step, limit: number | undefined): number | undefined {
  return step === 'send_holding' || step === 'overdue' ? limit : undefined;
}

/** What a state of the track is called, for those who cannot see it. */
export const TRACK_WORDS: Record<TrackState, string> = {
  taken: 'taken',
  late: 'taken late',
  next: 'next',
  'to-come': 'to come',
  'not-needed': 'not needed',
};
