import fc from 'fast-check';

/**
 * Schemas, values of them and changed versions of them, at random. Only what avsc understands as the reference does: one namespace, no aliases, defaults of a
 * union's first branch, names before use.
 */

export type GeneratedSchema =
  string | readonly GeneratedSchema[] | { readonly [key: string]: unknown; readonly type: string };

const PRIMITIVES = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const;

/** A type whose names are placeholders; {@link name} makes them distinct. */
type Draft =
  | { readonly k: 'primitive'; readonly of: (typeof PRIMITIVES)[number] }
  | { readonly k: 'array' | 'map'; readonly of: Draft }
  | { readonly k: 'union'; readonly of: readonly Draft[] }
  | { readonly k: 'enum'; readonly symbols: number; readonly fallback: boolean }
  | { readonly k: 'fixed'; readonly size: number }
  | { readonly k: 'record'; readonly fields: readonly (Draft | 'self')[] };

const { draft, record } = fc.letrec<{ draft: Draft; union: Draft; record: Draft }>((tie) => ({
  draft: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'avro' },
    fc.record({ k: fc.constant('primitive' as const), of: fc.constantFrom(...PRIMITIVES) }),
    fc.record({ k: fc.constant('enum' as const), symbols: fc.integer({ min: 1, max: 4 }), fallback: fc.boolean() }),
    fc.record({ k: fc.constant('fixed' as const), size: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ k: fc.constantFrom('array' as const, 'map' as const), of: tie('draft') }),
    tie('union'),
    tie('record'),
  ),
  record: fc.record({
    k: fc.constant('record' as const),
    fields: fc.array(
      fc.oneof({ weight: 6, arbitrary: tie('draft') }, { weight: 1, arbitrary: fc.constant('self' as const) }),
      { maxLength: 4, depthIdentifier: 'avro' },
    ),
  }),
  union: fc.record({
    k: fc.constant('union' as const),
    of: fc.uniqueArray(
      tie('draft').filter((one) => one.k !== 'union'),
      {
        minLength: 1,
        maxLength: 3,
        selector: (one) => (one.k === 'primitive' ? one.of : one.k === 'array' || one.k === 'map' ? one.k : one),
      },
    ),
  }),
}));

/** A valid schema with distinct names, recursive now and then. */
export function arbitrarySchema(root: 'any' | 'record' = 'any'): fc.Arbitrary<GeneratedSchema> {
  return (root === 'any' ? draft : record).map((one) => name(one, { next: 0 }));
}

function name(one: Draft, counter: { next: number }): GeneratedSchema {
  switch (one.k) {
    case 'primitive':
      return one.of;
    case 'array':
      return { type: 'array', items: name(one.of, counter) };
    case 'map':
      return { type: 'map', values: name(one.of, counter) };
    case 'union':
      return one.of.map((branch) => name(branch, counter));
    case 'enum': {
      const symbols = Array.from({ length: one.symbols }, (_, i) => `S${i}`);
      const schema = { type: 'enum', name: `E${counter.next++}`, symbols };
      return one.fallback ? { ...schema, default: 'S0' } : schema;
    }
    case 'fixed':
      return { type: 'fixed', name: `F${counter.next++}`, size: one.size };
    case 'record': {
      const own = `R${counter.next++}`;
      const fields = one.fields.map((field, i) =>
        field === 'self'
          ? { name: `f${i}`, type: ['null', own], default: null }
          : { name: `f${i}`, type: name(field, counter), doc: i % 2 === 0 ? `about ${i}` : undefined },
      );
      return { type: 'record', name: own, fields };
    }
  }
}

