import type { SchemaFormats } from './formats.js';
import type { Verdict } from './levels.js';

/** Characters of an old schema that a message quotes at most. */
const QUOTED_SCHEMA_LENGTH = 10_240;

export interface MessageContext {
  /** The setting of the subject, quoted in the last message. */
  readonly validateFields: boolean;
  /** Messages of checks that are no comparison of two schemas (reserved fields); they come first. */
  readonly violations?: readonly string[];
}

/**
 * The verdict as the list of texts the Confluent API answers with, in its order: the problems of the version that failed, then that version's number and
 * text (of the last direction asked, if that direction failed), then the settings. Empty when compatible.
 */
export function verdictMessages(formats: SchemaFormats, verdict: Verdict, context: MessageContext): readonly string[] {
  const messages = [...(context.violations ?? [])];
  if (!verdict.compatible) {
    for (const check of verdict.checks) {
      if (check.typesDiffer) messages.push('Incompatible because of different schema type');
      for (const difference of check.differences) {
        messages.push(formats.get(check.earlier.type).message(difference, check.direction));
      }
    }
    const last = verdict.checks.at(-1);
    if (last !== undefined && last.differences.length > 0) {
      if (last.version !== null) messages.push(`{oldSchemaVersion: ${last.version}}`);
      messages.push(`{oldSchema: ${quoted(last.earlier.canonical)}}`);
    }
  }
  if (messages.length > 0) {
    messages.push(`{validateFields: '${context.validateFields}', compatibility: '${verdict.level}'}`);
  }
  return messages;
}

function quoted(text: string): string {
  return text.length <= QUOTED_SCHEMA_LENGTH ? `'${text}'` : `<truncated> '${text.slice(0, QUOTED_SCHEMA_LENGTH)}...'`;
}
