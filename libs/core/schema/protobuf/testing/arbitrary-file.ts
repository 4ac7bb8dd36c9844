import fc from 'fast-check';
import { PROTO_SCALARS } from '../tree.js';

/** A valid `.proto` file and what was put into it. */
export interface GeneratedFile {
  readonly text: string;
  readonly syntax: 'proto2' | 'proto3' | null;
  /** Holds groups, which a descriptor of the reference leaves out. */
  readonly hasGroups: boolean;
  /** Holds custom options, which a descriptor of the reference leaves out. */
  readonly hasCustomOptions: boolean;
}

/**
 * Files of the whole language: nested types, maps, oneofs, groups, reserved and extension ranges, defaults, options in all their spellings, services,
 * comments; names spelled short, in part or in full.
 */
export function arbitraryFile(limits: { readonly customOptions: boolean }): fc.Arbitrary<GeneratedFile> {
  const choices = fc.array(fc.nat({ max: 2 ** 30 }), { minLength: 1, maxLength: 300, size: 'max' });
  return choices.map((list) => new FileText(list, limits.customOptions).write());
}

const INTEGERS = [
  'int32',
  'int64',
  'sint32',
  'sint64',
  'sfixed32',
  'sfixed64',
  'uint32',
  'uint64',
  'fixed32',
  'fixed64',
];
const MAP_KEYS = [...INTEGERS, 'bool', 'string'];
const DEFAULTS: Readonly<Record<string, readonly string[]>> = {
  bool: ['true', 'false'],
  string: ['""', '"a\\tb"', "'it\\'s'", '"one" \'two\'', '"\\x41\\101"', '"ünï ©"'],
  bytes: ['"abc"', '"a_1"'],
  float: ['1.50', '-1e3', 'inf', 'nan', '15e-1'],
  double: ['0.125', '-inf', '2', '1e10'],
};

class FileText {
  readonly #lines: string[] = [];
  readonly #messages: string[] = [];
  readonly #enums = new Map<string, readonly string[]>();
  #next = 0;
  #hasGroups = false;
  #hasCustomOptions = false;
  #syntax: GeneratedFile['syntax'] = null;
  #package = '';

  constructor(
    /** What is decided by chance, in order; from the beginning again when it runs out. */
    private readonly choices: readonly number[],
    private readonly customOptions: boolean,
  ) {}

