import type { OperationCount, OperationObserver } from '#libs/core/operations';
import type { Logger, Metrics } from '#libs/platform/observability';

/** Counts operations, and writes what happens to them into the log under `op_id`. */
export function operationMetrics(
  metrics: Metrics,
  logger: Logger,
  counts: () => Promise<readonly OperationCount[]>,
): OperationObserver {
  metrics.gauge(
    'operations',
    'Operations there are, by phase, and by what holds them where something does.',
    ['kind', 'phase', 'hold'],
    async () =>
      (await counts()).map(({ kind, phase, hold, count }) => ({
        labels: { kind, phase, hold: hold ?? '' },
        value: count,
      })),
  );
  const failures = metrics.counter(
    'operation_failures_total',
    'Steps of operations that failed; many are tried again.',
    ['kind'],
  );
  return {
    stateChanged: ({ id, kind, subject }, from, to, reason) =>
      logger.info({ op_id: id, kind, subject, from, to, reason }, 'an operation changed its state'),
    failed: ({ id, kind }, error) => {
      failures.of({ kind }).add(1);
      logger.warn({ op_id: id, kind, err: error }, 'a step of an operation failed');
    },
    troubled: (what, error) => logger.error({ what, err: error }, 'the operation engine met a problem and goes on'),
  };
}
