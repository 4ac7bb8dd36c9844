import { resolve } from 'node:path';
import { argument, given, text, type Handler } from '../command.js';
import { usage } from '../failure.js';
import type { Client } from '../http/client.js';
import { described, listed, type Outcome } from '../outcome.js';
import { position, range, topicRef, type Position } from '../reference.js';
import { confirm } from '../settings/confirm.js';
import { number } from './op.js';
import { readText } from './schema.js';
import { pathOf, type Topic } from './topics.js';

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
