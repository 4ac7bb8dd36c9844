import { resolve } from 'node:path';
import { argument, text, type Handler } from '../command.js';
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
  const { flags, io } = invocation;
  const { origins } = flags;
  const settings = await invocation.settings();
  const token = await settings.token();
  const ofContext = (value: string | undefined): string =>
    value === undefined ? 'none' : `context ${settings.context!.value}`;
  const colour = origins.colour === 'built in' ? 'auto' : flags.colour ? 'always' : 'never';
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
    { setting: 'output', value: invocation.output, origin: origins.output },
    { setting: 'colour', value: colour, origin: origins.colour },
    { setting: 'input', value: flags.noInput ? 'never asked' : 'asked', origin: origins.input },
    { setting: 'timeoutMs', value: flags.timeoutMs, origin: origins.timeoutMs },
    { setting: 'reason', value: settings.reason?.value ?? null, origin: settings.reason?.origin ?? 'none' },
    { setting: 'clusterId', value: settings.target?.clusterId ?? null, origin: ofContext(settings.target?.clusterId) },
    {
      setting: 'userConfig',
      value: userConfigPath(io.env),
      origin: io.env['XDG_CONFIG_HOME'] ? 'XDG_CONFIG_HOME' : 'built in',
    },
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
  const items = Object.entries(contexts).map(([name, context]) => wholeContext(name, name === current, context));
  return listed(
    'Contexts',
    items,
    [
      { title: 'name', of: ({ name }) => name },
      { title: 'current', of: (one) => (one.current ? '*' : '') },
      { title: 'server', of: ({ server }) => server },
      { title: 'production', of: ({ production }) => (production ? 'yes' : '') },
      { title: 'label', wide: true, of: ({ label }) => label },
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
  return shown(wholeContext(name, name === config.current, contextNamed(config, name)));
};

export const contextUse: Handler = async (invocation) => {
  const config = await readUserConfig(invocation.io.env);
  const name = argument(invocation, 0);
  const context = contextNamed(config, name);
  if (!invocation.flags.dryRun) await writeUserConfig(invocation.io.env, { ...config, current: name });
  return shown(wholeContext(name, true, context));
};

export const contextSet: Handler = async (invocation) => {
  const config = await readUserConfig(invocation.io.env);
  const name = argument(invocation, 0);
  const present = config.contexts[name];
  const server = text(invocation, 'url') ?? present?.server;
  if (server === undefined)
    throw usage('server-missing', `The new context '${name}' needs an address.`, `weir context set ${name} --url URL`);
  const file = (option: string): string | undefined => {
    const path = text(invocation, option);
    return path ? resolve(invocation.io.cwd, path) : path;
  };
  const changed: Partial<Context> = {
    label: text(invocation, 'label'),
    clusterId: text(invocation, 'clusterId'),
    tokenFile: file('tokenFile'),
    caFile: file('caFile'),
    production: invocation.options['production'] as boolean | undefined,
  };
  // What is not named stays; an empty text takes away.
  const members = Object.entries({ ...present, ...Object.fromEntries(given(changed)) });
  const kept = Object.fromEntries(members.filter(([, value]) => value !== '' && value !== false));
  const context: Context = { ...kept, server };
  if (!invocation.flags.dryRun)
    await writeUserConfig(invocation.io.env, {
      current: config.current ?? name,
      contexts: { ...config.contexts, [name]: context },
    });
  return shown(wholeContext(name, (config.current ?? name) === name, context));
};

const given = (members: object): [string, unknown][] =>
  Object.entries(members).filter(([, value]) => value !== undefined);

/** Every member, whatever is set. */
function wholeContext(name: string, current: boolean, context: Context) {
  const { server, label = null, production = false, clusterId = null, tokenFile = null, caFile = null } = context;
  return { name, current, server, label, production, clusterId, tokenFile, caFile };
}

function shown(context: ReturnType<typeof wholeContext>) {
  return described('Context', context, context.name);
}
