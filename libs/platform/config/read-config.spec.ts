import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AppError } from '#libs/core/kernel';
import { clusterNames, readConfig, settingsAsMarkdown } from './index.js';
import { namedSettings } from './keys.js';
import { SETTINGS } from './settings.js';

describe('the configuration', () => {
  let cwd: string;
  beforeEach(() => void (cwd = mkdtempSync(join(tmpdir(), 'weir-config-'))));
  afterEach(() => rmSync(cwd, { recursive: true }));

  const read = (env: Record<string, string>, file?: string) => {
    if (file !== undefined) writeFileSync(join(cwd, 'weir.server.yaml'), file);
    return readConfig({ env, cwd });
  };
  const problemsOf = (env: Record<string, string>, file?: string): string[] => {
    try {
      read(env, file);
    } catch (error) {
      expect(error).toMatchObject({ code: 'invalid-configuration' });
      return (error as AppError).items.map((item) => `${item.path} ${item.message}`);
    }
    return [];
  };

  it('holds the defaults when nothing is said', () => {
    const config = read({});
    expect(config.http).toMatchObject({ host: '127.0.0.1', port: 8_081 });
    expect(config.data.dir).toBe('./data');
    expect(config.database.url).toBeUndefined();
    expect(clusterNames(config)).toEqual(['local']);
  });

  it('has defaults that each setting would accept', () => {
    for (const { setting } of namedSettings(SETTINGS)) {
      expect(setting.schema.safeParse(setting.default).success).toBe(true);
    }
  });

  it('takes the file over the defaults and the environment over the file', () => {
    const file = 'http: { port: 9000, host: localhost }\nlog:\n  segmentBytes: 2MiB\n';
    const config = read({ WEIR_HTTP_PORT: '9001', WEIR_LOG_CHECKPOINT_INTERVAL_MS: '2m' }, file);
    expect(config.http).toMatchObject({ port: 9_001, host: 'localhost' });
    expect(config.log).toMatchObject({ segmentBytes: 2_097_152, checkpointIntervalMs: 120_000 });
  });

  it('reports every problem at once, with where it is and what was meant', () => {
    const file = 'http: { prot: 1 }\nlog: { enabled: maybe }\nlgo: {}\n';
    expect(
      problemsOf({ WEIR_HTTP_PORT: '70000', WEIR_DATA_DIRR: 'x', WEIR_LOG_SEGMENT_BYTES: '3 parsecs' }, file),
    ).toEqual([
      'http.prot in weir.server.yaml is not a setting; did you mean http.port?',
      'lgo in weir.server.yaml is not a setting; did you mean log?',
      'WEIR_DATA_DIRR is not a setting; did you mean WEIR_DATA_DIR?',
      'WEIR_HTTP_PORT must be a whole number of 0 to 65535',
      'log.enabled in weir.server.yaml must be true or false',
      'WEIR_LOG_SEGMENT_BYTES must be a whole number of bytes from 1048576 to 1073741824, or with a unit (KiB, MiB, GiB)',
    ]);
  });

  it('does not read what belongs to clients', () => {
    expect(
      problemsOf({ SCHEMA_REGISTRY_URL: 'http://x', WEIR_URL: 'http://x', WEIR_TEST_KAFKA: 'x', HOME: '/' }),
    ).toEqual([]);
  });

  it('refuses an open address without authentication unless told otherwise', () => {
    expect(problemsOf({ WEIR_HTTP_HOST: '0.0.0.0' })).toEqual([expect.stringContaining('http.allowOpen')]);
    expect(problemsOf({ WEIR_HTTP_HOST: '127.0.0.1.example.org' })).toHaveLength(1);
    expect(problemsOf({ WEIR_HTTP_HOST: '0.0.0.0', WEIR_HTTP_ALLOW_OPEN: 'true' })).toEqual([]);
    expect(problemsOf({ WEIR_HTTP_HOST: '0.0.0.0', WEIR_AUTH_MODE: 'token', WEIR_AUTH_TOKENS_FILE: 't' })).toEqual([]);
    expect(problemsOf({ WEIR_AUTH_MODE: 'token' })).toEqual(['auth.tokensFile must be set when auth.mode is token']);
  });

  it('refuses operations that wait for an approval nobody could give', () => {
    const tokens = { WEIR_AUTH_MODE: 'token', WEIR_AUTH_TOKENS_FILE: 't' };
    expect(problemsOf({ WEIR_OPERATIONS_APPROVAL: 'all' })).toEqual([expect.stringContaining('operations.approval')]);
    expect(problemsOf({ WEIR_OPERATIONS_APPROVAL: 'all', ...tokens })).toEqual([]);
    expect(problemsOf({ WEIR_OPERATIONS_APPROVAL: 'none' })).toEqual([]);
  });

  it('reads clusters from the file and, as JSON, from the environment', () => {
    const file =
      'clusters:\n  prod: { bootstrapServers: "a:9092, b:9092", sasl: { mechanism: PLAIN, username: u, password: p } }\n';
    expect(read({}, file).clusters.get('prod')).toMatchObject({ bootstrapServers: ['a:9092', 'b:9092'] });
    const config = read({ WEIR_CLUSTERS: '{"k":{"bootstrapServers":["h:1"]}}', WEIR_LOG_ENABLED: 'false' });
    expect(clusterNames(config)).toEqual(['k']);
  });

  it('refuses clusters that cannot be', () => {
    const problems = problemsOf({
      WEIR_CLUSTERS:
        '{"local":{"bootstrapServers":"h:1"},"a b":{"bootstrapServers":["nohost"],"colour":1},"__proto__":{}}',
    });
    expect(problems.join('\n')).toMatch(/a b\.bootstrapServers\.0: must be host:port/);
    expect(problemsOf({ WEIR_CLUSTERS: '{"local":{"bootstrapServers":"h:1"}}' })).toEqual([
      'WEIR_CLUSTERS local: is the name of the embedded log; choose another',
    ]);
    expect(problemsOf({ WEIR_CLUSTERS: 'kafka:9092' })).toEqual(['WEIR_CLUSTERS must be a map of name to cluster']);
    expect(problemsOf({ WEIR_DEFAULT_CLUSTER: 'prod' })).toEqual(['defaultCluster names no cluster there is (local)']);
  });

  it('reads secrets from files, and never repeats one', () => {
    writeFileSync(join(cwd, 'url'), 'postgres://u:hunter2@h/db\n');
    expect(read({ WEIR_DATABASE_URL_FILE: 'url' }).database.url).toBe('postgres://u:hunter2@h/db');
    expect(problemsOf({ WEIR_DATABASE_URL: 'mysql://u:hunter2@h/db' }).join()).not.toContain('hunter2');
    expect(problemsOf({ WEIR_DATABASE_URL_FILE: 'gone' })).toEqual([
      'WEIR_DATABASE_URL_FILE names a file that cannot be read (ENOENT)',
    ]);
  });

  it('stops on a file that was named and is not there, or is no YAML', () => {
    expect(problemsOf({ WEIR_CONFIG: 'gone.yaml' })).toEqual(['gone.yaml cannot be read (ENOENT)']);
    expect(problemsOf({}, 'a: [')).toEqual(['weir.server.yaml is not valid YAML']);
    expect(problemsOf({}, '- a')).toEqual(['weir.server.yaml must be a map of settings']);
  });

  it('shows every setting in the table', () => {
    const table = settingsAsMarkdown();
    expect(table).toContain(
      '| `log.segmentBytes` | `WEIR_LOG_SEGMENT_BYTES` | bytes, 1048576 to 1073741824 | `134217728` |',
    );
    expect(table).toContain('`WEIR_DATABASE_URL_FILE`');
  });
});
