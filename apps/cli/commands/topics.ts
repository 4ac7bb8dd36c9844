import { resolve } from 'node:path';
import { z } from 'zod';
import { argument, given, text, texts, type Handler, type Invocation } from '../command.js';
import { usage } from '../failure.js';
import { planAndStart } from '../operations/planned.js';
import { described, listed } from '../outcome.js';
import { readYaml } from '../project/yaml-file.js';
import { confirm } from '../settings/confirm.js';
import { limitsOf, number } from './op.js';
import { readText } from './schema.js';

/** What is shown of a topic. */
export interface Topic {
  readonly name: string;
  readonly state: string;
  readonly protected: boolean;
  readonly frozen: boolean;
  readonly partitionCount: number;
  readonly records: string;
  readonly sizeBytes: number | null;
  readonly generation: number;
  readonly config: Record<string, string>;
  readonly partitions?: readonly {
    readonly partition: number;
    readonly startOffset: string;
    readonly endOffset: string;
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
    'There are no topics. Make one: weir topic create NAME',
  );
};

export const describe: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const name = argument(invocation, 0);
  const topic = await client.get<Topic>(pathOf(name));
  if (given(invocation, 'partitions')) {
    const { partitions = [] } = topic;
    return {
      ...listed(
        'Topic',
        partitions,
        [
          { title: 'partition', right: true, of: ({ partition }) => partition },
          { title: 'start', right: true, of: ({ startOffset }) => startOffset },
          { title: 'end', right: true, of: ({ endOffset }) => endOffset },
          { title: 'bytes', right: true, of: ({ sizeBytes }) => sizeBytes },
          { title: 'health', of: ({ health }) => health },
        ],
        ({ partition }) => `${name}/${partition}`,
      ),
      data: topic,
    };
  }
  const { config } = topic;
  const shown = Object.fromEntries(Object.entries(topic).filter(([name]) => name !== 'partitions'));
  return described('Topic', topic as unknown as Record<string, unknown>, name, {
    ...shown,
    config: Object.entries(config).map(([key, value]) => `${key}=${value}`),
  });
};

export const create: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const partitions = text(invocation, 'partitions');
  const body = {
    name: argument(invocation, 0),
    ...(partitions === undefined ? {} : { partitions: number(partitions, '--partitions') }),
    config: assignments(invocation, 'set'),
  };
  if (invocation.flags.dryRun) return described('Topic', { ...body, dryRun: true }, body.name);
  const topic = await client.post<Topic>('/v1/topics', body);
  return described('Topic', topic as unknown as Record<string, unknown>, topic.name, {
    name: topic.name,
    partitions: topic.partitionCount,
    state: topic.state,
  });
};

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
  const { items } = await client.get<{
    items: {
      name: string;
      value: string | null;
      default: string | null;
      source: string;
      documentation: string | null;
    }[];
  }>(`${pathOf(name)}/config`);
  return listed(
    'TopicConfig',
    items,
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

export const remove: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const name = argument(invocation, 0);
  const topic = await client.get<Topic>(pathOf(name));
  const permanent = given(invocation, 'permanent');
  const data = { name, records: topic.records, permanent, dryRun: invocation.flags.dryRun };
  if (!invocation.flags.dryRun) {
    await confirm(
      invocation,
      `Delete ${name} with ${topic.records} records${permanent ? ' for good' : ''} at ${client.address}.`,
    );
    await client.json('DELETE', pathOf(name), {
      query: { permanent: permanent || undefined, force: given(invocation, 'force') || undefined },
    });
  }
  return described('DeletedTopic', data, name);
};

/** Commands that change one thing of a topic: restore, protect, unprotect, freeze, unfreeze. */
export function change(verb: string): Handler {
  return async (invocation) => {
    const client = await (await invocation.settings()).client();
    const name = argument(invocation, 0);
    const topic = invocation.flags.dryRun
      ? await client.get<Topic>(pathOf(name))
      : await client.post<Topic>(`${pathOf(name)}:${verb}`);
    return described('Topic', topic as unknown as Record<string, unknown>, name, {
      name,
      state: topic.state,
      protected: topic.protected,
      frozen: topic.frozen,
    });
  };
}

/** `weir topic repartition`: up or down, or by another key. */
export const repartition: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const partitions = text(invocation, 'partitions');
  const key = text(invocation, 'key');
  const file = await requestFile(invocation);
  const target = {
    ...(partitions === undefined ? {} : { partitions: number(partitions, '--partitions') }),
    ...(key === undefined ? {} : { key: { expr: key } }),
    ...(text(invocation, 'partitioner') === undefined ? {} : { partitioner: text(invocation, 'partitioner') }),
  };
  if (file === undefined && Object.keys(target).length === 0)
    throw usage(
      'target-missing',
      'Say what the topic shall become: --partitions N, --key EXPR, or a request with -f FILE.',
    );
  const body = {
    ...file,
    topic: argument(invocation, 0),
    target: { ...(file?.['target'] as object | undefined), ...target },
    ...common(invocation),
  };
  return planAndStart(invocation, client, '/v1/repartitions/plans', body, { throttle: limitsOf(invocation) });
};

/** `weir topic migrate`: by a request in a file. */
export const migrate: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const file = await requestFile(invocation);
  if (file === undefined)
    throw usage('file-missing', 'Say what the records shall become: -f FILE, as docs/migrations.md has it.');
  return planAndStart(
    invocation,
    client,
    '/v1/migrations/plans',
    { ...file, topic: argument(invocation, 0), ...common(invocation) },
    { throttle: limitsOf(invocation) },
  );
};

function common(invocation: Invocation): Record<string, unknown> {
  const verify = text(invocation, 'verify');
  const groups = text(invocation, 'groups');
  return {
    ...(verify === undefined ? {} : { verification: verify }),
    ...(groups === undefined ? {} : { groups: { mode: groups } }),
    cutover: { mode: invocation.options['cutover'] === false ? 'manual' : 'auto' },
  };
}

/** The request in `-f FILE`, YAML or JSON. */
export async function requestFile(invocation: Invocation): Promise<Record<string, unknown> | undefined> {
  const file = text(invocation, 'file');
  if (file === undefined) return undefined;
  return readYaml(z.record(z.string(), z.unknown()), {
    text: await readText(resolve(invocation.io.cwd, file)),
    file,
    env: invocation.io.env,
  }).value;
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
