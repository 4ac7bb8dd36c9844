import { nameIn, type ProtoDeclaration, type ProtoScope, type ProtoSource } from './scope.js';
import {
  type ProtoEnum,
  type ProtoExtend,
  type ProtoField,
  type ProtoFieldType,
  type ProtoFile,
  type ProtoGroup,
  type ProtoMessage,
  type ProtoOption,
  type ProtoScalar,
  type ProtoType,
} from './tree.js';

/** What is wrong with a definition, and where. */
export interface DefinitionProblem {
  /** Full name of the part, a colon, and a sentence. */
  readonly reason: string;
  readonly at: number;
}

/**
 * The first rule of the language that the file breaks beyond its grammar, or undefined: names and numbers used once, types imported where they are used, defaults
 * that fit, extensions where they are allowed. The registry asks for these only with `validateFields`; without, all of it is stored.
 */
export function definitionProblem(scope: ProtoScope): DefinitionProblem | undefined {
  try {
    new Definition(scope).check();
    return undefined;
  } catch (error) {
    if (error instanceof Broken) return { reason: error.message, at: error.at };
    throw error;
  }
}

class Broken extends Error {
  constructor(
    name: string,
    problem: string,
    readonly at: number,
  ) {
    super(`${name}: ${problem}`);
  }
}

class Definition {
  readonly #file: ProtoFile;
  /** Files whose types may be used: the file, its imports, and what those import publicly. */
  readonly #visible: ReadonlySet<ProtoSource>;
  /** Full names of everything that has one. */
  readonly #symbols = new Set<string>();

  constructor(private readonly scope: ProtoScope) {
    const [own] = scope.sources;
    this.#file = own!.file;
    this.#visible = new Set([own!, ...imported(scope, own!)]);
  }

  check(): void {
    const within = this.#file.packageName ?? '';
    for (const type of this.#file.types) this.#type(type, within);
    for (const service of this.#file.services) {
      const name = this.#named(service.name, within, service.at);
      for (const rpc of service.rpcs) {
        const rpcName = this.#named(rpc.name, name, rpc.at);
        for (const type of [rpc.request, rpc.response]) this.#messageType(type, within, rpcName, rpc.at);
      }
    }
    for (const extend of this.#file.extends) this.#extend(extend, within);
  }

  #type(type: ProtoType, within: string): void {
    if (type.kind === 'enum') this.#enum(type, within);
    else this.#message(type, within);
  }

  #message(message: ProtoMessage, outside: string): void {
    const name = this.#named(message.name, outside, message.at);
    for (const type of message.types) this.#type(type, name);
    const members = [
      ...message.fields,
      ...message.groups,
      ...message.oneofs.flatMap((oneof) => [...oneof.fields, ...oneof.groups]),
    ];
    this.#members(members, name);
    for (const extend of message.extends) this.#extend(extend, name);
  }

