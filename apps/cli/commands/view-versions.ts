import { argument, given, text, texts, type Handler, type Invocation } from '../command.js';
import { Failure, usage } from '../failure.js';
import type { Client } from '../http/client.js';
import { planAndStart } from '../operations/planned.js';
import { described, listed, type Outcome } from '../outcome.js';
import { range } from '../reference.js';
import { confirm } from '../settings/confirm.js';
import { milliseconds } from '../settings/durations.js';
import { ifDryRun } from './dry-run.js';
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

/**
 * `weir view rebuild`: another version, built by an operation beside the active one, compared with it and switched to. With `--key`, `--partition` or `--range` the rows of these alone, in place.
 */
export const rebuild: Handler = async (invocation) => {
  const scope = scopeOf(invocation);
  const client = await (await invocation.settings()).client();
  const declaration = await requestFile(invocation);
  const view = viewPath(argument(invocation, 0));
  if (scope !== undefined) {
    if (declaration !== undefined)
      throw usage(
        'scope-with-declaration',
        'Another declaration is of all rows, and --key, --partition and --range are of some.',
        'Leave one of them out.',
      );
    const rows = { scope, ...(given(invocation, 'incomplete') ? { incomplete: true } : {}) };
    return planAndStart(invocation, client, `${view}/rebuilds/plans`, rows, { throttle: limitsOf(invocation) });
  }
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
  return planAndStart(invocation, client, `${view}/versions/plans`, body, { throttle: limitsOf(invocation) });
};

/** The rows that are meant; undefined for all of them. */
function scopeOf(invocation: Invocation): object | undefined {
  const [keys, partitions, between] = [
    texts(invocation, 'key'),
    texts(invocation, 'partition'),
    text(invocation, 'range'),
  ];
  const parts = [
    ...(keys.length === 0 ? [] : [{ keys: keys.map(keyOf) }]),
    ...(partitions.length === 0 ? [] : [{ partitions: partitions.map((one) => number(one, '--partition')) }]),
    ...(between === undefined ? [] : [{ range: rangeOf(between) }]),
  ];
  if (parts.length > 1) throw usage('scope-ambiguous', 'Say which rows by one of --key, --partition and --range.');
  const topic = text(invocation, 'topic');
  if (parts.length === 0) {
    if (topic !== undefined)
      throw usage(
        'scope-missing',
        '--topic says whose keys, partitions or records are meant, and none are named.',
        'Name some: --key, --partition or --range.',
      );
    return undefined;
  }
  return { ...parts[0], ...(topic === undefined ? {} : { topic }) };
}

/** A key as text, or after `json:` as the value it is. */
function keyOf(given: string): unknown {
  if (!given.startsWith('json:')) return given;
  try {
    return JSON.parse(given.slice('json:'.length)) as unknown;
  } catch {
    throw usage('key-invalid', `'${given}' (--key) is no JSON behind 'json:'.`);
  }
}

function rangeOf(given: string): object {
  const { from, until } = range(given, Date.now());
  if (from.kind === 'offset' && (until === undefined || until.kind === 'offset'))
    return { from: String(from.offset), ...(until === undefined ? {} : { to: String(until.offset) }) };
  if (from.kind === 'time' && (until === undefined || until.kind === 'time')) {
    const iso = (at: number): string => new Date(at).toISOString();
    return { since: iso(from.at), ...(until === undefined ? {} : { until: iso(until.at) }) };
  }
  throw usage(
    'position-invalid',
    `'${given}' (--range) is no range of offsets or times.`,
    'Write 100:200, @2026-01-31T00:00:00Z:@2026-02-01T00:00:00Z or @-1h.',
  );
}

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
  if (!invocation.flags.dryRun)
    await confirm(invocation, `Remove version ${version} of the view '${name}' with its rows at ${client.address}.`);
  await client.json('DELETE', `${viewPath(name)}/versions/${version}`, { query: ifDryRun(invocation.flags) });
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
