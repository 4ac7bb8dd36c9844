import * as library from '@platformatic/kafka';
import { describe, expect, it } from 'vitest';
import * as api from './client.js';

/**
 * The brokers' second transaction protocol (KIP-890) is spoken by these versions of three requests at once. The client library defines none of them: see "the first transaction protocol" in the
 * README. When it does, this fails, and that decision is to be looked at again.
 */
const SECOND_PROTOCOL = ['endTxnV5', 'produceV12', 'txnOffsetCommitV5'];

describe('the transaction protocol', () => {
  it('is the first one: the client library has no request of the second, and every request made here is of the first', () => {
    expect(SECOND_PROTOCOL.filter((name) => name in library)).toEqual([]);
    expect([api.endTxn.version, api.txnOffsetCommit.version, api.addPartitionsToTxn.version]).toEqual([3, 3, 3]);
    const first = ['endTxnV4', 'produceV11', 'txnOffsetCommitV4'];
    expect(
      first.filter((name) => name in library),
      'control: the names are those the library uses',
    ).toEqual(first);
  });
});
