import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import {
  type Appended,
  type AppendOptions,
  decodeBatch,
  type DeletedRecords,
  type DeletePosition,
  detachBatch,
  encodeBatch,
  type FetchedPartition,
  type FetchRequest,
  type GroupListing,
  type GroupPosition,
  type LogWriter,
  type PartitionRef,
  type ProducerIdentity,
  stampBatch,
  type TopicDescription,
  type TopicSpec,
  type TopicState,
  type WriterCommit,
} from '../index.js';
import { ContractContext, type OpenedLog } from './contract/contract-context.js';
import { LOG_ENGINE_PROMISES, logEnginePromise } from './log-engine-contract.js';
import { MemoryLogEngine, type MemoryLogOptions } from './memory-engine.js';
import type { MemoryLogStorage } from './memory-storage.js';
import { MemoryWriter } from './memory-writer.js';

/** An engine made to break promises, and one promise at least that must not hold on it. */
interface Broken {
  readonly what: string;
  readonly engine?: new (options: MemoryLogOptions) => MemoryLogEngine;
  /** What a restart does to the stored log. */
  readonly restart?: (storage: MemoryLogStorage) => void;
  readonly breaks: readonly string[];
}

class ReadingBackwards extends MemoryLogEngine {
  override async fetch(request: FetchRequest): Promise<readonly FetchedPartition[]> {
    return (await super.fetch(request)).map((one) => ({ ...one, batches: [...one.batches].reverse() }));
  }
}

class ReadingTwice extends MemoryLogEngine {
  override async fetch(request: FetchRequest): Promise<readonly FetchedPartition[]> {
    return (await super.fetch(request)).map((one) => ({
      ...one,
      batches: one.batches.flatMap((batch) => [batch, batch]),
    }));
  }
}

class SkippingTheFirst extends MemoryLogEngine {
  override async fetch(request: FetchRequest): Promise<readonly FetchedPartition[]> {
    return (await super.fetch(request)).map((one) =>
      one.batches.length > 3 ? { ...one, batches: one.batches.slice(1) } : one,
    );
  }
}

class StoppingAtLimits extends MemoryLogEngine {
  override async fetch(request: FetchRequest): Promise<readonly FetchedPartition[]> {
    const all = await super.fetch(request);
    const fits = (one: FetchedPartition): boolean => one.batches.every((batch) => batch.length <= request.maxBytes);
    return all.map((one) => (fits(one) ? one : { ...one, batches: [], nextOffset: request.positions[0]!.offset }));
  }
}

class ClampingOffsets extends MemoryLogEngine {
  override async fetch(request: FetchRequest): Promise<readonly FetchedPartition[]> {
    return (await super.fetch(request)).map((one) => (one.error ? { ...one, error: undefined } : one));
  }
}

class NeverWaiting extends MemoryLogEngine {
  override fetch(request: FetchRequest): Promise<readonly FetchedPartition[]> {
    return super.fetch({ ...request, maxWaitMs: 0 });
  }
}

class Reencoding extends MemoryLogEngine {
  override append(to: PartitionRef, batch: Uint8Array, options?: AppendOptions): Promise<Appended> {
    let again: Uint8Array = batch;
    try {
      const { records } = decodeBatch(batch);
      again = encodeBatch(records.map((one) => ({ ...one, key: one.key?.length === 0 ? null : one.key })));
    } catch {
      // What cannot be read is left to the engine.
    }
    return super.append(to, again, options);
  }
}

class Trusting extends MemoryLogEngine {
  override async append(to: PartitionRef, batch: Uint8Array, options?: AppendOptions): Promise<Appended> {
    const sound = Buffer.from(batch);
    if (sound.length >= 61) stampBatch(sound, 0, 0);
    return super.append(to, sound, options);
  }
}

