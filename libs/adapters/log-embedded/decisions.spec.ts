import { describe, expect, it } from 'vitest';
import type { AppError } from '#libs/core/kernel';
import type { Command } from './commands.js';
import {
  decideCheckpoints,
  decideConfig,
  decidePartitions,
  decidePositions,
  decideTopic,
  type Rules,
} from './decisions.js';
import { LogState } from './log-state.js';
import { EMBEDDED_LOG_LIMITS } from './options.js';

const MIB = 1024 * 1024;

const rules: Rules = {
  capabilities: {
    engine: 'embedded',
    topicConfigs: ['max.message.bytes'],
    maxPartitionsPerTopic: 8,
    denseOffsets: true,
    fencing: 'topic',
    administration: { brokerConfigs: false, replication: false, accessRules: false },
    idempotentProducers: true,
    retentionHolds: true,
    handsOver: true,
  },
  limits: { ...EMBEDDED_LOG_LIMITS, topics: 2, partitionsPerTopic: 8, partitions: 10 },
};

/** A state with these topics, made by the decisions themselves. */
function stateWith(...topics: readonly (readonly [name: string, partitions: number])[]): LogState {
  const state = new LogState('log', 86_400_000);
  for (const [name, partitions] of topics) state.apply(decideTopic(state, { name, partitions }, rules, 5));
  return state;
}

function refusal(decide: () => unknown): Partial<AppError> {
  try {
    decide();
  } catch (error) {
    return error as AppError;
  }
  throw new Error('nothing was refused');
}

describe('a decision', () => {
  it('numbers topics one after another, and never gives the number of a deleted one again', () => {
    const state = stateWith(['a', 1], ['b', 1]);
    state.apply({ kind: 'topic-deleted', topic: 2 });
    const command = decideTopic(state, { name: 'b', partitions: 1 }, rules, 7);
    expect(command).toMatchObject({ kind: 'topic-created', number: 3, state: 'ACTIVE', createdAtMs: 7 });
    expect(command).not.toMatchObject({ id: state.topicId(2) });
  });

  it('changes nothing', () => {
    const state = stateWith(['a', 2]);
    const before = JSON.stringify(state.image());
    decideTopic(state, { name: 'b', partitions: 1 }, rules, 7);
    decideConfig(state.topics.get('a')!, { 'max.message.bytes': '2000' }, rules);
    decidePartitions(state, state.topics.get('a')!, 4, rules);
    decidePositions(state, [{ group: 'g', topic: 'a', partition: 1, offset: 3 }]);
    decideCheckpoints('w', [{ key: 'k', value: Buffer.from('v') }]);
    expect(JSON.stringify(state.image())).toBe(before);
  });

  it('keeps to the number of topics, and to that of partitions over all topics', () => {
    const full = stateWith(['a', 1], ['b', 1]);
    expect(refusal(() => decideTopic(full, { name: 'c', partitions: 1 }, rules, 1))).toMatchObject({
      code: 'too-many-topics',
      details: { limit: 2 },
    });
    const state = stateWith(['a', 8]);
    expect(decideTopic(state, { name: 'b', partitions: 2 }, rules, 1)).toMatchObject({ partitions: 2 });
    const tooMany = { code: 'too-many-partitions', details: { limit: 10, measured: 11 } };
    expect(refusal(() => decideTopic(state, { name: 'b', partitions: 3 }, rules, 1))).toMatchObject(tooMany);
    const grown = stateWith(['a', 6], ['b', 2]);
    expect(decidePartitions(grown, grown.topics.get('b')!, 4, rules)).toMatchObject({ topic: 2, partitions: 4 });
    expect(refusal(() => decidePartitions(grown, grown.topics.get('b')!, 5, rules))).toMatchObject(tooMany);
  });

  it('gathers positions into one fact for each group, bound to the number of the topic', () => {
    const state = stateWith(['a', 2], ['b', 1]);
    const commands = decidePositions(state, [
      { group: 'g', topic: 'b', partition: 0, offset: 3 },
      { group: 'h', topic: 'a', partition: 1, offset: 4, metadata: 'note' },
      { group: 'g', topic: 'a', partition: 0, offset: 5 },
    ]);
    expect(commands).toEqual<Command[]>([
      {
        kind: 'positions-set',
        group: 'g',
        positions: [
          { topic: 2, partition: 0, offset: 3 },
          { topic: 1, partition: 0, offset: 5 },
        ],
      },
      { kind: 'positions-set', group: 'h', positions: [{ topic: 1, partition: 1, offset: 4, metadata: 'note' }] },
    ]);
  });

  it('refuses a position of a topic or partition that is not there', () => {
    const state = stateWith(['a', 1]);
    const at = (topic: string, partition: number) => () =>
      decidePositions(state, [{ group: 'g', topic, partition, offset: 0 }]);
    expect(refusal(at('b', 0)).code).toBe('topic-not-found');
    expect(refusal(at('a', 1)).code).toBe('partition-not-found');
    expect(refusal(at('__proto__', 0)).code).toBe('topic-not-found');
  });

  it('writes checkpoints in base64, and null for one that ends', () => {
    const command = decideCheckpoints('w', [
      { key: 'at', value: Buffer.from('7') },
      { key: 'gone', value: null },
    ]);
    expect(command).toEqual<Command>({
      kind: 'checkpoints-set',
      writer: 'w',
      entries: [
        ['at', 'Nw=='],
        ['gone', null],
      ],
    });
  });

  it('refuses checkpoints that take more than 16 MiB in one commit, whether by their values or by their number', () => {
    const value = Buffer.alloc(MIB - 1024);
    const large = (count: number) => Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value }));
    expect(decideCheckpoints('w', large(12)).kind).toBe('checkpoints-set');
    const refused = refusal(() => decideCheckpoints('w', large(13)));
    expect(refused).toMatchObject({ kind: 'too-large', code: 'checkpoints-too-large', details: { limit: 16 * MIB } });
    const ends = Array.from({ length: 70_000 }, (_, i) => ({ key: String(i).padStart(249, '0'), value: null }));
    expect(refusal(() => decideCheckpoints('w', ends)).code).toBe('checkpoints-too-large');
  });
});
