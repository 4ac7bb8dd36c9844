import { createHash } from 'node:crypto';
import { resolvedReferences, SCHEMA_LIMITS, type ResolvedReference, type SchemaReference } from '#libs/core/schema';
import { referenceInvalid, referenceNotFound, tooManyReferences } from './errors.js';
import { latestLive, type StoredSchema, type SubjectState, type VersionRow } from './model.js';
import type { ReferenceTarget } from './store.js';
import { DEFAULT_CONTEXT, isQualified, parseSubject, type SubjectName } from './subject-name.js';

/** A reference as it was sent; parts may be missing, version -1 means the latest. */
export interface SentReference {
  readonly name?: string | null;
  readonly subject?: string | null;
  readonly version?: number | null;
}

/** References with what they stand for. */
export interface ReferenceChain {
  /** The direct ones, versions as numbers. */
  readonly references: readonly SchemaReference[];
  /** Their places, in the same order. */
  readonly targets: readonly ReferenceTarget[];
  /** Everything reachable, what a reference needs before it; the first of a name stands. */
  readonly resolved: readonly ResolvedReference[];
  /** Equal for equal `resolved`. Numbers of versions can come to mean other schemas after deletion for good; ids cannot. */
  readonly key: string;
  /** States the direct references were read from. */
  readonly states: readonly SubjectState[];
}

/** Where references are looked up: the registry, or what stands before it. */
export interface ReferenceSource {
  subject(name: SubjectName): Promise<SubjectState>;
  /** The schema of a version that {@link subject} told of. */
  schemaOf(subject: SubjectName, row: VersionRow): Promise<StoredSchema>;
}

/** What a schema without references has. */
export const NO_REFERENCES = { resolved: [], key: '' } as const;

/** Direct references of one schema, and how deep references of references may go. */
const MAX_DIRECT = 256;
const MAX_DEPTH = 32;

/** Follows references through the registry, depth first. */
export class ReferenceWalk {
  readonly #resolved = new Map<string, ResolvedReference>();
  readonly #visited = new Set<string>();
  /** Names with the ids they stand for, in order. */
  readonly #places: string[] = [];
  #count = 0;

  /** @param versions which versions the direct references may name: a new schema cannot refer to deleted ones, a stored one may since have come to. */
  constructor(
    private readonly source: ReferenceSource,
    private readonly versions: 'live' | 'stored',
  ) {}

  /**
   * @param context that of the referring schema: unqualified subjects are looked up there.
   * @throws `reference-not-found`, `reference-invalid`, `schema-too-large`.
   */
  async resolve(context: string, references: readonly SentReference[]): Promise<ReferenceChain> {
    if (references.length > MAX_DIRECT) throw tooManyReferences('referencesDirect', MAX_DIRECT, references.length);
    const direct: SchemaReference[] = [];
    const targets: ReferenceTarget[] = [];
    const states: SubjectState[] = [];
    for (const sent of references) {
      const { reference, target, state } = await this.#follow(context, requireWhole(sent), this.versions, 1);
      direct.push(reference);
      targets.push(target);
      states.push(state);
    }
    const key = createHash('sha256')
      .update(JSON.stringify([this.#places, direct]))
      .digest('base64');
    return { references: direct, targets, states, resolved: resolvedReferences(this.#resolved, direct), key };
  }

  async #follow(context: string, reference: SchemaReference, versions: 'live' | 'stored', depth: number) {
    if (++this.#count > SCHEMA_LIMITS.references * 4) {
      throw tooManyReferences('referencesTransitive', SCHEMA_LIMITS.references, this.#count);
    }
    if (depth > MAX_DEPTH) throw tooManyReferences('referenceDepth', MAX_DEPTH, depth);
    const subject = targetSubject(context, reference.subject);
    if (subject === undefined) throw notFound(reference);
    const state = await this.source.subject(subject);
    const row =
      reference.version === -1
        ? latestLive(state)
        : state.versions.find((one) => one.version === reference.version && (versions === 'stored' || !one.deleted));
    if (row === undefined) throw notFound(reference);
    const schema = await this.source.schemaOf(subject, row);
    await this.#collect(reference.name, schema, depth);
    return { reference: { ...reference, version: row.version }, target: { subject, version: row.version }, state };
  }

  async #collect(name: string, schema: StoredSchema, depth: number): Promise<void> {
    const place = `${schema.context}/${schema.id}`;
    if (!this.#visited.has(place)) {
      this.#visited.add(place);
      // What a stored schema refers to was live once; it may have been deleted softly since.
      for (const inner of schema.references) await this.#follow(schema.context, inner, 'stored', depth + 1);
    }
    if (this.#resolved.has(name)) return;
    if (this.#resolved.size >= SCHEMA_LIMITS.references) {
      throw tooManyReferences('referencesTransitive', SCHEMA_LIMITS.references, this.#resolved.size + 1);
    }
    const { schemaType, text, references } = schema;
    // What is not registered has no id of its own and stands for itself.
    this.#places.push(name, schema.id > 0 ? place : `${schema.schemaType} ${schema.text}`);
    this.#resolved.set(name, { name, schemaType, text, references });
  }
}

/** From a named context the default one cannot be named (contract 3.7). */
function targetSubject(context: string, text: string): SubjectName | undefined {
  const subject = parseSubject(text, context);
  const crossesIntoDefault = isQualified(text) && subject.context === DEFAULT_CONTEXT && context !== DEFAULT_CONTEXT;
  return crossesIntoDefault ? undefined : subject;
}

function requireWhole({ name, subject, version }: SentReference): SchemaReference {
  if (isGiven(name) && isGiven(subject) && isGiven(version)) return { name, subject, version };
  throw referenceInvalid(name ?? null, subject ?? null, version ?? null);
}

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

function notFound({ name, subject, version }: SchemaReference): Error {
  return referenceNotFound(name, subject, version);
}