/** Takes what clients write for a copy. */
class TakingForCopies extends MemoryLogEngine {
  override async append(to: PartitionRef, batch: Uint8Array, options?: AppendOptions): Promise<Appended> {
    try {
      return await super.append(to, batch, options);
    } catch (error) {
      if (!isAppError(error, 'invalid-batch') || error.details['limit'] !== 'recordHeaderBytes') throw error;
      const writer = await this.openWriter('taking');
      return (await writer.commit({ appends: [{ ...to, batch }] }))[0]!;
    }
  }
}

class SharingBuffers extends MemoryLogEngine {
  override async append(to: PartitionRef, batch: Uint8Array, options?: AppendOptions): Promise<Appended> {
    const appended = await super.append(to, batch, options);
    const batches = this.storage.topics.get(to.topic)!.partitions[to.partition]!.batches;
    batches[batches.length - 1] = { ...batches.at(-1)!, bytes: batch };
    return appended;
  }
}

class Shuffling extends MemoryLogEngine {
  private turn = 0;
  override async append(to: PartitionRef, batch: Uint8Array, options?: AppendOptions): Promise<Appended> {
    if (this.turn++ % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    return super.append(to, batch, options);
  }
}

class Unfenced extends MemoryLogEngine {
  override append(to: PartitionRef, batch: Uint8Array): Promise<Appended> {
    return super.append(to, batch, { intoFenced: true });
  }
}

/** Lets the appends that are under way finish after the fence. */
class FencingLate extends MemoryLogEngine {
  override async setTopicState(topic: string, state: TopicState): Promise<TopicDescription> {
    const answer = await this.describeTopic(topic);
    setTimeout(() => void super.setTopicState(topic, state), 5);
    return { ...answer, state };
  }
}

/** Gives every session of an id the same epoch, so that none fences another. */
class FencingNobody extends MemoryLogEngine {
  override raiseEpoch(id: string): number {
    const state = this.storage.writers.get(id);
    if (state === undefined) return super.raiseEpoch(id);
    return state.epoch;
  }
}

const FORGOTTEN =
  'a writer that is forgotten has no checkpoints any more, over a restart too, and no session of its former life commits';

class KeepingForgottenWriters extends MemoryLogEngine {
  override forgetWriter(): void {}
}

/** Begins the epochs of a forgotten writer anew, so that a session of its former life fits the next one. */
class BeginningEpochsAnew extends MemoryLogEngine {
  override forgetWriter(id: string): void {
    this.storage.writers.delete(id);
  }
}

/** Finds out what a deletion would come to by deleting. */
class JudgingByDeleting extends MemoryLogEngine {
  override async deleteRecords(positions: readonly DeletePosition[]): Promise<readonly DeletedRecords[]> {
    return await super.deleteRecords(positions);
  }
}

/** Deletes whole batches only, as if records had no places of their own. */
class DeletingBatches extends MemoryLogEngine {
  override async deleteRecords(positions: readonly DeletePosition[]): Promise<readonly DeletedRecords[]> {
    const deleted = await super.deleteRecords(positions);
    for (const { topic, partition } of positions) {
      const one = this.storage.topics.get(topic)?.partitions[partition];
      const first = one?.batches[0];
      if (one !== undefined && first !== undefined) one.startOffset = Math.min(one.startOffset, first.baseOffset);
    }
    return deleted;
  }
}

/** Takes the places of deleted records for free. */
class ReusingPlaces extends MemoryLogEngine {
  override async deleteRecords(positions: readonly DeletePosition[]): Promise<readonly DeletedRecords[]> {
    const deleted = await super.deleteRecords(positions);
    for (const { topic, partition } of positions) {
      const one = this.storage.topics.get(topic)?.partitions[partition];
      if (one?.batches.length === 0) one.startOffset = one.endOffset = 0;
    }
    return deleted;
  }
}

class DeletingAnything extends MemoryLogEngine {
  override async deleteRecords(positions: readonly DeletePosition[]): Promise<readonly DeletedRecords[]> {
    const states = new Map([...this.storage.topics].map(([name, topic]) => [name, topic.state]));
    for (const topic of this.storage.topics.values()) topic.state = 'ACTIVE';
    const deleted = await super.deleteRecords(positions);
    for (const [name, topic] of this.storage.topics) topic.state = states.get(name)!;
    return deleted;
  }
}

class HoldingNothing extends MemoryLogEngine {
  override async deleteRecords(positions: readonly DeletePosition[]): Promise<readonly DeletedRecords[]> {
    const holds = new Map(this.storage.holds);
    this.storage.holds.clear();
    const deleted = await super.deleteRecords(positions);
    for (const [id, held] of holds) this.storage.holds.set(id, held);
    return deleted;
  }
}

/** Appends one after another instead of all or nothing. */
class PiecemealWriter extends MemoryWriter {
  constructor(
    private readonly log: MemoryLogEngine,
    id: string,
    epoch: number,
  ) {
    super(log, id, epoch);
  }

