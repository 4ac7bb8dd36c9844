import { create, ScalarType, type DescField, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import type { ProtoOption, ProtoOptionValue } from './tree.js';

/**
 * The options that the language itself defines (`deprecated`, `java_package`, features of editions), between their written form and the messages of
 * `google/protobuf/descriptor.proto`.
 */

/** The options set in a message such as `FieldOptions`, in the order in which they are declared there. */
export function optionsOf<D extends DescMessage>(schema: D, message: MessageShape<D> | undefined): ProtoOption[] {
  if (message === undefined) return [];
  return written(reflect(schema, message)).map(([name, value]) => ({ name, custom: false, value }));
}

/**
 * The message that holds what is known among written options; undefined when nothing is. Custom options and values that do not fit are left
 * out. Where an option is given twice the later value counts.
 */
export function knownOptions<D extends DescMessage>(
  schema: D,
  options: readonly ProtoOption[],
): MessageShape<D> | undefined {
  const target = reflect(schema, create(schema));
  let known = false;
  for (const { name, custom, value } of options) {
    if (!custom && assign(target, name.replace(/^\./, '').split('.'), value)) known = true;
  }
  return known ? (target.message as MessageShape<D>) : undefined;
}

function written(message: ReflectMessage): (readonly [string, ProtoOptionValue])[] {
  return message.fields
    .filter((field) => field.name !== 'uninterpreted_option' && message.isSet(field))
    .flatMap((field) => {
      if (field.fieldKind !== 'list') return [[field.name, writtenValue(field, message.get(field))] as const];
      return [...message.get(field)].map((item) => [field.name, writtenValue(field, item)] as const);
    });
}

function writtenValue(field: DescField, value: unknown): ProtoOptionValue {
  if (field.message !== undefined) return { kind: 'map', entries: new Map(written(value as ReflectMessage)) };
  if (field.enum !== undefined) {
    return { kind: 'enum', text: field.enum.value[value as number]?.name ?? String(value) };
  }
  if (field.scalar === ScalarType.STRING) return { kind: 'string', value: value as string };
  return { kind: field.scalar === ScalarType.BOOL ? 'boolean' : 'number', text: String(value) };
}

/** Whether the name leads to a field that takes the value. */
function assign(target: ReflectMessage, path: readonly string[], value: ProtoOptionValue): boolean {
  const field = target.fields.find(({ name }) => name === path[0]);
  if (field === undefined || field.name === 'uninterpreted_option' || field.fieldKind === 'map') return false;
  if (path.length > 1 || field.message !== undefined) return assignInside(target, field, path.slice(1), value);
  const values = value.kind === 'list' ? value.items : [value];
  const read = values.map((one) => scalarValue(field, one)).filter((one) => one !== undefined);
  if (read.length === 0) return false;
  if (field.fieldKind === 'list') for (const one of read) target.get(field).add(one);
  else target.set(field, read.at(-1)!);
  return true;
}

function assignInside(
  target: ReflectMessage,
  field: DescField,
  path: readonly string[],
  value: ProtoOptionValue,
): boolean {
  if (field.message === undefined || field.fieldKind === 'map') return false;
  const inner =
    field.fieldKind === 'message' && target.isSet(field)
      ? (target.get(field) as ReflectMessage)
      : reflect(field.message, create(field.message));
  const entries = membersOf(value);
  const assigned =
    path.length > 0
      ? assign(inner, path, value)
      : entries !== undefined && [...entries].map(([name, one]) => assign(inner, [name], one)).every(Boolean);
  if (!assigned) return false;
  if (field.fieldKind === 'list') target.get(field).add(inner);
  else target.set(field, inner);
  return true;
}

function membersOf(value: ProtoOptionValue): Iterable<readonly [string, ProtoOptionValue]> | undefined {
  if (value.kind === 'map') return value.entries;
  return value.kind === 'option' ? [[value.option.name, value.option.value]] : undefined;
}

function scalarValue(field: DescField, value: ProtoOptionValue): boolean | number | string | undefined {
  const text = value.kind === 'string' ? value.value : 'text' in value ? value.text : undefined;
  if (text === undefined) return undefined;
  if (field.enum !== undefined) return field.enum.values.find(({ name }) => name === text)?.number;
  if (field.scalar === ScalarType.BOOL) return text.toLowerCase() === 'true';
  if (field.scalar === ScalarType.STRING) return text;
  return /^-?[0-9]{1,9}$/.test(text) ? Number(text) : undefined;
}
