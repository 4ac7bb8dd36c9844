import { fromBinary } from '@bufbuild/protobuf';
import {
  EnumOptionsSchema,
  EnumValueOptionsSchema,
  ExtensionRangeOptionsSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  FileOptionsSchema,
  MessageOptionsSchema,
  MethodOptionsSchema,
  OneofOptionsSchema,
  ServiceOptionsSchema,
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  type ServiceDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import { metaOf } from './confluent-meta.js';
import { optionsOf } from './known-options.js';
import {
  isProtoScalar,
  type ProtoEnum,
  type ProtoExtend,
  type ProtoField,
  type ProtoFieldType,
  type ProtoFile,
  type ProtoGroup,
  type ProtoMessage,
  type ProtoRange,
  type ProtoService,
} from './tree.js';
import { isWellFormed } from './wire-check.js';

/** Messages inside one another in a descriptor; what is a legal schema nests less. */
const DESCRIPTOR_DEPTH = 64;

/** The descriptor in base64 text. Undefined when the text is no base64 or the bytes are no `FileDescriptorProto`. */
export function readDescriptor(text: string): FileDescriptorProto | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || (text.endsWith('=') ? text.length % 4 !== 0 : text.length % 4 === 1)) {
    return undefined;
  }
  const bytes = Buffer.from(text, 'base64');
  if (!isWellFormed(FileDescriptorProtoSchema, bytes, DESCRIPTOR_DEPTH)) return undefined;
  return fromBinary(FileDescriptorProtoSchema, bytes, { recursionLimit: DESCRIPTOR_DEPTH });
}

/**
 * A descriptor as the file it describes, in the form that the reference gives it: maps stay messages of entries, every reserved range is a
 * statement of its own, of custom options only Confluent's annotations are kept.
 */
export function fileFromDescriptor(file: FileDescriptorProto): ProtoFile {
  return new DescriptorReader(file.syntax === 'proto3').file(file);
}

class DescriptorReader {
  constructor(private readonly proto3: boolean) {}

