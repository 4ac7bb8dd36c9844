import { resolve } from 'node:path';
import { argument, given, text, texts, type Handler } from '../command.js';
import { usage } from '../failure.js';
import { described, listed, type Outcome } from '../outcome.js';
import { position, range, topicRef } from '../reference.js';
import { confirm } from '../settings/confirm.js';
import { number } from './op.js';
import { recordFilter, type ShownRecord } from './record-filter.js';
import { readText } from './schema.js';
import { offsetsAt, readingsOf } from './topic-positions.js';
import { pathOf } from './topics.js';

/** Refused records that are told one by one; the rest is counted. */
const TOLD = 1_000;

/** Bytes of lines that are sent at once. */
const MOST_BYTES = 4 * 1024 * 1024;

interface Refused {
  readonly line: number;
  readonly code: string;
  readonly message: string;
}

/** `weir topic produce`: JSON lines from stdin or a file, schema aware. Lines that are refused are told, and the others are written. */
export const produce: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const { topic, partition } = topicRef(argument(invocation, 0));
  const file = text(invocation, 'file');
  const lines =
    file === undefined ? invocation.io.lines() : (await readText(resolve(invocation.io.cwd, file))).split('\n');
  let [batch, written, failed, line]: [{ line: number; record: object }[], number, number, number] = [[], 0, 0, 0];
  let bytes = 0;
  const refused: Refused[] = [];
  const query = { keyFormat: text(invocation, 'keyFormat'), valueFormat: text(invocation, 'valueFormat') };
  const send = async (): Promise<void> => {
    if (batch.length === 0) return;
    const answer = await client.post<{
      failed: number;
      results: ({ error?: { code: string; message: string } } | undefined)[];
    }>(`${pathOf(topic)}/records`, {
      ...Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)),
      records: batch.map(({ record }) => record),
    });
    written += batch.length - answer.failed;
    failed += answer.failed;
    for (const [at, one] of answer.results.entries())
      if (one?.error !== undefined && refused.length < TOLD)
        refused.push({ line: batch[at]!.line, code: one.error.code, message: one.error.message });
    batch = [];
    bytes = 0;
  };
  for await (const one of lines) {
    line++;
    if (one.trim() === '') continue;
    batch.push({ line, record: recordOf(one, line, given(invocation, 'values'), written, partition) });
    // A record may be larger in the request than in its line, never by much: the service takes 8 MiB at once.
    bytes += Buffer.byteLength(one);
    if (batch.length >= 500 || bytes >= MOST_BYTES) await send();
  }
  await send();
  return {
    ...described('Produced', { topic, written, failed, refused }, topic, { topic, written, failed }),
    exit: failed === 0 ? 'done' : written === 0 ? 'no' : 'partial',
    ...(failed === 0
      ? {}
      : {
          error: {
            code: 'records-refused',
            message: `${failed} of ${written + failed} records were refused.`,
            hint: 'The others are written: correct these, and send only them.',
            findings: refused.map((one) => ({ ...one, message: `line ${one.line}: ${one.message}` })),
          },
        }),
  };
};

function recordOf(
  text: string,
  line: number,
  isValue: boolean,
  written: number,
  partition: number | undefined,
): Record<string, unknown> {
  const wrong = (what: string) =>
    usage(
      'line-not-json',
      `Line ${line} is no ${what}.`,
      `Lines before it are written (${written}). Give one record a line: {"key": …, "value": …}, or bare values with --values.`,
    );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw wrong('JSON');
  }
  if (!isValue && (typeof value !== 'object' || value === null || Array.isArray(value))) throw wrong('record');
  return { ...(isValue ? { value } : (value as object)), ...(partition === undefined ? {} : { partition }) };
}

