import type { JsonValue } from '#libs/core/kernel';
import type { SourcePosition } from '../source-reader.js';
import type { StreamSchema } from './value-rewriting.js';

/** Which of two records of a key is the newer one. */
export type DerivationOrder =
  /** The one that comes later in its partition. */
  | { readonly by: 'offset' }
  /** The one with the higher record timestamp. */
  | { readonly by: 'timestamp' }
  /** The one whose value has the higher number (or, for text, the later one by code points) at this field path. */
  | { readonly by: 'field'; readonly path: string }
  /** The one whose header of this name, the last of several, holds the higher number, or for other text the later one by code points. */
  | { readonly by: 'header'; readonly name: string };

/** Which values end their key, beside tombstones: those that have `equals` at the path. */
export interface DeletionRule {
  readonly path: string;
  readonly equals: JsonValue;
}

/** What happens to a record without a key, which a stream by key has no place for. `dlq`: copied to `<name>.dlq`. */
export type NullKeyPolicy = 'drop' | 'dlq' | 'fail';

/** Which of two records of a key counts when both say they are the same version and differ. `dlq`: the first, and the second is copied to `<name>.dlq`. */
export type ConflictPolicy = 'first' | 'last' | 'fail' | 'dlq';

/** What happens to a record that is older than what its key has: counted alone, or copied to `<name>.late` as well. */
export type LatePolicy = 'drop' | 'topic';

/**
 * Objects are laid over one another member by member, at every depth; anything else replaces what was there. A member that is null leaves what was there
 * (`keep`), or is null from then on (`set`).
 */
export interface MergeRule {
  readonly nulls: 'keep' | 'set';
}

/**
 * Where the key of a record in the stream comes from: an expression as of a repartition (`value.customer`). Records that have one key in the stream may lie in any partition of the source, so what
 * is newer is told by what they say, and of two that say the same the one with the greater digest counts: the stream is the same in whichever order the partitions are read.
 */
export interface StreamKeyRule {
  readonly expr: string;
}

/** `latest`: the newest state of each key. `versioned`: every state of each key, numbered from 1. */
export type DerivationKind = 'latest' | 'versioned';

/** A stream computed from another, as it was asked for. Never changes; delete and create instead. */
export interface DerivationDefinition {
  /** Never used again, not even for a derivation of the same name. Part of the writer's id. 1 … 64 characters of `[a-zA-Z0-9._-]`. */
  readonly id: string;
  readonly logId: string;
  /** Logical topic that is written; the derivation is known by it. Unique within a log. */
  readonly name: string;
  /** Logical topic that is read. */
  readonly source: string;
  readonly kind: DerivationKind;
  readonly orderBy: DerivationOrder;
  readonly nullKeys: NullKeyPolicy;
  readonly onConflict: ConflictPolicy;
  /** Null: tombstones alone end a key. Absent in definitions older than this member; so are those below. */
  readonly deletes?: DeletionRule | null;
  readonly late?: LatePolicy;
  /** How long a latest stream remembers a key that has ended, in ms, so that a late record does not bring it back. */
  readonly lateHorizonMs?: number;
  /** How a value that says a part of the state is laid over the state before it. Null: it replaces it. Of latest streams by offset only. */
  readonly merge?: MergeRule | null;
  /** Null: the stream has the keys of its source. Of latest streams that go by timestamp, field or header only. */
  readonly key?: StreamKeyRule | null;
  /** The version of the value schema by which values are read, and with which they are written. Null: as the source has them. */
  readonly schema?: StreamSchema | null;
  /** Where in the source it begins, for one that was not to have what was there before. Null or absent: with everything the source retains. */
  readonly since?: SourcePosition | null;
  /** Epoch ms. */
  readonly createdAt: number;
  readonly createdBy: string;
}

/** What is wanted of a derivation. `DELETING`: its topic and state are being removed, which is taken up again after a restart. */
export type DerivationState = 'RUNNING' | 'PAUSED' | 'DELETING';

export interface StoredDerivation {
  readonly definition: DerivationDefinition;
  readonly state: DerivationState;
  /** Rises by one with each change of the state. */
  readonly revision: number;
}
