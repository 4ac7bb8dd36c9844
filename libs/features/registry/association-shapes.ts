import { z } from 'zod';
import { flag, paging, registrationShape, versionShape } from './api-shapes.js';

/** Shapes of the associations' bodies and answers, for the OpenAPI document. Bodies are read by association-bodies.ts. */

const lifecycle = z.enum(['STRONG', 'WEAK']);
const resource = {
  resourceName: z.string(),
  resourceNamespace: z.string(),
  resourceId: z.string(),
  resourceType: z.string().optional().describe('`topic`.'),
};
const info = {
  subject: z.string().optional().describe("Left out: the resource's own, `:.{namespace}:{name}-{type}`."),
  associationType: z.enum(['key', 'value']).optional().describe('`value` when left out.'),
  lifecycle: lifecycle
    .optional()
    .describe('STRONG: the subject belongs to the resource alone. WEAK: it may be shared.'),
  frozen: z.boolean().optional().describe('Cannot be changed, and goes only together with the subject.'),
};
const made = { ...info, schema: registrationShape.optional(), normalize: z.boolean().optional() };

const associationShape = z.object({
  guid: z.string(),
  ...resource,
  ...info,
  createTs: z.int(),
  updateTs: z.int(),
});
export const associationsShape = z.array(associationShape);
export const associationRequestShape = z.object({ ...resource, associations: z.array(z.object(made)) });
export const associationExample = {
  resourceName: 'orders',
  resourceNamespace: 'weir',
  resourceId: 'orders-1',
  associations: [{ associationType: 'value', subject: 'orders-value', lifecycle: 'WEAK' }],
};
export const associationResultShape = z.object({
  ...resource,
  associations: z
    .array(z.object({ ...info, schema: versionShape.partial().optional() }))
    .optional()
    .describe('Those that were made or changed.'),
});
export const associationMutationsShape = z.object({
  requests: z.array(
    z.object({
      ...resource,
      associations: z.array(
        z.object({
          opType: z.enum(['CREATE', 'UPSERT', 'DELETE']),
          ...made,
          cascadeLifecycle: z.boolean().optional().describe('Of DELETE.'),
        }),
      ),
    }),
  ),
});
export const associationQueriesShape = z.object({
  requests: z.array(
    z.object({
      resourceName: z.string().optional(),
      resourceNamespace: z.string().optional(),
      resourceId: z.string().optional(),
      resourceType: z.string().optional(),
      associationTypes: z.array(z.string()).optional(),
      lifecycle: lifecycle.optional(),
    }),
  ),
});
export const associationResultsShape = z.object({
  results: z.array(
    z.object({
      result: associationResultShape.partial().optional(),
      error: z.object({ error_code: z.int(), message: z.string() }).optional(),
    }),
  ),
});

const filter = { resourceType: flag, associationType: z.array(z.string()).optional() };
export const associationsQuery = z.object({ ...filter, lifecycle: lifecycle.optional(), ...paging });
export const associationWriteQuery = z.object({ context: flag, dryRun: flag });
export const associationDeletionQuery = z.object({ ...filter, cascadeLifecycle: flag, dryRun: flag });
export const batchGetQuery = z.object({ includeSchemas: flag });
