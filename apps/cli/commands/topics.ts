import { argument, given, text, texts, type Handler, type Invocation } from '../command.js';
import { Failure, usage } from '../failure.js';
import type { Client } from '../http/client.js';
import { described, listed, type Outcome } from '../outcome.js';
import { confirm } from '../settings/confirm.js';
import { ifThere } from './deletions.js';
import { ifDryRun } from './dry-run.js';
import { number } from './op.js';

/** What is shown of a topic. */
export interface Topic {
  readonly name: string;
  readonly state: string;
  readonly protected: boolean;
  readonly frozen: boolean;
  readonly partitionCount: number;
  /** Null while nobody can tell. */
  readonly records: string | null;
  readonly sizeBytes: number | null;
  readonly generation: number;
  readonly config: Record<string, string>;
  readonly partitions?: readonly {
    readonly partition: number;
    /** Null while no broker leads the partition. */
    readonly startOffset: string | null;
    readonly endOffset: string | null;
    readonly sizeBytes: number | null;
    readonly health: string;
  }[];
}

/** Where the service has a topic. */
export const pathOf = (topic: string): string => `/v1/topics/${encodeURIComponent(topic)}`;

export const list: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const items: Topic[] = [];
  for await (const topic of client.pages<Topic>('/v1/topics', {
    q: text(invocation, 'search'),
    deleted: given(invocation, 'deleted') || undefined,
  }))
    items.push(topic);
  return listed(
    'TopicList',
    items,
    [
      { title: 'name', of: ({ name }) => name },
      { title: 'partitions', right: true, of: ({ partitionCount }) => partitionCount },
      { title: 'records', right: true, of: ({ records }) => records },
      { title: 'bytes', right: true, of: ({ sizeBytes }) => sizeBytes },
      {
        title: 'state',
        of: ({ state, frozen, protected: guarded }) =>
          [state, ...(frozen ? ['frozen'] : []), ...(guarded ? ['protected'] : [])].join(' '),
      },
      { title: 'generation', wide: true, right: true, of: ({ generation }) => generation },
    ],
    ({ name }) => name,
    given(invocation, 'deleted')
      ? 'No topic was deleted softly and can be restored.'
      : text(invocation, 'search') === undefined
        ? 'There are no topics. Make one: weir topic create NAME'
        : `No topic has '${text(invocation, 'search')}' in its name.`,
  );
};

/** `weir topic describe`: the topic, and on demand its partitions, its groups with their lag, and what it takes on disk and for how long. */
export const describe: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const name = argument(invocation, 0);
  const topic = await client.get<Topic>(pathOf(name));
  const { config, partitions = [] } = topic;
  const parts: (Outcome & { readonly heading: string })[] = [];
  let data: Record<string, unknown> = { ...topic };
  if (given(invocation, 'partitions')) parts.push({ heading: 'partitions', ...partitionsTable(name, partitions) });
  if (given(invocation, 'groups')) {
    const groups = await groupsOf(client, name);
    data = { ...data, groups };
    parts.push({ heading: 'groups', ...groupsTable(groups) });
  }
  if (given(invocation, 'storage')) {
    const storage = await storageOf(client, name);
    data = { ...data, storage };
    parts.push({ heading: 'storage', ...storageTable(topic, storage) });
  }
  const [part, ...others] = parts;
  if (part === undefined)
    return described('Topic', data, name, {
      ...Object.fromEntries(Object.entries(topic).filter(([member]) => member !== 'partitions')),
      config: Object.entries(config).map(([key, value]) => `${key}=${value}`),
    });
  if (others.length === 0) return { ...part, data };
  return {
    kind: 'Topic',
    data,
    tables: parts.map(({ heading, table }) => ({ heading, table: table! })),
    names: [name],
  };
};

async function storageOf(client: Client, topic: string): Promise<Record<string, string | null>> {
  const settings = (await settingsOf(client, topic)).filter((one) => STORAGE_SETTINGS.has(one.name));
  return Object.fromEntries(settings.map((one) => [one.name, one.value]));
}

function storageTable(topic: Topic, storage: Record<string, string | null>): Outcome {
  const { name, sizeBytes, records, partitions = [] } = topic;
  return described('Topic', { ...topic }, name, {
    name,
    bytes: sizeBytes,
    records,
    'bytes of partitions': partitions.map((one) => `${one.partition}: ${one.sizeBytes ?? '-'}`),
    'degraded partitions': inHealth(partitions, 'degraded'),
    'partitions without a leader': inHealth(partitions, 'leaderless'),
    ...storage,
  });
}