  file(file: FileDescriptorProto): ProtoFile {
    const { syntax } = file;
    return {
      syntax: syntax === 'proto2' || syntax === 'proto3' ? syntax : null,
      packageName: file.package === '' ? null : file.package,
      packageAt: -1,
      imports: file.dependency.map((path, i) => ({
        at: -1,
        path,
        kind: file.publicDependency.includes(i) ? 'public' : 'plain',
      })),
      options: [...optionsOf(FileOptionsSchema, file.options), ...metaOf('file', file.options)],
      types: [...file.messageType.map((one) => this.#message(one)), ...file.enumType.map((one) => this.#enum(one))],
      extends: this.#extends(file.extension),
      services: file.service.map((one) => this.#service(one)),
    };
  }

  #message(message: DescriptorProto): ProtoMessage {
    const groups = this.#groups(message);
    const grouped = new Set([...groups.values()].map((group) => group.name));
    const isMember = (field: FieldDescriptorProto): boolean =>
      isSet(field, 'oneofIndex') && !field.proto3Optional && message.oneofDecl[field.oneofIndex] !== undefined;
    const plain = message.field.filter((field) => !isMember(field));
    const oneofs = message.oneofDecl.map(({ name, options }, i) => {
      const members = message.field.filter((field) => isMember(field) && field.oneofIndex === i);
      return {
        at: -1,
        name,
        options: optionsOf(OneofOptionsSchema, options),
        fields: members.filter((field) => !groups.has(field)).map((field) => this.#field(field, null)),
        groups: members.flatMap((field) => ofGroup(groups.get(field), null)),
      };
    });
    return {
      kind: 'message',
      at: -1,
      name: message.name,
      options: [...optionsOf(MessageOptionsSchema, message.options), ...metaOf('message', message.options)],
      reserved: [
        ...message.reservedRange.map(({ start, end }) => ({ at: -1, items: [range(start, end - 1)] })),
        ...message.reservedName.map((name) => ({ at: -1, items: [name] })),
      ],
      fields: plain.filter((field) => !groups.has(field)).map((field) => this.#field(field, this.#label(field))),
      oneofs: oneofs.filter(({ fields, groups: inside }) => fields.length + inside.length > 0),
      groups: plain.flatMap((field) => ofGroup(groups.get(field), this.#label(field))),
      extensions: message.extensionRange.map(({ start, end, options }) => ({
        at: -1,
        items: [range(start, end - 1)],
        options: optionsOf(ExtensionRangeOptionsSchema, options),
      })),
      extends: this.#extends(message.extension),
      types: [
        ...message.nestedType.filter(({ name }) => !grouped.has(name)).map((one) => this.#message(one)),
        ...message.enumType.map((one) => this.#enum(one)),
      ],
    };
  }

  /** Group fields whose message can be written as a group: it holds fields and nothing else. */
  #groups(message: DescriptorProto): ReadonlyMap<FieldDescriptorProto, Omit<ProtoGroup, 'label'>> {
    const groups = new Map<FieldDescriptorProto, Omit<ProtoGroup, 'label'>>();
    for (const field of message.field) {
      if (field.type !== FieldDescriptorProto_Type.GROUP) continue;
      const name = field.typeName.slice(field.typeName.lastIndexOf('.') + 1);
      const inner = message.nestedType.find((type) => type.name === name);
      if (inner === undefined || inner.nestedType.length + inner.enumType.length + inner.oneofDecl.length > 0) continue;
      const fields = inner.field.map((one) => this.#field(one, this.#label(one)));
      groups.set(field, { at: -1, name, number: field.number, fields });
    }
    return groups;
  }

  #enum(one: EnumDescriptorProto): ProtoEnum {
    return {
      kind: 'enum',
      at: -1,
      name: one.name,
      options: [...optionsOf(EnumOptionsSchema, one.options), ...metaOf('enum', one.options)],
      reserved: [
        ...one.reservedRange.map(({ start, end }) => ({ at: -1, items: [range(start, end)] })),
        ...one.reservedName.map((name) => ({ at: -1, items: [name] })),
      ],
      constants: one.value.map(({ name, number, options }) => ({
        at: -1,
        name,
        number,
        options: [...optionsOf(EnumValueOptionsSchema, options), ...metaOf('enum_value', options)],
      })),
    };
  }

  #extends(fields: readonly FieldDescriptorProto[]): readonly ProtoExtend[] {
    const byExtendee = new Map<string, ProtoField[]>();
    for (const field of fields) {
      const known = byExtendee.get(field.extendee) ?? [];
      byExtendee.set(field.extendee, known);
      known.push(this.#field(field, this.#label(field)));
    }
    return [...byExtendee].map(([extendee, list]) => ({ at: -1, extendee, fields: list }));
  }

  #service(service: ServiceDescriptorProto): ProtoService {
    return {
      at: -1,
      name: service.name,
      options: optionsOf(ServiceOptionsSchema, service.options),
      rpcs: service.method.map((method) => ({
        at: -1,
        name: method.name,
        request: method.inputType,
        requestStreaming: method.clientStreaming,
        response: method.outputType,
        responseStreaming: method.serverStreaming,
        options: optionsOf(MethodOptionsSchema, method.options),
      })),
    };
  }

  #field(field: FieldDescriptorProto, label: ProtoField['label']): ProtoField {
    return {
      at: -1,
      label,
      type: typeOf(field),
      name: field.name,
      number: field.number,
      defaultValue: !this.proto3 && isSet(field, 'defaultValue') ? field.defaultValue : null,
      jsonName: isSet(field, 'jsonName') ? field.jsonName : null,
      options: [...optionsOf(FieldOptionsSchema, field.options), ...metaOf('field', field.options)],
    };
  }

  #label({ label, proto3Optional }: FieldDescriptorProto): ProtoField['label'] {
    if (proto3Optional) return 'optional';
    if (label === FieldDescriptorProto_Label.REPEATED) return 'repeated';
    if (this.proto3) return null;
    return label === FieldDescriptorProto_Label.REQUIRED ? 'required' : 'optional';
  }
}

function typeOf(field: FieldDescriptorProto): ProtoFieldType {
  if (isSet(field, 'typeName')) return { kind: 'named', name: field.typeName };
  const name = (FieldDescriptorProto_Type[field.type] ?? '').toLowerCase();
  return isProtoScalar(name) ? { kind: 'scalar', scalar: name } : { kind: 'named', name };
}

function ofGroup(group: Omit<ProtoGroup, 'label'> | undefined, label: ProtoGroup['label']): readonly ProtoGroup[] {
  return group === undefined ? [] : [{ ...group, label }];
}

/** Both ends included. */
function range(from: number, to: number): number | ProtoRange {
  return from === to ? from : { from, to };
}

/** Fields with presence are own properties exactly when they were in the bytes. */
function isSet(field: FieldDescriptorProto, name: keyof FieldDescriptorProto): boolean {
  return Object.hasOwn(field, name);
}
