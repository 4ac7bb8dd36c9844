import { createHash, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '#libs/platform/config';
import { createLogger, SystemClock } from '#libs/platform/observability';
import { temporaryDirectory } from '#libs/platform/testing';
import { startService, type Service } from '../service.js';

export interface RunningService {
  readonly service: Service;
  readonly url: string;
  /** Lines of the log, from `warn` on. */
  readonly log: readonly string[];
  stop(): Promise<void>;
}

/** The whole service in this process, on a free port and a temporary directory. `env` as for the real one. */
export async function runService(
  env: Readonly<Record<string, string>> = {},
  prepare: (cwd: string) => Promise<void> = async () => undefined,
): Promise<RunningService> {
  const directory = await temporaryDirectory();
  await mkdir(directory.path, { recursive: true });
  await prepare(directory.path);
  const log: string[] = [];
  const config = readConfig({
    env: { WEIR_HTTP_PORT: '0', WEIR_DATA_DIR: join(directory.path, 'data'), ...env },
    cwd: directory.path,
  });
  const service = await startService({
    config: {
      ...config,
      auth: { ...config.auth, tokensFile: config.auth.tokensFile && join(directory.path, config.auth.tokensFile) },
    },
    clock: new SystemClock(),
    logger: createLogger({ level: 'warn', format: 'json' }, { write: (line) => void log.push(line) }),
    version: 'test',
  });
  return {
    service,
    url: service.url,
    log,
    stop: async () => {
      await service.stop();
      await directory.remove();
    },
  };
}

/** A tokens file with a token for each entry. @returns the tokens by id. */
export async function writeTokens(
  cwd: string,
  entries: readonly {
    readonly id: string;
    readonly roles: readonly string[];
    readonly scope?: object;
    readonly expires?: string;
  }[],
): Promise<Record<string, string>> {
  const tokens = Object.fromEntries(entries.map(({ id }) => [id, randomBytes(32).toString('base64url')]));
  const document = {
    tokens: entries.map((entry) => ({
      ...entry,
      sha256: createHash('sha256').update(tokens[entry.id]!).digest('hex'),
    })),
  };
  await writeFile(join(cwd, 'tokens.yaml'), JSON.stringify(document));
  return tokens;
}
