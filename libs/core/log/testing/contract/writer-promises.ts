import { expect } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import { type Appended, encodeBatch, type WriterCommit } from '../../index.js';
import { brokenBatches } from './broken-batches.js';
import { batchOf, type ContractContext, type LogPromise, recordOf, refusal, textOf } from './contract-context.js';

const bytes = (text: string): Buffer => Buffer.from(text);

/** Fenced sessions: atomic commits, epochs, checkpoints. */
export const writerPromises: readonly LogPromise[] = [
  {
    title: 'a commit appends over partitions and topics, moves positions and writes checkpoints together',
    async holds(context) {
      const [one, two] = [await context.topic(2), await context.topic(1)];
      const [id, group] = [context.name('writer'), context.name('group')];
      const writer = await context.engine.openWriter(id);
      const appended = await writer.commit({
        appends: [
          { topic: one, partition: 1, batch: batchOf('a', 'b') },
          { topic: two, partition: 0, batch: batchOf('c') },
          { topic: one, partition: 1, batch: batchOf('d') },
        ],
        positions: [
          { group, topic: one, partition: 0, offset: 12, metadata: 'note' },
          { group, topic: two, partition: 0, offset: 1 },
        ],
        checkpoints: [{ key: 'at', value: bytes('17') }],
      });
      expect(
        appended.map(({ topic, partition, lastOffset, baseOffset }) => [topic, partition, lastOffset - baseOffset]),
      ).toEqual([
        [one, 1, 1],
        [two, 0, 0],
        [one, 1, 0],
      ]);
      expect(appended.every((place) => place.durability === 'durable')).toBe(true);
      expect(appended[2]!.baseOffset).toBeGreaterThan(appended[0]!.lastOffset);
      expect(textOf(writer.checkpoint('at'))).toBe('17');
      const check = async (): Promise<void> => {
        const read = await context.read({ topic: one, partition: 1 }, 3);
        expect(read.map((record) => textOf(record.value))).toEqual(['a', 'b', 'd']);
        expect(read.map((record) => record.offset)).toEqual([
          appended[0]!.baseOffset,
          appended[0]!.lastOffset,
          appended[2]!.baseOffset,
        ]);
        expect(await context.values({ topic: two, partition: 0 }, 1)).toEqual(['c']);
        expect((await context.engine.describeGroup(group)).positions).toEqual(
          [
            { topic: one, partition: 0, offset: 12, metadata: 'note' },
            { topic: two, partition: 0, offset: 1 },
          ].sort((a, b) => (a.topic < b.topic ? -1 : 1)),
        );
      };
      await check();
      await context.reopen();
      await check();
      expect(textOf((await context.engine.openWriter(id)).checkpoint('at'))).toBe('17');
    },
  },
  {
    title: 'a refused commit leaves nothing, and the session goes on',
    async holds(context) {
      const topic = await context.topic(2, { config: { 'max.message.bytes': '2000' } });
      const fenced = await context.topic(1, { state: 'FENCED' });
      const [id, group] = [context.name('writer'), context.name('group')];
      const writer = await context.engine.openWriter(id);
      await writer.commit({ checkpoints: [{ key: 'at', value: bytes('start') }] });
      const whole: Required<Pick<WriterCommit, 'appends' | 'positions'>> = {
        appends: [{ topic, partition: 0, batch: batchOf('never') }],
        positions: [{ group, topic, partition: 0, offset: 1 }],
      };
      const checkpoints = [{ key: 'at', value: bytes('never') }];
      const also = (batch: Uint8Array, to: { topic: string; partition: number }): WriterCommit => ({
        ...whole,
        checkpoints,
        appends: [...whole.appends, { ...to, batch }],
      });
      const attempts: [WriterCommit, string[]][] = [
        [also(batchOf('x'), { topic: fenced, partition: 0 }), ['topic-fenced']],
        [also(batchOf('x'), { topic, partition: 2 }), ['partition-not-found']],
        [also(batchOf('x'), { topic: context.name(), partition: 0 }), ['topic-not-found']],
        [also(encodeBatch([recordOf('x'.repeat(3_000))]), { topic, partition: 1 }), ['batch-too-large']],
        ...brokenBatches().map(([, batch]): [WriterCommit, string[]] => [
          also(batch, { topic, partition: 1 }),
          ['invalid-batch', 'unsupported-compression'],
        ]),
        [
          also(encodeBatch([recordOf('x')], { producer: { id: 5, epoch: 0, baseSequence: 0 } }), {
            topic,
            partition: 1,
          }),
          ['invalid-batch'],
        ],
        [
          { ...whole, checkpoints, positions: [...whole.positions, { group, topic, partition: 9, offset: 1 }] },
          ['partition-not-found'],
        ],
        [{ ...whole, checkpoints, positions: [{ group, topic, partition: 0, offset: -1 }] }, ['invalid-position']],
        [{ ...whole, checkpoints: [...checkpoints, { key: '', value: bytes('x') }] }, ['invalid-checkpoint']],
        [
          { ...whole, checkpoints: [...checkpoints, { key: 'k'.repeat(250), value: bytes('x') }] },
          ['invalid-checkpoint'],
        ],
        [
          { ...whole, checkpoints: [...checkpoints, { key: 'k', value: Buffer.alloc((1 << 20) + 1) }] },
          ['invalid-checkpoint'],
        ],
      ];
      for (const [commit, codes] of attempts) await refusal(writer.commit(commit), codes);
      await writer.commit({ appends: [{ topic, partition: 0, batch: batchOf('good') }] });
      expect(await context.values({ topic, partition: 0 }, 1)).toEqual(['good']);
      expect(await context.values({ topic, partition: 1 })).toEqual([]);
      expect((await context.engine.describeGroup(group)).positions).toEqual([]);
      expect(textOf(writer.checkpoint('at'))).toBe('start');
      await context.reopen();
      expect(await context.values({ topic, partition: 0 }, 1)).toEqual(['good']);
      const again = await context.engine.openWriter(id);
      expect([...again.checkpoints()].map(([key, value]) => [key, textOf(value)])).toEqual([['at', 'start']]);
    },
  },
  {
    title: 'a later session fences an earlier one, whose commits leave nothing from then on',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const [id, group] = [context.name('writer'), context.name('group')];
      const older = await context.engine.openWriter(id);
      await older.commit({
        appends: [{ ...ref, batch: batchOf('old') }],
        checkpoints: [{ key: 'at', value: bytes('1') }],
      });
      const newer = await context.engine.openWriter(id);
      expect(newer.epoch).toBeGreaterThan(older.epoch);
      expect(textOf(newer.checkpoint('at'))).toBe('1');
      for (const appends of [[{ ...ref, batch: batchOf('zombie') }], []]) {
        const commit = {
          appends,
          positions: [{ group, ...ref, offset: 1 }],
          checkpoints: [{ key: 'at', value: bytes('zombie') }],
        };
        await refusal(older.commit(commit), ['writer-fenced', 'writer-closed']);
      }
      await newer.commit({ appends: [{ ...ref, batch: batchOf('new') }] });
      expect(await context.values(ref, 2)).toEqual(['old', 'new']);
      expect((await context.engine.describeGroup(group)).positions).toEqual([]);
      expect(textOf((await context.engine.openWriter(id)).checkpoint('at'))).toBe('1');
    },
  },
  {
    title:
      'a writer that is forgotten has no checkpoints any more, over a restart too, and no session of its former life commits',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const id = context.name('writer');
      const older = await context.engine.openWriter(id);
      await older.commit({
        appends: [{ ...ref, batch: batchOf('kept') }],
        checkpoints: ['a', 'b'].map((key) => ({ key, value: bytes('1') })),
      });
      const last = await context.engine.openWriter(id);
      await refusal(older.forget(), ['writer-fenced', 'writer-closed']);
      expect(last.checkpoints().size).toBe(2);
      await last.forget();
      await refusal(last.commit({ checkpoints: [{ key: 'a', value: bytes('2') }] }), [
        'writer-closed',
        'writer-fenced',
      ]);
      await refusal(older.commit({ checkpoints: [{ key: 'a', value: bytes('2') }] }), [
        'writer-fenced',
        'writer-closed',
      ]);
      const next = await context.engine.openWriter(id);
      expect(next.checkpoints().size).toBe(0);
      expect(next.epoch).toBeGreaterThan(last.epoch);
      await refusal(older.commit({ checkpoints: [{ key: 'a', value: bytes('2') }] }), [
        'writer-fenced',
        'writer-closed',
      ]);
      await next.forget();
      await context.reopen();
      const again = await context.engine.openWriter(id);
      expect(again.checkpoints().size).toBe(0);
      expect(again.epoch).toBeGreaterThan(next.epoch);
      await again.commit({ checkpoints: [{ key: 'a', value: bytes('3') }] });
      expect(textOf((await context.engine.openWriter(id)).checkpoint('a'))).toBe('3');
      expect(await context.values(ref, 1)).toEqual(['kept']);
    },
  },
  {
    title: 'the fence strikes with writer-fenced, and closing the newer session does not lift it',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const id = context.name('writer');
      const older = await context.engine.openWriter(id);
      const newer = await context.engine.openWriter(id);
      await newer.close();
      await refusal(older.commit({ appends: [{ ...ref, batch: batchOf('zombie') }] }), 'writer-fenced');
      await older.close();
      expect(await context.values(ref)).toEqual([]);
    },
  },
  {
    title: 'of sessions that race, one at a time commits: no count is lost and none is made twice',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const id = context.name('writer');
      const committed: number[] = [];
      const worker = async (): Promise<void> => {
        for (let [last, fenced] = [0, 0]; last < 12;) {
          // Sessions that came back at once would fence each other before any of them can commit, the longer a commit takes the surer.
          const pauseMs = Math.random() * Math.min(5 * 2 ** fenced, 1_000);
          if (fenced > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
          const writer = await context.engine.openWriter(id);
          try {
            for (;;) {
              last = Number(textOf(writer.checkpoint('count')) ?? '0');
              if (last >= 12) break;
              await writer.commit({
                appends: [{ ...ref, batch: batchOf(String(last + 1)) }],
                checkpoints: [{ key: 'count', value: bytes(String(last + 1)) }],
              });
              committed.push(last + 1);
              fenced = 0;
            }
          } catch (error) {
            fenced++;
            // A fence that strikes in the middle of a commit may leave its outcome open; the next session's checkpoint tells.
            if (!isAppError(error, 'writer-fenced') && !isAppError(error, 'outcome-unknown')) throw error;
          } finally {
            await writer.close();
          }
        }
      };
      await Promise.all([worker(), worker(), worker()]);
      const values = (await context.values(ref, 12)).map(Number);
      expect(values).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
      expect(new Set(committed).size, 'a count acknowledged to two sessions').toBe(committed.length);
    },
  },
  {
    title: 'epochs rise over restarts, and a session opened before is dead after',
    async holds(context) {
      const id = context.name('writer');
      const ref = { topic: await context.topic(1), partition: 0 };
      const epochs: number[] = [];
      for (let i = 0; i < 3; i++) {
        const writer = await context.engine.openWriter(id);
        epochs.push(writer.epoch);
        await writer.commit({ appends: [{ ...ref, batch: batchOf(String(i)) }] });
        await context.reopen();
        await expect(writer.commit({ appends: [{ ...ref, batch: batchOf('dead') }] })).rejects.toThrow();
      }
      expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b));
      expect(await context.values(ref, 3)).toEqual(['0', '1', '2']);
    },
  },
  {
    title: 'checkpoints are replaced, removed by null, and belong to one writer',
    async holds(context) {
      const [id, other] = [context.name('writer'), context.name('writer')];
      const writer = await context.engine.openWriter(id);
      await writer.commit({
        checkpoints: [
          { key: 'a', value: bytes('1') },
          { key: 'b', value: Buffer.alloc(0) },
          { key: '__proto__', value: bytes('x') },
          { key: 'large', value: Buffer.alloc(300_000, 9) },
        ],
      });
      await writer.commit({
        checkpoints: [
          { key: 'a', value: bytes('2') },
          { key: '__proto__', value: null },
        ],
      });
      await writer.commit({ checkpoints: [{ key: 'missing', value: null }] });
      expect((await context.engine.openWriter(other)).checkpoints().size).toBe(0);
      const check = (checkpoints: ReadonlyMap<string, Uint8Array>): void => {
        expect([...checkpoints.keys()].sort()).toEqual(['a', 'b', 'large']);
        expect(textOf(checkpoints.get('a'))).toBe('2');
        expect(checkpoints.get('b')!.length).toBe(0);
        expect(Buffer.from(checkpoints.get('large')!).equals(Buffer.alloc(300_000, 9))).toBe(true);
      };
      check(writer.checkpoints());
      check((await context.engine.openWriter(id)).checkpoints());
      await context.reopen();
      check((await context.engine.openWriter(id)).checkpoints());
    },
  },
  {
    title: 'checkpoints given as a function learn the places of the appends before the commit is done',
    async holds(context) {
      const topic = await context.topic(2);
      const id = context.name('writer');
      const writer = await context.engine.openWriter(id);
      await context.append({ topic, partition: 0 }, 'before');
      let told: readonly Appended[] = [];
      const appended = await writer.commit({
        appends: [0, 1, 0].map((partition, i) => ({ topic, partition, batch: batchOf(`${i}a`, `${i}b`) })),
        checkpoints: (places) => {
          told = places;
          return [{ key: 'places', value: bytes(places.map((one) => one.baseOffset).join()) }];
        },
      });
      expect(told.map(placeOf)).toEqual(appended.map(placeOf));
      const places = appended.map((one) => one.baseOffset).join();
      expect(textOf(writer.checkpoint('places'))).toBe(places);
      await context.reopen();
      expect(textOf((await context.engine.openWriter(id)).checkpoint('places'))).toBe(places);
      expect(await context.values({ topic, partition: 0 }, 5)).toEqual(['before', '0a', '0b', '2a', '2b']);
    },
  },
  {
    title: 'a checkpoint function that fails or answers nonsense leaves nothing of the commit',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const writer = await context.engine.openWriter(context.name('writer'));
      const appends = [{ ...ref, batch: batchOf('never') }];
      const failing = (): never => {
        throw new Error('no map today');
      };
      await expect(writer.commit({ appends, checkpoints: failing })).rejects.toThrow('no map today');
      await refusal(writer.commit({ appends, checkpoints: () => [{ key: '', value: null }] }), 'invalid-checkpoint');
      await writer.commit({ appends: [{ ...ref, batch: batchOf('good') }] });
      expect(await context.values(ref, 1)).toEqual(['good']);
    },
  },
  {
    title: 'commits without appends, and without anything, are fine',
    async holds(context) {
      const topic = await context.topic(1);
      const group = context.name('group');
      const writer = await context.engine.openWriter(context.name('writer'));
      expect(await writer.commit({})).toEqual([]);
      expect(await writer.commit({ positions: [{ group, topic, partition: 0, offset: 3 }] })).toEqual([]);
      expect((await context.engine.describeGroup(group)).positions).toEqual([{ topic, partition: 0, offset: 3 }]);
    },
  },
  {
    title: 'writers do not disturb each other or plain appends',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const write = async (context: ContractContext, label: string): Promise<void> => {
        const writer = await context.engine.openWriter(context.name(label));
        for (let i = 0; i < 5; i++) await writer.commit({ appends: [{ ...ref, batch: batchOf(`${label}${i}`) }] });
        await writer.close();
      };
      const plain = async (): Promise<void> => {
        for (let i = 0; i < 5; i++) await context.append(ref, `p${i}`);
      };
      await Promise.all([write(context, 'a'), write(context, 'b'), plain()]);
      const values = await context.values(ref, 15);
      for (const label of ['a', 'b', 'p']) {
        expect(values.filter((one) => one!.startsWith(label))).toEqual([0, 1, 2, 3, 4].map((i) => `${label}${i}`));
      }
      expect(values).toHaveLength(15);
    },
  },
  {
    title: 'a closed session refuses commits, keeps what it committed, and is closed again without harm',
    async holds(context) {
      const ref = { topic: await context.topic(1), partition: 0 };
      const writer = await context.engine.openWriter(context.name('writer'));
      await writer.commit({ appends: [{ ...ref, batch: batchOf('kept') }] });
      await writer.close();
      await writer.close();
      await refusal(writer.commit({ appends: [{ ...ref, batch: batchOf('late') }] }), 'writer-closed');
      expect(await context.values(ref, 1)).toEqual(['kept']);
    },
  },
  {
    title: 'texts that are no writer ids are refused',
    async holds(context) {
      for (const id of ['', 'a b', 'ä', 'a/b', 'x'.repeat(201)]) {
        await refusal(context.engine.openWriter(id), 'invalid-writer-id');
      }
    },
  },
];

function placeOf({ topic, partition, baseOffset, lastOffset }: Appended): unknown {
  return { topic, partition, baseOffset, lastOffset };
}
