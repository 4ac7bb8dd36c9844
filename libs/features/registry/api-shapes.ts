import { z } from 'zod';
import { METADATA_MEMBERS, RULE_MEMBERS, ruleSetMembers } from './contract-members.js';
import { COMPATIBILITY_POLICIES } from '#libs/core/schema';

/** Shapes of bodies and answers for the OpenAPI document. Bodies are read by bodies.ts, which is as lenient as clients need. */

const metadata = z.object(METADATA_MEMBERS);
const ruleSet = z.object(ruleSetMembers(z.object(RULE_MEMBERS)));

const references = z.array(z.object({ name: z.string(), subject: z.string(), version: z.int() }));

const schemaTags = z.array(
  z.object({
    schemaEntity: z.object({
      entityPath: z.string().describe('Record or field by name: `com.example.Order.id`.'),
      entityType: z.enum(['sr_record', 'sr_field']),
    }),
    tags: z.array(z.string()),
  }),
);

export const registrationShape = z.object({
  schema: z.string().optional().describe('Schema text. Empty: that of the latest version.'),
  schemaType: z.string().optional().describe('AVRO when absent.'),
  references: references.optional(),
  metadata: metadata.optional(),
  ruleSet: ruleSet.optional(),
  version: z.int().optional().describe('-1: must become the latest. Otherwise the next number.'),
  id: z.int().optional().describe('Only in mode IMPORT.'),
  schemaTagsToAdd: schemaTags.optional().describe('Written into the text.'),
  schemaTagsToRemove: schemaTags.optional(),
  propagateSchemaTags: z.boolean().optional().describe('Take over the tags of the latest version.'),
});

export const retaggingShape = z.object({
  newVersion: z.int().optional().describe('The next number when left out.'),
  tagsToAdd: schemaTags.optional(),
  tagsToRemove: schemaTags.optional(),
  metadata: metadata.optional(),
  ruleSet: ruleSet.optional(),
  rulesToMerge: ruleSet.optional(),
  rulesToRemove: z.array(z.string()).optional().describe('Names of rules.'),
});

const content = {
  guid: z.string(),
  schemaType: z.string(),
  references: references.optional(),
  metadata: metadata.optional(),
  ruleSet: ruleSet.optional(),
  schema: z.string(),
  schemaTags: schemaTags.optional().describe('With findTags.'),
  ts: z.int().optional().describe('Time of registration, epoch ms.'),
  deleted: z.boolean().optional(),
};

export const registeredShape = z.object({ id: z.int(), version: z.int(), ...content });
export const versionShape = z.object({ subject: z.string(), version: z.int(), id: z.int(), ...content });
export const schemaShape = z.object({
  subject: z.string().optional(),
  version: z.int().optional(),
  maxId: z.int().optional(),
  ...content,
});
export const usagesShape = z.array(z.object({ subject: z.string(), version: z.int() }));
export const contextIdsShape = z.array(z.object({ context: z.string(), id: z.int() }));
export const namesShape = z.array(z.string());
export const numbersShape = z.array(z.int());

export const compatibilityShape = z.object({
  is_compatible: z.boolean(),
  messages: z.array(z.string()).optional().describe('With verbose=true.'),
});

const settings = {
  alias: z.string().nullable().optional(),
  aliasForDeks: z.boolean().nullable().optional(),
  normalize: z.boolean().nullable().optional(),
  validateFields: z.boolean().nullable().optional(),
  validateNewSchemas: z.boolean().nullable().optional(),
  validateRules: z.boolean().nullable().optional(),
  compatibilityPolicy: z.enum(COMPATIBILITY_POLICIES).nullable().optional(),
  compatibilityGroup: z.string().nullable().optional(),
  defaultMetadata: metadata.nullable().optional(),
  overrideMetadata: metadata.nullable().optional(),
  defaultRuleSet: ruleSet.nullable().optional(),
  overrideRuleSet: ruleSet.nullable().optional(),
};
const level = z.string().describe('NONE, BACKWARD, FORWARD, FULL, each but NONE also with _TRANSITIVE.');

export const configShape = z.object({ ...settings, compatibilityLevel: level });
export const configUpdateShape = z.object({ ...settings, compatibility: level.nullable().optional() });
export const modeShape = z.object({ mode: z.string().nullable().optional() });

export const flag = z.string().optional();
export const paging = { offset: z.string().optional(), limit: z.string().optional() };
const shown = { format: z.string().optional(), referenceFormat: z.string().optional() };

export const registerQuery = z.object({ normalize: flag, force: flag, format: shown.format });
export const lookupQuery = z.object({ normalize: flag, deleted: flag, format: shown.format });
const findTags = z.array(z.string()).optional().describe('`*` for all.');
export const versionQuery = z.object({ deleted: flag, findTags, ...shown });
export const versionsQuery = z.object({ deleted: flag, deletedOnly: flag, deletedAsNegative: flag, ...paging });
export const metadataQuery = z.object({
  key: z.array(z.string()).optional(),
  value: z.array(z.string()).optional(),
  deleted: flag,
  format: shown.format,
});
export const listQuery = z.object({ deleted: flag, ...paging });
export const deletionQuery = z.object({ permanent: flag });
export const checkQuery = z.object({ verbose: flag, normalize: flag });
export const subjectsQuery = z.object({ subjectPrefix: flag, deleted: flag, deletedOnly: flag, ...paging });
export const schemasQuery = z.object({
  subjectPrefix: flag,
  deleted: flag,
  latestOnly: flag,
  aliases: flag,
  ruleType: flag,
  resourceType: flag,
  associationType: z.array(z.string()).optional(),
  lifecycle: z.array(z.enum(['NONE', 'STRONG', 'WEAK'])).optional(),
  ...paging,
});
export const schemaQuery = z.object({ subject: flag, fetchMaxId: flag, findTags, ...shown });
export const usagesQuery = z.object({ subject: flag, deleted: flag, ...paging });
export const defaultQuery = z.object({ defaultToGlobal: flag });
export const forceQuery = z.object({ force: flag });
export const recursiveQuery = z.object({ recursive: flag });
export const contextsQuery = z.object({ contextPrefix: flag, ...paging });
