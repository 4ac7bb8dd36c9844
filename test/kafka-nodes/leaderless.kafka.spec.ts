import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeBatch, knownOffsets, type LogEngine } from '#libs/core/log';
import { ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { ServiceCalls } from '../../apps/server/testing/service-calls.js';
import { ThreeNodes, until } from './three-nodes.js';

/** Whoever asks waits for as long as an election may take, once; half a minute was what a refusal took. */
const PROMPT_MS = 2_000;

const batch = () => encodeBatch([{ key: null, value: Buffer.from('v'), headers: [], timestamp: 1 }]);

describe('a topic one of whose partitions nobody leads', () => {
  const topic = `split-${randomBytes(4).toString('hex')}`;
  let cluster: ThreeNodes;
  let engine: LogEngine;
  let directory: TemporaryDirectory;
  let server: ServerProcess | undefined;
  const { records } = new ServiceCalls(() => server!.url);

  beforeAll(async () => {
    cluster = await ThreeNodes.start();
    engine = await cluster.open();
    await engine.createTopic({ name: topic, partitions: 3, assignments: [[1], [2], [3]] });
    for (const partition of [0, 1, 2]) await engine.append({ topic, partition }, batch());
    directory = await temporaryDirectory();
    const kafka = { bootstrapServers: cluster.service.bootstrapServers.split(',') };
    server = await ServerProcess.start({
      cwd: directory.path,
      env: { WEIR_CLUSTERS: JSON.stringify({ kafka }), WEIR_DEFAULT_CLUSTER: 'kafka' },
    });
    await cluster.node(2).kill();
    await until('the broker is given up', async () => {
      const replicas = await engine.administration.describeReplicas([topic]);
      return replicas[1]!.leader === null;
    });
  }, 300_000);
  afterAll(async () => {
    await server?.kill();
    await cluster?.stop();
    await directory?.remove();
  });

  it('is described and listed at once, and so are all others; what needs the offsets of that partition is refused', async () => {
    await engine.describeTopic(topic);
    const began = performance.now();
    const described = await engine.describeTopic(topic);
    const listed = (await engine.listTopics()).find(({ name }) => name === topic)!;
    expect(performance.now() - began).toBeLessThan(PROMPT_MS);
    for (const { partitions } of [described, listed]) {
      expect(partitions.map(({ health }) => health)).toEqual(['ok', 'leaderless', 'ok']);
      expect(partitions.map((one) => knownOffsets(one)?.endOffset)).toEqual([1, undefined, 1]);
      expect(() => partitions[1]!.endOffset).toThrow(`no broker leads ${topic}/1`);
    }
    // What has a leader is written as ever.
    expect(await engine.append({ topic, partition: 0 }, batch())).toMatchObject({ baseOffset: 1 });
  }, 120_000);

  it('is shown by every API, with the words of each', async () => {
    const shown = await records.demand<{ records: string | null; partitions: object[] }>('GET', `/v1/topics/${topic}`);
    expect(shown).toMatchObject({
      records: null,
      partitions: [
        { health: 'ok', startOffset: '0', endOffset: expect.any(String) as string },
        { health: 'leaderless', startOffset: null, endOffset: null, sizeBytes: null },
        { health: 'ok', startOffset: '0', endOffset: expect.any(String) as string },
      ],
    });
    const { items } = await records.demand<{ items: { name: string }[] }>('GET', '/v1/topics?limit=1000');
    expect(items.map(({ name }) => name)).toContain(topic);
    const written = await records.demand<{ results: object[] }>('POST', `/v1/topics/${topic}/records`, {
      records: [{ partition: 2, value: 1 }],
    });
    expect(written.results).toMatchObject([{ partition: 2 }]);

    const { data: clusters } = await records.demand<{ data: { cluster_id: string }[] }>('GET', '/v3/clusters');
    const path = `/v3/clusters/${clusters[0]!.cluster_id}/topics/${topic}`;
    expect(await records.demand('GET', path)).toMatchObject({ topic_name: topic, partitions_count: 3 });
    const { data } = await records.demand<{ data: { partition_id: number; leader: object | null }[] }>(
      'GET',
      `${path}/partitions`,
    );
    expect(data.map(({ leader }) => leader === null)).toEqual([false, true, false]);
    expect(await records.demand('GET', `/topics/${topic}/partitions/1`)).toMatchObject({
      partition: 1,
      leader: null,
      replicas: [{ broker: 2, leader: false, in_sync: expect.any(Boolean) as boolean }],
    });
    expect(await records.demand('GET', `/topics/${topic}/partitions/0/offsets`)).toMatchObject({ beginning_offset: 0 });
    expect(await records.get(`/topics/${topic}/partitions/1/offsets`)).toMatchObject({
      status: 500,
      json: { error_code: 50_003 },
    });
  }, 120_000);
});
