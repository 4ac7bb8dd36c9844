import { toBinary } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';
import { DescriptorWriter, type FieldInit, type MessageMembers, type NamedType } from './descriptor-writer.js';
import type { ProtoScope } from './scope.js';
import type { ProtoField, ProtoMessage } from './tree.js';

/**
 * The descriptor of `format=serialized`, in base64, byte for byte what the reference sends: type names as written, members of oneofs first, no groups,
 * of custom options only Confluent's annotations, and of imports only those that are known.
 */
export function serializedDescriptor(scope: ProtoScope): string {
  const { file } = scope.sources[0]!;
  const paths: string[] = [];
  const open: number[] = [];
  for (const kind of ['plain', 'public'] as const) {
    for (const { path } of file.imports.filter((one) => one.kind === kind)) {
      if (!scope.sources.some((source) => source.origin !== 'own' && source.path === path)) continue;
      if (!paths.includes(path)) paths.push(path);
      if (kind === 'public') open.push(paths.indexOf(path));
    }
  }
  const descriptor = new SerializedWriter(file, scope).write('default', { paths, public: open });
  return Buffer.from(toBinary(FileDescriptorProtoSchema, descriptor)).toString('base64');
}

class SerializedWriter extends DescriptorWriter {
  protected namedType(name: string, within: string): NamedType {
    const kind = this.scope.resolve(name, within)?.type.kind;
    if (kind === undefined) return { typeName: name };
    return {
      typeName: name,
      type: kind === 'enum' ? FieldDescriptorProto_Type.ENUM : FieldDescriptorProto_Type.MESSAGE,
    };
  }

  /** `my_field` as `MyFieldEntry`, `myField` as `myFieldEntry`. */
  protected mapEntryName(field: string): string {
    if (!field.includes('_')) return `${field}Entry`;
    const words = field.split('_').map((word) => `${word.slice(0, 1).toUpperCase()}${word.slice(1).toLowerCase()}`);
    return `${words.join('')}Entry`;
  }

  protected mapEntryType(name: string, within: string): NamedType {
    return this.namedType(name, within);
  }

  protected members(message: ProtoMessage, within: string): MessageMembers {
    const members = message.oneofs.flatMap((oneof, oneofIndex) =>
      oneof.fields.map((field) => this.fieldOf(field, within, { label: OPTIONAL, oneofIndex })),
    );
    const known = new Set(members.map(({ name }) => name));
    const oneofs = message.oneofs.map(({ name, options }) => ({ name, options }));
    const fields = message.fields
      .filter(({ name }) => !known.has(name))
      .map((field) => {
        if (this.file.syntax !== 'proto3' || field.label !== 'optional') return this.fieldOf(field, within);
        oneofs.push({ name: `_${field.name}`, options: [] });
        return this.fieldOf(field, within, { oneofIndex: oneofs.length - 1, proto3Optional: true });
      });
    return { fields: [...members, ...fields], oneofs, types: [] };
  }

  protected finished(field: FieldInit, _source: ProtoField): FieldInit {
    return field;
  }
}

const OPTIONAL = FieldDescriptorProto_Label.OPTIONAL;
