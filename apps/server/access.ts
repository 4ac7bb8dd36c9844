import type { Clock } from '#libs/core/kernel';
import { logErrors } from '#libs/core/log';
import { operationNotFound } from '#libs/core/operations';
import { subjectNotFound } from '#libs/core/registry';
import { viewNotFound } from '#libs/core/streams';
import {
  Authenticator,
  OpenAuthenticator,
  readTokensFile,
  RoleAuthorizer,
  TokenAuthenticator,
  type Authorizer,
} from '#libs/platform/auth';
import type { Config } from '#libs/platform/config';

/** Denied reading looks exactly like the owners' own answers for what is missing. */
export function makeAuthorizer(): Authorizer {
  return new RoleAuthorizer({
    topic: logErrors.topicNotFound,
    group: logErrors.groupNotFound,
    subject: subjectNotFound,
    view: viewNotFound,
    operation: operationNotFound,
  });
}

/** @throws `invalid-tokens-file`. */
export async function makeAuthenticator({ auth }: Config, clock: Clock): Promise<Authenticator> {
  if (auth.mode === 'none') return new OpenAuthenticator();
  return new TokenAuthenticator(await readTokensFile(auth.tokensFile!), clock);
}
