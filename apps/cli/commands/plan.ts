import { appendFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { given, text, type Handler, type Invocation } from '../command.js';
import { finding, locationIn, type CheckFinding } from '../check/finding.js';
import { placeText } from '../check/finding.js';
import { Failure, usage } from '../failure.js';
import type { Client } from '../http/client.js';
import type { Outcome, Table } from '../outcome.js';
import { changesOf, type SchemaChange } from '../project/changes.js';
import { readPlan, writePlan, type PlanFile, type PlannedChange, type ServerPlan } from '../project/plan-file.js';
import { loadSchemas, type Project } from '../project/project.js';
import { DiskTree } from '../project/source-tree.js';
import { confirm } from '../settings/confirm.js';

interface MadePlan {
  readonly project: Project;
  readonly client: Client;
  readonly changes: readonly SchemaChange[];
  readonly plan: ServerPlan;
  readonly findings: readonly CheckFinding[];
}

/** `weir plan`: what applying the project would do. */
export const plan: Handler = async (invocation) => {
  const made = await makePlan(invocation, given(invocation, 'prune'));
  const out = text(invocation, 'out');
  if (out !== undefined) await writePlan(resolve(invocation.io.cwd, out), fileOf(made));
  return planOutcome(made, given(invocation, 'exitCode'));
};

/** `weir drift`: whether the registry still is what the project says. Nothing is written. */
export const drift: Handler = async (invocation) =>
  planOutcome(await makePlan(invocation, given(invocation, 'prune')), true);

/** `weir apply`: what was planned, all of it or nothing. */
export const apply: Handler = async (invocation) => {
  const from = text(invocation, 'plan');
  const settings = await invocation.settings();
  const client = await settings.client();
  if (from !== undefined) {
    const file = await readPlan(resolve(invocation.io.cwd, from));
    await client.find('/v1/metadata/id');
    if (file.server !== client.address) {
      throw new Failure({
        code: 'plan-of-another-service',
        exit: 'conflict',
        message: `The plan is of ${file.server}, and this is ${client.address}.`,
        hint: 'Make the plan with the service it is for, or name that one: --server.',
      });
    }
    return applied(invocation, client, file);
  }
  const made = await makePlan(invocation, given(invocation, 'prune'));
  const shown = planOutcome(made, false);
  if (shown.exit === 'no' || invocation.flags.dryRun) return shown;
  if (made.plan.changes.every(({ outcome }) => outcome === 'unchanged'))
    return { ...appliedOutcome([], client.address), text: 'Nothing to do: the registry is what the project says.' };
  for (const line of describeChanges(made.plan.changes)) invocation.say(line);
  await confirm(invocation, `${countText(made.plan.changes)} at ${client.address}.`);
  return applied(invocation, client, fileOf(made));
};

async function makePlan(invocation: Invocation, prune: boolean): Promise<MadePlan> {
  const settings = await invocation.settings();
  const { root, file } = settings.requireProject();
  if (prune && file.owner === undefined)
    throw usage(
      'owner-missing',
      'Only what carries the owner of the project is pruned, and it has none.',
      'Add `owner:` to the project file, and metadata.properties.owner to its schemas.',
    );
  const project: Project = { file, schemas: await loadSchemas(new DiskTree(root), file) };
  const client = await settings.client();
  const { changes, findings } = await changesOf(project, client, prune);
  if (findings.length > 0 || changes.length === 0) {
    return {
      project,
      client,
      changes,
      findings,
      plan: {
        hash: '',
        verdict: findings.length > 0 ? 'blocked' : 'ok',
        blockers: findings.map(({ message }) => message),
        restsOn: [],
        changes: [],
      },
    };
  }
  const made = await client.post<ServerPlan>('/v1/schema-changes:plan', { changes });
  return {
    project,
    client,
    changes,
    plan: made,
    findings: made.changes.flatMap((change) => findingsOf(change, project)),
  };
}

async function applied(invocation: Invocation, client: Client, { hash, restsOn, changes }: PlanFile): Promise<Outcome> {
  if (changes.length === 0 || hash === '')
    return { ...appliedOutcome([], client.address), text: 'Nothing to do: the plan has no changes.' };
  const done = await client.json<{ changes: PlannedChange[]; repeated: boolean }>('POST', '/v1/schema-changes:apply', {
    body: { planHash: hash, restsOn, changes },
    headers: { 'idempotency-key': invocation.flags.idempotencyKey },
  });
  const outputs = invocation.io.env['GITHUB_OUTPUT'];
  if (outputs)
    await appendFile(
      outputs,
      `plan_hash=${hash}\nregistered=${JSON.stringify(done.changes.filter(({ outcome }) => outcome === 'new').map(({ subject, version, id }) => ({ subject, version, id })))}\n`,
    );
  return appliedOutcome(
    done.changes,
    client.address,
    done.repeated ? ['This plan had been applied before; nothing was done again.'] : [],
  );
}

function appliedOutcome(changes: readonly PlannedChange[], server: string, warnings: readonly string[] = []): Outcome {
  return {
    kind: 'AppliedPlan',
    data: { server, changes: changes.map(shownChange) },
    table: changesTable(changes),
    names: changes.filter(({ outcome }) => outcome !== 'unchanged').map(nameOf),
    warnings,
  };
}

function planOutcome({ plan: made, client, findings }: MadePlan, pendingCode: boolean): Outcome {
  const pending = made.changes.filter(({ outcome }) => outcome !== 'unchanged');
  const blocked = made.verdict === 'blocked';
  return {
    kind: 'Plan',
    data: {
      server: client.address,
      hash: made.hash,
      verdict: made.verdict,
      pending: pending.length,
      blockers: made.blockers,
      changes: made.changes.map(shownChange),
      findings,
      requests: client.requests,
    },
    text: `${describeFindings(findings)}${pending.length === 0 && !blocked ? 'Nothing to do: the registry is what the project says.' : countText(made.changes)}`,
    ...(pending.length === 0 ? {} : { table: changesTable(pending) }),
    names: pending.map(nameOf),
    exit: blocked ? 'no' : pendingCode && pending.length > 0 ? 'pending' : 'done',
    ...(blocked
      ? {
          error: {
            code: 'plan-blocked',
            message: `The plan cannot be applied: ${made.blockers[0]}`,
            hint: 'Nothing was changed. Remove what blocks it and plan again.',
          },
        }
      : {}),
  };
}

function fileOf({ client, plan: { hash, restsOn }, changes }: MadePlan): PlanFile {
  return { apiVersion: 'v1', kind: 'PlanFile', server: client.address, hash, restsOn, changes };
}

function shownChange({ index: _index, ...change }: PlannedChange): object {
  return change;
}

function nameOf({ subject, version }: PlannedChange): string {
  return version === null ? subject : `${subject}@${version}`;
}

function changesTable(changes: readonly PlannedChange[]): Table {
  return {
    columns: [
      { title: 'change' },
      { title: 'subject' },
      { title: 'version', right: true },
      { title: 'id', right: true },
      { title: 'why not' },
    ],
    rows: changes.map(({ kind, outcome, subject, version, id, refusal, deletedVersions }) => [
      kind === 'register' ? outcome : `${kind} ${outcome === 'refused' ? 'refused' : ''}`.trim(),
      subject,
      version ?? (deletedVersions.length > 0 ? deletedVersions.join(',') : null),
      id,
      refusal === null ? '' : refusal.message,
    ]),
  };
}

function describeChanges(changes: readonly PlannedChange[]): readonly string[] {
  return changes
    .filter(({ outcome }) => outcome !== 'unchanged')
    .map((change) => `  ${change.outcome.padEnd(8)} ${nameOf(change)}`);
}

function describeFindings(findings: readonly CheckFinding[]): string {
  return findings
    .map(({ location, level, ruleId, direction, message, before, after, help }) =>
      [
        `${placeText(location)}: ${level} ${ruleId}${direction === null ? '' : ` (${direction})`}`,
        `  ${message}`,
        ...(before === null ? [] : [`  - ${before}`]),
        ...(after === null ? [] : [`  + ${after}`]),
        ...(help === null ? [] : [`  → ${help}`]),
        '',
      ].join('\n'),
    )
    .join('\n');
}

function countText(changes: readonly PlannedChange[]): string {
  const count = (outcome: PlannedChange['outcome']): number => changes.filter((one) => one.outcome === outcome).length;
  const parts = [
    [count('new'), 'to register'],
    [count('set'), 'settings to change'],
    [count('deleted'), 'to delete'],
    [count('refused'), 'refused'],
    [count('unchanged'), 'unchanged'],
  ] as const;
  return parts
    .filter(([number]) => number > 0)
    .map(([number, what]) => `${number} ${what}`)
    .join(', ');
}

/** Why a change is refused, at its place in the file. */
function findingsOf({ subject, refusal }: PlannedChange, { schemas }: Project): readonly CheckFinding[] {
  if (refusal === null) return [];
  const schema = schemas.find((one) => one.subject === subject);
  const [file, source] = schema === undefined ? ['weir.yaml', ''] : [schema.file, schema.text];
  if (refusal.findings.length > 0) {
    return refusal.findings.map((one) =>
      finding({
        ruleId: one.ruleId,
        level: 'error',
        direction: one.direction === 'new-reads-old' ? 'backward' : 'forward',
        subject,
        againstVersion: one.version,
        path: one.place,
        location: locationIn(file, source, one.position),
        before: one.before,
        after: one.after,
        message: `${one.what} ${one.breaks} ${one.whom}`,
        help: one.fix,
      }),
    );
  }
  const place = /\(line (\d+), column (\d+)\)/.exec(refusal.message);
  return [
    finding({
      ruleId: refusal.code === 'schema-invalid' ? 'schema/invalid' : `registry/${refusal.code}`,
      level: 'error',
      direction: null,
      subject,
      againstVersion: null,
      path: '',
      location: locationIn(file, source, place === null ? null : { line: Number(place[1]), column: Number(place[2]) }),
      before: null,
      after: null,
      message: refusal.message,
      help: refusal.hint,
    }),
  ];
}
