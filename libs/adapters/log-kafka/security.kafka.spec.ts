import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { addPartitionsToTxnV4 } from '@platformatic/kafka';
import { type AccessRuleFilter, encodeBatch, type LogEngine, recordsFrom } from '#libs/core/log';
import { WallClock } from '#libs/core/log/testing';
import { CODE } from './error-codes.js';
import { KafkaCluster } from './kafka-cluster.js';
import type { KafkaSasl } from './index.js';
import { openTestEngine, testServers } from './testing/index.js';

const { WEIR_TEST_KAFKA_SASL: sasl, WEIR_TEST_KAFKA_TLS: tls, WEIR_TEST_KAFKA_CA: ca } = process.env;
const { WEIR_TEST_KAFKA_MUTUAL: mutual, WEIR_TEST_KAFKA_CERT: cert, WEIR_TEST_KAFKA_KEY: key } = process.env;
const USER = { username: 'app', password: 'secret' };
const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
const batch = encodeBatch([{ key: null, value: Buffer.from('through'), headers: [], timestamp: 1_700_000_000_000 }]);

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
    for (const mechanism of MECHANISMS) {
      await expect(as({ mechanism, ...USER, password: 'guess' })).rejects.toMatchObject({
        code: 'cluster-access-denied',
      });
    }
    const to = { patternType: 'LITERAL', principal: `User:${USER.username}`, host: '*', permission: 'ALLOW' } as const;
    const operator = await open();
    // What an attempt before this one gave would allow what is to be refused.
    await operator.administration.deleteAccessRules({ principal: to.principal });
    const denied = await as({ mechanism: 'PLAIN', ...USER });
    const name = `sasl-${Date.now()}`;
    await expect(denied.createTopic({ name, partitions: 1 })).rejects.toMatchObject({ code: 'cluster-access-denied' });

    // On the cluster no more than the README says is needed: ClusterAction, which ALL would bring, is for brokers.
    const onCluster = { ...to, resourceType: 'CLUSTER', resourceName: 'kafka-cluster' } as const;
    await operator.administration.createAccessRules([
      ...(['TOPIC', 'GROUP', 'TRANSACTIONAL_ID'] as const).map(
        (resourceType) => ({ ...to, resourceType, resourceName: '*', operation: 'ALL' }) as const,
      ),
      { ...onCluster, operation: 'DESCRIBE' },
      { ...onCluster, operation: 'IDEMPOTENT_WRITE' },
    ]);

    for (const mechanism of MECHANISMS) {
      const engine = await as({ mechanism, ...USER, password: () => Promise.resolve(USER.password) });
      await worksThrough(engine, `${name}-${mechanism.toLowerCase()}`);
    }

    const rules = (filter: AccessRuleFilter) =>
      operator.administration.listAccessRules({ principal: to.principal, ...filter });
    expect(await rules({ resourceType: 'CLUSTER' })).toEqual([
      { ...onCluster, operation: 'DESCRIBE' },
      { ...onCluster, operation: 'IDEMPOTENT_WRITE' },
    ]);
    expect(await rules({ resourceType: 'TOPIC', resourceName: 'any', patternType: 'MATCH' })).toMatchObject([
      { resourceType: 'TOPIC', resourceName: '*', operation: 'ALL' },
    ]);
    expect(await rules({ principal: 'User:nobody' })).toEqual([]);
    expect(await rules({})).toHaveLength(5);

    // Why AddPartitionsToTxn stays at version 3: the newer ones are for brokers, and ask for ClusterAction.
    const user = await KafkaCluster.connect({
      name: 'user',
      bootstrapServers: [sasl],
      sasl: { mechanism: 'PLAIN', ...USER },
      clock: new WallClock(),
    });
    const transaction = {
      transactionalId: name,
      producerId: 0n,
      producerEpoch: 0,
      verifyOnly: false,
      topics: [{ name, partitions: [0] }],
    };
    const refused = await user.withCoordinator('transaction', name, (node) =>
      user.call(node, 'control', 'AddPartitionsToTxn', addPartitionsToTxnV4.api, [transaction]),
    );
    expect(refused.errorCode).toBe(CODE.CLUSTER_AUTHORIZATION_FAILED);
    user.close();

    // What was given is taken away again, and is felt at once.
    expect(await operator.administration.deleteAccessRules({ principal: to.principal })).toHaveLength(5);
    const again = await as({ mechanism: 'PLAIN', ...USER });
    await expect(again.createTopic({ name: `${name}-again`, partitions: 1 })).rejects.toMatchObject({
      code: 'cluster-access-denied',
    });
  });

  it('go through mutual TLS with a certificate of ours, and not without', async () => {
    const trust = { ca: readFileSync(ca, 'utf8') };
    const own = { cert: readFileSync(cert!, 'utf8'), key: readFileSync(key!, 'utf8') };
    await worksThrough(await open({ bootstrapServers: [mutual!], tls: { ...trust, ...own } }), `mutual-${Date.now()}`);
    await expect(open({ bootstrapServers: [mutual!], tls: trust })).rejects.toMatchObject({
      code: 'cluster-unavailable',
    });
  });
});
