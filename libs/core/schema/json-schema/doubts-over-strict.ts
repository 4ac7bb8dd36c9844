import { coveringSchema, takesFurther } from './differ-object.js';
import type { CloserLook, JsonWarningRule } from './closer-look.js';
import type { JudgedPair } from './pairs.js';

function rule(
  name: string,
  title: string,
  where: JsonWarningRule['where'],
  texts: Pick<JsonWarningRule, 'what' | 'breaks' | 'fix'>,
): JsonWarningRule {
  return { id: `json/over-strict-${name}`, doubt: 'over-strict', title, where, ...texts };
}

/** Judgements that refuse what data could not fail on. */
export const OVER_STRICT: readonly JsonWarningRule[] = [
  rule('alternatives', 'one schema in the place of alternatives that it covers', coveredAlternatives, {
    what: (place, reader, writer) =>
      `${place}: the ${reader} schema takes every alternative of the ${writer} one, and is refused for being no combination.`,
    breaks: 'Nothing: each alternative by itself can be read.',
    fix: (reader) => `Write the ${reader} schema as "anyOf" with that one member.`,
  }),
  rule('number-format', '"format" beside a type other than string', numberFormat, {
    what: (place) => `${place}: "format" is taken for a keyword of strings, which would be a second type.`,
    breaks: 'Nothing: validators do not apply it to other types, or take it for a note.',
    fix: (reader) => `Leave "format" out of the ${reader} schema where the type is not string.`,
  }),
  rule('equivalent-bound', 'a bound written with the other keyword', equivalentBound, {
    what: (place, reader, writer) => `${place} of the ${reader} schema excludes nothing that the ${writer} one allows.`,
    breaks: 'Nothing: the former bound keeps all numbers within the new one.',
    fix: (reader) => `Write the bound in the ${reader} schema with the keyword it was written with.`,
  }),
  rule('pattern', 'patterns are compared as text', otherPattern, {
    what: (place) => `${place}: which texts two patterns share is not looked into.`,
    breaks: 'Nothing, if the new pattern takes every text that the old one took.',
    fix: (reader) => `Keep the pattern of the ${reader} schema, or take it away.`,
  }),
  rule('const-to-enum', 'a constant and an enum that holds it', constantAndEnum, {
    what: (place, reader, writer) =>
      `${place}: the value of the ${writer} schema is one of those of the ${reader} one.`,
    breaks: 'Nothing: the value is accepted.',
    fix: () => 'Begin with an "enum" of one value where more may follow.',
  }),
  rule('any-additional', '"additionalProperties": {} counts as narrower than true', anyAdditional, {
    what: (place) => `${place}: a schema that accepts everything is taken for one that excludes something.`,
    breaks: 'Nothing: it accepts every value.',
    fix: (reader) => `Write true in the ${reader} schema, or leave the keyword out.`,
  }),
  rule('property-beside-patterns', 'names beside "patternProperties" count as excluded', besidePatterns, {
    what: (place, reader) =>
      `${place} is not declared by the ${reader} schema, which takes any name beside its patterns.`,
    breaks: 'Nothing: the property is accepted with any value.',
    fix: (reader) => `Keep the property in the ${reader} schema.`,
  }),
];

type Places = readonly (readonly string[])[];

function coveredAlternatives({ original, update, compatible }: JudgedPair, look: CloserLook): Places {
  if (compatible || original.kind !== 'combined' || update.kind === 'combined') return [];
  if (original.criterion === 'allOf' || original.members.length < 2) return [];
  return original.members.every((member) => look.differ.compare(member, update).compatible) ? [[]] : [];
}

function numberFormat(pair: JudgedPair, look: CloserLook): Places {
  const { original, update, compatible } = pair;
  if (compatible || update.kind !== 'combined' || !update.generated || !look.changed(pair, 'format')) return [];
  const others = update.members.filter(({ kind }) => kind !== 'string');
  if (others.length !== 1 || update.members.length !== 2) return [];
  return look.differ.compare(original, others[0]!).compatible ? [['format']] : [];
}

function equivalentBound({ original, update }: JudgedPair): Places {
  if (original.kind !== 'number' || update.kind !== 'number') return [];
  const value = (text: string | null): number => (text === null ? NaN : Number(text));
  const places: string[][] = [];
  if (original.exclusiveMinimum === null && value(original.minimum) > value(update.exclusiveMinimum)) {
    places.push(['exclusiveMinimum']);
  }
  if (original.minimum === null && value(original.exclusiveMinimum) >= value(update.minimum)) places.push(['minimum']);
  if (original.exclusiveMaximum === null && value(original.maximum) < value(update.exclusiveMaximum)) {
    places.push(['exclusiveMaximum']);
  }
  if (original.maximum === null && value(original.exclusiveMaximum) <= value(update.maximum)) places.push(['maximum']);
  return places;
}

function otherPattern({ original, update }: JudgedPair): Places {
  if (original.kind !== 'string' || update.kind !== 'string') return [];
  const [before, after] = [original.pattern, update.pattern];
  return before !== null && after !== null && before !== after ? [['pattern']] : [];
}

function constantAndEnum({ original, update, compatible }: JudgedPair): Places {
  if (compatible) return [];
  if (original.kind === 'const' && update.kind === 'enum') return update.values.has(original.value) ? [['enum']] : [];
  if (original.kind !== 'enum' || update.kind !== 'const') return [];
  return original.values.size === 1 && original.values.has(update.value) ? [['const']] : [];
}

function anyAdditional({ original, update }: JudgedPair): Places {
  if (original.kind !== 'object' || update.kind !== 'object') return [];
  const narrowed = original.permitsAdditional && original.additional === null && update.additional?.kind === 'empty';
  return narrowed ? [['additionalProperties']] : [];
}

function besidePatterns({ original, update }: JudgedPair, look: CloserLook): Places {
  if (original.kind !== 'object' || update.kind !== 'object') return [];
  if (update.patternProperties.size === 0 || !takesFurther(update)) return [];
  return [...original.properties]
    .filter(([name, { kind }]) => kind !== 'false' && !update.properties.has(name))
    .filter(([name]) => coveringSchema(look.differ.patterns, update, name) === null)
    .map(([name]) => ['properties', name]);
}
