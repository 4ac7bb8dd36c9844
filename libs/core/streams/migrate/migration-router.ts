import { AppError, isAppError } from '#libs/core/kernel';
import {
  KeyPlacement,
  type LogRecord,
  maxRecordSize,
  type PartitionerSpec,
  type RecordCursor,
  type RecordHeader,
  type StoredRecord,
} from '#libs/core/log';
import { VALUE_SCHEMA_HEADER } from '#libs/core/schema';
import { FILTER_RULE, type Routed, type Router } from '../copy/router.js';
import { type KeyRules, KeyRewriter } from './key-rewriter.js';
import type { PoisonPolicy } from './parameters.js';
import { readsValues, type TransformProgram, transformVersion, writesValues } from './program.js';
import { headersOf } from './pipeline.js';
import { type RawFormat, readRaw } from './raw-values.js';
import type { NamedSchema, RecordValues, ValueFormat, ValueWriter } from './record-values.js';
import { type SchemaIdRules, SchemaIdRewriter } from './schema-id-rewriter.js';
import type { SchemaIds } from './schema-ids.js';
import type { TransformFailure, TransformInput, TransformOutcome, Transforms } from './transforms.js';

/** Why a record cannot be migrated. Counted and shown; never holds contents. */
export type PoisonClass =
  | TransformFailure
  | 'value-does-not-fit-schema'
  | 'record-too-large'
  | 'unknown-schema-id'
  | 'schema-not-translated'
  | 'undecodable-key'
  | 'key-does-not-fit-schema';

export interface MigrationRules {
  /** Logical name. */
  readonly topic: string;
  /** Of source and target alike. */
  readonly partitions: number;
  readonly program: TransformProgram;
  /** Values that are any bytes, and how they are read; null: they are what they say, or JSON text. */
  readonly raw: RawFormat | null;
  /** What values are written as; null: each with the schema it came with. */
  readonly format: ValueFormat | null;
  /** Which schema values name is rewritten first; null: they name what they named. */
  readonly schemaIds: SchemaIdRules | null;
  /** Keys get another format, and records lie where that puts them; null: keys and places stay. */
  readonly key: KeyRules | null;
  /** How keys are placed then; null: by the default partitioner. */
  readonly partitioner: PartitionerSpec | null;
  readonly poison: PoisonPolicy;
  /** Dead letters are parked as well, so that they can be redriven. */
  readonly parks?: boolean;
  /** Bytes of the largest batch the target takes. */
  readonly maxBatchBytes: number;
}

/** What a record becomes, or why it becomes nothing. */
export type Migrated =
  | { readonly kind: 'same' }
  /** `isProvisional`: in a rehearsal, of what has to be registered first. */
  | { readonly kind: 'other'; readonly record: LogRecord; readonly text: string | null; readonly isProvisional?: true }
  | { readonly kind: 'left-out' }
  | { readonly kind: 'poison'; readonly poison: PoisonClass; readonly message: string };

/** Records given to the transforms together, and bytes of results after which no more are asked for. */
const TOGETHER = 200;
const RESULT_BYTES = 4 * 1024 * 1024;
/** What a batch needs beside its only record. */
const BATCH_HEAD_BYTES = 128;

/**
 * Gives each record its new value, headers and timestamp and leaves it in its partition: keys stay, so places do, unless keys get another format and lie where that puts them. Condition M1: a value that does not fit the schema it
 * is to be written with is poison. Records without a value pass, since they end their key whatever its values look like; only headers of theirs get other names or go.
 */
export class MigrationRouter implements Router {
  readonly targets: number;
  readonly #version: string;
  readonly #reads: boolean;
  readonly #writes: boolean;
  readonly #isIdle: boolean;
  readonly #rewriters: Rewriters | undefined;
  readonly #keys: KeyRewriter | undefined;
  readonly #placement: KeyPlacement | undefined;
  readonly #writers = new Map<string, Promise<ValueWriter>>();