  override async commit(commit: WriterCommit): Promise<readonly Appended[]> {
    const appended: Appended[] = [];
    for (const { topic, partition, batch, intoFenced } of commit.appends ?? []) {
      appended.push(await this.log.append({ topic, partition }, batch, { intoFenced }));
    }
    await super.commit({ ...commit, appends: [] });
    return appended;
  }
}

class Piecemeal extends MemoryLogEngine {
  override async openWriter(id: string): Promise<LogWriter> {
    return new PiecemealWriter(this, id, this.raiseEpoch(id));
  }
}

class PositionByPosition extends MemoryLogEngine {
  override async commitPositions(group: string, positions: readonly GroupPosition[]): Promise<void> {
    for (const position of positions) await super.commitPositions(group, [position]);
  }
}

class KeepingPositions extends MemoryLogEngine {
  override async deleteTopic(topic: string): Promise<void> {
    const groups = new Map([...this.storage.groups].map(([group, positions]) => [group, new Map(positions)]));
    await super.deleteTopic(topic);
    for (const [group, positions] of groups) this.storage.groups.set(group, positions);
  }
}

class GuessingTimes extends MemoryLogEngine {
  override async offsetForTimestamp(ref: PartitionRef, timestampMs: number): Promise<number | null> {
    const offset = await super.offsetForTimestamp(ref, timestampMs);
    return offset === null ? null : Math.max(0, offset - 1);
  }
}

class AnsweringWhenClosed extends MemoryLogEngine {
  override async listGroups(): Promise<readonly GroupListing[]> {
    return await super.listGroups().catch(() => []);
  }
}

class LosingAcknowledged extends MemoryLogEngine {
  private count = 0;
  override async append(to: PartitionRef, batch: Uint8Array, options?: AppendOptions): Promise<Appended> {
    const appended = await super.append(to, batch, options);
    if (++this.count % 20 === 0) this.storage.topics.get(to.topic)!.partitions[to.partition]!.batches.pop();
    return appended;
  }
}

class ClosingCarelessly extends MemoryLogEngine {
  override async append(to: PartitionRef, batch: Uint8Array, options?: AppendOptions): Promise<Appended> {
    try {
      await new Promise((resolve) => setImmediate(resolve));
      return await super.append(to, batch, options);
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'log-closed') throw error;
      return { ...to, baseOffset: 3, lastOffset: 3, durability: 'durable' };
    }
  }
}

class TellingWrongPlaces extends MemoryLogEngine {
  override async openWriter(id: string): Promise<LogWriter> {
    const writer = await super.openWriter(id);
    const commit = writer.commit.bind(writer);
    writer.commit = (one) => {
      const { checkpoints } = one;
      if (typeof checkpoints !== 'function') return commit(one);
      return commit({
        ...one,
        checkpoints: (places) => checkpoints(places.map((place) => ({ ...place, baseOffset: 0 }))),
      });
    };
    return writer;
  }
}

/** Stores every batch as one without a producer. */
class ForgettingProducers extends MemoryLogEngine {
  override append(to: PartitionRef, batch: Uint8Array, options?: AppendOptions): Promise<Appended> {
    return super.append(to, detachBatch(batch), options);
  }
}

