import { fieldPaths, type OutlineEdge, type SchemaOutline } from '../outline.js';
import type { ProtoDeclaration, ProtoScope } from './scope.js';
import {
  isMapEntry,
  type ProtoField,
  type ProtoGroup,
  type ProtoMessage,
  type ProtoOption,
  type ProtoOptionValue,
} from './tree.js';

const META_OPTIONS: ReadonlySet<string> = new Set([
  'confluent.file_meta',
  'confluent.message_meta',
  'confluent.field_meta',
  'confluent.enum_meta',
  'confluent.enum_value_meta',
]);

/** A message or group with the name its types are looked up under; or the file, which leads to its messages. */
interface Part {
  readonly within: string;
  readonly members: readonly (ProtoField | ProtoGroup)[];
  readonly messages: readonly ProtoDeclaration[];
}

/** Messages, enums, fields and tags of a `.proto` file. Paths begin at every message of the file: any of them can be the one that is written. */
export function protoOutline(scope: ProtoScope): SchemaOutline {
  const { file } = scope.sources[0]!;
  const own = declarationsIn(scope, file.types);
  const tags = new Set<string>();
  const options = [file.options, ...own.map(({ type }) => type.options)].flat();
  for (const { type } of own) {
    if (type.kind === 'enum') options.push(...type.constants.flatMap((constant) => constant.options));
    else options.push(...fieldsOf(type).flatMap((one) => ('options' in one ? one.options : [])));
  }
  for (const option of options) for (const tag of tagsIn(option)) tags.add(tag);
  const root = { within: '', members: [], messages: own.filter(({ type }) => type.kind === 'message') };
  return {
    names: own.map((one) => one.fullName),
    fields: fieldPaths<Part>(root, partsIn(scope)),
    tags: [...tags],
  };
}

/** Every message and enum, nested ones too; entries of maps are no types of their own. */
function declarationsIn(scope: ProtoScope, types: ProtoMessage['types']): readonly ProtoDeclaration[] {
  return types
    .filter((type) => type.kind === 'enum' || !isMapEntry(type))
    .flatMap((type) => [scope.of(type)!, ...(type.kind === 'message' ? declarationsIn(scope, type.types) : [])]);
}

/** What leads on from a part. Each message is one part however it is reached, so that recursion is seen. */
function partsIn(scope: ProtoScope): (part: Part) => readonly OutlineEdge<Part>[] {
  const known = new Map<object, Part>();
  const partOf = (type: ProtoMessage | ProtoGroup, within: string): Part => {
    let part = known.get(type);
    if (part === undefined) {
      part = { within, members: 'types' in type ? fieldsOf(type) : type.fields, messages: [] };
      known.set(type, part);
    }
    return part;
  };
  const nothing: Part = { within: '', members: [], messages: [] };
  const named = (name: string, within: string): Part => {
    const found = scope.resolve(name, within);
    return found?.type.kind === 'message' ? partOf(found.type, found.fullName) : nothing;
  };
  return ({ within, members, messages }) => [
    ...messages.map(({ type, fullName }) => [null, partOf(type as ProtoMessage, fullName)] as const),
    ...members.map((member): OutlineEdge<Part> => {
      if (!('type' in member)) return [member.name.toLowerCase(), partOf(member, `${within}.${member.name}`)];
      const type = member.type.kind === 'map' ? member.type.value : member.type;
      return [member.name, type.kind === 'named' ? named(type.name, within) : nothing];
    }),
  ];
}

function fieldsOf(message: ProtoMessage): readonly (ProtoField | ProtoGroup)[] {
  return [
    ...message.fields,
    ...message.groups,
    ...message.oneofs.flatMap((oneof) => [...oneof.fields, ...oneof.groups]),
  ];
}

/** `(confluent.field_meta) = { tags: [...] }` or `(confluent.field_meta).tags = …`. */
function tagsIn({ name, custom, value }: ProtoOption): readonly string[] {
  if (!custom || !META_OPTIONS.has(name)) return [];
  if (value.kind === 'map') return textsIn(value.entries.get('tags'));
  return value.kind === 'option' && value.option.name === 'tags' ? textsIn(value.option.value) : [];
}

function textsIn(value: ProtoOptionValue | undefined): readonly string[] {
  if (value === undefined) return [];
  if (value.kind === 'list') return value.items.flatMap(textsIn);
  return value.kind === 'string' ? [value.value] : [];
}
