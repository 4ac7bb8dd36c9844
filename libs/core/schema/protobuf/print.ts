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
  type ProtoImport,
  type ProtoMessage,
  type ProtoOneof,
  type ProtoOption,
  type ProtoOptionValue,
  type ProtoRange,
  type ProtoRpc,
  type ProtoService,
  type ProtoType,
} from './tree.js';

/** The canonical text, byte for byte as the reference stores it. Comments and weak imports are not in it. */
export function printProto(file: ProtoFile): string {
  return new ProtoPrinter().file(file);
}

/** The text of a file in normal form (see `normalise.ts`). */
export function printNormal(file: ProtoFile): string {
  return new NormalPrinter().file(file);
}

/**
 * Writes line after line. What stands inside something else is indented by two spaces more than it; so are the empty lines between the sections of a
 * block, by as much as its heading.
 */
class ProtoPrinter {
  readonly #lines: string[] = [];

  file(file: ProtoFile): string {
    if (file.syntax !== null) this.#line('', `syntax = "${file.syntax}";`);
    if (file.packageName !== null) this.#line('', `package ${file.packageName};`);
    const imports = (kind: ProtoImport['kind']): readonly ProtoImport[] =>
      file.imports.filter((one) => one.kind === kind);
    this.#section([...imports('plain'), ...imports('public')], ({ path, kind }) =>
      this.#line('', `${kind === 'public' ? 'import public' : 'import'} ${quote(path)};`),
    );
    this.#section(file.options, (one) => this.#optionStatement('', one));
    this.#section(inOrder(file.types), (one) => this.#type('', one));
    this.#section(file.extends, (one) => this.#extend('', one));
    this.#section(file.services, (one) => this.#service('', one));
    return this.#lines.join('');
  }

  /** What stands in brackets after a field. */
  protected fieldOptions(field: ProtoField): readonly ProtoOption[] {
    if (field.defaultValue === null && field.jsonName === null) return field.options;
    const options = [...field.options];
    if (field.defaultValue !== null) options.push(plainOption('default', defaultOf(field.type, field.defaultValue)));
    if (field.jsonName !== null) options.push(plainOption('json_name', { kind: 'string', value: field.jsonName }));
    return options;
  }

  protected isShown(_oneof: ProtoOneof): boolean {
    return true;
  }

  /** A section of the file: after an empty line. */
  #section<T>(items: readonly T[], print: (item: T) => void): void {
    if (items.length === 0) return;
    this.#lines.push('\n');
    for (const item of items) print(item);
  }

  /** A heading with sections in braces, an empty line between sections. */
  #block(indent: string, head: string, sections: readonly Section[]): void {
    const shown = sections.filter(({ items }) => items.length > 0);
    if (shown.length === 0) return this.#line(indent, `${head} {}`);
    this.#line(indent, `${head} {`);
    shown.forEach(({ items, print }, i) => {
      if (i > 0) this.#line(indent, '');
      for (const item of items) print(item as never);
    });
    this.#line(indent, '}');
  }

  #type(indent: string, type: ProtoType): void {
    if (type.kind === 'message') this.#message(indent, type);
    else this.#enum(indent, type);
  }

  #message(indent: string, message: ProtoMessage): void {
    const inner = `${indent}  `;
    this.#block(indent, `message ${message.name}`, [
      section(message.reserved, ({ items }) => this.#ranges(inner, 'reserved', items, [])),
      section(message.options, (one) => this.#optionStatement(inner, one)),
      section(message.fields, (one) => this.#field(inner, one)),
      // Oneofs that are left out still make a section: a message of nothing else keeps an empty line, a trait of the reference.
      section(message.oneofs, (one) => this.isShown(one) && this.#oneof(inner, one)),
      section(message.groups, (one) => this.#group(inner, one)),
      section(message.extensions, ({ items, options }) => this.#ranges(inner, 'extensions', items, options)),
      section(message.extends, (one) => this.#extend(inner, one)),
      section(inOrder(message.types), (one) => this.#type(inner, one)),
    ]);
  }

  #enum(indent: string, one: ProtoEnum): void {
    const inner = `${indent}  `;
    const parts = [
      ...one.reserved.map(
        ({ items }) =>
          () =>
            this.#ranges(inner, 'reserved', items, []),
      ),
      ...one.options.map((option) => () => this.#optionStatement(inner, option)),
      ...one.constants.map(
        ({ name, number, options }) =>
          () =>
            this.#statement(inner, `${name} = ${number}`, options),
      ),
    ];
    this.#block(indent, `enum ${one.name}`, [section(parts, (print) => print())]);
  }

  #oneof(indent: string, oneof: ProtoOneof): void {
    const inner = `${indent}  `;
    this.#block(indent, `oneof ${oneof.name}`, [
      section(oneof.options, (one) => this.#optionStatement(inner, one)),
      section(oneof.fields, (one) => this.#field(inner, one)),
      section(oneof.groups, (one) => this.#group(inner, one)),
    ]);
  }

  #field(indent: string, field: ProtoField): void {
    const head = `${typeText(field.type)} ${field.name} = ${field.number}`;
    this.#statement(indent, labelled(field.label, head), this.fieldOptions(field));
  }

  #group(indent: string, { label, name, number, fields }: ProtoGroup): void {
    const head = labelled(label, `group ${name} = ${number}`);
    this.#block(indent, head, [section(fields, (one) => this.#field(`${indent}  `, one))]);
  }

  #extend(indent: string, { extendee, fields }: ProtoExtend): void {
    this.#block(indent, `extend ${extendee}`, [section(fields, (one) => this.#field(`${indent}  `, one))]);
  }

  #ranges(
    indent: string,
    word: string,
    items: readonly (string | number | ProtoRange)[],
    options: readonly ProtoOption[],
  ): void {
    this.#statement(indent, `${word} ${items.map(rangeText).join(', ')}`, options);
  }

  #service(indent: string, service: ProtoService): void {
    const inner = `${indent}  `;
    this.#block(indent, `service ${service.name}`, [
      section(service.options, (one) => this.#optionStatement(inner, one)),
      section(service.rpcs, (one) => this.#rpc(inner, one)),
    ]);
  }

  #rpc(indent: string, rpc: ProtoRpc): void {
    const request = `${rpc.requestStreaming ? 'stream ' : ''}${rpc.request}`;
    const response = `${rpc.responseStreaming ? 'stream ' : ''}${rpc.response}`;
    const head = `rpc ${rpc.name} (${request}) returns (${response})`;
    if (rpc.options.length === 0) return this.#line(indent, `${head};`);
    this.#line(indent, `${head} {`);
    for (const option of rpc.options) this.#optionStatement(`${indent}  `, option);
    this.#line(indent, '};');
  }

  #optionStatement(indent: string, option: ProtoOption): void {
    this.#multiline(indent, `option ${optionText(option)};`);
  }

  #statement(indent: string, head: string, options: readonly ProtoOption[]): void {
    if (options.length === 0) this.#line(indent, `${head};`);
    else this.#multiline(indent, `${head} ${bracketed(options.map(optionText))};`);
  }

  #multiline(indent: string, text: string): void {
    for (const line of text.split('\n')) this.#line(indent, line);
  }

  #line(indent: string, text: string): void {
    this.#lines.push(indent, text, '\n');
  }
}

