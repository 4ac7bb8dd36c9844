import { isAppError } from '#libs/core/kernel';
import {
  type Appended,
  checkCheckpoint,
  type GroupPosition,
  logErrors,
  LogWriter,
  readBatchHeader,
  type WriterCheckpoint,
  type WriterCommit,
} from '#libs/core/log';
import { apply, type CheckpointStore } from './checkpoint-store.js';
import { KafkaRefusal } from './error-codes.js';
import type { Groups } from './groups.js';
import type { KafkaCluster, Patience } from './kafka-cluster.js';
import type { Preparation, WritePreparation } from './write-preparation.js';
import { TransactionalProducer } from './transactional-producer.js';

/** Writers' transactional ids begin with it, so that ACLs can name them and other programs' ids stay apart. */
const TRANSACTIONAL_ID_PREFIX = 'weir-writer-';

/** What a session works with. */
export interface KafkaWriterParts {
  readonly cluster: KafkaCluster;
  readonly preparation: WritePreparation;
  readonly store: CheckpointStore;
  readonly groups: Groups;
}

/**
 * A fenced session: one transaction per commit. Appends, positions and checkpoints are in it together, so they are visible together; the coordinator refuses
 * whoever was replaced.
 */
export class KafkaWriter extends LogWriter {
  readonly #cluster: KafkaCluster;
  readonly #preparation: WritePreparation;
  readonly #store: CheckpointStore;
  readonly #groups: Groups;
  readonly #producer: TransactionalProducer;
  readonly #known: Map<string, Uint8Array>;
  readonly #purpose: string;
  #ended: 'closed' | 'fenced' | undefined;
  #busy = false;

  private constructor(
    readonly id: string,
    readonly epoch: number,
    parts: KafkaWriterParts & {
      readonly producer: TransactionalProducer;
      readonly known: Map<string, Uint8Array>;
      readonly purpose: string;
    },
  ) {
    super();
    this.#cluster = parts.cluster;
    this.#preparation = parts.preparation;
    this.#store = parts.store;
    this.#groups = parts.groups;
    this.#producer = parts.producer;
    this.#known = parts.known;
    this.#purpose = parts.purpose;
  }

  /** Fences earlier sessions first, and only then reads what they committed. */
  static async open(id: string, parts: KafkaWriterParts): Promise<KafkaWriter> {
    const { cluster, store } = parts;
    await store.provide();
    const purpose = cluster.newPurpose('writer');
    const producer = await TransactionalProducer.open(cluster, TRANSACTIONAL_ID_PREFIX + id, purpose);
    const known = await store.read(id);
    return new KafkaWriter(id, producer.epoch, { ...parts, producer, known, purpose });
  }

  checkpoint(key: string): Uint8Array | undefined {
    return this.#known.get(key);
  }

  checkpoints(): ReadonlyMap<string, Uint8Array> {
    return this.#known;
  }

