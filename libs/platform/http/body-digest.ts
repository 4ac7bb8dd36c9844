import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';

const digests = new WeakMap<FastifyRequest, string>();

/** Keeps the digest of a body's bytes where the client sent an idempotency key, so that a repetition is told from another request. */
export function noteBodyDigest(request: FastifyRequest, body: Uint8Array): void {
  if (request.headers['idempotency-key'] === undefined) return;
  digests.set(request, createHash('sha256').update(body).digest('base64url'));
}

/** SHA-256 of the bytes of the body; undefined without an idempotency key, without a body, and for one that is read as a stream. */
export function bodyDigestOf(request: FastifyRequest): string | undefined {
  return digests.get(request);
}
