import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBatch, type LogRecord, type PartitionerSpec, type StoredRecord } from '#libs/core/log';
import { MemoryLogEngine } from '#libs/core/log/testing';
import { BUILD_LIMITS, ChunkBuilder } from '../copy/chunk-builder.js';
import { CopySession } from '../copy/copy-session.js';
import { OffsetMap } from '../copy/offset-map.js';
import type { Router } from '../copy/router.js';
import { KeyRouter } from '../repartition/routers.js';
import { readTopic } from '../testing/index.js';
import { CopyVerifier } from './copy-verifier.js';
import type { VerificationLevel } from './verification.js';
import { type MismatchKind } from './mismatch.js';

const SOURCES = 3;
const TARGETS = 4;

/** A verified copy of records that all differ, and a second target to be tampered with. */
async function copied(
  records: number,
  maxBytes = 400,
  reroute = (target: number): number => target,
  partitioner: PartitionerSpec = 'murmur2',
) {
  const engine = new MemoryLogEngine();
  await engine.createTopic({ name: 'old', partitions: SOURCES });
  for (let i = 0; i < records; i++) {
    const record = {
      key: Buffer.from(`key-${i % 11}`),
      value: i % 7 === 3 ? null : Buffer.from(`value-${i}`),
      headers: [{ key: 'n', value: Buffer.from([i]) }],
      timestamp: 1_700_000_000_000 + i,
    };
    await engine.append({ topic: 'old', partition: i % SOURCES }, encodeBatch([record]));
  }
  await engine.createTopic({ name: 'new', partitions: TARGETS, state: 'FENCED' });
  await engine.createTopic({ name: 'tampered', partitions: TARGETS });
  await engine.createTopic({ name: '__map', partitions: SOURCES });
  const router = new KeyRouter({ sources: SOURCES, targets: TARGETS, partitioner, nullKeys: 'spread' });
  const followed: Router = {
    targets: TARGETS,
    route: (record, source) => reroute(router.route(record, source) as number),
    misplaced: (key, target) => router.misplaced(key, target),
  };
  const sessions: CopySession[] = [];
  for (let s = 0; s < SOURCES; s++) {
    const lane = {
      writerId: `op-${s}`,
      source: { topic: 'old', partition: s, startOffset: 0 },
      target: 'new',
      map: '__map',
    };
    const session = await CopySession.open(
      engine,
      lane,
      new ChunkBuilder(followed, { maxBatchBytes: 1 << 20, ...BUILD_LIMITS }),
    );
    while ((await session.step({ maxBytes, maxWaitMs: 0 })).records > 0);
    sessions.push(session);
  }
  const verify = (target: string, level: VerificationLevel = 'readback') =>
    new CopyVerifier({
      engine,
      source: { topic: 'old', startOffsets: [0, 0, 0] },
      target: { topic: target, startOffsets: [0, 0, 0, 0] },
      map: new OffsetMap(engine, '__map', (s) => sessions[s]!.lastChunk),
      router,
      level,
    }).advance();
  return { engine, verify };
}

/** Copies `new` to `tampered` with a change. */
async function tamper(
  engine: MemoryLogEngine,
  change: (partitions: LogRecord[][], original: readonly StoredRecord[][]) => void,
): Promise<void> {
  const original = await readTopic(engine, 'new');
  const partitions: LogRecord[][] = original.map((records) => [...records]);
  change(partitions, original);
  for (const [partition, records] of partitions.entries()) {
    for (const record of records) await engine.append({ topic: 'tampered', partition }, encodeBatch([record]));
  }
}

/** A place with at least two records before and after it. */
const place = (partitions: readonly LogRecord[][], seed: number): [number, number] => {
  const long = partitions.map((records, t) => [t, records.length] as const).filter(([, length]) => length >= 6);
  const [t, length] = long[seed % long.length]!;
  return [t, 2 + (seed % (length - 4))];
};

const flipped = (bytes: Uint8Array): Buffer => {
  const copy = Buffer.from(bytes);
  copy[copy.length - 1]! ^= 0x10;
  return copy;
};