  async commit(commit: WriterCommit): Promise<readonly Appended[]> {
    this.#checkAlive();
    if (this.#busy) throw new Error(`writer '${this.id}': a commit is under way; await it before the next`);
    this.#busy = true;
    try {
      const { checkpoints = [], positionsOpen = [], handOver } = commit;
      if (positionsOpen.length > 0 || handOver !== undefined) throw logErrors.handOverNotKept();
      if (typeof checkpoints !== 'function') for (const { key, value } of checkpoints) checkCheckpoint(key, value);
      const prepared = await this.#preparation.ofCommit(commit);
      try {
        return await this.#transact(commit, prepared);
      } finally {
        prepared.lease.end();
      }
    } catch (error) {
      throw this.#cluster.failure(error);
    } finally {
      this.#busy = false;
    }
  }

  /** Tombstones are all that is left, and go with the compaction of their topic; the coordinator forgets a transactional id that rests by itself. */
  async forget(): Promise<void> {
    this.#checkAlive();
    await this.commit({ checkpoints: [...this.#known.keys()].map((key) => ({ key, value: null })) });
    await this.close();
  }

  async close(): Promise<void> {
    this.#ended ??= 'closed';
    this.#cluster.release(this.#purpose);
  }

  #checkAlive(): void {
    if (this.#cluster.closed) throw logErrors.logClosed();
    if (this.#ended === 'fenced') throw logErrors.writerFenced(this.id, this.epoch);
    if (this.#ended === 'closed') throw logErrors.writerClosed(this.id, this.epoch);
  }

  async #transact(commit: WriterCommit, { lease }: Preparation): Promise<readonly Appended[]> {
    const { appends = [], positions = [], checkpoints = [] } = commit;
    const mayCheckpoint = typeof checkpoints === 'function' || checkpoints.length > 0;
    if (appends.length === 0 && positions.length === 0 && !mayCheckpoint) return [];
    const { clock, settings } = this.#cluster;
    const until = clock.monotonic() + settings.commitForMs;
    const patience = (): Patience => ({ forMs: Math.max(0, until - clock.monotonic()) });
    const place = this.#store.placeOf(this.id);
    let appended: readonly Appended[];
    let written: readonly WriterCheckpoint[];
    try {
      if (appends.length > 0 || mayCheckpoint) {
        await this.#producer.addPartitions(mayCheckpoint ? [...appends, place] : appends, patience());
      }
      const offsets = await this.#producer.produce(appends, patience());
      appended = appends.map(({ topic, partition, batch }, i): Appended => {
        const baseOffset = offsets[i]!;
        const lastOffset = baseOffset + readBatchHeader(batch).lastOffsetDelta;
        return { topic, partition, baseOffset, lastOffset, durability: 'durable' };
      });
      written = typeof checkpoints === 'function' ? checkpoints(appended) : checkpoints;
      if (typeof checkpoints === 'function') for (const { key, value } of written) checkCheckpoint(key, value);
      const batches = this.#store.encode(this.id, written).map((batch) => ({ ...place, batch }));
      await this.#producer.produce(batches, patience());
      for (const [group, ofGroup] of byGroup(positions)) {
        if (await this.#producer.addPositions(group, ofGroup, commit.onlyVacant ?? false, patience())) continue;
        throw logErrors.groupActive(group, Math.max(1, await this.#groups.memberCount(group)));
      }
    } catch (error) {
      await this.#abort(error);
      throw error;
    }
    const ending = await this.#producer.end(true, { forMs: settings.commitForMs });
    if (ending === 'fenced') throw this.#fenced();
    if (ending === 'unknown') {
      // Whatever comes next must not meet this transaction half way: its epoch is ended before the caller hears of it.
      await this.#producer.bumpEpoch({ forMs: settings.commitForMs }).catch(() => undefined);
      await this.close();
      throw logErrors.outcomeUnknown(`a commit of writer '${this.id}'`);
    }
    for (const [group, ofGroup] of byGroup(positions)) this.#groups.committed(group, ofGroup);
    apply(
      this.#known,
      written.map(({ key, value }) => ({ key, value: value === null ? null : Uint8Array.from(value) })),
    );
    await lease.confirm().catch(async (error: unknown) => {
      if (isAppError(error, 'outcome-unknown')) await this.close();
      throw error;
    });
    return appended;
  }

  /** Takes back what the failed commit has done. The session goes on only when that is certain. */
  async #abort(cause: unknown): Promise<void> {
    if (cause instanceof KafkaRefusal && cause.fenced) throw this.#fenced();
    const { settings } = this.#cluster;
    const ending = await this.#producer.end(false, { forMs: settings.commitForMs });
    if (ending === 'fenced') throw this.#fenced();
    try {
      // The brokers may have stored batches we did not hear of, so the sequences of this epoch are uncertain, unless it ended with the transaction; and an abort that was not answered is settled.
      const epochGoesOn = ending === 'unknown' || !this.#producer.endsEpochs;
      const uncertain = epochGoesOn && (ending === 'unknown' || this.#producer.uncertain || !isAppError(cause));
      if (uncertain) await this.#producer.bumpEpoch({ forMs: settings.commitForMs });
    } catch (error) {
      if (error instanceof KafkaRefusal && error.fenced) throw this.#fenced();
      // Not committed in any case: nobody but this session could have said so, and the coordinator aborts what it left open.
      await this.close();
    }
  }

  #fenced(): Error {
    this.#ended = 'fenced';
    this.#cluster.release(this.#purpose);
    return logErrors.writerFenced(this.id, this.epoch);
  }
}

function byGroup(
  positions: readonly (GroupPosition & { readonly group: string })[],
): ReadonlyMap<string, GroupPosition[]> {
  const groups = new Map<string, GroupPosition[]>();
  for (const { group, ...position } of positions) {
    const ofGroup = groups.get(group);
    if (ofGroup === undefined) groups.set(group, [position]);
    else ofGroup.push(position);
  }
  return groups;
}