  constructor(
    private readonly rules: MigrationRules,
    private readonly transforms: Transforms,
    private readonly values: RecordValues,
    ids: SchemaIds,
    /** Nothing is written or registered of what it answers. */
    isRehearsal: boolean,
  ) {
    const { program, format, partitions, schemaIds, topic } = rules;
    this.targets = partitions;
    this.#version = transformVersion(program);
    this.#writes = writesValues(program) || format !== null;
    this.#reads = readsValues(program) || this.#writes;
    if (schemaIds !== null) {
      const rewriter = (part: 'key' | 'value'): SchemaIdRewriter =>
        new SchemaIdRewriter(schemaIds, ids, topic, isRehearsal, part);
      this.#rewriters = { value: rewriter('value'), key: schemaIds.keys === true ? rewriter('key') : undefined };
    }
    this.#keys = rules.key === null ? undefined : new KeyRewriter(rules.key, values, topic);
    this.#placement = !keysChange(rules) ? undefined : new KeyPlacement(rules.partitioner, partitions);
    this.#isIdle = !this.#reads && program.steps.length === 0 && schemaIds === null && rules.key === null;
  }

  async route(record: StoredRecord, source: number): Promise<Routed> {
    return (await this.routeAll([record], source))[0]!;
  }

  async routeAll(records: readonly StoredRecord[], source: number): Promise<readonly Routed[]> {
    if (this.#isIdle) return records.map(() => source);
    const routed: Routed[] = [];
    let bytes = 0;
    while (routed.length < records.length && bytes < RESULT_BYTES) {
      const some = records.slice(routed.length, routed.length + TOGETHER);
      const migrated = await this.migrate(some, source);
      for (const [i, one] of migrated.entries()) {
        routed.push(this.#routed(some[i]!, source, one));
        if (one.kind === 'other') bytes += maxRecordSize(one.record);
      }
    }
    return routed;
  }

  routeInPlace(_: RecordCursor, source: number): number {
    return this.#isIdle ? source : -1;
  }

  misplaced(key: Uint8Array | null, target: number): string | undefined {
    const expected = this.#placement?.among(key);
    if (expected === undefined || expected.includes(target)) return undefined;
    return `its key belongs to partition ${expected.join(' or ')}`;
  }

  belongsInPlace({ bytes, keyAt, keyLength }: RecordCursor, target: number): boolean {
    return this.#placement?.allows(bytes, keyAt, keyLength, target) ?? true;
  }

  /** What becomes of records of one partition, in order. */
  async migrate(records: readonly StoredRecord[], partition: number): Promise<readonly Migrated[]> {
    const migrated = await this.#renamed(records, partition);
    const keys = this.#keys;
    if (keys === undefined) return migrated;
    return await Promise.all(migrated.map((one, i) => this.#rekeyed(keys, records[i]!, one)));
  }

  /** The record with its key in the new format. */
  async #rekeyed(keys: KeyRewriter, before: StoredRecord, migrated: Migrated): Promise<Migrated> {
    if (migrated.kind !== 'same' && migrated.kind !== 'other') return migrated;
    const record = migrated.kind === 'same' ? before : migrated.record;
    try {
      const { key, headers } = await keys.rewritten(record);
      if (key === null || (record.key !== null && Buffer.compare(key, record.key) === 0)) return migrated;
      const other = { ...record, key, headers };
      return (
        this.#tooLarge(other) ?? { kind: 'other', record: other, text: migrated.kind === 'same' ? null : migrated.text }
      );
    } catch (error) {
      return poisonOf(error);
    }
  }

  #tooLarge(record: LogRecord): Migrated | undefined {
    const size = maxRecordSize(record);
    if (size + BATCH_HEAD_BYTES <= this.rules.maxBatchBytes) return undefined;
    const message = `it takes ${size} bytes, more than ${this.rules.maxBatchBytes} allow`;
    return { kind: 'poison', poison: 'record-too-large', message };
  }

  /** The partition of the new side. */
  #targetOf({ key }: LogRecord, source: number, offset: number): number {
    if (this.#placement === undefined || key === null) return source;
    const target = this.#placement.of(key, 0, key.length, source, offset);
    return target < 0 ? source : target;
  }

  async #renamed(records: readonly StoredRecord[], partition: number): Promise<readonly Migrated[]> {
    const rewriters = this.#rewriters;
    if (rewriters === undefined) return await this.#migrate(records, partition);
    const named = await Promise.all(records.map((one) => this.#named(rewriters, one)));
    const others = named.flatMap((one) => ('named' in one ? [one.named] : []));
    const migrated = await this.#migrate(others, partition);
    let next = 0;
    return named.map((one, i): Migrated => {
      if (!('named' in one)) return one;
      const result = migrated[next++]!;
      const isOther = one.named !== records[i];
      return result.kind === 'same' && isOther ? { kind: 'other', record: one.named, text: null } : result;
    });
  }

  /** The record with the schemas it names rewritten; itself where nothing is. */
  async #named(
    { value: values, key: keys }: Rewriters,
    record: StoredRecord,
  ): Promise<{ readonly named: StoredRecord } | Migrated> {
    try {
      let named = record;
      for (const [part, rewriter] of [
        ['value', values],
        ['key', keys],
      ] as const) {
        const rewritten = await rewriter?.rewritten({ bytes: named[part], headers: named.headers });
        if (rewritten === undefined || rewritten.kind === 'same') continue;
        // What becomes of it shows when the schema is there.
        if (rewritten.kind === 'awaits') return { kind: 'other', record, text: null, isProvisional: true };
        const { bytes, headers } = rewritten;
        // Bytes that only look like a message are not touched: with the schema they come to name they must be one.
        if (this.rules.schemaIds?.to === '.') await this.values.read(this.rules.topic, bytes, headers, part);
        named = { ...named, [part]: bytes, headers };
      }
      return { named };
    } catch (error) {
      return poisonOf(error);
    }
  }

  async #migrate(records: readonly StoredRecord[], partition: number): Promise<readonly Migrated[]> {
    const prepared = await Promise.all(records.map((record) => this.#prepared(record, partition)));
    const inputs = prepared.flatMap((one) => ('input' in one ? [one.input] : []));
    const outcomes = await this.#outcomes(inputs);
    let next = 0;
    return await Promise.all(
      prepared.map(async (one, i) =>
        'input' in one ? this.#finished(records[i]!, one, outcomes[next++]!) : one.migrated,
      ),
    );
  }

  /** What is only written in another format needs no expression evaluated, and no thread for that. */
  async #outcomes(inputs: readonly TransformInput[]): Promise<readonly TransformOutcome[]> {
    const { program } = this.rules;
    if (inputs.length === 0) return [];
    if (program.filter !== null || program.steps.length > 0) return await this.transforms.apply(program, inputs);
    return inputs.map(({ value, headers, timestamp }) => ({ kind: 'kept', value, headers, timestamp }));
  }

  async #prepared(record: StoredRecord, partition: number): Promise<Prepared> {
    const { topic, program } = this.rules;
    const { value, headers, timestamp, offset } = record;
    if (value === null || !this.#reads) {
      const other = headersOf(program, headers);
      const isSame = other.length === headers.length && other.every((one, i) => one === headers[i]);
      return {
        migrated: isSame ? { kind: 'same' } : { kind: 'other', record: { ...record, headers: other }, text: null },
      };
    }
    try {
      const { raw } = this.rules;
      const { text, schema } =
        raw === null ? await this.values.read(topic, value, headers) : readRaw(topic, value, raw);
      const key = keyText(record.key);
      return { input: { value: text, key, headers, timestamp, partition, offset }, schema };
    } catch (error) {
      return { migrated: poisonOf(error) };
    }
  }

  async #finished(record: StoredRecord, { schema, input }: Ready, outcome: TransformOutcome): Promise<Migrated> {
    if (outcome.kind === 'left-out') return outcome;
    if (outcome.kind === 'failed') return { kind: 'poison', poison: outcome.failure, message: outcome.message };
    const { value: text, headers, timestamp } = outcome;
    try {
      const format = this.rules.format ?? formatOf(this.rules.topic, schema);
      const rewrites = this.#writes && (text !== input.value || this.rules.format !== null);
      const written = rewrites ? await (await this.#writerOf(format)).write(text) : undefined;
      const other: LogRecord = {
        key: record.key,
        value: written?.bytes ?? record.value,
        headers: written === undefined ? headers : namedIn(headers, written.header, schema?.inHeader === true),
        timestamp,
      };
      const tooLarge = this.#tooLarge(other);
      if (tooLarge !== undefined) return tooLarge;
      const isSame = written === undefined && headers === record.headers && timestamp === record.timestamp;
      return isSame ? { kind: 'same' } : { kind: 'other', record: other, text };
    } catch (error) {
      return poisonOf(error);
    }
  }

  #writerOf(format: ValueFormat): Promise<ValueWriter> {
    const key = JSON.stringify(format);
    let writer = this.#writers.get(key);
    if (writer === undefined) {
      writer = this.values.writer(format);
      this.#writers.set(key, writer);
      // A writer that could not be made is asked for again.
      writer.catch(() => this.#writers.delete(key));
    }
    return writer;
  }

  #routed(record: StoredRecord, source: number, migrated: Migrated): Routed {
    switch (migrated.kind) {
      case 'same':
        return this.#targetOf(record, source, record.offset);
      case 'other':
        return { target: this.#targetOf(migrated.record, source, record.offset), record: migrated.record };
      case 'left-out':
        return { rule: FILTER_RULE, deadLetter: false };
      case 'poison':
        return this.#poisoned(record, source, migrated.poison);
    }
  }

  #poisoned(record: StoredRecord, source: number, poison: PoisonClass): Routed {
    const park = { rule: poison, since: record.offset, version: this.#version };
    switch (this.rules.poison.policy) {
      case 'fail':
        throw poisonRecord(this.rules.topic, poison, source, record.offset);
      case 'pass-through':
        return { target: this.#targetOf(record, source, record.offset), record, noted: poison };
      case 'park-by-key':
        return { park };
      case 'dlq': {
        const notes = [{ key: 'weir.transform', value: Buffer.from(this.#version) }];
        return this.rules.parks === true ? { park, letter: notes } : { rule: poison, deadLetter: true, notes };
      }
    }
  }
}

/** Of values, and of keys where these name schemas that are rewritten. */
interface Rewriters {
  readonly value: SchemaIdRewriter;
  readonly key: SchemaIdRewriter | undefined;
}

/** Whether keys become other bytes, so that records lie where these belong. */
export function keysChange({ key, schemaIds }: Pick<Partial<MigrationRules>, 'key' | 'schemaIds'>): boolean {
  return Boolean(key) || schemaIds?.keys === true;
}

interface Ready {
  readonly input: TransformInput;
  readonly schema: NamedSchema | null;
}

type Prepared = Ready | { readonly migrated: Migrated };

/** A record that keeps its schema is written with it again. */
function formatOf(topic: string, schema: NamedSchema | null): ValueFormat {
  return schema === null ? { kind: 'json' } : { kind: 'schema', subject: `${topic}-value`, ...schema };
}

/** The headers with the one that names the schema, and without the one that did. */
function namedIn(headers: readonly RecordHeader[], named: RecordHeader | null, did: boolean): readonly RecordHeader[] {
  const others = did || named !== null ? headers.filter((one) => one.key !== VALUE_SCHEMA_HEADER) : headers;
  return named === null ? others : [...others, named];
}

/** A key as JSON text: as it is where it is JSON, otherwise the text it is. */
function keyText(key: Uint8Array | null): string {
  if (key === null) return 'null';
  const text = Buffer.from(key.buffer, key.byteOffset, key.length).toString('utf8');
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}

const POISON: Readonly<Record<string, PoisonClass>> = {
  'undecodable-record': 'undecodable',
  'value-does-not-fit-schema': 'value-does-not-fit-schema',
  'schema-too-complex': 'transform-limit',
  'unknown-schema-id': 'unknown-schema-id',
  'undecodable-key': 'undecodable-key',
  'key-does-not-fit-schema': 'key-does-not-fit-schema',
  'schema-not-translated': 'schema-not-translated',
};

/** What a record is to blame for; anything else stops the work. */
function poisonOf(error: unknown): Migrated & { readonly kind: 'poison' } {
  const poison = isAppError(error) && Object.hasOwn(POISON, error.code) ? POISON[error.code] : undefined;
  if (poison === undefined) throw error;
  return { kind: 'poison', poison, message: (error as AppError).message };
}

function poisonRecord(topic: string, poison: PoisonClass, partition: number, offset: number): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'record-not-migrated',
    message: `The record of '${topic}' at partition ${partition}, offset ${offset} cannot be migrated: ${poison}.`,
    hint: 'Look at it with a sample of the plan; correct the transform, or choose what happens to such records: dlq, park-by-key or pass-through.',
    details: { topic, poison, partition, offset: String(offset) },
  });
}
