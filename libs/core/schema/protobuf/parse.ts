import { schemaTooLarge } from '../errors.js';
import type { SchemaLimits } from '../limits.js';
import { positionAt } from '../lossless-json.js';
import { readOption, readOptionList } from './parse-options.js';
import { bracketDepth, isWord, ProtoReader, short } from './reader.js';
import {
  isMapKey,
  isProtoScalar,
  LAST_FIELD_NUMBER,
  type ProtoEnum,
  type ProtoEnumConstant,
  type ProtoExtend,
  type ProtoExtensions,
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
  type ProtoReserved,
  type ProtoRpc,
  type ProtoService,
  type ProtoType,
} from './tree.js';

export interface ProtoParseOptions {
  readonly limits: SchemaLimits;
  /** Name of the reference that brought the text, null for the schema itself. */
  readonly reference: string | null;
}

/**
 * Reads `.proto` text: proto2 and proto3, all that the reference reads and nothing that it refuses. Editions are refused as text. What the language forbids
 * beyond the grammar (numbers used twice, reserved names in use) is not looked at here, nor is what names mean.
 * @throws `schema-invalid` naming line and column; `schema-too-large`. Linear in the length of the text.
 */
export function parseProto(text: string, options: ProtoParseOptions): ProtoFile {
  const { depth } = options.limits;
  const measured = bracketDepth(text);
  if (measured > depth) throw schemaTooLarge('depth', depth, measured);
  return new ProtoParser(new ProtoReader(text, options.reference), options.limits).file();
}

class ProtoParser {
  #syntax: ProtoFile['syntax'] = null;
  #nodes = 0;

  constructor(
    private readonly reader: ProtoReader,
    private readonly limits: SchemaLimits,
  ) {}

