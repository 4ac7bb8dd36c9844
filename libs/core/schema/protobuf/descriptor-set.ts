import { create, toBinary } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorSetSchema,
  type DescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import { schemaInvalid } from '../errors.js';
import { DescriptorWriter, type FieldInit, type MessageMembers, type NamedType } from './descriptor-writer.js';
import { jsonNameOf } from './json-name.js';
import { ProtoScope, type ProtoSource } from './scope.js';
import type { ProtoField, ProtoGroup, ProtoMessage } from './tree.js';

/**
 * A schema with every file it needs as `google.protobuf.FileDescriptorSet`, for code that reads and writes messages: type names in full, groups, JSON names
 * and the oneofs behind proto3's `optional` included. A file comes after those it imports, the schema itself last, under the name {@link OWN_FILE}. A type
 * that is used without being imported brings its file along.
 * @throws `schema-invalid` when a type name means nothing.
 */
export function descriptorSet(scope: ProtoScope): Uint8Array {
  return new SetBuilder(scope).build();
}

/** Name of the schema's own file in its descriptor set. No import path of a file that is referred to. */
export const OWN_FILE = ':schema';

class SetBuilder {
  readonly #files: FileDescriptorProto[] = [];
  readonly #seen = new Set<ProtoSource>();

  constructor(private readonly scope: ProtoScope) {}

  build(): Uint8Array {
    this.#add(this.scope.sources[0]!);
    return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: this.#files }));
  }

  /** Files that import one another: the later one lacks the import that would close the circle. */
  #add(source: ProtoSource): void {
    if (this.#seen.has(source)) return;
    this.#seen.add(source);
    const writer = new CompleteWriter(source, this.scope);
    const imports = source.file.imports.flatMap(({ path, kind }) => {
      const imported = this.scope.sources.find((one) => one.origin !== 'own' && one.path === path);
      return imported === undefined ? [] : [{ imported, kind }];
    });
    const file = writer.write(nameOf(source), { paths: [], public: [] });
    const needed = new Set([...imports.map(({ imported }) => imported), ...writer.used]);
    for (const one of needed) this.#add(one);
    const written = new Set(this.#files.map(({ name }) => name));
    file.dependency = [...needed].map(nameOf).filter((path) => written.has(path));
    const open = imports.filter(({ kind }) => kind === 'public').map(({ imported }) => nameOf(imported));
    file.publicDependency = file.dependency.flatMap((path, i) => (open.includes(path) ? [i] : []));
    this.#files.push(file);
  }
}

function nameOf(source: ProtoSource): string {
  return source.origin === 'own' ? OWN_FILE : source.path;
}

class CompleteWriter extends DescriptorWriter {
  /** Other files that names have led to so far. */
  readonly used = new Set<ProtoSource>();

  constructor(
    private readonly source: ProtoSource,
    scope: ProtoScope,
  ) {
    super(source.file, scope);
  }

  protected namedType(name: string, within: string): NamedType {
    const meant = this.scope.resolve(name, within);
    if (meant === undefined) {
      throw schemaInvalid('PROTOBUF', `${name} names no type`, {
        ...(this.source.origin === 'own' ? {} : { reference: this.source.path }),
      });
    }
    if (meant.source !== this.source) this.used.add(meant.source);
    return {
      typeName: `.${meant.fullName}`,
      type: meant.type.kind === 'enum' ? FieldDescriptorProto_Type.ENUM : FieldDescriptorProto_Type.MESSAGE,
    };
  }

  protected mapEntryName(field: string): string {
    const name = jsonNameOf(field);
    return `${name.slice(0, 1).toUpperCase()}${name.slice(1)}Entry`;
  }

  protected mapEntryType(name: string, within: string): NamedType {
    return { typeName: `.${within}.${name}`, type: FieldDescriptorProto_Type.MESSAGE };
  }

  protected members(message: ProtoMessage, within: string): MessageMembers {
    const fields: FieldDescriptorProto[] = message.fields.map((field) => this.fieldOf(field, within));
    const types: DescriptorProto[] = [];
    const group = (one: ProtoGroup, more: FieldInit): FieldDescriptorProto => {
      types.push(this.message(messageOfGroup(one), within));
      const type: FieldInit = { typeName: `.${within}.${one.name}`, type: FieldDescriptorProto_Type.GROUP };
      const field: ProtoField = {
        at: one.at,
        label: one.label,
        type: { kind: 'scalar', scalar: 'bytes' },
        name: one.name.toLowerCase(),
        number: one.number,
        defaultValue: null,
        jsonName: null,
        options: [],
      };
      return this.fieldOf(field, within, { ...type, ...more });
    };
    message.oneofs.forEach((oneof, oneofIndex) => {
      fields.push(...oneof.fields.map((field) => this.fieldOf(field, within, { oneofIndex })));
      fields.push(...oneof.groups.map((one) => group(one, { oneofIndex })));
    });
    fields.push(...message.groups.map((one) => group(one, {})));
    return { fields, oneofs: this.#oneofs(message, fields), types };
  }

  /** The declared ones, then one for each optional field of proto3, under a name that is free. */
  #oneofs(message: ProtoMessage, fields: readonly FieldDescriptorProto[]): MessageMembers['oneofs'] {
    const oneofs = message.oneofs.map(({ name, options }) => ({ name, options }));
    if (this.file.syntax !== 'proto3') return oneofs;
    const taken = new Set([...oneofs, ...fields].map(({ name }) => name));
    message.fields.forEach((field, i) => {
      if (field.label !== 'optional') return;
      let name = `_${field.name}`;
      while (taken.has(name)) name = `X${name}`;
      taken.add(name);
      Object.assign(fields[i]!, { oneofIndex: oneofs.length, proto3Optional: true });
      oneofs.push({ name, options: [] });
    });
    return oneofs;
  }

  protected finished(field: FieldInit, source: ProtoField): FieldInit {
    return {
      ...field,
      label: field.label ?? FieldDescriptorProto_Label.OPTIONAL,
      jsonName: field.jsonName ?? jsonNameOf(source.name),
    };
  }
}

function messageOfGroup({ at, name, fields }: ProtoGroup): ProtoMessage {
  return {
    kind: 'message',
    at,
    name,
    options: [],
    reserved: [],
    fields,
    oneofs: [],
    groups: [],
    extensions: [],
    extends: [],
    types: [],
  };
}
