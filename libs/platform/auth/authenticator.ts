import { AppError } from '#libs/core/kernel';
import type { Principal } from './access.js';

/** What a request shows of its sender. */
export interface Credentials {
  /** The `Authorization` header as it came, undefined without one. */
  readonly authorization: string | undefined;
  /** Address of the peer, for the count of failed attempts. */
  readonly address: string;
}

/** Tells who sent a request. Quick and without I/O: it runs before every route that is not public. */
export abstract class Authenticator {
  /** Goes into `WWW-Authenticate` of 401 answers; undefined where credentials are never asked for. */
  abstract readonly challenge: string | undefined;
  /** @throws `unauthenticated` without valid credentials, `too-many-attempts` after many wrong ones. */
  abstract authenticate(credentials: Credentials): Principal;
  /**
   * The sender, where {@link authenticate} would tell it without further ado; undefined where it would refuse, or has more to do than a look. Nothing is
   * counted, so it may be asked before.
   */
  known(_credentials: Credentials): Principal | undefined {
    return undefined;
  }
}

/** Mode `none`: everybody may do everything. Only for loopback, which the configuration sees to. */
export class OpenAuthenticator extends Authenticator {
  readonly challenge = undefined;

  authenticate(): Principal {
    return ANONYMOUS;
  }

  override known(): Principal {
    return ANONYMOUS;
  }
}

/** The principal of mode `none`. */
export const ANONYMOUS: Principal = { id: 'anonymous', roles: ['admin'] };

export const unauthenticated = (message: string): AppError =>
  new AppError({
    kind: 'unauthenticated',
    code: 'unauthenticated',
    message,
    hint: 'Send a token as `Authorization: Bearer …`, or as the password of basic authentication.',
  });
