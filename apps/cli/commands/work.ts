import { resolve } from 'node:path';
import { argument, given, text, texts, type Handler } from '../command.js';
import { Failure, usage } from '../failure.js';
import type { OperationStatus } from '../operations/operation.js';
import { planAndStart, planText, type OperationPlan } from '../operations/planned.js';
import { watchOperation } from '../operations/watch.js';
import { described, listed } from '../outcome.js';
import { schemaTypeOf } from '../project/project.js';
import { type Position, range, topicRef, versionRef } from '../reference.js';
import { confirm } from '../settings/confirm.js';
import { number } from './op.js';
import { dumpOf } from './registry-dump.js';
import { readable, readText } from './schema.js';

/** `weir schema infer`: a schema out of samples: lines of a file or of stdin, or records of a topic. */
export const infer: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const from = text(invocation, 'from') ?? '-';
  const schemaType = text(invocation, 'type')?.toUpperCase();
  const sample = text(invocation, 'sample');
  const proposal = await (from.startsWith('topic:')
    ? client.post<Proposal>(`/v1/topics/${encodeURIComponent(from.slice('topic:'.length))}/schemas:infer`, {
        ...(schemaType === undefined ? {} : { schemaType }),
        name: text(invocation, 'name'),
        ...(sample === undefined ? {} : { records: number(sample, '--sample') }),
      })
    : client.json<Proposal>('POST', '/v1/schemas:infer', {
        raw: {
          bytes: firstLines(
            from === '-'
              ? (await invocation.io.stdin()).toString('utf8')
              : await readText(resolve(invocation.io.cwd, from)),
            sample,
          ),
          type: 'application/x-ndjson',
        },
        query: { schemaType, name: text(invocation, 'name') },
      }));
  return {
    kind: 'InferredSchema',
    data: proposal,
    text: readable(proposal.schema),
    names: [proposal.schemaType],
    warnings: proposal.conflicts.map(({ path, message }) => `${path}: ${message}`),
  };
};

interface Proposal {
  readonly schemaType: string;
  readonly schema: string;
  readonly conflicts: readonly { readonly path: string; readonly message: string }[];
}

function firstLines(all: string, sample: string | undefined): string {
  const lines = all.split('\n').filter((line) => line.trim() !== '');
  return lines.slice(0, sample === undefined ? undefined : number(sample, '--sample')).join('\n');
}

/** `weir schema replay`: a candidate tried on what is recorded. The exit code tells whether it reads everything. */
export const replay: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const file = argument(invocation, 0);
  const { topic, partition } = topicRef(text(invocation, 'topic') ?? '');
  if (topic === '') throw usage('topic-missing', 'Say whose records are tried: --topic TOPIC.');
  const sample = text(invocation, 'sample');
  const from = text(invocation, 'from');
  const start = from === undefined ? undefined : replayFrom(from);
  const references = texts(invocation, 'ref').map((one) => {
    const equals = one.indexOf('=');
    const { subject, version } = versionRef(one.slice(equals + 1));
    return { name: one.slice(0, equals), subject, version: version === 'latest' ? -1 : version };
  });
  const plan = await client.post<OperationPlan>('/v1/schema-replays/plans', {
    topic,
    schema: await readText(resolve(invocation.io.cwd, file)),
    schemaType: text(invocation, 'type')?.toUpperCase() ?? schemaTypeOf(file) ?? 'AVRO',
    ...(references.length === 0 ? {} : { references }),
    ...(partition === undefined ? {} : { partitions: [partition] }),
    ...(start?.kind === 'offset'
      ? { from: { offset: start.offset } }
      : start?.kind === 'time'
        ? { from: { timestamp: new Date(start.at).toISOString() } }
        : start?.kind === 'before-end'
          ? { last: start.records }
          : {}),
    ...(sample === undefined || sample === 'all' ? {} : { records: number(sample, '--sample') }),
  });
  if (plan.blockers.length > 0)
    throw new Failure({
      code: 'plan-blocked',
      exit: 'no',
      message: `It cannot be tried: ${plan.blockers[0]}`,
      hint: 'Nothing was started.',
    });
  if (invocation.flags.dryRun) return { kind: 'SchemaReplay', data: plan, text: planText(plan), names: [plan.hash] };
  const started = await client.post<OperationStatus>('/v1/operations', { planHash: plan.hash });
  const end = await watchOperation(invocation, client, started.id);
  if (end.exit !== 'done') return end;
  const result = await client.get<{
    verdict: string;
    read: number;
    failed: number;
    failures: { partition: number; offset: string; schemaId: number; by: string; path: string; reason: string }[];
  }>(`/v1/schema-replays/${started.id}`);
  return {
    ...listed(
      'SchemaReplay',
      result.failures,
      [
        { title: 'record', of: (one) => `${topic}/${one.partition}@${one.offset}` },
        { title: 'written by', right: true, of: ({ schemaId }) => schemaId },
        { title: 'path', of: ({ path }) => path },
        { title: 'reason', of: ({ reason }) => reason },
      ],
      (one) => `${topic}/${one.partition}@${one.offset}`,
      '',
    ),
    data: result,
    text: `${result.verdict}: ${result.read} records read, ${result.failed} not`,
    exit: result.verdict === 'reads-all' ? 'done' : 'no',
  };
};

/** Where a replay begins; it goes on to the end, in each partition. */
function replayFrom(text: string): Position {
  const { from, until } = range(text, Date.now());
  if (until !== undefined || from.kind === 'end' || from.kind === 'after-start')
    throw usage(
      'position-unsupported',
      `A replay cannot begin at '${text}'.`,
      'It begins at start, an offset N, the last -N records, or a time (@time, @-1h), and goes on to the end; --sample N bounds it.',
    );
  return from;
}

