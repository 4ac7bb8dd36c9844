import type { CompatibilityRule, Difference, Direction, Explanation } from '../format.js';
import { KINDS, type JsonDifferenceKind } from './kinds.js';

interface Family {
  readonly breaks: string;
  fix(reader: string, writer: string): string;
}

/** What breaks and what to do, by what the kinds have in common. */
const FAMILIES: readonly { readonly kinds: RegExp; readonly family: Family }[] = [
  {
    kinds: /_ADDED_TO_OPEN_CONTENT_MODEL$/,
    family: {
      breaks: 'Data may hold the name already, with a value of any type: the object was open to further members.',
      fix: () =>
        'Close the object ("additionalProperties": false), declare its further members ("additionalProperties": {…}), or set the compatibility policy to LENIENT; a required one also needs a default.',
    },
  },
  {
    kinds: /_NOT_COVERED_BY_/,
    family: {
      breaks: 'The schema for further members does not agree with the one for this member.',
      fix: () => 'Make the schema for further members accept what the member holds, or keep the member.',
    },
  },
  {
    kinds: /REMOVED_FROM_CLOSED/,
    family: {
      breaks: 'Data that has the member is refused: the object or array takes no further ones.',
      fix: (reader) => `Keep the member in the ${reader} schema, or let it take further ones.`,
    },
  },
  {
    kinds: /^REQUIRED_/,
    family: {
      breaks: 'Data without the property is refused.',
      fix: (reader) => `Give the property a default, or do not require it in the ${reader} schema.`,
    },
  },
  {
    kinds: /^(?:ADDITIONAL|UNEVALUATED)_/,
    family: {
      breaks: 'Data with further members is refused, or refused where they hold other values.',
      fix: (reader) =>
        `Let the ${reader} schema take the further members that were possible, or set the policy to LENIENT for properties.`,
    },
  },
  {
    kinds: /(?:SUM_TYPE_NARROWED|ENUM_ARRAY_NARROWED)/,
    family: {
      breaks: 'Data of the alternative that is gone is refused.',
      fix: (reader) => `Keep every alternative in the ${reader} schema; new ones may be added.`,
    },
  },
  {
    kinds: /PRODUCT_TYPE_EXTENDED/,
    family: {
      breaks: 'Data that does not meet the further condition is refused.',
      fix: (reader) =>
        `Do not add conditions to "allOf", or to a schema that has several already, in the ${reader} schema.`,
    },
  },
  {
    kinds: /^COMBINED_/,
    family: {
      breaks: 'There are alternatives or conditions for which no counterpart is compatible.',
      fix: () => 'Keep the kind of combination, and see that each member has a counterpart that it is compatible with.',
    },
  },
  {
    kinds: /NOT_TYPE_EXTENDED/,
    family: {
      breaks: 'Data that used to be allowed matches what must not match.',
      fix: (reader) => `Do not let the "not" of the ${reader} schema match more.`,
    },
  },
  {
    kinds: /^(?:TYPE_|SCHEMA_ADDED|ENUM_ARRAY_CHANGED)/,
    family: {
      breaks: 'Data of the former type or value is refused.',
      fix: (reader) => `Keep the former type in the ${reader} schema, if need be beside the new one in "anyOf".`,
    },
  },
];
const LIMITS: Family = {
  breaks: 'Data that met the former limit is refused.',
  fix: (reader) => `Do not add or tighten a limit in the ${reader} schema; loosening or removing one is fine.`,
};

/** Every kind that can break, as a rule of the catalogue. */
export const JSON_RULES: readonly CompatibilityRule[] = (Object.keys(KINDS) as JsonDifferenceKind[])
  .filter((kind) => KINDS[kind].tolerance !== 'always')
  .map((kind) => ({
    id: `json/${kind.toLowerCase().replaceAll('_', '-')}`,
    errorType: kind,
    title: kind.toLowerCase().replaceAll('_', ' '),
    breaks: familyOf(kind).breaks,
  }));

export function explainJson({ errorType, place, reader, writer }: Difference, direction: Direction): Explanation {
  const family = familyOf(errorType);
  const words: ['new' | 'old', 'new' | 'old'] = direction === 'new-reads-old' ? ['new', 'old'] : ['old', 'new'];
  const what = errorType.toLowerCase().replaceAll('_', ' ');
  return {
    what: `${place}: ${what} (${words[0]}: ${reader?.text || 'nothing'}; ${words[1]}: ${writer?.text || 'nothing'}).`,
    breaks: family.breaks,
    fix: family.fix(...words),
  };
}

function familyOf(kind: string): Family {
  return FAMILIES.find(({ kinds }) => kinds.test(kind))?.family ?? LIMITS;
}
