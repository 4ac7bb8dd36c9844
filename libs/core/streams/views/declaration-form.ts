import {
  AppError,
  isAppError,
  isJsonObject,
  nearest,
  type ErrorItem,
  type JsonObject,
  type JsonValue,
} from '#libs/core/kernel';
import { parseFieldPath, type FieldPath } from '../field-path.js';
import type { Transforms } from '../migrate/transforms.js';
import { COLUMN_TYPES, parseColumnType, withUsableDefault, type FieldType, type Reading } from './column-type.js';
import { problemOf } from './expressions.js';
import { QUERY_PARAMETERS } from './view-query.js';

/** Types of fields, from the registered schemas. Class and injection token in one. */
export abstract class FieldTypes {
  /** The type of a field of a topic's records; undefined when no schema tells. @throws `unknown-field` when the schema tells that there is no such field, naming near ones. */
  abstract typeOf(topic: string, path: FieldPath): Promise<FieldType | undefined>;

  /** The members of an object in a topic's records, in the order of the schema; undefined when no schema tells. @throws `unknown-field`. */
  abstract membersOf(topic: string, path: FieldPath): Promise<ReadonlyMap<string, FieldType> | undefined>;
}

/** What declarations are checked with. */
export interface DeclarationTools {
  readonly types: FieldTypes;
  readonly transforms: Transforms;
}

/** Most columns, joins, topics, child tables, characters of a name, indexes and columns of an index in one view. */
export const VIEW_LIMITS = {
  columns: 200,
  joins: 8,
  sources: 8,
  children: 8,
  name: 63,
  indexes: 16,
  indexColumns: 8,
} as const;

const NAME = /^[\p{L}_][\p{L}\p{N}_ -]*$/u;

/** Names of query parameters, which a column could not be filtered by. */
const RESERVED: ReadonlySet<string> = new Set(QUERY_PARAMETERS);

/** Problems kept of one declaration. */
const PROBLEMS = 20;

/** Collects what is wrong with a declaration, by JSON pointer, and the types that were found. */
export class DeclarationForm {
  readonly items: ErrorItem[] = [];
  /** Types found so far, by the place that they belong to. */
  readonly types: Record<string, string> = {};

  /** @param known what was found when the view was declared: then nothing is looked up or checked again. */
  constructor(
    private readonly tools: DeclarationTools | undefined,
    private readonly known: Readonly<Record<string, string>> = {},
  ) {}

  problem(path: string, message: string): undefined {
    if (this.items.length < PROBLEMS) this.items.push({ path, message });
    return undefined;
  }

  members(object: JsonObject, known: readonly string[], at: string): void {
    for (const member of Object.keys(object)) {
      if (known.includes(member)) continue;
      const close = nearest(member, known);
      this.problem(
        `${at}/${member}`,
        `is not known${close === undefined ? `; members are ${known.join(', ')}` : `; did you mean '${close}'?`}`,
      );
    }
  }

  /** An object with these members; undefined, and a problem, for anything else. */
  object(given: JsonValue | undefined, known: readonly string[], at: string, message: string): JsonObject | undefined {
    if (!isJsonObject(given)) return this.problem(at, message);
    this.members(given, known, at);
    return given;
  }

  name(name: string, at: string): boolean {
    if (isName(name) && !RESERVED.has(name)) return true;
    this.problem(
      at,
      `cannot be a column name: 1 to ${VIEW_LIMITS.name} letters, digits, _, - or spaces, not one of ${[...RESERVED].join(', ')}`,
    );
    return false;
  }

  path(text: JsonValue | undefined, at: string): FieldPath | undefined {
    if (typeof text !== 'string') return this.problem(at, 'must be a field path');
    try {
      return parseFieldPath(text);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return this.problem(at, error.message);
    }
  }

  /** A CEL expression. */
  async expression(text: JsonValue | undefined, at: string): Promise<string | undefined> {
    if (typeof text !== 'string' || text.trim() === '') return this.problem(at, 'must be a CEL expression');
    const problem = this.tools === undefined ? undefined : await problemOf(text, this.tools.transforms);
    return problem === undefined ? text : this.problem(at, problem);
  }

