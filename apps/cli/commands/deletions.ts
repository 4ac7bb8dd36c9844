import type { GlobalFlags } from '../command.js';
import { Failure } from '../failure.js';

/**
 * What would be deleted, as `look` tells it. Undefined where it is gone and the command may be a repetition: its key has the service answer as it did the first time, and refuse what it never did.
 * @throws what `look` throws.
 */
export async function ifThere<T>(flags: GlobalFlags, look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (flags.dryRun || !flags.mayBeRepeated || !(error instanceof Failure) || error.exit !== 'not-found') throw error;
    return undefined;
  }
}
