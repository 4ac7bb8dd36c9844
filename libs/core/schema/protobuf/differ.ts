import { schemaTooDeep } from '../errors.js';
import type { StepBudget } from '../step-budget.js';
import type { FieldComparison } from './field-differ.js';
import { fieldsByNumber } from './fields-by-number.js';
import { fieldsByOneof } from './fields-by-oneof.js';
import { Findings, type FoundDifference } from './findings.js';
import type { ProtoDifferenceKind } from './kinds.js';
import { constantPart, packagePart, typePart } from './parts.js';
import type { ProtoDeclaration, ProtoScope } from './scope.js';
import { enumsOf, isMapEntry, messagesOf, type ProtoEnum, type ProtoMessage, type ProtoType } from './tree.js';

/** Differences listed at most, of those that break and of those that do not. */
const LISTED_DIFFERENCES = 10_000;
/** Messages nested in one another that are followed. */
const DEEPEST_PAIR = 1_000;
/** Steps made exactly as the reference makes them, before memory is used everywhere. */
const EXACT_STEPS = 50_000;

/**
 * The differences between the file that wrote and the file that reads, tolerated ones included; each scope is a file with all that its names can mean, the
 * file itself first.
 *
 * Messages and enums are matched by name in their scope, fields by number. Messages of other files are compared where a field uses them. Such a message
 * that is met while it is being compared counts as compatible; results are remembered wherever they cannot depend on that. If that is not enough, everything
 * is remembered, and the comparison repeated with the pairs found incompatible until no more are found, so that an early cut misleads nobody.
 *
 * Whether the two are compatible is decided by number (the reference's development line, which hides no change behind a oneof). Where they are not, and release 8.3
 * finds them incompatible too, what it finds is listed, since that is what clients know.
 *
 * In the reader's order: package, messages (fields first, then what is nested), enums; what only the writer has comes last in its scope.
 * @throws `schema-too-complex`.
 */
export function protoFileDifferences(
  reader: ProtoScope,
  writer: ProtoScope,
  steps: StepBudget,
): readonly FoundDifference[] {
  const decided = fileFindings(reader, writer, fieldsByNumber, steps);
  if (decided.compatible) return decided.list(LISTED_DIFFERENCES);
  const released = fileFindings(reader, writer, fieldsByOneof, steps);
  return (released.compatible ? decided : released).list(LISTED_DIFFERENCES);
}

function fileFindings(reader: ProtoScope, writer: ProtoScope, fields: FieldComparison, steps: StepBudget): Findings {
  const exact = new ProtoDiffer(reader, writer, fields, steps, EXACT_STEPS, 'sound', new Map()).attempt();
  if (exact !== undefined) return exact;
  const failed: Pairs<true> = new Map();
  for (;;) {
    const known = size(failed);
    const differ = new ProtoDiffer(reader, writer, fields, steps, Infinity, 'always', failed);
    const findings = differ.files();
    if (!differ.cut || size(failed) === known) return findings;
  }
}

/** By writer, then reader. */
type Pairs<Value> = Map<ProtoMessage, Map<ProtoMessage, Value>>;

function put<Value>(pairs: Pairs<Value>, writer: ProtoMessage, reader: ProtoMessage, value: Value): void {
  let readers = pairs.get(writer);
  if (readers === undefined) pairs.set(writer, (readers = new Map()));
  readers.set(reader, value);
}

function size(pairs: Pairs<unknown>): number {
  let count = 0;
  for (const readers of pairs.values()) count += readers.size;
  return count;
}

export interface MessageSide {
  readonly declaration: ProtoDeclaration;
  readonly message: ProtoMessage;
}

/** Two messages of the same name that are compared. */
export interface MessagePair {
  readonly reader: MessageSide;
  readonly writer: MessageSide;
  /** Names of the messages around it, and its own. */
  readonly path: readonly string[];
}

class AttemptSpent extends Error {}

/** Compares one pair of files. What concerns fields lives in a file of its own and comes back here for messages of other files. */
export class ProtoDiffer {
  /** A message was met while being compared. */
  cut = false;
  readonly #known: Pairs<Findings> = new Map();
  /** Writer messages being compared, with their place on the stack. */
  readonly #open = new Map<ProtoMessage, number>();
  /** Lowest place on the stack that the comparison at hand was cut at. */
  #lowestCut = Infinity;

  /** @param attemptSteps how many of the steps may be taken before the attempt is given up. */
  constructor(
    readonly reader: ProtoScope,
    readonly writer: ProtoScope,
    private readonly fields: FieldComparison,
    private readonly steps: StepBudget,
    private attemptSteps: number,
    private readonly memory: 'sound' | 'always',
    private readonly failed: Pairs<true>,
  ) {}

  /** As {@link files}; undefined when the attempt is given up. */
  attempt(): Findings | undefined {
    try {
      return this.files();
    } catch (error) {
      if (error instanceof AttemptSpent) return undefined;
      throw error;
    }
  }

  step(): void {
    this.steps.spend();
    if (--this.attemptSteps < 0) throw new AttemptSpent();
  }

