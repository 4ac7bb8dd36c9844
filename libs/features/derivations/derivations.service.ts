import { Injectable } from '@nestjs/common';
import { AppError, type JsonValue } from '#libs/core/kernel';
import { Derivations, RecordDecoder, type DerivationStatus, type LatestRow } from '#libs/core/streams';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { formatCursor, pageOf, parseCursor, type Page, type PageRequest } from '#libs/platform/http';
import type { CreateBody, LatestPage, LatestQuery, LatestRowView } from './derivation-schemas.js';

/** Derivations for principals. A derivation is known by the topic it writes, and judged as that topic; creating one needs the right to read its source. */
@Injectable()
export class DerivationsService {
  constructor(
    private readonly derivations: Derivations,
    private readonly decoder: RecordDecoder,
    private readonly authorizer: Authorizer,
  ) {}

  create(cluster: string | undefined, body: CreateBody, principal: Principal): Promise<DerivationStatus> {
    this.authorizer.demand(principal, 'read', { kind: 'topic', name: body.source });
    const { name, source, orderBy, nullKeys, onConflict } = body;
    return this.derivations.create(cluster, { name, source, orderBy, nullKeys, onConflict }, principal.id);
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

  setState(cluster: string | undefined, name: string, state: 'RUNNING' | 'PAUSED'): Promise<DerivationStatus> {
    return this.derivations.setState(cluster, name, state);
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
    const table = await this.derivations.latest(cluster, topic, signal);
    const found = table.page(query.prefix, after, query.limit + 1);
    const items: LatestRowView[] = [];
    for (const [key, row] of found.slice(0, query.limit)) items.push(await this.#show(topic, key, row));
    const last = items.at(-1);
    return { items, next: found.length > query.limit && last !== undefined ? formatCursor(last.key) : null };
  }

  /** The latest state of one key. @throws `key-not-found`, `not-a-latest-stream`. */
  async latestOf(cluster: string | undefined, topic: string, key: string, signal: AbortSignal): Promise<LatestRowView> {
    const row = (await this.derivations.latest(cluster, topic, signal)).find(key);
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

  async #show(topic: string, key: string, row: LatestRow): Promise<LatestRowView> {
    const { timestamp, partition, offset } = row;
    return { key, value: await this.#decode(topic, row), timestamp, partition, offset: String(offset) };
  }

  /** What cannot be decoded is shown as base64, with the reason. */
  async #decode(topic: string, { value: bytes, headers }: LatestRow): Promise<JsonValue> {
    try {
      return await this.decoder.value(topic, bytes, headers);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'undecodable-record') throw error;
      return { base64: Buffer.from(bytes).toString('base64'), error: error.message };
    }
  }
}
