import type { OperationRun } from '#libs/core/operations';
import type { CatchUp } from './view-worker.js';

/** A view that catches up as the work of an operation: held to its throttle, shown as its progress, ended with its signal. */
export function pacedCatchUp(run: OperationRun): CatchUp {
  return {
    signal: run.signal,
    pace: (records, bytes) => run.pace(records, bytes),
    report: (done, total) =>
      run.report({
        recordsDone: done,
        recordsTotal: Number.isFinite(total) ? total : null,
        totalIsEstimate: true,
        bytesDone: 0,
        partitions: [],
      }),
  };
}
