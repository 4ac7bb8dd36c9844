import { resolve } from 'node:path';
import { argument, given, text, type Handler } from '../command.js';
import { usage } from '../failure.js';
import { described, listed } from '../outcome.js';
import {
  contextNamed,
  readUserConfig,
  userConfigPath,
  writeUserConfig,
  type Context,
} from '../settings/user-config.js';

/** `weir config print`: effective values with their origins. Secrets are not shown. */
export const configPrint: Handler = async (invocation) => {
  const settings = await invocation.settings();
  const token = await settings.token();
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
      value: token === undefined ? null : '(set)',
      origin: token?.origin ?? 'none',
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
