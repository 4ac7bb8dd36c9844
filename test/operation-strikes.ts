import { expect } from 'vitest';
import { byKey, type MortalService, ORDERS, SOON, type Strike } from './mortal-service.js';

type OnwardStep = readonly [
  step: string,
  command: 'finish' | 'rollback' | 'cancel',
  end: 'FINISHED' | 'ROLLED_BACK' | 'CANCELLED',
];

/** Steps at which operations of one kind are killed. */
export interface GenerationSteps {
  readonly there: readonly string[];
  readonly onward: readonly OnwardStep[];
}

/** Steps of a repartition or a migration on its way there, in the order they are passed. */
export const THERE: readonly string[] = [
  ...['prepare:begun', 'prepare:held', 'prepare:done', 'copy:done', 'verify:round', 'switch:before-fence'],
  ...['switch:fenced', 'switch:drained', 'switch:verified', 'switch:closed', 'switch:translated', 'switch:kept'],
  ...['switch:name-moved', 'switch:activated', 'switch:retired', 'switch:complete'],
];
/** Steps behind a command: the step, the command, and where it ends. */
export const ONWARD: readonly OnwardStep[] = [
  ['finish:carried', 'finish', 'FINISHED'],
  ['finish:cleared', 'finish', 'FINISHED'],
  ['switch:fenced', 'rollback', 'ROLLED_BACK'],
  ['switch:name-moved', 'rollback', 'ROLLED_BACK'],
  ['rollback:complete', 'rollback', 'ROLLED_BACK'],
  ['rollback:cleared', 'rollback', 'ROLLED_BACK'],
  ['cancel:released', 'cancel', 'CANCELLED'],
  ['cancel:cleared', 'cancel', 'CANCELLED'],
];
/** Of a derived stream that is made as an operation. */
export const MADE: readonly string[] = ['derive:held', 'derive:prepared', 'derive:filled', 'derive:running'];
/** Of one that is computed anew. */
export const REBUILT: readonly string[] = [
  'rebuild:created',
  'rebuild:copied',
  'rebuild:verified',
  'rebuild:caught-up',
  'rebuild:moved',
];
/** Of one that is relieved of keys. */
export const ERASED: readonly string[] = [
  ...['erasure:held', 'erasure:created', 'erasure:copied', 'erasure:verified', 'erasure:closed', 'erasure:drained'],
  ...['erasure:given', 'erasure:switch:closed', 'erasure:switch:translated', 'erasure:moved'],
];

/** Erasures that are killed once more in finish: the first one, and one that was killed when the name had moved. */
const FINISHED_LATER: ReadonlySet<string> = new Set([ERASED[0]!, ERASED.at(-1)!]);

/** What an operation that fills another generation of a topic is asked for, and what its records come to. */
interface GenerationWork {
  readonly kind: 'repartition' | 'migration';
  readonly plans: string;
  readonly request: object;
  /** Of the topic when the operation is finished. */
  readonly partitionCount: number;
  /** A record of the old side as the new one has it. */
  into(record: KeyedValue): KeyedValue;
}
interface KeyedValue {
  readonly key: string;
  readonly value: unknown;
}

/** Where the topics are. */
interface GenerationStrikes {
  /** What their names begin with. */
  readonly of?: string;
  /** Whether the way back takes what was written since along; otherwise it is open while nothing was. */
  readonly returnsWrites?: boolean;
}

/** Longest time writers are held: for a hang alone, on a machine that others use. */
const PAUSE = { maxPauseMs: 60_000 };
const GENERATIONS: Readonly<Record<GenerationWork['kind'], GenerationWork>> = {
  repartition: {
    kind: 'repartition',
    plans: '/v1/repartitions/plans',
    request: { target: { partitions: 4 } },
    partitionCount: 4,
    into: (record) => record,
  },
  migration: {
    kind: 'migration',
    plans: '/v1/migrations/plans',
    request: {
      transform: {
        up: [{ set: 'value.square', cel: 'value.n * value.n' }],
        down: [{ remove: 'value.square' }],
      },
    },
    partitionCount: 2,
    into: ({ key, value }) => {
      const { n } = value as { n: number };
      return { key, value: { n, square: n * n } };
    },
  },
};