/** `weir topic consume`: records as they are read, one a line; with `-o json` or `yaml` one document at the end. */
export const consume: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const { topic, partition } = topicRef(argument(invocation, 0));
  const now = Date.now();
  const asked = range(text(invocation, 'from') ?? 'start', now);
  const end = text(invocation, 'until');
  const follow = given(invocation, 'follow');
  const whole = invocation.output === 'json' || invocation.output === 'yaml';
  const most = text(invocation, 'number') === undefined ? Infinity : number(text(invocation, 'number')!, '-n');
  if (whole && follow && most === Infinity)
    throw usage(
      'document-without-end',
      `-o ${invocation.output} is one document, and --follow has no end.`,
      'Take -o jsonl, or say how many with -n.',
    );
  const until = end === undefined ? asked.until : position(end, now);
  const readings = await readingsOf(client, topic, partition, asked.from, until);
  if (follow && readings.length > 1)
    throw usage(
      'position-differs',
      `'${text(invocation, 'from')}' is another offset in each partition of '${topic}', and only one reading can be followed.`,
      'Follow one partition: TOPIC/PARTITION.',
    );
  const decode = text(invocation, 'decode') ?? 'auto';
  const { equalities, fits, unanswered } = await recordFilter(texts(invocation, 'filter'));
  if (fits !== undefined && decode !== 'auto')
    throw usage(
      'filter-over-bytes',
      `A condition is about decoded records, and --decode ${decode} shows bytes.`,
      'Leave --decode out, or filter by an equality of a header: header.NAME=TEXT.',
    );
  const query = {
    key: text(invocation, 'key'),
    filter: equalities,
    format: decode === 'auto' ? undefined : 'binary',
  };
  const records: ShownRecord[] = [];
  const take = async (read: ShownRecord): Promise<void> => {
    const record = decode === 'hex' ? inHex(read) : read;
    if (whole) records.push(record);
    else
      await invocation.emit(
        record,
        invocation.output === 'name' ? `${topic}/${record.partition}@${record.offset}` : JSON.stringify(record),
      );
  };
  let count = 0;
  for (const reading of readings) {
    let cursor: string | undefined;
    while (count < most) {
      const page: { records: ShownRecord[]; next: string; atEnd: boolean } = await client.get(
        `${pathOf(topic)}/records`,
        {
          ...(cursor === undefined ? { ...reading, ...query } : { cursor, format: query.format }),
          limit: fits === undefined ? Math.min(1_000, most - count) : 1_000,
          wait: follow ? 5_000 : undefined,
        },
      );
      for (const record of page.records) {
        if (count >= most || fits?.(record) === false) continue;
        count++;
        await take(record);
      }
      if (page.atEnd && !follow) break;
      cursor = page.next;
    }
  }
  if (invocation.flags.verbose) invocation.say(`${count} records`);
  const { records: unjudged, why } = unanswered();
  if (unjudged > 0)
    invocation.say(`note: the filter has no answer for ${unjudged} records, which are left out; of the last: ${why}`);
  return whole ? { kind: 'Records', data: records } : { kind: 'Records', data: null, printed: true };
};

/** Bytes that the service gives in base64, in hexadecimal digits. */
function inHex(record: ShownRecord): ShownRecord {
  const hex = (value: unknown): unknown =>
    typeof value === 'string' ? Buffer.from(value, 'base64').toString('hex') : value;
  const headers = record['headers'] as readonly { readonly key: string; readonly value: unknown }[] | undefined;
  const format = (name: 'keyFormat' | 'valueFormat') => (record[name] === 'binary' ? { [name]: 'hex' } : {});
  return {
    ...record,
    key: hex(record['key']),
    value: hex(record['value']),
    ...format('keyFormat'),
    ...format('valueFormat'),
    ...(headers === undefined ? {} : { headers: headers.map((one) => ({ ...one, value: hex(one.value) })) }),
  };
}

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
            positions: await offsetsAt(client, topic, to, partition),
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
  // What was shown, and not what has come since.
  const positions = preview.partitions.map(({ partition: number, newStartOffset }) => ({
    partition: number,
    offset: newStartOffset,
  }));
  return shown(await client.post(path, { positions }), false);
};
