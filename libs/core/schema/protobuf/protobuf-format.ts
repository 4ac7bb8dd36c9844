import { impossible } from '#libs/core/kernel';
import { schemaInvalid, schemaTooLarge } from '../errors.js';
import {
  SchemaFormat,
  stepsOf,
  type ComparisonOptions,
  type Difference,
  type Direction,
  type DoubtfulJudgement,
  type Explanation,
  type ParsedSchema,
  type ParseOptions,
} from '../format.js';
import { schemaLimits, type SchemaLimits } from '../limits.js';
import { positionAt } from '../lossless-json.js';
import type { SchemaOutline } from '../outline.js';
import { taggedPartsOf, textWithEdits, type TagEdit, type TaggedPart } from '../tags.js';
import { definitionProblem } from './definition.js';
import { protoDifferences } from './differences.js';
import { protoDoubts } from './doubts.js';
import { withoutExtensions } from './extensions.js';
import { normalForm } from './normalise.js';
import { protoOutline } from './outline.js';
import { printNormal, printProto } from './print.js';
import { PROTO_RULES, protoExplanation, protoMessage } from './rules.js';
import { ProtoScope } from './scope.js';
import { serializedDescriptor } from './serialized.js';
import { protoSources } from './sources.js';
import { retaggedProto } from './tags.js';
import { messagesOf, type ProtoFile } from './tree.js';
import { PROTO_WARNINGS } from './warning-rules.js';

/** Protocol Buffers, proto2 and proto3, as the reference registry understands them. */
export class ProtobufFormat extends SchemaFormat {
  readonly type = 'PROTOBUF';
  readonly rules = PROTO_RULES;
  readonly warningRules = PROTO_WARNINGS;

  /** Takes the text of a `.proto` file or a `FileDescriptorProto` in base64. */
  parse(text: string, options: ParseOptions = {}): ProtobufSchema {
    const limits = schemaLimits(options.limits);
    // A file of nothing but comments is legal and stored as no text at all, which has to be read again.
    if (options.validate !== false && text.trim() === '') throw schemaInvalid('PROTOBUF', 'Empty schema');
    const scope = new ProtoScope(protoSources(text, options.references ?? [], limits));
    const schema = new ProtobufSchema(scope, limits);
    // What normalising resolves is what the reference checks of a new schema.
    if (options.validate !== false) schema.checkNames();
    const problem = options.validateFields === true ? definitionProblem(scope) : undefined;
    if (problem !== undefined) {
      const position = positionAt(scope.sources[0]!.text, problem.at);
      throw schemaInvalid('PROTOBUF', `the definition breaks a rule of the language: ${problem.reason}`, { position });
    }
    return schema;
  }

  differences(reader: ParsedSchema, writer: ParsedSchema, options: ComparisonOptions = {}): readonly Difference[] {
    return protoDifferences(protobufSchema(reader).scope, protobufSchema(writer).scope, stepsOf(options));
  }

  message(difference: Difference, direction: Direction): string {
    return protoMessage(difference, direction);
  }

  explain(difference: Difference, direction: Direction): Explanation {
    return protoExplanation(difference, direction);
  }

  doubts(
    reader: ParsedSchema,
    writer: ParsedSchema,
    direction: Direction,
    options: ComparisonOptions = {},
  ): readonly DoubtfulJudgement[] {
    return protoDoubts(protobufSchema(reader).scope, protobufSchema(writer).scope, direction, stepsOf(options));
  }
}

/** A parsed Protobuf schema. */
export class ProtobufSchema implements ParsedSchema {
  readonly type = 'PROTOBUF';
  readonly canonical: string;
  #normalFile: ProtoFile | undefined;
  #normalised: ProtobufSchema | undefined;
  #equivalence: string | undefined;

  constructor(
    /** The file and everything that it can name; the file itself is the first source. */
    readonly scope: ProtoScope,
    private readonly limits: SchemaLimits,
    form: 'plain' | 'normal' = 'plain',
  ) {
    this.canonical = form === 'plain' ? printProto(this.file) : printNormal(this.file);
    if (this.canonical.length > limits.textLength) {
      throw schemaTooLarge('textLength', limits.textLength, this.canonical.length);
    }
    if (form === 'normal') this.#normalised = this;
  }

  get file(): ProtoFile {
    return this.scope.sources[0]!.file;
  }

  /** The plain text, with those of the files imported: which subjects provide them does not count. */
  get equivalence(): string {
    this.#equivalence ??= [
      printProto(this.file),
      ...this.scope.sources
        .filter(({ origin, path }) => origin === 'reference' && this.file.imports.some((one) => one.path === path))
        .map(({ path, file }) => `// ${path}\n${printProto(file)}`)
        .sort(),
    ].join('');
    return this.#equivalence;
  }

  /** Fields of all messages at file level, without those of oneofs: what the reference looks at. */
  get topLevelFieldNames(): readonly string[] {
    return messagesOf(this.file.types).flatMap(({ fields }) => fields.map(({ name }) => name));
  }

  /** @throws `schema-invalid` when a type name means nothing. */
  checkNames(): void {
    this.#normalFile ??= this.#inNormalForm();
  }

  /** @throws `schema-invalid` when a type name means nothing. */
  normalised(): ProtobufSchema {
    if (this.#normalised === undefined) {
      this.checkNames();
      const [own, ...others] = this.scope.sources;
      const scope = new ProtoScope([{ ...own!, file: this.#normalFile! }, ...others]);
      this.#normalised = new ProtobufSchema(scope, this.limits, 'normal');
    }
    return this.#normalised;
  }

  formatted(format: string | null | undefined): string {
    switch (format?.trim().toLowerCase()) {
      case 'ignore_extensions':
        return printProto(withoutExtensions(this.file));
      case 'serialized':
        return serializedDescriptor(this.scope);
      default:
        return this.canonical;
    }
  }

  outline(): SchemaOutline {
    return protoOutline(this.scope);
  }

  taggedParts(): readonly TaggedPart[] {
    return taggedPartsOf((change) => void retaggedProto(this.file, change));
  }

  retagged(edits: readonly TagEdit[]): string {
    return textWithEdits('PROTOBUF', edits, (change) => printProto(retaggedProto(this.file, change)));
  }

  #inNormalForm(): ProtoFile {
    const { file, text } = this.scope.sources[0]!;
    return normalForm(file, this.scope, (name, at) => {
      throw schemaInvalid('PROTOBUF', `${name} names no type`, { position: positionAt(text, at) });
    });
  }
}

/** The schema as a Protobuf one. For code that has asked for its type. */
export function protobufSchema(schema: ParsedSchema): ProtobufSchema {
  return schema instanceof ProtobufSchema
    ? schema
    : impossible('a Protobuf schema was expected', { type: schema.type });
}
