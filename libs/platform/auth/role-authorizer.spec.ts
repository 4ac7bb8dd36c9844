import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '#libs/core/kernel';
import { ACTIONS, OBJECT_KINDS, type AccessScope, type ObjectKind, type Principal } from './access.js';
import { RoleAuthorizer } from './role-authorizer.js';
import { ROLES, rolesAllow } from './roles.js';

const authorizer = new RoleAuthorizer();
const principal = (roles: string[], scope?: Partial<Record<ObjectKind, string[]>>): Principal => ({
  id: 'p',
  roles,
  ...(scope === undefined ? {} : { scope: new Map(Object.entries(scope)) as AccessScope }),
});

describe('roles', () => {
  it('let a viewer read everything and do nothing else', () => {
    for (const kind of OBJECT_KINDS) {
      for (const action of ACTIONS) expect(rolesAllow(['viewer'], action, kind)).toBe(action === 'read');
    }
  });

  it('let an admin do everything', () => {
    for (const kind of OBJECT_KINDS)
      for (const action of ACTIONS) expect(rolesAllow(['admin'], action, kind)).toBe(true);
  });

  it('keep registrars from records, producers from what only registrars may, and both from rules', () => {
    expect(rolesAllow(['producer'], 'write', 'topic')).toBe(true);
    expect(rolesAllow(['producer'], 'write', 'subject')).toBe(true);
    expect(rolesAllow(['producer'], 'alter', 'subject')).toBe(false);
    expect(rolesAllow(['registrar'], 'write', 'subject')).toBe(true);
    expect(rolesAllow(['registrar'], 'alter', 'subject')).toBe(true);
    expect(rolesAllow(['registrar'], 'write', 'topic')).toBe(false);
    for (const role of ['producer', 'registrar', 'operator'])
      expect(rolesAllow([role], 'govern', 'subject')).toBe(false);
  });

  it('add up, and unknown ones give nothing', () => {
    expect(rolesAllow(['producer', 'registrar'], 'write', 'subject')).toBe(true);
    for (const name of ['root', '__proto__', 'constructor', ''])
      expect(rolesAllow([name], 'read', 'topic')).toBe(false);
  });
});

describe('a scope', () => {
  it('is made of prefixes and names', () => {
    const one = principal(['admin'], { topic: ['orders.*', 'exact'] });
    const may = (name: string) => authorizer.allows(one, 'read', { kind: 'topic', name });
    expect(['orders.', 'orders.a', 'exact', 'orders', 'exactly', 'Orders.a', ''].map(may)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  it('takes pattern characters of other languages for what they are', () => {
    const one = principal(['admin'], { topic: ['a.b', '(x+)+$', '.*'] });
    expect(authorizer.allows(one, 'read', { kind: 'topic', name: 'aXb' })).toBe(false);
    expect(authorizer.allows(one, 'read', { kind: 'topic', name: '.hidden' })).toBe(true);
  });

  it('leaves kinds it does not name out of reach, but for reading about the service', () => {
    const one = principal(['admin'], { topic: ['*'] });
    expect(authorizer.allows(one, 'read', { kind: 'subject', name: 'x' })).toBe(false);
    expect(authorizer.allows(one, 'read', { kind: 'subject', name: null })).toBe(false);
    expect(authorizer.allows(one, 'read', { kind: 'service', name: null })).toBe(true);
    expect(authorizer.allows(one, 'admin', { kind: 'service', name: null })).toBe(false);
  });

  it('allows lists to whoever has some of a kind, and changes of the whole kind only to whoever has all of it', () => {
    const some = principal(['admin'], { subject: ['a.*'] });
    const all = principal(['admin'], { subject: ['*'] });
    expect(authorizer.allows(some, 'read', { kind: 'subject', name: null })).toBe(true);
    expect(authorizer.allows(some, 'govern', { kind: 'subject', name: null })).toBe(false);
    expect(authorizer.allows(all, 'govern', { kind: 'subject', name: null })).toBe(true);
  });

  it('never allows what the roles do not', () => {
    fc.assert(
      fc.property(
        fc.subarray([...ROLES]),
        fc.constantFrom(...ACTIONS),
        fc.constantFrom(...OBJECT_KINDS),
        fc.string(),
        fc.array(fc.string()),
        (roles, action, kind, name, patterns) => {
          const allowed = authorizer.allows(principal(roles, { [kind]: patterns }), action, { kind, name });
          if (allowed) expect(rolesAllow(roles, action, kind)).toBe(true);
          // Taking the scope away never takes anything away.
          if (allowed) expect(authorizer.allows(principal(roles), action, { kind, name })).toBe(true);
        },
      ),
    );
  });
});

describe('a demand', () => {
  const missing = new RoleAuthorizer({
    topic: (topic) =>
      new AppError({ kind: 'not-found', code: 'topic-not-found', message: `Topic '${topic}' does not exist.` }),
  });
  const refusal = (one: Principal, action: (typeof ACTIONS)[number], name: string | null): AppError => {
    try {
      missing.demand(one, action, { kind: 'topic', name });
    } catch (error) {
      return error as AppError;
    }
    throw new Error('was allowed');
  };

  it('answers reading outside the scope as the owner answers for what is missing', () => {
    expect(refusal(principal(['viewer'], { topic: ['a'] }), 'read', 'b')).toMatchObject({
      code: 'topic-not-found',
      message: "Topic 'b' does not exist.",
    });
  });

  it('answers anything else with what may not be done, and who may', () => {
    expect(refusal(principal(['viewer']), 'write', 'b')).toMatchObject({
      kind: 'forbidden',
      message: "'p' may not write topic 'b'.",
      hint: 'A token with one of these roles may: producer, operator, admin.',
    });
    expect(refusal(principal(['admin'], { topic: ['a'] }), 'write', 'b').hint).toContain('scope');
    expect(refusal(principal(['viewer']), 'alter', null).message).toBe("'p' may not alter every topic.");
  });
});
