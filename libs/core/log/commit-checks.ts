import type { GroupPosition } from './engine.js';
import { invalidCheckpoint, invalidGroup, invalidPosition, invalidWriterId } from './errors.js';

/** Limits of the port that every engine keeps alike. */
export const COMMIT_LIMITS = {
  writerIdLength: 200,
  groupLength: 249,
  positionMetadataBytes: 4 * 1024,
  checkpointKeyLength: 249,
  checkpointBytes: 1024 * 1024,
} as const;

/** @throws `invalid-writer-id`. */
export function checkWriterId(id: string): void {
  if (!/^[a-zA-Z0-9._-]+$/.test(id) || id.length > COMMIT_LIMITS.writerIdLength) throw invalidWriterId(id);
}

/** A group name is 1 to 249 characters of well-formed text without control characters. @throws `invalid-group`. */
export function checkGroup(group: string): void {
  if (group.length === 0) throw invalidGroup(group, 'it is empty');
  if (group.length > COMMIT_LIMITS.groupLength) {
    throw invalidGroup(group, `it has ${group.length} characters, more than ${COMMIT_LIMITS.groupLength}`);
  }
  if (/\p{Cc}|\p{Surrogate}/u.test(group)) throw invalidGroup(group, 'it has control characters or broken text');
}

/** Checks what a position says of itself; whether its partition exists is the engine's to know. @throws `invalid-position`. */
export function checkPosition(position: GroupPosition): void {
  if (!Number.isSafeInteger(position.offset) || position.offset < 0) {
    throw invalidPosition(position, `its offset ${position.offset} is not an integer from 0 to 2^53 − 1`);
  }
  const bytes = Buffer.byteLength(position.metadata ?? '', 'utf8');
  if (bytes > COMMIT_LIMITS.positionMetadataBytes) {
    throw invalidPosition(position, `its note has ${bytes} bytes, more than ${COMMIT_LIMITS.positionMetadataBytes}`);
  }
}

/** @throws `invalid-checkpoint`. */
export function checkCheckpoint(key: string, value: Uint8Array | null): void {
  if (key.length === 0) throw invalidCheckpoint(key, 'its key is empty');
  if (key.length > COMMIT_LIMITS.checkpointKeyLength) {
    throw invalidCheckpoint(key, `its key has more than ${COMMIT_LIMITS.checkpointKeyLength} characters`);
  }
  if (value !== null && value.length > COMMIT_LIMITS.checkpointBytes) {
    throw invalidCheckpoint(key, `it has ${value.length} bytes, more than ${COMMIT_LIMITS.checkpointBytes}`);
  }
}
