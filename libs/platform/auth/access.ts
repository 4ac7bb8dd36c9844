/** What a route does. A table maps roles to actions; a route without a declaration fails the start. */
export const ACTIONS = ['read', 'write', 'alter', 'delete', 'operate', 'govern', 'admin'] as const;
export type Action = (typeof ACTIONS)[number];

/** What a route touches. */
export const OBJECT_KINDS = ['topic', 'subject', 'group', 'view', 'operation', 'cluster', 'service'] as const;
export type ObjectKind = (typeof OBJECT_KINDS)[number];

/** One object an action is asked for; `name` is the user's name for it (logical topic, qualified subject), null for "the kind as a whole". */
export interface AccessObject {
  readonly kind: ObjectKind;
  readonly name: string | null;
  /** With a name of null: any of the kind will do, since whoever asks goes on to ask for each object by its name. */
  readonly some?: true;
}

/**
 * The objects a principal can reach at all, as patterns per kind: `orders.*` is a prefix, `orders` one name, `*` everything. A kind that is not
 * listed is out of reach, except reading `cluster` and `service`. Patterns are never regular expressions.
 */
export type AccessScope = ReadonlyMap<ObjectKind, readonly string[]>;

/** Who asks. `id` is stable and goes into logs and audit; never a secret. */
export interface Principal {
  readonly id: string;
  readonly roles: readonly string[];
  /** Absent: no restriction beyond the roles. */
  readonly scope?: AccessScope;
}

/**
 * The one place that says yes or no, below every API. Services call it themselves for lists, references and look-ups by id, where the route alone
 * cannot know the objects.
 */
export abstract class Authorizer {
  /** Whether the principal may perform the action on the object. Pure and quick: no I/O. */
  abstract allows(principal: Principal, action: Action, object: AccessObject): boolean;
  /** @throws `forbidden`, or `not-found`-like answers where even existence is not to be told (the object's kind decides). */
  abstract demand(principal: Principal, action: Action, object: AccessObject): void;
}
