import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { AppError, nearest, type ErrorItem } from '#libs/core/kernel';
import { namedSettings, type NamedSetting } from './keys.js';
import { ruleProblems } from './rules.js';
import { isSetting, type SettingTree } from './setting.js';
import { SETTINGS, type Config } from './settings.js';

/** File that is read when it is there and `WEIR_CONFIG` names no other. */
export const CONFIG_FILE = 'weir.server.yaml';

/** Variables with the prefix that mean something to other programs of the project, or to tests. */
const NOT_OURS = new Set([
  'WEIR_URL',
  'WEIR_CONTEXT',
  'WEIR_OUTPUT',
  'WEIR_TOKEN',
  'WEIR_TOKEN_FILE',
  'WEIR_CA_FILE',
  'WEIR_TIMEOUT',
  'WEIR_REASON',
]);
const OURS_ELSEWHERE = new Set(['WEIR_CONFIG', 'WEIR_FAIL_POINT']);

/** Settings that the environment gives as JSON. */
const AS_JSON = new Set(['clusters', 'registries', 'views.targets']);

export interface ConfigSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where relative paths begin. */
  readonly cwd: string;
}

interface Given {
  readonly value: unknown;
  /** For messages: `http.port in weir.server.yaml`. */
  readonly where: string;
}

/**
 * Reads the configuration: defaults, then the file, then the environment, the later winning. Relative paths in `data.dir` and file settings
 * begin at the working directory.
 * @throws `invalid-configuration` with every problem there is in `items`; values of secrets never appear.
 */
export function readConfig({ env, cwd }: ConfigSources): Config {
  const settings = namedSettings(SETTINGS);
  const problems: ErrorItem[] = [];
  const given = new Map<string, Given>();
  fromFile(env, cwd, settings, given, problems);
  fromEnvironment(env, cwd, settings, given, problems);

  const values = new Map<string, unknown>();
  for (const { key, setting } of settings) {
    const entry = given.get(key);
    if (entry === undefined) {
      values.set(key, setting.default);
      continue;
    }
    const parsed = setting.schema.safeParse(entry.value);
    if (parsed.success) values.set(key, parsed.data);
    else for (const issue of parsed.error.issues) problems.push({ path: entry.where, message: messageOf(issue) });
  }
  if (problems.length > 0) throw invalid(problems);
  const config = nested(SETTINGS, values, []) as Config;
  const broken = ruleProblems(config);
  if (broken.length > 0) throw invalid(broken);
  return config;
}

function fromFile(
  env: ConfigSources['env'],
  cwd: string,
  settings: readonly NamedSetting[],
  given: Map<string, Given>,
  problems: ErrorItem[],
): void {
  const named = env['WEIR_CONFIG'];
  const file = named ?? CONFIG_FILE;
  let content: string;
  try {
    content = readFileSync(resolve(cwd, file), 'utf8');
  } catch (error) {
    if (named === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return;
    problems.push({
      path: file,
      message: `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
    });
    return;
  }
  let document: unknown;
  try {
    // Loaded only where there is a file to read: most starts have none, and every start should be quick.
    const { parse } = createRequire(import.meta.url)('yaml') as typeof import('yaml');
    document = parse(content, { maxAliasCount: 0, stringKeys: true }) ?? {};
  } catch {
    problems.push({ path: file, message: 'is not valid YAML' });
    return;
  }
  walk(document, []);

  function walk(node: unknown, path: readonly string[]): void {
    const key = path.join('.');
    const known = settings.find((one) => one.key === key);
    if (known !== undefined) return void given.set(key, { value: node, where: `${key} in ${file}` });
    const secret = settings.find((one) => one.setting.secret && `${one.key}File` === key);
    if (secret !== undefined) return readSecret(secret, node, `${key} in ${file}`, cwd, given, problems);
    const inside = path.length === 0 || settings.some((one) => one.key.startsWith(`${key}.`));
    if (inside && node === null) return;
    if (inside && typeof node === 'object' && !Array.isArray(node)) {
      for (const [name, child] of Object.entries(node as object)) walk(child, [...path, name]);
      return;
    }
    const where = path.length === 0 ? file : `${key} in ${file}`;
    problems.push({
      path: where,
      message: inside ? 'must be a map of settings' : unknown(key, keysAndMaps(settings)),
    });
  }
}

function fromEnvironment(
  env: ConfigSources['env'],
  cwd: string,
  settings: readonly NamedSetting[],
  given: Map<string, Given>,
  problems: ErrorItem[],
): void {
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith('WEIR_') || value === undefined) continue;
    if (NOT_OURS.has(variable) || OURS_ELSEWHERE.has(variable) || variable.startsWith('WEIR_TEST_')) continue;
    const known = settings.find((one) => one.variable === variable);
    if (known !== undefined) {
      given.set(known.key, { value: AS_JSON.has(known.key) ? asJson(value) : value, where: variable });
      continue;
    }
    const secret = settings.find((one) => one.setting.secret && `${one.variable}_FILE` === variable);
    if (secret !== undefined) readSecret(secret, value, variable, cwd, given, problems);
    else
      problems.push({
        path: variable,
        message: unknown(
          variable,
          settings.map((one) => one.variable),
        ),
      });
  }
}

/** JSON text as its value; text that is none stays text, which the setting refuses. */
function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function readSecret(
  { key }: NamedSetting,
  file: unknown,
  where: string,
  cwd: string,
  given: Map<string, Given>,
  problems: ErrorItem[],
): void {
  if (typeof file !== 'string') return void problems.push({ path: where, message: 'must name a file' });
  try {
    given.set(key, { value: readFileSync(resolve(cwd, file), 'utf8').trim(), where });
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    problems.push({ path: where, message: `names a file that cannot be read (${why})` });
  }
}

function nested(tree: SettingTree, values: ReadonlyMap<string, unknown>, path: readonly string[]): unknown {
  return Object.fromEntries(
    Object.entries(tree).map(([name, node]) => {
      const here = [...path, name];
      return [name, isSetting(node) ? values.get(here.join('.')) : nested(node, values, here)];
    }),
  );
}

/** What a key of the file can be: a setting, or a map of some. */
function keysAndMaps(settings: readonly NamedSetting[]): readonly string[] {
  return [...new Set(settings.flatMap(({ path }) => path.map((_, i) => path.slice(0, i + 1).join('.'))))];
}

function unknown(name: string, names: readonly string[]): string {
  const close = nearest(name, names);
  return `is not a setting${close === undefined ? '' : `; did you mean ${close}?`}`;
}

function messageOf(issue: {
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
}): string {
  const at = issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  return issue.keys === undefined ? `${at}${issue.message}` : `${at}${issue.keys.join(', ')} is not known here`;
}

function invalid(items: readonly ErrorItem[]): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-configuration',
    message: `The configuration has ${items.length === 1 ? 'a problem' : `${items.length} problems`}:\n${items
      .map((item) => `  ${item.path} ${item.message}`)
      .join('\n')}`,
    hint: 'docs/configuration.md lists every setting.',
    items,
  });
}
