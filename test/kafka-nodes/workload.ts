import { setTimeout as delay } from 'node:timers/promises';
import { isAppError } from '#libs/core/kernel';
import { encodeBatch, type LogEngine, type LogWriter, type PartitionRef, recordsFrom } from '#libs/core/log';
import type { HistoryRead, HistoryWrite } from '#libs/core/log/testing';

const TIMESTAMP = 1_700_000_000_000;
/** Between two writes of a client, so that two cores serve brokers too. */
const PAUSE_MS = 3;

export const batchOf = (value: string): Buffer =>
  encodeBatch([{ key: null, value: Buffer.from(value), headers: [], timestamp: TIMESTAMP }]);

/** What clients noted, and how many of their writes were acknowledged so far. */
export class Notes {
  readonly writes: HistoryWrite[] = [];
  acknowledged = 0;
  unknown = 0;
  stopped = false;

  note(write: HistoryWrite): void {
    this.writes.push(write);
    if (write.acknowledged !== undefined) this.acknowledged++;
    else if (write.refused !== true) this.unknown++;
  }

  acknowledgedIn({ topic, partition }: PartitionRef): number {
    const there = this.writes.filter((one) => one.topic === topic && one.partition === partition);
    return there.filter((one) => one.acknowledged !== undefined).length;
  }
}

/** Appends one record after another to a partition, and notes what it is told, until the notes are closed. */
export async function appending(engine: LogEngine, ref: PartitionRef, producer: string, notes: Notes): Promise<void> {
  for (let sequence = 0; !notes.stopped; sequence++) {
    const write = { ...ref, producer, sequence, value: `${producer}:${sequence}` };
    try {
      const { baseOffset } = await engine.append(ref, batchOf(write.value));
      notes.note({ ...write, acknowledged: { offset: baseOffset } });
    } catch (error) {
      if (!isAppError(error)) throw error;
      notes.note({ ...write, refused: error.code !== 'outcome-unknown' });
    }
    await delay(PAUSE_MS);
  }
}

/** A counter in the checkpoint of a writer, a position, and a record in each of two partitions, moved together or not at all. */
export interface Account {
  readonly writer: string;
  readonly group: string;
  readonly refs: readonly [PartitionRef, PartitionRef];
}

/**
 * Commits one step after another, and notes what it is told. An outcome that is not known is read from the checkpoint by a new session, as any user of
 * the port does, and noted as what it says. @returns the last step that took place.
 */
export async function committing(engine: LogEngine, account: Account, notes: Notes): Promise<number> {
  const { writer: id, group, refs } = account;
  let session: LogWriter | undefined;
  let done = 0;
  for (let attempt = 0; !notes.stopped; attempt++) {
    const step = done + 1;
    // Unique over attempts, so that a step made twice would show.
    const writes = refs.map((ref) => ({
      ...ref,
      producer: `${id}/${ref.partition}`,
      sequence: attempt,
      value: `${id}:${step}:${attempt}:${ref.partition}`,
    }));
    const settle = (offsets: readonly number[] | 'refused' | undefined): void => {
      writes.forEach((write, i) => {
        if (offsets === 'refused') notes.note({ ...write, refused: true });
        else notes.note({ ...write, ...(offsets === undefined ? {} : { acknowledged: { offset: offsets[i]! } }) });
      });
    };
    try {
      session ??= await engine.openWriter(id);
    } catch (error) {
      // Nothing was asked for yet, so nothing is noted.
      if (!isAppError(error)) throw error;
      continue;
    }
    try {
      const appended = await session.commit({
        appends: writes.map((write, i) => ({ ...refs[i]!, batch: batchOf(write.value) })),
        positions: [{ group, ...refs[0], offset: step }],
        checkpoints: [{ key: 'step', value: Buffer.from(String(step)) }],
      });
      settle(appended.map((one) => one.baseOffset));
      done = step;
    } catch (error) {
      if (!isAppError(error)) throw error;
      if (error.code === 'outcome-unknown') {
        session = undefined;
        const took = await stepOf(engine, id);
        if (took !== done && took !== step)
          throw new Error(`${id}: the checkpoint says ${took} after ${done}`, { cause: error });
        // The offsets were never told: whether the records are there is known, where is not.
        if (took === step) settle(undefined);
        else settle('refused');
        done = took;
      } else {
        settle('refused');
        if (error.code === 'writer-closed' || error.code === 'writer-fenced') session = undefined;
      }
    }
    await delay(PAUSE_MS);
  }
  return done;
}

/** What the checkpoint of a writer says, asked until somebody answers. */
export async function stepOf(engine: LogEngine, id: string): Promise<number> {
  for (;;) {
    try {
      const session = await engine.openWriter(id);
      return Number(Buffer.from(session.checkpoint('step') ?? []).toString() || '0');
    } catch (error) {
      if (!isAppError(error, 'cluster-unavailable')) throw error;
      await delay(100);
    }
  }
}

/** Everything in a topic, as a reader of committed records sees it. */
export async function readAll(engine: LogEngine, topic: string): Promise<readonly HistoryRead[]> {
  const { partitions } = await engine.describeTopic(topic);
  const reads: HistoryRead[] = [];
  for (const { partition, startOffset, endOffset } of partitions) {
    const records = [];
    for (let offset = startOffset; offset < endOffset;) {
      const [fetched] = await engine.fetch({
        positions: [{ topic, partition, offset }],
        maxBytes: 1 << 20,
        maxWaitMs: 200,
      });
      if (fetched!.error !== undefined) throw fetched!.error;
      for (const { offset: at, value } of recordsFrom(fetched!, offset)) records.push({ offset: at, value });
      offset = fetched!.nextOffset;
    }
    reads.push({ topic, partition, records });
  }
  return reads;
}

/** Values of committed steps by account, with how many of its records are there: two, or the commit was partial. */
export function partialSteps(reads: readonly HistoryRead[]): readonly string[] {
  const seen = new Map<string, number>();
  for (const { records } of reads) {
    for (const { value } of records) {
      const step = Buffer.from(value!).toString().split(':').slice(0, 3).join(':');
      seen.set(step, (seen.get(step) ?? 0) + 1);
    }
  }
  return [...seen].filter(([, count]) => count !== 2).map(([step, count]) => `${step} has ${count} of 2 records`);
}