/** `weir admin status`. */
export const status: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const ready = await client.call('GET', '/readyz');
  const clusters = await client.get<{ items: { name: string; engine?: string }[] }>('/v1/clusters');
  const version = await client.get('/v1/metadata/version');
  const checks = JSON.parse(ready.body.toString('utf8')) as Record<string, unknown>;
  return {
    ...described(
      'ServiceStatus',
      { address: client.address, ready: ready.status === 200, version, checks, clusters: clusters.items },
      client.address,
      {
        address: client.address,
        ready: ready.status === 200 ? 'yes' : 'no',
        version: (version as { version?: unknown }).version,
        ...Object.fromEntries(checkLines(checks)),
        clusters: clusters.items.map(({ name, engine }) => (engine === undefined ? name : `${name} (${engine})`)),
      },
    ),
    exit: ready.status === 200 ? 'done' : 'no',
  };
};

/** Each check of readiness by name, with what it found. */
function checkLines(readiness: Record<string, unknown>): [string, string][] {
  const checks = (readiness['checks'] ?? {}) as Record<string, { status?: string; detail?: string }>;
  return Object.entries(checks).map(([name, { status = 'unknown', detail }]) => [
    `check ${name}`,
    detail === undefined ? status : `${status}: ${detail}`,
  ]);
}

interface Backup {
  readonly id: string;
  readonly takenAt: string;
  readonly topics: number;
  readonly bytes: number;
}

export const backupList: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const { items } = await client.get<{ items: Backup[] }>('/v1/backups');
  return listed(
    'BackupList',
    items,
    [
      { title: 'id', of: ({ id }) => id },
      { title: 'taken', of: ({ takenAt }) => takenAt },
      { title: 'topics', right: true, of: ({ topics }) => topics },
      { title: 'bytes', right: true, of: ({ bytes }) => bytes },
    ],
    ({ id }) => id,
    'There are no backups.',
  );
};

/** `weir admin backup`: takes one. */
export const backupCreate: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const full = given(invocation, 'full');
  if (invocation.flags.dryRun) {
    // Asked for, so that a service without a folder for backups says so.
    const { items } = await client.get<{ items: Backup[] }>('/v1/backups');
    return described('Backup', { full, present: items.length, dryRun: true }, '');
  }
  const made = await client.post<{ id: string; operation: string }>('/v1/backups', full ? { full: true } : {});
  return invocation.flags.wait
    ? watchOperation(invocation, client, made.operation)
    : described('Backup', { ...made }, made.id);
};

/** verify and restore: operations on a backup. */
export function onBackup(verb: 'verify' | 'restore'): Handler {
  return async (invocation) => {
    const client = await (await invocation.settings()).client();
    const id = argument(invocation, 0);
    const path = `/v1/backups/${encodeURIComponent(id)}`;
    if (invocation.flags.dryRun) {
      const backup = await client.get<Record<string, unknown>>(path);
      // Whether this service may become it, the service knows.
      if (verb === 'restore') await client.post(`${path}:restore`, {}, { dryRun: true });
      const shown = Object.entries(backup).filter(([, value]) => typeof value !== 'object' || value === null);
      return described('Backup', { ...backup, dryRun: true }, id, { ...Object.fromEntries(shown), dryRun: true });
    }
    if (verb === 'restore') await confirm(invocation, `Restore ${id}: ${client.address} becomes what it holds.`);
    const made = await client.post<{ id: string; operation?: string }>(`${path}:${verb}`);
    if (!invocation.flags.wait || made.operation === undefined) return described('Backup', { ...made }, id);
    try {
      return await watchOperation(invocation, client, made.operation);
    } catch (error) {
      // The service has started again as the backup, which knows nothing of the operation.
      if (verb === 'verify' || !(error instanceof Failure) || error.exit !== 'not-found') throw error;
      return described('Backup', { ...made, restored: true }, id);
    }
  };
}

/** `weir admin export`: the registry as one file. */
export const exportRegistry: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const answer = await client.call('GET', '/v1/registry-export', {
    query: { format: text(invocation, 'as'), prefix: text(invocation, 'prefix') },
    accept: '*/*',
  });
  if (answer.status >= 400) throw client.refused('GET', '/v1/registry-export', answer);
  return { kind: 'RegistryExport', data: null, raw: answer.body.toString('utf8') };
};

/**
 * `weir admin import`: out of a registry that the service knows, one that this command reaches and reads, or a file that another exported. Ids are kept.
 */
export const importRegistry: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const { from, file } = { from: text(invocation, 'from'), file: text(invocation, 'file') };
  if ((from === undefined) === (file === undefined))
    throw usage(
      'source-missing',
      'Say where from: --from URL, --from NAME (a registry of the service’s configuration), or -f FILE.',
    );
  const isAddress = from !== undefined && /^https?:\/\//.test(from);
  const lines = isAddress
    ? await dumpOf(await (await invocation.settings()).clientOf(from))
    : file === undefined
      ? undefined
      : await readText(resolve(invocation.io.cwd, file));
  const source =
    lines === undefined
      ? { registry: from }
      : {
          upload: (
            await client.json<{ id: string }>('POST', '/v1/registry-imports/uploads', {
              raw: { bytes: lines, type: 'application/x-ndjson' },
            })
          ).id,
        };

  return planAndStart(invocation, client, '/v1/registry-imports/plans', {
    source,
    ...(given(invocation, 'skipConflicts') ? { conflicts: 'skip' } : {}),
  });
};
