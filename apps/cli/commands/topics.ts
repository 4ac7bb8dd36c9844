import { resolve } from 'node:path';
import { z } from 'zod';
import { argument, given, text, texts, type Handler, type Invocation } from '../command.js';
import { usage } from '../failure.js';
import type { Client } from '../http/client.js';
import { planAndStart } from '../operations/planned.js';
import { described, listed, type Outcome } from '../outcome.js';
import { readYaml } from '../project/yaml-file.js';
import { position, range, topicRef, type Position } from '../reference.js';
import { confirm } from '../settings/confirm.js';
import { limitsOf, number } from './op.js';
import { readText } from './schema.js';

interface Topic {
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

const pathOf = (topic: string): string => `/v1/topics/${encodeURIComponent(topic)}`;

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

/** `weir topic produce`: JSON lines from stdin or a file, schema aware. */
export const produce: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const { topic, partition } = topicRef(argument(invocation, 0));
  const file = text(invocation, 'file');
  const lines =
    file === undefined ? invocation.io.lines() : (await readText(resolve(invocation.io.cwd, file))).split('\n');
  let [batch, written, failed, line]: [object[], number, number, number] = [[], 0, 0, 0];
  const query = { keyFormat: text(invocation, 'keyFormat'), valueFormat: text(invocation, 'valueFormat') };
  const send = async (): Promise<void> => {
    if (batch.length === 0) return;
    const answer = await client.post<{ failed: number; results: ({ error?: { message: string } } | undefined)[] }>(
      `${pathOf(topic)}/records`,
      { ...Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)), records: batch },
    );
    written += batch.length - answer.failed;
    failed += answer.failed;
    batch = [];
  };
  for await (const one of lines) {
    line++;
    if (one.trim() === '') continue;
    let value: unknown;
    try {
      value = JSON.parse(one);
    } catch {
      throw usage(
        'line-not-json',
        `Line ${line} is no JSON.`,
        `Lines before it are written (${written}). Give one record a line: {"key": …, "value": …}, or bare values with --values.`,
      );
    }
    batch.push({
      ...(given(invocation, 'values') ? { value } : (value as object)),
      ...(partition === undefined ? {} : { partition }),
    });
    if (batch.length >= 500) await send();
  }
  await send();
  return {
    ...described('Produced', { topic, written, failed }, topic),
    exit: failed === 0 ? 'done' : written === 0 ? 'no' : 'partial',
  };
};

/** `weir topic consume`: records as they are read, one a line. */
export const consume: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const { topic, partition } = topicRef(argument(invocation, 0));
  const now = Date.now();
  const asked = range(text(invocation, 'from') ?? 'start', now);
  const until = text(invocation, 'until');
  const query: Record<string, string | number | undefined> = {
    from: await wire(client, topic, asked.from),
    until:
      until !== undefined
        ? await wire(client, topic, position(until, now))
        : asked.until === undefined
          ? undefined
          : await wire(client, topic, asked.until),
    partition,
    key: text(invocation, 'key'),
    filter: text(invocation, 'filter'),
    format: text(invocation, 'decode') === 'raw' ? 'binary' : undefined,
  };
  const follow = given(invocation, 'follow');
  let left = text(invocation, 'number') === undefined ? Infinity : number(text(invocation, 'number')!, '-n');
  let count = 0;
  let interrupted = false;
  const release = invocation.io.onInterrupt(() => (interrupted = true));
  try {
    let cursor: string | undefined;
    while (left > 0 && !interrupted) {
      const page: { records: { partition: number; offset: string }[]; next: string; atEnd: boolean } = await client.get(
        `${pathOf(topic)}/records`,
        {
          ...(cursor === undefined ? query : { cursor, format: query['format'] }),
          limit: Math.min(1_000, left),
          wait: follow ? 5_000 : undefined,
        },
      );
      for (const record of page.records) {
        await invocation.emit(record, JSON.stringify(record));
        count++;
        left--;
      }
      if (page.atEnd && !follow) break;
      cursor = page.next;
    }
  } finally {
    release();
  }
  if (invocation.flags.verbose) invocation.say(`${count} records`);
  return { kind: 'Records', data: null, printed: true };
};

