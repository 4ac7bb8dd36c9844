import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { createAclsV3 } from '@platformatic/kafka';
import { encodeBatch, type LogEngine, recordsFrom } from '#libs/core/log';
import { WallClock } from '#libs/core/log/testing';
import { KafkaCluster } from './kafka-cluster.js';
import type { KafkaSasl } from './index.js';
import { openTestEngine, testServers } from './testing/index.js';

const { WEIR_TEST_KAFKA_SASL: sasl, WEIR_TEST_KAFKA_TLS: tls, WEIR_TEST_KAFKA_CA: ca } = process.env;
const USER = { username: 'app', password: 'secret' };
const batch = encodeBatch([{ key: null, value: Buffer.from('through'), headers: [], timestamp: 1_700_000_000_000 }]);

/** Resource types, the prefixed pattern, operation ALL and permission ALLOW, by the protocol's numbers. */
const [TOPIC, GROUP, CLUSTER, TRANSACTIONAL_ID] = [2, 3, 4, 5];
const [LITERAL, ALL, ALLOW] = [3, 2, 3];

async function worksThrough(engine: LogEngine, topic: string): Promise<void> {
  const ref = { topic, partition: 0 };
  await engine.createTopic({ name: topic, partitions: 1 });
  await engine.append(ref, batch);
  const writer = await engine.openWriter(topic);
  const positions = [{ group: topic, ...ref, offset: 1 }];
  await writer.commit({
    appends: [{ ...ref, batch }],
    positions,
    checkpoints: [{ key: 'k', value: Buffer.from('v') }],
  });
  expect((await engine.describeGroup(topic)).positions).toHaveLength(1);
  const request = {
    positions: [{ ...ref, offset: 0 }],
    maxBytes: 1 << 20,
    minBytes: 2 * batch.length,
    maxWaitMs: 10_000,
  };
  const [fetched] = await engine.fetch(request);
  expect([...recordsFrom(fetched!, 0)]).toHaveLength(2);
}

describe('connections to brokers that ask who is there', () => {
  const engines: LogEngine[] = [];
  const open = async (...args: Parameters<typeof openTestEngine>): Promise<LogEngine> => {
    const engine = await openTestEngine(...args);
    engines.push(engine);
    return engine;
  };
  afterAll(async () => {
    for (const engine of engines) await engine.close();
  });

  if (sasl === undefined || tls === undefined || ca === undefined) {
    it('are not tried: the broker of WEIR_TEST_KAFKA says nothing of secured listeners (WEIR_TEST_KAFKA_SASL, _TLS, _CA)', () => {
      expect(testServers()).not.toEqual([]);
    });
    return;
  }

  it('go through TLS when the certificate is one of ours, and not otherwise', async () => {
    const trusted = await open({ bootstrapServers: [tls], tls: { ca: readFileSync(ca, 'utf8') } });
    await worksThrough(trusted, `tls-${Date.now()}`);
    await expect(open({ bootstrapServers: [tls], tls: {} })).rejects.toMatchObject({ code: 'cluster-unavailable' });
  });

  it('go through SASL, are refused with a wrong password, and do what the ACLs allow', async () => {
    const as = (one: KafkaSasl) => open({ bootstrapServers: [sasl], sasl: one });
    for (const mechanism of ['PLAIN', 'SCRAM-SHA-256'] as const) {
      await expect(as({ mechanism, ...USER, password: 'guess' })).rejects.toMatchObject({
        code: 'cluster-access-denied',
      });
    }
    const denied = await as({ mechanism: 'PLAIN', ...USER });
    const name = `sasl-${Date.now()}`;
    await expect(denied.createTopic({ name, partitions: 1 })).rejects.toMatchObject({ code: 'cluster-access-denied' });

    const admin = await KafkaCluster.connect({
      name: 'admin',
      bootstrapServers: testServers(),
      clock: new WallClock(),
    });
    const everything = [TOPIC, GROUP, TRANSACTIONAL_ID].map((resourceType) => ({ resourceType, resourceName: '*' }));
    const acls = [...everything, { resourceType: CLUSTER, resourceName: 'kafka-cluster' }].map((one) => ({
      ...one,
      resourcePatternType: LITERAL,
      principal: `User:${USER.username}`,
      host: '*',
      operation: ALL,
      permissionType: ALLOW,
    }));
    const answer = await admin.callAny('CreateAcls', createAclsV3.api, acls as never);
    expect(answer.results.map((one) => one.errorCode)).toEqual([0, 0, 0, 0]);
    admin.close();

    for (const mechanism of ['PLAIN', 'SCRAM-SHA-256'] as const) {
      const engine = await as({ mechanism, ...USER, password: () => Promise.resolve(USER.password) });
      await worksThrough(engine, `${name}-${mechanism.toLowerCase()}`);
    }
  });
});
