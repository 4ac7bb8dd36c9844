import { z } from 'zod';
import { ACL_OPERATIONS, ACL_PATTERN_TYPES, ACL_PERMISSIONS, ACL_RESOURCE_TYPES } from '#libs/core/log';

/** Shapes of v3 for the OpenAPI document. What is sent is read by hand, since the contract turns scalars into one another. */
export const related = z.object({ related: z.string() });
export const resource = z
  .looseObject({ kind: z.string(), metadata: z.looseObject({ self: z.string() }) })
  .describe('A resource: `kind`, `metadata`, its members, and links as `{"related": URL}`.');
export const resourceList = z.object({
  kind: z.string(),
  metadata: z.object({ self: z.string(), next: z.null() }),
  data: z.array(resource),
});

export const createTopicBody = z.strictObject({
  topic_name: z.string(),
  partitions_count: z.int().optional(),
  replication_factor: z.int().optional(),
  replicas_assignments: z.record(z.string(), z.array(z.int())).optional(),
  configs: z.array(z.strictObject({ name: z.string(), value: z.string() })).optional(),
  validate_only: z.boolean().optional().describe('Answer 200 with the topic as it would be, and make none.'),
});
export const growBody = z.strictObject({ partitions_count: z.int() });
export const configValueBody = z.strictObject({ value: z.string() });
export const alterConfigsBody = z.strictObject({
  data: z.array(
    z.strictObject({
      name: z.string(),
      value: z.string().optional(),
      operation: z.enum(['SET', 'DELETE']).optional(),
    }),
  ),
  validate_only: z.boolean().optional(),
});
export const topicQuery = z.object({ include_authorized_operations: z.enum(['true', 'false']).optional() });
export const offsetQuery = z.object({ offset_type: z.enum(['earliest_and_latest']).optional() });
export const aclQuery = z.object({
  resource_type: z.string().optional(),
  resource_name: z.string().optional(),
  pattern_type: z.string().optional(),
  principal: z.string().optional(),
  host: z.string().optional(),
  operation: z.string().optional(),
  permission: z.string().optional(),
});

export const aclBody = z.strictObject({
  resource_type: z.enum(ACL_RESOURCE_TYPES),
  resource_name: z.string(),
  pattern_type: z.enum(ACL_PATTERN_TYPES),
  principal: z.string().describe('As `User:app`.'),
  host: z.string().describe('An address, or `*`.'),
  operation: z.enum(ACL_OPERATIONS),
  permission: z.enum(ACL_PERMISSIONS),
});
export const aclBatchBody = z.strictObject({ data: z.array(aclBody) });
export const aclsDeleted = z.object({ data: z.array(resource) });
