import { expect } from 'vitest';
import { encodeBatch, FetchMemory, recordsFrom, verifyBatch } from '../../index.js';
import { batchOf, type LogPromise, recordOf, refusal, textOf, within } from './contract-context.js';

/** Reading: positions, limits, waiting, times. */
export const fetchPromises: readonly LogPromise[] = [
  {
    title: 'from whatever offset one reads, exactly the records from there on come, in order',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const all: [number, string][] = [];
      for (const size of [3, 1, 4, 2]) {
        const values = Array.from({ length: size }, (_, i) => `b${size}r${i}`);
        const base = await context.append(ref, ...values);
        values.forEach((value, i) => all.push([base + i, value]));
      }
      for (let from = 0; from <= all.at(-1)![0]; from++) {
        const expected = all.filter(([offset]) => offset >= from);
        const read = await context.read(ref, expected.length, from);
        expect(read.map((one) => [one.offset, textOf(one.value)])).toEqual(expected);
      }
    },
  },
  {
    title: 'at the end nothing comes and nextOffset stays',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      expect(await context.fetch(ref, 0)).toMatchObject({
        ...ref,
        batches: [],
        nextOffset: 0,
        startOffset: 0,
        endOffset: 0,
      });
      await context.append(ref, 'a', 'b');
      await context.read(ref, 2);
      const [end] = await context.endsOf(ref.topic);
      expect(await context.fetch(ref, end!)).toMatchObject({ batches: [], nextOffset: end, endOffset: end });
    },
  },
  {
    title: 'every batch fetched is whole, with a right checksum, and within the offsets the answer names',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      for (let i = 0; i < 5; i++) await context.append(ref, `${i}a`, `${i}b`);
      await context.read(ref, 10);
      const fetched = await context.fetch(ref, 0);
      let previous = -1;
      for (const batch of fetched.batches) {
        const header = verifyBatch(batch);
        expect(header.sizeBytes).toBe(batch.length);
        expect(header.control).toBe(false);
        expect(header.baseOffset).toBeGreaterThan(previous);
        previous = header.lastOffset;
      }
      expect(previous).toBeLessThan(fetched.nextOffset);
      expect(fetched.nextOffset).toBeLessThanOrEqual(fetched.endOffset);
    },
  },
  {
    title: 'a batch larger than the limit comes whole and alone, so that reading always goes on',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const values = ['x'.repeat(3000), 'y'.repeat(5000), 'z'];
      for (const value of values) await context.append(ref, value);
      await context.read(ref, 3);
      const seen: (string | null)[] = [];
      for (let offset = 0, rounds = 0; seen.length < 3; rounds++) {
        expect(rounds, 'fetches').toBeLessThan(10);
        const fetched = await context.fetch(ref, offset, 1);
        expect(fetched.batches.length).toBeLessThanOrEqual(1);
        for (const record of recordsFrom(fetched, offset)) seen.push(textOf(record.value));
        offset = fetched.nextOffset;
      }
      expect(seen).toEqual(values);
    },
  },
  {
    title: 'answers keep within the byte limits of the request and of each position',
    async holds(context) {
      const topic = await context.topic(2);
      for (let i = 0; i < 6; i++) {
        for (const partition of [0, 1]) await context.append({ topic, partition }, 'v'.repeat(900));
      }
      for (const partition of [0, 1]) await context.read({ topic, partition }, 6);
      const size = (batches: readonly Uint8Array[]): number => batches.reduce((sum, one) => sum + one.length, 0);
      const positions = [
        { topic, partition: 0, offset: 0 },
        { topic, partition: 1, offset: 0 },
      ];
      const both = await context.engine.fetch({ positions, maxBytes: 3_000 });
      expect(size(both.flatMap((one) => one.batches))).toBeLessThanOrEqual(3_000);
      expect(both[0]!.batches.length).toBeGreaterThanOrEqual(1);
      const [one] = await context.engine.fetch({
        positions: [{ ...positions[0]!, maxBytes: 2_100 }],
        maxBytes: 1 << 20,
      });
      expect(one!.batches).toHaveLength(2);
      expect(
        textOf(
          [...recordsFrom(await context.fetch({ topic, partition: 0 }, one!.nextOffset), one!.nextOffset)][0]!.value,
        ),
      ).toBe('v'.repeat(900));
      expect(await context.read({ topic, partition: 0 }, 4, one!.nextOffset)).toHaveLength(4);
    },
  },
  {
    title: 'memory that a reader lends changes no answer before it asks for the next',
    async holds(context) {
      const topic = await context.topic(2);
      const values = Array.from({ length: 12 }, (_, i) => `${i}:${'v'.repeat(900)}`);
      for (const [i, value] of values.entries()) await context.append({ topic, partition: i % 2 }, value);
      for (const partition of [0, 1]) await context.read({ topic, partition }, 6);
      const memory = new FetchMemory();
      const seen: (string | null)[] = [];
      const next = [0, 0];
      for (let rounds = 0; seen.length < values.length; rounds++) {
        expect(rounds, 'fetches').toBeLessThan(20);
        const positions = next.map((offset, partition) => ({ topic, partition, offset }));
        const fetched = await context.engine.fetch({ positions, maxBytes: 2_500, memory });
        // Others read meanwhile, without it and with their own.
        for (const other of [undefined, new FetchMemory()]) {
          const all = [0, 1].map((partition) => ({ topic, partition, offset: 0 }));
          await context.engine.fetch({ positions: all, maxBytes: 1 << 20, memory: other });
        }
        for (const part of fetched) {
          for (const record of recordsFrom(part, next[part.partition]!)) seen.push(textOf(record.value));
          next[part.partition] = part.nextOffset;
        }
      }
      expect([...seen].sort()).toEqual([...values].sort());
    },
  },
  {
    title: 'positions are answered in their order, and the trouble of one spoils no other',
    async holds(context) {
      const topic = await context.topic(2);
      const missing = context.name('missing');
      await context.append({ topic, partition: 1 }, 'good');
      await context.read({ topic, partition: 1 }, 1);
      const positions = [
        { topic: missing, partition: 0, offset: 0 },
        { topic, partition: 7, offset: 0 },
        { topic, partition: 0, offset: 99 },
        { topic, partition: 1, offset: 0 },
      ];
      const answers = await context.engine.fetch({ positions, maxBytes: 1 << 20 });
      expect(answers.map(({ topic, partition, error }) => [topic, partition, error?.code])).toEqual([
        [missing, 0, 'topic-not-found'],
        [topic, 7, 'partition-not-found'],
        [topic, 0, 'offset-out-of-range'],
        [topic, 1, undefined],
      ]);
      expect([...recordsFrom(answers[3]!, 0)].map((one) => textOf(one.value))).toEqual(['good']);
    },
  },
  {
    title: 'an offset outside the log is out of range, and the answer names the range',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      await context.append(ref, 'a', 'b');
      await context.read(ref, 2);
      const [end] = await context.endsOf(ref.topic);
      for (const offset of [end! + 1, end! + 1_000, -1]) {
        const fetched = await context.fetch(ref, offset);
        expect(fetched).toMatchObject({
          startOffset: 0,
          endOffset: end,
          batches: [],
          error: { code: 'offset-out-of-range' },
        });
      }
    },
  },
  {
    title: 'a waiting fetch is answered as soon as something is appended',
    async holds(context) {
      const topic = await context.topic(2);
      const positions = [0, 1].map((partition) => ({ topic, partition, offset: 0 }));
      const waiting = context.engine.fetch({ positions, maxBytes: 1 << 20, maxWaitMs: 25_000 });
      await context.append({ topic, partition: 1 }, 'woke');
      const answers = await within(10_000, 'the waiting fetch', waiting);
      expect([...recordsFrom(answers[1]!, 0)].map((one) => textOf(one.value))).toEqual(['woke']);
    },
  },
  {
    title: 'a waiting fetch is answered as soon as something is committed',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const writer = await context.engine.openWriter(context.name('writer'));
      const positions = [{ ...ref, offset: 0 }];
      const waiting = context.engine.fetch({ positions, maxBytes: 1 << 20, maxWaitMs: 25_000 });
      await writer.commit({ appends: [{ ...ref, batch: batchOf('woke') }] });
      const [answer] = await within(10_000, 'the waiting fetch', waiting);
      expect([...recordsFrom(answer!, 0)].map((one) => textOf(one.value))).toEqual(['woke']);
    },
  },
  {
    title: 'a waiting fetch comes back empty when its time is over, and at once without waiting time',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const positions = [{ ...ref, offset: 0 }];
      const start = performance.now();
      const [timed] = await context.engine.fetch({ positions, maxBytes: 1 << 20, maxWaitMs: 120 });
      expect(performance.now() - start).toBeGreaterThanOrEqual(100);
      expect(timed).toMatchObject({ batches: [], nextOffset: 0 });
      const [now] = await within(
        10_000,
        'a fetch without waiting',
        context.engine.fetch({ positions, maxBytes: 1 << 20 }),
      );
      expect(now!.batches).toEqual([]);
    },
  },
  {
    title: 'a fetch waits for minBytes, and an error ends the waiting',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const positions = [{ ...ref, offset: 0 }];
      const waiting = context.engine.fetch({ positions, maxBytes: 1 << 20, minBytes: 3_000, maxWaitMs: 25_000 });
      await context.append(ref, 'small');
      await context.append(ref, 'x'.repeat(4_000));
      const [answer] = await within(10_000, 'the waiting fetch', waiting);
      expect([...recordsFrom(answer!, 0)]).toHaveLength(2);
      const wrong = [
        { ...ref, offset: 0 },
        { topic: context.name('missing'), partition: 0, offset: 0 },
      ];
      const request = { positions: wrong, maxBytes: 1 << 20, minBytes: 1 << 19, maxWaitMs: 25_000 };
      const answers = await within(10_000, 'a fetch with an error', context.engine.fetch(request));
      expect(answers[1]!.error).toMatchObject({ code: 'topic-not-found' });
    },
  },
  {
    title: 'an aborted fetch ends',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const abort = new AbortController();
      const request = {
        positions: [{ ...ref, offset: 0 }],
        maxBytes: 1 << 20,
        maxWaitMs: 25_000,
        signal: abort.signal,
      };
      const waiting = Promise.allSettled([context.engine.fetch(request)]);
      abort.abort();
      await within(10_000, 'the aborted fetch', waiting);
      await context.append(ref, 'unharmed');
      expect(await context.values(ref, 1)).toEqual(['unharmed']);
    },
  },
  {
    title: 'a time is answered with the first offset whose record is not older',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const at = (...times: number[]): Buffer =>
        encodeBatch(times.map((timestamp) => recordOf(String(timestamp), { timestamp })));
      const first = (await context.engine.append(ref, at(1_000, 3_000, 2_000))).baseOffset;
      const second = (await context.engine.append(ref, at(2_500, 5_000))).baseOffset;
      const third = (await context.engine.append(ref, at(4_000))).baseOffset;
      await context.read(ref, 6);
      const { engine } = context;
      expect(await engine.offsetForTimestamp(ref, 0)).toBe(first);
      expect(await engine.offsetForTimestamp(ref, 1_000)).toBe(first);
      expect(await engine.offsetForTimestamp(ref, 1_001)).toBe(first + 1);
      expect(await engine.offsetForTimestamp(ref, 3_000)).toBe(first + 1);
      expect(await engine.offsetForTimestamp(ref, 3_001)).toBe(second + 1);
      expect(await engine.offsetForTimestamp(ref, 5_000)).toBe(second + 1);
      expect(await engine.offsetForTimestamp(ref, 5_001)).toBeNull();
      expect(third).toBeGreaterThan(second);
      const again = await context.reopen();
      expect(await again.offsetForTimestamp(ref, 3_001)).toBe(second + 1);
    },
  },
  {
    title: 'a time in an empty partition is answered with null, in a missing one refused',
    async holds(context) {
      const topic = await context.topic(1);
      expect(await context.engine.offsetForTimestamp({ topic, partition: 0 }, 0)).toBeNull();
      await refusal(context.engine.offsetForTimestamp({ topic, partition: 1 }, 0), 'partition-not-found');
      await refusal(context.engine.offsetForTimestamp({ topic: context.name(), partition: 0 }, 0), 'topic-not-found');
    },
  },
];
