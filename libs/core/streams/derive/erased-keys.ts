import { createHash } from 'node:crypto';
import type { RecordCursor, StoredRecord } from '#libs/core/log';
import type { LeftOut, Router } from '../copy/router.js';
import type { SourcePosition } from '../source-reader.js';

/** Keys that were erased from a derived stream, and how far its source had been read then: what it says of them below that is passed over when the stream is computed anew. */
export interface Erasure {
  /** Of the source. */
  readonly position: SourcePosition;
  /** Digests, see {@link erasedKey}: the keys themselves are kept nowhere. */
  readonly keys: readonly string[];
}

/** What stands for an erased key: SHA-256 of the derivation's id and the key, so that no two derivations have the same for one. */
export function erasedKey(derivationId: string, key: Uint8Array): string {
  return createHash('sha256').update(derivationId).update('\0').update(key).digest('base64url');
}

export const erasuresToBytes = (erasures: readonly Erasure[]): Buffer => Buffer.from(JSON.stringify(erasures));

/** None for what was never written. */
export function erasuresOf(bytes: Uint8Array | undefined): readonly Erasure[] {
  return bytes === undefined ? [] : (JSON.parse(Buffer.from(bytes).toString('utf8')) as readonly Erasure[]);
}

/**
 * The records of a source that a derivation passes over. A record in another generation of the source than the one that was read when its key was erased counts as earlier where it lies
 * below the opening of that generation: what was written in between cannot be told from what was there before, and nothing erased may come back.
 */
export class ErasedKeys {
  readonly #positions = new Map<string, SourcePosition>();

  constructor(
    private readonly derivationId: string,
    erasures: readonly Erasure[],
  ) {
    // A later erasure of a key reaches further than an earlier one.
    for (const { position, keys } of erasures) for (const key of keys) this.#positions.set(key, position);
  }

  get isEmpty(): boolean {
    return this.#positions.size === 0;
  }

  /** @param opensAt where the generation of the record was opened, per partition; empty for one that was not opened by a cutover. */
  has(
    key: Uint8Array,
    generation: number,
    { partition, offset }: { readonly partition: number; readonly offset: number },
    opensAt: readonly number[],
  ): boolean {
    const position = this.#positions.get(erasedKey(this.derivationId, key));
    if (position === undefined) return false;
    // Numbers of generations have no order: a topic goes back to a former one, and to another log.
    return offset < ((position.generation === generation ? position.next : opensAt)[partition] ?? 0);
  }
}

/** The rule by which records of erased keys are left out. */
export const ERASED_RULE = 'erased';

/** Copies a derived stream as it is, but for the records of some keys. */
export class ErasingRouter implements Router {
  readonly #keys: ReadonlySet<string>;

  constructor(
    readonly targets: number,
    private readonly derivationId: string,
    keys: readonly string[],
  ) {
    this.#keys = new Set(keys);
  }

  route({ key }: Pick<StoredRecord, 'key'>, source: number): number | LeftOut {
    return this.#isErased(key) ? { rule: ERASED_RULE, deadLetter: false } : source;
  }

  routeInPlace({ bytes, keyAt, keyLength }: RecordCursor, source: number): number {
    return keyLength >= 0 && this.#isErased(bytes.subarray(keyAt, keyAt + keyLength)) ? -1 : source;
  }

  /** What lies in the target of an erased key does not belong there, whatever copied it. */
  misplaced(key: Uint8Array | null): string | undefined {
    return this.#isErased(key) ? 'its key was erased' : undefined;
  }

  belongsInPlace({ bytes, keyAt, keyLength }: RecordCursor): boolean {
    return keyLength < 0 || !this.#isErased(bytes.subarray(keyAt, keyAt + keyLength));
  }

  #isErased(key: Uint8Array | null): boolean {
    return key !== null && this.#keys.has(erasedKey(this.derivationId, key));
  }
}
