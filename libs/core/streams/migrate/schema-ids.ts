import { AppError } from '#libs/core/kernel';

/** Where ids of schemas are given out: a context of a registry. */
export interface IdSpace {
  /** One that the configuration names; null: that of this service. */
  readonly registry: string | null;
  /** `.` for the default one. */
  readonly context: string;
}

/** A schema as a record names it. */
export type NamedBy = { readonly id: number } | { readonly guid: string };

/** A schema as another context knows it. */
export interface TranslatedSchema {
  readonly schemaId: number;
  readonly guid: string;
}

/** What a record's name of a schema comes to in another context. */
export type Translated =
  | ({ readonly kind: 'known' } & TranslatedSchema)
  /** The source gives it no meaning: the record may be no message of a schema at all. */
  | { readonly kind: 'unknown-here' }
  /** The target does not have the content. `subject`: where it would be registered. */
  | { readonly kind: 'unknown-there'; readonly subject: string };

/**
 * Schemas of one context found in another by what they are: text, language and references, not numbers. Class and injection token in one.
 *
 * Same name, same answer, for ever, once the target has the content: ids never change meaning.
 */
export abstract class SchemaIds {
  /** Reads; registers nothing. @throws `source-registry-not-found` and what reading another registry throws. */
  abstract translate(from: IdSpace, to: string, name: NamedBy): Promise<Translated>;
  /**
   * Registers the content, and before it what it refers to, under the subjects it has at its source, in this context of this service. Harmless to repeat.
   * @throws what registering throws, where the target refuses it: `schema-incompatible`, `operation-not-permitted`.
   */
  abstract register(from: IdSpace, to: string, name: NamedBy): Promise<TranslatedSchema>;
}

/** No registry: nothing has a meaning. */
export class NoSchemaIds extends SchemaIds {
  async translate(): Promise<never> {
    throw noRegistry();
  }

  async register(): Promise<never> {
    throw noRegistry();
  }
}

function noRegistry(): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'migration-format-unavailable',
    message: 'There is no registry here that ids of schemas could be taken from.',
    hint: 'Leave schemaIds out.',
  });
}
