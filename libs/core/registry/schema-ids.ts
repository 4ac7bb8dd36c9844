import { Breath, isAppError, type Clock } from '#libs/core/kernel';
import { schemaNotFound } from './errors.js';
import type { SchemaEntry, SchemaUsage, StoredSchema } from './model.js';
import type { RegistryView } from './registry-view.js';
import type { RegistryStore } from './store.js';
import { DEFAULT_CONTEXT, isQualified, parseSubject, type SubjectName } from './subject-name.js';

/** A schema found by id or GUID. */
export interface FoundSchema {
  readonly schema: StoredSchema;
  /** The version through which it was found. */
  readonly usage: SchemaUsage;
  /** Every version that carries the id, in the order of registration. */
  readonly usages: readonly SchemaUsage[];
}

/** Uses gone through before it is asked whether others should go on. */
const BETWEEN_BREATHS = 500;

/** What ids and GUIDs stand for. The promises are those of `Registry`. */
export class SchemaIds {
  constructor(
    private readonly store: RegistryStore,
    private readonly view: RegistryView,
    private readonly clock: Clock,
    /** The subject that stands behind a name. */
    private readonly target: (subject: SubjectName) => Promise<SubjectName>,
  ) {}

  async schema(id: number, hint?: string): Promise<FoundSchema> {
    await this.view.refresh();
    for (const [context, subject] of await this.#placesOf(hint)) {
      const entry = await this.view.entry(context, id);
      const usage = entry && chosenUsage(entry, subject);
      if (entry !== undefined && usage !== undefined) return { ...entry, usage };
    }
    throw schemaNotFound(id);
  }

  schemaAtHand(id: number): FoundSchema | undefined {
    const entry = this.view.isFresh ? this.view.entryAtHand(DEFAULT_CONTEXT, id) : undefined;
    const usage = entry && chosenUsage(entry, undefined);
    return usage && { schema: entry.schema, usages: entry.usages, usage };
  }

  async usages(id: number, hint?: string): Promise<readonly SchemaUsage[]> {
    const { schema } = await this.schema(id, hint).catch((error: unknown) => {
      // These lists do not name the id they miss.
      throw isAppError(error, 'schema-not-found') ? schemaNotFound() : error;
    });
    // Where an import gave one content several ids, the reference lists the uses of the id stored last.
    const owner = (await this.store.idOfContent(schema.context, schema)) ?? id;
    const entry = await this.view.entry(schema.context, owner);
    const newest = new Map<string, SchemaUsage>();
    const breath = new Breath(this.clock);
    for (const [i, usage] of (entry?.usages ?? []).entries()) {
      newest.set(usage.subject.name, usage);
      if (i % BETWEEN_BREATHS === 0) await breath.take();
    }
    return [...newest.values()];
  }

  async schemaByGuid(guid: string): Promise<FoundSchema> {
    await this.view.refresh();
    const places = (await this.store.idsOfGuid(canonicalGuid(guid))).filter((one) => !one.purged);
    for (const { context, id } of places) {
      const entry = await this.view.entry(context, id);
      const usage = entry && chosenUsage(entry, undefined);
      if (entry !== undefined && usage !== undefined) return { ...entry, usage };
    }
    throw schemaNotFound(guid);
  }

  async ofGuid(guid: string): Promise<readonly { readonly context: string; readonly id: number }[]> {
    const newest = new Map((await this.store.idsOfGuid(canonicalGuid(guid))).map((one) => [one.context, one.id]));
    return [...newest].map(([context, id]) => ({ context, id }));
  }

  /** Where to look for an id: contexts in order, each with the subject that must own it there, if any. */
  async #placesOf(hint: string | undefined): Promise<readonly (readonly [string, string | undefined])[]> {
    if (hint === undefined || hint === '') return [[DEFAULT_CONTEXT, undefined]];
    const { context, name } = await this.target(parseSubject(hint));
    if (context !== DEFAULT_CONTEXT || isQualified(hint)) return [[context, name === '' ? undefined : name]];
    const others = (await this.store.contextsHolding(name)).map((one) => [one, name] as const);
    return [[DEFAULT_CONTEXT, name], ...others, [DEFAULT_CONTEXT, undefined]];
  }
}

/** The use to show: the subject's own most recent one; without a subject the first live one, or the first. */
function chosenUsage({ usages }: SchemaEntry, subject: string | undefined): SchemaUsage | undefined {
  if (subject !== undefined) return usages.findLast((usage) => usage.subject.name === subject);
  return usages.find((usage) => !usage.deleted) ?? usages[0];
}

/** Lower case with dashes, from either form; other texts stay and find nothing. */
function canonicalGuid(text: string): string {
  const digits = text.replaceAll('-', '').toLowerCase();
  return /^[0-9a-f]{32}$/.test(digits) ? digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') : text;
}
