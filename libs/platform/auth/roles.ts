import type { Action, ObjectKind } from './access.js';

/** Roles from little to much. A principal may hold several; what one of them allows is allowed. */
export const ROLES = ['viewer', 'producer', 'registrar', 'operator', 'governor', 'admin'] as const;
export type Role = (typeof ROLES)[number];

type Grants = Readonly<Partial<Record<Action, readonly ObjectKind[] | 'every kind'>>>;

/**
 * What each role may do, and to which kinds of object. `viewer` reads. `producer` also writes records and positions, and schemas where everybody who writes may
 * register. `registrar` registers schemas wherever the policy leaves that to registrars.
 * `operator` runs topics, groups, views and long work. `governor` decides rules: compatibility, modes, deletion of schemas. `admin` does everything.
 */
export const ROLE_GRANTS: Readonly<Record<Role, Grants>> = {
  viewer: { read: 'every kind' },
  producer: { read: 'every kind', write: ['topic', 'group', 'subject'] },
  registrar: { read: 'every kind', write: ['subject'], alter: ['subject'] },
  operator: {
    read: 'every kind',
    write: ['topic', 'group', 'view', 'operation'],
    alter: ['topic', 'group', 'view', 'operation'],
    delete: ['topic', 'group', 'view'],
    operate: 'every kind',
  },
  governor: {
    read: 'every kind',
    write: ['subject'],
    alter: ['subject'],
    delete: ['subject'],
    govern: 'every kind',
  },
  admin: {
    read: 'every kind',
    write: 'every kind',
    alter: 'every kind',
    delete: 'every kind',
    operate: 'every kind',
    govern: 'every kind',
    admin: 'every kind',
  },
};

/** Whether one of the roles allows the action on this kind. Names that are no roles allow nothing. */
export function rolesAllow(roles: readonly string[], action: Action, kind: ObjectKind): boolean {
  return roles.some((role) => {
    const grants = isRole(role) ? ROLE_GRANTS[role][action] : undefined;
    return grants === 'every kind' || (grants?.includes(kind) ?? false);
  });
}

/** The roles that allow the action on this kind, for messages. */
export function rolesFor(action: Action, kind: ObjectKind): readonly Role[] {
  return ROLES.filter((role) => rolesAllow([role], action, kind));
}

export function isRole(name: string): name is Role {
  return (ROLES as readonly string[]).includes(name);
}
