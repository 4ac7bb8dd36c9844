import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { encodeBatch } from './batch-encoder.js';
import { recordsFrom } from './batch-decoder.js';
import { physicalName } from './generation.js';
import { formatReadCursor, parseReadCursor } from './read-cursor.js';
import { TopicDirectory } from './topic-directory.js';
import { cutPage, TopicReader, type PartitionRecord, type ReadPage, type ReadVector } from './topic-reader.js';
import { MemoryLogEngine, MemoryTopicNames, WallClock } from './testing/index.js';

const record = (partition: number, offset: number): PartitionRecord => ({
  partition,
  offset,
  timestamp: 0,
  key: null,
  value: null,
  headers: [],
});

describe('a page that is cut', () => {
  const page: ReadPage = {
    records: [record(0, 5), record(0, 6), record(1, 9), record(1, 12)],
    next: {
      generation: 3,
      topicId: 'x',
      whole: true,
      positions: new Map([
        [0, 7],
        [1, 14],
        [2, 2],
      ]),
    },
    atEnd: true,
  };
  const positions = (count: number) => Object.fromEntries(cutPage(page, count).next.positions);

  it('goes on with the first record of each partition that it does not have, and is not the end', () => {
    expect(positions(1)).toEqual({ 0: 6, 1: 9, 2: 2 });
    expect(positions(2)).toEqual({ 0: 7, 1: 9, 2: 2 });
    expect(positions(3)).toEqual({ 0: 7, 1: 12, 2: 2 });
    expect(cutPage(page, 3)).toMatchObject({
      records: page.records.slice(0, 3),
      next: { generation: 3 },
      atEnd: false,
    });
  });

  it('is the page where nothing is cut off', () => {
    expect(cutPage(page, 4)).toBe(page);
  });
});

const KEY = Buffer.alloc(32, 7);

/** A topic whose records are numbered, so that it is known what a reader must see. */
class NumberedTopic {
  readonly engine: MemoryLogEngine;
  readonly names = new MemoryTopicNames();
  readonly directory: TopicDirectory;
  generation = 1;
  #written = 0;

  constructor(
    denseOffsets: boolean,
    private partitions: number,
  ) {
    this.engine = new MemoryLogEngine({ denseOffsets });
    this.directory = new TopicDirectory(this.engine, this.names, new WallClock());
  }

  get numbers(): number[] {
    return Array.from({ length: this.#written }, (_, number) => number);
  }

  async create(): Promise<this> {
    await this.directory.create({ name: 't', partitions: this.partitions });
    return this;
  }

  async write(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const number = this.#written++;
      const to = { topic: physicalName('t', this.generation), partition: number % this.partitions };
      await this.engine.append(to, encodeBatch([numbered(number)]));
    }
  }

  /** A repartition's cutover, reduced to the bone, with writes to the old side carried over and copied back. */
  async cutOver(partitions: number): Promise<void> {
    const [old, next] = [physicalName('t', this.generation), physicalName('t', this.generation + 1)];
    await this.engine.createTopic({ name: next, partitions });
    const closed = await this.engine.setTopicState(old, 'FENCED');
    for (const { partition } of closed.partitions) {
      const [part] = await this.engine.fetch({ positions: [{ topic: old, partition, offset: 0 }], maxBytes: 1 << 30 });
      for (const one of recordsFrom(part!, 0))
        await this.engine.append({ topic: next, partition: one.offset % partitions }, encodeBatch([one]));
    }
    const ends = async (topic: string) =>
      (await this.engine.describeTopic(topic)).partitions.map((one) => one.endOffset);
    await this.names.compareAndSet(this.engine.logId, 't', this.generation - 1, this.generation + 1, {
      opensAt: await ends(next),
      closedAt: await ends(old),
      keyExpression: null,
      partitioner: null,
    });
    await this.engine.append({ topic: old, partition: 0 }, encodeBatch([numbered(-1)]), { intoFenced: true });
    this.generation++;
    this.partitions = partitions;
  }
}

function numbered(number: number) {
  return { key: null, value: Buffer.from(String(number)), headers: [], timestamp: number };
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), count: fc.integer({ min: 1, max: 7 }) }),
  fc.record({ kind: fc.constant('page' as const), count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant('cut' as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('grow' as const), count: fc.constant(1) }),
);

