import type { z } from 'zod';

/** What zod leaves out of a map, so that no prototype is set by it. */
const LOST = '__proto__';

/** Where a member was lost: the way to the map that it stood in. */
export type LostName = readonly PropertyKey[];

type Schema = z.core.$ZodType;

/** What a schema is made of, as far as values of it may hold maps. */
interface Parts {
  readonly map?: Schema | undefined;
  readonly members?: Readonly<Record<string, Schema>> | undefined;
  readonly entries?: Schema | undefined;
  /** Schemas of the same value. */
  readonly same: readonly Schema[];
}

/**
 * Finds the maps of a value in which a name was lost in parsing: zod passes over `__proto__` in silence, and whoever sent it would believe it was taken. Made once for a schema; a schema without
 * maps costs nothing.
 */
export class LostNames {
  readonly #mayHold: boolean;

  constructor(private readonly schema: Schema) {
    this.#mayHold = holdsMaps(schema, new Set());
  }

  /** Of a value as it was sent. */
  in(value: unknown): readonly LostName[] {
    if (!this.#mayHold) return [];
    const lost: LostName[] = [];
    collect(this.schema, value, [], lost);
    return lost;
  }
}

function partsOf(schema: Schema): Parts {
  const { def } = schema._zod as { def: z.core.$ZodTypes['_zod']['def'] };
  switch (def.type) {
    case 'record':
      return { map: def.valueType, same: [] };
    case 'object':
      return { members: def.shape, same: [] };
    case 'array':
      return { entries: def.element, same: [] };
    case 'union':
      return { same: def.options };
    case 'optional':
    case 'nullable':
    case 'default':
    case 'readonly':
      return { same: [def.innerType] };
    case 'pipe':
      return { same: [def.in, def.out] };
    case 'lazy':
      return { same: [def.getter()] };
    default:
      return { same: [] };
  }
}

function holdsMaps(schema: Schema, seen: Set<Schema>): boolean {
  if (seen.has(schema)) return false;
  seen.add(schema);
  const { map, members = {}, entries, same } = partsOf(schema);
  const within = [...Object.values(members), ...(entries === undefined ? [] : [entries]), ...same];
  return map !== undefined || within.some((one) => holdsMaps(one, seen));
}

function collect(schema: Schema, value: unknown, path: LostName, lost: LostName[]): void {
  if (typeof value !== 'object' || value === null) return;
  const { map, members, entries, same } = partsOf(schema);
  for (const one of same) collect(one, value, path, lost);
  if (Array.isArray(value)) {
    if (entries !== undefined) value.forEach((one, i) => collect(entries, one, [...path, i], lost));
    return;
  }
  if (map !== undefined) {
    const known = lost.some((one) => one.length === path.length && one.every((part, i) => part === path[i]));
    if (Object.hasOwn(value, LOST) && !known) lost.push(path);
    for (const [name, one] of Object.entries(value)) if (name !== LOST) collect(map, one, [...path, name], lost);
  }
  for (const [name, one] of Object.entries(members ?? {})) {
    if (Object.hasOwn(value, name)) collect(one, (value as Record<string, unknown>)[name], [...path, name], lost);
  }
}
