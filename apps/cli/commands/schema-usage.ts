import { argument, text, type Handler } from '../command.js';
import { Failure } from '../failure.js';
import type { Client } from '../http/client.js';
import { versionRef } from '../reference.js';
import { fetchVersion } from './schema.js';

interface CountedPartition {
  readonly partition: number;
  readonly keys: number;
  readonly values: number;
  readonly lastOffset: string;
  readonly exact: boolean;
}

interface Usage {
  readonly verdict: string;
  readonly reasons: readonly { readonly code: string; readonly message: string }[];
  readonly records: {
    readonly total: number;
    readonly exact: boolean;
    readonly topics: readonly {
      readonly cluster: string;
      readonly topic: string;
      readonly partitions: readonly CountedPartition[];
    }[];
  };
}

/** Partitions of which the time of the last record is asked: one read each. */
const MOST_TIMES = 64;
const AT_ONCE = 8;

/** `weir schema usage REF`: live records by topic and partition with when the last was written, what else needs it, and whether it may go. */
export const usageOf: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const { subject, version } = versionRef(argument(invocation, 0));
  // Before it is deleted for good is when this is asked most.
  const found = await fetchVersion(client, `${subject}@${version}`, { deleted: true });
  const told = await client.get<Usage>(`/v1/subjects/${encodeURIComponent(subject)}/versions/${found.version}/usage`, {
    scan: text(invocation, 'scan'),
  });
  const { verdict, reasons, records } = told;
  const counted = await withTimes(client, records.topics);
  return {
    kind: 'SchemaUsage',
    data: { ...told, records: { ...records, topics: counted } },
    names: [`${subject}@${found.version}`],
    text: [
      `${subject}@${found.version}: ${verdict === 'safe' ? 'safe to delete' : verdict} · ${records.total}${records.exact ? '' : ' or more'} records`,
      ...reasons.map(({ code, message }) => `  ${code}: ${message}`),
    ].join('\n'),
    table: {
      columns: [
        { title: 'topic' },
        { title: 'partition', right: true },
        { title: 'keys', right: true },
        { title: 'values', right: true },
        { title: 'last offset', right: true },
        { title: 'last written' },
        { title: 'cluster', wide: true },
        { title: 'counted', wide: true },
      ],
      rows: counted.flatMap(({ cluster, topic, partitions }) =>
        partitions.map((one) => [
          topic,
          one.partition,
          one.keys,
          one.values,
          one.lastOffset,
          one.lastWritten,
          cluster,
          one.exact ? 'exactly' : 'at most',
        ]),
      ),
    },
  };
};

/** Partitions with the time of the last record that names the schema; null where it cannot be read any more, or there are too many. */
async function withTimes(client: Client, topics: Usage['records']['topics']) {
  const asked = topics.flatMap(({ cluster, topic, partitions }) =>
    partitions.map((one) => ({ cluster, topic, ...one })),
  );
  const times = new Map<string, string | null>();
  const keyOf = (cluster: string, topic: string, partition: number): string => `${cluster}/${topic}/${partition}`;
  for (let from = 0; from < Math.min(asked.length, MOST_TIMES); from += AT_ONCE) {
    await Promise.all(
      asked.slice(from, Math.min(from + AT_ONCE, MOST_TIMES)).map(async ({ cluster, topic, partition, lastOffset }) => {
        times.set(keyOf(cluster, topic, partition), await writtenAt(client, cluster, topic, partition, lastOffset));
      }),
    );
  }
  return topics.map(({ cluster, topic, partitions, ...more }) => ({
    ...more,
    cluster,
    topic,
    partitions: partitions.map((one) => ({
      ...one,
      lastWritten: times.get(keyOf(cluster, topic, one.partition)) ?? null,
    })),
  }));
}

async function writtenAt(
  client: Client,
  cluster: string,
  topic: string,
  partition: number,
  offset: string,
): Promise<string | null> {
  const path = `/v1/clusters/${encodeURIComponent(cluster)}/topics/${encodeURIComponent(topic)}/records`;
  try {
    const { records } = await client.get<{ records: { offset: string; timestamp: string | number }[] }>(path, {
      partition,
      from: offset,
      limit: 1,
      format: 'binary',
    });
    const [first] = records;
    return first?.offset === offset ? new Date(first.timestamp).toISOString() : null;
  } catch (error) {
    // Of another generation, or gone meanwhile: the counts stand all the same.
    if (error instanceof Failure) return null;
    throw error;
  }
}
