import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '#libs/core/kernel';
import type { AccessScope, Principal } from './access.js';
import { Authenticator, unauthenticated, type Credentials } from './authenticator.js';
import { FailedAttempts } from './failed-attempts.js';

/** A token as it is stored: never the token itself. */
export interface TokenEntry {
  readonly id: string;
  /** SHA-256 of the token's UTF-8 text. Enough for random tokens of 256 bits, which have no words to guess. */
  readonly sha256: Uint8Array;
  readonly roles: readonly string[];
  readonly scope?: AccessScope;
  /** Epoch ms from which the token is refused. */
  readonly expiresAt?: number;
}

/** Longest `Authorization` header that is looked at. */
const MAX_HEADER = 4_096;

/**
 * Mode `token`: a token as bearer, or as the password of basic authentication, which stock registry clients send (the user name is not looked at).
 * Every entry is compared in constant time, so that the time of an answer tells nothing.
 */
export class TokenAuthenticator extends Authenticator {
  readonly challenge = 'Bearer realm="weir", Basic realm="weir", charset="UTF-8"';
  readonly #entries: readonly { readonly entry: TokenEntry; readonly principal: Principal }[];
  readonly #failed: FailedAttempts;

  constructor(
    entries: readonly TokenEntry[],
    private readonly clock: Clock,
  ) {
    super();
    this.#entries = entries.map((entry) => ({
      entry,
      principal: { id: entry.id, roles: entry.roles, ...(entry.scope === undefined ? {} : { scope: entry.scope }) },
    }));
    this.#failed = new FailedAttempts(clock);
  }

  authenticate({ authorization, address }: Credentials): Principal {
    if (authorization === undefined) throw unauthenticated('This service asks for a token.');
    const found = this.known({ authorization });
    if (found !== undefined) return found;
    // Only a failed attempt is slowed down: a valid token cannot be guessed, and must not be shut out by a neighbour's mistakes.
    this.#failed.count(address);
    // One answer for unknown, malformed and expired: what is known about a token is told to nobody.
    throw unauthenticated('The token is not valid, or no longer.');
  }

  override known({ authorization }: Pick<Credentials, 'authorization'>): Principal | undefined {
    if (authorization === undefined || authorization.length > MAX_HEADER) return undefined;
    const token = tokenIn(authorization);
    const found = token === undefined ? undefined : this.find(token);
    return found !== undefined && (found.entry.expiresAt ?? Infinity) > this.clock.now() ? found.principal : undefined;
  }

  private find(token: string): { readonly entry: TokenEntry; readonly principal: Principal } | undefined {
    const digest = createHash('sha256').update(token, 'utf8').digest();
    let found;
    for (const candidate of this.#entries) {
      if (timingSafeEqual(candidate.entry.sha256, digest)) found = candidate;
    }
    return found;
  }
}

function tokenIn(authorization: string): string | undefined {
  const [, scheme, value] = /^([A-Za-z]+) +([A-Za-z0-9._~+/=-]+)$/.exec(authorization) ?? [];
  switch (scheme?.toLowerCase()) {
    case 'bearer':
      return value;
    case 'basic': {
      const text = Buffer.from(value ?? '', 'base64').toString('utf8');
      const colon = text.indexOf(':');
      return colon < 0 ? undefined : text.slice(colon + 1);
    }
    default:
      return undefined;
  }
}
