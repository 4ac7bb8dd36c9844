import { plainNumber } from './number-text.js';
import { nameIn, type ProtoScope } from './scope.js';
import {
  isMapEntry,
  isMapKey,
  type ProtoEnum,
  type ProtoExtend,
  type ProtoExtensions,
  type ProtoField,
  type ProtoFieldType,
  type ProtoFile,
  type ProtoGroup,
  type ProtoImport,
  type ProtoMessage,
  type ProtoOneof,
  type ProtoOption,
  type ProtoOptionValue,
  type ProtoRange,
  type ProtoReserved,
  type ProtoType,
} from './tree.js';

/** Called where a type name means nothing. Does not return. */
export type UnresolvedType = (name: string, at: number) => never;

/**
 * The file that `normalize=true` stores (printed by `printNormal`): type and option names in full, options sorted, merged and in plain numbers, members sorted
 * by number, maps written as maps. The order of messages and services stays: message indexes count it.
 */
export function normalForm(file: ProtoFile, scope: ProtoScope, unresolved: UnresolvedType): ProtoFile {
  return new Normaliser(scope, unresolved).file(file);
}

class Normaliser {
  constructor(
    private readonly scope: ProtoScope,
    private readonly unresolved: UnresolvedType,
  ) {}

  file(file: ProtoFile): ProtoFile {
    const within = file.packageName ?? '';
    return {
      syntax: file.syntax === 'proto3' ? 'proto3' : null,
      packageName: file.packageName,
      packageAt: -1,
      imports: sortedImports(file.imports),
      options: this.#options(file.options, within),
      types: this.#types(file.types, within),
      extends: this.#extends(file.extends, within),
      services: file.services.map((service) => ({
        ...service,
        options: this.#options(service.options, within),
        rpcs: service.rpcs.map((rpc) => ({
          ...rpc,
          request: this.#typeName(rpc.request, within, rpc.at),
          response: this.#typeName(rpc.response, within, rpc.at),
          options: this.#options(rpc.options, within),
        })),
      })),
    };
  }

