import {
  BATCH_HEADER_BYTES,
  COMPRESSION_IDS,
  encodeBatch,
  readBatchHeader,
  stampAppendTime,
  type CompressionName,
} from '#libs/core/log';
import { times, topicRequest, varint, type HostileCase } from './hostile-case.js';

const TOPIC = 'hostile-batches';
/** Takes batches of the size that a request may have. */
const LARGE = 'hostile-large-batches';

const batches = (
  name: string,
  outcome: HostileCase['outcome'],
  body: () => Uint8Array,
  topic = TOPIC,
  query = 'partition=0',
): HostileCase => ({
  family: 'batches',
  name,
  outcome,
  requests: [
    topicRequest(TOPIC),
    topicRequest(LARGE, { 'max.message.bytes': '9000000' }),
    { method: 'POST', path: `/v1/topics/${topic}/records?${query}`, body, type: 'application/octet-stream' },
  ],
});

const small = (count = 3): Buffer =>
  encodeBatch(times(count, () => ({ key: null, value: Buffer.from('x'), headers: [], timestamp: 1 })));

/** Fields of the header by where they lie, with how many bytes each has. */
const FIELDS = {
  baseOffset: [0, 8],
  batchLength: [8, 4],
  magic: [16, 1],
  crc: [17, 4],
  attributes: [21, 2],
  lastOffsetDelta: [23, 4],
  baseTimestamp: [27, 8],
  maxTimestamp: [35, 8],
  producerId: [43, 8],
  producerEpoch: [51, 2],
  baseSequence: [53, 4],
  recordCount: [57, 4],
} as const;

/** A batch that says something else in one field, with a checksum that is right all the same. */
function saying(field: keyof typeof FIELDS, value: bigint, batch = small()): Buffer {
  const [at, size] = FIELDS[field];
  for (let n = 0; n < size; n++) batch[at + n] = Number((value >> BigInt(8 * (size - 1 - n))) & 0xffn);
  return field === 'crc' ? batch : checked(batch);
}

/** The checksum made anew, as the log does it when it stamps a batch; the attributes and the time stay what they were. */
function checked(batch: Buffer): Buffer {
  const [attributes, time] = [batch.subarray(21, 23), batch.subarray(35, 43)].map((one) => Buffer.from(one));
  const stamped = Buffer.from(batch);
  stampAppendTime(stamped, 0, 0, stamped.length);
  // Whoever lies about the time or the attributes gets a checksum over them, by the same rule.
  attributes!.copy(stamped, 21);
  time!.copy(stamped, 35);
  stamped.writeUInt32BE(crcOf(stamped), 17);
  return stamped;
}

/** CRC-32C, bit by bit: bodies of lies are small. */
function crcOf(batch: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of batch.subarray(21)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  }
  return (crc ^ 0xffff_ffff) >>> 0;
}

/** A batch of one record whose bytes are these. */
function withRecord(record: readonly number[], count = 1): Buffer {
  const header = small(1).subarray(0, BATCH_HEADER_BYTES);
  const batch = Buffer.concat([header, Buffer.from(record)]);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt32BE(count - 1, 23);
  batch.writeInt32BE(count, 57);
  return checked(batch);
}

/** A number as records have it. */
const zigzag = (value: number): number[] => varint(value < 0 ? -value * 2 - 1 : value * 2);

/** So many bytes of nothing, as one record, compressed. */
const bomb = (compression: CompressionName, bytes: number): Buffer =>
  encodeBatch([{ key: null, value: Buffer.alloc(bytes), headers: [], timestamp: 1 }], { compression });

/** As many records as fit into so many bytes, compressed to few. */
const swarm = (compression: CompressionName, count: number): Buffer =>
  encodeBatch(
    times(count, () => ({ key: null, value: null, headers: [], timestamp: 1 })),
    { compression },
  );

/** A block that is no block of its compression. */
function rubbish(compression: CompressionName): Buffer {
  const batch = Buffer.concat([small(1).subarray(0, BATCH_HEADER_BYTES), Buffer.alloc(10_000, 0x5a)]);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt16BE(COMPRESSION_IDS[compression], 21);
  return checked(batch);
}

