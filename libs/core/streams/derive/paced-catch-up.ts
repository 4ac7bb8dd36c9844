import type { OperationRun } from '#libs/core/operations';
import type { CatchUpOptions } from './derivation-worker.js';

/** A derivation that catches up as the work of an operation: held to its throttle, shown as its progress, ended with its signal. */
export function paced(run: OperationRun): CatchUpOptions {
  return {
    signal: run.signal,
    pace: (records, bytes) => run.pace(records, bytes),
    report: ({ counts }, lag) =>
      run.report({
        recordsDone: counts.read,
        recordsTotal: counts.read + lag,
        totalIsEstimate: true,
        bytesDone: 0,
        partitions: [],
      }),
  };
}
