import { z } from 'zod';
import { ACL_OPERATIONS, ACL_PATTERN_TYPES, ACL_PERMISSIONS, ACL_RESOURCE_TYPES, MAX_REASSIGNED } from '#libs/core/log';
import { pageQuery } from '#libs/platform/http';

/** Topics below these routes are physical ones, as the brokers know them: `orders--g2` is the second generation of `orders`. */
const topicName = z.string().min(1).max(249);
const broker = z.int().min(0).max(2_147_483_647);
const partition = z.int().min(0).max(2_147_483_647);

export const clusterView = z.object({
  name: z.string(),
  default: z.boolean(),
  logId: z.string(),
  engine: z.enum(['embedded', 'kafka', 'memory']),
  capabilities: z.object({
    topicConfigs: z.array(z.string()),
    maxPartitionsPerTopic: z.int().nullable(),
    denseOffsets: z.boolean(),
    fencing: z.enum(['topic', 'service']),
    idempotentProducers: z.boolean(),
    administration: z.object({ brokerConfigs: z.boolean(), replication: z.boolean(), accessRules: z.boolean() }),
    retentionHolds: z.boolean(),
    handsOver: z
      .boolean()
      .describe(
        'A cutover carries groups with live members, and producers; where it does not, it is undone while a group that reads the topic has members.',
      ),
  }),
});
export type ClusterView = z.infer<typeof clusterView>;
export const clusterAwayView = z.object({
  name: z.string(),
  default: z.boolean(),
  code: z.string(),
  message: z.string(),
});
export type ClusterAwayView = z.infer<typeof clusterAwayView>;
export const clusterList = z.object({
  items: z.array(clusterView),
  away: z
    .array(clusterAwayView)
    .describe(
      'Configured as well, and not reached since the service started: what needs them is answered 503 until they are.',
    ),
});
export type ClusterList = z.infer<typeof clusterList>;

export const brokerView = z.object({
  id: z.int(),
  host: z.string().nullable().describe("Where clients of the cluster's own protocol reach it; null without one."),
  port: z.int().nullable(),
  rack: z.string().nullable(),
});
export type BrokerView = z.infer<typeof brokerView>;
export const brokerList = z.object({ items: z.array(brokerView) });

export const clusterDescriptionView = clusterView.extend({
  clusterId: z.string().describe("The cluster's own id."),
  controller: z.int().nullable(),
  brokers: z.array(brokerView),
  exactlyOnce: z
    .object({
      basis: z.enum(['one-entry', 'epoch-ended-when-unknown', 'epoch-ended-with-each']),
      transactionVersion: z.int().nullable().describe('What the brokers have agreed on as `transaction.version`.'),
    })
    .describe('What an exactly-once commit rests on here.'),
});
export type ClusterDescriptionView = z.infer<typeof clusterDescriptionView>;

export const configEntryView = z.object({
  name: z.string(),
  value: z.string().nullable(),
  default: z.string().nullable(),
  source: z.string(),
  isDefault: z.boolean(),
  readOnly: z.boolean(),
  sensitive: z.boolean().describe('The value is not shown.'),
  type: z.string(),
  documentation: z.string().nullable(),
});
export const configList = z.object({ items: z.array(configEntryView) });
export type ConfigList = z.infer<typeof configList>;

export const configChanges = z
  .record(z.string().max(200), z.union([z.string().max(10_000), z.null()]))
  .refine((changes) => Object.keys(changes).length > 0, 'names no setting')
  .refine((changes) => Object.keys(changes).length <= 200, 'names more than 200 settings')
  .describe('Setting to its new value, or to null to return to the default.');

export const dryRunQuery = z.strictObject({
  dryRun: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe('true: only say what would be.'),
});
export type DryRunQuery = z.infer<typeof dryRunQuery>;

export const directoriesQuery = z.strictObject({
  broker: z.coerce.number().pipe(broker).optional().describe('Only the directories of this broker.'),
  topic: topicName.optional().describe('Name the copies of this topic one by one.'),
});
export type DirectoriesQuery = z.infer<typeof directoriesQuery>;

const replicaSize = z.object({
  partition: z.int(),
  sizeBytes: z.int(),
  lagRecords: z.int(),
  moving: z.boolean().describe('A copy being made here, which will replace another.'),
});
export const directoryView = z.object({
  broker: z.int(),
  path: z.string(),
  totalBytes: z.int().nullable().describe('Of the volume.'),
  usableBytes: z.int().nullable(),
  sizeBytes: z.int().describe('Of all copies in it.'),
  error: z.string().optional(),
  topics: z.array(z.object({ topic: z.string(), copies: z.int(), sizeBytes: z.int() })),
  partitions: z.array(replicaSize).optional().describe('With `topic`: its copies.'),
});
export type DirectoryView = z.infer<typeof directoryView>;
export const directoryList = z.object({ items: z.array(directoryView) });

