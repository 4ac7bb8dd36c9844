import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBatch, readBatchHeader } from '#libs/core/log';
import type { Command } from './commands.js';
import { CommitGroup } from './commit-group.js';
import { type CommitRequest, Placement, placeRequest } from './commit-request.js';
import { type EntryHeader, saltOf, type Section } from './journal-entry.js';
import { type FoundEntry, scanJournal } from './journal-scan.js';
import { LogState } from './log-state.js';
import { isBatch } from './segment-chain.js';
import { openEmbeddedLog } from './index.js';
import { SeededRandom, SimulatedClock, SimulatedFileSystem, SimulatedLock } from './testing/index.js';

const KEY = Buffer.from('0123456789abcdef0123456789abcdef', 'hex');
const GENERATION = 3;
const PLACE = { generation: GENERATION, salt: saltOf(KEY, GENERATION), lsn: 800, durableUpTo: 800, appendTimeMs: 5 };
const BULK_BYTES = 600;
const SEGMENT_BYTES = 900;
const PARTITIONS = 3;
const FACT: Command = { kind: 'writer-opened', writer: 'w', epoch: 1 };

/** What a test asks for: the partitions of its batches, facts or none, and how large each batch is. */
interface Wanted {
  readonly partitions: readonly number[];
  readonly facts: boolean;
  readonly valueBytes: number;
}

const wanted = fc.record({
  partitions: fc.array(fc.nat(PARTITIONS - 1), { maxLength: 3 }),
  facts: fc.boolean(),
  valueBytes: fc.constantFrom(0, 20, 300),
});

function requestOf({ partitions, facts, valueBytes }: Wanted): CommitRequest {
  const value = Buffer.alloc(valueBytes, 'v');
  const batch = encodeBatch([{ key: null, value, headers: [], timestamp: 1 }]);
  const header = readBatchHeader(batch);
  const appends = partitions.map((partition) => ({
    topic: 't',
    partition,
    batch,
    header,
    appendTime: false,
    intoFenced: false,
  }));
  const outcome = { resolve: () => undefined, reject: () => undefined };
  return { appends, structural: false, bytes: 0, ...(facts ? { decide: () => [FACT] } : {}), ...outcome };
}

/** A state with one topic, and the group of these requests, sealed. */
function grouped(all: readonly Wanted[]): CommitGroup {
  const state = new LogState('log', 86_400_000);
  state.apply({
    kind: 'topic-created',
    number: 1,
    id: 'id',
    name: 't',
    partitions: PARTITIONS,
    config: [],
    state: 'ACTIVE',
    createdAtMs: 1,
  });
  const group = new CommitGroup(Buffer.allocUnsafeSlow(64), PLACE, BULK_BYTES);
  const placement = new Placement(state, SEGMENT_BYTES, PLACE.appendTimeMs, 10);
  for (const one of all) group.add(placeRequest(requestOf(one), placement));
  group.seal();
  return group;
}

function entriesOf(group: CommitGroup): { readonly header: EntryHeader; readonly payloads: Uint8Array }[] {
  const { entries } = group;
  const { found } = scanJournal(entries, GENERATION, PLACE.salt, PLACE.lsn);
  expect(found.filter((one) => one.kind === 'gap')).toEqual([]);
  return (found as FoundEntry[]).map(({ header, payloadAt }) => ({ header, payloads: entries.subarray(payloadAt) }));
}

/** The first section that recovery would refuse, since it does not go on where its partition ends. */
function outOfPlace(sections: readonly Section[]): Section | undefined {
  const ends = new Map<number, { offset: number; base: number; bytes: number }>();
  for (const section of sections) {
    const { partition, baseOffset, segmentBase, position, length } = section;
    const end = ends.get(partition) ?? { offset: 0, base: 0, bytes: 0 };
    const goesOn = segmentBase === end.base ? position === end.bytes : position === 0 && segmentBase === baseOffset;
    if (baseOffset !== end.offset || !goesOn) return section;
    ends.set(partition, { offset: baseOffset + 1, base: segmentBase, bytes: position + length });
  }
  return undefined;
}

