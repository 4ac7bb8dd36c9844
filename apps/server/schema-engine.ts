import { WorkerSchemaEngine } from '#libs/adapters/schema-workers';
import type { Clock } from '#libs/core/kernel';
import {
  LocalSchemaEngine,
  OffloadingSchemaEngine,
  standardFormats,
  type OffloadingOptions,
  type SchemaEngine,
} from '#libs/core/schema';
import type { Config } from '#libs/platform/config';
import { turn } from '#libs/platform/http';
import type { Metrics } from '#libs/platform/observability';
import type { Closers } from './closers.js';

/** Small schemas are read and compared in the main thread, the others in threads of their own. */
export function openSchemaEngine(
  config: Config['schemas'],
  clock: Clock,
  metrics: Metrics,
  closers: Closers,
): SchemaEngine {
  const formats = standardFormats();
  const workers = new WorkerSchemaEngine(formats, {
    clock,
    threads: config.workers,
    heapBytes: config.workerHeapBytes,
    deadlineMs: config.deadlineMs,
    queueBytes: config.queueBytes,
  });
  closers.add('schema workers', () => workers.close());
  return new OffloadingSchemaEngine(new LocalSchemaEngine(formats), workers, {
    ...measured(metrics, workers),
    turn: () => turn(),
  });
}

function measured(metrics: Metrics, workers: WorkerSchemaEngine): OffloadingOptions {
  const work = metrics.counter(
    'schema_work_total',
    'Readings and comparisons of schemas, by the thread that did them.',
    ['thread'],
  );
  const done = { here: work.of({ thread: 'main' }), there: work.of({ thread: 'worker' }) };
  let mostSteps = 0;
  metrics.gauge(
    'schema_main_steps_max',
    'Most steps one of them took in the main thread, since the last reading.',
    [],
    () => {
      const value = mostSteps;
      mostSteps = 0;
      return [{ value }];
    },
  );
  metrics.gauge(
    'schema_worker_jobs',
    'Jobs of the worker threads since the start, by how they ended.',
    ['outcome'],
    () => Object.entries(workers.load.counts).map(([outcome, value]) => ({ labels: { outcome }, value })),
  );
  metrics.gauge('schema_workers_busy', 'Worker threads that are at a job.', [], () => [{ value: workers.load.busy }]);
  metrics.gauge('schema_worker_queue_bytes', 'Texts of schemas that wait for a worker thread.', [], () => [
    { value: workers.load.waitingBytes },
  ]);
  return {
    onDone: (where, steps) => {
      done[where].add(1);
      mostSteps = Math.max(mostSteps, steps);
    },
  };
}
