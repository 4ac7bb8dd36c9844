import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conformanceCases, type VerdictCase } from '../testing/conformance-cases.js';
import { VersionDigests } from '../version-digests.js';
import { AvroFormat, type AvroSchema } from './avro-format.js';
import { arbitrarySchema, evolutions } from './testing/arbitrary-schema.js';

const avro = new AvroFormat();

/** What the digests say of two schemas, and whether comparing them says the same. */
function judged(reader: AvroSchema, writer: AvroSchema): { readonly certain: boolean; readonly compatible: boolean } {
  const digests = new VersionDigests();
  digests.add(1, null, avro.digest(writer.canonical));
  const certain = digests.certain(avro.digest(reader.canonical), ['new-reads-old'])(1);
  // What is certain is beyond doubt, too.
  if (certain) expect(avro.doubts(reader, writer, 'new-reads-old', {})).toEqual([]);
  return { certain, compatible: avro.differences(reader, writer).length === 0 };
}

const record = (fields: readonly object[], more: object = {}): AvroSchema =>
  avro.parse(JSON.stringify({ type: 'record', name: 'R', fields, ...more }));
const A = { name: 'a', type: 'long' };
const B = { name: 'b', type: ['null', 'string'], default: null };
const NESTED = { name: 'n', type: { type: 'enum', name: 'E', symbols: ['X'] } };

describe('what is certain by the digests of two records', () => {
  it('is what comparing them says: all recorded verdicts, both ways', () => {
    let certain = 0;
    for (const { earlier, new: next } of conformanceCases<VerdictCase>('verdicts-avro')) {
      const plain = [...earlier, next].filter((one) => (one.references?.length ?? 0) === 0 && !one.schemaType);
      const schemas = plain.map(({ schema }) => avro.parse(schema));
      const other = schemas.at(-1)!;
      for (const one of schemas)
        for (const verdict of [judged(one, other), judged(other, one), judged(one, one)]) {
          if (verdict.certain) certain++;
          if (verdict.certain) expect(verdict.compatible).toBe(true);
        }
    }
    expect(certain).toBeGreaterThan(500);
  });

  it('is what comparing them says: any schema and its successors', () => {
    let certain = 0;
    fc.assert(
      fc.property(
        arbitrarySchema('record').chain((old) => fc.tuple(fc.constant(old), evolutions(old))),
        ([old, next]) => {
          const [one, other] = [avro.parse(JSON.stringify(old)), avro.parse(JSON.stringify(next))];
          for (const verdict of [judged(one, other), judged(other, one), judged(one, one)]) {
            if (!verdict.certain) continue;
            certain++;
            expect(verdict.compatible).toBe(true);
          }
        },
      ),
      { numRuns: 500 },
    );
    expect(certain).toBeGreaterThan(300);
  });

  it('is known of fields added with a default and of fields left out, in any order', () => {
    expect(judged(record([B, A]), record([A])).certain).toBe(true);
    expect(judged(record([A]), record([A, B])).certain).toBe(true);
    expect(judged(record([A, NESTED, B]), record([NESTED, A])).certain).toBe(true);
  });

  it('is nothing where it takes a comparison', () => {
    const one = record([A]);
    expect(judged(record([A, { name: 'c', type: 'int' }]), one)).toEqual({ certain: false, compatible: false });
    expect(judged(record([{ name: 'a', type: 'double' }]), one)).toEqual({ certain: false, compatible: true });
    expect(judged(record([A], { namespace: 'n' }), one)).toEqual({ certain: false, compatible: true });
    expect(judged(record([A, { name: 'c', type: 'long', aliases: ['x'], default: 0 }]), one).certain).toBe(false);
    expect(judged(avro.parse('"long"'), avro.parse('"long"'))).toEqual({ certain: false, compatible: true });
  });

  it('is nothing where a name stands for another type in each', () => {
    const [one, other] = [['X'], ['X', 'Y']].map((symbols) =>
      record([
        { name: 'd', type: { type: 'enum', name: 'E', symbols }, default: 'X' },
        { name: 'u', type: 'E' },
      ]),
    );
    expect(judged(one!, other!)).toEqual({ certain: false, compatible: false });
    expect(judged(other!, one!)).toEqual({ certain: false, compatible: true });
  });
});
