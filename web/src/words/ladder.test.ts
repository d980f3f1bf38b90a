import { describe, expect, it } from 'vitest';
import type { LadderStep, Step } from '../api/types';
import { ladderTrack, nextInWords, stepLimit } from './ladder';

const STEPS: Step[] = ['list_affected', 'draft_full', 'escalate', 'last_call', 'send_holding', 'overdue'];
function ladder(taken: number, late: readonly number[] = []): LadderStep[] {
  return STEPS.map((step, index) => ({
    step,
    what: step,
    at: `2027-03-0${index + 1}T00:00:00Z`,
    taken_at: index < taken ? `2027-03-0${index + 1}T00:10:00Z` : null,
    late: late.includes(index),
  }));
}

describe('the track of a ladder', () => {
  it('shows what was taken, the one that comes next, and what is to come', () => {
    const states = ladderTrack(ladder(2, [1]), 'running').map((step) => step.state);
    expect(states).toEqual(['taken', 'late', 'next', 'to-come', 'to-come', 'to-come']);
  });

  it('has no next step once the customer was told', () => {
    const states = ladderTrack(ladder(2), 'told').map((step) => step.state);
    expect(states).toEqual(['taken', 'taken', 'not-needed', 'not-needed', 'not-needed', 'not-needed']);
  });

  it('shows a missed deadline as taken to its end', () => {
    const states = ladderTrack(ladder(6), 'missed').map((step) => step.state);
    expect(states).toEqual(['taken', 'taken', 'taken', 'taken', 'taken', 'taken']);
  });
});

describe('the next step', () => {
  it('says to how many recipients the holding notice goes', () => {
    expect(nextInWords('send_holding', 41)).toBe('holding notice to 41 recipients');
    expect(nextInWords('send_holding', 1)).toBe('holding notice to 1 recipient');
  });

  it('is urgent by the share of the limit only where it concerns customers', () => {
    expect(stepLimit('send_holding', 72)).toBe(72);
    expect(stepLimit('overdue', 72)).toBe(72);
    expect(stepLimit('escalate', 72)).toBeUndefined();
  });
});
