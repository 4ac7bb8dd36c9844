import { Injectable } from '@nestjs/common';
import { type HeldLease, Leases, parseLeaseId, type LeaseName } from '#libs/core/groups';
import { Clock } from '#libs/core/kernel';
import { generationOf } from '#libs/core/log';
import { PageRoom, RecordDecoding, RecordWriter, Turns, type ReadRecord } from '#libs/core/records';
import { MessageCodec } from '#libs/core/registry';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { turn } from '#libs/platform/http';
import {
  choicesOf,
  leaseViewOf,
  type AckBody,
  type AcquiredView,
  type ExtendBody,
  type LeaseBody,
  type LeaseListView,
  type LeaseRecordsQuery,
  type LeaseView,
  type NackBody,
} from './lease-shapes.js';

/** A record in the hand of a lease. */
export interface LeasedRecord extends ReadRecord {
  readonly topic: string;
  readonly deliveries: number;
}

/** Leases over HTTP: who may, by names and shapes. */
@Injectable()
export class LeasesService {
  readonly #decoding: RecordDecoding;

  constructor(
    private readonly leases: Leases,
    private readonly authorizer: Authorizer,
    private readonly clock: Clock,
    private readonly writer: RecordWriter,
    codec: MessageCodec,
  ) {
    this.#decoding = new RecordDecoding(codec, turn);
  }

  /** @throws what {@link Leases.acquire} throws; `forbidden` for a topic that may not be read, or a dead letter topic that may not be written; `topic-not-found`, `topic-is-derived` for one that nobody writes. */
  async acquire(
    cluster: string | undefined,
    group: string,
    body: LeaseBody,
    principal: Principal,
    signal: AbortSignal,
  ): Promise<AcquiredView> {
    const { topics, partitions, maxPartitions, startAt, waitMs, visibilityMs, maxRecords, deadLetter = null } = body;
    for (const name of topics) this.authorizer.demand(principal, 'read', { kind: 'topic', name });
    if (deadLetter !== null) {
      this.authorizer.demand(principal, 'write', { kind: 'topic', name: deadLetter.topic });
      // By the same rule as everybody else writes: the log's own topics and derived ones take no dead letters.
      await this.writer.demandWritable(cluster, deadLetter.topic);
    }
    const terms = { visibilityMs, maxRecords, deadLetter };
    const asked = { terms, topics, maxPartitions, startAt, waitMs, signal };
    const held = await this.leases.acquire(cluster, group, partitions === undefined ? asked : { ...asked, partitions });
    return typeof held === 'string' ? { lease: null, reason: held } : { lease: leaseViewOf(group, held), reason: null };
  }

  /** The leases of a group that are held now. */
  async list(cluster: string | undefined, group: string): Promise<LeaseListView> {
    return { items: (await this.leases.held(cluster, group)).map((held) => leaseViewOf(group, held)) };
  }

  async describe(cluster: string | undefined, id: string, principal: Principal): Promise<LeaseView> {
    const name = this.#named(id, 'read', principal);
    return leaseViewOf(name.group, await this.leases.describe(cluster, name));
  }

  /** Hands out what fits in a page, decoded. */
  async read(
    cluster: string | undefined,
    id: string,
    query: LeaseRecordsQuery,
    principal: Principal,
    signal: AbortSignal,
  ): Promise<{ records: LeasedRecord[] }> {
    const name = this.#named(id, 'write', principal);
    this.#demandTopics(await this.leases.describe(cluster, name), principal);
    const page = await this.leases.read(cluster, name, query.wait, signal);
    const shown = new Map<string, ReadRecord>();
    const room = new PageRoom(this.clock);
    const turns = new Turns(this.clock, turn);
    for (const { topic, partition, record } of page.due) {
      if (room.isFull && shown.size > 0) break;
      const read = await this.#decoding.show({ ...record, partition }, query.format, room);
      shown.set(`${topic}/${partition}/${record.offset}`, read);
      if (turns.due) await turns.take(signal);
    }
    const handed = await page.take(shown.size);
    const records = handed.map(({ topic, partition, record, deliveries }) => ({
      topic: generationOf(topic).logical,
      deliveries,
      ...shown.get(`${topic}/${partition}/${record.offset}`)!,
    }));
    return { records };
  }

  async ack(cluster: string | undefined, id: string, body: AckBody, principal: Principal): Promise<LeaseView> {
    const name = this.#named(id, 'write', principal);
    return leaseViewOf(name.group, await this.leases.ack(cluster, name, choicesOf(body)));
  }

  async nack(cluster: string | undefined, id: string, body: NackBody, principal: Principal): Promise<LeaseView> {
    const name = this.#named(id, 'write', principal);
    return leaseViewOf(name.group, await this.leases.nack(cluster, name, choicesOf(body), body.delayMs));
  }

  async extend(cluster: string | undefined, id: string, body: ExtendBody, principal: Principal): Promise<LeaseView> {
    const name = this.#named(id, 'write', principal);
    return leaseViewOf(name.group, await this.leases.extend(cluster, name, body.visibilityMs));
  }

  async release(cluster: string | undefined, id: string, principal: Principal): Promise<void> {
    await this.leases.release(cluster, this.#named(id, 'write', principal));
  }

  /** The path names no group, the id does. @throws `invalid-lease`, `forbidden`. */
  #named(id: string, action: 'read' | 'write', principal: Principal): LeaseName {
    const name = parseLeaseId(id);
    this.authorizer.demand(principal, action, { kind: 'group', name: name.group });
    return name;
  }

  #demandTopics({ lease }: HeldLease, principal: Principal): void {
    for (const topic of new Set(lease.partitions.map((one) => generationOf(one.topic).logical))) {
      this.authorizer.demand(principal, 'read', { kind: 'topic', name: topic });
    }
  }
}