/** Remembers one batch of a producer where five may be under way. */
class RememberingOne extends MemoryLogEngine {
  override async append(to: PartitionRef, batch: Uint8Array, options?: AppendOptions): Promise<Appended> {
    const { producers } = this.storage.topics.get(to.topic)!.partitions[to.partition]!;
    producers.restore(producers.all().map((one) => ({ ...one, batches: one.batches.slice(-1) })));
    return super.append(to, batch, options);
  }
}

class TrustingWriters extends MemoryLogEngine {
  override async openWriter(id: string): Promise<LogWriter> {
    const writer = await super.openWriter(id);
    const commit = writer.commit.bind(writer);
    writer.commit = (one) => commit({ ...one, onlyVacant: false });
    return writer;
  }
}

/** Gives every producer of a name the epoch of the first. */
class NamingTwice extends MemoryLogEngine {
  override async openProducer(name?: string): Promise<ProducerIdentity> {
    return (name === undefined ? undefined : this.storage.producerNames.get(name)) ?? super.openProducer(name);
  }
}

/** Keeps settings and does not act upon them. */
class IgnoringSettings extends MemoryLogEngine {
  override createTopic(spec: TopicSpec): Promise<TopicDescription> {
    return super.createTopic({ ...spec, config: {} });
  }
}

