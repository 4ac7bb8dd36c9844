import { jsonRoot, textOf } from './avro-parts.js';
import { PASCAL, SNAKE, UPPER_SNAKE, type LintHit, type LintRule } from './rule.js';

/** The text with comments and strings blanked, so that places stay. */
function plainProto(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g, (found) =>
    found.replace(/[^\n]/g, ' '),
  );
}

/** A rule over what a pattern finds in a Protobuf text; its first group is a name. */
function named(
  pattern: RegExp,
  accepts: (name: string) => boolean,
  message: (name: string) => string,
): LintRule['look'] {
  return ({ text }) =>
    [...plainProto(text).matchAll(pattern)].flatMap((match): LintHit[] => {
      const name = match[1]!;
      return accepts(name)
        ? []
        : [{ at: match.index + match[0].lastIndexOf(name), path: name, message: message(name), found: name }];
    });
}

export const OTHER_LINT_RULES: readonly LintRule[] = [
  {
    id: 'lint/subject-suffix',
    category: 'standard',
    severity: 'warning',
    schemaType: null,
    title: 'subjects end with -value or -key, or are a type’s full name',
    purpose: 'Serializers find schemas by these names; under another name a schema is registered and never used.',
    fix: 'Name the subject after its topic with -value or -key, or after the full name of its type.',
    before: '{"type": "record", "name": "Order", "namespace": "shop", "fields": []}',
    after: '{"type": "record", "name": "Order", "namespace": "shop", "fields": []}',
    look: ({ subject }) => {
      const name = subject.slice(subject.lastIndexOf(':') + 1);
      return /-(value|key)$/.test(name) || /^[\w]+(\.[\w]+)+$/.test(name)
        ? []
        : [
            {
              at: 0,
              path: '',
              message: `The subject '${subject}' ends with neither -value nor -key, and is no full name of a type.`,
              found: subject,
            },
          ];
    },
  },
  {
    id: 'lint/json-draft',
    category: 'standard',
    severity: 'warning',
    schemaType: 'JSON',
    title: 'JSON Schemas say their draft',
    purpose: 'Without $schema validators take different drafts for granted, and keywords mean different things.',
    fix: 'Add "$schema": "http://json-schema.org/draft-07/schema#", or a later draft.',
    before: '{"type": "object", "title": "Order"}',
    after: '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "title": "Order"}',
    look: ({ text }) => {
      const root = jsonRoot(text);
      return root?.kind === 'object' && textOf(root, '$schema') === undefined
        ? [{ at: root.at, path: '', message: 'The schema does not say its draft ($schema).', found: null }]
        : [];
    },
  },
  {
    id: 'lint/json-title',
    category: 'standard',
    severity: 'warning',
    schemaType: 'JSON',
    title: 'JSON Schemas have a title',
    purpose: 'It is the name of the type for generators and record name strategies.',
    fix: 'Add "title".',
    before: '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}',
    after: '{"$schema": "http://json-schema.org/draft-07/schema#", "title": "Order", "type": "object"}',
    look: ({ text }) => {
      const root = jsonRoot(text);
      return root?.kind === 'object' && !textOf(root, 'title')
        ? [{ at: root.at, path: '', message: 'The schema has no title.', found: null }]
        : [];
    },
  },
  {
    id: 'lint/proto-package',
    category: 'standard',
    severity: 'warning',
    schemaType: 'PROTOBUF',
    title: 'Protobuf files have a package',
    purpose: 'Without one, messages of one name meet when files are compiled together.',
    fix: 'Add `package name;`.',
    before: 'syntax = "proto3";\nmessage Order {}\n',
    after: 'syntax = "proto3";\npackage shop;\nmessage Order {}\n',
    look: ({ text }) =>
      /(?:^|[\s;])package\s+[\w.]+\s*;/.test(plainProto(text))
        ? []
        : [{ at: 0, path: '', message: 'The file has no package.', found: null }],
  },
  {
    id: 'lint/proto-message-name',
    category: 'standard',
    severity: 'warning',
    schemaType: 'PROTOBUF',
    title: 'names of messages in PascalCase',
    purpose: 'Generated classes carry these names.',
    fix: 'Rename it before it is used; payloads do not carry names, generated code does.',
    before: 'syntax = "proto3";\npackage shop;\nmessage order_line {}\n',
    after: 'syntax = "proto3";\npackage shop;\nmessage OrderLine {}\n',
    look: named(
      /(?:^|[\s;{}])message\s+(\w+)/g,
      (name) => PASCAL.test(name),
      (name) => `The message '${name}' is not in PascalCase.`,
    ),
  },
  {
    id: 'lint/proto-field-name',
    category: 'standard',
    severity: 'warning',
    schemaType: 'PROTOBUF',
    title: 'names of fields in snake_case',
    purpose: 'Generators make the names of each language out of it; out of others they make different ones.',
    fix: 'Rename it; the number stays, and so do payloads. Names in JSON change.',
    before: 'syntax = "proto3";\npackage shop;\nmessage Order {\n  int64 totalCents = 1;\n}\n',
    after: 'syntax = "proto3";\npackage shop;\nmessage Order {\n  int64 total_cents = 1;\n}\n',
    look: named(
      /[\n{;]\s*(?:(?:optional|repeated|required)\s+)?(?:map\s*<[^>]*>|\.?[a-zA-Z_][\w.]*)\s+(\w+)\s*=\s*\d+\s*[;[]/g,
      (name) => SNAKE.test(name) || UPPER_SNAKE.test(name),
      (name) => `The field '${name}' is not in snake_case.`,
    ),
  },
];
