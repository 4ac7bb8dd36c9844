import { AppError } from '#libs/core/kernel';
import {
  type HashedTargets,
  KeyPlacement,
  type PartitionerSpec,
  type RecordCursor,
  type StoredRecord,
} from '#libs/core/log';
import type { KeyRange, Routed, Router } from '../copy/router.js';
import type { RecordDecoder } from '../record-decoder.js';
import type { KeyAnswer, KeyExpression, KeyFailure, KeyInPlace } from './key-expression.js';

/** What happens to records without a key. `spread`: see {@link keylessTarget}. */
export type NullKeys = 'spread' | 'drop' | 'dlq' | 'fail';

/** What happens to a record for which a key expression has no answer. `keep-key`: it goes where its old key belongs. */
export type NoKey = 'fail' | 'drop' | 'dlq' | 'keep-key';

/**
 * The partition of a record without a key. Widening by a whole factor deals the records of a source partition out over the targets that divide back
 * to it (t mod N = s), so that each target is fed by one source; otherwise they stay together in s mod M.
 */
export function keylessTarget(source: number, offset: number, sources: number, targets: number): number {
  if (targets % sources !== 0) return source % targets;
  return source + sources * (offset % (targets / sources));
}

export interface RoutingRules {
  readonly sources: number;
  readonly targets: number;
  readonly partitioner: PartitionerSpec;
  readonly nullKeys: NullKeys;
}

/** Sends each record where its key belongs, or to one of the places where it may lie, by where it comes from. Condition P. */
export class KeyRouter implements Router {
  readonly targets: number;
  readonly #placement: KeyPlacement;

  constructor(private readonly rules: RoutingRules) {
    this.targets = rules.targets;
    this.#placement = new KeyPlacement(rules.partitioner, rules.targets);
  }

  route(record: StoredRecord, source: number): Routed {
    const { rules } = this;
    const { key, offset } = record;
    const target = key === null ? -1 : this.#placement.of(key, 0, key.length, source, offset);
    if (target >= 0) return target;
    switch (rules.nullKeys) {
      case 'spread':
        return keylessTarget(source, offset, rules.sources, rules.targets);
      case 'drop':
      case 'dlq':
        return { rule: 'null-key', deadLetter: rules.nullKeys === 'dlq' };
      case 'fail':
        throw nullKey(source, offset);
    }
  }

  routeInPlace({ bytes, keyAt, keyLength, offset }: RecordCursor, source: number): number {
    return this.targetOf(bytes, keyAt, keyLength, source, offset);
  }

  /** Where a record with the key that lies in some bytes (length −1 for null) goes that comes from this source partition and offset; −1 where that is not to be told by its place. */
  targetOf(bytes: Uint8Array, keyAt: number, keyLength: number, source: number, offset: number): number {
    const { sources, targets, nullKeys } = this.rules;
    const target = this.#placement.of(bytes, keyAt, keyLength, source, offset);
    return target < 0 && nullKeys === 'spread' ? keylessTarget(source, offset, sources, targets) : target;
  }

  hashed(source: number): HashedTargets | undefined {
    const { sources, targets, nullKeys } = this.rules;
    const partitions = this.#placement.hashedOver;
    if (partitions === undefined) return undefined;
    const [first, next] = [0, 1].map((offset) => keylessTarget(source, offset, sources, targets)) as [number, number];
    const modulus = targets % sources === 0 ? targets / sources : 1;
    return {
      first: 0,
      partitions,
      keyless: nullKeys === 'spread' ? { first, step: next - first, modulus } : undefined,
    };
  }

  get placedOver(): number | undefined {
    return this.#placement.hashedOver;
  }

  belongsInPlace({ bytes, keyAt, keyLength }: RecordCursor, target: number): boolean {
    return this.#placement.allows(bytes, keyAt, keyLength, target);
  }

  misplaced(key: Uint8Array | null, target: number): string | undefined {
    const expected = this.#placement.among(key);
    if (expected === undefined || expected.includes(target)) return undefined;
    return `its key belongs to partition ${expected.join(' or ')}`;
  }
}

export interface RekeyRules {
  /** Logical name, which the decoder looks schemas up by. */
  readonly topic: string;
  readonly expression: KeyExpression;
  readonly decoder: RecordDecoder;
  readonly onMissing: NoKey;
  readonly tombstones: NoKey;
}

/** Gives each record a new key from an expression and sends it where that belongs (stream semantics: each record by itself). */
export class RekeyRouter implements Router {
  readonly targets: number;
  readonly #byKey: KeyRouter;
  readonly #inPlace: KeyInPlace | undefined;

  constructor(
    routing: RoutingRules,
    private readonly rules: RekeyRules,
  ) {
    this.targets = routing.targets;
    this.#byKey = new KeyRouter(routing);
    this.#inPlace = rules.expression.inPlace(rules.decoder);
  }

  rekeyInPlace(record: RecordCursor, source: number): number {
    const key = this.#inPlace;
    if (key === undefined || !key.find(record)) return -1;
    return this.#byKey.targetOf(record.bytes, key.at, key.length, source, record.offset);
  }

  get rekeyed(): KeyRange | undefined {
    return this.#inPlace;
  }

  route(record: StoredRecord, source: number): Routed | Promise<Routed> {
    const { expression, topic, decoder } = this.rules;
    const answer = expression.evaluate(topic, record, decoder);
    return answer instanceof Promise
      ? answer.then((settled) => this.#routed(record, source, settled))
      : this.#routed(record, source, answer);
  }

  misplaced(key: Uint8Array | null, target: number): string | undefined {
    return this.#byKey.misplaced(key, target);
  }

  get placedOver(): number | undefined {
    return this.#byKey.placedOver;
  }

  belongsInPlace(record: RecordCursor, target: number): boolean {
    return this.#byKey.belongsInPlace(record, target);
  }

  #routed(record: StoredRecord, source: number, answer: KeyAnswer): Routed {
    if ('key' in answer) {
      const rekeyed = { ...record, key: answer.key };
      const target = this.#byKey.route(rekeyed, source);
      return typeof target === 'number' ? { target, record: rekeyed } : target;
    }
    const policy = answer.failure === 'tombstone' ? this.rules.tombstones : this.rules.onMissing;
    switch (policy) {
      case 'keep-key':
        return this.#byKey.route(record, source);
      case 'drop':
      case 'dlq':
        return { rule: `key-${answer.failure}`, deadLetter: policy === 'dlq' };
      case 'fail':
        throw noKey(this.rules.expression.text, answer.failure, source, record.offset);
    }
  }
}

/** A record without a key, where none may be. */
export function nullKey(partition: number, offset: number): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'null-key',
    message: `The record at partition ${partition}, offset ${offset} has no key.`,
    hint: 'Choose what happens to records without a key: spread, drop or dlq.',
    details: { partition, offset: String(offset) },
  });
}

/** A record that a key expression has no answer for, where each must have one. */
export function noKey(expression: string, failure: KeyFailure, partition: number, offset: number): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'key-expression-failed',
    message: `The key expression '${expression}' has no answer for the record at partition ${partition}, offset ${offset}: ${failure}.`,
    hint: 'Choose what happens to such records: keep-key, drop or dlq.',
    details: { expression, failure, partition, offset: String(offset) },
  });
}
