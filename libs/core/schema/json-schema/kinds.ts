import type { CompatibilityPolicy } from '../format.js';

/**
 * The kinds of difference between two JSON Schemas. `always` are tolerated, `lenient` only under the LENIENT policy, `never` under none. The reference's
 * sentence comes from `say`; kinds that are always tolerated are never shown and have none.
 */
type Tolerance = 'always' | 'lenient' | 'never';

/** Sentences of the reference. `{path}` is the path, `{r}` and `{w}` the words for the side of the reader and of the writer. */
const SAY = {
  keyword: "The keyword at path '{path}' in the {r} schema is not present in the {w} schema",
  more: "The value at path '{path}' in the {r} schema is more than its value in the {w} schema",
  less: "The value at path '{path}' in the {r} schema is less than its value in the {w} schema",
  value: "The value at path '{path}' is different between the {r} and {w} schema",
  narrowed: "An array or combined type at path '{path}' has fewer elements in the {r} schema than the {w} schema",
  extended: "An array or combined type at path '{path}' has more elements in the {r} schema than the {w} schema",
  type: "A type at path '{path}' is different between the {r} schema and the {w} schema",
  open: "The {r} schema has an open content model and has a property or item at path '{path}' which is missing in the {w} schema",
  unopen:
    "The {r} schema has an unopen content model and has a required property at path '{path}' which is missing in the {w} schema",
  closed:
    "The {r} has a closed content model and is missing a property or item present at path '{path}' in the {w} schema",
  uncoveredRemoved:
    "A property or item is missing in the {r} schema but present at path '{path}' in the {w} schema and is not covered by its partially open content model",
  uncoveredAdded:
    "The {r} schema has a property or item at path '{path}' which is missing in the {w} schema and is not covered by its partially open content model",
  nothing: '',
} as const;

export interface KindSpec {
  readonly tolerance: Tolerance;
  readonly say: keyof typeof SAY;
}

const never = (say: keyof typeof SAY): KindSpec => ({ tolerance: 'never', say });
const lenient = (say: keyof typeof SAY): KindSpec => ({ tolerance: 'lenient', say });
const always: KindSpec = { tolerance: 'always', say: 'nothing' };

/** A bound that may only be loosened: added or tightened breaks, removed or loosened does not. */
const upper = { ADDED: never('keyword'), REMOVED: always, INCREASED: always, DECREASED: never('less') };
const lower = { ADDED: never('keyword'), REMOVED: always, INCREASED: never('more'), DECREASED: always };
type Bounds<Name extends string> = { readonly [Way in keyof typeof upper as `${Name}_${Way}`]: KindSpec };
const bounds = <Name extends string>(name: Name, ways: typeof upper): Bounds<Name> =>
  Object.fromEntries(Object.entries(ways).map(([way, spec]) => [`${name}_${way}`, spec])) as Bounds<Name>;