const BROKEN: readonly Broken[] = [
  {
    what: 'reads batches backwards',
    engine: ReadingBackwards,
    breaks: ['from whatever offset one reads, exactly the records from there on come, in order'],
  },
  {
    what: 'delivers batches twice',
    engine: ReadingTwice,
    breaks: [
      'from whatever offset one reads, exactly the records from there on come, in order',
      'many producers at once: nothing lost, nothing twice, each in its order, at the place acknowledged',
    ],
  },
  {
    what: 'leaves a batch out',
    engine: SkippingTheFirst,
    breaks: ['from whatever offset one reads, exactly the records from there on come, in order'],
  },
  {
    what: 'stops at a batch larger than the limit',
    engine: StoppingAtLimits,
    breaks: ['a batch larger than the limit comes whole and alone, so that reading always goes on'],
  },
  {
    what: 'hides errors of positions',
    engine: ClampingOffsets,
    breaks: [
      'an offset outside the log is out of range, and the answer names the range',
      'positions are answered in their order, and the trouble of one spoils no other',
    ],
  },
  {
    what: 'answers a long poll at once',
    engine: NeverWaiting,
    breaks: [
      'a waiting fetch is answered as soon as something is appended',
      'a waiting fetch comes back empty when its time is over, and at once without waiting time',
    ],
  },
  {
    what: 'encodes records anew and takes an empty key for none',
    engine: Reencoding,
    breaks: [
      'records come back byte for byte: null and empty, headers in order, timestamps',
      'the encoded records of a batch are stored as they are, compressed or not',
    ],
  },
  {
    what: 'takes batches with a base offset',
    engine: Trusting,
    breaks: ['a batch that is not valid is refused and leaves nothing'],
  },
  {
    what: 'bounds the headers of nobody',
    engine: TakingForCopies,
    breaks: [
      'headers of a record beyond 64 KiB are refused to a client; a commit, which may copy what others wrote, takes them',
    ],
  },
  {
    what: 'keeps the buffer of the caller',
    engine: SharingBuffers,
    breaks: ['the caller may use its buffer again once the append is answered'],
  },
  {
    what: 'lets appends overtake each other',
    engine: Shuffling,
    breaks: ['appends to one partition issued without waiting keep the order they were issued in'],
  },
  {
    what: 'stores positions of a writer over those of members',
    engine: TrustingWriters,
    breaks: [
      'a commit of a writer for vacant groups only does nothing while there are members, and the session goes on',
    ],
  },
  {
    what: 'loses an acknowledged batch',
    engine: LosingAcknowledged,
    breaks: ['many producers at once: nothing lost, nothing twice, each in its order, at the place acknowledged'],
  },
  {
    what: 'appends repeated batches of a producer again',
    engine: ForgettingProducers,
    breaks: [
      'a repeated batch of a producer is stored once and answered with its first place, also after a restart',
      'batches of a producer sent without waiting, and repeated before the first answer came, are stored once and in order',
      'a batch out of turn is refused and leaves nothing, and the producer goes on where it was',
      'sequences count in each partition apart',
    ],
  },
  {
    what: 'recognises the last batch of a producer only',
    engine: RememberingOne,
    breaks: ['each of the last five batches of a producer is recognised, and none before them is appended again'],
  },
  {
    what: 'lets a producer go on whose name was opened again',
    engine: NamingTwice,
    breaks: ['a producer opened under a name replaces the one before it, also over a restart'],
  },
  {
    what: 'gives producer ids again when it starts again',
    restart: (storage) => (storage.producersOpened = 0),
    breaks: ['no two producers get the same id, at the same time or after a restart'],
  },
  {
    what: 'forgets the producers of its partitions when it starts again',
    restart: (storage) => {
      for (const topic of storage.topics.values()) {
        for (const one of topic.partitions) one.producers.expire(Infinity);
      }
    },
    breaks: ['a repeated batch of a producer is stored once and answered with its first place, also after a restart'],
  },
  {
    what: 'does not act upon the settings of its topics',
    engine: IgnoringSettings,
    breaks: [
      'a topic keeps batches in the compression it wants, with the same records',
      'with LogAppendTime records get the time of their append, whatever they brought',
      'timestamps too far from the clock are refused and leave nothing, and none at all is taken',
      'an acknowledgement names the level of its topic, or a stronger one that was asked for, and commits are durable',
    ],
  },
  {
    what: 'does not heed the fence',
    engine: Unfenced,
    breaks: [
      'a FENCED topic refuses appends and commits as retryable, and is read as before',
      'only appends that say so go into a FENCED topic, with append and with commit',
    ],
  },
  {
    what: 'fences after it said so',
    engine: FencingLate,
    breaks: [
      'once a topic is FENCED its end offsets are final: all acknowledged lies below, nothing is acknowledged after',
    ],
  },
  {
    what: 'commits piece by piece',
    engine: Piecemeal,
    breaks: [
      'a refused commit leaves nothing, and the session goes on',
      'a later session fences an earlier one, whose commits leave nothing from then on',
    ],
  },
  {
    what: 'tells a commit places its appends did not get',
    engine: TellingWrongPlaces,
    breaks: ['checkpoints given as a function learn the places of the appends before the commit is done'],
  },
  {
    what: 'lets an old session go on',
    engine: FencingNobody,
    breaks: [
      'a later session fences an earlier one, whose commits leave nothing from then on',
      'the fence strikes with writer-fenced, and closing the newer session does not lift it',
      'of sessions that race, one at a time commits: no count is lost and none is made twice',
    ],
  },
  {
    what: 'keeps checkpoints of a writer that was forgotten',
    engine: KeepingForgottenWriters,
    breaks: [FORGOTTEN],
  },
  {
    what: 'begins the epochs of a writer that was forgotten anew',
    engine: BeginningEpochsAnew,
    breaks: [FORGOTTEN],
  },
  {
    what: 'stores positions one by one',
    engine: PositionByPosition,
    breaks: ['a call with a position that cannot be stores none of its positions'],
  },
  {
    what: 'keeps positions on a deleted topic',
    engine: KeepingPositions,
    breaks: ['with a topic go the positions on it, and no others'],
  },
  {
    what: 'guesses offsets of times',
    engine: GuessingTimes,
    breaks: ['a time is answered with the first offset whose record is not older'],
  },
  {
    what: 'deletes whole batches only',
    engine: DeletingBatches,
    breaks: ['what is deleted is out of range for every reader, the rest reads as before, and offsets go on rising'],
  },
  {
    what: 'gives the places of deleted records again',
    engine: ReusingPlaces,
    breaks: ['up to the end everything goes, the end offset stays, and the next record gets the next place'],
  },
  {
    what: 'deletes records of topics that are out of service',
    engine: DeletingAnything,
    breaks: ['a topic that is out of service keeps its records'],
  },
  {
    what: 'deletes where it was only to judge',
    engine: JudgingByDeleting,
    breaks: [
      'what a deletion would come to is said without deleting: the same answers, those of holds and policy included',
    ],
  },
  {
    what: 'forgets deletions when it starts again',
    restart: (storage) => {
      for (const topic of storage.topics.values()) for (const one of topic.partitions) one.startOffset = 0;
    },
    breaks: ['a deletion outlives a restart, and may be repeated without harm'],
  },
  {
    what: 'heeds no holds',
    engine: HoldingNothing,
    breaks: [
      'what is held cannot be deleted until the hold moves on or is released',
      'the lowest hold counts, the other partitions are free',
      'a hold that cannot be is refused and changes nothing',
    ],
  },
  {
    what: 'forgets holds when it starts again',
    restart: (storage) => storage.holds.clear(),
    breaks: ['a hold outlives a restart, is listed, and ends for a topic with the topic'],
  },
  {
    what: 'answers after it was closed',
    engine: AnsweringWhenClosed,
    breaks: ['a closed log refuses every call, and closing again does no harm'],
  },
  {
    what: 'acknowledges what it dropped when it was closed',
    engine: ClosingCarelessly,
    breaks: ['appends under way when the log is closed are acknowledged and kept, or refused and absent'],
  },
  {
    what: 'forgets the last batch when it starts again',
    restart: (storage) => {
      for (const topic of storage.topics.values()) {
        for (const partition of topic.partitions) {
          const last = partition.batches.pop();
          if (last !== undefined) partition.endOffset = last.baseOffset;
        }
      }
    },
    breaks: ['acknowledged records are there after a restart, and offsets go on rising'],
  },
  {
    what: 'forgets positions when it starts again',
    restart: (storage) => storage.groups.clear(),
    breaks: [
      'positions are kept with their notes, replaced by later ones, and outlive a restart',
      'a commit appends over partitions and topics, moves positions and writes checkpoints together',
    ],
  },
  {
    what: 'forgets writers when it starts again',
    restart: (storage) => storage.writers.clear(),
    breaks: [
      'epochs rise over restarts, and a session opened before is dead after',
      'checkpoints are replaced, removed by null, and belong to one writer',
    ],
  },
  {
    what: 'forgets states when it starts again',
    restart: (storage) => storage.topics.forEach((topic) => void (topic.state = 'ACTIVE')),
    breaks: ['a state outlives a restart, also the one a topic was created with'],
  },
];

