import { isUtf8 } from 'node:buffer';
import { Breath, measureJson, type Clock, type JsonValue } from '#libs/core/kernel';
import type { MessageCodec } from '#libs/core/registry';
import { INFERENCE_LIMITS, jsonNode, parseLossless, type AddressedPart, type JsonNode } from '#libs/core/schema';
import { samplesTooComplex, topicWithoutSamples } from '../errors.js';
import type { NewestRecord, PartitionEnd } from './newest-records.js';

/** A record that is no sample, although it has the part. */
export interface SampleFailure {
  readonly partition: number;
  readonly offset: number;
  readonly reason: string;
}

/** What the records of one partition, or of all, are as samples. */
export interface SampleCounts {
  readonly records: number;
  readonly used: number;
  /** Parts that are null. */
  readonly absent: number;
  readonly undecodable: number;
}

/** How long records of one answer are decoded, wherever that is done. */
const DECODING_MS = 10_000;
/** Failures that are named. */
const LISTED = 20;
const TOO_LONG = `is longer than ${INFERENCE_LIMITS.sampleLength} bytes`;
const TOO_DEEP = `nests deeper than ${INFERENCE_LIMITS.depth} levels`;
const TOO_MUCH = `holds more than ${INFERENCE_LIMITS.sampleValues} values`;

/** What became of a record: its schema's id, null where it names none; or why it is no sample. */
type Outcome = { readonly schemaId: number | null } | { readonly reason: string };

/**
 * One part of some records as samples: by the schema that it names, or as JSON text. Decoded each time they are gone through, so that many take little memory; what cannot be decoded is counted the first time and left out
 * ever after. The counts are whole when they have been gone through once.
 */
export class RecordSamples implements AsyncIterable<JsonNode> {
  readonly #outcomes = new Map<NewestRecord, Outcome>();
  readonly #until: number;

  constructor(
    private readonly topic: string,
    private readonly part: AddressedPart,
    private readonly ends: readonly PartitionEnd[],
    private readonly tools: { readonly codec: MessageCodec; readonly clock: Clock },
    private readonly signal: AbortSignal,
  ) {
    this.#until = tools.clock.monotonic() + DECODING_MS;
  }

  /**
   * By partition and offset.
   * @throws `samples-too-complex` where decoding takes too long, over all times that they are gone through; `topic-without-samples` at the end where there is none.
   */
  async *[Symbol.asyncIterator](): AsyncIterator<JsonNode> {
    const { clock } = this.tools;
    const breath = new Breath(clock);
    for (const record of this.ends.flatMap(({ records }) => records)) {
      const known = this.#outcomes.get(record);
      if (record.bytes === null || (known !== undefined && 'reason' in known)) continue;
      const sample = await this.#sample(record);
      if (known === undefined) this.#outcomes.set(record, outcomeOf(sample));
      if ('node' in sample) yield sample.node;
      if (clock.monotonic() > this.#until) throw samplesTooComplex(DECODING_MS, this.#outcomes.size);
      await breath.take();
      this.signal.throwIfAborted();
    }
    if (this.counts.used === 0) throw topicWithoutSamples(this.topic, this.part, this.counts, this.failures);
  }

  countsOf({ records }: PartitionEnd): SampleCounts {
    const absent = records.filter(({ bytes }) => bytes === null).length;
    const outcomes = records.flatMap((one) => this.#outcomes.get(one) ?? []);
    const undecodable = outcomes.filter((one) => 'reason' in one).length;
    return { records: records.length, used: outcomes.length - undecodable, absent, undecodable };
  }

  get counts(): SampleCounts {
    const counts = this.ends.map((end) => this.countsOf(end));
    const sum = (member: keyof SampleCounts): number => counts.reduce((total, one) => total + one[member], 0);
    return { records: sum('records'), used: sum('used'), absent: sum('absent'), undecodable: sum('undecodable') };
  }

  /** Samples by the id of the schema that they name, by id; null for JSON text. */
  get writers(): readonly { readonly schemaId: number | null; readonly records: number }[] {
    const counts = new Map<number | null, number>();
    for (const outcome of this.#outcomes.values()) {
      if ('schemaId' in outcome) counts.set(outcome.schemaId, (counts.get(outcome.schemaId) ?? 0) + 1);
    }
    return [...counts]
      .map(([schemaId, records]) => ({ schemaId, records }))
      .sort((a, b) => (a.schemaId ?? 0) - (b.schemaId ?? 0));
  }

  /** The first ones by partition and offset, 20 at most. */
  get failures(): readonly SampleFailure[] {
    const found: SampleFailure[] = [];
    for (const { range, records } of this.ends) {
      for (const record of records) {
        const outcome = this.#outcomes.get(record);
        if (outcome === undefined || !('reason' in outcome)) continue;
        if (found.length === LISTED) return found;
        found.push({ partition: range.partition, offset: record.offset, reason: outcome.reason });
      }
    }
    return found;
  }

  async #sample({ bytes, headers }: NewestRecord): Promise<Sample> {
    if (bytes === undefined || bytes === null) return { reason: TOO_LONG };
    const decoded = await this.tools.codec.decode(bytes, this.part, headers);
    if (decoded === undefined) return plainSample(this.part, bytes);
    if (decoded.kind === 'failed') return { reason: decoded.reason };
    const reason = excessOf(decoded.value);
    return reason === undefined ? { node: jsonNode(decoded.value), schemaId: decoded.schemaId } : { reason };
  }
}

type Sample = { readonly node: JsonNode; readonly schemaId: number | null } | { readonly reason: string };

function outcomeOf(sample: Sample): Outcome {
  return 'node' in sample ? { schemaId: sample.schemaId } : sample;
}

/** JSON text. A key that is no object and no list is the text it is, as most keys are plain words. */
function plainSample(part: AddressedPart, bytes: Uint8Array): Sample {
  if (!isUtf8(bytes)) return { reason: 'names no schema and is not UTF-8 text' };
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  if (part === 'key' && !/^[[{]/.test(text)) return { node: { kind: 'string', at: -1, value: text }, schemaId: null };
  const { depth, values } = measureJson(bytes);
  if (depth > INFERENCE_LIMITS.depth) return { reason: TOO_DEEP };
  if (values > INFERENCE_LIMITS.sampleValues) return { reason: TOO_MUCH };
  try {
    return { node: parseLossless(text, { maxDepth: INFERENCE_LIMITS.depth }), schemaId: null };
  } catch {
    return { reason: 'names no schema and is not JSON text' };
  }
}

/** What a decoded value has too much of to be a sample. Looked at before anything recurses: few bytes can stand for many values. */
function excessOf(value: JsonValue): string | undefined {
  let level: readonly JsonValue[] = [value];
  let values = 0;
  for (let depth = 0; level.length > 0; depth++) {
    values += level.length;
    if (values > INFERENCE_LIMITS.sampleValues) return TOO_MUCH;
    const inner: JsonValue[] = [];
    let containers = 0;
    for (const one of level) {
      if (typeof one !== 'object' || one === null) continue;
      containers++;
      for (const part of Array.isArray(one) ? (one as readonly JsonValue[]) : Object.values(one)) inner.push(part);
    }
    if (containers > 0 && depth >= INFERENCE_LIMITS.depth) return TOO_DEEP;
    level = inner;
  }
  return undefined;
}
