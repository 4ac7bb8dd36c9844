import { constants, gunzipSync, gzipSync } from 'node:zlib';
import type { CompressionCodec } from '../compression.js';

/** One gzip member (RFC 1952), as section 2.5 of Kafka's format wants it. */
export const gzip: CompressionCodec = {
  name: 'gzip',
  compress: (bytes) => gzipSync(bytes, { level: constants.Z_DEFAULT_COMPRESSION }),
  decompress(bytes, maxBytes, tooLarge) {
    try {
      return gunzipSync(bytes, { maxOutputLength: maxBytes });
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge() : error;
    }
  },
};
