import { argument, given, text, texts, type Handler } from '../command.js';
import { Failure } from '../failure.js';
import type { Client } from '../http/client.js';
import { described, listed, type Outcome } from '../outcome.js';
import { position, type Position } from '../reference.js';
import { confirm } from '../settings/confirm.js';
import { ifDryRun } from './dry-run.js';
import { offsetsAt } from './topic-positions.js';

/** What is shown of a group. */
export interface Group {
  readonly group: string;
  readonly state: string;
  readonly members?: readonly { readonly memberId: string }[];
  readonly positions: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly offset: string;
    readonly endOffset: string | null;
    readonly lag: string | null;
    readonly lagSeconds: number | null;
  }[];
}

interface ResetPreview {
  readonly group: string;
  readonly dryRun: boolean;
  readonly members?: number;
  readonly leases?: number;
  readonly partitions: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly current: string | null;
    readonly target: string;
    readonly skipped?: { readonly records: string };
    readonly repeated?: { readonly records: string };
    readonly ok?: boolean;
  }[];
  readonly failed?: number;
  readonly apply?: Record<string, unknown>;
}

/** Where the service has a group. */
export const groupPath = (group: string): string => `/v1/groups/${encodeURIComponent(group)}`;

export const list: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const items: { group: string; state: string }[] = [];
  for await (const one of client.pages<{ group: string; state: string }>('/v1/groups', {
    state: text(invocation, 'state')?.toUpperCase(),
  }))
    items.push(one);
  return listed(
    'GroupList',
    items,
    [
      { title: 'group', of: ({ group }) => group },
      { title: 'state', of: ({ state }) => state },
    ],
    ({ group }) => group,
    'There are no groups.',
  );
};

export const describe: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const group = await client.get<Group>(groupPath(argument(invocation, 0)));
  return {
    ...listed(
      'Group',
      group.positions,
      [
        { title: 'topic', of: ({ topic }) => topic },
        { title: 'partition', right: true, of: ({ partition }) => partition },
        { title: 'position', right: true, of: ({ offset }) => offset },
        { title: 'end', right: true, of: ({ endOffset }) => endOffset },
        { title: 'lag', right: true, of: ({ lag }) => lag },
        { title: 'lag s', right: true, of: ({ lagSeconds }) => lagSeconds },
      ],
      ({ topic, partition }) => `${topic}/${partition}`,
      'It has no positions.',
    ),
    data: group,
    text: `${group.group}: ${group.state}${group.members === undefined ? '' : `, ${group.members.length} members`}`,
  };
};

/** `weir group seek`: shows what it would do; `--apply` does it. */
export const seek: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const group = argument(invocation, 0);
  const topics = texts(invocation, 'topic');
  const to = position(text(invocation, 'to') ?? '', Date.now());
  const body = {
    ...(to.kind === 'after-start' || to.kind === 'before-end'
      ? { to: { vector: await vectorOf(client, group, topics, to) } }
      : { to: targetOf(to), ...(topics.length === 0 ? {} : { topics }) }),
    ...(given(invocation, 'force') ? { evict: true } : {}),
  };
  const preview = await client.post<ResetPreview>(`${groupPath(group)}:reset`, { ...body, dryRun: true });
  if (!given(invocation, 'apply') || invocation.flags.dryRun)
    return {
      ...seekOutcome(preview),
      warnings: given(invocation, 'apply') ? [] : ['Nothing was changed: --apply does it.'],
    };
  const { members = 0, leases = 0 } = preview;
  if (members > 0)
    throw new Failure({
      code: 'group-active',
      exit: 'conflict',
      message: `The group '${group}' has ${members} active ${members === 1 ? 'member' : 'members'}.`,
      hint: 'Stop them: a log has no way to put them out. --force ends leases only.',
    });
  if (leases > 0 && !given(invocation, 'force'))
    throw new Failure({
      code: 'group-leased',
      exit: 'conflict',
      message: `${leases} ${leases === 1 ? 'lease' : 'leases'} of the group '${group}' are held.`,
      hint: 'Wait until they are released or expire, or --force ends them.',
    });
  for (const one of preview.partitions)
    invocation.say(`  ${one.topic}/${one.partition}: ${one.current ?? 'nowhere'} → ${one.target}${lossOf(one)}`);
  await confirm(invocation, `Move the group '${group}' at ${client.address}.`);
  if (preview.apply === undefined || preview.apply === null)
    throw new Failure({
      code: 'preview-incomplete',
      exit: 'conflict',
      message: 'The service told no way to apply what it showed.',
    });
  const apply = { ...preview.apply, ...(given(invocation, 'force') ? { evict: true } : {}) };
  return seekOutcome(withCounts(await client.post<ResetPreview>(`${groupPath(group)}:reset`, apply), preview));
};

export const remove: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const name = argument(invocation, 0);
  if (!invocation.flags.dryRun)
    await confirm(invocation, `Delete the group '${name}' with its positions at ${client.address}.`);
  await client.json('DELETE', groupPath(name), { query: ifDryRun(invocation.flags) });
  return described('DeletedGroup', { group: name, dryRun: invocation.flags.dryRun }, name);
};

function seekOutcome(answer: ResetPreview): Outcome {
  const failed = answer.failed ?? 0;
  return {
    ...listed(
      'GroupSeek',
      answer.partitions,
      [
        { title: 'topic', of: ({ topic }) => topic },
        { title: 'partition', right: true, of: ({ partition }) => partition },
        { title: 'position', right: true, of: ({ current }) => current },
        { title: 'to', right: true, of: ({ target }) => target },
        { title: 'skips', right: true, of: ({ skipped }) => skipped?.records },
        { title: 'repeats', right: true, of: ({ repeated }) => repeated?.records },
      ],
      ({ topic, partition }) => `${topic}/${partition}`,
      'It has no positions that would move.',
    ),
    data: answer,
    exit: failed === 0 ? 'done' : failed === answer.partitions.length ? 'conflict' : 'partial',
  };
}

/** What was done, with what the preview has counted of it: the service counts only where it is asked what would be. */
function withCounts(done: ResetPreview, preview: ResetPreview): ResetPreview {
  const counted = new Map(preview.partitions.map((one) => [`${one.topic}/${one.partition}`, one]));
  const partitions = done.partitions.map((one) => {
    const before = counted.get(`${one.topic}/${one.partition}`);
    return before?.target === one.target ? { ...before, ...one } : one;
  });
  return { ...done, partitions };
}

function lossOf({ skipped, repeated }: ResetPreview['partitions'][number]): string {
  return `${skipped === undefined ? '' : `, skips ${skipped.records}`}${repeated === undefined ? '' : `, repeats ${repeated.records}`}`;
}

function targetOf(to: Exclude<Position, { kind: 'after-start' | 'before-end' }>): unknown {
  switch (to.kind) {
    case 'start':
      return 'earliest';
    case 'end':
      return 'latest';
    case 'offset':
      return { offset: String(to.offset) };
    case 'time':
      return { timestamp: to.at };
  }
}

/** A position that counts from the ends of partitions, as offsets: in the topics named, or those the group has positions in. */
async function vectorOf(client: Client, group: string, topics: readonly string[], to: Position): Promise<object[]> {
  const names =
    topics.length > 0
      ? topics
      : new Set((await client.get<Group>(groupPath(group))).positions.map(({ topic }) => topic));
  const vector: object[] = [];
  for (const topic of names) for (const place of await offsetsAt(client, topic, to)) vector.push({ topic, ...place });
  return vector;
}
