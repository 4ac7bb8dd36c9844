import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { nearest } from '#libs/core/kernel';
import { argument, given, text, texts, type Handler } from '../command.js';
import { EXIT_CODES } from '../exit-codes.js';
import { Failure, usage } from '../failure.js';
import { described, listed } from '../outcome.js';
import {
  contextNamed,
  readUserConfig,
  userConfigPath,
  writeUserConfig,
  type Context,
} from '../settings/user-config.js';
import { VERSION } from '../version.js';

export const version: Handler = async ({ flags, settings }) => {
  const data: Record<string, unknown> = { version: VERSION, node: process.version, service: null };
  if (flags.verbose) data['service'] = await (await (await settings()).client()).get('/v1/metadata/version');
  return described('Version', data, VERSION, {
    weir: VERSION,
    node: process.version,
    ...(flags.verbose ? { service: data['service'] } : {}),
  });
};

/** `weir explain`: a rule, a code of an error, or an exit code. */
export const explain: Handler = async (invocation) => {
  const { ruleCatalogue, ruleEntry } = await import('../rules/catalogue.js');
  if (given(invocation, 'list')) {
    return listed(
      'Rules',
      ruleCatalogue(),
      [
        { title: 'rule', of: ({ id }) => id },
        { title: 'category', of: ({ category }) => category },
        { title: 'severity', of: ({ severity }) => severity },
        { title: 'title', of: ({ title }) => title },
        { title: 'purpose', wide: true, of: ({ purpose }) => purpose },
      ],
      ({ id }) => id,
    );
  }
  const asked = argument(invocation, 0);
  const exit = EXIT_CODES.find(({ code, name }) => String(code) === asked || name === asked);
  if (exit !== undefined) return described('ExitCode', { ...exit }, String(exit.code));
  const rule = ruleEntry(asked);
  if (rule !== undefined) return described('Rule', { ...rule }, rule.id);
  const known = [...ruleCatalogue().map(({ id }) => id), ...EXIT_CODES.map(({ name }) => name)];
  const near = nearest(asked, known) ?? known.find((id) => id.endsWith(`/${asked}`));
  throw new Failure({
    code: 'rule-unknown',
    exit: 'not-found',
    message: `There is no rule and no exit code '${asked}'.`,
    hint: near === undefined ? 'weir explain --list shows all rules.' : `Did you mean '${near}'?`,
  });
};

/** `weir api METHOD PATH`: a raw call with the token; the answer as it is. */
export const api: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const method = argument(invocation, 0).toUpperCase();
  const path = argument(invocation, 1);
  if (!path.startsWith('/'))
    throw usage('path-invalid', `'${path}' is no path.`, 'Paths begin with a slash: weir api GET /v1/topics');
  const data = text(invocation, 'data');
  const body =
    data === undefined
      ? undefined
      : data === '-'
        ? await invocation.io.stdin()
        : data.startsWith('@')
          ? await readFile(resolve(invocation.io.cwd, data.slice(1)))
          : data;
  const headers = Object.fromEntries(
    texts(invocation, 'header').map((one) => [
      one.slice(0, one.indexOf(':')).trim().toLowerCase(),
      one.slice(one.indexOf(':') + 1).trim(),
    ]),
  );
  if (invocation.flags.dryRun)
    return described(
      'ApiCall',
      { method, url: client.address + path, body: body === undefined ? null : body.toString() },
      path,
    );
  const answer = await client.call(method, path, {
    ...(body === undefined ? {} : { raw: { bytes: body, type: headers['content-type'] ?? 'application/json' } }),
    headers,
    accept: headers['accept'] ?? '*/*',
  });
  const said = answer.body.toString('utf8');
  if (answer.status >= 400) {
    const { refusal } = await import('../http/refusal.js');
    throw refusal(method, path, answer.status, answer.headers, answer.body);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(said);
  } catch {
    parsed = said;
  }
  return { kind: 'ApiAnswer', data: parsed, text: said === '' ? '' : said.trimEnd(), names: [path] };
};

