import type { JsonNode } from '#libs/core/schema';
import type { ProjectSchema } from '../project/project.js';
import { jsonRoot } from './avro-parts.js';

const WIDTH = 100;

/**
 * The text as `weir fmt` writes it; undefined where it cannot be read. JSON: two spaces, short lists and objects on one line, members and numbers as they are written.
 * Protobuf: no blanks at line ends, one line end at the end; a comment is nobody's to move.
 */
export function formattedText({ schemaType, text }: Pick<ProjectSchema, 'schemaType' | 'text'>): string | undefined {
  if (schemaType === 'PROTOBUF')
    return `${text
      .replace(/\r\n/g, '\n')
      .replace(/[ \t]+$/gm, '')
      .replace(/\n{3,}/g, '\n\n')
      .trim()}\n`;
  const root = jsonRoot(text);
  return root === undefined ? undefined : `${printed(root, '', 0)}\n`;
}

function printed(node: JsonNode, indent: string, before: number): string {
  const flat = flatText(node);
  if (flat.length + indent.length + before <= WIDTH && (indent !== '' || node.kind !== 'object')) return flat;
  const inner = `${indent}  `;
  if (node.kind === 'array' && node.items.length > 0) {
    return `[\n${node.items.map((item) => inner + printed(item, inner, 1)).join(',\n')}\n${indent}]`;
  }
  if (node.kind === 'object' && node.members.size > 0) {
    const members = [...node.members].map(([name, value]) => {
      const head = `${JSON.stringify(name)}: `;
      return inner + head + printed(value, inner, head.length + 1);
    });
    return `{\n${members.join(',\n')}\n${indent}}`;
  }
  return flat;
}

function flatText(node: JsonNode): string {
  switch (node.kind) {
    case 'null':
      return 'null';
    case 'boolean':
      return String(node.value);
    case 'number':
      return node.text;
    case 'string':
      return JSON.stringify(node.value);
    case 'array':
      return `[${node.items.map(flatText).join(', ')}]`;
    case 'object':
      return node.members.size === 0
        ? '{}'
        : `{ ${[...node.members].map(([name, value]) => `${JSON.stringify(name)}: ${flatText(value)}`).join(', ')} }`;
  }
}
