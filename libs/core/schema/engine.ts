import type { AppError } from '#libs/core/kernel';
import type { AvroForm } from './avro/mapping.js';
import type { DecodedPayload } from './codec.js';
import type { CompatibilityPolicy, ResolvedReference, SchemaType } from './format.js';
import type { SchemaFormats } from './formats.js';
import type { CompatibilityLevel, Verdict } from './levels.js';
import type { SchemaOutline } from './outline.js';
import type { SchemaFields } from './schema-fields.js';
import type { PayloadRewriting, Rewritten } from './rewriting.js';
import type { TagEdit, TaggedPart } from './tags.js';
import type { ReadingTrial, TrialFailure } from './trial.js';
import type { Warning } from './warnings.js';

/** Schema text with everything it refers to: what it takes to read it, in whatever thread. Plain data. */
export interface SchemaSource {
  /** As sent; an unknown type is refused when the text is read. */
  readonly schemaType: string;
  readonly text: string;
  /** Everything reachable, what a reference needs before it. */
  readonly references: readonly ResolvedReference[];
  /** Equal exactly for equal `references`; empty for none. Spares comparing texts. */
  readonly referencesKey: string;
  /** Stands for `schemaType` and `text` for good, as a context with an id does. Absent for what was just sent. */
  readonly storedAs?: string;
}

export interface ReadOptions {
  /** Read what `normalize=true` stores instead. False by default. */
  readonly normalize?: boolean;
  /** Also put the rules for new schemas to it, and tell whether they refuse it. */
  readonly rules?: NewSchemaRules;
}

/** What new schemas must keep beyond what can be read; as in {@link ParseOptions}. */
export interface NewSchemaRules {
  readonly validate: boolean;
  readonly validateFields: boolean;
}

/** What the registry needs to know of a schema that was understood. */
export interface SchemaReading {
  readonly type: SchemaType;
  /** The text that is stored, returned and hashed. */
  readonly canonical: string;
  /** Equal for two schemas exactly when the registry treats them as the same; null for one that equals no other. Not for people. */
  readonly equivalence: string | null;
  /** The sketch of {@link equivalence}, to be held against a stored text's (`storedSketch`); null where that is. */
  readonly sketch: string | null;
  /** Names declared at the top level of the root, for the reserved-field rule. */
  readonly topLevelFieldNames: readonly string[];
  /** Types, fields and tags by name. */
  readonly outline: SchemaOutline;
  /** Why the rules for new schemas refuse it; null when they do not, or were not asked. */
  readonly refusal: AppError | null;
}

/** An earlier version that takes part in a check. */
export interface EarlierSource {
  /** Null when it has none. */
  readonly version: number | null;
  readonly source: SchemaSource;
}

export interface SourceJudgement {
  readonly level: CompatibilityLevel;
  readonly candidate: SchemaSource;
  /** Compare what `normalize=true` stores of the candidate. */
  readonly normalize: boolean;
  /** Live versions that take part, newest first. Begun again where a first attempt gives up; loaded only as far as they are asked. */
  readonly earlier: () => AsyncIterable<EarlierSource>;
  readonly policy: CompatibilityPolicy;
  /** Look for proofs of what breaks, in {@link Check.proofs}. */
  readonly proofs: boolean;
}

/** Encodes values as payloads of one kind of message, wherever that is done. */
export interface EngineEncoder {
  /** As in {@link PayloadEncoder}. */
  readonly message: string | null;
  readonly indexes: Uint8Array;
  /** As {@link PayloadEncoder.encode}; at once where the value is small. @throws `schema-too-complex` for what takes too long. */
  encode(value: unknown): Uint8Array | Promise<Uint8Array>;
}

/** The codec of one schema, wherever its work is done. Safe to keep and share. */
export interface EngineCodec {
  /** @throws `message-unknown` as {@link SchemaCodec.encoder}, by rejection too. */
  encoder(message?: string): EngineEncoder | Promise<EngineEncoder>;
  /** As {@link SchemaCodec.decode}; at once where what the payload stands for is small. @throws `schema-too-complex` for what takes too long. */
  decode(bytes: Uint8Array, start: number): DecodedPayload | Promise<DecodedPayload>;
  /** As {@link SchemaCodec.decodeBare}. */
  decodeBare(payload: Uint8Array, indexes: Uint8Array): DecodedPayload | Promise<DecodedPayload>;
}

/**
 * Where the work with schema text is done: reading it, comparing it, and writing and reading messages with it. Text comes from anybody, so an adapter decides how much of it the calling thread
 * may do. All methods may be repeated, and answer the same for the same source. An engine serves one store: `storedAs` means one schema for its whole life.
 */
export abstract class SchemaEngine {
  /** The languages it reads. */
  abstract readonly formats: SchemaFormats;

  /** @throws `schema-type-unknown`, `schema-invalid`, `schema-too-large`, `schema-too-complex`. */
  abstract read(source: SchemaSource, options?: ReadOptions): Promise<SchemaReading>;

  /** The text for a `format` query parameter, as {@link ParsedSchema.formatted}. @throws as {@link read}. */
  abstract formatted(source: SchemaSource, format: string): Promise<string>;

  /** The parts with tags in the text, as {@link ParsedSchema.taggedParts}. @throws as {@link read}. */
  abstract taggedParts(source: SchemaSource): Promise<readonly TaggedPart[]>;

  /** The text with tags given and taken, as {@link ParsedSchema.retagged}. @throws as {@link read}; `schema-invalid` for a part that is not there. */
  abstract retagged(source: SchemaSource, edits: readonly TagEdit[]): Promise<string>;

  /**
   * The schema's codec, by the rules for stored text.
   * @param form how Avro values stand in JSON, `plain` unless given; other languages have one form.
   * @throws as {@link read}; `schema-invalid` where no codec can be made of it.
   */
  abstract codec(source: SchemaSource, form?: AvroForm): Promise<EngineCodec>;

  /** What values of the schema have for fields. @throws as {@link read}. */
  abstract fields(source: SchemaSource): Promise<SchemaFields>;

  /** Whether the candidate may follow the earlier versions, as {@link judge} decides. @throws as {@link read}. */
  abstract judge(judgement: SourceJudgement): Promise<Verdict>;

  /** Where that verdict is doubtful, as {@link verdictWarnings} tells. @throws as {@link read}. */
  abstract warnings(judgement: SourceJudgement): Promise<readonly Warning[]>;

  /**
   * Tries a candidate on what others wrote. Records that are not among the failures were read; a record fails once, and failures are in the order of records.
   * @throws as {@link read}; `schema-invalid` for a candidate that reads nothing at all; `schema-too-complex` where all of it together takes too long.
   */
  abstract tried(trial: ReadingTrial): Promise<readonly TrialFailure[]>;

  /**
   * Writes what others wrote anew, with one schema: what becomes of each record, in their order.
   * @throws as {@link tried}.
   */
  abstract rewritten(rewriting: PayloadRewriting): Promise<readonly Rewritten[]>;
}

/** Equal for two sources exactly when they have the same content, with {@link SchemaSource.storedAs} standing for a text. */
export function sourceKey({ schemaType, text, referencesKey, storedAs }: SchemaSource): string {
  return storedAs === undefined ? `/${referencesKey}/${schemaType}/${text}` : `#${referencesKey}/${storedAs}`;
}

/** Characters that reading the source takes in. */
export function sourceLength({ text, references }: SchemaSource): number {
  return references.reduce((length, reference) => length + reference.text.length, text.length);
}
