import type { JsonObject } from '#libs/core/kernel';
import type { SchemaType } from '../format.js';
import { sampleInvalid, sampleTooLarge, samplesTooDeep } from '../errors.js';
import { JsonDepthError, JsonSyntaxError, parseLossless, type JsonNode } from '../lossless-json.js';
import { INFERENCE_LIMITS, Observation, Places } from './observation.js';
import { proposeAvro, type ProposalOptions } from './propose-avro.js';
import { proposeJsonSchema } from './propose-json-schema.js';
import { proposeProtobuf } from './propose-protobuf.js';
import { enumCandidates, numberWidth } from './shape.js';

/** What the samples had at one place, in numbers. Paths are JSON pointers; `*` stands for the items of a list and the values of a map. */
export interface FieldStatistics {
  readonly path: string;
  /** Times the place was there, and times its object was there without it. */
  readonly seen: number;
  readonly missing: number;
  readonly optional: boolean;
  readonly nullable: boolean;
  /** Times of each kind of value: `null`, `boolean`, `integer`, `number`, `string`, `array`, `object`. */
  readonly kinds: JsonObject;
  /** Narrowest width that holds all numbers, with the range of whole ones as text. */
  readonly numbers?: {
    readonly width: 'int32' | 'int64' | 'double';
    readonly least?: string;
    readonly greatest?: string;
    readonly fractionDigits: number;
  };
  readonly texts?: {
    readonly longest: number;
    /** Forms that every text had. */
    readonly forms: readonly string[];
    /** Different texts; null when there were more than are counted. */
    readonly distinct: number | null;
    /** The symbols, where the texts look like an enumeration. */
    readonly enum?: readonly string[];
  };
  readonly longestList?: number;
  /** Members of objects here are keys of a map. */
  readonly map?: boolean;
}

/** A place whose samples do not agree, or say too little. */
export interface InferenceConflict {
  readonly path: string;
  readonly message: string;
}

const SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** Places listed at most; proposals are made from all of them. */
const LISTED = 2_000;

/**
 * Learns a schema from samples. Feed it samples one by one; memory is bounded by the number of different places, not by the number of samples. The same samples in the
 * same order give the same text.
 */
export class SchemaInference {
  readonly #root = new Observation(new Places());
  #samples = 0;

  get samples(): number {
    return this.#samples;
  }

  /** @throws `samples-too-deep`, `samples-too-varied`: the limits of {@link INFERENCE_LIMITS}. */
  add(sample: JsonNode): void {
    this.#root.add(sample);
    this.#samples++;
  }

  /** Adds a sample given as JSON text, of which nothing is rounded. @throws also `sample-not-json`, `sample-too-large`. */
  addText(text: string): void {
    if (text.length > INFERENCE_LIMITS.sampleLength) throw sampleTooLarge(INFERENCE_LIMITS.sampleLength, text.length);
    this.add(parsed(text));
  }

  /** Schema text of a type that takes every sample. @throws `samples-no-message` where Protobuf has no message for them. */
  propose(type: SchemaType, options: ProposalOptions): string {
    switch (type) {
      case 'AVRO':
        return proposeAvro(this.#root, options);
      case 'JSON':
        return proposeJsonSchema(this.#root, options);
      case 'PROTOBUF':
        return proposeProtobuf(this.#root, options);
    }
  }

  /** Places in the order of their first sample, the whole first; 2,000 at most. */
  fields(): readonly FieldStatistics[] {
    const list: FieldStatistics[] = [];
    this.#visit((path, one, around) => {
      if (list.length < LISTED) list.push(statisticsOf(path, one, around));
    });
    return list;
  }

  conflicts(): readonly InferenceConflict[] {
    const list: InferenceConflict[] = [];
    this.#visit((path, one) => {
      if (list.length < LISTED) for (const message of conflictsOf(one)) list.push({ path, message });
    });
    return list;
  }

  #visit(look: (path: string, one: Observation, around: number) => void): void {
    const visit = (path: string, one: Observation, around: number): void => {
      look(path, one, around);
      if (one.items !== undefined) visit(`${path}/*`, one.items, one.items.seen);
      if (one.values !== undefined) visit(`${path}/*`, one.values, one.values.seen);
      for (const [name, member] of one.members ?? []) visit(`${path}/${escaped(name)}`, member, one.counts.object);
    };
    visit('', this.#root, this.#root.seen);
  }
}

function parsed(text: string): JsonNode {
  try {
    return parseLossless(text, { maxDepth: INFERENCE_LIMITS.depth });
  } catch (error) {
    if (error instanceof JsonDepthError) throw samplesTooDeep(error.limit);
    if (error instanceof JsonSyntaxError) throw sampleInvalid(error.reason, error.position);
    throw error;
  }
}

function statisticsOf(path: string, one: Observation, around: number): FieldStatistics {
  const { counts } = one;
  const width = numberWidth(one);
  const symbols = enumCandidates(one);
  return {
    path,
    seen: one.seen,
    missing: around - one.seen,
    optional: one.seen < around,
    nullable: counts.null > 0,
    kinds: Object.fromEntries(one.kinds.map((kind) => [kind, counts[kind]])),
    ...(width === undefined
      ? {}
      : {
          numbers: {
            width,
            ...(one.least === undefined ? {} : { least: String(one.least), greatest: String(one.greatest) }),
            fractionDigits: one.fractionDigits,
          },
        }),
    ...(counts.string === 0
      ? {}
      : {
          texts: {
            longest: one.longestText,
            forms: [...(one.forms ?? [])],
            distinct: one.texts?.size ?? null,
            ...(symbols === undefined ? {} : { enum: symbols }),
          },
        }),
    ...(counts.array === 0 ? {} : { longestList: one.longestList }),
    ...(one.values === undefined ? {} : { map: true }),
  };
}

function conflictsOf(one: Observation): readonly string[] {
  const kinds = one.kinds.filter((kind) => kind !== 'null').map((kind) => (kind === 'integer' ? 'number' : kind));
  const distinct = [...new Set(kinds)];
  const found: string[] = [];
  if (distinct.length === 0) found.push('never held anything but null; text is assumed');
  if (distinct.length > 1) found.push(`holds values of several kinds: ${distinct.join(', ')}`);
  if (one.counts.integer > 0 && one.counts.number > 0) found.push('holds whole numbers and others');
  if (numberWidth(one) === 'int64' && (one.least! < -SAFE || one.greatest! > SAFE)) {
    found.push('holds whole numbers beyond 2^53, which JSON readers round; write them as text');
  }
  if (one.counts.integer > 0 && numberWidth(one) === 'double' && one.counts.number === 0) {
    found.push('holds whole numbers beyond 64 bits, which lose digits as double');
  }
  if (one.counts.array > 0 && one.items === undefined) found.push('lists were always empty; their items are unknown');
  if (one.counts.object > 0 && one.members?.size === 0) found.push('objects were always empty; they become a map');
  return found;
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
