import { gzip } from './codecs/gzip.js';
import { lz4 } from './codecs/lz4.js';
import { snappy } from './codecs/snappy.js';
import { zstd } from './codecs/zstd.js';
import { CompressionCodecs } from './compression.js';

/** Every compression that Kafka knows. */
export const BUILT_IN_CODECS = new CompressionCodecs([gzip, snappy, lz4, zstd]);
