import { isAppError } from '#libs/core/kernel';
import type { BatchHeader } from './batch-header.js';
import { recompressBatch, validateForAppend } from './batch-validation.js';
import { COMPRESSION_IDS, type CompressionCodecs, type CompressionName } from './compression.js';
import type { Durability } from './durability.js';
import { batchTooLarge } from './errors.js';
import { integerSetting, isCompacted, textSetting } from './topic-config.js';

/** What the settings of a topic say of the batches it takes. */
export interface AppendRules {
  /** Longest batch, before and after it is compressed otherwise. */
  readonly maxBytes: number;
  readonly requireKeys: boolean;
  /** Level of acknowledgements. */
  readonly durability: Durability;
  /** Undefined: batches stay as they come. */
  readonly compression: CompressionName | undefined;
  /** Records get the time of their append. */
  readonly appendTime: boolean;
  /** How far a timestamp may be ahead of the clock, and behind it, in milliseconds. */
  readonly aheadMs: number;
  readonly behindMs: number;
}

/** The rules in force with these settings. */
export function appendRulesOf(config: Readonly<Record<string, string>>): AppendRules {
  const compression = textSetting(config, 'compression.type');
  return {
    maxBytes: integerSetting(config, 'max.message.bytes'),
    requireKeys: isCompacted(config),
    durability: textSetting(config, 'weir.durability') as Durability,
    compression:
      compression === 'producer'
        ? undefined
        : compression === 'uncompressed'
          ? 'none'
          : (compression as CompressionName),
    appendTime: textSetting(config, 'message.timestamp.type') === 'LogAppendTime',
    aheadMs: integerSetting(config, 'message.timestamp.after.max.ms'),
    behindMs: integerSetting(config, 'message.timestamp.before.max.ms'),
  };
}

/** Who appends: a client, whose times are judged and replaced as the topic says, or a commit, which copies and keeps them. */
export type AppendOrigin = 'client' | 'commit';

/** What an engine says of an append besides the rules of the topic. */
export interface AppendedBy {
  readonly origin: AppendOrigin;
  readonly nowMs: number;
  /** All that Kafka knows unless given. */
  readonly codecs?: CompressionCodecs | undefined;
  /** The engine takes no longer ones, whatever the topic says. */
  readonly mostBytes?: number;
}

export interface AcceptedBatch {
  /** As it is to be stored, apart from its place and the time of its append. */
  readonly batch: Uint8Array;
  readonly header: BatchHeader;
  /** The time of the append is to be stamped. */
  readonly appendTime: boolean;
}

/**
 * Larger batches keep the compression they came with: to compress them anew would hold up everybody else. What the service itself encodes is below it, as a rule.
 */
const RECOMPRESS_BYTES = 1024 * 1024;

/**
 * Decides whether a topic takes a batch, and brings it into the form the topic wants.
 * @throws what {@link validateForAppend} throws, `invalid-timestamp`.
 */
export function acceptBatch(bytes: Uint8Array, rules: AppendRules, by: AppendedBy): AcceptedBatch {
  // Nothing is spread here: this runs once for each append.
  const { compression, requireKeys, aheadMs, behindMs } = rules;
  const { codecs, mostBytes = Infinity } = by;
  const maxBytes = Math.min(rules.maxBytes, mostBytes);
  const client = by.origin === 'client';
  const judged = client && !rules.appendTime && (aheadMs < Infinity || behindMs < Infinity);
  const timestamps = judged ? { fromMs: by.nowMs - behindMs, toMs: by.nowMs + aheadMs } : undefined;
  const header = validateForAppend(bytes, {
    maxBytes,
    requireKeys,
    anonymous: !client,
    codecs,
    timestamps,
    boundHeaders: client,
  });
  const appendTime = client && rules.appendTime;
  const kept = { batch: bytes, header, appendTime };
  if (compression === undefined || COMPRESSION_IDS[compression] === header.compression) return kept;
  const limits = { maxBytes: RECOMPRESS_BYTES, maxRatio: Infinity, ratioFromBytes: RECOMPRESS_BYTES };
  let batch: Uint8Array;
  try {
    batch = recompressBatch(bytes, header, compression, { codecs, limits });
  } catch (error) {
    if (!isAppError(error, 'decompression-limit')) throw error;
    return kept;
  }
  if (batch.length > maxBytes) throw batchTooLarge(batch.length, maxBytes);
  return { ...kept, batch };
}
