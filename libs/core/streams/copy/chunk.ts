import { AppError } from '#libs/core/kernel';
import { DigestSum, VarintReader } from '#libs/core/log';
import { ByteWriter } from './byte-writer.js';

/** The route of a record that was left out of the target by a rule of the plan. Targets have smaller numbers. */
export const DROPPED = 0xffff;
/** The route of a record that was parked: it comes to the target when it is redriven, by a chunk of its own. */
export const PARKED = 0xfffe;

/** Source offsets one after another. */
export interface OffsetRange {
  readonly first: number;
  readonly count: number;
}

/** Records one after another in a target partition, all of one chunk. */
export interface ChunkRun {
  readonly target: number;
  /** Target offset of the first one. */
  readonly base: number;
  readonly count: number;
}

/**
 * What one commit of a copy moved: a stretch of one source partition, and where each of its records went. The offset map of a source partition
 * is its chunks one after another. Every record has a route; the i-th record routed to a target is the i-th record of that
 * target's runs. So both directions of the map can be read from it, record by record.
 */
export interface CopiedChunk {
  readonly source: number;
  /** From 0, without gaps. */
  readonly sequence: number;
  /** The source offsets covered: from `from` up to, not including, `until`. `from` is `until` of the chunk before. */
  readonly from: number;
  readonly until: number;
  /** Where in that stretch there were records. */
  readonly ranges: readonly OffsetRange[];
  /** For each record its target partition, {@link DROPPED} or {@link PARKED}. */
  readonly routes: Uint16Array;
  readonly runs: readonly ChunkRun[];
  /** Of the records written, in their final form, under their source coordinates. */
  readonly sum: DigestSum;
  /** Which revision of the rules routed them; undefined: those of the plan, the only ones of most copies. */
  readonly revision?: number | undefined;
}

/** Without a revision, and with one. */
const [VERSION, REVISED] = [1, 2];
const ROUTES = { repeated: 0, bytes: 1, pairs: 2 } as const;

/**
 * The binary form: version, numbers as zigzag varints, runs, the digest as text, ranges relative to one another, routes as repeats, bytes or pairs
 * of bytes (whichever is smallest). About one byte a record for scattered routes and a few bytes in all for a straight copy.
 */
export function encodeChunk(chunk: CopiedChunk): Buffer {
  const writer = new ByteWriter(chunk.routes.length + 256);
  const { revision } = chunk;
  if (revision === undefined) writer.byte(VERSION);
  else writer.byte(REVISED).int(revision);
  writer.int(chunk.source).long(chunk.sequence).long(chunk.from).long(chunk.until);
  writer.int(chunk.runs.length);
  for (const { target, base, count } of chunk.runs) writer.int(target).long(base).int(count);
  const sum = Buffer.from(chunk.sum.toString(), 'latin1');
  writer.int(sum.length).bytes(sum);
  writer.int(chunk.ranges.length);
  let at = chunk.from;
  for (const { first, count } of chunk.ranges) {
    writer.long(first - at).int(count);
    at = first + count;
  }
  encodeRoutes(writer, chunk.routes);
  return writer.finish();
}

/**
 * Ranges and routes, which are nearly all of it, are decoded when they are first asked for: who only looks for a place passes over thousands of
 * chunks cheaply. `bytes` must stay as they are.
 * @throws `corrupt-offset-map` for bytes that {@link encodeChunk} did not make; for ranges and routes when they are asked for.
 */
export function decodeChunk(bytes: Uint8Array): CopiedChunk {
  const [version] = bytes;
  if (version !== VERSION && version !== REVISED) throw corruptOffsetMap(`its version is ${version}`);
  const reader = new VarintReader(bytes, 1, bytes.length, corruptOffsetMap);
  const revision = version === REVISED ? reader.int32() : undefined;
  const source = reader.int32();
  const [sequence, from, until] = [long(reader), long(reader), long(reader)];
  const runs: ChunkRun[] = [];
  for (let n = count(reader); n > 0; n--) {
    runs.push({ target: reader.int32(), base: long(reader), count: count(reader) });
  }
  const length = count(reader);
  const sum = DigestSum.parse(Buffer.from(bytes.subarray(reader.at, reader.at + length)).toString('latin1'));
  reader.at += length;
  let records: { ranges: OffsetRange[]; routes: Uint16Array } | undefined;
  return {
    source,
    sequence,
    from,
    until,
    runs,
    sum,
    ...(revision === undefined ? {} : { revision }),
    get ranges() {
      return (records ??= decodeRecords(reader, from)).ranges;
    },
    get routes() {
      return (records ??= decodeRecords(reader, from)).routes;
    },
  };
}