describe('the entries of a group', () => {
  it('are one for all appends that follow each other, and one of its own for each request with facts or references', () => {
    const plain = { partitions: [0], facts: false, valueBytes: 20 };
    const facts = { partitions: [1], facts: true, valueBytes: 20 };
    const bulk = { partitions: [0, 1, 2], facts: false, valueBytes: 300 };
    const group = grouped([plain, plain, { ...plain, partitions: [2] }, facts, plain, bulk, plain, plain]);
    const shapes = entriesOf(group).map(({ header: { sections, commands } }) => ({
      batches: sections.length,
      facts: commands.length > 0,
      references: sections.some((one) => one.reference),
    }));
    expect(shapes).toEqual([
      { batches: 3, facts: false, references: false },
      { batches: 1, facts: true, references: false },
      { batches: 1, facts: false, references: false },
      { batches: 3, facts: false, references: true },
      { batches: 2, facts: false, references: false },
    ]);
  });

  it('hold each batch once, whole, in the order of its partition, and no request is spread over two', () => {
    fc.assert(
      fc.property(fc.array(wanted, { maxLength: 12 }), (all) => {
        const group = grouped(all);
        const entries = entriesOf(group);
        expect(outOfPlace(entries.flatMap(({ header }) => header.sections))).toBeUndefined();
        const owners = new Map(
          entries.flatMap(({ header }, entry) =>
            header.sections.map((one) => [`${one.partition}@${one.baseOffset}`, entry] as const),
          ),
        );
        expect(owners.size).toBe(all.reduce((sum, one) => sum + one.partitions.length, 0));
        for (const { appended } of group.requests) {
          const holding = new Set(appended.map((one) => owners.get(`${one.partition}@${one.baseOffset}`)));
          expect(holding.size).toBeLessThanOrEqual(1);
        }
        for (const { header, payloads } of entries) {
          let at = 0;
          for (const { length, crc, reference } of header.sections) {
            if (reference) continue;
            expect(isBatch(payloads.subarray(at, at + length), length, crc)).toBe(true);
            at += length;
          }
        }
      }),
    );
  });

  it('negative control: batches of a partition in another order are what recovery refuses', () => {
    const plain = { partitions: [0], facts: false, valueBytes: 20 };
    const [entry] = entriesOf(grouped([plain, { ...plain, partitions: [1] }, plain]));
    expect(outOfPlace(entry!.header.sections)).toBeUndefined();
    expect(outOfPlace([...entry!.header.sections].reverse())).toMatchObject({ partition: 0, baseOffset: 1 });
  });

  it('come to the segments as runs that hold what the entries say, at the places they say', () => {
    fc.assert(
      fc.property(fc.array(wanted, { maxLength: 12 }), (all) => {
        const group = grouped(all);
        const files = new Map<string, Buffer>();
        for (const { identity, segmentBase, position, bytes } of group.segmentWrites()) {
          const name = `${identity.partition}/${segmentBase}`;
          const file = files.get(name) ?? Buffer.alloc(0);
          expect(position).toBe(file.length);
          files.set(name, Buffer.concat([file, bytes]));
        }
        for (const { header } of entriesOf(group)) {
          for (const { partition, segmentBase, position, length, crc } of header.sections) {
            const file = files.get(`${partition}/${segmentBase}`)!;
            expect(isBatch(file.subarray(position, position + length), length, crc)).toBe(true);
          }
        }
      }),
    );
  });

  it('of appends that come together are flushed once and written once to each segment', async () => {
    const files = new SimulatedFileSystem();
    const shared = { directory: '/log', clock: new SimulatedClock(), lock: new SimulatedLock() };
    const log = await openEmbeddedLog({
      ...shared,
      files,
      settings: { checkpointIntervalMs: 0, journalStepBytes: 65_536 },
    });
    await log.createTopic({ name: 't', partitions: 2 });
    const batch = encodeBatch([{ key: null, value: Buffer.from('v'), headers: [], timestamp: 1 }]);
    const together = (): Promise<unknown> =>
      Promise.all(Array.from({ length: 40 }, (_, i) => log.append({ topic: 't', partition: i % 2 }, batch)));
    await together();
    const calls: string[] = [];
    files.fault = (call, _, path) => {
      calls.push(`${call} ${path.replace(/^.*\//, '')}`);
      return undefined;
    };
    await together();
    files.fault = undefined;
    expect(calls.filter((one) => one.startsWith('sync'))).toHaveLength(1);
    expect(calls.filter((one) => one === 'write 00000000000000000000.log')).toHaveLength(2);
    await log.close();
  });
});

describe('a common entry that a power cut tears', () => {
  /** Records left of each of 40 appends that nobody was told of, after 10 that somebody was, over many cuts. */
  async function afterCuts(honest: boolean): Promise<number[]> {
    const left: number[] = [];
    for (let seed = 1; seed <= 20; seed++) {
      let files = new SimulatedFileSystem();
      const settings = { checkpointIntervalMs: 0, journalStepBytes: 65_536 };
      const open = () =>
        openEmbeddedLog({ directory: '/log', clock: new SimulatedClock(), lock: new SimulatedLock(), files, settings });
      const log = await open();
      await log.createTopic({ name: 't', partitions: 1 });
      const value = Buffer.alloc(400, 'v');
      const batch = encodeBatch([{ key: null, value, headers: [], timestamp: 1 }]);
      const together = (count: number): Promise<unknown> =>
        Promise.allSettled(Array.from({ length: count }, () => log.append({ topic: 't', partition: 0 }, batch)));
      files.honest = honest;
      await together(10);
      files.fault = (call) => (call === 'sync' ? 'gone' : undefined);
      await together(40);
      await log.close().catch(() => undefined);
      files = files.afterPowerCut(new SeededRandom(seed));
      const again = await open().catch(() => undefined);
      // Without the flush a start may also find that something is missing and say so.
      left.push(again === undefined ? -1 : (await again.describeTopic('t')).partitions[0]!.endOffset);
      await again?.close();
    }
    return left;
  }

  it('is there whole or not at all, and what was acknowledged before it stays', async () => {
    const left = await afterCuts(true);
    expect([...new Set(left)].sort()).toEqual([10, 50]);
  });

  it('negative control: without the flush before it, what was acknowledged goes with it', async () => {
    expect((await afterCuts(false)).some((records) => records < 10)).toBe(true);
  });
});
