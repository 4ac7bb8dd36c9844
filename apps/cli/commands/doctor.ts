import { type Handler } from '../command.js';
import { Failure } from '../failure.js';
import { listed } from '../outcome.js';

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