/** The numbers that pages of random sizes show, each page from the cursor of the one before. @param follow how a vector goes on. */
async function readThrough(
  steps: readonly { readonly kind: 'write' | 'page' | 'cut' | 'grow'; readonly count: number }[],
  denseOffsets: boolean,
  follow: (next: ReadVector, before: ReadVector) => ReadVector = (next) => next,
): Promise<{ seen: number[]; topic: NumberedTopic }> {
  const topic = await new NumberedTopic(denseOffsets, 2).create();
  const reader = new TopicReader(topic.directory);
  const of = { logId: topic.engine.logId, topic: 't' };
  let cursor = formatReadCursor(
    { ...of, vector: await reader.start('t', undefined, { kind: 'start' }), filters: [] },
    KEY,
  );
  const seen: number[] = [];
  const page = async (records: number): Promise<boolean> => {
    const { vector } = parseReadCursor(cursor, KEY, of);
    const read = await reader.read('t', vector, { records, maxBytes: 200, waitMs: 0 });
    const cut = cutPage(read, Math.max(1, records - 1));
    seen.push(...cut.records.map(({ value }) => Number(String(value))));
    cursor = formatReadCursor({ ...of, vector: follow(cut.next, vector), filters: [] }, KEY);
    return cut.atEnd;
  };
  for (const { kind, count } of steps) {
    if (kind === 'write') await topic.write(count);
    else if (kind === 'page') await page(count);
    else if (kind === 'cut') {
      // A reader follows one cutover at a time; one that sleeps through two is told so.
      while (!(await page(5)));
      await topic.cutOver(count);
    } else
      await topic.engine.addPartitions(
        physicalName('t', topic.generation),
        (await topic.directory.resolve('t')).description.partitions.length + 1,
      );
  }
  for (let guard = 0; guard < 10_000 && !(await page(3)); guard++);
  return { seen, topic };
}

describe('pages put together', () => {
  it('R2: are the log: each record once, over cutovers, added partitions and gaps in offsets', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.boolean(), async (steps, dense) => {
        const { seen, topic } = await readThrough(steps, dense);
        expect(seen.sort((a, b) => a - b)).toEqual(topic.numbers);
      }),
      { numRuns: 100 },
    );
  });

  it('negative control: a reader that begins a new generation at its start shows copies again', async () => {
    const { seen, topic } = await readThrough(
      [
        { kind: 'write', count: 5 },
        { kind: 'cut', count: 3 },
        { kind: 'write', count: 2 },
      ],
      true,
      (next, before) =>
        next.generation === before.generation
          ? next
          : { ...next, positions: new Map([...next.positions.keys()].map((partition) => [partition, 0])) },
    );
    expect(seen.length).toBeGreaterThan(topic.numbers.length);
  });

  it('end where the reader said, also when the topic moves on meanwhile', async () => {
    const topic = await new NumberedTopic(true, 1).create();
    await topic.write(4);
    const reader = new TopicReader(topic.directory);
    const vector = await reader.start('t', undefined, { kind: 'offset', offset: 1 }, { kind: 'end' });
    await topic.write(3);
    const limits = { records: 2, maxBytes: 1 << 20, waitMs: 0 };
    const first = await reader.read('t', vector, limits);
    await topic.cutOver(2);
    const second = await reader.read('t', first.next, limits);
    const numbers = [...first.records, ...second.records].map(({ offset }) => offset);
    expect([numbers, first.atEnd, second.atEnd]).toEqual([[1, 2, 3], false, true]);
    expect(await reader.read('t', second.next, limits)).toMatchObject({ records: [], atEnd: true });
  });

  it('end once they hold the bytes that were asked for, however many records they may have', async () => {
    const topic = await new NumberedTopic(true, 1).create();
    const value = Buffer.alloc(1_000);
    for (let i = 0; i < 10; i++) {
      const record = { key: null, value, headers: [], timestamp: i };
      await topic.engine.append({ topic: 't', partition: 0 }, encodeBatch([record, record]));
    }
    const reader = new TopicReader(topic.directory);
    const sizes: number[] = [];
    for (let at = await reader.start('t', undefined, { kind: 'start' }); ;) {
      const { records, next, atEnd } = await reader.read('t', at, { records: 100, maxBytes: 2_500, waitMs: 0 });
      sizes.push(records.length);
      if (atEnd) break;
      at = next;
    }
    expect(sizes).toEqual([3, 3, 3, 3, 3, 3, 2]);
    const one = await reader.start('t', undefined, { kind: 'start' });
    expect((await reader.read('t', one, { records: 100, maxBytes: 1, waitMs: 0 })).records).toHaveLength(1);
  });

  it('cannot go on in a topic that was made anew, nor in one partition of a generation that was superseded', async () => {
    const topic = await new NumberedTopic(true, 2).create();
    await topic.write(4);
    const reader = new TopicReader(topic.directory);
    const limits = { records: 10, maxBytes: 1 << 20, waitMs: 0 };
    const one = await reader.start('t', 1, { kind: 'end' });
    await topic.cutOver(3);
    await expect(reader.read('t', one, limits)).rejects.toMatchObject({ details: { reason: 'repartitioned' } });
    const whole = await reader.start('t', undefined, { kind: 'start' });
    await topic.directory.delete('t');
    await topic.create();
    const again = { ...(await reader.start('t', undefined, { kind: 'start' })), topicId: whole.topicId };
    await expect(reader.read('t', again, limits)).rejects.toMatchObject({ details: { reason: 'recreated' } });
  });

  it('begin at the last records there are, where offsets have gaps too', async () => {
    for (const dense of [true, false]) {
      const topic = await new NumberedTopic(dense, 1).create();
      const writer = await topic.engine.openWriter('w');
      for (let number = 0; number < 9; number++)
        await writer.commit({ appends: [{ topic: 't', partition: 0, batch: encodeBatch([numbered(number)]) }] });
      const reader = new TopicReader(topic.directory);
      for (const [count, first] of [
        [4, 5],
        [9, 0],
        [50, 0],
      ] as const) {
        const vector = await reader.start('t', undefined, { kind: 'last', count });
        const { records } = await reader.read('t', vector, { records: 100, maxBytes: 1 << 20, waitMs: 0 });
        expect(records.map(({ value }) => Number(String(value)))).toEqual(
          Array.from({ length: 9 - first }, (_, at) => first + at),
        );
      }
    }
  });
});

