import type { JsonNode } from '../lossless-json.js';
import { INT_MAX, INT_MIN, inRange } from '../integers.js';
import type { AvroType } from './tree.js';

/** What a logical type says about values, where the annotation is well formed. */
export interface AvroLogicalType {
  readonly name: string;
  /** Decimal only: digits in all, and digits after the point. */
  readonly precision?: number;
  readonly scale?: number;
}

/**
 * The logical type that takes effect on a type: known, and valid for the underlying type. Undefined otherwise; the specification demands that an
 * invalid one is ignored.
 */
export function logicalTypeOf(type: AvroType): AvroLogicalType | undefined {
  const annotation = type.props.get('logicalType');
  if (annotation?.kind !== 'string') return undefined;
  const name = annotation.value;
  switch (name) {
    case 'decimal':
      return decimal(type);
    case 'uuid':
      return type.kind === 'string' || (type.kind === 'fixed' && type.size === 16) ? { name } : undefined;
    case 'duration':
      return type.kind === 'fixed' && type.size === 12 ? { name } : undefined;
    case 'big-decimal':
      return type.kind === 'bytes' ? { name } : undefined;
    case 'date':
    case 'time-millis':
      return type.kind === 'int' ? { name } : undefined;
    case 'time-micros':
    case 'timestamp-millis':
    case 'timestamp-micros':
    case 'timestamp-nanos':
    case 'local-timestamp-millis':
    case 'local-timestamp-micros':
    case 'local-timestamp-nanos':
      return type.kind === 'long' ? { name } : undefined;
    default:
      return undefined;
  }
}

function decimal(type: AvroType): AvroLogicalType | undefined {
  if (type.kind !== 'bytes' && type.kind !== 'fixed') return undefined;
  const precision = smallInteger(type.props.get('precision'));
  const scaleNode = type.props.get('scale');
  const scale = scaleNode === undefined ? 0 : smallInteger(scaleNode);
  if (precision === undefined || scale === undefined) return undefined;
  if (precision <= 0 || scale < 0 || scale > precision) return undefined;
  if (type.kind === 'fixed' && precision > maxPrecision(type.size)) return undefined;
  return { name: 'decimal', precision, scale };
}

/** Decimal digits that a two's complement number of `size` bytes always holds. */
function maxPrecision(size: number): number {
  return size === 0 ? 0 : Math.floor(Math.log10(2) * (8 * size - 1));
}

function smallInteger(node: JsonNode | undefined): number | undefined {
  return node?.kind === 'number' && inRange(node.text, INT_MIN, INT_MAX) ? Number(node.text) : undefined;
}
