/** Which of two records of a key is the newer one. */
export type LatestOrder =
  /** The one that comes later in its partition. */
  | { readonly by: 'offset' }
  /** The one with the higher record timestamp. */
  | { readonly by: 'timestamp' }
  /** The one whose value has the higher number (or, for text, the later one by code points) at this field path. */
  | { readonly by: 'field'; readonly path: string };

/** What happens to a record without a key, which a stream of one record per key has no place for. `dlq`: copied to `<name>.dlq`. */
export type NullKeyPolicy = 'drop' | 'dlq' | 'fail';

/** Which of two records of a key counts when both say they are the same version and differ. */
export type ConflictPolicy = 'first' | 'last' | 'fail';

/** A stream computed from another, as it was asked for. Never changes; delete and create instead. */
export interface DerivationDefinition {
  /** Never used again, not even for a derivation of the same name. Part of the writer's id. 1 … 64 characters of `[a-zA-Z0-9._-]`. */
  readonly id: string;
  readonly logId: string;
  /** Logical topic that is written; the derivation is known by it. Unique within a log. */
  readonly name: string;
  /** Logical topic that is read. */
  readonly source: string;
  readonly kind: 'latest';
  readonly orderBy: LatestOrder;
  readonly nullKeys: NullKeyPolicy;
  readonly onConflict: ConflictPolicy;
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
