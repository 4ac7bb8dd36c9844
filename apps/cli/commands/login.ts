import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Handler, type Invocation } from '../command.js';
import { usage } from '../failure.js';
import { described } from '../outcome.js';
import { writeSecret } from '../settings/secret-file.js';
import { contextNamed, readUserConfig, userConfigPath, writeUserConfig } from '../settings/user-config.js';

interface Principal {
  readonly id: string;
  readonly roles: readonly string[];
  readonly scope: Readonly<Record<string, readonly string[]>> | null;
}

/** `weir whoami`: who the service takes the caller for. */
export const whoami: Handler = async (invocation) => {
  const settings = await invocation.settings();
  const client = await settings.client();
  const [who, token] = [await client.get<Principal>('/v1/whoami'), await settings.token()];
  return described('Principal', { ...who, server: client.address, token: token?.origin ?? null }, who.id, {
    id: who.id,
    roles: who.roles,
    scope: who.scope ?? 'everything',
    server: client.address,
    token: token?.origin ?? 'none',
  });
};

/**
 * `weir login`: keeps the token of a context in a file that only its owner may read. The token comes from standard input, never from the command line, where others see it, and is kept only
 * when the service takes it.
 */
export const login: Handler = async (invocation) => {
  const { name, config } = await chosen(invocation);
  const token = await tokenGiven(invocation);
  const who = await (await (await invocation.settings()).clientWith(token)).get<Principal>('/v1/whoami');
  const tokenFile = credentialsPath(invocation, name);
  if (!invocation.flags.dryRun) {
    await writeSecret(tokenFile, token, true);
    const context = { ...contextNamed(config, name), tokenFile };
    await writeUserConfig(invocation.io.env, { ...config, contexts: { ...config.contexts, [name]: context } });
  }
  return described(
    'Login',
    { context: name, id: who.id, roles: who.roles, tokenFile, dryRun: invocation.flags.dryRun },
    name,
  );
};

/** `weir logout`: the token of a context is removed, from the disk too where `weir login` has put it there. */
export const logout: Handler = async (invocation) => {
  const { name, config } = await chosen(invocation);
  const { tokenFile, ...context } = contextNamed(config, name);
  if (!invocation.flags.dryRun) {
    await writeUserConfig(invocation.io.env, { ...config, contexts: { ...config.contexts, [name]: context } });
    // A file that somebody else keeps is not ours to remove.
    if (tokenFile === credentialsPath(invocation, name)) await rm(tokenFile, { force: true });
  }
  return described(
    'Logout',
    { context: name, wasLoggedIn: tokenFile !== undefined, dryRun: invocation.flags.dryRun },
    name,
  );
};

async function chosen(invocation: Invocation) {
  const name = (await invocation.settings()).context?.value;
  if (name === undefined)
    throw usage(
      'context-missing',
      'A token is kept for a context, and none is chosen.',
      'Make one: weir context set NAME --url URL. Without one, give the token by WEIR_TOKEN or WEIR_TOKEN_FILE.',
    );
  return { name, config: await readUserConfig(invocation.io.env) };
}

async function tokenGiven(invocation: Invocation): Promise<string> {
  const { io, flags } = invocation;
  if (io.stdinIsTerminal && flags.noInput)
    throw usage('token-missing', 'Nobody can be asked for the token.', 'Give it on standard input: weir login < FILE');
  const [line] = io.stdinIsTerminal ? [await io.hiddenLine('Token (not shown): ')] : await firstOf(io.lines());
  const token = line?.trim();
  if (token) return token;
  throw usage('token-missing', 'No token came on standard input.', 'weir login < FILE');
}

async function firstOf(lines: AsyncIterable<string>): Promise<readonly string[]> {
  for await (const line of lines) return [line];
  return [];
}

/** Where the token of a context is kept: beside the contexts. */
function credentialsPath(invocation: Invocation, context: string): string {
  return join(dirname(userConfigPath(invocation.io.env)), 'tokens', encodeURIComponent(context));
}
