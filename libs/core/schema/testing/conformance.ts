import { isAppError } from '#libs/core/kernel';
import { fingerprint } from '../fingerprint.js';
import {
  SchemaFormat,
  type CompatibilityPolicy,
  type ParsedSchema,
  type SchemaReference,
  type SchemaType,
} from '../format.js';
import { SchemaFormats } from '../formats.js';
import { compatibilityLevel, judge } from '../levels.js';
import { verdictMessages } from '../messages.js';
import {
  resolveReferences,
  UnknownReference,
  type CanonicalCase,
  type CaseSchema,
  type ParseCase,
  type ReferencedCase,
  type VerdictCase,
} from './conformance-cases.js';

/** Recorded in the place of a text where the reference registry answered with status 500: nothing is asked there. */
const REFERENCE_FAILED = 'status 500';

/** A schema of a type that a suite does not parse: only its type counts. */
class OpaqueFormat extends SchemaFormat {
  readonly rules = [];
  constructor(readonly type: SchemaType) {
    super();
  }
  parse(text: string): ParsedSchema {
    const self: ParsedSchema = {
      type: this.type,
      canonical: text,
      equivalence: text,
      topLevelFieldNames: [],
      normalised: () => self,
      formatted: () => text,
      taggedParts: () => [],
      retagged: () => text,
      outline: () => ({ names: [], fields: [], tags: [] }),
    };
    return self;
  }
  differences = () => [];
  message = () => '';
  explain = () => ({ what: '', breaks: '', fix: '' });
  readonly warningRules = [];
  doubts = () => [];
}

/** Puts recorded cases to a format, as a registry would, and returns those that come out otherwise. */
export class Conformance {
  readonly #formats: SchemaFormats;

  constructor(
    private readonly format: SchemaFormat,
    /** Whether the order of messages is a promise of the reference for this format. */
    private readonly messageOrder: 'same' | 'any',
  ) {
    const others = (['AVRO', 'JSON', 'PROTOBUF'] as const).filter((type) => type !== format.type);
    this.#formats = new SchemaFormats([format, ...others.map((type) => new OpaqueFormat(type))]);
  }

  wrongVerdicts(cases: readonly VerdictCase[]): readonly object[] {
    return cases.flatMap((one) => {
      const earlier = one.earlier
        .map((schema, i) => ({ version: i + 1, schema: () => this.#stored(schema, one.referenced) }))
        .reverse();
      let compatible: boolean | null = null;
      let messages: readonly string[] = [];
      try {
        const verdict = judge(this.#formats, {
          level: compatibilityLevel(one.level),
          candidate: this.#parsed(one.new, one.referenced),
          earlier,
          policy: (one.policy ?? 'STRICT') as CompatibilityPolicy,
        });
        ({ compatible } = verdict);
        messages = verdictMessages(this.#formats, verdict, { validateFields: false });
      } catch (error) {
        if (!isAppError(error)) throw error;
        messages = [error.message];
      }
      const allowed = [one.compatible, ...(one.alternatives ?? []).map((other) => other.compatible)];
      const comparable = one.messages_stable !== false && one.reference_bug !== true;
      const same =
        compatible !== null && allowed.includes(compatible) && (!comparable || this.#same(messages, one.messages));
      return same ? [] : [{ id: one.id, compatible, messages, expected: one.messages }];
    });
  }

  wrongParses(cases: readonly ParseCase[]): readonly object[] {
    return cases.flatMap((one) => {
      let message: string | null = null;
      try {
        this.#parsed(one, one.referenced);
      } catch (error) {
        if (!isAppError(error) && !(error instanceof UnknownReference)) throw error;
        ({ message } = error);
      }
      const allowed = [one.accepted, ...(one.alternatives ?? []).map((other) => other.accepted)];
      return allowed.includes(message === null) ? [] : [{ id: one.id, schema: one.schema, message }];
    });
  }

  wrongTexts(cases: readonly CanonicalCase[]): readonly object[] {
    const guids = new Map(cases.map((one) => [one.id, one.guid]));
    return cases.flatMap((one) => {
      const plain = this.#parsed(one, one.referenced);
      const normalised = plain.normalised();
      const guid = (text: string, references: readonly SchemaReference[] | undefined): string =>
        fingerprint({ text, references, metadata: one.metadata ?? null }).guid;
      const sorted = [...(one.references ?? [])].sort(
        (a, b) => (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : 0) || a.version - b.version,
      );
      const names = Object.keys(one.formats ?? {});
      const got = {
        stored: plain.canonical,
        guid: guid(plain.canonical, one.references),
        stored_normalized: normalised.canonical,
        guid_normalized: guid(normalised.canonical, sorted),
        formats: names.map((name) => (one.formats![name] === REFERENCE_FAILED ? null : plain.formatted(name))),
        same: (one.same_as ?? []).every((other) => (guids.get(other) ?? one.guid) === one.guid),
      };
      const expected = {
        stored: one.stored,
        guid: one.guid,
        stored_normalized: one.stored_normalized,
        guid_normalized: one.guid_normalized,
        formats: names.map((name) => (one.formats![name] === REFERENCE_FAILED ? null : one.formats![name])),
        same: true,
      };
      return JSON.stringify(got) === JSON.stringify(expected) ? [] : [{ id: one.id, got, expected }];
    });
  }

  /** Texts registered one after another, as stored. */
  #registered(cases: readonly ReferencedCase[] = []) {
    const list: (ReferencedCase & { canonical: string })[] = [];
    for (const one of cases) {
      const type = one.schemaType ?? this.format.type;
      const references = resolveReferences(one.references ?? [], list, this.format.type);
      list.push({ ...one, canonical: this.#formats.get(type).parse(one.schema, { references }).canonical });
    }
    return list;
  }

  #parsed(schema: CaseSchema, referenced: readonly ReferencedCase[] | undefined, validate = true): ParsedSchema {
    const references = resolveReferences(schema.references ?? [], this.#registered(referenced), this.format.type);
    return this.#formats.get(schema.schemaType ?? this.format.type).parse(schema.schema, { references, validate });
  }

  /** As a registry keeps it: stored as canonical text, read back without validation. */
  #stored(schema: CaseSchema, referenced: readonly ReferencedCase[] | undefined): ParsedSchema {
    const { canonical } = this.#parsed(schema, referenced, true);
    return this.#parsed({ ...schema, schema: canonical }, referenced, false);
  }

  #same(messages: readonly string[], expected: readonly string[]): boolean {
    if (this.messageOrder === 'same') return JSON.stringify(messages) === JSON.stringify(expected);
    const [one, other] = [new Set(messages), new Set(expected)];
    return one.size === other.size && [...one].every((text) => other.has(text));
  }
}
