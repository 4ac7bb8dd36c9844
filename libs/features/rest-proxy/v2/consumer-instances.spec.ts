import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { TopicDirectories, type LogEngine } from '#libs/core/log';
import { MemoryLogEngine, MemoryTopicNames, OneCluster } from '#libs/core/log/testing';
import type { MessageCodec } from '#libs/core/registry';
import { ClusterIds } from '../cluster-ids.js';
import { ConsumerInstances } from './consumer-instances.js';
import { consumerOptions } from './consumer-requests.js';

const MINUTE = 60_000;

describe('consumer instances', () => {
  let clock: ManualClock;
  let engine: LogEngine;
  let instances: ConsumerInstances;
  beforeEach(() => {
    clock = new ManualClock();
    engine = new MemoryLogEngine({ clock });
    const clusters = new OneCluster(engine);
    const directories = new TopicDirectories(clusters, new MemoryTopicNames(), clock);
    instances = new ConsumerInstances(new ClusterIds(clusters, directories), {} as MessageCodec, clock);
  });

  it('are gone when nobody has asked them anything for five minutes, and not before', async () => {
    await instances.create('g', consumerOptions({ name: 'used' }));
    await instances.create('g', consumerOptions({ name: 'idle' }));
    clock.advance(4 * MINUTE);
    await instances.get('g', 'used').assignment();
    await instances.sweep();
    expect(() => instances.get('g', 'idle')).not.toThrow();
    clock.advance(2 * MINUTE);
    await instances.sweep();
    expect(() => instances.get('g', 'idle')).toThrow('Consumer instance not found.');
    expect(() => instances.get('g', 'used')).not.toThrow();
  });

  it('are one for each name in a group, and their number has an end', async () => {
    await instances.create('g', consumerOptions({ name: 'i' }));
    await expect(instances.create('g', consumerOptions({ name: 'i' }))).rejects.toThrow('already exists');
    await instances.create('h', consumerOptions({ name: 'i' }));
    for (let made = 2; made < 1_000; made++) await instances.create('g', consumerOptions({}));
    await expect(instances.create('g', consumerOptions({}))).rejects.toThrow('1000 consumer instances');
  });
});
