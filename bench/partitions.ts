import { join } from 'node:path';
import { NodeFileSystem, openEmbeddedLog, type OpenFile, type OpenMode } from '#libs/adapters/log-embedded';
import { encodeBatch } from '#libs/core/log';
import { SystemClock } from '#libs/platform/observability';
import { closedLoop } from './closed-loop.js';
import { inTemporaryDirectory, median, type Benchmark } from './measure.js';

const PRODUCERS = 128;
const RECORDS = 50_000;
const ROUNDS = 3;
const MANY = 1_000;
/** Of one topic. */
const AT_MOST = 250;

const batch = encodeBatch([
  { key: Buffer.from('key-000001'), value: Buffer.alloc(1_000, 'x'), headers: [], timestamp: 1_700_000_000_000 },
]);

/** The disk, with its flushes of files counted, whoever asks for them. */
class CountingFiles extends NodeFileSystem {
  flushes = 0;

  override async open(path: string, mode: OpenMode): Promise<OpenFile> {
    const file = await super.open(path, mode);
    const sync = file.sync.bind(file);
    file.sync = async () => {
      this.flushes++;
      await sync();
    };
    return file;
  }
}

interface Written {
  readonly perSecond: number;
  /** Of the journal, by the log's own metric. */
  readonly journalFlushes: number;
  /** Of any file: the journal, and segments at checkpoints and when they are closed for others. */
  readonly allFlushes: number;
}

/** The same producers and records over so many partitions, one after another. */
async function written(partitions: number): Promise<Written> {
  return inTemporaryDirectory(async (directory) => {
    let journalFlushes = 0;
    const files = new CountingFiles();
    const log = await openEmbeddedLog({
      directory: join(directory, 'log'),
      clock: new SystemClock(),
      files,
      observer: { flushed: () => void journalFlushes++ },
    });
    try {
      for (let from = 0; from < partitions; from += AT_MOST)
        await log.createTopic({ name: `t${from / AT_MOST}`, partitions: Math.min(AT_MOST, partitions - from) });
      let next = 0;
      const append = (): Promise<unknown> => {
        const at = next++ % partitions;
        return log.append({ topic: `t${Math.floor(at / AT_MOST)}`, partition: at % AT_MOST }, batch);
      };
      // Every partition has its file before it counts.
      await closedLoop(PRODUCERS, (sent) => sent < 2 * MANY, append);
      [journalFlushes, files.flushes] = [0, 0];
      const { perSecond } = await closedLoop(PRODUCERS, (sent) => sent < RECORDS, append);
      return { perSecond, journalFlushes, allFlushes: files.flushes };
    } finally {
      await log.close();
    }
  });
}

/** What partitions cost: the same records by the same producers, over a thousand of them and over one, in turns. */
export const partitions: Benchmark = {
  name: 'partitions',
  async run() {
    const one: Written[] = [];
    const many: Written[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      one.push(await written(1));
      many.push(await written(MANY));
    }
    const middle = (rounds: readonly Written[], of: keyof Written): number => median(rounds.map((round) => round[of]));
    const told = `${RECORDS.toLocaleString('en-US')} durable records of 1 KB, ${PRODUCERS} producers, over ${MANY.toLocaleString('en-US')} partitions`;
    const recordsAFlush = (rounds: readonly Written[], of: 'journalFlushes' | 'allFlushes'): number =>
      RECORDS / middle(rounds, of);
    return [
      {
        what: told,
        unit: 'records a flush of the journal',
        measured: recordsAFlush(many, 'journalFlushes'),
        baseline: { what: 'over one', measured: recordsAFlush(one, 'journalFlushes') },
        // No more flushes than one; whether a producer is in a group or in the one after it is chance.
        goal: 0.95,
      },
      {
        what: 'the same, with the flushes of segments',
        unit: 'records a flush of any file',
        measured: recordsAFlush(many, 'allFlushes'),
        baseline: { what: 'over one', measured: recordsAFlush(one, 'allFlushes') },
      },
      {
        what: 'the same',
        unit: 'records/s',
        measured: middle(many, 'perSecond'),
        baseline: { what: 'over one', measured: middle(one, 'perSecond') },
      },
    ];
  },
};