/** As {@link ProtoPrinter}, but `default` and `json_name` take their place among the sorted options, and empty oneofs are left out. */
class NormalPrinter extends ProtoPrinter {
  protected override fieldOptions(field: ProtoField): readonly ProtoOption[] {
    const options = super.fieldOptions(field);
    if (options.length < 2) return options;
    return [...options].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  protected override isShown({ fields, groups }: ProtoOneof): boolean {
    return fields.length + groups.length > 0;
  }
}

/** Parts of one kind in a block, and how each is printed. */
interface Section {
  readonly items: readonly unknown[];
  readonly print: (item: never) => unknown;
}

function section<T>(items: readonly T[], print: (item: T) => unknown): Section {
  return { items, print };
}

/** Messages before enums. */
function inOrder(types: readonly ProtoType[]): readonly ProtoType[] {
  return types.length < 2 ? types : [...messagesOf(types), ...enumsOf(types)];
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
    .flatMap((item) => item.split('\n'))
    .map((line) => `  ${line}\n`)
    .join('');
}

/** As the reference escapes; a zero character too, which not every store takes. */
function quote(text: string): string {
  return `"${text.replace(/[\0\u0007\b\f\n\r\t\v\\'"]/g, (c) => ESCAPED.get(c)!)}"`;
}

const ESCAPED: ReadonlyMap<string, string> = new Map([
  ['\0', '\\000'],
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
