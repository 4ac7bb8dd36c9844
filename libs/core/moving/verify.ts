import { stableJson, type JsonValue } from '#libs/core/kernel';
import {
  subjectText,
  type RegistryStore,
  type SchemaRecord,
  type StoredSchema,
  type SubjectName,
  type SubjectState,
} from '#libs/core/registry';
import { nameOf, sameAssociation } from './attachments.js';
import type { Attachment, MovedContext, MovedVersion, RetiredId } from './entry.js';
import type { ImportJudge } from './judge.js';

/** Something that is not here as it is at its source. */
export interface Mismatch {
  readonly subject: string;
  readonly version: number | null;
  /** What differs: `version` where it is missing. */
  readonly differs:
    | 'version'
    | 'id'
    | 'deleted'
    | 'type'
    | 'text'
    | 'references'
    | 'metadata'
    | 'rules'
    | Attachment['kind']
    | 'retired-id'
    | 'highest-id';
}

/** Reads back what was brought in and compares it, member by member, with what was staged. Nothing is taken from memory or from digests. */
export class ImportVerifier {
  constructor(
    private readonly store: RegistryStore,
    private readonly judge: ImportJudge,
  ) {}

  /** @param entries under their names here. */
  async versions(entries: readonly MovedVersion[]): Promise<readonly Mismatch[]> {
    const names = new Map<string, SubjectName>(entries.map(({ subject }) => [subjectText(subject), subject]));
    const { states } = await this.store.subjects([...names.values()]);
    const byName = new Map(states.map((state) => [subjectText(state.subject), state]));
    const schemas = await this.#schemas(entries);
    const mismatches: Mismatch[] = [];
    for (const entry of entries) {
      const subject = subjectText(entry.subject);
      const schema = schemas.get(`${entry.subject.context}/${entry.id}`);
      for (const differs of await this.#version(entry, byName.get(subject)!, schema)) {
        mismatches.push({ subject, version: entry.version, differs });
      }
    }
    return mismatches;
  }

  async #version(
    entry: MovedVersion,
    state: SubjectState,
    stored: StoredSchema | undefined,
  ): Promise<readonly Mismatch['differs'][]> {
    const row = state.versions.find((one) => one.version === entry.version);
    if (row === undefined || stored === undefined) return ['version'];
    if (row.schemaId !== entry.id) return ['id'];
    const { content: wanted } = await this.judge.read(entry);
    return [...(row.deleted === entry.deleted ? [] : ['deleted' as const]), ...contentDifferences(wanted, stored)];
  }

  async attachment(entry: Attachment): Promise<readonly Mismatch[]> {
    const isThere = await this.#isThere(entry);
    return isThere ? [] : [{ subject: subjectText(nameOf(entry)), version: null, differs: entry.kind }];
  }

  async #isThere(entry: Attachment): Promise<boolean> {
    if (entry.kind === 'association') {
      const { associations } = await this.store.associationsOfResource(entry.association.resourceId);
      return associations.some((one) => sameAssociation(one, entry.association));
    }
    const [state] = (await this.store.subjects([entry.scope])).states;
    switch (entry.kind) {
      case 'config':
        return sameJson(entry.config, state!.config);
      case 'mode':
        return entry.mode === state!.mode;
      case 'registration':
        return entry.policy === state!.registration;
    }
  }

  async context({ context, lastId }: MovedContext): Promise<readonly Mismatch[]> {
    const subject = subjectText({ context, name: '' });
    return (await this.store.highestId(context)) >= lastId ? [] : [{ subject, version: null, differs: 'highest-id' }];
  }

  async retired({ context, id, guid }: RetiredId): Promise<readonly Mismatch[]> {
    const [taken] = await this.store.taken(context, [id]);
    const subject = subjectText({ context, name: '' });
    return taken?.guid === guid ? [] : [{ subject, version: null, differs: 'retired-id' }];
  }

  async #schemas(entries: readonly MovedVersion[]): Promise<ReadonlyMap<string, StoredSchema>> {
    const schemas = new Map<string, StoredSchema>();
    for (const context of new Set(entries.map((entry) => entry.subject.context))) {
      const ids = entries.filter((entry) => entry.subject.context === context).map((entry) => entry.id);
      for (const [id, schema] of (await this.store.schemas(context, [...new Set(ids)])).schemas) {
        schemas.set(`${context}/${id}`, schema);
      }
    }
    return schemas;
  }
}

function contentDifferences(wanted: SchemaRecord, stored: StoredSchema): readonly Mismatch['differs'][] {
  return [
    ...(wanted.schemaType === stored.schemaType ? [] : ['type' as const]),
    ...(wanted.text === stored.text ? [] : ['text' as const]),
    ...(sameJson(wanted.references, stored.references) ? [] : ['references' as const]),
    ...(sameJson(wanted.metadata, stored.metadata) ? [] : ['metadata' as const]),
    ...(sameJson(wanted.ruleSet, stored.ruleSet) ? [] : ['rules' as const]),
  ];
}

function sameJson(a: unknown, b: unknown): boolean {
  return stableJson((a ?? null) as JsonValue) === stableJson((b ?? null) as JsonValue);
}
