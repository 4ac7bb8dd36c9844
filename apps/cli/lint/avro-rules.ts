import { avroParts, jsonRoot, textOf, type AvroPart } from './avro-parts.js';
import { CAMEL_OR_SNAKE, PASCAL, UPPER_SNAKE, type LintHit, type LintRule } from './rule.js';

type Look = (part: AvroPart) => string | undefined;

/** A rule that looks at each part by itself. */
function each(look: Look): LintRule['look'] {
  return ({ text }) =>
    avroParts(text).flatMap((part): LintHit[] => {
      const message = look(part);
      return message === undefined ? [] : [{ at: part.nameAt, path: part.path, message, found: part.name }];
    });
}

const isNamed = ({ kind }: AvroPart): boolean => kind !== 'field';

export const AVRO_LINT_RULES: readonly LintRule[] = [
  {
    id: 'lint/avro-type-name',
    category: 'standard',
    severity: 'warning',
    schemaType: 'AVRO',
    title: 'names of types in PascalCase',
    purpose: 'Generated classes carry these names; in every language their first letter is a capital.',
    fix: 'Rename it with an alias for the former name, so that old data stay readable.',
    before: '{"type": "record", "name": "order_line", "namespace": "shop", "fields": []}',
    after: '{"type": "record", "name": "OrderLine", "namespace": "shop", "fields": []}',
    look: each((part) =>
      isNamed(part) && !PASCAL.test(part.name.slice(part.name.lastIndexOf('.') + 1))
        ? `The type '${part.name}' is not in PascalCase.`
        : undefined,
    ),
  },
  {
    id: 'lint/avro-field-name',
    category: 'standard',
    severity: 'warning',
    schemaType: 'AVRO',
    title: 'names of fields begin with a small letter',
    purpose: 'A field and a type of one name are told apart, and generated members look like members.',
    fix: 'Rename it with an alias for the former name.',
    before: '{"type": "record", "name": "R", "namespace": "shop", "fields": [{"name": "Total", "type": "long"}]}',
    after: '{"type": "record", "name": "R", "namespace": "shop", "fields": [{"name": "total", "type": "long"}]}',
    look: each((part) =>
      part.kind === 'field' && !CAMEL_OR_SNAKE.test(part.name)
        ? `The field '${part.name}' is in neither camelCase nor snake_case.`
        : undefined,
    ),
  },
  {
    id: 'lint/avro-namespace',
    category: 'standard',
    severity: 'warning',
    schemaType: 'AVRO',
    title: 'the outermost type has a namespace',
    purpose:
      'Without one, two teams’ types of one name meet when a schema refers to both, and generated classes land in no package.',
    fix: 'Give it a namespace before it is registered for the first time; adding one later renames the type.',
    before: '{"type": "record", "name": "Order", "fields": []}',
    after: '{"type": "record", "name": "Order", "namespace": "shop", "fields": []}',
    look: each((part) =>
      part.isRoot && isNamed(part) && !part.name.includes('.') && !textOf(part.node, 'namespace')
        ? `The type '${part.name}' has no namespace.`
        : undefined,
    ),
  },
  {
    id: 'lint/avro-enum-symbol',
    category: 'standard',
    severity: 'warning',
    schemaType: 'AVRO',
    title: 'symbols of enums in UPPER_SNAKE_CASE',
    purpose: 'They become constants.',
    fix: 'Write them in capitals before the enum is used; a renamed symbol is a new one.',
    before:
      '{"type": "enum", "name": "State", "namespace": "shop", "symbols": ["UNKNOWN", "shipped"], "default": "UNKNOWN"}',
    after:
      '{"type": "enum", "name": "State", "namespace": "shop", "symbols": ["UNKNOWN", "SHIPPED"], "default": "UNKNOWN"}',
    look: ({ text }) =>
      avroParts(text).flatMap(({ kind, node, path }) => {
        const symbols = kind === 'enum' ? node.members.get('symbols') : undefined;
        if (symbols?.kind !== 'array') return [];
        return symbols.items.flatMap((symbol) =>
          symbol.kind === 'string' && !UPPER_SNAKE.test(symbol.value)
            ? [
                {
                  at: symbol.at,
                  path,
                  message: `The symbol '${symbol.value}' is not in UPPER_SNAKE_CASE.`,
                  found: symbol.value,
                },
              ]
            : [],
        );
      }),
  },
  {
    id: 'lint/avro-enum-default',
    category: 'standard',
    severity: 'warning',
    schemaType: 'AVRO',
    title: 'enums have a default symbol',
    purpose:
      'Without one, no symbol can ever be added at a forward compatible level: readers of the old form fail on it.',
    fix: 'Add a symbol such as UNKNOWN and name it as `default`.',
    before: '{"type": "enum", "name": "State", "namespace": "shop", "symbols": ["NEW"]}',
    after:
      '{"type": "enum", "name": "State", "namespace": "shop", "symbols": ["UNKNOWN", "NEW"], "default": "UNKNOWN"}',
    look: each(({ kind, node, name }) =>
      kind === 'enum' && !node.members.has('default') ? `The enum '${name}' has no default symbol.` : undefined,
    ),
  },
  {
    id: 'lint/avro-optional-default',
    category: 'standard',
    severity: 'warning',
    schemaType: 'AVRO',
    title: 'fields that may be null have a default',
    purpose: 'Without one, the field can neither be left out by old writers nor removed later.',
    fix: 'Put "null" first in the union and add "default": null.',
    before:
      '{"type": "record", "name": "R", "namespace": "shop", "fields": [{"name": "note", "type": ["null", "string"]}]}',
    after:
      '{"type": "record", "name": "R", "namespace": "shop", "fields": [{"name": "note", "type": ["null", "string"], "default": null}]}',
    look: each(({ kind, node, name }) => {
      const type = kind === 'field' ? node.members.get('type') : undefined;
      const nullable =
        type?.kind === 'array' && type.items.some((branch) => branch.kind === 'string' && branch.value === 'null');
      return nullable && !node.members.has('default')
        ? `The field '${name}' may be null and has no default.`
        : undefined;
    }),
  },
  {
    id: 'lint/avro-root-record',
    category: 'strict',
    severity: 'warning',
    schemaType: 'AVRO',
    title: 'the outermost type is a record',
    purpose: 'A record can grow; a union or a plain type at the top cannot get a field.',
    fix: 'Wrap it in a record with one field.',
    before: '["null", "string"]',
    after: '{"type": "record", "name": "Text", "namespace": "shop", "fields": [{"name": "text", "type": "string"}]}',
    look: ({ text }) => {
      const root = jsonRoot(text);
      if (root === undefined || (root.kind === 'object' && textOf(root, 'type') === 'record')) return [];
      return [{ at: root.at, path: '', message: 'The outermost type is no record.', found: null }];
    },
  },
  {
    id: 'lint/avro-type-doc',
    category: 'strict',
    severity: 'info',
    schemaType: 'AVRO',
    title: 'types are described',
    purpose: 'What a type stands for is read by everybody who consumes it.',
    fix: 'Add "doc".',
    before: '{"type": "record", "name": "Order", "namespace": "shop", "fields": []}',
    after: '{"type": "record", "name": "Order", "namespace": "shop", "doc": "What somebody buys.", "fields": []}',
    look: each((part) =>
      isNamed(part) && !textOf(part.node, 'doc')?.trim() ? `The type '${part.name}' has no doc.` : undefined,
    ),
  },
  {
    id: 'lint/avro-field-doc',
    category: 'strict',
    severity: 'info',
    schemaType: 'AVRO',
    title: 'fields are described',
    purpose: 'Units and meanings are not in a name.',
    fix: 'Add "doc".',
    before:
      '{"type": "record", "name": "R", "namespace": "shop", "doc": "A.", "fields": [{"name": "weight", "type": "int"}]}',
    after:
      '{"type": "record", "name": "R", "namespace": "shop", "doc": "A.", "fields": [{"name": "weight", "type": "int", "doc": "In grams."}]}',
    look: each(({ kind, node, name }) =>
      kind === 'field' && !textOf(node, 'doc')?.trim() ? `The field '${name}' has no doc.` : undefined,
    ),
  },
];
