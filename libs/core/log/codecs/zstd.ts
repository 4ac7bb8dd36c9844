/**
 * Zstandard frames. The runtime brings them from Node 22.15 on; before that they come from a WebAssembly build of the same library, which is loaded where it is needed only.
 */
import * as zlib from 'node:zlib';
import type { CompressionCodec } from '../compression.js';

/** What newer runtimes have in `node:zlib`. */
interface NativeZstd {
  zstdCompressSync(bytes: Uint8Array): Uint8Array;
  zstdDecompressSync(bytes: Uint8Array, options: { readonly maxOutputLength: number }): Uint8Array;
}

function native({ zstdCompressSync, zstdDecompressSync }: NativeZstd): CompressionCodec {
  return {
    name: 'zstd',
    compress: (bytes) => zstdCompressSync(bytes),
    decompress(bytes, maxBytes, tooLarge) {
      if (contentSize(bytes) > maxBytes) throw tooLarge();
      try {
        return zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, maxBytes) });
      } catch (error) {
        throw (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge() : error;
      }
    },
  };
}

/** What the library says when the place for the content is too small: its error 70, as an unsigned or a signed number. */
const TOO_SMALL = /code (-70|4294967226)$/;

/** The content is written straight into a place of its size, or of `maxBytes` where the frame does not say it: nothing grows with what the frame claims. */
async function inWebAssembly(): Promise<CompressionCodec> {
  const { init, compress, decompress } = await import('@bokuweb/zstd-wasm');
  await init();
  return {
    name: 'zstd',
    compress: (bytes) => compress(bytes),
    decompress(bytes, maxBytes, tooLarge) {
      if (contentSize(bytes) > maxBytes) throw tooLarge();
      try {
        return decompress(bytes, { defaultHeapSize: maxBytes });
      } catch (error) {
        throw error instanceof Error && TOO_SMALL.test(error.message) ? tooLarge() : error;
      }
    },
  };
}

/** How many bytes the first frame says that it holds; 0 where it does not. Section 3.1.1.1 of RFC 8878. */
function contentSize(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 6 || view.getUint32(0, true) !== 0xfd2f_b528) throw new Error('it is no Zstandard frame');
  const descriptor = view.getUint8(4);
  const single = (descriptor & 0b10_0000) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  const at = 5 + (single ? 0 : 1) + dictionaryBytes;
  const code = descriptor >> 6;
  if (code === 0) return single ? view.getUint8(at) : 0;
  if (code === 1) return view.getUint16(at, true) + 256;
  return code === 2 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
}

export const zstd: CompressionCodec =
  'zstdCompressSync' in zlib ? native(zlib as unknown as NativeZstd) : await inWebAssembly();