  #types(types: readonly ProtoType[], within: string): readonly ProtoType[] {
    const own = types.filter((type) => {
      // The message that this name means here: with two of one name it may be the other.
      const meant = this.scope.resolve(type.name, within)?.type;
      return type.kind === 'enum' || meant?.kind !== 'message' || mapTypeOf(meant) === undefined;
    });
    return own.map((type) => {
      const name = nameIn(within, type.name);
      return type.kind === 'message' ? this.#message(type, name) : this.#enum(type, name);
    });
  }

  #message(message: ProtoMessage, name: string): ProtoMessage {
    return {
      ...message,
      options: this.#options(message.options, name),
      reserved: sortedReserved(message.reserved),
      fields: this.#fields(message.fields, name),
      oneofs: message.oneofs.map((oneof) => this.#oneof(oneof, name)).sort(byFirstNumber),
      groups: this.#groups(message.groups, name),
      extensions: sortedExtensions(message.extensions),
      extends: this.#extends(message.extends, name),
      types: this.#types(message.types, name),
    };
  }

  #enum(one: ProtoEnum, name: string): ProtoEnum {
    return {
      ...one,
      options: this.#options(one.options, name),
      reserved: sortedReserved(one.reserved),
      constants: one.constants
        .map((constant) => ({ ...constant, options: this.#options(constant.options, name) }))
        .sort((a, b) => a.number - b.number || compareText(a.name, b.name)),
    };
  }

  #oneof(oneof: ProtoOneof, within: string): ProtoOneof {
    return {
      ...oneof,
      options: this.#options(oneof.options, within),
      fields: this.#fields(oneof.fields, within),
      groups: this.#groups(oneof.groups, within),
    };
  }

  #groups(groups: readonly ProtoGroup[], within: string): readonly ProtoGroup[] {
    return groups.map((group) => ({ ...group, fields: this.#fields(group.fields, within) })).sort(byNumber);
  }

  #extends(extended: readonly ProtoExtend[], within: string): readonly ProtoExtend[] {
    const byExtendee = new Map<string, { readonly at: number; readonly fields: ProtoField[] }>();
    for (const { at, extendee, fields } of extended) {
      if (fields.length === 0) continue;
      const name = this.#typeName(extendee, within, at);
      const known = byExtendee.get(name) ?? { at, fields: [] };
      byExtendee.set(name, known);
      known.fields.push(...fields);
    }
    return [...byExtendee].map(([extendee, { at, fields }]) => ({
      at,
      extendee,
      fields: this.#fields(fields, within),
    }));
  }

  #fields(fields: readonly ProtoField[], within: string): readonly ProtoField[] {
    return fields.map((field) => this.#field(field, within)).sort(byNumber);
  }

  #field(field: ProtoField, within: string): ProtoField {
    const type = this.#fieldType(field, within);
    return {
      ...field,
      label: type.kind === 'map' ? null : field.label,
      type,
      defaultValue: field.defaultValue === null ? null : plainDefault(type, field.defaultValue),
      options: this.#options(field.options, within),
    };
  }

  #fieldType({ type, at }: ProtoField, within: string): ProtoFieldType {
    if (type.kind === 'scalar') return type;
    if (type.kind === 'map') return this.#mapType(type, within);
    const meant = this.scope.resolve(type.name, within) ?? this.unresolved(type.name, at);
    const entry = meant.type.kind === 'message' ? mapTypeOf(meant.type) : undefined;
    return entry === undefined ? { kind: 'named', name: `.${meant.fullName}` } : this.#mapType(entry, within);
  }

  /** A value type that means nothing stays as it is: the reference looks no further. */
  #mapType(type: ProtoFieldType & { readonly kind: 'map' }, within: string): ProtoFieldType {
    if (type.value.kind !== 'named') return type;
    const meant = this.scope.resolve(type.value.name, within);
    return meant === undefined ? type : { ...type, value: { kind: 'named', name: `.${meant.fullName}` } };
  }

  #typeName(name: string, within: string, at: number): string {
    const meant = this.scope.resolve(name, within) ?? this.unresolved(name, at);
    return `.${meant.fullName}`;
  }

  #options(options: readonly ProtoOption[], within: string): readonly ProtoOption[] {
    if (options.length === 0) return options;
    const byName = new Map<string, ProtoOption[]>();
    for (const option of options.map((one) => this.#named(one, within)).sort((a, b) => compareText(a.name, b.name))) {
      const known = byName.get(option.name);
      if (known === undefined) byName.set(option.name, [option]);
      else known.push(option);
    }
    return [...byName]
      .flatMap(([name, list]) => {
        const extension = this.scope.extension(name);
        const single = extension !== undefined && extension.label !== 'repeated';
        return single ? [list.reduce((earlier, later) => merged(earlier, later))] : list;
      })
      .map((option) => ({ ...option, value: this.#value(option.value, within) }));
  }

  /** With the full name of the extension; given in pieces (`(cfg).a = 1`), the value becomes a map. */
  #named(option: ProtoOption, within: string): ProtoOption {
    const name = option.custom ? this.scope.resolveExtension(option.name, within) : undefined;
    return name === undefined ? option : inOnePiece({ ...option, name });
  }

  #value(value: ProtoOptionValue, within: string): ProtoOptionValue {
    switch (value.kind) {
      case 'number':
        return { kind: 'number', text: plainNumber(value.text) };
      case 'list':
        return { kind: 'list', items: value.items.map((item) => this.#innerValue(item, within)) };
      case 'map':
        return { kind: 'map', entries: this.#entries(value.entries, within) };
      case 'option':
        return {
          kind: 'option',
          option: { ...value.option, value: this.#value(value.option.value, within) },
        };
      default:
        return value;
    }
  }

  /** Inside a map or list a list of one stands for its item. */
  #innerValue(value: ProtoOptionValue, within: string): ProtoOptionValue {
    if (value.kind === 'list' && value.items.length === 1) return this.#innerValue(value.items[0]!, within);
    return this.#value(value, within);
  }

  #entries(entries: ReadonlyMap<string, ProtoOptionValue>, within: string): ReadonlyMap<string, ProtoOptionValue> {
    const named = new Map<string, ProtoOptionValue>();
    for (const [key, value] of entries) {
      if (value.kind === 'list' && value.items.length === 0) continue;
      const name = key.startsWith('[') ? this.scope.resolveExtension(key.slice(1, -1), within) : undefined;
      const full = name === undefined ? key : `[${name}]`;
      if (!named.has(full)) named.set(full, value);
    }
    return new Map(
      [...named]
        .sort(([a], [b]) => compareText(a, b))
        .map(([key, value]) => [key, this.#innerValue(value, within)] as const),
    );
  }
}

/** The map type whose entries a message is. Undefined when it is none, or lacks what a map needs: written as a map it could not be read again. */
function mapTypeOf(message: ProtoMessage): (ProtoFieldType & { readonly kind: 'map' }) | undefined {
  if (!isMapEntry(message)) return undefined;
  const key = message.fields.find((field) => field.name === 'key')?.type;
  const value = message.fields.find((field) => field.name === 'value')?.type;
  return key === undefined || !isMapKey(key) || value === undefined ? undefined : { kind: 'map', key, value };
}

function inOnePiece(option: ProtoOption): ProtoOption {
  if (option.value.kind !== 'option') return option;
  const { name, value } = inOnePiece(option.value.option);
  return { ...option, value: { kind: 'map', entries: new Map([[name, value]]) } };
}

/** Two values of an option that has one: maps are put together, repeated members into a list; of anything else the later one counts. */
function merged(earlier: ProtoOption, later: ProtoOption): ProtoOption {
  if (earlier.value.kind !== 'map' || later.value.kind !== 'map') return later;
  const entries = new Map(earlier.value.entries);
  for (const [key, value] of later.value.entries) {
    const known = entries.get(key);
    entries.set(key, known === undefined ? value : distinct([...itemsOf(known), ...itemsOf(value)]));
  }
  return { ...later, value: { kind: 'map', entries } };
}

function itemsOf(value: ProtoOptionValue): readonly ProtoOptionValue[] {
  return value.kind === 'list' ? value.items : [value];
}

function distinct(items: readonly ProtoOptionValue[]): ProtoOptionValue {
  const known = new Map(items.toReversed().map((item) => [identity(item), item]));
  return { kind: 'list', items: [...known.values()].reverse() };
}

function identity(value: ProtoOptionValue): string {
  return JSON.stringify(value, (_key, part: unknown) => (part instanceof Map ? [...part] : part));
}

function sortedImports(imports: readonly ProtoImport[]): readonly ProtoImport[] {
  const kinds = (['plain', 'public'] as const).map((kind) => {
    const paths = new Map(imports.filter((one) => one.kind === kind).map((one) => [one.path, one]));
    return [...paths.values()].sort((a, b) => compareText(a.path, b.path));
  });
  return kinds.flat();
}

function sortedReserved(reserved: readonly ProtoReserved[]): readonly ProtoReserved[] {
  return reserved
    .flatMap(({ at, items }) => items.map((item) => ({ at, item })))
    .sort((a, b) => startOf(a.item) - startOf(b.item) || compareText(itemText(a.item), itemText(b.item)))
    .map(({ at, item }) => ({ at, items: [typeof item === 'object' ? shortest(item) : item] }));
}

function sortedExtensions(extensions: readonly ProtoExtensions[]): readonly ProtoExtensions[] {
  return extensions
    .flatMap(({ at, items, options }) => items.map((item) => ({ at, item, options })))
    .sort((a, b) => startOf(a.item) - startOf(b.item))
    .map(({ at, item, options }) => ({ at, items: [typeof item === 'object' ? shortest(item) : item], options }));
}

/** Names come after all numbers. */
function startOf(item: string | number | ProtoRange): number {
  if (typeof item === 'string') return 2 ** 31 - 1;
  return typeof item === 'number' ? item : item.from;
}

function itemText(item: string | number | ProtoRange): string {
  return typeof item === 'object' ? `${item.from}..${item.to}` : String(item);
}

function shortest(range: ProtoRange): number | ProtoRange {
  return range.from === range.to ? range.from : range;
}

function plainDefault(type: ProtoFieldType, text: string): string {
  const isNumber = type.kind === 'scalar' && type.scalar !== 'string' && type.scalar !== 'bool';
  return isNumber ? plainNumber(text) : text;
}

function byNumber(a: { readonly number: number }, b: { readonly number: number }): number {
  return a.number - b.number;
}

function byFirstNumber(a: ProtoOneof, b: ProtoOneof): number {
  return firstNumber(a) - firstNumber(b);
}

function firstNumber({ fields, groups }: ProtoOneof): number {
  return fields[0]?.number ?? groups[0]?.number ?? 0;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
