/**
 * The sidecar of a segment, `<base offset>.sidecar`: the log's own index, under checksums, with what Kafka's index files and batches
 * cannot hold. Big-endian.
 *
 *   header    0  u32  magic: WSDC
 *             4  u32  number made of the log's id
 *             8  u32  topic number
 *            12  u32  partition
 *            16  u64  base offset of the segment
 *            24  u32  revision, zero for a segment that was appended to
 *            28  u32  CRC-32C of bytes 0 to 28
 *   entries, one per waypoint, 32 each:
 *             0  u32  offset of the batch that begins here − base offset (in a compacted segment: the first that may stand here)
 *             4  u32  its position in the `.log` file
 *             8  i64  largest timestamp of the batches before
 *            16  i64  append time of the last batch before
 *            24  u32  chain of the batches before (segment-chain.ts)
 *            28  u32  CRC-32C of bytes 0 to 28, begun with the CRC of the header
 *
 * The log reads nothing else to find its way, so the `.index` and `.timeindex` beside it only serve Kafka's tools. A damaged or
 * missing sidecar is made again from the segment.
 */
import { crc32c } from '@node-rs/crc32';
import { readInt32, readInt64, writeInt32, writeInt64 } from '#libs/core/log';
import type { SegmentBinding } from './segment-chain.js';
import { type Waypoint, Waypoints } from './waypoints.js';

export const SIDECAR_HEADER_BYTES = 32;
export const SIDECAR_ENTRY_BYTES = 32;
const MAGIC = 0x57534443;
const CRC_AT = 28;

export function encodeSidecarHeader(binding: SegmentBinding): Uint8Array {
  const bytes = new Uint8Array(SIDECAR_HEADER_BYTES);
  writeInt32(bytes, 0, MAGIC);
  writeInt32(bytes, 4, binding.log);
  writeInt32(bytes, 8, binding.topic);
  writeInt32(bytes, 12, binding.partition);
  writeInt64(bytes, 16, binding.baseOffset);
  writeInt32(bytes, 24, binding.revision ?? 0);
  writeInt32(bytes, CRC_AT, crc32c(bytes.subarray(0, CRC_AT)));
  return bytes;
}

/** Entries `from` … `to` − 1 of the waypoints. */
export function encodeSidecarEntries(
  binding: SegmentBinding,
  waypoints: Waypoints,
  from: number,
  to: number,
): Uint8Array {
  const seed = readInt32(encodeSidecarHeader(binding), CRC_AT) >>> 0;
  const bytes = new Uint8Array((to - from) * SIDECAR_ENTRY_BYTES);
  for (let index = from; index < to; index++) {
    const at = (index - from) * SIDECAR_ENTRY_BYTES;
    const waypoint = waypoints.at(index);
    writeInt32(bytes, at, waypoint.offset - binding.baseOffset);
    writeInt32(bytes, at + 4, waypoint.position);
    writeInt64(bytes, at + 8, waypoint.maxTimestamp);
    writeInt64(bytes, at + 16, waypoint.maxAppendTimeMs);
    writeInt32(bytes, at + 24, waypoint.chain);
    writeInt32(bytes, at + CRC_AT, crc32c(bytes.subarray(at, at + CRC_AT), seed));
  }
  return bytes;
}

/** The first `count` waypoints of a sidecar file, undefined when any byte of them is not as it was written. */
export function decodeSidecar(binding: SegmentBinding, bytes: Uint8Array, count: number): Waypoints | undefined {
  if (bytes.length < SIDECAR_HEADER_BYTES + count * SIDECAR_ENTRY_BYTES) return undefined;
  const header = encodeSidecarHeader(binding);
  if (Buffer.compare(bytes.subarray(0, SIDECAR_HEADER_BYTES), header) !== 0) return undefined;
  const seed = readInt32(header, CRC_AT) >>> 0;
  const waypoints = new Waypoints(Math.max(count, 1));
  for (let index = 0; index < count; index++) {
    const at = SIDECAR_HEADER_BYTES + index * SIDECAR_ENTRY_BYTES;
    if (crc32c(bytes.subarray(at, at + CRC_AT), seed) !== readInt32(bytes, at + CRC_AT) >>> 0) return undefined;
    const waypoint = readEntry(bytes, at, binding.baseOffset);
    const { offset, position, maxTimestamp, maxAppendTimeMs, chain } = waypoint;
    waypoints.push(offset, position, maxTimestamp, maxAppendTimeMs, chain);
  }
  return waypoints;
}

function readEntry(bytes: Uint8Array, at: number, baseOffset: number): Waypoint {
  return {
    offset: baseOffset + (readInt32(bytes, at) >>> 0),
    position: readInt32(bytes, at + 4) >>> 0,
    maxTimestamp: readInt64(bytes, at + 8),
    maxAppendTimeMs: readInt64(bytes, at + 16),
    chain: readInt32(bytes, at + 24) >>> 0,
  };
}