  file(): ProtoFile {
    const { reader } = this;
    let packageName: string | null = null;
    let packageAt = -1;
    const imports: ProtoImport[] = [];
    const options: ProtoOption[] = [];
    const types = new Map<string, ProtoType>();
    const extended: ProtoExtend[] = [];
    const services = new Map<string, ProtoService>();
    for (let first = true; !reader.atEnd; first = false) {
      if (reader.take(';')) continue;
      const { at } = reader;
      const word = reader.word();
      if (word === 'syntax') this.#readSyntax(at, first);
      else if (word === 'package') [packageName, packageAt] = [this.#ended(reader.name()), at];
      else if (word === 'import') imports.push(this.#import(at));
      else if (word === 'option') options.push(this.#option());
      else if (word === 'reserved') this.#reserved(at);
      else if (word === 'message') this.#declare(types, this.#message(at, 1));
      else if (word === 'enum') this.#declare(types, this.#enum(at));
      else if (word === 'service') this.#declare(services, this.#service(at));
      else if (word === 'extend') extended.push(this.#extend(at));
      else if (word === 'edition') reader.fail('editions are read from descriptors only; send the file as one', at);
      else this.#unknown(word, at, 'a file');
    }
    return {
      syntax: this.#syntax,
      packageName,
      packageAt,
      imports,
      options,
      types: [...types.values()],
      extends: extended,
      services: [...services.values()],
    };
  }

  #readSyntax(at: number, first: boolean): void {
    const { reader } = this;
    if (this.#syntax !== null) reader.fail('the syntax is declared already', at);
    reader.require('=');
    if (!first) reader.fail('the syntax has to be declared before anything else', at);
    const syntax = reader.quoted();
    if (syntax !== 'proto2' && syntax !== 'proto3')
      return reader.fail(`there is no syntax ${short(syntax)}, only proto2 and proto3`, at);
    this.#syntax = this.#ended(syntax);
  }

  #import(at: number): ProtoImport {
    const { reader } = this;
    const next = reader.peek();
    const word = next === '"' || next === "'" ? 'plain' : reader.word();
    if (word !== 'plain' && word !== 'public' && word !== 'weak')
      return reader.fail(`an import can be public or weak, not ${short(word)}`, at);
    return this.#ended({ at, path: reader.quoted(), kind: word });
  }

  #declare<T extends ProtoType | ProtoService>(known: Map<string, T>, one: T): void {
    const earlier = known.get(one.name);
    if (earlier !== undefined) {
      const { line, column } = positionAt(this.reader.text, earlier.at)!;
      this.reader.fail(`the name ${short(one.name)} is taken at line ${line}, column ${column}`, one.at);
    }
    known.set(one.name, one);
  }

  #message(at: number, level: number): ProtoMessage {
    const { reader, limits } = this;
    if (level > limits.messageNesting) throw schemaTooLarge('messageNesting', limits.messageNesting, level);
    this.#countNode();
    const message = {
      kind: 'message' as const,
      at,
      name: reader.name(),
      options: [] as ProtoOption[],
      reserved: [] as ProtoReserved[],
      fields: [] as ProtoField[],
      oneofs: [] as ProtoOneof[],
      groups: [] as ProtoGroup[],
      extensions: [] as ProtoExtensions[],
      extends: [] as ProtoExtend[],
      types: [] as ProtoType[],
    };
    let members = 0;
    this.#block((start) => {
      const word = reader.word();
      if (word === 'option') message.options.push(this.#option());
      else if (word === 'reserved') message.reserved.push(this.#reserved(start));
      else if (word === 'message') message.types.push(this.#message(start, level + 1));
      else if (word === 'enum') message.types.push(this.#enum(start));
      else if (word === 'extend') message.extends.push(this.#extend(start));
      else if (word === 'extensions') message.extensions.push(this.#extensions(start));
      else if (word === 'oneof') {
        const oneof = this.#oneof(start);
        message.oneofs.push(oneof);
        members += oneof.fields.length + oneof.groups.length;
      } else {
        const field = this.#fieldOrGroup(start, word);
        if ('type' in field) message.fields.push(field);
        else message.groups.push(field);
        members++;
      }
      this.#checkFields(members);
    });
    return message;
  }

  #oneof(at: number): ProtoOneof {
    const { reader } = this;
    const oneof = {
      at,
      name: reader.name(),
      options: [] as ProtoOption[],
      fields: [] as ProtoField[],
      groups: [] as ProtoGroup[],
    };
    reader.require('{');
    while (!reader.take('}')) {
      const start = reader.at;
      const word = reader.word();
      if (word === 'option') oneof.options.push(this.#option());
      else if (word === 'group' && reader.peek() !== '.') oneof.groups.push(this.#group(start, null));
      else oneof.fields.push(this.#field(start, null, this.#type(reader.typeName(word))));
      this.#checkFields(oneof.fields.length + oneof.groups.length);
    }
    return oneof;
  }

  /** @param word the first word: a label or, where there is none, a type. */
  #fieldOrGroup(at: number, word: string): ProtoField | ProtoGroup {
    const { reader } = this;
    const label = isLabel(word) ? word : null;
    const typeName = reader.typeName(label === null ? word : undefined);
    if (label === 'required' && this.#syntax === 'proto3') reader.fail('a field of proto3 cannot be required', at);
    if (label === null && this.#syntax !== 'proto3' && !(word === 'map' && reader.peek() === '<')) {
      reader.fail(`${short(word)} begins no declaration, and without proto3 a field begins with its label`, at);
    }
    if (typeName === 'group') return this.#group(at, label);
    const type = this.#type(typeName);
    if (type.kind === 'map' && label !== null) reader.fail('a map field has no label', at);
    return this.#field(at, label, type);
  }

  #field(at: number, label: ProtoField['label'], type: ProtoFieldType): ProtoField {
    const { reader } = this;
    const name = reader.fieldName();
    reader.require('=');
    const number = reader.integer();
    const options = readOptionList(reader);
    const defaultValue = this.#single(options, 'default', at);
    // The canonical text has strings in quotes and everything else bare: what is no word there could not be read back.
    const quoted = type.kind === 'scalar' && type.scalar === 'string';
    if (defaultValue !== null && !quoted && !isWord(defaultValue)) {
      reader.fail(`the default of ${short(name)} cannot be written without quotes`, at);
    }
    const field = {
      at,
      label,
      type,
      name,
      number,
      defaultValue,
      jsonName: this.#single(options, 'json_name', at),
      options: options.filter((option) => option.name !== 'default' && option.name !== 'json_name'),
    };
    return this.#endedWithComment(field);
  }

  /** The value of the last option with this name, which is none in the language. */
  #single(options: readonly ProtoOption[], name: string, at: number): string | null {
    const value = options.filter((option) => option.name === name).at(-1)?.value;
    if (value === undefined) return null;
    return plainText(value) ?? this.reader.fail(`the option ${name} takes a single value`, at);
  }

  #type(word: string): ProtoFieldType {
    const { reader } = this;
    if (word !== 'map') return isProtoScalar(word) ? { kind: 'scalar', scalar: word } : { kind: 'named', name: word };
    reader.require('<');
    const { at } = reader;
    const key = this.#type(reader.typeName());
    reader.require(',');
    const value = this.#type(reader.typeName());
    reader.require('>');
    if (!isMapKey(key)) reader.fail('a map key must be an integer, a bool or a string', at);
    return { kind: 'map', key, value };
  }

  #group(at: number, label: ProtoField['label']): ProtoGroup {
    const { reader } = this;
    this.#countNode();
    const name = reader.word();
    reader.require('=');
    const number = reader.integer();
    const fields: ProtoField[] = [];
    reader.require('{');
    while (!reader.take('}')) {
      const start = reader.at;
      const field = this.#fieldOrGroup(start, reader.word());
      if (!('type' in field)) return reader.fail('a group cannot hold a group', start);
      fields.push(field);
      this.#checkFields(fields.length);
    }
    return { at, label, name, number, fields };
  }

  #reserved(at: number): ProtoReserved {
    const { reader } = this;
    const items: (string | number | ProtoRange)[] = [];
    do {
      const next = reader.peek();
      items.push(next === '"' || next === "'" ? reader.quoted() : this.#numberOrRange());
    } while (reader.take(','));
    return this.#endedWithComment({ at, items });
  }

  #extensions(at: number): ProtoExtensions {
    const { reader } = this;
    const items: (number | ProtoRange)[] = [];
    do items.push(this.#numberOrRange());
    while (reader.take(','));
    return this.#ended({ at, items, options: readOptionList(reader) });
  }

  #numberOrRange(): number | ProtoRange {
    const { reader } = this;
    const from = reader.integer();
    const next = reader.peek();
    if (next === ',' || next === ';' || next === '[') return from;
    reader.requireWord('to');
    return { from, to: reader.rangeEnd(LAST_FIELD_NUMBER) };
  }

  #extend(at: number): ProtoExtend {
    const { reader } = this;
    const extendee = reader.name();
    const fields: ProtoField[] = [];
    this.#block((start) => {
      const word = reader.word();
      // The reference reads these two anywhere, and forgets them here.
      if (word === 'option') this.#option();
      else if (word === 'reserved') this.#reserved(start);
      else {
        const field = this.#fieldOrGroup(start, word);
        if ('type' in field) fields.push(field);
      }
      this.#checkFields(fields.length);
    });
    return { at, extendee, fields };
  }

  #enum(at: number): ProtoEnum {
    const { reader, limits } = this;
    this.#countNode();
    const name = reader.name();
    const options: ProtoOption[] = [];
    const reserved: ProtoReserved[] = [];
    const constants: ProtoEnumConstant[] = [];
    this.#block((start) => {
      const word = reader.constantName();
      if (word === 'option') options.push(this.#option());
      else if (word === 'reserved') reserved.push(this.#reserved(start));
      else constants.push(this.#constant(start, word));
      if (constants.length > limits.enumSymbols) {
        throw schemaTooLarge('enumSymbols', limits.enumSymbols, constants.length);
      }
    });
    return { kind: 'enum', at, name, options, reserved, constants };
  }

  #constant(at: number, name: string): ProtoEnumConstant {
    this.reader.require('=');
    const number = this.reader.integer();
    return this.#endedWithComment({ at, name, number, options: readOptionList(this.reader) });
  }

  #service(at: number): ProtoService {
    const { reader } = this;
    const name = reader.name();
    const options: ProtoOption[] = [];
    const rpcs: ProtoRpc[] = [];
    this.#block((start) => {
      const word = reader.word();
      if (word === 'option') options.push(this.#option());
      else if (word === 'reserved') this.#reserved(start);
      else if (word === 'rpc') rpcs.push(this.#rpc(start));
      else this.#unknown(word, start, 'a service');
    });
    return { at, name, options, rpcs };
  }

  #rpc(at: number): ProtoRpc {
    const { reader } = this;
    const name = reader.name();
    const request = this.#rpcType();
    reader.requireWord('returns');
    const response = this.#rpcType();
    const options: ProtoOption[] = [];
    if (!reader.take(';')) {
      this.#block((start) => {
        const word = reader.word();
        if (word === 'option') options.push(this.#option());
        else if (word === 'reserved') this.#reserved(start);
        else this.#unknown(word, start, 'a method');
      });
    }
    return {
      at,
      name,
      request: request.name,
      requestStreaming: request.streaming,
      response: response.name,
      responseStreaming: response.streaming,
      options,
    };
  }

  #rpcType(): { readonly name: string; readonly streaming: boolean } {
    const { reader } = this;
    reader.require('(');
    const word = reader.word();
    const streaming = word === 'stream';
    const name = reader.typeName(streaming ? undefined : word);
    reader.require(')');
    return { name, streaming };
  }

  /** Declarations in braces, each begun where the index says. Semicolons beside them mean nothing. */
  #block(declaration: (at: number) => void): void {
    const { reader } = this;
    reader.require('{');
    while (!reader.take('}')) {
      if (!reader.take(';')) declaration(reader.at);
    }
  }

  #unknown(word: string, at: number, where: string): never {
    return this.reader.fail(`${short(word)} begins no declaration of ${where}`, at);
  }

  #option(): ProtoOption {
    return this.#ended(readOption(this.reader));
  }

  #ended<T>(declaration: T): T {
    this.reader.require(';');
    return declaration;
  }

  #endedWithComment<T>(declaration: T): T {
    this.reader.require(';');
    this.reader.endOfDeclaration();
    return declaration;
  }

  #countNode(): void {
    if (++this.#nodes > this.limits.nodes) throw schemaTooLarge('nodes', this.limits.nodes, this.#nodes);
  }

  #checkFields(count: number): void {
    const { fieldsPerRecord } = this.limits;
    if (count > fieldsPerRecord) throw schemaTooLarge('fieldsPerRecord', fieldsPerRecord, count);
  }
}

function plainText(value: ProtoOptionValue): string | undefined {
  if (value.kind === 'string') return value.value;
  return 'text' in value ? value.text : undefined;
}

function isLabel(word: string): word is NonNullable<ProtoField['label']> {
  return word === 'required' || word === 'optional' || word === 'repeated';
}
