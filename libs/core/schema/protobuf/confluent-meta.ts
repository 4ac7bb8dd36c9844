import type { Message } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { ProtoOption, ProtoOptionValue } from './tree.js';

/**
 * The annotations of `confluent/meta.proto` (documentation, parameters, tags): the one kind of custom option that the reference carries over between text
 * and descriptors. In a descriptor it is the extension 1088 of every options message.
 */

/** What an options message belongs to, as the names of the five extensions have it. */
export type MetaTarget = 'file' | 'message' | 'field' | 'enum' | 'enum_value';

const EXTENSION_NUMBER = 1088;

/** The annotation in a decoded options message, as the option it is written as. */
export function metaOf(target: MetaTarget, options: Message | undefined): readonly ProtoOption[] {
  const unknown = options?.$unknown?.findLast(({ no, wireType }) => no === EXTENSION_NUMBER && wireType === BYTES);
  if (unknown === undefined) return [];
  const entries = readMeta(new BinaryReader(unknown.data).bytes());
  return entries.size === 0
    ? []
    : [{ name: `confluent.${target}_meta`, custom: true, value: { kind: 'map', entries } }];
}

/** Adds the annotation among written options to an options message. Returns whether there is one. */
export function addMeta(target: MetaTarget, options: readonly ProtoOption[], message: Message): boolean {
  const writer = new BinaryWriter();
  for (const { name, custom, value } of options) {
    if (custom && name.replace(/^\./, '') === `confluent.${target}_meta`) writeMeta(writer, value);
  }
  const bytes = writer.finish();
  if (bytes.length === 0) return false;
  const data = new BinaryWriter().bytes(bytes).finish();
  message.$unknown = [...(message.$unknown ?? []), { no: EXTENSION_NUMBER, wireType: BYTES, data }];
  return true;
}

function readMeta(bytes: Uint8Array): Map<string, ProtoOptionValue> {
  const entries = new Map<string, ProtoOptionValue>();
  const params: ProtoOptionValue[] = [];
  const tags: ProtoOptionValue[] = [];
  forEachText(bytes, (number, reader) => {
    if (number === 1) entries.set('doc', text(reader.string()));
    else if (number === 2) params.push(readParam(reader.bytes()));
    else if (number === 3) tags.push(text(reader.string()));
    else return false;
    return true;
  });
  if (params.length > 0) entries.set('params', { kind: 'list', items: params });
  if (tags.length > 0) entries.set('tags', { kind: 'list', items: tags });
  return entries;
}

function readParam(bytes: Uint8Array): ProtoOptionValue {
  let [key, value] = ['', ''];
  forEachText(bytes, (number, reader) => {
    if (number === 1) key = reader.string();
    else if (number === 2) value = reader.string();
    else return false;
    return true;
  });
  const entries = [
    ['key', text(key)],
    ['value', text(value)],
  ] as const;
  // The reference writes these two the other way round.
  const swapped = key === 'precision' || key === 'scale';
  return { kind: 'map', entries: new Map(swapped ? entries.toReversed() : entries) };
}

function forEachText(bytes: Uint8Array, read: (number: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (wireType !== WireType.LengthDelimited || !read(number, reader)) reader.skip(wireType, number);
  }
}

function writeMeta(writer: BinaryWriter, value: ProtoOptionValue): void {
  const doc = textOf(memberOf(value, 'doc'));
  if (doc !== undefined) writer.tag(1, BYTES).string(doc);
  const params = itemsOf(memberOf(value, 'params'));
  for (const param of params) {
    const entry = new BinaryWriter();
    entry.tag(1, BYTES).string(textOf(memberOf(param, 'key')) ?? '');
    entry.tag(2, BYTES).string(textOf(memberOf(param, 'value')) ?? '');
    writer.tag(2, BYTES).bytes(entry.finish());
  }
  for (const tag of itemsOf(memberOf(value, 'tags'))) {
    const name = textOf(tag);
    if (name !== undefined) writer.tag(3, BYTES).string(name);
  }
}

function memberOf(value: ProtoOptionValue, name: string): ProtoOptionValue | undefined {
  if (value.kind === 'map') return value.entries.get(name);
  return value.kind === 'option' && value.option.name === name ? value.option.value : undefined;
}

function itemsOf(value: ProtoOptionValue | undefined): readonly ProtoOptionValue[] {
  if (value === undefined) return [];
  return value.kind === 'list' ? value.items : [value];
}

function textOf(value: ProtoOptionValue | undefined): string | undefined {
  if (value?.kind === 'string') return value.value;
  return value !== undefined && 'text' in value ? value.text : undefined;
}

function text(value: string): ProtoOptionValue {
  return { kind: 'string', value };
}

const BYTES = WireType.LengthDelimited;