function decodeRecords(reader: VarintReader, from: number): { ranges: OffsetRange[]; routes: Uint16Array } {
  const ranges: OffsetRange[] = [];
  let at = from;
  let records = 0;
  for (let n = count(reader); n > 0; n--) {
    const first = at + long(reader);
    const length = count(reader);
    ranges.push({ first, count: length });
    at = first + length;
    records += length;
  }
  const routes = decodeRoutes(reader, records);
  if (reader.at !== reader.end) throw corruptOffsetMap('bytes follow it');
  return { ranges, routes };
}

/** The source offsets of the records a chunk sent to each of its targets, in order. */
export function sourceOffsetsByTarget(chunk: CopiedChunk): ReadonlyMap<number, Float64Array> {
  const { routes } = chunk;
  const counts: number[] = [];
  for (let i = 0; i < routes.length; i++) {
    const route = routes[i]!;
    if (route >= PARKED) continue;
    while (counts.length <= route) counts.push(0);
    counts[route]!++;
  }
  const lists = counts.map((count) => new Float64Array(count));
  const filled = new Uint32Array(counts.length);
  let record = 0;
  for (const { first, count } of chunk.ranges) {
    for (let offset = first; offset < first + count; offset++) {
      const route = routes[record++]!;
      if (route < PARKED) lists[route]![filled[route]!++] = offset;
    }
  }
  const byTarget = new Map<number, Float64Array>();
  for (const [target, offsets] of lists.entries()) if (offsets.length > 0) byTarget.set(target, offsets);
  return byTarget;
}

function encodeRoutes(writer: ByteWriter, routes: Uint16Array): void {
  let repeats = 0;
  let narrow = true;
  let before = -1;
  for (let i = 0; i < routes.length; i++) {
    const route = routes[i]!;
    // What a run is like was seen when it began.
    if (route === before) continue;
    before = route;
    repeats++;
    if (route >= 0xff && route !== DROPPED) narrow = false;
  }
  const width = narrow ? 1 : 2;
  if (repeats * 3 < routes.length * width) {
    writer.byte(ROUTES.repeated);
    for (let i = 0; i < routes.length;) {
      let end = i + 1;
      while (end < routes.length && routes[end] === routes[i]) end++;
      writer.int(routes[i]!).int(end - i);
      i = end;
    }
  } else if (narrow) {
    // The low byte of DROPPED is 255, which is no target here.
    writer.byte(ROUTES.bytes).bytes(new Uint8Array(routes));
  } else {
    writer.byte(ROUTES.pairs);
    const pairs = Buffer.allocUnsafe(routes.length * 2);
    routes.forEach((route, i) => pairs.writeUInt16BE(route, i * 2));
    writer.bytes(pairs);
  }
}

function decodeRoutes(reader: VarintReader, records: number): Uint16Array {
  const form = reader.bytes[reader.at++];
  const routes = new Uint16Array(records);
  if (form === ROUTES.repeated) {
    for (let i = 0; i < records;) {
      const route = reader.int32();
      const end = i + count(reader);
      if (end > records || end === i) throw corruptOffsetMap('its routes do not fit its records');
      routes.fill(route, i, end);
      i = end;
    }
    return routes;
  }
  const width = form === ROUTES.bytes ? 1 : 2;
  if (form !== ROUTES.bytes && form !== ROUTES.pairs) throw corruptOffsetMap(`its routes have form ${form}`);
  if (reader.at + records * width > reader.end) throw corruptOffsetMap('it ends inside its routes');
  const stored = reader.bytes.subarray(reader.at, reader.at + records * width);
  reader.at += stored.length;
  if (width === 2) for (let i = 0; i < records; i++) routes[i] = (stored[2 * i]! << 8) | stored[2 * i + 1]!;
  else {
    routes.set(stored);
    for (let i = stored.indexOf(0xff); i >= 0; i = stored.indexOf(0xff, i + 1)) routes[i] = DROPPED;
  }
  return routes;
}

function long(reader: VarintReader): number {
  const value = reader.int64();
  if (typeof value === 'bigint') throw corruptOffsetMap('a number is outside ±(2^53 − 1)');
  return value;
}

function count(reader: VarintReader): number {
  const value = reader.int32();
  if (value < 0) throw corruptOffsetMap('a count is negative');
  return value;
}

function corruptOffsetMap(why: string): AppError {
  return new AppError({
    kind: 'internal',
    code: 'corrupt-offset-map',
    message: `A stored piece of an offset map is damaged: ${why}.`,
  });
}
