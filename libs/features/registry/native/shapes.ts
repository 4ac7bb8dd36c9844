import { z } from 'zod';
import { MAX_SUBJECT_BYTES, REGISTRATION_POLICIES } from '#libs/core/registry';
import { COMPATIBILITY_LEVELS, COMPATIBILITY_POLICIES, SCHEMA_TYPES } from '#libs/core/schema';
import { METADATA_MEMBERS, RULE_MEMBERS, ruleSetMembers } from '../contract-members.js';

/** What bodies and answers of several native routes share. */

export const subjectName = z.string().min(1).max(MAX_SUBJECT_BYTES);
export const time = z.string().describe('ISO 8601, UTC.');
export const registrationPolicy = z.enum(REGISTRATION_POLICIES);

/** A flag in a query. */
export const flag = z
  .enum(['true', 'false'])
  .transform((text) => text === 'true')
  .optional();

export const metadata = z.strictObject(METADATA_MEMBERS);
export const ruleSet = z.strictObject(ruleSetMembers(z.strictObject(RULE_MEMBERS)));

/** Settings as they can be set: what is left out stays, null clears. Aliases are not among them: a set of changes reaches no subject but those it names. */
export const config = z.strictObject({
  normalize: z.boolean().nullable().optional(),
  validateFields: z.boolean().nullable().optional(),
  validateNewSchemas: z.boolean().nullable().optional(),
  validateRules: z.boolean().nullable().optional(),
  compatibility: z.enum(COMPATIBILITY_LEVELS).nullable().optional(),
  compatibilityPolicy: z.enum(COMPATIBILITY_POLICIES).nullable().optional(),
  compatibilityGroup: z.string().nullable().optional(),
  defaultMetadata: metadata.nullable().optional(),
  overrideMetadata: metadata.nullable().optional(),
  defaultRuleSet: ruleSet.nullable().optional(),
  overrideRuleSet: ruleSet.nullable().optional(),
});

export const reference = z.object({ name: z.string(), subject: z.string(), version: z.int() });

/** A document that shows what breaks. */
export const proof = z
  .object({ document: z.string().describe('JSON text.'), refusal: z.string() })
  .nullable()
  .describe(
    "JSON Schema: a document that the writer's schema accepts and the reader's refuses, and why. Null in other languages, and where none was found.",
  );

export const finding = z.object({
  ruleId: z.string().describe('See `GET /v1/schema-rules`.'),
  errorType: z.string(),
  direction: z.enum(['new-reads-old', 'old-reads-new']),
  version: z.int().nullable().describe('The earlier version it was found against.'),
  path: z.string(),
  place: z.string(),
  before: z.string().nullable(),
  after: z.string().nullable(),
  what: z.string(),
  breaks: z.string(),
  whom: z.string(),
  fix: z.string(),
  position: z.object({ line: z.int(), column: z.int() }).nullable(),
  proof,
});

export const schemaType = z.enum(SCHEMA_TYPES);
