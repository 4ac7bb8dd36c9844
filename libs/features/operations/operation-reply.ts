import type { FastifyReply } from 'fastify';
import type { OperationStatus } from '#libs/core/operations';
import type { OperationView } from './operation-schemas.js';
import { viewOf } from './operation-view.js';
import { isDone, type OperationsService } from './operations.service.js';

/**
 * Answers for long work: 202 with `Location` and `Retry-After` while it goes on, 200 once it needs somebody or is over. Waits for that when the client
 * prefers to.
 */
export async function answerWith(
  operations: OperationsService,
  operation: OperationStatus,
  waitMs: number,
  signal: AbortSignal,
  reply: FastifyReply,
): Promise<OperationView> {
  const waits = waitMs > 0 && !isDone(operation);
  const status = waits ? await operations.awaitRest(operation.id, waitMs, signal) : operation;
  void reply.header('location', `/v1/operations/${status.id}`);
  if (waitMs > 0) void reply.header('preference-applied', `wait=${waitMs / 1_000}`);
  if (isDone(status)) void reply.status(200);
  else void reply.status(202).header('retry-after', '1');
  return viewOf(status);
}
