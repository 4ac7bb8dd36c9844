import { isTolerated, KINDS, type JsonDifferenceKind } from './kinds.js';
import { coveringSchema, hasDefault, isOpen, takesFurther } from './differ-object.js';
import { keywordOf, type CloserLook, type JsonWarningRule } from './closer-look.js';
import type { CombinedNode, SchemaNode } from './node.js';
import { Overlaps } from './overlap.js';
import type { JudgedPair } from './pairs.js';

type Where = JsonWarningRule['where'];

/** A keyword that the comparison does not look at. */
function ignored(
  name: string,
  keywords: readonly string[],
  refused: string,
  applies: (pair: JudgedPair, look: CloserLook) => boolean = () => true,
): JsonWarningRule {
  return {
    id: `json/unsound-${name}`,
    doubt: 'unsound',
    title: `${keywords.map((word) => `"${word}"`).join(', ')}: not compared`,
    where: (pair, look) =>
      applies(pair, look) ? keywords.filter((word) => look.changed(pair, word)).map((word) => [word]) : [],
    what: (place, reader, writer) =>
      `${place}: new or changed in the ${reader} schema against the ${writer} one, and not compared.`,
    breaks: refused,
    fix: (reader) => `Keep the keyword of the ${reader} schema as it was, or only make it accept more.`,
  };
}

function rule(
  name: string,
  title: string,
  where: Where,
  texts: Pick<JsonWarningRule, 'what' | 'breaks' | 'fix'>,
): JsonWarningRule {
  return { id: `json/unsound-${name}`, doubt: 'unsound', title, where, ...texts };
}

/** Judgements that call data readable which may be refused. */
export const UNSOUND: readonly JsonWarningRule[] = [
  ignored('format', ['format'], 'Validators that check formats refuse text of the former one.', sameKind),
  ignored(
    'content',
    ['contentEncoding', 'contentMediaType', 'contentSchema'],
    'Validators that look into the text refuse content of the former kind.',
  ),
  ignored('property-names', ['propertyNames'], 'Objects with names that were possible are refused.'),
  ignored(
    'conditional',
    ['if', 'then', 'else'],
    'Data that the former condition let through may be refused by the new one.',
  ),
  ignored(
    'contains',
    ['contains', 'minContains', 'maxContains'],
    'Arrays without, or with too many, such items are refused.',
  ),
  rule('pattern-properties', 'schemas of "patternProperties": not compared', changedPatterns, {
    what: (place, reader) => `${place}: what the ${reader} schema asks of these names is not compared.`,
    breaks: 'Values of properties whose names match may be refused.',
    fix: (reader) => `Keep the patterns of the ${reader} schema and what they ask for, or only make them accept more.`,
  }),
  rule('property-beside-patterns', 'names beside "patternProperties" count as excluded', besidePatterns, {
    what: (place, reader, writer) =>
      `${place} is new in the ${reader} schema; the ${writer} one has patterns and takes any other name as well.`,
    breaks: 'Data may hold the name already, with a value of any type.',
    fix: (_, writer) => `Make sure that no data of the ${writer} schema has the name.`,
  }),
  rule('required-undeclared', 'names in "required" that no "properties" declares', undeclared, {
    what: (place, reader) =>
      `${place} is required by the ${reader} schema, whose properties do not declare it or take any value for it.`,
    breaks: 'Data without the property is refused.',
    fix: (reader) => `Do not require it in the ${reader} schema.`,
  }),
  rule('required-with-default', 'a default counts as if validators filled it in', withDefault, {
    what: (place, reader) => `${place} is newly required by the ${reader} schema and has a default.`,
    breaks: 'Validators do not fill in defaults: data without the property is refused.',
    fix: (reader) => `Do not require it in the ${reader} schema, or fill in the default before validating.`,
  }),
  rule('implied-type', 'a "type" beside keywords of that type', impliedType, {
    what: (place, reader, writer) => `${place}: the ${reader} schema demands a type, the ${writer} one does not.`,
    breaks: 'Values of other types, to which the keywords do not apply, are refused.',
    fix: (_, writer) => `Make sure that no data of the ${writer} schema has a value of another type there.`,
  }),
  rule('exclusive-flag', 'draft 4: whether a bound is exclusive', exclusiveFlag, {
    what: (place, reader) => `${place}: the ${reader} schema excludes the bound itself.`,
    breaks: 'A value equal to the bound is refused.',
    fix: (reader) => `Leave the bound inclusive in the ${reader} schema.`,
  }),
  rule('exclusive-maximum', '"exclusiveMaximum" beneath a higher "maximum"', loweredExclusive, {
    what: (place, reader) => `${place} is lower in the ${reader} schema, and hidden behind a higher maximum.`,
    breaks: 'Numbers between the two bounds are refused.',
    fix: (reader) => `Keep the bound in the ${reader} schema.`,
  }),
  rule('multiple-of-fraction', 'only the whole parts of "multipleOf" are compared', fractionalMultiple, {
    what: (place, reader, writer) => `${place} of the ${reader} schema does not divide that of the ${writer} one.`,
    breaks: 'Multiples of the former number are refused.',
    fix: (reader) => `Use a number in the ${reader} schema that divides the former one.`,
  }),
  rule('one-of-overlap', 'alternatives of "oneOf" that a value may fit at once', overlappingAlternatives, {
    what: (place, reader) => `${place}: alternatives of the ${reader} schema's "oneOf" may fit one value together.`,
    breaks: 'A value that fits more than one of them is refused.',
    fix: () => 'Use "anyOf", or make the alternatives exclude one another (a required property with its own "const").',
  }),
  rule(
    'flattened-alternatives',
    'modern drafts: a member with several kinds of keywords counts as several members',
    flattened,
    {
      what: (place) =>
        `${place}: a member of the combination holds keywords of several kinds, which are compared as if each stood alone.`,
      breaks: 'Data may be refused that one of the parts alone would take.',
      fix: () => 'Put the parts of such a member into "allOf", or into a definition that it refers to.',
    },
  ),
  rule('unevaluated', 'what counts as evaluated is not worked out', unevaluated, {
    what: (place, reader) =>
      `${place}: the ${reader} schema restricts what its other parts leave over, and they have changed.`,
    breaks: 'Properties or items that used to be evaluated may be left over, and refused.',
    fix: (reader) => `Check with data that the ${reader} schema still takes what it took.`,
  }),
  rule('reference-chain', 'a reference that leads to a reference', referenceChain, {
    what: (place) => `${place} leads through two references, and what stands at their end is not compared.`,
    breaks: 'Whatever differs there goes unseen.',
    fix: () => 'Refer to the schema at the end directly.',
  }),
  rule('connect-bytes', 'types are not compared where "connect.type" is bytes', connectBytes, {
    what: (place) => `${place} has another type; the reference registry trusts "connect.type".`,
    breaks: 'Values of the former type are refused.',
    fix: (reader) => `Keep the type in the ${reader} schema.`,
  }),
  rule('lenient', 'the LENIENT policy tolerates content models that exclude data', lenient, {
    what: (place, reader) =>
      `${place}: refused under STRICT, tolerated under LENIENT; the ${reader} schema may exclude it.`,
    breaks: 'Data with further properties, or with the name used for something else, is refused.',
    fix: (_, writer) => `Make sure that no data of the ${writer} schema has such properties, or use the STRICT policy.`,
  }),
];

