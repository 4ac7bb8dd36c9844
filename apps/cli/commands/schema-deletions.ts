import { argument, given, type Handler } from '../command.js';
import { Failure, usage } from '../failure.js';
import type { Client } from '../http/client.js';
import { described } from '../outcome.js';
import { schemaRef } from '../reference.js';
import { confirm } from '../settings/confirm.js';
import { ifThere } from './deletions.js';
import { fetchVersion } from './schema.js';

const escaped = encodeURIComponent;

/** What goes of a subject, as the service plans it. */
interface PlannedDeletion {
  readonly versions: readonly number[];
  readonly kept: readonly number[];
  readonly blocks: readonly { readonly code: string; readonly version: number | null }[];
}

/** `weir schema delete REF`: what goes is told by the service first, then done. */
export const remove: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const name = argument(invocation, 0);
  const ref = schemaRef(name);
  if (ref.kind === 'id')
    throw usage(
      'reference-invalid',
      'Versions of subjects are deleted, not ids.',
      'weir schema get id:42 tells which versions carry an id.',
    );
  const { subject } = ref;
  const permanent = given(invocation, 'permanent');
  const version = ref.version === 'latest' ? (await fetchVersion(client, name)).version : ref.version;
  const path =
    version === undefined ? `/subjects/${escaped(subject)}` : `/subjects/${escaped(subject)}/versions/${version}`;
  const there = await ifThere(invocation.flags, async () => ({
    planned: await plannedDeletion(client, subject, version, permanent),
  }));
  const planned = there?.planned;
  if (there !== undefined && permanent && !given(invocation, 'force'))
    await requireUnused(client, subject, planned?.versions ?? (await versionsOf(client, subject, version)));
  const { versions = [], kept = [] } = planned ?? {};
  if (invocation.flags.dryRun)
    return described('DeletedSchema', { reference: name, permanent, deleted: versions, kept, dryRun: true }, name);
  const what = versions.length === 0 ? name : `${subject}: ${versionsText(versions)}`;
  const stays = kept.length === 0 ? '' : ` (${versionsText(kept)} stays)`;
  if (there !== undefined)
    await confirm(invocation, `${permanent ? 'Delete for good' : 'Delete'} ${what}${stays} at ${client.address}.`);
  const answer = await client.json<number | number[]>('DELETE', path, {
    query: { permanent: permanent || undefined },
  });
  const deleted = [answer].flat();
  return described(
    'DeletedSchema',
    // What a repetition finds deleted is what it has deleted.
    { reference: name, permanent, deleted, kept: kept.filter((one) => !deleted.includes(one)), dryRun: false },
    name,
  );
};

/** What would go; undefined where the registry, which is no Weir, cannot tell. @throws Failure for what cannot go. */
async function plannedDeletion(
  client: Client,
  subject: string,
  version: number | undefined,
  permanent: boolean,
): Promise<PlannedDeletion | undefined> {
  const path = '/v1/schema-deletions:plan';
  const body = { subjects: [{ subject, ...(version === undefined ? {} : { versions: [version] }) }], permanent };
  const answer = await client.call('POST', path, { body });
  if (answer.status >= 400) {
    const failure = client.refused('POST', path, answer);
    if (!isForeign(failure)) throw failure;
    return undefined;
  }
  const plan = JSON.parse(answer.body.toString('utf8')) as {
    readonly blockers: readonly string[];
    readonly subjects: readonly PlannedDeletion[];
  };
  const [planned] = plan.subjects;
  if (plan.blockers.length === 0) return planned;
  const code = planned?.blocks[0]?.code ?? 'plan-blocked';
  throw new Failure({
    code,
    exit: code.endsWith('-not-found') ? 'not-found' : 'conflict',
    message: `It cannot be deleted: ${plan.blockers[0]}`,
    hint:
      code === 'schema-referenced'
        ? 'Nothing was changed. weir schema refs REF --referenced-by tells what refers to a version.'
        : 'Nothing was changed.',
    findings: plan.blockers.slice(1),
  });
}

/** Whether a path is not there at all, as in a registry that is no Weir. */
function isForeign({ code }: Failure): boolean {
  return /^(http|registry)-(404|405)$/.test(code);
}

function versionsText(versions: readonly number[]): string {
  return `version${versions.length === 1 ? '' : 's'} ${versions.join(', ')}`;
}

async function versionsOf(client: Client, subject: string, version: number | undefined): Promise<readonly number[]> {
  if (version !== undefined) return [version];
  return (await client.find<number[]>(`/subjects/${escaped(subject)}/versions`, { deleted: true })) ?? [];
}

/** @throws Failure for a version that something may still need. */
async function requireUnused(client: Client, subject: string, versions: readonly number[]): Promise<void> {
  for (const version of versions) {
    const found = await client.find<{ verdict: string; reasons: { message: string }[] }>(
      `/v1/subjects/${escaped(subject)}/versions/${version}/usage`,
    );
    if (found === undefined || found.verdict === 'safe') continue;
    throw new Failure({
      code: 'schema-in-use',
      exit: 'conflict',
      message: `${subject}@${version} may be in use: ${found.reasons[0]?.message ?? found.verdict}`,
      hint: 'weir schema usage looks closer; --force deletes it all the same.',
      findings: found.reasons,
    });
  }
}

/** `weir schema restore REF`: a soft deletion undone. */
export const restore: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const ref = schemaRef(argument(invocation, 0));
  if (ref.kind === 'id') throw usage('reference-invalid', 'Versions of subjects are restored, not ids.');
  const versionsAsked = typeof ref.version === 'number' ? { versions: [ref.version] } : {};
  const done = await client.post<{ subject: string; restored: number[]; dryRun: boolean }>(
    `/v1/subjects/${escaped(ref.subject)}:restore`,
    versionsAsked,
    { dryRun: invocation.flags.dryRun || undefined },
  );
  return described('RestoredSchema', done as unknown as Record<string, unknown>, argument(invocation, 0));
};
