import type { ProducerIdentity } from '#libs/core/log';
import * as api from './client.js';
import { expectNone } from './error-codes.js';
import type { KafkaCluster, Patience } from './kafka-cluster.js';

/** An id of its own, epoch 0, from any broker. */
export async function newProducerId(cluster: KafkaCluster): Promise<ProducerIdentity> {
  const what = 'InitProducerId';
  return await cluster.persist(async () => {
    const answer = await cluster.callAny(what, api.initProducerId, null, 60_000, -1n, -1);
    expectNone(what, answer.errorCode);
    return { producerId: Number(answer.producerId), epoch: answer.producerEpoch };
  });
}

/**
 * The next epoch of a transactional id, from its coordinator, which ends the transaction of the former one first. `known` is the present identity of
 * whoever goes on; without it everybody before is replaced.
 */
export async function takeOver(
  cluster: KafkaCluster,
  transactionalId: string,
  purpose: string,
  known?: { readonly id: bigint; readonly epoch: number },
  patience?: Patience,
): Promise<{ readonly id: bigint; readonly epoch: number }> {
  const what = `InitProducerId of ${transactionalId}`;
  const timeoutMs = cluster.settings.transactionTimeoutMs;
  // −1 and −1 say "unknown": anything else is taken for a producer that goes on, and fenced at its second start.
  const { id, epoch } = known ?? { id: -1n, epoch: -1 };
  return await cluster.withCoordinator(
    'transaction',
    transactionalId,
    async (node) => {
      const answer = await cluster.call(node, purpose, what, api.initProducerId, transactionalId, timeoutMs, id, epoch);
      expectNone(what, answer.errorCode);
      return { id: answer.producerId, epoch: answer.producerEpoch };
    },
    patience,
  );
}
