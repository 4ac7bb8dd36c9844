import { readFile } from 'node:fs/promises';
import { HttpSourceRegistries, type SourceRegistryDefinition } from '#libs/adapters/registry-http';
import { AppError, type Clock } from '#libs/core/kernel';
import type { Config, SourceRegistrySetting } from '#libs/platform/config';

const TIMEOUT_MS = 10_000;

/** The registries that the configuration names, secrets and certificates read. @throws `invalid-registry-file`. */
export async function openSourceRegistries({ registries }: Config, clock: Clock): Promise<HttpSourceRegistries> {
  const definitions = new Map<string, SourceRegistryDefinition>();
  for (const [name, setting] of registries) definitions.set(name, await definitionOf(name, setting));
  return new HttpSourceRegistries(definitions, clock);
}

async function definitionOf(name: string, given: SourceRegistrySetting): Promise<SourceRegistryDefinition> {
  const read = async (file: string | undefined): Promise<string | undefined> =>
    file === undefined
      ? undefined
      : readFile(file, 'utf8').catch((error: unknown) => Promise.reject(unreadable(name, file, error)));
  const { tls } = given;
  return {
    url: given.url,
    username: given.username,
    password: given.password ?? (await read(given.passwordFile))?.trim(),
    token: given.token ?? (await read(given.tokenFile))?.trim(),
    allowedAddresses: given.allowedAddresses ?? [],
    timeoutMs: given.timeoutMs ?? TIMEOUT_MS,
    ...(tls === undefined
      ? {}
      : {
          tls: {
            ca: await read(tls.caFile),
            cert: await read(tls.certFile),
            key: await read(tls.keyFile),
            serverName: tls.serverName,
          },
        }),
  };
}

function unreadable(name: string, file: string, cause: unknown): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-registry-file',
    message: `registries.${name} names the file '${file}', which cannot be read.`,
    cause,
  });
}