function open({ engine: Engine = MemoryLogEngine, restart }: Omit<Broken, 'what' | 'breaks'>): OpenedLog {
  let engine = new Engine({});
  return {
    engine,
    async reopen() {
      await engine.close();
      restart?.(engine.storage);
      return (engine = new Engine({ storage: engine.storage }));
    },
    dispose: () => engine.close(),
  };
}

async function holds(title: string, broken: Omit<Broken, 'what' | 'breaks'>): Promise<void> {
  const openOne = (): Promise<OpenedLog> => Promise.resolve(open(broken));
  const context = new ContractContext(await openOne(), openOne, 300);
  try {
    await logEnginePromise(title).holds(context);
  } finally {
    await context.dispose();
  }
}

describe('negative controls of the log engine contract', () => {
  for (const { what, breaks, ...broken } of BROKEN) {
    for (const title of breaks) {
      it(`an engine that ${what} fails: ${title}`, async () => {
        await expect(holds(title, broken)).rejects.toThrow();
        await expect(holds(title, {}), 'the sound engine').resolves.toBeUndefined();
      });
    }
  }

  it('no two promises have the same title', () => {
    const titles = Object.values(LOG_ENGINE_PROMISES).flatMap((promises) => promises.map((one) => one.title));
    expect(new Set(titles).size).toBe(titles.length);
  });
});