function sameKind({ original, update }: JudgedPair): boolean {
  return original.kind === update.kind;
}

function changedPatterns({ original, update }: JudgedPair, look: CloserLook): readonly (readonly string[])[] {
  if (update.kind !== 'object' || original.kind !== 'object') return [];
  const { patterns } = look.differ;
  const changed = [...update.patternProperties].some(([pattern, schema]) => {
    const before = original.patternProperties.get(pattern);
    return before === undefined || look.text(before.json) !== look.text(schema.json);
  });
  // A name that several patterns fit is held against the first of them only.
  const crowded = [...original.properties.keys()].some(
    (name) =>
      !update.properties.has(name) &&
      [...update.patternProperties.keys()].filter((pattern) => patterns.finds(pattern, name)).length > 1,
  );
  // Names that fitted a pattern which is gone now count among the further ones.
  const gone = [...original.patternProperties.keys()].some((pattern) => !update.patternProperties.has(pattern));
  const left = gone && (!update.permitsAdditional || update.additional !== null);
  return changed || crowded || left ? [['patternProperties']] : [];
}

function besidePatterns({ original, update }: JudgedPair, look: CloserLook): readonly (readonly string[])[] {
  if (original.kind !== 'object' || update.kind !== 'object') return [];
  if (original.patternProperties.size === 0 || !takesFurther(original)) return [];
  return [...update.properties]
    .filter(([name]) => !original.properties.has(name))
    .filter(
      ([name, schema]) => !acceptsAnything(schema) && coveringSchema(look.differ.patterns, original, name) === null,
    )
    .map(([name]) => ['properties', name]);
}

function acceptsAnything(node: SchemaNode): boolean {
  return node.kind === 'empty' || node.kind === 'true';
}

function undeclared({ original, update }: JudgedPair): readonly (readonly string[])[] {
  if (original.kind !== 'object' || update.kind !== 'object') return [];
  return [...update.required]
    .filter((name) => !original.required.has(name))
    .filter((name) => {
      const property = update.properties.get(name);
      if (property === undefined) return true;
      return !original.properties.has(name) && acceptsAnything(property) && isOpen(original);
    })
    .map((name) => ['required', name]);
}

function withDefault({ original, update }: JudgedPair): readonly (readonly string[])[] {
  if (original.kind !== 'object' || update.kind !== 'object') return [];
  return [...update.required]
    .filter((name) => !original.required.has(name))
    .filter((name) => {
      const property = update.properties.get(name);
      return property !== undefined && hasDefault(property) && (original.properties.has(name) || !isOpen(original));
    })
    .map((name) => ['required', name]);
}