describe('a cursor', () => {
  const of = { logId: 'log', topic: 't' };
  const vector: ReadVector = {
    generation: 2,
    topicId: 'id',
    whole: false,
    positions: new Map([
      [0, 12],
      [5, Number.MAX_SAFE_INTEGER],
    ]),
    until: new Map([[5, 9]]),
  };
  const cursor = { ...of, vector, filters: ['value.a=b'] };
  const text = formatReadCursor(cursor, KEY);

  it('says what it was made of', () => {
    expect(parseReadCursor(text, KEY, of)).toEqual(cursor);
  });

  it('of 2,000 partitions fits into the headers of a request, about equally full as they are', () => {
    const positions = new Map(Array.from({ length: 2_000 }, (_, at) => [at, 5_000_000 + ((at * 7_919) % 4_000)]));
    const long = { ...cursor, vector: { ...vector, whole: true, positions, until: undefined } };
    const written = formatReadCursor(long, KEY);
    expect(written.length).toBeLessThan(8_000);
    const inDigits = JSON.stringify([...positions].map(([partition, offset]) => [partition, String(offset)]));
    expect(inDigits.length, 'control: written out, it does not').toBeGreaterThan(16_384);
    expect(parseReadCursor(written, KEY, of)).toEqual(long);
  });

  it('is refused when anything of it was changed, and when another key or topic is meant', () => {
    const refused = expect.objectContaining({ code: 'invalid-cursor' }) as Error;
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === 'A' ? 'B' : 'A';
      expect(() => parseReadCursor(text.slice(0, at) + other + text.slice(at + 1), KEY, of)).toThrow(refused);
      expect(() => parseReadCursor(text.slice(0, at), KEY, of)).toThrow(refused);
    }
    const unsigned = Buffer.from(JSON.stringify([1, 1, [[0, '0']]])).toString('base64url');
    for (const made of ['', '.', `${text}.`, `${text}=`, unsigned, `${unsigned}.`])
      expect(() => parseReadCursor(made, KEY, of)).toThrow(refused);
    expect(() => parseReadCursor(text, Buffer.alloc(32, 8), of)).toThrow(refused);
    expect(() => parseReadCursor(text, KEY, { ...of, topic: 'u' })).toThrow(refused);
    expect(() => parseReadCursor(text, KEY, { ...of, logId: 'other' })).toThrow(refused);
  });
});
