import { describe, expect, it } from 'vitest';
import { ApiError } from './client';
import { writeVersioned } from './versioned';

interface State {
  version: number;
  phase: string;
  alerts: number;
}

/** A server on which others write before each of our first writes. */
function serverWith(state: State, others: ((state: State) => void)[]) {
  const sent: number[] = [];
  return {
    sent,
    write: (touches: (state: State) => unknown) =>
      writeVersioned({
        seen: { ...state },
        read: async () => ({ ...state }),
        version: (seen) => seen.version,
        touches,
        send: async (version) => {
          sent.push(version);
          const other = others.shift();
          if (other !== undefined) {
            other(state);
            state.version += 1;
          }
          if (version !== state.version) {
            throw new ApiError({
              type: 'urn:watchkeeper:problem:conflict',
              title: 'Changed',
              status: 409,
              detail: 'changed',
            });
          }
          return state.version;
        },
      }),
  };
}

describe('a write that names its version', () => {
  it('is sent again when an alert joined meanwhile', async () => {
    const server = serverWith({ version: 3, phase: 'detect', alerts: 1 }, [
      (state) => {
        state.alerts = 2;
      },
    ]);
    expect(await server.write((state) => state.phase)).toBe(4);
    expect(server.sent).toEqual([3, 4]);
  });

  it('is not sent again when somebody else decided the same thing', async () => {
    const server = serverWith({ version: 3, phase: 'detect', alerts: 1 }, [
      (state) => {
        state.phase = 'contain';
      },
    ]);
    await expect(server.write((state) => state.phase)).rejects.toMatchObject({ status: 409 });
    expect(server.sent).toEqual([3]);
  });

  it('gives up when others never stop', async () => {
    const busy = Array.from({ length: 10 }, () => (state: State) => {
      state.alerts += 1;
    });
    const server = serverWith({ version: 1, phase: 'detect', alerts: 0 }, busy);
    await expect(server.write((state) => state.phase)).rejects.toMatchObject({ status: 409 });
    expect(server.sent).toHaveLength(4);
  });

  it('passes other refusals on at once', async () => {
    const refusal = new ApiError({ type: '', title: 'No', status: 403, detail: 'not yours' });
    const write = writeVersioned({
      seen: 1,
      read: async () => 1,
      version: (seen) => seen,
      touches: (seen) => seen,
      send: () => Promise.reject(refusal),
    });
    await expect(write).rejects.toBe(refusal);
  });

  it('does not loop on a conflict that is about the state, not the version', async () => {
    let sends = 0;
    const write = writeVersioned({
      seen: 5,
      read: async () => 5,
      version: (seen) => seen,
      touches: () => 'same',
      send: () => {
        sends += 1;
        return Promise.reject(new ApiError({ type: '', title: 'No', status: 409, detail: 'closed' }));
      },
    });
    await expect(write).rejects.toMatchObject({ status: 409 });
    expect(sends).toBe(1);
  });
});