/** What decides how long records lie on the disk, and in what. */
const STORAGE_SETTINGS = new Set([
  'cleanup.policy',
  'retention.ms',
  'retention.bytes',
  'segment.bytes',
  'segment.ms',
  'compression.type',
  'delete.retention.ms',
  'min.compaction.lag.ms',
  'max.compaction.lag.ms',
  'min.cleanable.dirty.ratio',
  'weir.durability',
]);

function inHealth(partitions: NonNullable<Topic['partitions']>, wanted: string): number[] {
  return partitions.filter(({ health }) => health === wanted).map(({ partition }) => partition);
}

function partitionsTable(topic: string, partitions: NonNullable<Topic['partitions']>): Outcome {
  return listed(
    'Topic',
    partitions,
    [
      { title: 'partition', right: true, of: ({ partition }) => partition },
      { title: 'start', right: true, of: ({ startOffset }) => startOffset },
      { title: 'end', right: true, of: ({ endOffset }) => endOffset },
      { title: 'bytes', right: true, of: ({ sizeBytes }) => sizeBytes },
      { title: 'health', of: ({ health }) => health },
    ],
    ({ partition }) => `${topic}/${partition}`,
  );
}

interface TopicGroup {
  readonly group: string;
  readonly state: string;
  readonly members: number;
  /** Records it has not read, in all partitions. */
  readonly lag: number;
  /** Age in seconds of the oldest of them; null where it is not known. */
  readonly lagSeconds: number | null;
}

/** The groups that read a topic, with what they have not read. */
export async function groupsOf(client: Client, topic: string): Promise<readonly TopicGroup[]> {
  const found: TopicGroup[] = [];
  for await (const one of client.pages<Omit<TopicGroup, 'lag'> & { readonly lag: string }>(`${pathOf(topic)}/groups`))
    found.push({ ...one, lag: Number(one.lag) });
  return found;
}

function groupsTable(groups: readonly TopicGroup[]): Outcome {
  return listed(
    'Topic',
    groups,
    [
      { title: 'group', of: ({ group }) => group },
      { title: 'state', of: ({ state }) => state },
      { title: 'members', right: true, of: ({ members }) => members },
      { title: 'lag', right: true, of: ({ lag }) => lag },
      { title: 'lag s', right: true, of: ({ lagSeconds }) => lagSeconds },
    ],
    ({ group }) => group,
    'No group has a position in it.',
  );
}

export const create: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const partitions = text(invocation, 'partitions');
  const body = {
    name: argument(invocation, 0),
    ...(partitions === undefined ? {} : { partitions: number(partitions, '--partitions') }),
    config: assignments(invocation, 'set'),
  };
  if (invocation.flags.dryRun) {
    await demandCreatable(client, body);
    return described('Topic', { ...body, dryRun: true }, body.name);
  }
  const topic = await client.post<Topic>('/v1/topics', body);
  return described('Topic', topic as unknown as Record<string, unknown>, topic.name, {
    name: topic.name,
    partitions: topic.partitionCount,
    state: topic.state,
  });
};

/** Asks the service what would become of a topic. @throws Failure for one that it would refuse, whoever asks or who this is, or that is there. */
async function demandCreatable(client: Client, body: { readonly name: string }): Promise<void> {
  const topics = [body];
  const plan = await client.post<{
    topics: { refusal: { code: string; message: string; hint: string | null } | null }[];
    restsOn: { partitions: number | null }[];
  }>('/v1/topic-changes:plan', { topics });
  // A topic that is there has partitions.
  if (typeof plan.restsOn[0]?.partitions === 'number')
    throw new Failure({ code: 'topic-exists', exit: 'conflict', message: `Topic '${body.name}' exists already.` });
  const refusal = plan.topics[0]?.refusal;
  if (refusal) throw new Failure({ ...refusal, exit: 'usage' });
  // A plan takes no more than the right to read.
  await client.post('/v1/topic-changes:apply', { topics, restsOn: plan.restsOn }, { dryRun: true });
}

