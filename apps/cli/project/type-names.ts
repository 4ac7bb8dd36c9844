import type { SchemaType } from '#libs/core/schema';

/** The first type that a text declares, found without reading all of it; undefined where none shows. */
export function firstTypeOf(
  text: string,
  schemaType: SchemaType,
): { readonly name: string; readonly fullName: string } | undefined {
  switch (schemaType) {
    case 'PROTOBUF': {
      const plain = text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, ' ');
      const name = /(?:^|[\s;{}])message\s+([A-Za-z_]\w*)/.exec(plain)?.[1];
      const space = /(?:^|[\s;])package\s+([\w.]+)\s*;/.exec(plain)?.[1];
      return name === undefined ? undefined : { name, fullName: space === undefined ? name : `${space}.${name}` };
    }
    case 'AVRO': {
      const { name, namespace } = jsonMembers(text);
      if (typeof name !== 'string') return undefined;
      const simple = name.slice(name.lastIndexOf('.') + 1);
      return {
        name: simple,
        fullName:
          name.includes('.') || typeof namespace !== 'string' || namespace === '' ? name : `${namespace}.${name}`,
      };
    }
    case 'JSON': {
      const { title, $id } = jsonMembers(text);
      if (typeof title === 'string' && title !== '')
        return { name: title, fullName: typeof $id === 'string' ? $id : title };
      return typeof $id === 'string'
        ? { name: $id.replace(/^.*\//, '').replace(/(\.schema)?\.json$/, ''), fullName: $id }
        : undefined;
    }
  }
}

/** What a text refers to by what it calls it: import paths, or URIs before their fragment; empty for Avro, of which {@link typesMeant} tells. */
export function outwardNames(text: string, schemaType: SchemaType): readonly string[] {
  if (schemaType === 'PROTOBUF') {
    const plain = text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, ' ');
    return [...plain.matchAll(/(?:^|[\s;])import\s+(?:public\s+|weak\s+)?["']([^"']+)["']\s*;/g)].map(
      (match) => match[1]!,
    );
  }
  if (schemaType === 'JSON') {
    return [...new Set([...text.matchAll(/"\$ref"\s*:\s*"([^"#][^"#]*)/g)].map((match) => match[1]!))];
  }
  return [];
}

/**
 * The types that an Avro text uses and does not declare, each as the full names it can mean, the likeliest first: a name without a dot belongs to the namespace
 * around it or to none. Primitive types are not among them. Empty for a text that is no JSON.
 */
export function typesMeant(text: string): readonly (readonly string[])[] {
  let schema: unknown;
  try {
    schema = JSON.parse(text);
  } catch {
    return [];
  }
  const declared = new Set<string>();
  const used = new Map<string, readonly string[]>();
  const visit = (type: unknown, namespace: string): void => {
    if (typeof type === 'string') {
      if (!PRIMITIVES.has(type)) used.set(`${namespace} ${type}`, fullNames(type, namespace));
    } else if (Array.isArray(type)) {
      for (const branch of type) visit(branch, namespace);
    } else if (typeof type === 'object' && type !== null) {
      visitObject(type as Record<string, unknown>, namespace);
    }
  };
  const visitObject = (type: Record<string, unknown>, namespace: string): void => {
    const { name, type: kind } = type;
    if (kind === 'array') visit(type['items'], namespace);
    else if (kind === 'map') visit(type['values'], namespace);
    else if (kind !== 'record' && kind !== 'error' && kind !== 'enum' && kind !== 'fixed') visit(kind, namespace);
    else if (typeof name === 'string') {
      const own = typeof type['namespace'] === 'string' ? type['namespace'] : namespace;
      const fullName = fullNames(name, own)[0]!;
      declared.add(fullName);
      const inner = fullName.slice(0, Math.max(0, fullName.lastIndexOf('.')));
      const fields = Array.isArray(type['fields']) ? (type['fields'] as unknown[]) : [];
      for (const field of fields) visit((field as { type?: unknown } | null)?.type, inner);
    }
  };
  visit(schema, '');
  return [...used.values()].filter((names) => !names.some((name) => declared.has(name)));
}

const PRIMITIVES: ReadonlySet<string> = new Set([
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
]);

function fullNames(name: string, namespace: string): readonly string[] {
  return name.includes('.') || namespace === '' ? [name] : [`${namespace}.${name}`, name];
}

function jsonMembers(text: string): Record<string, unknown> {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