  /** Two messages of the same local name. */
  compare(reader: ProtoDeclaration, writer: ProtoDeclaration): Findings {
    this.step();
    const pair = messagePair(reader, writer);
    const [read, written] = [pair.reader.message, pair.writer.message];
    const known = this.#known.get(written)?.get(read);
    if (known !== undefined) return known;
    const open = this.#open.get(written);
    if (open !== undefined) return this.#cutAt(open, pair);
    if (this.#open.size >= DEEPEST_PAIR) throw schemaTooDeep(DEEPEST_PAIR);

    const outerCut = this.#lowestCut;
    const depth = this.#open.size;
    this.#lowestCut = Infinity;
    this.#open.set(written, depth);
    const findings = new Findings();
    this.fields(this, pair, findings);
    this.#types(read.types, written.types, pair, findings);
    this.#open.delete(written);
    const independent = this.#lowestCut >= depth;
    this.#lowestCut = independent ? outerCut : Math.min(outerCut, this.#lowestCut);
    if (!findings.compatible) put(this.failed, written, read, true);
    if (independent || this.memory === 'always') put(this.#known, written, read, findings);
    return findings;
  }

  /** The fields are being compared further out; what is nested is looked at all the same, as the reference does. */
  #cutAt(depth: number, pair: MessagePair): Findings {
    this.cut = true;
    this.#lowestCut = Math.min(this.#lowestCut, depth);
    const findings = new Findings();
    const [read, written] = [pair.reader.message, pair.writer.message];
    this.#types(read.types, written.types, pair, findings);
    if (this.memory === 'always' && this.failed.get(written)?.has(read) === true) findings.fail();
    return findings;
  }

  /** The two files. @throws `schema-too-complex` when all steps are spent. */
  files(): Findings {
    const findings = new Findings();
    const [reader, writer] = [this.reader.sources[0]!, this.writer.sources[0]!];
    if (reader.file.packageName !== writer.file.packageName) {
      const [read, written] = [packagePart(reader), packagePart(writer)];
      findings.add({ kind: 'PACKAGE_CHANGED', path: [], place: 'the package', reader: read, writer: written });
    }
    this.#types(reader.file.types, writer.file.types, null, findings);
    return findings;
  }

  /** Messages and enums of one scope: the file, or the message `within`. */
  #types(read: readonly ProtoType[], written: readonly ProtoType[], within: MessagePair | null, out: Findings): void {
    this.#messages(messagesOf(read), messagesOf(written), within, out);
    this.#enums(enumsOf(read), enumsOf(written), within, out);
  }

  #messages(
    read: readonly ProtoMessage[],
    written: readonly ProtoMessage[],
    within: MessagePair | null,
    out: Findings,
  ): void {
    const [readers, writers] = [indexed(read), indexed(written)];
    for (const [name, { type: message, index }] of readers) {
      const earlier = writers.get(name);
      if (earlier === undefined) {
        if (!isMapEntry(message)) this.#note('MESSAGE_ADDED', message, null, within, out);
        continue;
      }
      out.include(this.compare(this.reader.of(message)!, this.writer.of(earlier.type)!));
      if (index !== earlier.index) this.#note('MESSAGE_MOVED', message, earlier.type, within, out);
    }
    for (const [name, { type: message }] of writers) {
      if (!readers.has(name) && !isMapEntry(message)) this.#note('MESSAGE_REMOVED', null, message, within, out);
    }
  }

  #enums(read: readonly ProtoEnum[], written: readonly ProtoEnum[], within: MessagePair | null, out: Findings): void {
    const [readers, writers] = [indexed(read), indexed(written)];
    for (const [name, { type }] of readers) {
      const earlier = writers.get(name);
      if (earlier === undefined) this.#note('ENUM_ADDED', type, null, within, out);
      else this.#constants(type, earlier.type, within, out);
    }
    for (const [name, { type }] of writers) {
      if (!readers.has(name)) this.#note('ENUM_REMOVED', null, type, within, out);
    }
  }

  /** By number; of several names for one number the last counts. */
  #constants(read: ProtoEnum, written: ProtoEnum, within: MessagePair | null, out: Findings): void {
    const [reader, writer] = [read, written].map(
      (type) => new Map(type.constants.map((constant) => [constant.number, constant])),
    );
    const [readSource, writtenSource] = [this.reader.of(read)!.source, this.writer.of(written)!.source];
    for (const number of new Set([...reader!.keys(), ...writer!.keys()])) {
      this.step();
      const [one, other] = [reader!.get(number), writer!.get(number)];
      if (one?.name === other?.name) continue;
      const kind = one === undefined ? 'REMOVED' : other === undefined ? 'ADDED' : 'CHANGED';
      out.add({
        kind: `ENUM_CONST_${kind}`,
        path: [...(within?.path ?? []), read.name, String(number)],
        place: [...(within?.path ?? []), read.name, (one ?? other)!.name].join('.'),
        reader: constantPart(one, read, readSource),
        writer: constantPart(other, written, writtenSource),
      });
    }
  }

  #note(
    kind: ProtoDifferenceKind,
    read: ProtoType | null,
    written: ProtoType | null,
    within: MessagePair | null,
    out: Findings,
  ): void {
    const path = [...(within?.path ?? []), (read ?? written)!.name];
    out.add({
      kind,
      path,
      place: path.join('.'),
      reader: typePart(read, within && within.reader, this.reader.sources[0]!),
      writer: typePart(written, within && within.writer, this.writer.sources[0]!),
    });
  }
}

/** Two declarations of messages as a pair. */
export function messagePair(reader: ProtoDeclaration, writer: ProtoDeclaration): MessagePair {
  return {
    reader: { declaration: reader, message: reader.type as ProtoMessage },
    writer: { declaration: writer, message: writer.type as ProtoMessage },
    path: reader.localName.split('.'),
  };
}

/** By name, with the place among its kind; of several of one name the last counts. */
function indexed<Type extends ProtoType>(types: readonly Type[]): ReadonlyMap<string, { type: Type; index: number }> {
  return new Map(types.map((type, index) => [type.name, { type, index }]));
}
