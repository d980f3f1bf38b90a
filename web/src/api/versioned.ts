/** Writing on something that others write on too. */
import { ApiError } from './client';

interface VersionedWrite<S, R> {
  /** What was on the screen when the person decided. */
  seen: S;
  /** Asks for what stands now. */
  read: () => Promise<S>;
  version: (state: S) => number;
  /** The part that the decision is about. */
  touches: (state: S) => unknown;
  send: (version: number) => Promise<R>;
}

/** An alert that joins while somebody types also changes the version; this many such coincidences are taken in stride. */
const ATTEMPTS = 4;

/**
 * Sends a write that names the version it is based on. Where another change came between that did not concern the same part, the
 * decision still holds and is sent again on the new version; where it did, the conflict is the person's to settle and is thrown.
 */
export async function writeVersioned<S, R>(write: VersionedWrite<S, R>): Promise<R> {
  let based = write.version(write.seen);
  const decidedOn = JSON.stringify(write.touches(write.seen));
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await write.send(based);
    } catch (fault) {
      if (!(fault instanceof ApiError) || !fault.isConflict || attempt === ATTEMPTS) throw fault;
      const current = await write.read();
      if (write.version(current) === based || JSON.stringify(write.touches(current)) !== decidedOn)
        throw fault;
      based = write.version(current);
    }
  }
}
