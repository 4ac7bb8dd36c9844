import { z } from 'zod';

/** Members of metadata and of rule sets, of which the Confluent API makes lenient objects and the native one strict ones. */

export const METADATA_MEMBERS = {
  tags: z.record(z.string(), z.array(z.string())).optional(),
  properties: z.record(z.string(), z.string()).optional(),
  sensitive: z.array(z.string()).optional(),
};

export const RULE_MEMBERS = {
  name: z.string().optional(),
  doc: z.string().optional(),
  kind: z.enum(['TRANSFORM', 'CONDITION']).optional(),
  mode: z.enum(['UPGRADE', 'DOWNGRADE', 'UPDOWN', 'WRITE', 'READ', 'WRITEREAD']).optional(),
  type: z.string().optional(),
  tags: z.array(z.string()).optional(),
  params: z.record(z.string(), z.string()).optional(),
  expr: z.string().optional(),
  onSuccess: z.string().optional(),
  onFailure: z.string().optional(),
  disabled: z.boolean().optional(),
};

/** @param rule the object that {@link RULE_MEMBERS} make. */
export function ruleSetMembers<Rule extends z.ZodObject>(rule: Rule) {
  return {
    migrationRules: z.array(rule).optional(),
    domainRules: z.array(rule).optional(),
    encodingRules: z.array(rule).optional(),
    enableAt: z.enum(['ALL', 'CLIENT', 'GATEWAY', 'SERVER', 'NONE']).optional(),
  };
}