/** `weir topic trim T --to POS`: what is lost first, then a yes. */
export const trim: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const { topic, partition } = topicRef(argument(invocation, 0));
  const to = position(text(invocation, 'to') ?? '', Date.now());
  const path = `${pathOf(topic)}:delete-records`;
  const body =
    to.kind === 'end' && partition === undefined
      ? { before: 'end' }
      : to.kind === 'time' && partition === undefined
        ? { before: new Date(to.at).toISOString() }
        : {
            positions: (await offsetsAt(client, topic, to)).filter(
              (one) => partition === undefined || one.partition === partition,
            ),
          };
  const preview = await client.post<{
    offsets: string;
    exact: boolean;
    partitions: {
      partition: number;
      startOffset: string;
      newStartOffset: string;
      offsets: string;
      error?: { message: string };
    }[];
  }>(path, { ...body, dryRun: true });
  const shown = (data: typeof preview, dryRun: boolean): Outcome => ({
    ...listed(
      'TrimmedTopic',
      data.partitions,
      [
        { title: 'partition', right: true, of: (one) => one.partition },
        { title: 'begins at', right: true, of: ({ startOffset }) => startOffset },
        { title: 'will begin at', right: true, of: ({ newStartOffset }) => newStartOffset },
        { title: data.exact ? 'records lost' : 'offsets lost', right: true, of: ({ offsets }) => offsets },
        { title: 'why not', of: ({ error }) => error?.message },
      ],
      (one) => `${topic}/${one.partition}`,
    ),
    data: { ...data, dryRun },
    exit: data.partitions.some(({ error }) => error !== undefined)
      ? data.partitions.every(({ error }) => error !== undefined)
        ? 'conflict'
        : 'partial'
      : 'done',
  });
  if (invocation.flags.dryRun) return shown(preview, true);
  for (const one of preview.partitions)
    invocation.say(
      `  ${topic}/${one.partition}: ${one.startOffset} → ${one.newStartOffset}, ${one.offsets} ${preview.exact ? 'records' : 'offsets'}`,
    );
  await confirm(
    invocation,
    `${preview.offsets} ${preview.exact ? 'records' : 'offsets'} of ${topic} will be lost at ${client.address}.`,
  );
  return shown(await client.post(path, body), false);
};

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

/** A position as the service takes it. "After the start" is not a position of its own there: only of one partition it is an offset. */
async function wire(client: Client, topic: string, asked: Position): Promise<string> {
  switch (asked.kind) {
    case 'start':
    case 'end':
      return asked.kind;
    case 'offset':
      return String(asked.offset);
    case 'before-end':
      return `-${asked.records}`;
    case 'time':
      return `@${asked.at}`;
    case 'after-start': {
      const offsets = await offsetsAt(client, topic, asked);
      const first = Math.min(...offsets.map(({ offset }) => Number(offset)));
      if (offsets.some(({ offset }) => Number(offset) !== first))
        throw usage(
          'position-differs',
          `'+${asked.records}' is another offset in each partition of '${topic}'.`,
          'Read one partition: TOPIC/PARTITION.',
        );
      return String(first);
    }
  }
}

/** Offsets of a position that counts from the ends of partitions. */
async function offsetsAt(
  client: Client,
  topic: string,
  asked: Position,
): Promise<readonly { readonly partition: number; readonly offset: string }[]> {
  const { partitions = [] } = await client.get<Topic>(pathOf(topic));
  return partitions.map(({ partition, startOffset, endOffset }) => {
    const [start, end] = [BigInt(startOffset), BigInt(endOffset)];
    const wanted =
      asked.kind === 'start'
        ? start
        : asked.kind === 'end'
          ? end
          : asked.kind === 'offset'
            ? BigInt(asked.offset)
            : asked.kind === 'after-start'
              ? start + BigInt(asked.records)
              : asked.kind === 'before-end'
                ? end - BigInt(asked.records)
                : undefined;
    if (wanted === undefined)
      throw usage('position-invalid', 'A time is one position for all partitions; leave the partition out.');
    return { partition, offset: String(wanted < start ? start : wanted > end ? end : wanted) };
  });
}
