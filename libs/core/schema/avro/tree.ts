import type { JsonNode } from '../lossless-json.js';

/**
 * An Avro schema as a graph of types. All uses of a named type share one node (identity is what recursion is recognised by); every other type
 * has a node of its own wherever it is written. Built by `parse`, never changed afterwards.
 */

export const AVRO_PRIMITIVES = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const;
export type AvroPrimitiveKind = (typeof AVRO_PRIMITIVES)[number];
export type AvroKind = AvroType['kind'];

export type AvroType = AvroPrimitive | AvroArray | AvroMap | AvroUnion | AvroNamedType;
export type AvroNamedType = AvroRecord | AvroEnum | AvroFixed;

/** A text that types were read from. */
export interface AvroSource {
  readonly text: string;
  /** Name of the reference that brought it, null for the schema itself. */
  readonly reference: string | null;
}

interface Node {
  readonly source: AvroSource;
  /** Index in the source text where the type is written. */
  readonly at: number;
  /** Everything the language does not know, logical types included, in the order written. */
  readonly props: ReadonlyMap<string, JsonNode>;
}

export interface AvroPrimitive extends Node {
  readonly kind: AvroPrimitiveKind;
}
export interface AvroArray extends Node {
  readonly kind: 'array';
  readonly items: AvroType;
}
export interface AvroMap extends Node {
  readonly kind: 'map';
  readonly values: AvroType;
}
export interface AvroUnion extends Node {
  readonly kind: 'union';
  readonly branches: readonly AvroType[];
}

/** A name and the namespace it lives in. */
export interface AvroName {
  readonly simple: string;
  /** Null for the null namespace. */
  readonly namespace: string | null;
  readonly full: string;
}

interface Named extends Node {
  readonly name: AvroName;
  readonly doc: string | null;
  /** Distinct, in the order written. */
  readonly aliases: readonly AvroName[];
}

export interface AvroRecord extends Named {
  readonly kind: 'record';
  /** Declared as `error`. The same thing in every respect but its printed form. */
  readonly isError: boolean;
  readonly fields: readonly AvroField[];
}
export interface AvroEnum extends Named {
  readonly kind: 'enum';
  readonly symbols: readonly string[];
  /** Symbol that stands for those a reader does not know; null when there is none. */
  readonly defaultSymbol: string | null;
}
export interface AvroFixed extends Named {
  readonly kind: 'fixed';
  /** Bytes. */
  readonly size: number;
}

export interface AvroField {
  readonly name: string;
  readonly type: AvroType;
  readonly doc: string | null;
  /** Undefined when the field has none; a JSON null is a default like any other. */
  readonly defaultValue: JsonNode | undefined;
  readonly order: 'ascending' | 'descending' | 'ignore';
  readonly aliases: readonly string[];
  readonly props: ReadonlyMap<string, JsonNode>;
  readonly source: AvroSource;
  readonly at: number;
}

/** Whether the type has a name. */
export function isNamed(type: AvroType): type is AvroNamedType {
  return type.kind === 'record' || type.kind === 'enum' || type.kind === 'fixed';
}

/** Whether the type is one of the eight that need no definition. */
export function isPrimitiveType(type: AvroType): type is AvroPrimitive {
  return (AVRO_PRIMITIVES as readonly string[]).includes(type.kind);
}

/** Full name of a named type; the kind of any other. Unique within a union. */
export function typeName(type: AvroType): string {
  return isNamed(type) ? type.name.full : type.kind;
}
