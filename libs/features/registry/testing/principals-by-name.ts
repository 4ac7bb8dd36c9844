import { Authenticator, type Credentials, type Principal } from '#libs/platform/auth';

/** The user's name is the credentials: whoever says `Bearer x` is x; everybody else is an administrator. */
export class PrincipalsByName extends Authenticator {
  readonly challenge = 'Bearer';
  readonly principals = new Map<string, Principal>();

  authenticate({ authorization }: Credentials): Principal {
    return this.principals.get((authorization ?? '').replace('Bearer ', '')) ?? { id: 'root', roles: ['admin'] };
  }

  /** A principal with roles, limited to subjects where patterns are given. */
  add(id: string, roles: readonly string[], ...subjects: readonly string[]): void {
    this.principals.set(id, {
      id,
      roles,
      ...(subjects.length === 0 ? {} : { scope: new Map([['subject', subjects]]) }),
    });
  }
}