/** A value of the schema in Avro's JSON encoding. Recursive types end early. */
export function arbitraryValue(schema: GeneratedSchema, depth = 0): fc.Arbitrary<unknown> {
  if (Array.isArray(schema)) {
    const branches = schema as readonly GeneratedSchema[];
    // A name in a union is the record around it: `null` ends it.
    const usable = branches.filter((branch) => !isName(branch));
    return fc.oneof(
      ...usable.map((branch) =>
        branch === 'null'
          ? fc.constant(null)
          : arbitraryValue(branch, depth + 1).map((value) => ({ [tag(branch)]: value })),
      ),
    );
  }
  const node = (typeof schema === 'string' ? { type: schema } : schema) as Record<string, unknown>;
  switch (node['type']) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'int':
      return fc.integer();
    case 'long':
      // avsc takes longs as numbers only.
      return fc.integer({ min: -(2 ** 52), max: 2 ** 52 });
    case 'float':
      return fc.float({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0));
    case 'double':
      return fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0));
    case 'bytes':
      return fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
    case 'fixed': {
      const size = node['size'] as number;
      return fc.uint8Array({ minLength: size, maxLength: size }).map((bytes) => Buffer.from(bytes).toString('latin1'));
    }
    case 'string':
      return fc.string({ unit: 'binary', maxLength: 60 });
    case 'enum':
      return fc.constantFrom(...(node['symbols'] as string[]));
    case 'array':
      return fc.array(arbitraryValue(node['items'] as GeneratedSchema, depth + 1), { maxLength: 3 });
    case 'map':
      return fc
        .uniqueArray(
          fc.tuple(fc.string({ maxLength: 6 }), arbitraryValue(node['values'] as GeneratedSchema, depth + 1)),
          {
            maxLength: 3,
            selector: ([key]) => key,
          },
        )
        .map((entries) => Object.fromEntries(entries));
    default: {
      const fields = node['fields'] as { name: string; type: GeneratedSchema }[];
      return fc
        .tuple(...fields.map((field) => arbitraryValue(field.type, depth + 1)))
        .map((values) => Object.fromEntries(fields.map((field, i) => [field.name, values[i]])));
    }
  }
}

/** The schema after some changes that people make: some compatible, some not. */
export function evolutions(schema: GeneratedSchema): fc.Arbitrary<GeneratedSchema> {
  return fc.infiniteStream(fc.nat({ max: 99 })).map((dice) => {
    const roll = (): number => dice.next().value as number;
    return change(schema, roll, { next: 1_000 });
  });
}

const WIDER: Readonly<Record<string, string>> = {
  int: 'long',
  long: 'double',
  float: 'double',
  string: 'bytes',
  bytes: 'string',
};

function change(schema: GeneratedSchema, roll: () => number, counter: { next: number }): GeneratedSchema {
  if (typeof schema === 'string') {
    const dice = roll();
    if (isName(schema) || dice >= 30) return schema;
    if (dice < 15) return WIDER[schema] ?? schema;
    if (dice < 25) return schema === 'null' ? schema : ['null', schema];
    return 'boolean';
  }
  if (Array.isArray(schema)) {
    const branches = (schema as readonly GeneratedSchema[]).map((one) =>
      typeof one === 'string' ? one : change(one, roll, counter),
    );
    const dice = roll();
    if (dice < 10 && branches.length > 1) return branches.slice(0, -1);
    if (dice < 30) return [...branches, { type: 'fixed', name: `F${counter.next++}`, size: 7 }];
    return branches;
  }
  const node = schema as Record<string, unknown> & { type: string };
  switch (node.type) {
    case 'array':
      return { ...node, items: change(node['items'] as GeneratedSchema, roll, counter) };
    case 'map':
      return { ...node, values: change(node['values'] as GeneratedSchema, roll, counter) };
    case 'enum': {
      const symbols = node['symbols'] as string[];
      const dice = roll();
      if (dice < 20) return { ...node, symbols: [...symbols, 'MORE'] };
      if (dice < 30 && symbols.length > 1) return { ...node, symbols: symbols.slice(0, -1) };
      return node;
    }
    case 'fixed':
      return roll() < 5 ? { ...node, size: (node['size'] as number) + 1 } : node;
    case 'record': {
      let fields = (node['fields'] as Record<string, unknown>[]).map((field) =>
        'default' in field ? field : { ...field, type: change(field['type'] as GeneratedSchema, roll, counter) },
      );
      const dice = roll();
      if (dice < 15) fields = fields.slice(1);
      else if (dice < 30) fields = [...fields, { name: `n${counter.next++}`, type: 'int', default: 1 }];
      else if (dice < 35) fields = [...fields, { name: `n${counter.next++}`, type: 'int' }];
      else if (dice < 50) fields = fields.toReversed();
      return { ...node, fields };
    }
    default:
      return node;
  }
}

function isName(schema: GeneratedSchema): boolean {
  return typeof schema === 'string' && /^[A-Z]\d+$/.test(schema);
}

function tag(branch: GeneratedSchema): string {
  if (typeof branch === 'string') return branch;
  const { type, name: own } = branch as { type: string; name?: string };
  return own ?? type;
}
