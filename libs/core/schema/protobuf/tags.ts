import type { TagChange } from '../tags.js';
import type { ProtoField, ProtoFile, ProtoMessage, ProtoOption, ProtoOptionValue, ProtoType } from './tree.js';

/** The file with the tags of its messages and their fields replaced: those that `confluent/meta.proto` lets one write. */
export function retaggedProto(file: ProtoFile, change: TagChange): ProtoFile {
  return { ...file, types: file.types.map((type) => retaggedType(type, '', change)) };
}

function retaggedType(type: ProtoType, within: string, change: TagChange): ProtoType {
  if (type.kind === 'enum') return type;
  const path = within === '' ? type.name : `${within}.${type.name}`;
  const fields = (list: readonly ProtoField[]): readonly ProtoField[] =>
    list.map((field) => ({
      ...field,
      options: retagged('field', field.options, (tags) =>
        change({ path: `${path}.${field.name}`, kind: 'field' }, tags),
      ),
    }));
  const message: ProtoMessage = {
    ...type,
    options: retagged('message', type.options, (tags) => change({ path, kind: 'record' }, tags)),
    fields: fields(type.fields),
    oneofs: type.oneofs.map((oneof) => ({ ...oneof, fields: fields(oneof.fields) })),
    types: type.types.map((inner) => retaggedType(inner, path, change)),
  };
  return message;
}

/** The options with other tags. An annotation keeps its place and the rest of what it says; one without anything left goes. */
function retagged(
  target: 'message' | 'field',
  options: readonly ProtoOption[],
  change: (tags: readonly string[]) => readonly string[],
): readonly ProtoOption[] {
  const name = `confluent.${target}_meta`;
  const isMeta = (option: ProtoOption) => option.custom && option.name.replace(/^\./, '') === name;
  const written = options.filter(isMeta).flatMap(({ value }) => textsIn(tagsOf(value)));
  const tags = change(written);
  if (tags.length === written.length && tags.every((tag, i) => tag === written[i])) return options;
  const list: ProtoOptionValue = { kind: 'list', items: tags.map((value) => ({ kind: 'string', value })) };
  let placed = tags.length === 0;
  const result = options.flatMap((option): ProtoOption[] => {
    if (!isMeta(option)) return [option];
    const entries = new Map(entriesOf(option.value));
    const had = entries.delete('tags');
    if (!placed && (had || option.value.kind === 'map')) {
      placed = true;
      return [{ ...option, value: { kind: 'map', entries: new Map(entriesOf(option.value)).set('tags', list) } }];
    }
    return entries.size === 0 ? [] : [had ? { ...option, value: { kind: 'map', entries } } : option];
  });
  return placed
    ? result
    : [...result, { name, custom: true, value: { kind: 'map', entries: new Map([['tags', list]]) } }];
}

/** `{ tags: … }`, or what follows the dot in `(confluent.field_meta).tags = …`. */
function entriesOf(value: ProtoOptionValue): ReadonlyMap<string, ProtoOptionValue> {
  if (value.kind === 'map') return value.entries;
  return value.kind === 'option' ? new Map([[value.option.name, value.option.value]]) : new Map();
}

function tagsOf(value: ProtoOptionValue): ProtoOptionValue | undefined {
  return entriesOf(value).get('tags');
}

function textsIn(value: ProtoOptionValue | undefined): readonly string[] {
  if (value === undefined) return [];
  if (value.kind === 'list') return value.items.flatMap(textsIn);
  return value.kind === 'string' ? [value.value] : [];
}
