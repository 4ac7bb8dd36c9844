import { AppError } from '#libs/core/kernel';
import { Authorizer, type AccessObject, type Action, type ObjectKind, type Principal } from './access.js';
import { rolesAllow, rolesFor } from './roles.js';

/** What the owner of a kind answers for an object that does not exist. */
export type MissingErrors = Readonly<Partial<Record<ObjectKind, (name: string) => AppError>>>;

/**
 * Decides by role and scope alone, never by what exists: the answer for a name is the same whether the object is there or not.
 * Reading an object outside the scope looks like reading a missing one; anything else that is not allowed is `forbidden`.
 */
export class RoleAuthorizer extends Authorizer {
  constructor(private readonly missing: MissingErrors = {}) {
    super();
  }

  allows(principal: Principal, action: Action, object: AccessObject): boolean {
    return rolesAllow(principal.roles, action, object.kind) && inScope(principal, action, object);
  }

  demand(principal: Principal, action: Action, object: AccessObject): void {
    if (this.allows(principal, action, object)) return;
    const hidden = action === 'read' && object.name !== null && rolesAllow(principal.roles, 'read', object.kind);
    if (hidden) throw (this.missing[object.kind] ?? missingOf(object.kind))(object.name);
    throw forbidden(principal, action, object);
  }
}

function inScope(principal: Principal, action: Action, { kind, name, some }: AccessObject): boolean {
  // An operation is judged by what it changes, which services ask for: ids are in no scope.
  if (principal.scope === undefined || kind === 'operation') return true;
  const patterns = principal.scope.get(kind);
  if (patterns === undefined) return action === 'read' && (kind === 'cluster' || kind === 'service');
  // The kind as a whole: whoever reaches some of it may read it, because services leave out what is not theirs; the rest needs all of it.
  if (name === null) return action === 'read' || some === true || patterns.includes('*');
  return patterns.some((pattern) => matches(pattern, name));
}

function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function missingOf(kind: ObjectKind): (name: string) => AppError {
  const title = `${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
  return (name) =>
    new AppError({
      kind: 'not-found',
      code: `${kind}-not-found`,
      message: `${title} '${name}' does not exist.`,
      details: { [kind]: name },
    });
}

function forbidden(principal: Principal, action: Action, { kind, name, some }: AccessObject): AppError {
  const target = name === null ? `${some === true ? 'any' : 'every'} ${kind}` : `${kind} '${name}'`;
  const roleMissing = !rolesAllow(principal.roles, action, kind);
  return new AppError({
    kind: 'forbidden',
    code: 'forbidden',
    message: `'${principal.id}' may not ${action} ${target}.`,
    hint: roleMissing
      ? `A token with one of these roles may: ${rolesFor(action, kind).join(', ')}.`
      : 'The scope of the token does not cover it.',
    details: { action, kind, name },
  });
}
