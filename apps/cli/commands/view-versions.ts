import { argument, given, text, type Handler, type Invocation } from '../command.js';
import { Failure } from '../failure.js';
import type { Client } from '../http/client.js';
import { planAndStart } from '../operations/planned.js';
import { described, listed, type Outcome } from '../outcome.js';
import { confirm } from '../settings/confirm.js';
import { milliseconds } from '../settings/durations.js';
import { limitsOf, number } from './op.js';
import { requestFile } from './request-file.js';
import { viewPath, type View } from './views.js';

interface Version extends View {
  readonly role: string;
  readonly createdAt: string;
}

/** `weir view versions`: those that stand side by side, and which one is asked. */
export const versions: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const name = argument(invocation, 0);
  return listed(
    'ViewVersions',
    await versionsOf(client, name),
    [
      { title: 'version', right: true, of: ({ version }) => version },
      { title: 'role', of: ({ role }) => role },
      { title: 'state', of: ({ state }) => state },
      { title: 'worker', of: ({ worker }) => worker },
      { title: 'lag', right: true, of: ({ lag }) => lag },
      { title: 'created', wide: true, of: ({ createdAt }) => createdAt },
      { title: 'problem', wide: true, of: ({ problem }) => problem },
    ],
    ({ version }) => String(version),
  );
};

/** `weir view rebuild`: another version, built by an operation beside the active one, compared with it and switched to. */
export const rebuild: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const declaration = await requestFile(invocation);
  const window = text(invocation, 'rollbackWindow');
  const onDifference = text(invocation, 'onDifference');
  const body = {
    ...(declaration === undefined ? {} : { declaration }),
    ...(given(invocation, 'incomplete') ? { incomplete: true } : {}),
    ...(onDifference === undefined ? {} : { onDifference }),
    cutover: {
      mode: invocation.options['cutover'] === false ? 'manual' : 'auto',
      ...(window === undefined ? {} : { rollbackWindowMs: milliseconds(window, '--rollback-window') }),
    },
  };
  const path = `${viewPath(argument(invocation, 0))}/versions/plans`;
  return planAndStart(invocation, client, path, body, { throttle: limitsOf(invocation) });
};

/** `weir view verify`: rows of a version against those of the active one; exit 1 where they differ. */
export const verify: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const name = argument(invocation, 0);
  const version = await versionOf(invocation, client, name);
  const compared = await client.post<{
    atEqualPositions: boolean;
    columns: string[];
    rows: { active: number; version: number };
    differing: number;
  }>(`${viewPath(name)}/versions/${version}/verify`);
  const { rows, differing, atEqualPositions } = compared;
  return {
    ...described('ViewComparison', { view: name, version, ...compared }, `${name}@${version}`, {
      'rows of the active one': rows.active,
      'rows of this one': rows.version,
      'groups of rows that differ': differing,
      'at equal positions': atEqualPositions ? 'yes' : 'no: one of them has read more',
    }),
    exit: differing === 0 ? 'done' : 'no',
    ...(differing === 0
      ? {}
      : {
          error: {
            code: 'view-versions-differ',
            message: `Version ${version} of '${name}' differs from the active one in ${differing} of 256 groups of rows.`,
            hint: atEqualPositions
              ? 'Nothing was changed. Look at both before it is activated.'
              : 'They have not read the same; verify again when both have.',
          },
        }),
  };
};

/** `weir view activate`: queries see another version from now on. */
export const activate: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const name = argument(invocation, 0);
  const version = await versionOf(invocation, client, name);
  if (invocation.flags.dryRun)
    return shown(
      (await versionsOf(client, name)).find((one) => one.version === version)!,
      'would be activated',
    );
  const patience = text(invocation, 'patience');
  return shown(
    await client.post<Version>(`${viewPath(name)}/versions/${version}/activate`, {
      ...(given(invocation, 'incomplete') ? { incomplete: true } : {}),
      ...(patience === undefined ? {} : { waitMs: Math.min(30_000, milliseconds(patience, '--patience')) }),
    }),
    'is asked now',
  );
};

/** `weir view rollback`: queries see the version before again. */
export const rollback: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const name = argument(invocation, 0);
  if (invocation.flags.dryRun) {
    const before = (await versionsOf(client, name)).find(({ role }) => role === 'PREVIOUS');
    if (before === undefined) throw nothing(name, 'PREVIOUS');
    return shown(before, 'would be asked again');
  }
  return shown(await client.post<Version>(`${viewPath(name)}/rollback`), 'is asked again');
};

/** `weir view retire`: removes a version that is not asked, with its rows. */
export const retire: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const name = argument(invocation, 0);
  const version = number(argument(invocation, 1), '<version>');
  if (!invocation.flags.dryRun) {
    await confirm(invocation, `Remove version ${version} of the view '${name}' with its rows at ${client.address}.`);
    await client.json('DELETE', `${viewPath(name)}/versions/${version}`);
  }
  return described('RetiredView', { view: name, version, dryRun: invocation.flags.dryRun }, `${name}@${version}`);
};

async function versionsOf(client: Client, view: string): Promise<readonly Version[]> {
  return (await client.get<{ items: Version[] }>(`${viewPath(view)}/versions`)).items;
}

/** The version that was named, else the draft: there is one at most. */
async function versionOf(invocation: Invocation, client: Client, view: string): Promise<number> {
  const asked = argument(invocation, 1);
  if (asked !== '') return number(asked, '<version>');
  const draft = (await versionsOf(client, view)).find(({ role }) => role === 'DRAFT');
  if (draft === undefined) throw nothing(view, 'DRAFT');
  return draft.version;
}

function nothing(view: string, role: string): Failure {
  return new Failure({
    code: 'view-version-missing',
    exit: 'not-found',
    message: `'${view}' has no ${role} version.`,
    hint: role === 'DRAFT' ? `Build one: weir view rebuild ${view}` : `weir view versions ${view}`,
  });
}

function shown(view: Version, what: string): Outcome {
  const { name, version, role, state } = view;
  return {
    ...described('View', view as unknown as Record<string, unknown>, `${name}@${version}`, {
      name,
      version,
      role,
      state,
    }),
    text: `version ${version} of ${name} ${what}`,
  };
}