  /** A type that is declared; undefined, and a problem, for one that is none. */
  declaredType(given: JsonValue | undefined, at: string): FieldType | undefined {
    const type = typeof given === 'string' ? parseColumnType(given) : undefined;
    if (type !== undefined) return { type };
    const known = `${COLUMN_TYPES.join(', ')} or decimal(p,s) of up to 18 digits`;
    return this.problem(at, given === undefined ? `is missing: one of ${known}` : `must be one of ${known}`);
  }

  /** The type of a field of a topic, as it is declared, or as its schema has it. `place` names it among the types found. */
  async type(
    given: JsonValue | undefined,
    topic: string,
    path: FieldPath,
    at: string,
    place = at,
  ): Promise<FieldType | undefined> {
    if (given !== undefined) return this.declaredType(given, `${at}/type`);
    if (this.tools === undefined) {
      // Views of earlier days know types by the name of the column.
      const names = [place, at.slice(at.lastIndexOf('/') + 1)];
      const kept = names.find((name) => Object.hasOwn(this.known, name));
      const text = kept === undefined ? undefined : this.known[kept];
      return text === undefined ? this.problem(at, 'has no type') : fieldTypeIn(text);
    }
    const found = await this.#asked(at, () => this.tools!.types.typeOf(topic, path));
    if (found === 'refused') return undefined;
    if (found === undefined)
      return this.problem(`${at}/type`, `is missing: no schema of '${topic}' tells the type of ${path.text}`);
    const usable = withUsableDefault(found);
    this.types[place] = fieldTypeText(usable);
    return usable;
  }

  /** Members of an object and their types, as they are declared, or as the schema has them. */
  async memberTypes(
    given: JsonValue | undefined,
    topic: string,
    path: FieldPath,
    at: string,
  ): Promise<ReadonlyMap<string, FieldType> | undefined> {
    const types = new Map<string, FieldType>();
    if (given !== undefined) {
      if (!isJsonObject(given)) return this.problem(`${at}/members`, 'must be an object of member to type');
      for (const [name, declared] of Object.entries(given)) {
        const type = this.declaredType(declared, `${at}/members/${name}`);
        if (type !== undefined) types.set(name, type);
      }
      return types;
    }
    if (this.tools === undefined) {
      const known = JSON.parse(this.known[at] ?? '{}') as Record<string, string>;
      for (const [name, text] of Object.entries(known)) types.set(name, fieldTypeIn(text));
      return types;
    }
    const found = await this.#asked(at, () => this.tools!.types.membersOf(topic, path));
    if (found === 'refused') return undefined;
    if (found === undefined)
      return this.problem(`${at}/members`, `is missing: no schema of '${topic}' tells the members of ${path.text}`);
    const usable = new Map([...found].map(([name, type]) => [name, withUsableDefault(type)]));
    this.types[at] = JSON.stringify(Object.fromEntries([...usable].map(([name, type]) => [name, fieldTypeText(type)])));
    return usable;
  }

  async #asked<T>(at: string, ask: () => Promise<T>): Promise<T | 'refused'> {
    try {
      return await ask();
    } catch (error) {
      if (!isAppError(error) || error.kind === 'internal' || error.kind === 'unavailable') throw error;
      this.problem(at, error.hint === undefined ? error.message : `${error.message} ${error.hint}`);
      return 'refused';
    }
  }
}

/** Whether a text can name a view, a column or a child table. */
export function isName(name: string): boolean {
  return name.length <= VIEW_LIMITS.name && NAME.test(name);
}

/** Between type and default, which is JSON text. */
const DEFAULT = ' = ';

function fieldTypeText({ type, reading, default: absent }: FieldType): string {
  const text = reading === undefined ? type : `${type} ${reading}`;
  return absent === undefined ? text : `${text}${DEFAULT}${JSON.stringify(absent)}`;
}

function fieldTypeIn(text: string): FieldType {
  const [named, ...rest] = text.split(DEFAULT);
  const [type, reading] = named!.split(' ') as [string, Reading | undefined];
  return {
    type: parseColumnType(type) ?? 'text',
    ...(reading === undefined ? {} : { reading }),
    ...(rest.length === 0 ? {} : { default: JSON.parse(rest.join(DEFAULT)) as JsonValue }),
  };
}
