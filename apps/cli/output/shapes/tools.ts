import { anything, either, flag, list, nullable, object, oneOf, text, whole, type JsonSchema } from './json-schema.js';

const RULE = object({
  id: text,
  category: oneOf('compatibility', 'doubt', 'project', 'lint'),
  severity: oneOf('error', 'warning', 'info'),
  title: text,
  purpose: text,
  fix: nullable(text),
});
const CONTEXT = object(
  { name: text, current: flag, server: text },
  { label: text, clusterId: text, tokenFile: text, caFile: text, production: flag },
);

/** By the kind of the document. */
export const TOOL_SHAPES: Readonly<Record<string, JsonSchema>> = {
  // Whatever the service answers.
  ApiAnswer: anything,
  Doctor: list(object({ check: text, ok: flag, detail: text })),
  Rule: either(RULE, list(RULE), object({ code: whole, name: text, meaning: text })),
  Contexts: list(CONTEXT),
  Context: CONTEXT,
  EffectiveConfig: list(object({ setting: text, value: anything, origin: text })),
  Completion: anything,
  JsonSchema: anything,
  Version: object({ version: text, node: text, service: anything }),
};
