import { anything, either, flag, list, nullable, object, oneOf, text, whole, type JsonSchema } from './json-schema.js';

const RULE = object({
  id: text,
  category: oneOf('compatibility', 'doubt', 'project', 'lint'),
  severity: oneOf('error', 'warning', 'info'),
  title: text,
  purpose: text,
  fix: nullable(text),
});
const ERROR_CODE = object({ code: text, exit: nullable(text), meaning: text, next: text });
const CONTEXT = object({
  name: text,
  current: flag,
  server: text,
  label: nullable(text),
  production: flag,
  clusterId: nullable(text),
  tokenFile: nullable(text),
  caFile: nullable(text),
});

/** By the kind of the document. */
export const TOOL_SHAPES: Readonly<Record<string, JsonSchema>> = {
  // Whatever the service answers.
  ApiAnswer: anything,
  Doctor: list(object({ check: text, ok: flag, detail: text })),
  Rule: either(RULE, list(RULE), ERROR_CODE, object({ code: whole, name: text, meaning: text })),
  Contexts: list(CONTEXT),
  Context: CONTEXT,
  EffectiveConfig: list(object({ setting: text, value: anything, origin: text })),
  Completion: anything,
  JsonSchema: anything,
  Version: object({
    version: text,
    node: text,
    service: nullable(object({ version: nullable(text), registryApi: nullable(text) })),
  }),
};
