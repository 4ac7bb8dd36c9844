/** Where a group is to go on. */
export type ResetTarget =
  /** The first record a partition retains. */
  | { readonly kind: 'earliest' }
  /** Behind the last record. */
  | { readonly kind: 'latest' }
  /** The first record that is not older than this (epoch ms), by the timestamps of records; the end where there is none. */
  | { readonly kind: 'timestamp'; readonly timestampMs: number }
  | { readonly kind: 'offset'; readonly offset: number }
  /** So many offsets on (or back) from where the group stands. */
  | { readonly kind: 'shift'; readonly by: number }
  /** An offset for each partition named, and for no other. */
  | { readonly kind: 'vector'; readonly offsets: readonly TargetOffset[] };

export interface TargetOffset {
  /** Logical name. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** What a reset touches and where it leads. */
export interface ResetRequest {
  readonly to: ResetTarget;
  /** Logical names; unless given, the topics the group has positions in. Not with a vector. */
  readonly topics?: readonly string[];
  /** Only these partitions of each topic. Not with a vector. */
  readonly partitions?: readonly number[];
}
