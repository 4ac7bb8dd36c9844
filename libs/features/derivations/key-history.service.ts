import { Injectable } from '@nestjs/common';
import type { JsonValue } from '#libs/core/kernel';
import { Derivations, jsonChanges, RecordDecoder, type KeyVersion, type StateChoice } from '#libs/core/streams';
import { formatCursor, parseCursor } from '#libs/platform/http';
import type {
  DiffQuery,
  KeyDiff,
  KeyVersionView,
  StateQuery,
  VersionPage,
  VersionsQuery,
} from './derivation-schemas.js';
import { shownValue } from './shown-value.js';

/** States of keys of versioned streams, decoded. */
@Injectable()
export class KeyHistoryService {
  constructor(
    private readonly derivations: Derivations,
    private readonly decoder: RecordDecoder,
  ) {}

  /** @throws `not-a-versioned-stream`, `key-not-found`, `version-not-found`, `version-removed`. */
  async state(
    cluster: string | undefined,
    topic: string,
    key: string,
    { asOf, version }: StateQuery,
    signal: AbortSignal,
  ): Promise<KeyVersionView> {
    const choice: StateChoice =
      version !== undefined ? { number: version } : asOf !== undefined ? { timeMs: asOf } : 'last';
    const history = await this.derivations.lookups.history(cluster, topic, signal);
    return this.#view(topic, key, await history.find(key, choice, signal));
  }

  /** A page of the states of a key, by number. @throws as {@link state}. */
  async versions(
    cluster: string | undefined,
    topic: string,
    key: string,
    { limit, cursor }: VersionsQuery,
    signal: AbortSignal,
  ): Promise<VersionPage> {
    const after = cursor === undefined ? 0 : Number(parseCursor(cursor));
    const history = await this.derivations.lookups.history(cluster, topic, signal);
    const found = await history.versions(key, Number.isSafeInteger(after) ? after : 0, limit + 1, signal);
    const items: KeyVersionView[] = [];
    for (const one of found.slice(0, limit)) items.push(await this.#view(topic, key, one));
    return { items, next: found.length > limit ? formatCursor(String(items.at(-1)!.version)) : null };
  }

  /** What makes one state of a key another. @throws as {@link state}. */
  async diff(
    cluster: string | undefined,
    topic: string,
    key: string,
    { from, to }: DiffQuery,
    signal: AbortSignal,
  ): Promise<KeyDiff> {
    const history = await this.derivations.lookups.history(cluster, topic, signal);
    const before = await this.#value(topic, await history.find(key, { number: from }, signal));
    const after = await this.#value(topic, await history.find(key, { number: to }, signal));
    return { key, from, to, changes: jsonChanges(before, after) };
  }

  async #view(topic: string, key: string, version: KeyVersion): Promise<KeyVersionView> {
    const { number, change, validFrom, validTo, partition, offset } = version.place;
    return {
      key,
      version: number,
      change,
      validFrom: new Date(validFrom).toISOString(),
      validTo: validTo === null ? null : new Date(validTo).toISOString(),
      value: await this.#value(topic, version),
      timestamp: version.record.timestamp,
      partition,
      offset: String(offset),
    };
  }

  async #value(topic: string, { record: { value, headers } }: KeyVersion): Promise<JsonValue> {
    return value === null ? null : await shownValue(this.decoder, topic, value, headers);
  }
}