export const replicasQuery = z.strictObject({
  topic: topicName.optional(),
  only: z
    .enum(['problems'])
    .optional()
    .describe(
      '`problems`: without a leader, led by another than the preferred broker, or with a copy that is behind or offline.',
    ),
  ...pageQuery,
});
export type ReplicasQuery = z.infer<typeof replicasQuery>;

export const replicasView = z.object({
  topic: z.string(),
  partition: z.int(),
  leader: z.int().nullable(),
  leaderEpoch: z.int(),
  replicas: z.array(z.int()).describe('Brokers with a copy, the preferred leader first.'),
  inSync: z.array(z.int()),
  offline: z.array(z.int()),
});
export const replicasPage = z.object({ items: z.array(replicasView), next: z.string().nullable() });
export type ReplicasPage = z.infer<typeof replicasPage>;

const place = z.strictObject({ topic: topicName, partition });
const places = z.array(place).min(1).max(MAX_REASSIGNED);

export const reassignBody = z.strictObject({
  partitions: z
    .array(place.extend({ replicas: z.array(broker).min(1).max(100).describe('Brokers, the preferred leader first.') }))
    .min(1)
    .max(MAX_REASSIGNED),
  dryRun: z.boolean().default(false).describe('Only judge the plan and say what it would move.'),
});
export type ReassignBody = z.infer<typeof reassignBody>;

const failure = z.object({ code: z.string(), message: z.string() }).optional().describe('Why nothing was done here.');

export const moveList = z.object({
  dryRun: z.boolean(),
  items: z.array(
    z.object({
      topic: z.string(),
      partition: z.int(),
      from: z.array(z.int()),
      to: z.array(z.int()),
      adding: z.array(z.int()),
      removing: z.array(z.int()),
      error: failure,
    }),
  ),
});
export type MoveList = z.infer<typeof moveList>;

export const reassignmentList = z.object({
  items: z.array(
    z.object({
      topic: z.string(),
      partition: z.int(),
      replicas: z.array(z.int()),
      adding: z.array(z.int()),
      removing: z.array(z.int()),
    }),
  ),
});
export type ReassignmentList = z.infer<typeof reassignmentList>;

export const placesBody = z.strictObject({ partitions: places });
export type PlacesBody = z.infer<typeof placesBody>;
export const outcomeList = z.object({
  items: z.array(z.object({ topic: z.string(), partition: z.int(), error: failure })),
});
export type OutcomeList = z.infer<typeof outcomeList>;

export const electBody = z.strictObject({
  partitions: places
    .optional()
    .describe('Absent: every partition that another than its preferred broker leads, up to a thousand.'),
  dryRun: z.boolean().default(false).describe('Only say what an election would do.'),
});
export type ElectBody = z.infer<typeof electBody>;

export const electionList = z.object({
  dryRun: z.boolean(),
  items: z.array(
    z.object({
      topic: z.string(),
      partition: z.int(),
      leader: z.int().nullable().describe('Before the election.'),
      preferred: z.int(),
      outcome: z
        .enum(['elected', 'not-needed', 'failed', 'would-elect', 'unavailable'])
        .describe('In a dry run `would-elect`, or `unavailable` when the preferred broker is not in sync.'),
      error: failure,
    }),
  ),
});
export type ElectionList = z.infer<typeof electionList>;

export const accessRulesQuery = z.strictObject({
  resourceType: z.enum(ACL_RESOURCE_TYPES).optional(),
  resourceName: z.string().max(1_000).optional(),
  patternType: z.enum([...ACL_PATTERN_TYPES, 'MATCH']).optional(),
  principal: z.string().max(1_000).optional(),
  host: z.string().max(255).optional(),
  operation: z.enum(ACL_OPERATIONS).optional(),
  permission: z.enum(ACL_PERMISSIONS).optional(),
  ...pageQuery,
});
export type AccessRulesQuery = z.infer<typeof accessRulesQuery>;

export const accessRulePage = z.object({
  items: z.array(
    z.object({
      resourceType: z.string(),
      resourceName: z.string(),
      patternType: z.string(),
      principal: z.string(),
      host: z.string(),
      operation: z.string(),
      permission: z.string(),
    }),
  ),
  next: z.string().nullable(),
});
export type AccessRulePage = z.infer<typeof accessRulePage>;
