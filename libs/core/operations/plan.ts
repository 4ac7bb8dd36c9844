import { createHash } from 'node:crypto';
import { stableJson, type JsonObject, type JsonValue } from '#libs/core/kernel';
import type { PlanDraft } from './operation.js';

/** A plan as it is stored. Two plans of the same content are one. */
export interface Plan extends PlanDraft {
  readonly hash: string;
  readonly kind: string;
  readonly createdBy: string;
  /** Wall time in ms. */
  readonly createdAt: number;
}

/** SHA-256, in hex, over the stable JSON of a value. */
export function hashOf(value: JsonValue): string {
  return createHash('sha256').update(stableJson(value)).digest('hex');
}

/**
 * Names what would be done and what that relied on: kind, subject, parameters, controls and fingerprint. Texts and estimates are left out, so that
 * planning the same thing twice gives the same hash. But what is in the way counts: a plan that was blocked by something the fingerprint does not know, the room on a disk, is another one when that has gone.
 */
export function planHash(kind: string, draft: PlanDraft): string {
  return hashOf({
    kind,
    subject: draft.subject,
    parameters: draft.parameters,
    controls: (draft.controls ?? {}) as unknown as JsonObject,
    fingerprint: draft.fingerprint,
    ...(draft.blockers.length > 0 && { blockers: [...draft.blockers] }),
  });
}
