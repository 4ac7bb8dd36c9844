import { Injectable } from '@nestjs/common';
import { AppError, type JsonObject, type JsonValue, ServiceKeys } from '#libs/core/kernel';
import { formatReadCursor, READ_CURSOR_KEY } from '#libs/core/log';
import { OperationEngine, type Plan } from '#libs/core/operations';
import {
  Derivations,
  RecordDecoder,
  type DerivationRequest,
  type DerivePlanRequest,
  type DerivationStatus,
  type LatestRow,
  type LatestSnapshot,
} from '#libs/core/streams';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { formatCursor, pageOf, parseCursor, type Page, type PageRequest } from '#libs/platform/http';
import type { CreateBody, LatestPage, LatestQuery, LatestRowView } from './derivation-schemas.js';
import { shownValue } from './shown-value.js';

/** The live keys of a derived topic, and the cursor behind them. */
export interface TopicSnapshot {
  readonly rows: AsyncIterable<LatestRowView>;
  readonly count: number;
  readonly cursor: string;
}

/** Derivations for principals. A derivation is known by the topic it writes, and judged as that topic; creating one needs the right to read its source. */
@Injectable()
export class DerivationsService {
  constructor(
    private readonly derivations: Derivations,
    private readonly operations: OperationEngine,
    private readonly decoder: RecordDecoder,
    private readonly authorizer: Authorizer,
    private readonly keys: ServiceKeys,
  ) {}

  create(cluster: string | undefined, body: CreateBody, principal: Principal): Promise<DerivationStatus> {
    this.authorizer.demand(principal, 'read', { kind: 'topic', name: body.source });
    return this.derivations.create(cluster, body as DerivationRequest, principal.id);
  }

  /** What deriving a stream as an operation would do. */
  async plan(cluster: string | undefined, body: CreateBody, principal: Principal): Promise<Plan> {
    this.authorizer.demand(principal, 'read', { kind: 'topic', name: body.source });
    const request = { cluster, createdBy: principal.id, derivation: body as DerivationRequest };
    return await this.operations.plan(
      'derive',
      request satisfies DerivePlanRequest as unknown as JsonObject,
      principal.id,
    );
  }

  async list(cluster: string | undefined, request: PageRequest, principal: Principal): Promise<Page<DerivationStatus>> {
    const visible = (await this.derivations.list(cluster)).filter((one) =>
      this.authorizer.allows(principal, 'read', { kind: 'topic', name: one.stored.definition.name }),
    );
    return pageOf(visible, request, (one) => one.stored.definition.name);
  }

  describe(cluster: string | undefined, name: string): Promise<DerivationStatus> {
    return this.derivations.describe(cluster, name);
  }

  /** @param dryRun only answers the derivation as it would be. */
  async setState(
    cluster: string | undefined,
    name: string,
    state: 'RUNNING' | 'PAUSED',
    dryRun: boolean,
  ): Promise<DerivationStatus> {
    if (!dryRun) return await this.derivations.setState(cluster, name, state);
    const derivation = await this.derivations.describe(cluster, name);
    return { ...derivation, stored: { ...derivation.stored, state } };
  }

  /** What {@link delete} would refuse; changes nothing. @throws what it throws. */
  tryDelete(cluster: string | undefined, name: string): Promise<void> {
    return this.derivations.demandDeletable(cluster, name);
  }

  delete(cluster: string | undefined, name: string): Promise<void> {
    return this.derivations.delete(cluster, name);
  }

  /** A page of latest states by key. @throws `not-a-latest-stream`. */
  async latest(
    cluster: string | undefined,
    topic: string,
    query: LatestQuery,
    signal: AbortSignal,
  ): Promise<LatestPage> {
    const after = query.cursor === undefined ? undefined : parseCursor(query.cursor);
    const table = await this.derivations.lookups.latest(cluster, topic, signal);
    const found = table.page(query.prefix, after, query.limit + 1);
    const items: LatestRowView[] = [];
    for (const [key, row] of found.slice(0, query.limit)) items.push(await this.#show(topic, key, row));
    const last = items.at(-1);
    return { items, next: found.length > query.limit && last !== undefined ? formatCursor(last.key) : null };
  }

  /** The latest state of one key. @throws `key-not-found`, `not-a-latest-stream`. */
  async latestOf(cluster: string | undefined, topic: string, key: string, signal: AbortSignal): Promise<LatestRowView> {
    const row = (await this.derivations.lookups.latest(cluster, topic, signal)).find(key);
    if (row === undefined) {
      throw new AppError({
        kind: 'not-found',
        code: 'key-not-found',
        message: `Topic '${topic}' has no live state for this key.`,
        details: { topic },
      });
    }
    return this.#show(topic, key, row);
  }

  /** All live keys of a derived topic at one position, with a cursor of what follows it. @throws `not-a-latest-stream` */
  async snapshot(cluster: string | undefined, topic: string, signal: AbortSignal): Promise<TopicSnapshot> {
    const { rows, logId, vector } = await this.derivations.lookups.snapshot(cluster, topic, signal);
    const cursor = formatReadCursor({ logId, topic, vector, filters: [] }, await this.keys.key(READ_CURSOR_KEY));
    return { rows: this.#shown(topic, rows), count: rows.length, cursor };
  }

  async *#shown(topic: string, rows: LatestSnapshot['rows']): AsyncGenerator<LatestRowView> {
    for (const [key, row] of rows) yield await this.#show(topic, key, row);
  }

  async #show(topic: string, key: string, row: LatestRow): Promise<LatestRowView> {
    const { timestamp, partition, offset } = row;
    return { key, value: await this.#decode(topic, row), timestamp, partition, offset: String(offset) };
  }

  #decode(topic: string, { value, headers }: LatestRow): Promise<JsonValue> {
    return shownValue(this.decoder, topic, value, headers);
  }
}
