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

/** What a text refers to by what it calls it: import paths, or URIs before their fragment; empty for Avro, whose names show only when it is read. */
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

function jsonMembers(text: string): Record<string, unknown> {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
