import type { JsonMembers, JsonNode } from '../lossless-json.js';

/**
 * JSON Schema as the typed tree that verdicts are defined on (the reference's loaders turn schema text into such nodes before they compare). Keywords of one
 * type form a node of that type; several of them on one schema object form a generated `allOf`.
 *
 * Nodes are compared by identity to recognise recursion, so who shares a node with whom is part of the meaning.
 */

export type JsonSchemaKind = SchemaNode['kind'];
export type SchemaNode =
  | EmptyNode
  | TrueNode
  | FalseNode
  | BooleanNode
  | NullNode
  | StringNode
  | NumberNode
  | ObjectNode
  | ArrayNode
  | EnumNode
  | ConstNode
  | NotNode
  | ConditionalNode
  | CombinedNode
  | ReferenceNode;

/** A text that schemas are written in. */
export interface JsonSchemaSource {
  readonly text: string;
  /** Name of the reference that brought it, null for the schema itself. */
  readonly reference: string | null;
}

export interface NodeBase {
  source: JsonSchemaSource;
  /** Index in the source text where the schema stands. */
  at: number;
  id: string | null;
  title: string | null;
  description: string | null;
  /** The default as text for comparing; undefined when there is none. */
  defaultText: string | undefined;
  /** Carries `"connect.type": "bytes"`, which makes two nodes comparable whatever their types. */
  connectBytes: boolean;
  /** The schema it was made of. */
  json: JsonNode;
  /** The schema object whose keywords beyond those of the typed tree belong to this node; null for a part of a generated combination. */
  rest: JsonMembers | null;
}

export interface EmptyNode extends NodeBase {
  kind: 'empty';
}
export interface TrueNode extends NodeBase {
  kind: 'true';
}
export interface FalseNode extends NodeBase {
  kind: 'false';
}
export interface BooleanNode extends NodeBase {
  kind: 'boolean';
}
export interface NullNode extends NodeBase {
  kind: 'null';
}
export interface StringNode extends NodeBase {
  kind: 'string';
  minLength: number | null;
  maxLength: number | null;
  pattern: string | null;
}
/** Numbers as spelled, so that comparing can be exact. */
export interface NumberNode extends NodeBase {
  kind: 'number';
  minimum: string | null;
  maximum: string | null;
  exclusiveMinimum: string | null;
  exclusiveMaximum: string | null;
  multipleOf: string | null;
  integer: boolean;
}
export interface ObjectNode extends NodeBase {
  kind: 'object';
  properties: Map<string, SchemaNode>;
  required: Set<string>;
  minProperties: number | null;
  maxProperties: number | null;
  propertyDependencies: Map<string, ReadonlySet<string>>;
  schemaDependencies: Map<string, SchemaNode>;
  patternProperties: Map<string, SchemaNode>;
  permitsAdditional: boolean;
  additional: SchemaNode | null;
  /** Modern drafts only. */
  unevaluated: SchemaNode | null;
}
export interface ArrayNode extends NodeBase {
  kind: 'array';
  allItems: SchemaNode | null;
  items: SchemaNode[] | null;
  permitsAdditional: boolean;
  additional: SchemaNode | null;
  minItems: number | null;
  maxItems: number | null;
  uniqueItems: boolean;
  /** Modern drafts only. */
  unevaluated: SchemaNode | null;
  /** In the classic drafts only where they are spelled out, on an array that is the whole schema. */
  minContains: number | null;
  maxContains: number | null;
}
export interface EnumNode extends NodeBase {
  kind: 'enum';
  /** Values as text for comparing. */
  values: ReadonlySet<string>;
}
export interface ConstNode extends NodeBase {
  kind: 'const';
  value: string;
}
export interface NotNode extends NodeBase {
  kind: 'not';
  inner: SchemaNode;
}
export interface ConditionalNode extends NodeBase {
  kind: 'conditional';
}
export type Criterion = 'allOf' | 'anyOf' | 'oneOf';
export interface CombinedNode extends NodeBase {
  kind: 'combined';
  criterion: Criterion;
  members: readonly SchemaNode[];
  /** Made of the keywords of one schema object, not written as a combination. */
  generated: boolean;
}
export interface ReferenceNode extends NodeBase {
  kind: 'reference';
  /** Filled once everything is loaded. */
  target: SchemaNode | null;
}

/** The empty bearer of annotations that every node starts from. */
export function nodeBase(source: JsonSchemaSource, json: JsonNode): NodeBase {
  return {
    source,
    at: json.at,
    id: null,
    title: null,
    description: null,
    defaultText: undefined,
    connectBytes: false,
    json,
    rest: null,
  };
}

// The members are written out: spreading the base took half of the time in which a schema of many properties is loaded.

export function stringNode(base: NodeBase): StringNode {
  return {
    source: base.source,
    at: base.at,
    id: base.id,
    title: base.title,
    description: base.description,
    defaultText: base.defaultText,
    connectBytes: base.connectBytes,
    json: base.json,
    rest: base.rest,
    kind: 'string',
    minLength: null,
    maxLength: null,
    pattern: null,
  };
}

export function numberNode(base: NodeBase): NumberNode {
  return {
    source: base.source,
    at: base.at,
    id: base.id,
    title: base.title,
    description: base.description,
    defaultText: base.defaultText,
    connectBytes: base.connectBytes,
    json: base.json,
    rest: base.rest,
    kind: 'number',
    minimum: null,
    maximum: null,
    exclusiveMinimum: null,
    exclusiveMaximum: null,
    multipleOf: null,
    integer: false,
  };
}

export function objectNode(base: NodeBase): ObjectNode {
  return {
    source: base.source,
    at: base.at,
    id: base.id,
    title: base.title,
    description: base.description,
    defaultText: base.defaultText,
    connectBytes: base.connectBytes,
    json: base.json,
    rest: base.rest,
    kind: 'object',
    properties: new Map(),
    required: new Set(),
    minProperties: null,
    maxProperties: null,
    propertyDependencies: new Map(),
    schemaDependencies: new Map(),
    patternProperties: new Map(),
    permitsAdditional: true,
    additional: null,
    unevaluated: null,
  };
}

export function arrayNode(base: NodeBase): ArrayNode {
  return {
    source: base.source,
    at: base.at,
    id: base.id,
    title: base.title,
    description: base.description,
    defaultText: base.defaultText,
    connectBytes: base.connectBytes,
    json: base.json,
    rest: base.rest,
    kind: 'array',
    allItems: null,
    items: null,
    permitsAdditional: true,
    additional: null,
    minItems: null,
    maxItems: null,
    uniqueItems: false,
    unevaluated: null,
    minContains: null,
    maxContains: null,
  };
}

/**
 * What a `$ref` leads to. One step only: a reference to a reference stays a reference, as in the reference registry, and two of them are never told apart.
 */
export function dereferenced(node: SchemaNode): SchemaNode {
  return node.kind === 'reference' && node.target !== null ? node.target : node;
}
