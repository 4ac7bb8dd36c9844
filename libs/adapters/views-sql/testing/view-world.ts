import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { JsonObject, JsonValue } from '#libs/core/kernel';
import { encodeBatch, TopicDirectories, type PositionToken } from '#libs/core/log';
import { MemoryLogEngine, MemoryTopicNames, OneCluster, WallClock } from '#libs/core/log/testing';
import { Supervisor, type LeaseStore } from '#libs/core/operations';
import { MemoryLeaseStore } from '#libs/core/operations/testing';
import {
  JsonRecordDecoder,
  RowsHandler,
  sourcesOf,
  VersionHandler,
  Views,
  type FieldTypes,
  type ViewTables,
} from '#libs/core/streams';
import { AnsweredTransforms, GivenTypes, MemoryViewStore, type Answers } from '#libs/core/streams/testing';
import { SqliteViewTables } from '../sqlite-view-tables.js';

/** Longest wait for work that goes on beside a test. */
export const SOON = { timeout: 20_000, interval: 5 };

/** One instance of the service, as far as views are concerned. */
export interface ViewInstance {
  readonly views: Views;
  readonly supervisor: Supervisor;
  version(failPoint?: (name: string) => void): VersionHandler;
  rows(failPoint?: (name: string) => void): RowsHandler;
  /** As a process that dies: its workers end, its leases stay. */
  stop(): Promise<void>;
}

/** Empty tables of views, and what takes them away. */
export interface WorldTables {
  readonly tables: ViewTables;
  dispose(): Promise<void>;
}

/** In a SQLite file of their own. */
export async function sqliteTables(): Promise<WorldTables> {
  const directory = await mkdtemp(join(tmpdir(), 'weir-views-'));
  const tables = new SqliteViewTables(join(directory, 'views.sqlite'));
  const dispose = async (): Promise<void> => {
    await tables.close();
    await rm(directory, { recursive: true, force: true });
  };
  return { tables, dispose };
}

/** Views on a log in memory and tables in a SQLite file, unless others are given, for any number of instances one beside the other. */
export class ViewWorld {
  readonly clock = new WallClock();
  readonly engine = new MemoryLogEngine();
  readonly names = new MemoryTopicNames();
  readonly store = new MemoryViewStore();
  readonly leases: LeaseStore = new MemoryLeaseStore(this.clock);
  readonly directories = new TopicDirectories(new OneCluster(this.engine), this.names, this.clock);
  readonly tables: ViewTables;
  readonly #instances: ViewInstance[] = [];
  #number = 0;

  private constructor(
    private readonly made: WorldTables,
    private readonly answers: Answers | undefined,
    private readonly types: FieldTypes,
  ) {
    this.tables = made.tables;
  }

  /** @param answers of expressions @param partitions of the topic `t` @param tables makes the tables */
  static async open(
    answers?: Answers,
    { partitions = 2, types = new GivenTypes() as FieldTypes, tables = sqliteTables } = {},
  ): Promise<ViewWorld> {
    const world = new ViewWorld(await tables(), answers, types);
    await world.engine.createTopic({ name: 't', partitions });
    return world;
  }

  async close(): Promise<void> {
    for (const instance of this.#instances) await instance.stop();
    await this.made.dispose();
    await this.engine.close();
  }

  /** @param failPoint passed by the workers of this instance @param leased whether of several instances one writes a view @param mostShares rows that a step may change for reference rows */
  instance({
    failPoint,
    leased = false,
    mostShares,
  }: { failPoint?: (name: string) => void; leased?: boolean; mostShares?: number } = {}): ViewInstance {
    const { clock, store, tables, directories, names } = this;
    const owner = `instance-${this.#number}`;
    const leases = leased ? { leases: this.leases, leaseMs: 300 } : {};
    const supervisor = new Supervisor({ clock, owner, backoffMs: 5, ...leases });
    const transforms = new AnsweredTransforms(this.answers);
    const newId = (): string => `v${this.#number++}`;
    const decoder = new JsonRecordDecoder();
    const shared = { store, tables, directories, names, decoder, transforms, types: this.types, clock, newId };
    const views = new Views({
      ...shared,
      supervisor,
      ...(failPoint === undefined ? {} : { failPoint }),
      ...(mostShares === undefined ? {} : { mostShares }),
    });
    const instance: ViewInstance = {
      views,
      supervisor,
      version: (point) =>
        new VersionHandler({ ...shared, views, ...(point === undefined ? {} : { failPoint: point }) }),
      rows: (point) => new RowsHandler({ ...shared, views, ...(point === undefined ? {} : { failPoint: point }) }),
      stop: () => supervisor.close(),
    };
    this.#instances.push(instance);
    return instance;
  }

  /** Records of a topic; those without value end their keys. */
  async write(
    topic: string,
    partition: number,
    ...records: readonly (readonly [key: string | null, value?: JsonValue, timestamp?: number])[]
  ): Promise<PositionToken> {
    const { lastOffset } = await this.engine.append(
      { topic, partition },
      encodeBatch(
        records.map(([key, value, timestamp = 0]) => ({
          key: key === null ? null : Buffer.from(key),
          value: value === undefined ? null : Buffer.from(JSON.stringify(value)),
          headers: [],
          timestamp,
        })),
      ),
    );
    return { logId: this.engine.logId, topic, generation: 1, positions: new Map([[partition, lastOffset + 1]]) };
  }

  /** All rows, by an order that is the same for the same rows, once the view has read everything. */
  async settled({ views }: ViewInstance, name: string): Promise<JsonValue[]> {
    await expect.poll(async () => this.#hasRead(views, name), SOON).toBe(true);
    return this.rowsOf(views, name);
  }

  /** Whether a view stands at the ends of its topics; how far behind it is it says as of its last step. */
  async #hasRead(views: Views, name: string): Promise<boolean> {
    const { definition, lag, positions } = await views.describe(name);
    const topics = await Promise.all(sourcesOf(definition).map((topic) => this.engine.describeTopic(topic)));
    const isRead = topics.every(({ partitions }, source) =>
      partitions.every(({ partition, endOffset }) => (positions?.sources[source]?.next[partition] ?? 0) >= endOffset),
    );
    return lag === 0 && isRead;
  }

  async rowsOf(views: Views, name: string): Promise<JsonValue[]> {
    const { answer } = await views.query(name, new Map([['limit', ['1000']]]), undefined);
    return sorted(answer.rows as readonly JsonObject[]);
  }
}

export function sorted(rows: readonly JsonObject[]): JsonValue[] {
  return rows
    .map((row) => JSON.stringify(row))
    .sort()
    .map((text) => JSON.parse(text) as JsonValue);
}
