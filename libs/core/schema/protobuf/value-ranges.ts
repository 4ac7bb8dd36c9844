import { comparedType } from './compared-type.js';
import type { Look } from './doubted-fields.js';
import type { ProtoDeclaration, ProtoScope } from './scope.js';
import type { ProtoFieldType, ProtoScalar } from './tree.js';

/** Whole numbers that a type holds: a range, or for an enum its constants. */
type Held = { readonly from: bigint; readonly to: bigint; readonly only: ReadonlySet<number> | null };

const range = (bits: bigint, signed: boolean): Held => ({
  from: signed ? -(1n << (bits - 1n)) : 0n,
  to: (1n << (signed ? bits - 1n : bits)) - 1n,
  only: null,
});

const RANGES: Partial<Record<ProtoScalar, Held>> = {
  bool: { from: 0n, to: 1n, only: null },
  int32: range(32n, true),
  sint32: range(32n, true),
  sfixed32: range(32n, true),
  uint32: range(32n, false),
  fixed32: range(32n, false),
  int64: range(64n, true),
  sint64: range(64n, true),
  sfixed64: range(64n, true),
  uint64: range(64n, false),
  fixed64: range(64n, false),
};

/** Whether the writer's type holds whole numbers that the reader's does not. False where either is none, or another wire format. */
export function isNarrower({ reader, writer, pair }: Look, read: ProtoFieldType, written: ProtoFieldType): boolean {
  const [one, other] = [
    comparedType(reader, read, pair.reader.declaration),
    comparedType(writer, written, pair.writer.declaration),
  ];
  if (one.kind !== 'scalar' || other.kind !== 'scalar' || one.group !== other.group) return false;
  const to = held(reader, read, pair.reader.declaration);
  const from = held(writer, written, pair.writer.declaration);
  if (to === undefined || from === undefined) return false;
  if (to.only === null) return from.from < to.from || from.to > to.to;
  // A number that is no constant is kept by open enums only, and means nothing to anyone.
  return from.only === null || [...from.only].some((number) => !to.only!.has(number));
}

function held(scope: ProtoScope, type: ProtoFieldType, within: ProtoDeclaration): Held | undefined {
  if (type.kind === 'scalar') return RANGES[type.scalar];
  if (type.kind === 'map') return undefined;
  const meant = scope.resolve(type.name, within.fullName)?.type;
  if (meant?.kind !== 'enum') return undefined;
  const numbers = meant.constants.map((constant) => constant.number);
  const [from, to] = [numbers.reduce((a, b) => Math.min(a, b), 0), numbers.reduce((a, b) => Math.max(a, b), 0)];
  return { from: BigInt(from), to: BigInt(to), only: new Set(numbers) };
}