/**
 * Repartitions or migrations that are killed on their way there, in finish, on their way back and when they are cancelled: every record once and in the order of its key, a group has exactly left what it had
 * not read.
 */
export function newGenerations(
  service: MortalService,
  kind: GenerationWork['kind'],
  { there, onward }: GenerationSteps,
  { of = kind.slice(0, 3), returnsWrites = true }: GenerationStrikes = {},
): Strike[] {
  const { records, operations } = service;
  const { plans, request, partitionCount, into } = GENERATIONS[kind];
  /** What the group of each topic has not read. */
  const unread = new Map<string, Record<string, unknown[]>>();
  const begin = async (topic: string, mode = 'auto'): Promise<string> => {
    await records.topic(topic, 2);
    await records.produce(topic, ORDERS);
    const positions = [5, 3].map((offset, partition) => ({ topic, partition, offset: String(offset) }));
    await records.demand('PUT', `/v1/groups/${topic}-readers/positions`, { positions });
    unread.set(topic, await service.unreadOf(topic, `${topic}-readers`));
    return await operations.begin(plans, { topic, ...request, cutover: { mode, ...PAUSE } });
  };
  const oneOf = (values: Record<string, unknown[]>): Record<string, unknown[]> =>
    byKey(Object.entries(values).flatMap(([key, list]) => list.map((value) => into({ key, value }))));
  const onTheWay = there.map((step): Strike => {
    const topic = `${of}-${step.replace(':', '-')}`;
    let id = '';
    return {
      failPoint: `${kind}:${step}`,
      kind,
      reach: async () => void (id = await begin(topic)),
      holds: async () => {
        await service.reached(id, 'SWITCHED');
        expect(await operations.operation(id), step).toMatchObject({ verification: { state: 'passed' } });
        expect(await service.valuesOf(topic), step).toEqual(byKey(ORDERS.map(into)));
        expect(await service.unreadOf(topic, `${topic}-readers`), step).toEqual(oneOf(unread.get(topic)!));
        await records.produce(topic, [into({ key: 'k0', value: { n: 99 } })]);
      },
    };
  });
  const behind = onward.map(([step, command, end]): Strike => {
    const topic = `${of}-${command}-${step.replace(':', '-')}`;
    const since = { key: 'k1', value: { n: 77 } };
    const isThere = command !== 'cancel';
    const written = command === 'rollback' && !returnsWrites ? [] : [since];
    let id = '';
    return {
      failPoint: `${kind}:${step}`,
      kind,
      prepare: async () => {
        id = await begin(topic, isThere ? 'auto' : 'manual');
        await service.reached(id, isThere ? 'SWITCHED' : 'READY');
        if (written.length > 0) await records.produce(topic, isThere ? written.map(into) : written);
      },
      reach: () => service.command(id, command),
      holds: async () => {
        await service.reached(id, end);
        const all = [...ORDERS, ...written];
        const expected = byKey(end === 'FINISHED' ? all.map(into) : all);
        expect(await service.valuesOf(topic), topic).toEqual(expected);
        const described = await operations.demand('GET', `/v1/topics/${topic}`);
        const count = end === 'FINISHED' ? partitionCount : 2;
        expect(described, topic).toMatchObject({ partitionCount: count, state: 'ACTIVE' });
      },
    };
  });
  return [...onTheWay, ...behind];
}

/** Steps at which derived streams are killed. */
export interface DerivationSteps {
  readonly made: readonly string[];
  readonly changed: readonly string[];
}