interface Check {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** `weir doctor`: connectivity, versions, clock, permissions, git. */
export const doctor: Handler = async (invocation) => {
  const settings = await invocation.settings();
  const checks: Check[] = [];
  const attempt = async (check: string, look: () => Promise<string>): Promise<void> => {
    try {
      checks.push({ check, ok: true, detail: await look() });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      checks.push({ check, ok: false, detail: `${error.message}${error.hint === null ? '' : ` ${error.hint}`}` });
    }
  };
  checks.push({
    check: 'server',
    ok: true,
    detail: `${settings.servers.value.join(', ')} (${settings.servers.origin})`,
  });
  checks.push({
    check: 'project',
    ok: true,
    detail: settings.project === undefined ? 'none here' : `${settings.project.root}/${settings.project.fileName}`,
  });
  await attempt('git', async () => {
    const { Repository } = await import('../git/repository.js');
    const repository = await Repository.at(invocation.io.cwd, invocation.io.env);
    return repository === undefined
      ? 'no repository here'
      : `${repository.root}${(await repository.isShallow()) ? ' (shallow: weir check needs --fetch)' : ''}`;
  });
  let date: string | undefined;
  await attempt('reachable', async () => {
    const answer = await (await settings.client()).call('GET', '/subjects', { query: { limit: 1 } });
    date = answer.headers['date'];
    if (answer.status === 401 || answer.status === 403)
      throw (await import('../http/refusal.js')).refusal(
        'GET',
        '/subjects',
        answer.status,
        answer.headers,
        answer.body,
      );
    if (answer.status >= 400)
      throw (await import('../http/refusal.js')).refusal(
        'GET',
        '/subjects',
        answer.status,
        answer.headers,
        answer.body,
      );
    return `${(await settings.client()).address} answers`;
  });
  if (checks.at(-1)!.ok) {
    await attempt('service', async () =>
      JSON.stringify((await (await settings.client()).find('/v1/metadata/version')) ?? 'a registry that is not Weir'),
    );
    if (date !== undefined) {
      const skew = Math.abs(Date.now() - Date.parse(date));
      checks.push({
        check: 'clock',
        ok: skew < 60_000,
        detail: skew < 5_000 ? 'agrees' : `${Math.round(skew / 1_000)} s apart`,
      });
    }
    await attempt('ready', async () =>
      JSON.stringify((await (await settings.client()).find<{ status?: string }>('/readyz'))?.status ?? 'not told'),
    );
  }
  const failed = checks.filter(({ ok }) => !ok);
  return {
    ...listed(
      'Doctor',
      checks,
      [
        { title: 'check', of: ({ check }) => check },
        { title: 'ok', of: ({ ok }) => (ok ? 'yes' : 'NO') },
        { title: 'detail', of: ({ detail }) => detail },
      ],
      ({ check }) => check,
    ),
    exit: failed.length === 0 ? 'done' : failed.some(({ check }) => check === 'reachable') ? 'unreachable' : 'no',
  };
};

/** `weir config print`: effective values with their origins. Secrets are not shown. */
export const configPrint: Handler = async (invocation) => {
  const settings = await invocation.settings();
  const rows = [
    { setting: 'server', value: settings.servers.value.join(', '), origin: settings.servers.origin },
    { setting: 'context', value: settings.context?.value ?? null, origin: settings.context?.origin ?? 'none chosen' },
    {
      setting: 'project',
      value: settings.project === undefined ? null : `${settings.project.root}/${settings.project.fileName}`,
      origin: settings.project === undefined ? 'none found' : 'found',
    },
    {
      setting: 'token',
      value: settings.token === undefined ? null : '(set)',
      origin: settings.token?.origin ?? 'none',
    },
    { setting: 'caFile', value: settings.caFile?.value ?? null, origin: settings.caFile?.origin ?? 'none' },
    { setting: 'timeoutMs', value: settings.timeoutMs.value, origin: settings.timeoutMs.origin },
    { setting: 'userConfig', value: userConfigPath(invocation.io.env), origin: 'XDG_CONFIG_HOME' },
  ];
  return listed(
    'EffectiveConfig',
    rows,
    [
      { title: 'setting', of: ({ setting }) => setting },
      { title: 'value', of: ({ value }) => value },
      { title: 'origin', of: ({ origin }) => origin },
    ],
    ({ setting }) => setting,
  );
};

export const contextList: Handler = async ({ io }) => {
  const { contexts, current } = await readUserConfig(io.env);
  const items = Object.entries(contexts).map(([name, context]) => ({ name, current: name === current, ...context }));
  return listed(
    'Contexts',
    items,
    [
      { title: 'name', of: ({ name }) => name },
      { title: 'current', of: (one) => (one.current ? '*' : '') },
      { title: 'server', of: ({ server }) => server },
      { title: 'production', of: ({ production }) => (production === true ? 'yes' : '') },
      { title: 'cluster', wide: true, of: ({ clusterId }) => clusterId },
    ],
    ({ name }) => name,
    'There are no contexts. Make one: weir context set NAME --url URL',
  );
};

export const contextShow: Handler = async (invocation) => {
  const config = await readUserConfig(invocation.io.env);
  const name = argument(invocation, 0) || config.current;
  if (name === undefined || name === null || name === '')
    throw usage('context-missing', 'No context is chosen.', 'weir context use NAME');
  return described('Context', { name, current: name === config.current, ...contextNamed(config, name) }, name);
};

export const contextUse: Handler = async (invocation) => {
  const config = await readUserConfig(invocation.io.env);
  const name = argument(invocation, 0);
  const context = contextNamed(config, name);
  if (!invocation.flags.dryRun) await writeUserConfig(invocation.io.env, { ...config, current: name });
  return described('Context', { name, current: true, ...context }, name);
};

export const contextSet: Handler = async (invocation) => {
  const config = await readUserConfig(invocation.io.env);
  const name = argument(invocation, 0);
  const present = config.contexts[name];
  const server = text(invocation, 'url') ?? present?.server;
  if (server === undefined)
    throw usage('server-missing', `The new context '${name}' needs an address.`, `weir context set ${name} --url URL`);
  const context: Context = {
    ...present,
    server,
    ...(text(invocation, 'label') === undefined ? {} : { label: text(invocation, 'label') }),
    ...(text(invocation, 'clusterId') === undefined ? {} : { clusterId: text(invocation, 'clusterId') }),
    ...(text(invocation, 'tokenFile') === undefined
      ? {}
      : { tokenFile: resolve(invocation.io.cwd, text(invocation, 'tokenFile')!) }),
    ...(given(invocation, 'production') ? { production: true } : {}),
  };
  if (!invocation.flags.dryRun)
    await writeUserConfig(invocation.io.env, {
      current: config.current ?? name,
      contexts: { ...config.contexts, [name]: context },
    });
  return described('Context', { name, current: (config.current ?? name) === name, ...context }, name);
};
