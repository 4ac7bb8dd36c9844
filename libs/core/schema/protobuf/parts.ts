import type { MessageSide } from './differ.js';
import type { PlacedField } from './field-differ.js';
import type { ProtoSource } from './scope.js';
import {
  typeText,
  type ProtoEnum,
  type ProtoEnumConstant,
  type ProtoGroup,
  type ProtoOneof,
  type ProtoType,
} from './tree.js';

/**
 * A declaration of one side, for showing. One that is not there has no text, and the place of what lacks it: the message around it, or the beginning of the file.
 */
export interface ProtoPart {
  /** As it would be written, without what is inside. Made when it is shown. */
  readonly text: () => string;
  readonly source: ProtoSource;
  /** Index in the source text; -1 when there is none. */
  readonly at: number;
}

const nothing = (): string => '';

export function packagePart(source: ProtoSource): ProtoPart {
  const { packageName, packageAt } = source.file;
  if (packageName === null) return { text: nothing, source, at: 0 };
  return { text: () => `package ${packageName}`, source, at: packageAt };
}

/** `within` is null at file level. */
export function typePart(type: ProtoType | null, within: MessageSide | null, file: ProtoSource): ProtoPart {
  const source = within === null ? file : within.declaration.source;
  if (type === null) return { text: nothing, source, at: within === null ? 0 : within.message.at };
  return { text: () => `${type.kind} ${type.name}`, source, at: type.at };
}

export function constantPart(constant: ProtoEnumConstant | undefined, type: ProtoEnum, source: ProtoSource): ProtoPart {
  if (constant === undefined) return { text: nothing, source, at: type.at };
  return { text: () => `${constant.name} = ${constant.number}`, source, at: constant.at };
}

export function fieldPart(placed: PlacedField | null, { declaration, message }: MessageSide): ProtoPart {
  const { source } = declaration;
  if (placed === null) return { text: nothing, source, at: message.at };
  const { field, oneof } = placed;
  const text = (): string => {
    const label = field.label === null ? '' : `${field.label} `;
    const inside = oneof === null ? '' : ` in oneof ${oneof.name}`;
    return `${label}${typeText(field.type)} ${field.name} = ${field.number}${inside}`;
  };
  return { text, source, at: field.at };
}

export function groupPart(group: ProtoGroup, { declaration }: MessageSide): ProtoPart {
  return { text: () => `group ${group.name} = ${group.number}`, source: declaration.source, at: group.at };
}

export function oneofPart(oneof: ProtoOneof | null, { declaration, message }: MessageSide): ProtoPart {
  const { source } = declaration;
  if (oneof === null) return { text: nothing, source, at: message.at };
  const fields = (): string => oneof.fields.map((field) => ` ${field.name} = ${field.number};`).join('');
  return { text: () => `oneof ${oneof.name} {${fields()} }`, source, at: oneof.at };
}
