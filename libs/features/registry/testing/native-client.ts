import { Authenticator, type Credentials, type Principal } from '#libs/platform/auth';
import type { RegistryApp } from './registry-app.js';

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

/** An answer of the native API; members are read as tests expect them. */
export interface NativeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly json: any;
  readonly text: string;
}

/** Asks the registry's routes in this process. */
export function nativeClient(app: () => RegistryApp) {
  return async (
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    body?: unknown,
    as?: string,
    more: Readonly<Record<string, string>> = {},
  ): Promise<NativeAnswer> => {
    const headers = {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(as === undefined ? {} : { authorization: `Bearer ${as}` }),
      ...more,
    };
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const answer = await app().http.fastify.inject({ method, url, headers, payload });
    return {
      status: answer.statusCode,
      headers: answer.headers,
      text: answer.body,
      json: answer.body === '' ? undefined : JSON.parse(answer.body),
    };
  };
}