export const KINDS = {
  ID_CHANGED: always,
  TITLE_CHANGED: always,
  DESCRIPTION_CHANGED: always,
  DEFAULT_CHANGED: always,
  SCHEMA_ADDED: never('nothing'),
  SCHEMA_REMOVED: always,
  TYPE_EXTENDED: always,
  TYPE_NARROWED: never('type'),
  TYPE_CHANGED: never('type'),
  ...bounds('MAX_LENGTH', upper),
  ...bounds('MIN_LENGTH', lower),
  PATTERN_ADDED: never('keyword'),
  PATTERN_REMOVED: always,
  PATTERN_CHANGED: never('value'),
  ...bounds('MAXIMUM', upper),
  ...bounds('MINIMUM', lower),
  ...bounds('EXCLUSIVE_MAXIMUM', upper),
  ...bounds('EXCLUSIVE_MINIMUM', lower),
  MULTIPLE_OF_ADDED: never('keyword'),
  MULTIPLE_OF_REMOVED: always,
  MULTIPLE_OF_EXPANDED: never('more'),
  MULTIPLE_OF_REDUCED: always,
  MULTIPLE_OF_CHANGED: never('value'),
  REQUIRED_ATTRIBUTE_ADDED: never('keyword'),
  REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED: always,
  REQUIRED_ATTRIBUTE_REMOVED: always,
  ...bounds('MAX_PROPERTIES', upper),
  ...bounds('MIN_PROPERTIES', lower),
  ADDITIONAL_PROPERTIES_ADDED: always,
  ADDITIONAL_PROPERTIES_REMOVED: lenient('keyword'),
  ADDITIONAL_PROPERTIES_EXTENDED: always,
  ADDITIONAL_PROPERTIES_NARROWED: lenient('narrowed'),
  UNEVALUATED_PROPERTIES_ADDED: always,
  UNEVALUATED_PROPERTIES_REMOVED: lenient('keyword'),
  UNEVALUATED_PROPERTIES_EXTENDED: always,
  UNEVALUATED_PROPERTIES_NARROWED: lenient('narrowed'),
  DEPENDENCY_ARRAY_ADDED: never('keyword'),
  DEPENDENCY_ARRAY_REMOVED: always,
  DEPENDENCY_ARRAY_EXTENDED: never('extended'),
  DEPENDENCY_ARRAY_NARROWED: always,
  DEPENDENCY_ARRAY_CHANGED: never('value'),
  DEPENDENCY_SCHEMA_ADDED: never('keyword'),
  DEPENDENCY_SCHEMA_REMOVED: always,
  PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL: always,
  REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL: never('open'),
  REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL: lenient('open'),
  OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL: lenient('open'),
  REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL: never('unopen'),
  REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_UNOPEN_CONTENT_MODEL: always,
  OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL: always,
  PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL: always,
  PROPERTY_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL: always,
  PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL: lenient('closed'),
  PROPERTY_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL: always,
  PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL: lenient('uncoveredRemoved'),
  PROPERTY_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL: always,
  PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL: lenient('uncoveredAdded'),
  ...bounds('MAX_ITEMS', upper),
  ...bounds('MIN_ITEMS', lower),
  ...bounds('MAX_CONTAINS', upper),
  ...bounds('MIN_CONTAINS', lower),
  UNIQUE_ITEMS_ADDED: never('keyword'),
  UNIQUE_ITEMS_REMOVED: always,
  ADDITIONAL_ITEMS_ADDED: always,
  ADDITIONAL_ITEMS_REMOVED: never('keyword'),
  ADDITIONAL_ITEMS_EXTENDED: always,
  ADDITIONAL_ITEMS_NARROWED: never('narrowed'),
  UNEVALUATED_ITEMS_ADDED: always,
  UNEVALUATED_ITEMS_REMOVED: never('keyword'),
  UNEVALUATED_ITEMS_EXTENDED: always,
  UNEVALUATED_ITEMS_NARROWED: never('narrowed'),
  ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL: always,
  ITEM_ADDED_TO_OPEN_CONTENT_MODEL: never('open'),
  ITEM_ADDED_TO_CLOSED_CONTENT_MODEL: always,
  ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL: always,
  ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL: always,
  ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL: never('closed'),
  ITEM_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL: always,
  ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL: never('uncoveredRemoved'),
  ITEM_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL: always,
  ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL: never('uncoveredAdded'),
  ENUM_ARRAY_EXTENDED: always,
  ENUM_ARRAY_NARROWED: never('narrowed'),
  ENUM_ARRAY_CHANGED: never('type'),
  COMBINED_TYPE_EXTENDED: always,
  COMBINED_TYPE_CHANGED: never('type'),
  COMBINED_TYPE_SUBSCHEMAS_CHANGED: never('type'),
  PRODUCT_TYPE_NARROWED: always,
  PRODUCT_TYPE_EXTENDED: never('extended'),
  SUM_TYPE_EXTENDED: always,
  SUM_TYPE_NARROWED: never('narrowed'),
  NOT_TYPE_NARROWED: always,
  NOT_TYPE_EXTENDED: never('extended'),
} as const satisfies Record<string, KindSpec>;

export type JsonDifferenceKind = keyof typeof KINDS;

/** Whether a difference of this kind leaves reader and writer compatible. */
export function isTolerated(kind: JsonDifferenceKind, policy: CompatibilityPolicy): boolean {
  const { tolerance }: KindSpec = KINDS[kind];
  return tolerance === 'always' || (tolerance === 'lenient' && policy === 'LENIENT');
}

/** The reference's sentence, empty for kinds that have none. Path and words are put in as they are: no format string is involved. */
export function sentence(kind: JsonDifferenceKind, path: string, reader: string, writer: string): string {
  const template: string = SAY[KINDS[kind].say];
  return template.replace(/\{path\}|\{r\}|\{w\}/g, (slot) =>
    slot === '{path}' ? path : slot === '{r}' ? reader : writer,
  );
}