/** `weir topic config`: shows settings, or changes them with --set and --unset. */
export const config: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const name = argument(invocation, 0);
  const changes: Record<string, string | null> = {
    ...assignments(invocation, 'set'),
    ...Object.fromEntries(texts(invocation, 'unset').map((key) => [key, null])),
  };
  if (Object.keys(changes).length > 0) {
    await client.json('PATCH', `${pathOf(name)}/config`, {
      body: changes,
      query: { validateOnly: invocation.flags.dryRun || undefined },
    });
  }
  const settings = await settingsOf(client, name);
  return listed(
    'TopicConfig',
    invocation.flags.dryRun ? settings.map((one) => changedSetting(one, changes)) : settings,
    [
      { title: 'name', of: (one) => one.name },
      { title: 'value', of: ({ value }) => value },
      { title: 'source', of: ({ source }) => source },
      { title: 'default', wide: true, of: (one) => one.default },
      { title: 'meaning', wide: true, of: ({ documentation }) => documentation },
    ],
    (one) => one.name,
  );
};

/** A setting as changes would make it. */
function changedSetting(one: TopicSetting, changes: Readonly<Record<string, string | null>>): TopicSetting {
  const change = changes[one.name];
  if (change === undefined) return one;
  return change === null ? { ...one, value: one.default, source: 'DEFAULT_CONFIG' } : { ...one, value: change };
}

interface TopicSetting {
  readonly name: string;
  readonly value: string | null;
  readonly default: string | null;
  readonly source: string;
  readonly documentation: string | null;
}

async function settingsOf(client: Client, topic: string): Promise<readonly TopicSetting[]> {
  return (await client.get<{ items: TopicSetting[] }>(`${pathOf(topic)}/config`)).items;
}

/** What goes with a topic that is deleted, or went. */
interface DeletedTopic {
  readonly name: string;
  readonly oldNameOf: string | null;
  readonly records: string | null;
  readonly permanent: boolean;
  readonly purgeAt: string | null;
  readonly dryRun: boolean;
}

/** `weir topic delete`: what goes is told by the service first, then done. */
export const remove: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const name = argument(invocation, 0);
  const how = {
    permanent: given(invocation, 'permanent') || undefined,
    force: given(invocation, 'force') || undefined,
  };
  const ask = (dryRun: true | undefined) =>
    client.json<DeletedTopic>('DELETE', pathOf(name), { query: { ...how, dryRun } });
  const planned = await ifThere(invocation.flags, () => ask(true));
  if (planned !== undefined && invocation.flags.dryRun) return deletion(planned);
  if (planned !== undefined) {
    const { oldNameOf, records, permanent } = planned;
    await confirm(
      invocation,
      oldNameOf === null
        ? `Delete ${name} with ${records ?? 'an unknown number of'} records${permanent ? ' for good' : ''} at ${client.address}.`
        : `Give up ${name}, an old name of ${oldNameOf}, at ${client.address}. The topic and its records stay.`,
    );
  }
  return deletion(await ask(undefined));
};

function deletion(done: DeletedTopic): Outcome {
  const { name, oldNameOf, records, permanent, purgeAt } = done;
  return described('DeletedTopic', { ...done }, name, {
    ...(oldNameOf === null ? { topic: name, records, 'for good': permanent } : { 'old name': name, of: oldNameOf }),
    ...(purgeAt === null ? {} : { 'can be restored until': purgeAt }),
  });
}

/** Commands that change one thing of a topic: restore, protect, unprotect, freeze, unfreeze. */
export function change(verb: string): Handler {
  return async (invocation) => {
    const client = await (await invocation.settings()).client();
    const name = argument(invocation, 0);
    const topic = await client.post<Topic>(`${pathOf(name)}:${verb}`, undefined, ifDryRun(invocation.flags));
    return described('Topic', topic as unknown as Record<string, unknown>, name, {
      name,
      state: topic.state,
      protected: topic.protected,
      frozen: topic.frozen,
    });
  };
}

function assignments(invocation: Invocation, option: string): Record<string, string> {
  return Object.fromEntries(
    texts(invocation, option).map((one) => {
      const equals = one.indexOf('=');
      if (equals < 1) throw usage('assignment-invalid', `'${one}' is no setting.`, 'Write NAME=VALUE.');
      return [one.slice(0, equals), one.slice(equals + 1)];
    }),
  );
}