function impliedType({ original, update }: JudgedPair): readonly (readonly string[])[] {
  const typed = ['object', 'array', 'string', 'number'].includes(update.kind) && update.kind === original.kind;
  return typed && keywordOf(update, 'type') !== undefined && keywordOf(original, 'type') === undefined
    ? [['type']]
    : [];
}

function exclusiveFlag({ original, update }: JudgedPair): readonly (readonly string[])[] {
  const set = (node: SchemaNode, name: string): boolean => {
    const flag = keywordOf(node, name);
    return flag?.kind === 'boolean' && flag.value;
  };
  return ['exclusiveMinimum', 'exclusiveMaximum']
    .filter((name) => set(update, name) && !set(original, name))
    .map((name) => [name]);
}

function loweredExclusive({ original, update }: JudgedPair): readonly (readonly string[])[] {
  if (original.kind !== 'number' || update.kind !== 'number') return [];
  const [before, after, maximum] = [original.exclusiveMaximum, update.exclusiveMaximum, update.maximum];
  if (before === null || after === null || maximum === null) return [];
  return Number(before) > Number(after) && Number(before) <= Number(maximum) ? [['exclusiveMaximum']] : [];
}

/** What is tolerated by the whole parts, and is no multiple by the numbers themselves, near enough. */
function fractionalMultiple({ original, update }: JudgedPair): readonly (readonly string[])[] {
  if (original.kind !== 'number' || update.kind !== 'number') return [];
  const [before, after] = [Number(original.multipleOf ?? 0), Number(update.multipleOf ?? 0)];
  if (before === 0 || after === 0 || (Number.isInteger(before) && Number.isInteger(after))) return [];
  const times = before / after;
  return Math.abs(times - Math.round(times)) > 1e-9 * Math.abs(times) ? [['multipleOf']] : [];
}

function overlappingAlternatives({ original, update }: JudgedPair, look: CloserLook): readonly (readonly string[])[] {
  if (update.kind !== 'combined' || update.criterion !== 'oneOf' || update.members.length < 2) return [];
  if (look.text(original.json) === look.text(update.json)) return [];
  const { members } = update;
  look.differ.spend(members.length * members.length);
  const overlaps = new Overlaps((steps) => look.differ.spend(steps));
  return members.some((one, i) => members.slice(i + 1).some((other) => overlaps.possible(one, other))) ? [[]] : [];
}

function flattened({ original, update }: JudgedPair, look: CloserLook): readonly (readonly string[])[] {
  if (look.text(original.json) === look.text(update.json)) return [];
  return [original, update].some((node) => node.kind === 'combined' && isFlattened(node)) ? [[]] : [];
}

function isFlattened(node: CombinedNode): boolean {
  const written = keywordOf(node, node.criterion);
  return (
    !node.generated &&
    node.criterion !== 'allOf' &&
    written?.kind === 'array' &&
    written.items.length !== node.members.length
  );
}

const APPLICATORS = ['allOf', 'anyOf', 'oneOf', 'if', '$ref', '$dynamicRef', 'dependentSchemas', 'contains'];

function unevaluated({ original, update }: JudgedPair, look: CloserLook): readonly (readonly string[])[] {
  return ['unevaluatedProperties', 'unevaluatedItems']
    .filter((keyword) => {
      if (keywordOf(update, keyword) === undefined || look.text(original.json) === look.text(update.json)) return false;
      // An unknown keyword beside it makes the reference forget it.
      const forgotten = (update.kind === 'object' || update.kind === 'array') && update.unevaluated === null;
      return forgotten || APPLICATORS.some((word) => keywordOf(update, word) !== undefined);
    })
    .map((keyword) => [keyword]);
}

function referenceChain({ original, update }: JudgedPair, look: CloserLook): readonly (readonly string[])[] {
  if (original.kind !== 'reference' && update.kind !== 'reference') return [];
  const end = (node: SchemaNode): SchemaNode => {
    let at = node;
    for (let i = 0; at.kind === 'reference' && at.target !== null && i < 1_000; i++) at = at.target;
    return at;
  };
  return look.text(end(original).json) === look.text(end(update).json) ? [] : [[]];
}

function connectBytes({ original, update }: JudgedPair): readonly (readonly string[])[] {
  return original.kind !== update.kind && original.connectBytes && update.connectBytes && !acceptsAnything(update)
    ? [[]]
    : [];
}

/** Kinds that LENIENT alone tolerates, wherever the comparison of this pair found them. */
function lenient({ original, update }: JudgedPair, look: CloserLook): readonly (readonly string[])[] {
  if (look.policy !== 'LENIENT') return [];
  return look.differ
    .compare(original, update)
    .ownDifferences()
    .filter(({ kind }) => isLenientOnly(kind))
    .map(({ own }) => own);
}

function isLenientOnly(kind: JsonDifferenceKind): boolean {
  return KINDS[kind].tolerance !== 'always' && isTolerated(kind, 'LENIENT');
}
