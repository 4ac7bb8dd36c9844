import { setTimeout as wait } from 'node:timers/promises';
import type { EmbeddedLog } from '#libs/adapters/log-embedded';
import { encodeBatch } from '#libs/core/log';
import type { Api } from '../apps/demo/api.js';
import type { OperationStatus } from '../apps/demo/operations.js';
import { metric } from './service-metrics.js';

const MIB = 1024 * 1024;
/** Work on one of these topics at the pace that compaction has takes longer than anybody looks on. */
const COMPACTED_BYTES = 64 * MIB;
const COMPACTED_KEYS = 30_000;
const RETAINED_BYTES = 64 * MIB;
/** What of it goes each time, and how often. */
const DROPPED_BYTES = 2 * MIB;
const DROPPED_EVERY_MS = 100;
const RECORDS_A_BATCH = 100;

/** The service as it is to run: it looks for such work often. */
export const OFTEN: Readonly<Record<string, string>> = {
  WEIR_LOG_RETENTION_CHECK_MS: '100',
  WEIR_LOG_CHECKPOINT_INTERVAL_MS: '1000',
};

/** Work that goes on. */
export interface BegunWork {
  /** Resolves when it is over; rejects when that was too early to say anything. */
  readonly over: Promise<void>;
}

/** Work that a service does on topics beside the one that is written. */
export interface BackgroundWork {
  /** For choosing it. */
  readonly name: string;
  readonly what: string;
  /**
   * Begins it, and has it done again as long as `under` says so.
   * @param round each works on topics of its own
   * @returns when it has begun.
   */
  begin(round: number, under: () => boolean): Promise<BegunWork>;
}

/** Puts in place what the work is done on, while no service runs on the log. */
export async function fillForBackground(log: EmbeddedLog, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await fill(log, `compacted-${round}`, COMPACTED_BYTES, 16 * MIB);
    await fill(log, `retained-${round}`, RETAINED_BYTES, MIB);
  }
}

async function fill(log: EmbeddedLog, name: string, bytes: number, segmentBytes: number): Promise<void> {
  await log.createTopic({
    name,
    partitions: 1,
    config: { 'retention.ms': '-1', 'segment.bytes': String(segmentBytes) },
  });
  let n = 0;
  for (let written = 0; written < bytes;) {
    const batches = Array.from({ length: 16 }, () =>
      encodeBatch(
        Array.from({ length: RECORDS_A_BATCH }, () => ({
          key: Buffer.from(`key-${n++ % COMPACTED_KEYS}`),
          value: Buffer.alloc(1_000, 'x'),
          headers: [],
          timestamp: 1_700_000_000_000 + n,
        })),
      ),
    );
    await Promise.all(batches.map((batch) => log.append({ topic: name, partition: 0 }, batch)));
    for (const { length } of batches) written += length;
  }
}

/** What goes on in a service on a log that was filled by {@link fillForBackground}, in the order in which it is to be asked for in a round. */
export function backgroundWork(api: Api, url: string): readonly BackgroundWork[] {
  let backup: string | undefined;
  const config = (topic: string, settings: Record<string, string>): Promise<unknown> =>
    api.call('PATCH', `/v1/topics/${topic}/config`, settings);
  return [
    {
      name: 'compaction',
      what: 'compaction of another topic',
      async begin(round, under) {
        const before = await metric(url, 'compaction_duration_seconds_count');
        const isOver = async (): Promise<boolean> => (await metric(url, 'compaction_duration_seconds_count')) > before;
        await config(`compacted-${round}`, { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.1' });
        await wait(200);
        const over = (async () => {
          while (under()) await wait(50);
          if (await isOver()) throw new Error('the compaction was over too early');
          while (!(await isOver())) await wait(100);
        })();
        return { over };
      },
    },
    {
      name: 'retention',
      what: 'retention of another topic',
      async begin(round, under) {
        const before = await metric(url, 'retention_segments_total');
        const over = (async () => {
          for (let left = RETAINED_BYTES; under(); left -= DROPPED_BYTES) {
            await config(`retained-${round}`, { 'retention.bytes': String(Math.max(MIB, left)) });
            await wait(DROPPED_EVERY_MS);
          }
          if ((await metric(url, 'retention_segments_total')) < before + 10) throw new Error('nothing was dropped');
        })();
        return { over };
      },
    },
    {
      name: 'backup',
      what: 'a backup',
      async begin(_round, under) {
        return repeated(api, under, async () => {
          const made = await api.post<{ id: string; operation: string }>('/v1/backups', { full: true });
          backup = made.id;
          return made.operation;
        });
      },
    },
    {
      name: 'read-back',
      what: 'reading back of a backup, as a recovery reads',
      async begin(_round, under) {
        return repeated(api, under, async () => {
          const { operation } = await api.post<{ operation: string }>(`/v1/backups/${backup}:verify`);
          return operation;
        });
      },
    },
    {
      name: 'scan',
      what: 'reading of all topics from end to end (a scan)',
      async begin(_round, under) {
        return repeated(api, under, async () => {
          const { hash } = await api.post<{ hash: string }>('/v1/schema-usage/plans', {});
          const { id } = await api.post<{ id: string }>('/v1/operations', { planHash: hash });
          return id;
        });
      },
    },
  ];
}

/** Operations one after another while `under` says so, the first begun when this resolves. */
async function repeated(api: Api, under: () => boolean, begin: () => Promise<string>): Promise<BegunWork> {
  const first = await begin();
  const over = (async () => {
    for (let operation = first; ; operation = await begin()) {
      await finished(api, operation);
      if (!under()) return;
    }
  })();
  return { over };
}

async function finished(api: Api, operation: string): Promise<void> {
  for (;;) {
    const { state, reason } = await api.get<OperationStatus>(`/v1/operations/${operation}`);
    if (state === 'FINISHED') return;
    if (state === 'FAILED' || state === 'BLOCKED') throw new Error(`operation ${operation} is ${state}: ${reason}`);
    await wait(50);
  }
}
