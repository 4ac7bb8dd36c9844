import { invalidLeaseId } from '../errors.js';
import type { LeaseKey } from './lease-book.js';

/** A lease as its holder names it. */
export interface LeaseName extends LeaseKey {
  readonly group: string;
}

/** The id of a lease as text: opaque, safe in URLs. It names the group and is no secret: whoever uses it needs access to the group. */
export function formatLeaseId({ group, epoch, nonce }: LeaseName): string {
  return Buffer.from(JSON.stringify([1, group, epoch, nonce])).toString('base64url');
}

/** @throws `invalid-lease`. */
export function parseLeaseId(text: string): LeaseName {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    throw invalidLeaseId();
  }
  if (!Array.isArray(parsed) || parsed.length !== 4 || parsed[0] !== 1) throw invalidLeaseId();
  const [, group, epoch, nonce] = parsed as unknown[];
  if (typeof group !== 'string' || typeof nonce !== 'string' || !Number.isSafeInteger(epoch)) throw invalidLeaseId();
  return { group, epoch: epoch as number, nonce };
}