const DAMAGES: Record<string, { kinds: MismatchKind[]; change: (partitions: LogRecord[][], seed: number) => void }> = {
  'a dropped record': {
    kinds: ['missing', 'different'],
    change(partitions, seed) {
      const [t, i] = place(partitions, seed);
      partitions[t]!.splice(i, 1);
    },
  },
  'the last record dropped': {
    kinds: ['missing'],
    change: (partitions, seed) => void partitions[place(partitions, seed)[0]]!.pop(),
  },
  'a duplicated record': {
    kinds: ['unclaimed', 'different'],
    change(partitions, seed) {
      const [t, i] = place(partitions, seed);
      partitions[t]!.splice(i, 0, partitions[t]![i]!);
    },
  },
  'two records swapped': {
    kinds: ['different'],
    change(partitions, seed) {
      const [t, i] = place(partitions, seed);
      const [a, b] = [partitions[t]![i]!, partitions[t]![i + 1]!];
      partitions[t]!.splice(i, 2, b, a);
    },
  },
  'a bit of a value flipped': {
    kinds: ['different'],
    change(partitions, seed) {
      const [t] = place(partitions, seed);
      const i = partitions[t]!.findIndex((record) => record.value !== null);
      partitions[t]![i] = { ...partitions[t]![i]!, value: flipped(partitions[t]![i]!.value!) };
    },
  },
  'a bit of a header flipped': {
    kinds: ['different'],
    change(partitions, seed) {
      const [t, i] = place(partitions, seed);
      const record = partitions[t]![i]!;
      partitions[t]![i] = { ...record, headers: [{ key: 'n', value: flipped(record.headers[0]!.value!) }] };
    },
  },
  'a timestamp off by one': {
    kinds: ['different'],
    change(partitions, seed) {
      const [t, i] = place(partitions, seed);
      partitions[t]![i] = { ...partitions[t]![i]!, timestamp: partitions[t]![i]!.timestamp + 1 };
    },
  },
  'a tombstone turned into an empty value': {
    kinds: ['different'],
    change(partitions) {
      const t = partitions.findIndex((records) => records.some((record) => record.value === null));
      const i = partitions[t]!.findIndex((record) => record.value === null);
      partitions[t]![i] = { ...partitions[t]![i]!, value: Buffer.alloc(0) };
    },
  },
  'a record moved to another partition': {
    kinds: ['misplaced', 'unclaimed', 'missing', 'different'],
    change(partitions, seed) {
      const [t, i] = place(partitions, seed);
      const [record] = partitions[t]!.splice(i, 1);
      partitions[(t + 1) % TARGETS]!.push(record!);
    },
  },
  'a deleted record resurrected': {
    kinds: ['unclaimed'],
    change(partitions, seed) {
      const [t] = place(partitions, seed);
      partitions[t]!.push(partitions[t]!.find((record) => record.value !== null)!);
    },
  },
};

