import { Ajv } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import draft6 from 'ajv/dist/refs/json-schema-draft-06.json' with { type: 'json' };
import ajvDraft4 from 'ajv-draft-04';
import ajvFormats from 'ajv-formats';
import type { Draft } from '../drafts.js';
import type { GeneratedJsonSchema } from './arbitrary-schema.js';

const OPTIONS = { strict: false, logger: false, allErrors: true } as const;

/**
 * ajv as a second opinion on whether values fit a schema. It writes code from schema text, so it has a place in tests only. Undefined where it fails itself.
 */
export function secondOpinion(draft: Draft, schema: GeneratedJsonSchema): (value: unknown) => boolean | undefined {
  const classes = { 'draft-04': ajvDraft4.default, '2019-09': Ajv2019, '2020-12': Ajv2020 } as const;
  const Class = (classes as Partial<Record<Draft, typeof Ajv>>)[draft] ?? Ajv;
  const ajv = new Class({ ...OPTIONS, validateFormats: !draft.startsWith('20') });
  ajvFormats.default(ajv as Ajv);
  if (draft === 'draft-06') ajv.addMetaSchema(draft6);
  const check = ajv.compile(schema as object);
  return (value) => {
    try {
      return check(value) as boolean;
    } catch (error) {
      // The code it writes for `unevaluatedProperties` sometimes fails.
      if (error instanceof TypeError) return undefined;
      throw error;
    }
  };
}
