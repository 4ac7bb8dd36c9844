/**
 * How much an acknowledgement promises.
 * `durable`: flushed to the device (or acknowledged by all in-sync replicas), and shown to readers only then.
 * `buffered`: written, so that it outlives the process, and flushed within a window (1 s or 8 MiB as things come): a power cut costs no more than that.
 * `none`: written, and flushed whenever something else needs a flush.
 * What a power cut takes of a topic is an end of its log: what is left is what was there at an earlier moment.
 */
export type Durability = 'durable' | 'buffered' | 'none';

const BY_STRENGTH: readonly Durability[] = ['none', 'buffered', 'durable'];

/** The stronger one of two levels. */
export function strongerOf(a: Durability, b: Durability): Durability {
  if (a === b) return a;
  return BY_STRENGTH.indexOf(a) > BY_STRENGTH.indexOf(b) ? a : b;
}
