import { isAppError } from '#libs/core/kernel';
import {
  ReferenceWalk,
  requireValidRuleSet,
  subjectText,
  termsOf,
  type RegistryStore,
  type SchemaRecord,
  type SearchTerm,
  type SubjectName,
  type SubjectState,
  type TakenId,
  type VersionRow,
} from '#libs/core/registry';
import { fingerprint, type SchemaEngine, type SchemaOutline } from '#libs/core/schema';
import type { MovedVersion } from './entry.js';
import type { StagedSchemas } from './staged-schemas.js';

/** Why something cannot be brought in as it is. */
export type ConflictCode =
  /** The id stands, or stood, for other content in the context. */
  | 'id-taken'
  /** The version exists with another schema or id. */
  | 'version-taken'
  /** The version exists, but is softly deleted on one side only. */
  | 'deletion-differs'
  /** The text is no schema as it is understood here, or a reference leads nowhere. */
  | 'unreadable'
  /** Settings of the same scope differ. */
  | 'settings-differ'
  /** The resource, or the subject, is associated otherwise. */
  | 'association-differs'
  /** The association cannot be under what its subject is called here, or has no version to be of. */
  | 'association-unfit';

export interface Conflict {
  readonly code: ConflictCode;
  /** Subject or scope, as it is called here. */
  readonly subject: string;
  readonly version: number | null;
  readonly id: number | null;
  /** One sentence. */
  readonly message: string;
}

/** A content as it is stored, with what it is found by. */
export interface ReadContent {
  readonly content: SchemaRecord;
  readonly terms: readonly SearchTerm[];
}

/** What is to be done with a version. */
export type Judgement =
  | { readonly kind: 'same' }
  /** `respelled`: the text is not spelled as the source spells it, so that its GUID differs, too. */
  | { readonly kind: 'register'; readonly read: ReadContent; readonly respelled: boolean }
  | { readonly kind: 'conflict'; readonly conflict: Conflict };

export interface JudgedVersion {
  readonly entry: MovedVersion;
  readonly judgement: Judgement;
  /** What the judgement rests on. */
  readonly state: SubjectState;
}

/** What becomes of texts that are no schemas here: nothing is imported, they are left out, or they are kept as they are. */
export const UNREADABLE = ['refuse', 'skip', 'keep'] as const;
export type Unreadable = (typeof UNREADABLE)[number];

/** What is known of a text that is no schema. */
const NO_OUTLINE: SchemaOutline = { names: [], fields: [], tags: [] };

/** Compares what is staged with what is there. */
export class ImportJudge {
  constructor(
    private readonly store: RegistryStore,
    private readonly engine: SchemaEngine,
    private readonly staged: StagedSchemas,
    private readonly unreadable: Unreadable,
  ) {}

  /** @param entries under their names here. @returns one for each, in their order. */
  async judge(entries: readonly MovedVersion[]): Promise<readonly JudgedVersion[]> {
    const states = await this.#states(entries);
    const taken = await this.#taken(entries);
    const judged: JudgedVersion[] = [];
    for (const entry of entries) {
      const state = states.get(subjectText(entry.subject))!;
      const judgement = await this.#judge(entry, state, taken.get(idKey(entry)));
      judged.push({ entry, judgement, state });
    }
    return judged;
  }

  /** The content as it is stored here. @throws what reading the text throws, unless such texts are kept. */
  async read({ subject, content }: MovedVersion): Promise<ReadContent> {
    const given = { ...content, guid: fingerprint(content).guid };
    try {
      requireValidRuleSet(content.ruleSet);
      const chain = await new ReferenceWalk(this.staged, 'stored').resolve(subject.context, content.references);
      const { canonical: text, outline } = await this.engine.read({
        schemaType: content.schemaType,
        text: content.text,
        references: chain.resolved,
        referencesKey: content.references.length === 0 ? '' : chain.key,
      });
      const record = text === content.text ? given : { ...content, text, guid: fingerprint({ ...content, text }).guid };
      return { content: record, terms: termsOf(content.schemaType, outline, content.metadata) };
    } catch (error) {
      if (this.unreadable !== 'keep' || !isReadingError(error)) throw error;
      return { content: given, terms: termsOf(content.schemaType, NO_OUTLINE, content.metadata) };
    }
  }

  async #judge(entry: MovedVersion, state: SubjectState, taken: TakenId | undefined): Promise<Judgement> {
    const row = state.versions.find((one) => one.version === entry.version);
    // Most often the text is spelled as we spell it, and need not be read to see that it is there.
    const given = fingerprint(entry.content).guid;
    if (row !== undefined && row.schemaId === entry.id && row.guid === given) return present(entry, row);
    let read: ReadContent;
    try {
      read = await this.read(entry);
    } catch (error) {
      if (!isReadingError(error)) throw error;
      return conflict(entry, 'unreadable', `is no schema that can be read here: ${error.message}`);
    }
    const { content } = read;
    if (row !== undefined) {
      if (row.schemaId === entry.id && row.guid === content.guid) return present(entry, row);
      return conflict(entry, 'version-taken', `exists already, with id ${row.schemaId}`);
    }
    if (taken !== undefined && (taken.guid !== content.guid || taken.schemaType !== content.schemaType)) {
      const stands = taken.purged ? 'stood' : 'stands';
      return conflict(entry, 'id-taken', `has id ${entry.id}, which ${stands} for another schema here`);
    }
    return { kind: 'register', read, respelled: content.guid !== (entry.guid ?? given) };
  }

  async #states(entries: readonly MovedVersion[]): Promise<ReadonlyMap<string, SubjectState>> {
    const names = new Map<string, SubjectName>(entries.map(({ subject }) => [subjectText(subject), subject]));
    const { states } = await this.store.subjects([...names.values()]);
    return new Map(states.map((state) => [subjectText(state.subject), state]));
  }

  async #taken(entries: readonly MovedVersion[]): Promise<ReadonlyMap<string, TakenId>> {
    const byContext = new Map<string, number[]>();
    for (const { subject, id } of entries) {
      const ids = byContext.get(subject.context) ?? [];
      byContext.set(subject.context, ids);
      ids.push(id);
    }
    const taken = new Map<string, TakenId>();
    for (const [context, ids] of byContext) {
      for (const one of await this.store.taken(context, ids)) taken.set(`${context}/${one.id}`, one);
    }
    return taken;
  }
}

function present(entry: MovedVersion, row: VersionRow): Judgement {
  if (row.deleted === entry.deleted) return { kind: 'same' };
  return conflict(
    entry,
    'deletion-differs',
    `is ${row.deleted ? '' : 'not '}softly deleted here, unlike at its source`,
  );
}

function conflict({ subject, version, id }: MovedVersion, code: ConflictCode, what: string): Judgement {
  const name = subjectText(subject);
  const message = `Version ${version} of subject '${name}' ${what}`;
  return {
    kind: 'conflict',
    conflict: { code, subject: name, version, id, message: `${message.replace(/\.$/, '')}.` },
  };
}

function idKey({ subject, id }: MovedVersion): string {
  return `${subject.context}/${id}`;
}

/** Whether the schema itself is at fault, not what reads it. */
function isReadingError(error: unknown): error is Error {
  return (
    isAppError(error) && (error.kind === 'unprocessable' || error.kind === 'invalid' || error.kind === 'not-found')
  );
}
