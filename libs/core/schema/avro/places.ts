import type { SchemaSpot } from '../format.js';
import { schemaSpot } from '../spots.js';
import { describeAvro } from './print.js';
import type { AvroField, AvroType } from './tree.js';

/** Segments below the root of a schema as the reference writes them: like a JSON pointer, the root as `/`. */
export function avroPath(segments: readonly string[]): string {
  return `/${segments.map((segment) => segment.replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`;
}

/** A type or field as text, and where it stands. */
export function avroSpot(part: AvroType | AvroField): SchemaSpot {
  const text = (): string => ('kind' in part ? describeAvro(part) : `field ${part.name}: ${describeAvro(part.type)}`);
  return schemaSpot(text, part.source, part.source.reference === null ? part.at : null);
}
