import * as library from '@platformatic/kafka';
import { describe, expect, it } from 'vitest';
import { BrokerVersions } from './broker-versions.js';
import * as api from './client.js';
import { NEEDED_REQUESTS } from './needed-requests.js';
import { enlistingProduceApi } from './wire-produce.js';
import { endTxnAndEpoch, enlistingTxnOffsetCommit } from './wire-transactions.js';

const SECOND_PROTOCOL = [enlistingProduceApi, enlistingTxnOffsetCommit, endTxnAndEpoch];

describe('the transaction protocol', () => {
  function brokers(level: number | undefined, serves: readonly { readonly key: number; readonly version: number }[]) {
    const versions = new BrokerVersions();
    versions.note({
      errorCode: 0,
      throttleTimeMs: 0,
      apiKeys: serves.map(({ key, version }) => ({ apiKey: key, name: '', minVersion: 0, maxVersion: version })),
      ...(level === undefined
        ? {}
        : { finalizedFeatures: [{ name: 'transaction.version', minVersionLevel: 0, maxVersionLevel: level }] }),
    });
    return versions;
  }

  it('is the second one only where the brokers have agreed on it and serve all of its requests', () => {
    expect(brokers(2, SECOND_PROTOCOL).haveSecondProtocol).toBe(true);
    expect(brokers(3, SECOND_PROTOCOL).haveSecondProtocol).toBe(true);
    for (const level of [0, 1, undefined]) expect(brokers(level, SECOND_PROTOCOL).haveSecondProtocol).toBe(false);
    for (const missing of SECOND_PROTOCOL) {
      const some = SECOND_PROTOCOL.filter((one) => one !== missing);
      expect(brokers(2, some).haveSecondProtocol, `without request ${missing.key}`).toBe(false);
    }
  });

  it('is no reason to refuse a cluster: what is demanded of brokers is the first one', () => {
    expect(() => brokers(undefined, NEEDED_REQUESTS).require('c')).not.toThrow();
    const demanded = NEEDED_REQUESTS.filter(({ key }) => SECOND_PROTOCOL.some((one) => one.key === key));
    expect(demanded.map(({ key, version }) => [key, version])).toEqual([
      [enlistingProduceApi.key, 9],
      [api.endTxn.key, 3],
      [api.txnOffsetCommit.key, 3],
    ]);
  });

  it('has versions of its own here because the client library defines none of them', () => {
    const names = ['endTxnV5', 'produceV12', 'txnOffsetCommitV5'];
    expect(names.filter((name) => name in library)).toEqual([]);
    const first = ['endTxnV4', 'produceV11', 'txnOffsetCommitV4'];
    expect(
      first.filter((name) => name in library),
      'control: the names are those the library uses',
    ).toEqual(first);
  });
});