const CODECS = ['gzip', 'snappy', 'lz4', 'zstd'] as const;
const MOST = { '8': 0x7fff_ffff_ffff_ffffn, '4': 0x7fff_ffffn, '2': 0x7fffn, '1': 0x7fn } as const;
/** Of a field, the largest value there is and what is less than nothing. */
const EXTREMES = (Object.keys(FIELDS) as (keyof typeof FIELDS)[]).flatMap((field) => {
  const most = MOST[`${FIELDS[field][1]}`];
  return [
    [field, 'the most', most] as const,
    [field, 'less than nothing', -most] as const,
    [field, 'minus one', -1n] as const,
  ];
});

export const BATCH_CASES: readonly HostileCase[] = [
  ...EXTREMES.map(([field, what, value]) =>
    // The attributes of an ordinary batch, a maximum that nothing is checked against, and no producer are harmless.
    batches(`${field}: ${what}`, 'either', () => saying(field, value)),
  ),
  batches('a body of nothing but zeros', 'refused', () => Buffer.alloc(1_000_000)),
  batches('a body of nothing but ones', 'refused', () => Buffer.alloc(1_000_000, 0xff)),
  batches('half a batch', 'refused', () => small().subarray(0, 40)),
  batches('a batch and a half', 'refused', () => Buffer.concat([small(), small().subarray(0, 70)])),
  batches('a header alone', 'refused', () => small().subarray(0, BATCH_HEADER_BYTES)),
  batches('more records than there are', 'refused', () => saying('recordCount', 4n)),
  batches('fewer records than there are', 'refused', () => saying('recordCount', 2n)),
  batches('a billion records', 'refused', () =>
    saying('lastOffsetDelta', 999_999_999n, saying('recordCount', 1_000_000_000n)),
  ),
  batches('an older format', 'refused', () => saying('magic', 1n)),
  batches('a compression that there is not', 'refused', () => saying('attributes', 7n)),
  batches('a transaction marker', 'refused', () => saying('attributes', 0x30n)),
  batches('a part of a transaction', 'refused', () => saying('attributes', 0x10n)),
  batches('a partition that there is not', 'refused', () => small(), TOPIC, 'partition=99'),
  batches('with a key of the client, which batches do not take', 'refused', () => small(), TOPIC, ''),
  batches('a record longer than all', 'refused', () => withRecord([...zigzag(2_000_000_000), 0])),
  batches('a record of negative length', 'refused', () => withRecord([...zigzag(-5), 0])),
  batches('a key of two gigabytes', 'refused', () => withRecord([...zigzag(8), 0, 0, 0, ...zigzag(2_000_000_000), 1])),
  batches('a key of less than none', 'refused', () => withRecord([...zigzag(6), 0, 0, 0, ...zigzag(-100), 1, 0])),
  batches('two billion headers', 'refused', () => withRecord([...zigzag(10), 0, 0, 0, 1, 1, ...zigzag(2_000_000_000)])),
  batches('a number without an end', 'refused', () => withRecord(times(1_000, () => 0xff))),
  batches('records that are all in one place', 'refused', () =>
    withRecord([...[12, 0, 0, 0, 1, 1, 0], ...[12, 0, 0, 0, 1, 1, 0]], 2),
  ),
  ...CODECS.flatMap((codec) => [
    batches(`a bomb of 64 MiB in ${codec}`, 'refused', () => bomb(codec, 64 * 1024 * 1024), LARGE),
    batches(`a bomb in ${codec} that is just let through, eight times`, 'either', () =>
      Buffer.concat(times(8, () => bomb(codec, 1_000_000))),
    ),
    batches(`a million records in ${codec}`, 'refused', () => swarm(codec, 1_000_000), LARGE),
    batches(`no ${codec} at all`, 'refused', () => rubbish(codec)),
    batches(`${codec} that breaks off`, 'refused', () => {
      const whole = bomb(codec, 100_000);
      const cut = Buffer.from(whole.subarray(0, whole.length - 5));
      cut.writeInt32BE(cut.length - 12, 8);
      return checked(cut);
    }),
  ]),
  batches('a hundred thousand batches', 'refused', () => Buffer.concat(times(100_000, () => small(1))), LARGE),
  batches('eight megabytes in one batch of the smallest records', 'refused', () => swarm('none', 900_000), LARGE),
  batches('a good one, which all of it has not hurt', 'answered', () => {
    const batch = small();
    readBatchHeader(batch);
    return batch;
  }),
];
