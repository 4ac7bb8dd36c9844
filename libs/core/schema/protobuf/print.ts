import {
  enumsOf,
  LAST_FIELD_NUMBER,
  messagesOf,
  typeText,
  type ProtoEnum,
  type ProtoExtend,
  type ProtoField,
  type ProtoFieldType,
  type ProtoFile,
  type ProtoGroup,
  type ProtoMessage,
  type ProtoOneof,
  type ProtoOption,
  type ProtoOptionValue,
  type ProtoRange,
  type ProtoReserved,
  type ProtoRpc,
  type ProtoService,
} from './tree.js';

/** The canonical text, byte for byte as the reference stores it. Comments and weak imports are not in it. */
export function printProto(file: ProtoFile): string {
  return new ProtoPrinter().file(file);
}

/** The text of a file in normal form (see `normalise.ts`). */
export function printNormal(file: ProtoFile): string {
  return new NormalPrinter().file(file);
}

/** Every part is a list of lines without line ends; what stands inside something else is indented by two spaces, empty lines too. */
class ProtoPrinter {
  file(file: ProtoFile): string {
    const head = [
      ...(file.syntax === null ? [] : [`syntax = "${file.syntax}";`]),
      ...(file.packageName === null ? [] : [`package ${file.packageName};`]),
    ];
    const sections = [
      [...this.#imports(file, 'plain'), ...this.#imports(file, 'public')],
      this.#optionStatements(file.options),
      this.#types(file.types),
      file.extends.flatMap((one) => this.#extend(one)),
      file.services.flatMap((one) => this.#service(one)),
    ];
    const lines = [...head, ...sections.filter((section) => section.length > 0).flatMap((section) => ['', ...section])];
    return lines.map((line) => `${line}\n`).join('');
  }

  /** What stands in brackets after a field. */
  protected fieldOptions(field: ProtoField): readonly ProtoOption[] {
    const options = [...field.options];
    if (field.defaultValue !== null) options.push(plainOption('default', defaultOf(field.type, field.defaultValue)));
    if (field.jsonName !== null) options.push(plainOption('json_name', { kind: 'string', value: field.jsonName }));
    return options;
  }

  protected oneofs(message: ProtoMessage): readonly ProtoOneof[] {
    return message.oneofs;
  }

  #imports({ imports }: ProtoFile, kind: 'plain' | 'public'): readonly string[] {
    const word = kind === 'plain' ? 'import' : 'import public';
    return imports.filter((one) => one.kind === kind).map(({ path }) => `${word} ${quote(path)};`);
  }

  #types(types: ProtoFile['types']): readonly string[] {
    return [
      ...messagesOf(types).flatMap((message) => this.#message(message)),
      ...enumsOf(types).flatMap((one) => this.#enum(one)),
    ];
  }

  #message(message: ProtoMessage): readonly string[] {
    return block(`message ${message.name}`, [
      ...section(message.reserved, (one) => this.#reserved(one)),
      ...section(message.options, (one) => optionStatement(one)),
      ...section(message.fields, (one) => this.#field(one)),
      // A message whose oneofs are all left out keeps the line before them: a trait of the reference.
      ...(message.oneofs.length === 0 ? [] : [this.oneofs(message).flatMap((one) => this.#oneof(one))]),
      ...section(message.groups, (one) => this.#group(one)),
      ...section(message.extensions, ({ items, options }) => this.#ranges('extensions', items, options)),
      ...section(message.extends, (one) => this.#extend(one)),
      ...(message.types.length === 0 ? [] : [this.#types(message.types)]),
    ]);
  }

  #enum(one: ProtoEnum): readonly string[] {
    const lines = [
      ...one.reserved.flatMap((reserved) => this.#reserved(reserved)),
      ...this.#optionStatements(one.options),
      ...one.constants.flatMap(({ name, number, options }) => withOptions(`${name} = ${number}`, options)),
    ];
    return block(`enum ${one.name}`, lines.length === 0 ? [] : [lines]);
  }

  #oneof(oneof: ProtoOneof): readonly string[] {
    return block(`oneof ${oneof.name}`, [
      ...section(oneof.options, (one) => optionStatement(one)),
      ...section(oneof.fields, (one) => this.#field(one)),
      ...section(oneof.groups, (one) => this.#group(one)),
    ]);
  }

  #field(field: ProtoField): readonly string[] {
    const head = `${typeText(field.type)} ${field.name} = ${field.number}`;
    return withOptions(labelled(field.label, head), this.fieldOptions(field));
  }

  #group(group: ProtoGroup): readonly string[] {
    const head = labelled(group.label, `group ${group.name} = ${group.number}`);
    return block(
      head,
      section(group.fields, (one) => this.#field(one)),
    );
  }

  #extend(extend: ProtoExtend): readonly string[] {
    return block(
      `extend ${extend.extendee}`,
      section(extend.fields, (one) => this.#field(one)),
    );
  }

  #reserved({ items }: ProtoReserved): readonly string[] {
    return this.#ranges('reserved', items, []);
  }

  #ranges(
    word: string,
    items: readonly (string | number | ProtoRange)[],
    options: readonly ProtoOption[],
  ): readonly string[] {
    return withOptions(`${word} ${items.map(rangeText).join(', ')}`, options);
  }

  #service(service: ProtoService): readonly string[] {
    return block(`service ${service.name}`, [
      ...section(service.options, (one) => optionStatement(one)),
      ...section(service.rpcs, (one) => this.#rpc(one)),
    ]);
  }

  #rpc(rpc: ProtoRpc): readonly string[] {
    const request = `${rpc.requestStreaming ? 'stream ' : ''}${rpc.request}`;
    const response = `${rpc.responseStreaming ? 'stream ' : ''}${rpc.response}`;
    const head = `rpc ${rpc.name} (${request}) returns (${response})`;
    if (rpc.options.length === 0) return [`${head};`];
    return [`${head} {`, ...indented(this.#optionStatements(rpc.options)), '};'];
  }

  #optionStatements(options: readonly ProtoOption[]): readonly string[] {
    return options.flatMap(optionStatement);
  }
}

/** As {@link ProtoPrinter}, but `default` and `json_name` take their place among the sorted options, and empty oneofs are left out. */
class NormalPrinter extends ProtoPrinter {
  protected override fieldOptions(field: ProtoField): readonly ProtoOption[] {
    return [...super.fieldOptions(field)].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  protected override oneofs(message: ProtoMessage): readonly ProtoOneof[] {
    return message.oneofs.filter(({ fields, groups }) => fields.length + groups.length > 0);
  }
}

/** A heading with sections in braces, an empty line between sections. */
function block(head: string, sections: readonly (readonly string[])[]): readonly string[] {
  if (sections.length === 0) return [`${head} {}`];
  return [`${head} {`, ...sections.flatMap((lines, i) => [...(i === 0 ? [] : ['']), ...indented(lines)]), '}'];
}

function section<T>(items: readonly T[], print: (item: T) => readonly string[]): readonly (readonly string[])[] {
  return items.length === 0 ? [] : [items.flatMap(print)];
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}

function labelled(label: ProtoField['label'], head: string): string {
  return label === null ? head : `${label} ${head}`;
}

function rangeText(item: string | number | ProtoRange): string {
  if (typeof item === 'string') return quote(item);
  if (typeof item === 'number') return String(item);
  return `${item.from} to ${item.to < LAST_FIELD_NUMBER ? item.to : 'max'}`;
}

function plainOption(name: string, value: ProtoOptionValue): ProtoOption {
  return { name, custom: false, value };
}

/** A default in the form it is written in for the field's type. */
function defaultOf(type: ProtoFieldType, text: string): ProtoOptionValue {
  if (type.kind !== 'scalar') return { kind: 'enum', text };
  if (type.scalar === 'string') return { kind: 'string', value: text };
  return { kind: type.scalar === 'bool' ? 'boolean' : 'number', text };
}

function optionStatement(option: ProtoOption): readonly string[] {
  return `option ${optionText(option)};`.split('\n');
}

function withOptions(head: string, options: readonly ProtoOption[]): readonly string[] {
  if (options.length === 0) return [`${head};`];
  return `${head} ${bracketed(options.map(optionText))};`.split('\n');
}

function optionText({ name, custom, value }: ProtoOption): string {
  const written = custom ? `(${name})` : name;
  if (value.kind === 'option') return `${written}.${optionText(value.option)}`;
  if (value.kind === 'list') return `${written} = ${bracketed(value.items.map(valueText))}`;
  return `${written} = ${valueText(value)}`;
}

function bracketed(items: readonly string[]): string {
  if (items.length === 1) return `[${items[0]!}]`;
  return `[\n${listed(items)}]`;
}

function valueText(value: ProtoOptionValue): string {
  switch (value.kind) {
    case 'string':
      return quote(value.value);
    case 'list':
      return `[\n${listed(value.items.map(valueText))}]`;
    case 'map':
      return `{\n${listed([...value.entries].map(([key, inner]) => `${key}: ${valueText(inner)}`))}}`;
    case 'option':
      return optionText(value.option);
    default:
      return value.text;
  }
}

/** One item a line, indented, commas between. */
function listed(items: readonly string[]): string {
  return items
    .map((item, i) => (i === items.length - 1 ? item : `${item},`))
    .flatMap((item) => indented(item.split('\n')))
    .map((line) => `${line}\n`)
    .join('');
}

function quote(text: string): string {
  return `"${text.replace(/[\u0007\b\f\n\r\t\v\\'"]/g, (c) => ESCAPED.get(c)!)}"`;
}

const ESCAPED: ReadonlyMap<string, string> = new Map([
  ['\u0007', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
  ['\\', '\\\\'],
  ["'", "\\'"],
  ['"', '\\"'],
]);
