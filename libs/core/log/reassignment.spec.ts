import { describe, expect, it } from 'vitest';
import { beforeMoves, planElection, planReassignment, type PartitionReplicas } from './index.js';

const copy = (partition: number, replicas: number[], rest: Partial<PartitionReplicas> = {}): PartitionReplicas => ({
  topic: 'orders',
  partition,
  leader: replicas[0]!,
  leaderEpoch: 1,
  replicas,
  inSync: replicas,
  offline: [],
  ...rest,
});
const to = (partition: number, ...replicas: number[]) => ({ topic: 'orders', partition, replicas });

describe('a plan that moves copies', () => {
  const replicas = [copy(0, [1, 2]), copy(1, [2, 3])];
  const brokers = [1, 2, 3, 4];

  it('says for each partition which brokers get a copy and which lose one', () => {
    const moves = planReassignment([to(0, 1, 3), to(1, 3, 2)], replicas, brokers);
    expect(moves).toEqual([
      { topic: 'orders', partition: 0, from: [1, 2], to: [1, 3], adding: [3], removing: [2], unchanged: false },
      { topic: 'orders', partition: 1, from: [2, 3], to: [3, 2], adding: [], removing: [], unchanged: false },
    ]);
    expect(planReassignment([to(0, 1, 2)], replicas, brokers)[0]!.unchanged).toBe(true);
  });

  it('is refused as a whole when one part of it cannot be', () => {
    const plan =
      (...targets: ReturnType<typeof to>[]) =>
      () =>
        planReassignment(targets, replicas, brokers);
    expect(plan(to(0, 1, 3), to(1, 1, 9))).toThrow(/no broker 9/);
    expect(plan(to(0, 1, 1))).toThrow(/two copies on one broker/);
    expect(plan(to(0, 1))).toThrow(/has 2 copies and would have 1/);
    expect(plan(to(0, 1, 2, 3))).toThrow(/has 2 copies and would have 3/);
    expect(plan(to(0, 1, 3), to(0, 1, 4))).toThrow(/names orders\/0 twice/);
    expect(plan(to(7, 1, 2))).toThrow(/no partition 7/);
    expect(plan({ topic: 'constructor', partition: 0, replicas: [1, 2] })).toThrow(/does not exist/);
    expect(plan(...Array.from({ length: 1_001 }, () => to(0, 1, 2)))).toThrow(/more than 1000/);
  });
});

describe('a partition that is moving', () => {
  it('is judged by the copies it had before', () => {
    const moving = [{ topic: 'orders', partition: 0, replicas: [3, 1, 2], adding: [3], removing: [1] }];
    const replicas = beforeMoves([copy(0, [3, 1, 2]), copy(1, [2, 3])], moving);
    expect(replicas.map((one) => one.replicas)).toEqual([
      [1, 2],
      [2, 3],
    ]);
    expect(planReassignment([to(0, 4, 2)], replicas, [1, 2, 3, 4])[0]).toMatchObject({ adding: [4], removing: [1] });
  });
});

describe('an election', () => {
  it('is needed where another than the preferred broker leads, and can be where that one is in sync', () => {
    const replicas = [copy(0, [1, 2]), copy(1, [1, 2], { leader: 2 }), copy(2, [1, 2], { leader: 2, inSync: [2] })];
    const all = [2, 1, 0].map((partition) => ({ topic: 'orders', partition }));
    expect(planElection(all, replicas).map((one) => [one.partition, one.preferred, one.leader, one.would])).toEqual([
      [2, 1, 2, 'unavailable'],
      [1, 1, 2, 'elect'],
      [0, 1, 1, 'not-needed'],
    ]);
    expect(planElection([{ topic: 'orders', partition: 0 }], [copy(0, [1, 2], { leader: null })])[0]!.would).toBe(
      'elect',
    );
  });
});
