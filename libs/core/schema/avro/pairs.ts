import type { AvroDiffer } from './differ.js';
import type { AvroField, AvroRecord, AvroType, AvroUnion } from './tree.js';

/** A type of the reader and the type of the writer whose values it takes. */
export interface AvroPair {
  readonly reader: AvroType;
  readonly writer: AvroType;
  /** Segments below the root of the reader schema. */
  readonly location: readonly string[];
  /** The same place in names, `Order.lines[].price`; empty for the root of a schema that is no record. */
  readonly place: string;
  /** Either type is a branch of a union, so a client has to find the other by some rule. */
  readonly chosen: boolean;
  /** Nothing keeps the one from reading the other. */
  readonly readable: boolean;
}

type Met = Omit<AvroPair, 'readable'>;

/**
 * Which type reads which when `reader` reads data of `writer`, each pair of types once, depth first in the reader's order. A branch of a writer's union goes
 * to the first branch of the reader that can read it. Pairs that nothing reads (a field that has no counterpart, a branch that none takes) are left out.
 * @throws `schema-too-complex` and `AmbiguousField` as the differ does.
 */
export function* readPairs(differ: AvroDiffer, reader: AvroType, writer: AvroType): Generator<AvroPair> {
  const seen = new Map<AvroType, Set<AvroType>>();
  const place = reader.kind === 'record' ? reader.name.simple : '';
  const stack: Met[] = [{ reader, writer, location: [], place, chosen: false }];
  for (let pair = stack.pop(); pair !== undefined; pair = stack.pop()) {
    const writers = seen.get(pair.reader) ?? new Set();
    seen.set(pair.reader, writers);
    if (writers.has(pair.writer)) continue;
    writers.add(pair.writer);
    if (pair.reader.kind !== 'union' && pair.writer.kind !== 'union') {
      yield { ...pair, readable: differ.compare(pair.reader, pair.writer).length === 0 };
    }
    stack.push(...inner(differ, pair).reverse());
  }
}

function inner(differ: AvroDiffer, pair: Met): Met[] {
  const { reader, writer } = pair;
  if (reader.kind === 'union' || writer.kind === 'union') return branches(differ, pair);
  if (reader.kind === 'array' && writer.kind === 'array') {
    return [below(pair, reader.items, writer.items, ['items'], `${pair.place}[]`)];
  }
  if (reader.kind === 'map' && writer.kind === 'map') {
    return [below(pair, reader.values, writer.values, ['values'], `${pair.place}{}`)];
  }
  return reader.kind === 'record' && writer.kind === 'record' ? fields(pair, reader, writer) : [];
}

function fields(pair: Met, reader: AvroRecord, writer: AvroRecord): Met[] {
  const written = new Map<string, AvroField>(writer.fields.map((field) => [field.name, field]));
  return reader.fields.flatMap((field, i) => {
    const name = [field.name, ...field.aliases].find((one) => written.has(one));
    if (name === undefined) return [];
    const place = pair.place === '' ? field.name : `${pair.place}.${field.name}`;
    return [below(pair, field.type, written.get(name)!.type, ['fields', String(i), 'type'], place)];
  });
}

function branches(differ: AvroDiffer, pair: Met): Met[] {
  const { reader, writer } = pair;
  const written = writer.kind === 'union' ? writer.branches : [writer];
  return written.flatMap((branch) => {
    const taken = reader.kind === 'union' ? taking(differ, reader, branch) : reader;
    return taken === undefined ? [] : [{ ...pair, reader: taken, writer: branch, chosen: true }];
  });
}

/** A branch of the same kind and full name is what any client takes; else the first that reads it. */
function taking(differ: AvroDiffer, reader: AvroUnion, branch: AvroType): AvroType | undefined {
  const readable = reader.branches.filter((one) => differ.compare(one, branch).length === 0);
  return readable.find((one) => sameName(one, branch)) ?? readable[0];
}

function sameName(one: AvroType, other: AvroType): boolean {
  return one.kind === other.kind && (!('name' in one) || !('name' in other) || one.name.full === other.name.full);
}

function below(pair: Met, reader: AvroType, writer: AvroType, segments: string[], place: string): Met {
  return { reader, writer, location: [...pair.location, ...segments], place, chosen: false };
}
