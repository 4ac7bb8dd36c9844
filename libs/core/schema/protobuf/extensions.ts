import type { ProtoEnum, ProtoField, ProtoFile, ProtoGroup, ProtoMessage, ProtoOption, ProtoType } from './tree.js';

/** The file without custom options (Confluent's own stay), extension ranges and extended messages: `format=ignore_extensions`. */
export function withoutExtensions(file: ProtoFile): ProtoFile {
  return {
    ...file,
    options: plain(file.options),
    types: file.types.map(typeWithout),
    extends: [],
    services: file.services.map((service) => ({
      ...service,
      options: plain(service.options),
      rpcs: service.rpcs.map((rpc) => ({ ...rpc, options: plain(rpc.options) })),
    })),
  };
}

function typeWithout(type: ProtoType): ProtoType {
  return type.kind === 'message' ? messageWithout(type) : enumWithout(type);
}

function messageWithout(message: ProtoMessage): ProtoMessage {
  return {
    ...message,
    options: plain(message.options),
    fields: message.fields.map(fieldWithout),
    oneofs: message.oneofs.map((oneof) => ({
      ...oneof,
      options: plain(oneof.options),
      fields: oneof.fields.map(fieldWithout),
      groups: oneof.groups.map(groupWithout),
    })),
    groups: message.groups.map(groupWithout),
    extensions: [],
    extends: [],
    types: message.types.map(typeWithout),
  };
}

function enumWithout(one: ProtoEnum): ProtoEnum {
  return {
    ...one,
    options: plain(one.options),
    constants: one.constants.map((constant) => ({ ...constant, options: plain(constant.options) })),
  };
}

function fieldWithout(field: ProtoField): ProtoField {
  return { ...field, options: plain(field.options) };
}

function groupWithout(group: ProtoGroup): ProtoGroup {
  return { ...group, fields: group.fields.map(fieldWithout) };
}

function plain(options: readonly ProtoOption[]): readonly ProtoOption[] {
  return options.filter(({ name, custom }) => !custom || name.startsWith('confluent.'));
}