describe('the verifier', () => {
  it('has nothing to say against a good copy', async () => {
    const { engine, verify } = await copied(120);
    await tamper(engine, () => undefined);
    for (const target of ['new', 'tampered']) {
      const verified = await verify(target, 'full');
      expect(verified.mismatches).toEqual([]);
      expect(verified.checked).toBe(120);
    }
  });

  for (const [name, { kinds, change }] of Object.entries(DAMAGES)) {
    it(`finds ${name}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat(1000), fc.constantFrom(1, 400, 1 << 20), async (seed, maxBytes) => {
          const { engine, verify } = await copied(120, maxBytes);
          await tamper(engine, (partitions) => change(partitions, seed));
          const { mismatches } = await verify('tampered');
          expect(mismatches.length).toBeGreaterThan(0);
          for (const kind of kinds.slice(0, 1)) expect(mismatches.map((one) => one.kind)).toContain(kind);
          expect(kinds).toEqual(expect.arrayContaining([...new Set(mismatches.map((one) => one.kind))]));
        }),
        { numRuns: 8 },
      );
    });
  }

  it('goes on to the end whatever it finds: all of it is counted by kind, the first hundred are listed', async () => {
    const { engine, verify } = await copied(600);
    let changed = 0;
    let dropped = 0;
    await tamper(engine, (partitions) => {
      for (const records of partitions) {
        for (const [i, record] of records.entries())
          if (i % 2 === 0 && i < records.length - 6) {
            records[i] = { ...record, timestamp: record.timestamp + 1 };
            changed++;
          }
        dropped += records.splice(-3).length;
      }
    });
    const { checked, mismatches, mismatchCount, mismatchKinds } = await verify('tampered');
    expect(changed).toBeGreaterThan(200);
    expect(mismatchKinds).toEqual({ different: changed, missing: dropped });
    expect(mismatchCount).toBe(changed + dropped);
    expect(mismatches).toHaveLength(100);
    expect(checked).toBe(600 - dropped);
  });

  it('names the one record that differs', async () => {
    const { engine, verify } = await copied(120, 1 << 20);
    let at = -1;
    await tamper(engine, (partitions) => {
      at = partitions[2]!.findIndex((record) => record.value !== null);
      partitions[2]![at] = { ...partitions[2]![at]!, value: Buffer.from('x') };
    });
    const { mismatches } = await verify('tampered');
    expect(mismatches).toMatchObject([{ kind: 'different', target: 2, targetOffset: at }]);
  });

  it('finds records that a wrong route took to another partition', async () => {
    const { verify } = await copied(120, 400, (route) => (route + 1) % TARGETS);
    const { mismatches } = await verify('new');
    expect(mismatches.length).toBeGreaterThan(50);
    expect(new Set(mismatches.map((one) => one.kind))).toEqual(new Set(['misplaced']));
  });

  it('finds a record of a salted key outside of its partitions, and none of those within', async () => {
    const keys = Array.from({ length: 11 }, (_, n) => `key-${n}`);
    const salted: PartitionerSpec = { kind: 'salted', base: 'murmur2', keys, salts: 2 };
    const same = await copied(120, 400, undefined, salted);
    expect((await same.verify('new', 'full')).mismatches).toEqual([]);
    const { verify } = await copied(120, 400, (route) => (route + 1) % TARGETS, salted);
    const { mismatches } = await verify('new');
    expect(mismatches.length).toBeGreaterThan(50);
    expect(new Set(mismatches.map((one) => one.kind))).toEqual(new Set(['misplaced']));
    expect(mismatches[0]!.detail).toMatch(/belongs to partition \d or \d/);
  });

  it('finds a record with a place of its own anywhere else', async () => {
    const custom: PartitionerSpec = {
      kind: 'custom',
      base: 'murmur2',
      keys: [{ key: 'key-1', partition: 3 }],
      ranges: [{ from: 'key-2', until: 'key-5', partitions: [0] }],
    };
    const { engine, verify } = await copied(120, 400, undefined, custom);
    await tamper(engine, () => undefined);
    expect((await verify('tampered')).mismatches).toEqual([]);
    const other = await copied(120, 400, (route) => (route === 3 ? 0 : route), custom);
    const { mismatches } = await other.verify('new');
    expect(mismatches.map((one) => one.kind)).toContain('misplaced');
  });

  it('finds at level full a copy that left records out and kept quiet about it', async () => {
    const engine = new MemoryLogEngine();
    await engine.createTopic({ name: 'old', partitions: 1 });
    await engine.createTopic({ name: 'new', partitions: 1 });
    await engine.createTopic({ name: '__map', partitions: 1 });
    const record = (n: number) => ({ key: Buffer.from([n]), value: Buffer.from([n]), headers: [], timestamp: n });
    for (const n of [1, 2, 3]) await engine.append({ topic: 'old', partition: 0 }, encodeBatch([record(n)]));
    const lying = new MemoryLogEngine({ storage: engine.storage });
    const fetch = lying.fetch.bind(lying);
    // Batches vanish on the way to the copier, as with a reader that filters too much.
    lying.fetch = async (request) =>
      (await fetch(request)).map((one) => ({ ...one, batches: one.batches.filter((_, i) => i !== 1) }));
    const router = new KeyRouter({ sources: 1, targets: 1, partitioner: 'murmur2', nullKeys: 'spread' });
    const lane = {
      writerId: 'op-0',
      source: { topic: 'old', partition: 0, startOffset: 0 },
      target: 'new',
      map: '__map',
    };
    const session = await CopySession.open(
      lying,
      lane,
      new ChunkBuilder(router, { maxBatchBytes: 1 << 20, ...BUILD_LIMITS }),
    );
    await session.step({ maxBytes: 1 << 20, maxWaitMs: 0 });
    const verify = (level: VerificationLevel) =>
      new CopyVerifier({
        engine,
        source: { topic: 'old', startOffsets: [0] },
        target: { topic: 'new', startOffsets: [0] },
        map: new OffsetMap(engine, '__map', () => session.lastChunk),
        router,
        level,
      }).advance();
    expect((await verify('readback')).mismatches).toEqual([]);
    expect((await verify('full')).mismatches).toMatchObject([{ kind: 'different', source: 0 }]);
  });
});