  write(): GeneratedFile {
    this.#syntax = this.#one(['proto3', 'proto3', 'proto2', null]);
    if (this.#syntax !== null) this.#add(`syntax = "${this.#syntax}";`);
    this.#package = this.#one(['', 'shop', 'shop.v1']);
    if (this.#package !== '') this.#add(`package ${this.#package};`);
    const custom = this.customOptions && this.#chance();
    if (custom) this.#addCustomOptions();
    if (this.#chance()) this.#add(`option java_package = ${this.#one(['"a.b"', '\'a\' "b"'])};`);
    if (this.#chance()) this.#add(`option optimize_for = CODE_SIZE; option java_multiple_files = true;`);
    const skeleton = this.#upTo(3) + 1;
    const names = Array.from({ length: skeleton }, (_, i) => this.#declare(`M${i}`, '', 0));
    for (const name of names) name();
    if (this.#chance()) this.#service();
    return {
      text: this.#lines.join('\n'),
      syntax: this.#syntax,
      hasGroups: this.#hasGroups,
      hasCustomOptions: this.#hasCustomOptions,
    };
  }

  /** Names a message with what is nested in it, and returns what writes it: fields may use names that come later. */
  #declare(name: string, within: string, level: number): () => void {
    const path = within === '' ? name : `${within}.${name}`;
    this.#messages.push(path);
    const nested =
      level < 2 ? Array.from({ length: this.#upTo(2) }, (_, i) => this.#declare(`N${i}`, path, level + 1)) : [];
    const enums = Array.from({ length: this.#upTo(2) }, (_, i) => this.#declareEnum(`E${i}`, path));
    return () => {
      this.#add(`message ${name} {`);
      const parts = this.#shuffled([...nested, ...enums, () => this.#members(path)]);
      for (const part of parts) part();
      this.#add('}');
    };
  }

  #declareEnum(name: string, within: string): () => void {
    const path = `${within}.${name}`;
    const numbers = [...new Set([0, ...Array.from({ length: this.#upTo(3) }, () => this.#upTo(108) - 9)])];
    const constants = numbers.map((_, i) => `${name}_C${i}`);
    this.#enums.set(path, constants);
    const options = this.#chance() ? ' [deprecated = true]' : '';
    const reserved = this.#chance() ? ' reserved 200 to 300, 150; reserved "GONE";' : '';
    return () => {
      this.#add(`enum ${name} {${reserved}`);
      constants.forEach((constant, i) => this.#add(`${constant} = ${numbers[i]}${options};`));
      this.#add('}');
    };
  }

  #members(path: string): void {
    let number = 0;
    const next = (): number => (number += 1 + this.#upTo(3));
    const parts: (() => void)[] = [];
    for (let i = this.#upTo(5); i > 0; i--) {
      const [field, at] = [`${this.#one(['plain', 'two_words', 'a_b_c', 'camelCase'])}_${number}x`, next()];
      parts.push(() => this.#add(`${this.#labelled(field, at, path)};`));
    }
    if (this.#chance()) {
      const members = Array.from({ length: this.#upTo(3) + 1 }, () => next());
      parts.push(() => {
        this.#add('oneof choice {');
        for (const at of members) {
          const type = this.#chance() ? this.#one(PROTO_SCALARS) : this.#messageName(path);
          this.#add(`${type} one_${at} = ${at};`);
        }
        this.#add('}');
      });
    }
    if (this.#syntax !== 'proto3' && this.#chance()) {
      const at = next();
      this.#hasGroups = true;
      parts.push(() => this.#add(`repeated group Grp${at} = ${at} { optional int32 z = 2; optional string y = 1; }`));
    }
    if (this.#chance()) this.#add('reserved 1000, 1005 to 1010, 2000 to max; reserved "gone", \'never\';');
    if (this.#syntax !== 'proto3' && this.#chance()) this.#add('extensions 600 to 699, 500;');
    if (this.#chance()) this.#add('option deprecated = false;');
    for (const part of this.#shuffled(parts)) part();
  }

  #labelled(name: string, number: number, path: string): string {
    const shape = this.#upTo(3);
    if (shape === 0) {
      const value = this.#chance() ? this.#one(PROTO_SCALARS) : this.#messageName(path);
      return `map<${this.#one(MAP_KEYS)}, ${value}> ${name} = ${number}`;
    }
    const label =
      this.#syntax === 'proto3'
        ? this.#one(['', 'optional ', 'repeated '])
        : this.#one(['optional ', 'required ', 'repeated ']);
    const scalar = this.#one(PROTO_SCALARS);
    const [enumName] = this.#enums.size > 0 ? [this.#one([...this.#enums.keys()])] : [undefined];
    const type =
      shape === 1
        ? this.#messageName(path)
        : shape === 2 && enumName !== undefined
          ? this.#spelled(enumName, path)
          : scalar;
    const options = this.#fieldOptions(type === scalar ? scalar : undefined, label, number);
    return `${label}${type} ${name} = ${this.#one([String(number), `0x${number.toString(16)}`])}${options}`;
  }

  #fieldOptions(scalar: string | undefined, label: string, number: number): string {
    const options: string[] = [];
    if (this.#chance()) options.push(`json_name = "j${number}"`);
    if (this.#chance()) options.push(`deprecated = ${this.#one(['true', 'false'])}`);
    if (scalar !== undefined && label === 'repeated ' && scalar !== 'string' && scalar !== 'bytes' && this.#chance()) {
      options.push('packed = true');
    }
    if (scalar !== undefined && this.#syntax !== 'proto3' && label !== 'repeated ' && this.#chance()) {
      options.push(`default = ${this.#one(DEFAULTS[scalar] ?? ['7', '0x1F', '010'])}`);
    }
    if (this.#hasCustomOptions && this.#chance()) {
      options.push(
        ...this.#one([
          ['(cfg).b = "q"', '(cfg).a = 3'],
          ['(cfg) = { b: "q" a: 3, l: ["x", "y"] inner { a: -1 } }'],
          ['(notes) = "n"', "(notes) = 'm'"],
          [`(${this.#package === '' ? '' : `.${this.#package}`}.cfg).inner.b = "deep"`.replace('(.cfg)', '(cfg)')],
        ]),
      );
    }
    return options.length === 0 ? '' : ` [${this.#shuffled(options).join(', ')}]`;
  }

  #addCustomOptions(): void {
    this.#hasCustomOptions = true;
    const label = this.#syntax === 'proto3' ? '' : 'optional ';
    this.#add('import "google/protobuf/descriptor.proto";');
    this.#add(
      `message Cfg { ${label}string b = 1; ${label}int32 a = 2; repeated string l = 3; ${label}Cfg inner = 4; }`,
    );
    this.#add(`extend google.protobuf.FieldOptions { ${label}Cfg cfg = 50001; repeated string notes = 50002; }`);
  }

  #service(): void {
    const [request, response] = [this.#messageName(''), this.#messageName('')];
    this.#add(`service S { rpc Get (${request}) returns (stream ${response}) { option deprecated = true; } }`);
  }

  #messageName(path: string): string {
    return this.#spelled(this.#one(this.#messages), path);
  }

  /** A name as short as it may be, or in full. Inside `path`, a name that begins with one of its siblings' names cannot be shortened. */
  #spelled(name: string, path: string): string {
    const full = this.#package === '' ? name : `${this.#package}.${name}`;
    const parent = name.slice(0, Math.max(0, name.lastIndexOf('.')));
    if (path !== '' && parent === path && this.#chance()) return name.slice(parent.length + 1);
    return this.#chance() ? `.${full}` : name;
  }

  #add(line: string): void {
    const comment = this.#upTo(9);
    this.#lines.push(comment === 0 ? `/* before */ ${line}` : comment === 1 ? `${line} // behind {` : line);
  }

  #one<T>(items: readonly T[]): T {
    return items[this.#upTo(items.length - 1)]!;
  }

  #upTo(max: number): number {
    return this.choices[this.#next++ % this.choices.length]! % (max + 1);
  }

  #chance(): boolean {
    return this.#upTo(1) === 1;
  }

  #shuffled<T>(items: readonly T[]): readonly T[] {
    return [...items].sort(() => this.#upTo(2) - 1);
  }
}