/** Derived streams that are killed while they are made, computed anew, and relieved of keys. */
export function derivedStreams(service: MortalService, steps: DerivationSteps, source = 'orders'): Strike[] {
  const { records, operations } = service;
  const made = steps.made.map((step, i): Strike => {
    const name = `${source}-${step.replace(':', '-')}`;
    let id = '';
    return {
      failPoint: step,
      kind: 'derivation',
      prepare: async () => {
        if (i > 0) return;
        await records.topic(source, 2);
        await records.produce(source, ORDERS);
      },
      reach: async () => {
        id = await operations.begin('/v1/derivations/plans', { kind: 'versioned', name, source });
      },
      holds: async () => {
        await service.reached(id, 'FINISHED');
        await expect.poll(() => service.valuesOf(name), SOON).toEqual(byKey(ORDERS));
      },
    };
  });
  const changed = steps.changed.flatMap((step): Strike[] => {
    const operation = step.slice(0, step.indexOf(':'));
    const name = `${source}-${step.replaceAll(':', '-')}`;
    const isErasure = operation === 'erasure';
    const left = byKey(ORDERS.filter(({ key }) => !isErasure || key !== 'k3'));
    let id = '';
    const finished = async (): Promise<void> => {
      await service.reached(id, 'FINISHED');
      expect(await service.valuesOf(name), step).toEqual(left);
    };
    const onTheWay: Strike = {
      failPoint: step,
      kind: 'derivation',
      prepare: async () => {
        await operations.demand('POST', '/v1/derivations', { kind: 'versioned', name, source });
        await expect.poll(() => service.valuesOf(name), SOON).toEqual(byKey(ORDERS));
      },
      reach: async () => {
        const request = isErasure ? { derivation: name, keys: ['k3'] } : { derivation: name };
        id = await operations.begin(`/v1/${operation}s/plans`, request);
      },
      holds: async () => {
        await service.reached(id, 'SWITCHED');
        expect(await operations.operation(id), step).toMatchObject({ verification: { state: 'passed' } });
        await expect.poll(() => service.valuesOf(name), SOON).toEqual(left);
        if (FINISHED_LATER.has(step)) return;
        await service.command(id, 'finish');
        await finished();
      },
    };
    if (!FINISHED_LATER.has(step)) return [onTheWay];
    const inFinish: Strike = {
      failPoint: 'erasure:forgotten',
      kind: 'derivation',
      reach: () => service.command(id, 'finish'),
      holds: finished,
    };
    return [onTheWay, inFinish];
  });
  return [...made, ...changed];
}

/** Topics that are killed while they get another name: the rest of what moves have is tried for both in core/streams. */
export function renames(service: MortalService): Strike[] {
  const { records, operations } = service;
  const strikes = [
    ['switch:name-moved', undefined, 'SWITCHED'],
    ['finish:cleared', 'finish', 'FINISHED'],
    ['rollback:complete', 'rollback', 'ROLLED_BACK'],
  ] as const;
  return strikes.map(([step, command, end]): Strike => {
    const topic = `named-${step.replace(':', '-')}`;
    let id = '';
    const begin = async (): Promise<void> => {
      await records.topic(topic, 2);
      await records.produce(topic, ORDERS);
      const request = { topics: [topic], name: `${topic}-anew`, cutover: { mode: 'auto' } };
      const { plans } = await operations.demand<{ plans: [{ hash: string }] }>('POST', '/v1/moves/plans', request);
      id = await operations.start(plans[0]);
    };
    return {
      failPoint: `move:${step}`,
      kind: 'move',
      prepare: async () => {
        if (command === undefined) return;
        await begin();
        await service.reached(id, 'SWITCHED');
      },
      reach: async () => (command === undefined ? await begin() : await service.command(id, command)),
      holds: async () => {
        await service.reached(id, end);
        const present = end === 'ROLLED_BACK' ? topic : `${topic}-anew`;
        await records.produce(topic, [{ key: 'k1', value: 'since' }]);
        for (const name of [topic, `${topic}-anew`]) {
          expect(await operations.demand('GET', `/v1/topics/${name}`), step).toMatchObject({ name: present });
          expect(await service.valuesOf(name), step).toEqual(byKey([...ORDERS, { key: 'k1', value: 'since' }]));
        }
      },
    };
  });
}
