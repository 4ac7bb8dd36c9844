import { isAppError } from '#libs/core/kernel';
import type { SchemaEngine } from '#libs/core/schema';
import { searchIncomplete } from './errors.js';
import type { StoredSchema } from './model.js';
import type { SubjectVersion } from './registering.js';
import type { RegistryView } from './registry-view.js';
import { rarestFirst, termsOf, type SearchTerm } from './search-terms.js';
import type { RegistryStore, SearchPage, VersionSearch } from './store.js';
import { DEFAULT_CONTEXT } from './subject-name.js';

/** What is looked for. */
export interface SchemaSearchQuestion extends Omit<VersionSearch, 'context'> {
  /** Undefined: every context, the default one first. */
  readonly context: string | undefined;
}

/** After which version a search goes on; no name yet: at the beginning of the context. */
export interface SchemaSearchPosition {
  readonly context: string;
  readonly after: { readonly name: string; readonly version: number } | undefined;
}

/** A version without its schema. */
export type FoundVersion = SearchPage['hits'][number];

export interface SchemaSearchPage {
  /** All of one context. */
  readonly hits: readonly FoundVersion[];
  /** Null: nothing comes after. */
  readonly next: SchemaSearchPosition | null;
}

/** Versions given their terms in one write. */
const INDEXED_AT_ONCE = 20;
/** Schemas read from the store in one go; each may be as long as a text may. */
const LOADED_AT_ONCE = 50;

/** Looking versions up by what their schemas hold. */
export class SchemaSearch {
  constructor(
    private readonly store: RegistryStore,
    private readonly view: RegistryView,
    private readonly engine: SchemaEngine,
  ) {}

  /**
   * One step of a search, in the order of contexts, names and numbers: what is looked at is bounded, so that a page may hold fewer than `limit`, or nothing,
   * and yet have a next one.
   * @throws `search-incomplete` while versions of an older release are not found by their terms yet.
   */
  async page(
    question: SchemaSearchQuestion,
    from: SchemaSearchPosition | undefined,
    limit: number,
  ): Promise<SchemaSearchPage> {
    if (question.terms.length > 0 && (await this.store.unindexed(1)).length > 0) throw searchIncomplete();
    const contexts = await this.#contexts(question.context);
    const at = contexts.findIndex((context) => from === undefined || context >= from.context);
    const context = contexts[at];
    if (context === undefined) return { hits: [], next: null };
    const after = from?.context === context ? from.after : undefined;
    const terms = rarestFirst(question.terms);
    const page = await this.store.search({ ...question, context, terms }, after, limit);
    const following = contexts[at + 1];
    const next =
      page.next !== null
        ? { context, after: page.next }
        : following === undefined
          ? null
          : { context: following, after: undefined };
    return { hits: page.hits, next };
  }

  /** The versions found with their schemas, in their order, read a few at a time. One that has been removed meanwhile is passed over. */
  async *load(hits: readonly FoundVersion[]): AsyncGenerator<SubjectVersion> {
    for (let at = 0, end = 0; at < hits.length; at = end) {
      const { context } = hits[at]!.subject;
      for (end = at; end < at + LOADED_AT_ONCE && hits[end]?.subject.context === context;) end++;
      const some = hits.slice(at, end);
      const stored = await this.view.stored(
        context,
        some.map((hit) => hit.row.schemaId),
      );
      for (const { subject, row } of some) {
        const schema = stored.get(row.schemaId);
        if (schema !== undefined) yield { subject, row, schema };
      }
    }
  }

  /** Gives terms to versions that an older release has stored. Resolves when all have them; may be cut short and repeated, at any number of instances. */
  async indexOlder(signal: AbortSignal): Promise<void> {
    for (;;) {
      const lacking = await this.store.unindexed(INDEXED_AT_ONCE);
      if (lacking.length === 0 || signal.aborted) return;
      const indexed = [];
      for (const one of lacking) {
        const { schemas } = await this.store.schemas(one.subject.context, [one.schemaId]);
        const schema = schemas.get(one.schemaId);
        // Removed meanwhile, and the version with it.
        if (schema === undefined) continue;
        indexed.push({ ...one, terms: await this.#termsOf(schema) });
      }
      await this.store.index(indexed);
    }
  }

  async #termsOf(schema: StoredSchema): Promise<readonly SearchTerm[]> {
    const { schemaType, metadata } = schema;
    try {
      const { outline } = await this.engine.read(await this.view.source(schema));
      return termsOf(schemaType, outline, metadata);
    } catch (error) {
      // Stored by rules that have changed since, or refers to what is no longer there: it is still found by the rest.
      if (!isAppError(error)) throw error;
      return termsOf(schemaType, { names: [], fields: [], tags: [] }, metadata);
    }
  }

  /** By code point, which puts the default one first. */
  async #contexts(context: string | undefined): Promise<readonly string[]> {
    if (context !== undefined) return [context];
    const others = (await this.store.contexts()).filter((one) => one !== DEFAULT_CONTEXT);
    return [DEFAULT_CONTEXT, ...others];
  }
}
