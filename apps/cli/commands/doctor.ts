import type { Handler, Invocation } from '../command.js';
import type { ExitName } from '../exit-codes.js';
import { Failure } from '../failure.js';
import type { Client } from '../http/client.js';
import { serviceVersion } from '../http/service-version.js';
import { listed } from '../outcome.js';
import type { Settings } from '../settings/settings.js';
import { VERSION } from '../version.js';

/** Beyond it certificates, tokens and times that are compared go wrong. */
const MOST_SKEW_MS = 60_000;
/** The header tells whole seconds, and is older than the answer. */
const TOLD_SKEW_MS = 5_000;

interface Check {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

interface Principal {
  readonly id: string;
  readonly roles: readonly string[];
  readonly scope: Readonly<Record<string, readonly string[]>> | null;
}

/** `weir doctor`: project, git, connectivity, versions, clock, permissions: each looked at, whatever the others come to. */
export const doctor: Handler = async (invocation) => {
  const checks: Check[] = [];
  let exit: ExitName = 'done';
  const attempt = async <T>(check: string, look: () => Promise<readonly [detail: string, value: T]>) => {
    try {
      const [detail, value] = await look();
      checks.push({ check, ok: true, detail });
      return value;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      checks.push({ check, ok: false, detail: `${error.message}${error.hint === null ? '' : ` ${error.hint}`}` });
      // What stops everything else is what is told.
      if (exit === 'done' || error.exit === 'unreachable') exit = error.exit;
      return undefined;
    }
  };
  const settings =
    (await attempt('project', async () => {
      const found = await invocation.settings();
      const { project } = found;
      return [project === undefined ? 'none here' : `${project.root}/${project.fileName}`, found];
    })) ?? (await withoutProject(invocation, attempt));
  await attempt('git', async () => {
    const { Repository } = await import('../git/repository.js');
    const repository = await Repository.at(invocation.io.cwd, invocation.io.env);
    if (repository === undefined) return ['no repository here', undefined];
    return [
      `${repository.root}${(await repository.isShallow()) ? ' (shallow: weir check needs --fetch)' : ''}`,
      undefined,
    ];
  });
  if (settings !== undefined) {
    const { value, origin } = settings.servers;
    checks.push({ check: 'server', ok: true, detail: `${value.join(', ')} (${origin})` });
    await service(settings, checks, attempt);
  }
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
    exit: exit === 'done' && checks.some(({ ok }) => !ok) ? 'no' : exit,
  };
};

type Attempt = <T>(check: string, look: () => Promise<readonly [detail: string, value: T]>) => Promise<T | undefined>;

/** The settings as they would be elsewhere, where the project file is not in order: the service can be looked at all the same. */
function withoutProject({ io, given }: Invocation, attempt: Attempt): Promise<Settings | undefined> {
  return attempt('settings', async () => {
    const { Settings } = await import('../settings/settings.js');
    return ['those without the project', await Settings.read(given, undefined, io.env)];
  });
}

/** What there is to say of the service: nothing more where it does not answer. */
async function service(settings: Settings, checks: Check[], attempt: Attempt): Promise<void> {
  const client = await attempt('client', async () => ['', await settings.client()]);
  if (client === undefined) return;
  checks.pop();
  const date = await attempt('reachable', async () => {
    const answer = await client.call('GET', '/subjects', { query: { limit: 1 } });
    if (answer.status >= 400) throw client.refused('GET', '/subjects', answer);
    return [`${client.address} answers`, answer.headers['date'] ?? null];
  });
  if (date === undefined) return;
  await attempt('versions', async () => {
    const { version, registryApi } = await serviceVersion(client);
    const api = registryApi === null ? '' : ` (Confluent API ${registryApi})`;
    return [`this command ${VERSION}, the service ${version ?? 'a registry that is not Weir'}${api}`, undefined];
  });
  if (date !== null) {
    const skew = Math.abs(Date.now() - Date.parse(date));
    checks.push({
      check: 'clock',
      ok: skew < MOST_SKEW_MS,
      detail: skew < TOLD_SKEW_MS ? 'agrees' : `${Math.round(skew / 1_000)} s apart`,
    });
  }
  await attempt('permissions', async () => {
    const [who, token] = [await client.find<Principal>('/v1/whoami'), await settings.token()];
    return [who === undefined ? 'not told' : permissionsText(who, token?.origin), undefined];
  });
  await attempt('ready', async () => [await readiness(client), undefined]);
}

/** What the service says of itself. @throws Failure naming what is not ready. */
async function readiness(client: Client): Promise<string> {
  const { status, body } = await client.call('GET', '/readyz');
  if (status === 404) return 'not told';
  const { checks = {} } = JSON.parse(body.toString('utf8')) as {
    checks?: Record<string, { status: string; detail?: string }>;
  };
  const told = Object.entries(checks);
  if (status < 400)
    return told.map(([name, { detail }]) => (detail === undefined ? name : `${name} (${detail})`)).join(', ') || 'yes';
  const failing = told.filter(([, one]) => one.status !== 'ok' && one.status !== 'degraded');
  throw new Failure({
    code: 'service-not-ready',
    exit: 'no',
    message: `${client.address} is not ready: ${failing.map(([name, one]) => `${name} ${one.detail ?? one.status}`).join('; ')}`,
    hint: null,
  });
}

function permissionsText({ id, roles, scope }: Principal, origin: string | undefined): string {
  const of =
    scope === null
      ? 'everything'
      : Object.entries(scope)
          .map(([kind, names]) => `${kind} ${names.join(', ')}`)
          .join('; ');
  return `${id} (${origin ?? 'no token'}): ${roles.join(', ')}, of ${of}`;
}
