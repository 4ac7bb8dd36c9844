import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeBatch,
  keyText,
  PARTITIONER_NAMES,
  type PartitionerSpec,
  readBatchHeader,
  RecordCursor,
} from '#libs/core/log';
import { JsonRecordDecoder } from '../record-decoder.js';
import { KeyExpression } from './key-expression.js';
import { KeyRouter, RekeyRouter } from './routers.js';

const key = fc.oneof(fc.uint8Array({ maxLength: 12 }), fc.uint8Array({ maxLength: 1 }));
const keys = fc.array(fc.option(key, { nil: null }), { minLength: 1, maxLength: 8 });
const named = fc.uniqueArray(fc.uint8Array({ maxLength: 1 }).map(keyText), { minLength: 1, maxLength: 9 });
const partitioner = fc.oneof(
  fc.constantFrom<PartitionerSpec>(...PARTITIONER_NAMES),
  named.map((keys): PartitionerSpec => ({ kind: 'salted', base: 'murmur2', keys, salts: 3 })),
  named.map((keys): PartitionerSpec => ({
    kind: 'custom',
    base: 'crc32',
    keys: keys.map((key) => ({ key, partition: 2 })),
    ranges: [{ from: 'a', until: 'c', partitions: [0, 1] }],
  })),
);
const rules = fc.record({
  sources: fc.integer({ min: 1, max: 12 }),
  targets: fc.integer({ min: 3, max: 24 }),
  partitioner,
  nullKeys: fc.constantFrom('spread' as const, 'drop' as const, 'dlq' as const, 'fail' as const),
});

function* standingOn(list: readonly (Uint8Array | null)[]): Generator<RecordCursor, void> {
  const batch = encodeBatch(list.map((key) => ({ key, value: Buffer.from('v'), headers: [], timestamp: 1 })));
  const cursor = new RecordCursor(readBatchHeader(batch), batch);
  while (cursor.next()) yield cursor;
}

describe('a router by key', () => {
  it('answers the same for a record as it lies, or asks for the whole record', () => {
    fc.assert(
      fc.property(rules, keys, fc.nat(11), (rule, list, source) => {
        const router = new KeyRouter(rule);
        for (const cursor of standingOn(list)) {
          const inPlace = router.routeInPlace(cursor, source);
          if (inPlace >= 0) expect(router.route(cursor.record(), source)).toBe(inPlace);
          else if (rule.nullKeys === 'fail') expect(() => router.route(cursor.record(), source)).toThrow();
          else expect(router.route(cursor.record(), source)).toMatchObject({ rule: 'null-key' });
        }
      }),
    );
  });

  it('finds a record misplaced where it lies exactly when it can say why', () => {
    fc.assert(
      fc.property(rules, keys, fc.nat(23), (rule, list, target) => {
        const router = new KeyRouter(rule);
        for (const cursor of standingOn(list)) {
          const why = router.misplaced(cursor.record().key, target);
          expect(router.belongsInPlace(cursor, target)).toBe(why === undefined);
        }
      }),
    );
  });
});

describe('a router to new keys', () => {
  it('answers the same for a record as it lies, under the key that lies in it, or asks for the whole record', () => {
    const values = fc.oneof(
      fc.constantFrom('{"town":""}', '{"town":1}', '{"town":"ä"}', '{"n":1}', 'no json', null),
      fc.string({ maxLength: 5 }).map((town) => JSON.stringify({ n: 1, town })),
    );
    const expressions = fc.constantFrom('value.town', 'key', 'value.town + "-"');
    let inPlace = 0;
    fc.assert(
      fc.property(rules, fc.array(values, { minLength: 1, maxLength: 6 }), expressions, (rule, list, text) => {
        const router = new RekeyRouter(rule, {
          ...{ topic: 't', expression: KeyExpression.parse(text), decoder: new JsonRecordDecoder() },
          ...{ onMissing: 'drop', tombstones: 'keep-key' },
        });
        const batch = encodeBatch(
          list.map((value, n) => ({
            ...{ key: n % 3 === 2 ? null : Buffer.from(`k${n}`), value: value === null ? null : Buffer.from(value) },
            ...{ headers: [], timestamp: n },
          })),
        );
        const cursor = new RecordCursor(readBatchHeader(batch), batch);
        while (cursor.next()) {
          const target = router.rekeyInPlace(cursor, 0);
          if (target < 0) continue;
          inPlace++;
          const { at, length } = router.rekeyed!;
          const key = Buffer.from(cursor.bytes.slice(at, at + length));
          const record = cursor.record();
          expect(router.route(record, 0)).toEqual({ target, record: { ...record, key } });
        }
      }),
    );
    expect(inPlace).toBeGreaterThan(20);
  });
});
