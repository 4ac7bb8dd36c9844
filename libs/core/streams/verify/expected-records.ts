import { impossible } from '#libs/core/kernel';
import type { LogRecord, StoredRecord } from '#libs/core/log';
import { type CopiedChunk, DROPPED, PARKED } from '../copy/chunk.js';
import type { Routed, Router } from '../copy/router.js';
import { lasting, PartitionCursor } from '../partition-cursor.js';
import type { ParkedIndex } from './parked-index.js';
import type { VerifiedCopy } from './verification.js';

/** A record of the source in its final form, and where the rules send it: a target partition, {@link DROPPED} or {@link PARKED}; {@link NOWHERE} when it should be parked and is not. */
export interface ExpectedRecord {
  readonly record: LogRecord;
  /** In the source. */
  readonly offset: number;
  readonly target: number;
}

/** Parked, by the rules, and not there. */
export const NOWHERE = -1;

/** Records that wait for a router which answers many at a time. */
const TOGETHER = 500;

/** The records of a chunk as the source and the rules give them now. Ends early where the source has expired. @throws what the router throws. */
export async function* expectedRecords(
  copy: Pick<VerifiedCopy, 'engine' | 'source' | 'router'>,
  chunk: CopiedChunk,
  parked?: ParkedIndex,
): AsyncGenerator<ExpectedRecord, void> {
  const rules = copy.router.parking?.rules(chunk.revision ?? 0) ?? copy.router;
  for await (const records of together(stretch(copy, chunk.source, chunk.from, chunk.until), rules)) {
    let at = 0;
    // What lies there is accounted for, whatever the rules make of it by now: a schema may have been registered since, or the machine be less busy.
    const isThere = (one: StoredRecord): boolean => parked?.holds(chunk.source, one, one.offset) === true;
    const asked = records.filter((one) => !isThere(one));
    const answers = new Map<StoredRecord, Routed>();
    while (at < asked.length) {
      const some = await routed(rules, asked.slice(at), chunk.source);
      for (const [i, answer] of some.entries()) answers.set(asked[at + i]!, answer);
      at += some.length;
    }
    for (const record of records) {
      const { offset } = record;
      const answer = answers.get(record);
      if (answer === undefined) yield { record, offset, target: PARKED };
      else if (parked?.waits(chunk.source, record, offset) === true) yield { record, offset, target: NOWHERE };
      else {
        const target = targetOf(answer);
        yield { record: finalOf(record, answer), offset, target: target === PARKED ? NOWHERE : target };
      }
    }
  }
}

/** The records of a chunk that was redriven, likewise. What was parked again is taken as it is: nothing was written of it. */
export async function* expectedRedriven(
  copy: Pick<VerifiedCopy, 'engine' | 'source' | 'router'>,
  chunk: CopiedChunk,
): AsyncGenerator<ExpectedRecord, void> {
  const rules = copy.router.parking?.rules(chunk.revision ?? 0) ?? copy.router;
  let at = 0;
  for (const { first, count } of chunk.ranges) {
    for await (const records of together(stretch(copy, chunk.source, first, first + count), rules)) {
      const routes = new Map(records.map((one) => [one, chunk.routes[at++]!]));
      for (const record of records) {
        if (routes.get(record) === PARKED) {
          yield { record, offset: record.offset, target: PARKED };
          continue;
        }
        const [answer] = await routed(rules, [record], chunk.source);
        yield { record: finalOf(record, answer!), offset: record.offset, target: targetOf(answer!) };
      }
    }
  }
}

/** Records of the source from one offset up to another, for as long as nothing else is read. */
async function* stretch(
  { engine, source }: Pick<VerifiedCopy, 'engine' | 'source'>,
  partition: number,
  from: number,
  until: number,
): AsyncGenerator<StoredRecord, void> {
  const records = new PartitionCursor(source.log ?? engine, source.topic, partition, from);
  for (;;) {
    const record = await records.peek();
    if (record === undefined || record.offset >= until) return;
    yield record;
    records.take();
  }
}

async function* together(
  records: AsyncGenerator<StoredRecord, void>,
  router: Router,
): AsyncGenerator<readonly StoredRecord[], void> {
  const size = router.routeAll === undefined ? 1 : TOGETHER;
  let waiting: StoredRecord[] = [];
  for await (const record of records) {
    waiting.push(size === 1 ? record : lasting(record));
    if (waiting.length < size) continue;
    yield waiting;
    waiting = [];
  }
  if (waiting.length > 0) yield waiting;
}

/** Of the first of the records, as many as the router answers at once. */
async function routed(router: Router, records: readonly StoredRecord[], source: number): Promise<readonly Routed[]> {
  return (await router.routeAll?.(records, source)) ?? [await router.route(records[0]!, source)];
}

function targetOf(answer: Routed): number {
  if (typeof answer === 'number') return answer;
  if ('target' in answer) return answer.target;
  if ('several' in answer) impossible('what a router with a memory answered cannot be computed anew');
  return 'park' in answer ? PARKED : DROPPED;
}

function finalOf(record: StoredRecord, answer: Routed): LogRecord {
  return typeof answer !== 'number' && 'target' in answer ? answer.record : record;
}