  #members(members: readonly (ProtoField | ProtoGroup)[], within: string): void {
    const byNumber = new Map<number, string>();
    for (const member of members) {
      const field = 'type' in member ? member.name : member.name.toLowerCase();
      const name = this.#named(field, within, member.at);
      checkNumber(member.number, name, member.at);
      const other = byNumber.get(member.number);
      if (other !== undefined) {
        const problem = `The number ${member.number} is that of "${other}" in "${within}".`;
        throw new Broken(name, problem, member.at);
      }
      byNumber.set(member.number, field);
      if ('type' in member) this.#field(member, name, within);
      else this.#members(member.fields, this.#named(member.name, within, member.at));
    }
  }

  #field(field: ProtoField, name: string, within: string): void {
    const { type, at } = field;
    const meant = type.kind === 'named' ? this.#declared(type.name, within, name, at) : undefined;
    if (type.kind === 'map' && type.value.kind === 'named') this.#declared(type.value.name, within, name, at);
    const repeated = field.label === 'repeated';
    const isPacked = field.options.some((option) => option.name === 'packed' && isTrue(option));
    if (isPacked && !(repeated && isPackable(type, meant))) {
      throw new Broken(name, 'Only repeated numbers, bools and enums can be packed.', at);
    }
    if (field.defaultValue === null) return;
    if (repeated) throw new Broken(name, 'A repeated field has no default.', at);
    this.#default(field.defaultValue, field, name, meant);
  }

  #default(text: string, { type, at }: ProtoField, name: string, meant: ProtoDeclaration | undefined): void {
    if (type.kind === 'scalar') {
      if (!fits(text, type.scalar)) throw new Broken(name, `The default "${text}" is no value of its type.`, at);
    } else if (meant?.type.kind !== 'enum') {
      throw new Broken(name, 'A message has no default.', at);
    } else if (!meant.type.constants.some((constant) => constant.name === text)) {
      throw new Broken(name, `The default "${text}" is no constant of its enum.`, at);
    }
  }

  #enum(one: ProtoEnum, outside: string): void {
    const name = this.#named(one.name, outside, one.at);
    if (one.constants.length === 0) throw new Broken(name, 'An enum needs a constant.', one.at);
    // Constants live beside their enum, not inside it.
    for (const constant of one.constants) this.#named(constant.name, outside, constant.at);
  }

  #extend({ extendee, fields, at }: ProtoExtend, within: string): void {
    for (const field of fields) {
      const name = this.#named(field.name, within, field.at);
      checkNumber(field.number, name, field.at);
      const { type, fullName } = this.#messageType(extendee, within, name, at);
      const ranges = (type as ProtoMessage).extensions.flatMap((extensions) => extensions.items);
      const allowed = ranges.some((range) =>
        typeof range === 'number' ? range === field.number : range.from <= field.number && field.number <= range.to,
      );
      if (!allowed) {
        throw new Broken(name, `"${fullName}" leaves the number ${field.number} to no extension.`, field.at);
      }
      this.#field(field, name, within);
    }
  }

  #messageType(type: string, within: string, user: string, at: number): ProtoDeclaration {
    const meant = this.#declared(type, within, user, at);
    if (meant.type.kind !== 'message') throw new Broken(user, `"${type}" is an enum where a message is needed.`, at);
    return meant;
  }

  #declared(type: string, within: string, user: string, at: number): ProtoDeclaration {
    const meant = this.scope.resolve(type, within);
    if (meant === undefined) throw new Broken(user, `"${type}" names no type.`, at);
    if (!this.#visible.has(meant.source)) {
      const problem = `"${type}" comes from "${meant.source.path}", which is not imported.`;
      throw new Broken(user, problem, at);
    }
    return meant;
  }

  /** Takes a name into the table; two parts of one scope cannot share one. */
  #named(name: string, within: string, at: number): string {
    const fullName = nameIn(within, name);
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name))
      throw new Broken(fullName, `"${name}" is no name: letters, digits and _, no digit first.`, at);
    if (this.#symbols.has(fullName)) {
      const place = within === '' ? '' : ` in "${within}"`;
      throw new Broken(fullName, `The name "${name}" is taken${place}.`, at);
    }
    this.#symbols.add(fullName);
    return fullName;
  }
}

/** The files that a file imports, and what those pass on. */
function imported(scope: ProtoScope, source: ProtoSource): readonly ProtoSource[] {
  const found = new Set<ProtoSource>();
  const follow = (from: ProtoSource, kinds: readonly string[]): void => {
    for (const { path, kind } of from.file.imports) {
      const target = scope.sources.find((one) => one.origin !== 'own' && one.path === path);
      if (target === undefined || found.has(target) || !kinds.includes(kind)) continue;
      found.add(target);
      follow(target, ['public']);
    }
  };
  follow(source, ['plain', 'public', 'weak']);
  return [...found];
}

function checkNumber(number: number, name: string, at: number): void {
  if (number <= 0) throw new Broken(name, 'The number of a field is 1 or more.', at);
}

function isTrue({ value }: ProtoOption): boolean {
  return 'text' in value && value.text === 'true';
}

function isPackable(type: ProtoFieldType, meant: ProtoDeclaration | undefined): boolean {
  if (type.kind === 'scalar') return type.scalar !== 'string' && type.scalar !== 'bytes';
  return meant?.type.kind === 'enum';
}

/** Whether a default can be a value of the type. */
function fits(text: string, scalar: ProtoScalar): boolean {
  switch (scalar) {
    case 'string':
    case 'bytes':
      return true;
    case 'bool':
      return text === 'true' || text === 'false';
    case 'float':
    case 'double':
      return /^-?(?:inf|nan|[0-9]*\.?[0-9]*(?:[eE]-?[0-9]+)?)$/.test(text) && /[0-9a-z]/.test(text) && text !== '-nan';
    default:
      return fitsInteger(text, scalar);
  }
}

function fitsInteger(text: string, scalar: ProtoScalar): boolean {
  const parts = /^(-?)(?:0[xX]([0-9a-fA-F]{1,16})|0([0-7]{1,24})|([0-9]{1,20}))$/.exec(text);
  if (parts === null) return false;
  const [, sign, hexadecimal, octal, decimal] = parts;
  const magnitude = BigInt(
    hexadecimal !== undefined ? `0x${hexadecimal}` : octal !== undefined ? `0o${octal}` : decimal!,
  );
  const value = sign === '-' ? -magnitude : magnitude;
  const bits = scalar.endsWith('32') ? 32n : 64n;
  const unsigned = scalar.startsWith('u') || scalar.startsWith('fixed');
  return unsigned ? value >= 0n && value < 2n ** bits : value >= -(2n ** (bits - 1n)) && value < 2n ** (bits - 1n);
}
