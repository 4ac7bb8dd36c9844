import type { AppError } from '#libs/core/kernel';
import { decompressionLimit, unsupportedCompression } from './errors.js';

/** Kafka's names for the compression of a record batch. */
export type CompressionName = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** Kafka's numbers for them (bits 0 to 2 of a batch's attributes). */
export const COMPRESSION_IDS: Readonly<Record<CompressionName, number>> = {
  none: 0,
  gzip: 1,
  snappy: 2,
  lz4: 3,
  zstd: 4,
};

/** All of them, in the order of their numbers. */
export const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const satisfies readonly CompressionName[];

/** The name of a compression number, undefined for 5 to 7, which mean nothing. */
export function compressionName(id: number): CompressionName | undefined {
  return (COMPRESSIONS as readonly CompressionName[])[id];
}

/** One way to compress the records of a batch. CPU only, synchronous; callers with large batches go to a worker. */
export interface CompressionCodec {
  readonly name: CompressionName;
  compress(bytes: Uint8Array): Uint8Array;
  /**
   * The content of `bytes`, at most `maxBytes` of it.
   * @throws the error `tooLarge` makes as soon as the content turns out larger, without having allocated it; anything else for damaged input.
   */
  decompress(bytes: Uint8Array, maxBytes: number, tooLarge: () => AppError): Uint8Array;
}

/** The codecs of an installation, by name and number. `none` needs no codec. */
export class CompressionCodecs {
  readonly #byId = new Map<number, CompressionCodec>();

  constructor(codecs: Iterable<CompressionCodec>) {
    for (const codec of codecs) this.#byId.set(COMPRESSION_IDS[codec.name], codec);
  }

  /** Names that can be read and written, `none` first. */
  get names(): readonly CompressionName[] {
    return COMPRESSIONS.filter((name) => name === 'none' || this.#byId.has(COMPRESSION_IDS[name]));
  }

  /** @throws `unsupported-compression`. */
  of(id: number): CompressionCodec {
    const codec = this.#byId.get(id);
    if (codec === undefined) throw unsupportedCompression(compressionName(id) ?? String(id), this.names);
    return codec;
  }

  /** A table with more codecs, or others in their place. */
  with(...codecs: readonly CompressionCodec[]): CompressionCodecs {
    return new CompressionCodecs([...this.#byId.values(), ...codecs]);
  }
}

/** How far a compressed batch may grow: an absolute cap, and a ratio that counts from `ratioFromBytes` on. */
export interface DecompressionLimits {
  readonly maxBytes: number;
  readonly maxRatio: number;
  readonly ratioFromBytes: number;
}

/** 16 MiB, and 100:1 beyond 1 MiB. */
export const DECOMPRESSION_LIMITS: DecompressionLimits = {
  maxBytes: 16 * 1024 * 1024,
  maxRatio: 100,
  ratioFromBytes: 1024 * 1024,
};

/** Decompresses the records of a batch within the limits. @throws `decompression-limit`, `unsupported-compression`, or `malformed(why)`. */
export function decompress(
  id: number,
  bytes: Uint8Array,
  codecs: CompressionCodecs,
  limits: DecompressionLimits,
  malformed: (why: string) => Error,
): Uint8Array {
  const codec = codecs.of(id);
  const allowed = Math.min(limits.maxBytes, Math.max(limits.ratioFromBytes, bytes.length * limits.maxRatio));
  let limited: AppError | undefined;
  try {
    return codec.decompress(bytes, allowed, () => (limited = decompressionLimit(bytes.length, allowed)));
  } catch (error) {
    if (limited !== undefined) throw limited;
    throw malformed(
      `its ${codec.name} block cannot be decompressed (${error instanceof Error ? error.message : 'unknown'})`,
    );
  }
}
