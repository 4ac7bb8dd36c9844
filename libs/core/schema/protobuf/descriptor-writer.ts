import { create, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import {
  DescriptorProtoSchema,
  Edition,
  EnumDescriptorProtoSchema,
  EnumOptionsSchema,
  EnumValueOptionsSchema,
  ExtensionRangeOptionsSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  FileOptionsSchema,
  MessageOptionsSchema,
  MethodOptionsSchema,
  OneofOptionsSchema,
  ServiceDescriptorProtoSchema,
  ServiceOptionsSchema,
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  type ServiceDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import { addMeta, type MetaTarget } from './confluent-meta.js';
import { knownOptions } from './known-options.js';
import { nameIn, type ProtoScope } from './scope.js';
import {
  enumsOf,
  messagesOf,
  type ProtoEnum,
  type ProtoExtend,
  type ProtoExtensions,
  type ProtoField,
  type ProtoFile,
  type ProtoMessage,
  type ProtoOption,
  type ProtoRange,
  type ProtoReserved,
  type ProtoScalar,
  type ProtoService,
} from './tree.js';

/** What is known of a field while it is being written. */
export type FieldInit = Partial<Omit<FieldDescriptorProto, '$typeName' | '$unknown'>>;

/** What a type name in a descriptor is: its spelling, and its kind where that is known. */
export interface NamedType {
  readonly typeName: string;
  readonly type?: FieldDescriptorProto_Type;
}

/**
 * A tree as `FileDescriptorProto`. What two kinds of reader need differs in names, labels and groups, and is left to the two kinds of writer.
 *
 * A tree does not tell the edition of a file. Only editions have features, so a file without syntax that sets one is written as of the first edition; readers
 * refuse features in any other file.
 */
export abstract class DescriptorWriter {
  #hasFeatures = false;
  #hasRequired = false;

  constructor(
    protected readonly file: ProtoFile,
    protected readonly scope: ProtoScope,
  ) {}

  /** The file under this name, importing these (public ones by index). */
  write(
    name: string,
    dependencies: { readonly paths: readonly string[]; readonly public: readonly number[] },
  ): FileDescriptorProto {
    const { file } = this;
    const within = file.packageName ?? '';
    const written = create(FileDescriptorProtoSchema, {
      name,
      ...(file.packageName === null ? {} : { package: file.packageName }),
      dependency: [...dependencies.paths],
      publicDependency: [...dependencies.public],
      messageType: messagesOf(file.types).map((message) => this.message(message, within)),
      enumType: enumsOf(file.types).map((one) => this.#enum(one)),
      service: file.services.map((service) => this.#service(service, within)),
      extension: this.#extensions(file.extends, within),
      ...this.#options('file', FileOptionsSchema, file.options),
      ...(file.syntax === null ? {} : { syntax: file.syntax }),
    });
    // The label is no part of editions: such a file is proto2 with options that mean nothing there.
    if (file.syntax === null && this.#hasFeatures && !this.#hasRequired) {
      Object.assign(written, { syntax: 'editions', edition: Edition.EDITION_2023 });
    }
    return written;
  }

  protected abstract namedType(name: string, within: string): NamedType;
  /** Name of the message that holds the entries of a map field. */
  protected abstract mapEntryName(field: string): string;
  /** That message as the type of the field. */
  protected abstract mapEntryType(name: string, within: string): NamedType;
  /** The message's fields with its oneofs and groups, in this writer's order. */
  protected abstract members(message: ProtoMessage, within: string): MessageMembers;
  /** Last changes to a field: a label or a JSON name where the text has none. */
  protected abstract finished(field: FieldInit, source: ProtoField): FieldInit;

  protected fieldOf(field: ProtoField, within: string, more: FieldInit = {}): FieldDescriptorProto {
    if (field.label === 'required') this.#hasRequired = true;
    const init: FieldInit = {
      name: field.name,
      number: field.number,
      ...this.#type(field, within),
      ...(field.label === null ? {} : { label: LABELS[field.label] }),
      ...(field.defaultValue === null ? {} : { defaultValue: field.defaultValue }),
      ...(field.jsonName === null ? {} : { jsonName: field.jsonName }),
      ...this.#options('field', FieldOptionsSchema, field.options),
      ...more,
    };
    return create(FieldDescriptorProtoSchema, this.finished(init, field));
  }

  protected message(message: ProtoMessage, outside: string): DescriptorProto {
    const within = nameIn(outside, message.name);
    const { fields, oneofs, types } = this.members(message, within);
    const maps = message.fields.filter((field) => field.type.kind === 'map');
    return create(DescriptorProtoSchema, {
      name: message.name,
      field: [...fields],
      nestedType: [
        ...messagesOf(message.types).map((one) => this.message(one, within)),
        ...types,
        ...maps.map((field) => this.#mapEntry(field, within)),
      ],
      enumType: enumsOf(message.types).map((one) => this.#enum(one)),
      extensionRange: message.extensions.flatMap((one) => this.#extensionRanges(one)),
      extension: this.#extensions(message.extends, within),
      oneofDecl: oneofs.map(({ name, options: written }) => ({
        name,
        // The reference writes the options of oneofs and ranges even when there are none.
        options: this.#known(OneofOptionsSchema, written) ?? create(OneofOptionsSchema),
      })),
      ...this.#options('message', MessageOptionsSchema, message.options),
      ...reserved(message.reserved, 1),
    });
  }

  #type(field: ProtoField, within: string): FieldInit {
    switch (field.type.kind) {
      case 'scalar':
        return { type: TYPES[field.type.scalar] };
      case 'named':
        return this.namedType(field.type.name, within);
      case 'map':
        return {
          ...this.mapEntryType(this.mapEntryName(field.name), within),
          label: FieldDescriptorProto_Label.REPEATED,
        };
    }
  }

  #mapEntry(field: ProtoField, within: string): DescriptorProto {
    const name = this.mapEntryName(field.name);
    const { key, value } = field.type as ProtoField['type'] & { readonly kind: 'map' };
    const part = (partName: string, number: number, type: ProtoField['type']): FieldDescriptorProto =>
      this.fieldOf({ ...PLAIN_FIELD, name: partName, number, type }, within);
    return create(DescriptorProtoSchema, {
      name,
      field: [part('key', 1, key), part('value', 2, value)],
      options: { mapEntry: true },
    });
  }

  #enum(one: ProtoEnum): EnumDescriptorProto {
    return create(EnumDescriptorProtoSchema, {
      name: one.name,
      value: one.constants.map((constant) => ({
        name: constant.name,
        number: constant.number,
        ...this.#options('enum_value', EnumValueOptionsSchema, constant.options),
      })),
      ...this.#options('enum', EnumOptionsSchema, one.options),
      ...reserved(one.reserved, 0),
    });
  }

  #service(service: ProtoService, within: string): ServiceDescriptorProto {
    return create(ServiceDescriptorProtoSchema, {
      name: service.name,
      method: service.rpcs.map((rpc) => ({
        name: rpc.name,
        inputType: this.namedType(rpc.request, within).typeName,
        outputType: this.namedType(rpc.response, within).typeName,
        clientStreaming: rpc.requestStreaming,
        serverStreaming: rpc.responseStreaming,
        ...withOptions(this.#known(MethodOptionsSchema, rpc.options)),
      })),
      ...withOptions(this.#known(ServiceOptionsSchema, service.options)),
    });
  }

  #extensions(extended: readonly ProtoExtend[], within: string): FieldDescriptorProto[] {
    return extended.flatMap(({ extendee, fields }) =>
      fields.map((field) => this.fieldOf(field, within, { extendee: this.namedType(extendee, within).typeName })),
    );
  }

  #extensionRanges({ items, options: written }: ProtoExtensions): object[] {
    const known = this.#known(ExtensionRangeOptionsSchema, written) ?? create(ExtensionRangeOptionsSchema);
    return items.map((item) => ({ ...rangeOf(item, 1), options: known }));
  }

  /** A member of an options message, or nothing where there is nothing to say. */
  #options<
    S extends
      | typeof FileOptionsSchema
      | typeof MessageOptionsSchema
      | typeof FieldOptionsSchema
      | typeof EnumOptionsSchema
      | typeof EnumValueOptionsSchema,
  >(
    target: MetaTarget,
    schema: S,
    written: readonly ProtoOption[],
  ): { options?: NonNullable<ReturnType<typeof knownOptions<S>>> } {
    const known = this.#known(schema, written);
    const message = known ?? create(schema);
    const annotated = addMeta(target, written, message);
    return known === undefined && !annotated ? {} : { options: message as NonNullable<typeof known> };
  }

  #known<S extends DescMessage>(schema: S, written: readonly ProtoOption[]): MessageShape<S> | undefined {
    const known = knownOptions(schema, written);
    if (known !== undefined && 'features' in known && known.features !== undefined) this.#hasFeatures = true;
    return known;
  }
}

/** What a message holds beside its nested types. */
export interface MessageMembers {
  readonly fields: readonly FieldDescriptorProto[];
  readonly oneofs: readonly { readonly name: string; readonly options: readonly ProtoOption[] }[];
  /** Messages that fields define themselves. */
  readonly types: readonly DescriptorProto[];
}

function withOptions<T>(message: T | undefined): { options?: T } {
  return message === undefined ? {} : { options: message };
}

/** @param beyond how far the end of a range lies behind its last number. */
function reserved(
  statements: readonly ProtoReserved[],
  beyond: 0 | 1,
): { reservedRange: { start: number; end: number }[]; reservedName: string[] } {
  const items = statements.flatMap((one) => one.items);
  return {
    reservedRange: items.filter((item) => typeof item !== 'string').map((item) => rangeOf(item, beyond)),
    reservedName: items.filter((item) => typeof item === 'string'),
  };
}

function rangeOf(item: number | ProtoRange, beyond: 0 | 1): { start: number; end: number } {
  const { from, to } = typeof item === 'number' ? { from: item, to: item } : item;
  return { start: from, end: to + beyond };
}

const PLAIN_FIELD: Omit<ProtoField, 'name' | 'number' | 'type'> = {
  at: -1,
  label: null,
  defaultValue: null,
  jsonName: null,
  options: [],
};

const LABELS: Readonly<Record<NonNullable<ProtoField['label']>, FieldDescriptorProto_Label>> = {
  optional: FieldDescriptorProto_Label.OPTIONAL,
  required: FieldDescriptorProto_Label.REQUIRED,
  repeated: FieldDescriptorProto_Label.REPEATED,
};

const TYPES: Readonly<Record<ProtoScalar, FieldDescriptorProto_Type>> = {
  bool: FieldDescriptorProto_Type.BOOL,
  bytes: FieldDescriptorProto_Type.BYTES,
  double: FieldDescriptorProto_Type.DOUBLE,
  fixed32: FieldDescriptorProto_Type.FIXED32,
  fixed64: FieldDescriptorProto_Type.FIXED64,
  float: FieldDescriptorProto_Type.FLOAT,
  int32: FieldDescriptorProto_Type.INT32,
  int64: FieldDescriptorProto_Type.INT64,
  sfixed32: FieldDescriptorProto_Type.SFIXED32,
  sfixed64: FieldDescriptorProto_Type.SFIXED64,
  sint32: FieldDescriptorProto_Type.SINT32,
  sint64: FieldDescriptorProto_Type.SINT64,
  string: FieldDescriptorProto_Type.STRING,
  uint32: FieldDescriptorProto_Type.UINT32,
  uint64: FieldDescriptorProto_Type.UINT64,
};
