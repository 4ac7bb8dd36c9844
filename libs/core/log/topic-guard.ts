/** A deletion that can still be taken back, or is under way. */
export interface TopicDeletion {
  /** KEPT: can be restored. RESTORING, PURGING: decided and under way; whoever finds it completes it. */
  readonly phase: 'KEPT' | 'RESTORING' | 'PURGING';
  /** Epoch ms. */
  readonly atMs: number;
  /** From when on records may be deleted for good, epoch ms. */
  readonly purgeAtMs: number;
  /** State of the present generation before, which a restore brings back. */
  readonly stateBefore: 'ACTIVE' | 'FENCED';
}

/**
 * What users have said about a topic, beside its data. It stands with the name, so that it holds over all generations, and apart from the states of the log, so that an operation that fences a
 * topic and opens it again cannot take back what a user said.
 */
export interface TopicGuard {
  /** Deleting the topic or records of it is refused until this is taken back. */
  readonly protected: boolean;
  /** Takes no writes; the log holds the present generation FENCED meanwhile. */
  readonly frozen: boolean;
  /** Null while the topic is there. */
  readonly deletion: TopicDeletion | null;
}

export const UNGUARDED: TopicGuard = { protected: false, frozen: false, deletion: null };
