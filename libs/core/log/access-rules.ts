/** Words of access rules, Kafka's. */
export const ACL_RESOURCE_TYPES = [
  'TOPIC',
  'GROUP',
  'CLUSTER',
  'TRANSACTIONAL_ID',
  'DELEGATION_TOKEN',
  'USER',
] as const;
export const ACL_PATTERN_TYPES = ['LITERAL', 'PREFIXED'] as const;
export const ACL_OPERATIONS = [
  'ALL',
  'READ',
  'WRITE',
  'CREATE',
  'DELETE',
  'ALTER',
  'DESCRIBE',
  'CLUSTER_ACTION',
  'DESCRIBE_CONFIGS',
  'ALTER_CONFIGS',
  'IDEMPOTENT_WRITE',
  'CREATE_TOKENS',
  'DESCRIBE_TOKENS',
  'TWO_PHASE_COMMIT',
] as const;
export const ACL_PERMISSIONS = ['ALLOW', 'DENY'] as const;

/** One access rule: whom it lets do what, from where, to what. A word this project does not know is `UNKNOWN`. */
export interface AccessRule {
  readonly resourceType: (typeof ACL_RESOURCE_TYPES)[number] | 'UNKNOWN';
  readonly resourceName: string;
  readonly patternType: (typeof ACL_PATTERN_TYPES)[number] | 'UNKNOWN';
  /** As `User:app`. */
  readonly principal: string;
  /** An address, or `*`. */
  readonly host: string;
  readonly operation: (typeof ACL_OPERATIONS)[number] | 'UNKNOWN';
  readonly permission: (typeof ACL_PERMISSIONS)[number] | 'UNKNOWN';
}

/**
 * Which access rules are wanted; what is absent matches everything. Pattern type `MATCH` finds every rule that is about the named resource: by its name, by a
 * prefix of it, or by `*`.
 */
export interface AccessRuleFilter {
  readonly resourceType?: (typeof ACL_RESOURCE_TYPES)[number];
  readonly resourceName?: string;
  readonly patternType?: (typeof ACL_PATTERN_TYPES)[number] | 'MATCH';
  readonly principal?: string;
  readonly host?: string;
  readonly operation?: (typeof ACL_OPERATIONS)[number];
  readonly permission?: (typeof ACL_PERMISSIONS)[number];
}

/** A rule to store: every word of it is one this project knows. */
export interface NewAccessRule {
  readonly resourceType: (typeof ACL_RESOURCE_TYPES)[number];
  /** `*` with pattern type `LITERAL`: every resource of the type. `kafka-cluster` for the cluster. */
  readonly resourceName: string;
  readonly patternType: (typeof ACL_PATTERN_TYPES)[number];
  readonly principal: string;
  readonly host: string;
  readonly operation: (typeof ACL_OPERATIONS)[number];
  readonly permission: (typeof ACL_PERMISSIONS)[number];
}
