import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { impossible } from '#libs/core/kernel';

export interface IsolationOptions {
  readonly heapBytes: number;
  /** Plain data that the thread begins with. */
  readonly workerData: unknown;
}

const MIB_OF_STACK = 4;
const MIB_OF_YOUNG_HEAP = 16;

/**
 * A thread for work on what anybody sends: no environment, no options of this process, a heap of its own, and no program text made from strings.
 * That last flag binds what is created after it is set, so the thread that calls is not concerned: the HTTP framework goes on compiling its routes.
 */
export function isolatedThread(script: URL, { heapBytes, workerData }: IsolationOptions): Worker {
  setFlagsFromString('--disallow-code-generation-from-strings');
  return new Worker(script, {
    env: {},
    workerData,
    resourceLimits: {
      maxOldGenerationSizeMb: Math.ceil(heapBytes / (1024 * 1024)),
      maxYoungGenerationSizeMb: MIB_OF_YOUNG_HEAP,
      stackSizeMb: MIB_OF_STACK,
    },
  });
}

/** Ends a thread in which the flag has no effect: better no worker than one that is trusted with more than it should be. */
export function requireNoCodeFromStrings(): void {
  let made: unknown;
  try {
    made = new Function('return true')();
  } catch {
    return;
  }
  impossible('a worker can make program text from strings', { made });
}
