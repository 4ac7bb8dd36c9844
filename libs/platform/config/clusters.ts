import { z } from 'zod';

const secret = z.string().min(1).max(4_096);

const sasl = z
  .strictObject({
    mechanism: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']),
    username: z.string().min(1).max(512),
    password: secret.optional(),
    /** Name of a file that holds the password. */
    passwordFile: z.string().min(1).max(4_096).optional(),
  })
  .refine((given) => (given.password === undefined) !== (given.passwordFile === undefined), {
    message: 'must have either password or passwordFile',
  });

const tls = z.strictObject({
  caFile: z.string().min(1).max(4_096).optional(),
  certFile: z.string().min(1).max(4_096).optional(),
  keyFile: z.string().min(1).max(4_096).optional(),
  serverName: z.string().min(1).max(255).optional(),
});

const HOST_AND_PORT = /^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]{1,255}):[0-9]{1,5}$/;

/** A Kafka cluster as the configuration names it. */
const cluster = z.strictObject({
  bootstrapServers: z.preprocess(
    (given) => (typeof given === 'string' ? given.split(',').map((one) => one.trim()) : given),
    z.array(z.string().regex(HOST_AND_PORT, 'must be host:port')).min(1).max(100),
  ),
  tls: z.union([z.boolean(), tls]).optional(),
  sasl: sasl.optional(),
  /** Replicas of topics that are created here; the brokers' default unless given. */
  replicationFactor: z.int().min(1).max(100).optional(),
});

export type ClusterDefinition = z.infer<typeof cluster>;

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** Name to definition, in the order of the file. A map, so that no name is special. */
export const clusterDefinitions: z.ZodType<ReadonlyMap<string, ClusterDefinition>> = z
  .preprocess(
    (given) => (given instanceof Map ? Object.fromEntries(given) : given),
    z.record(z.string(), cluster, 'must be a map of name to cluster'),
  )
  .superRefine((clusters, context) => {
    for (const name of Object.keys(clusters)) {
      if (!NAME.test(name)) {
        context.addIssue({
          code: 'custom',
          path: [name],
          message: 'is not a cluster name: 1 to 63 of a-z, 0-9, underscore and hyphen, a letter or digit first',
        });
      } else if (name === 'local') {
        context.addIssue({ code: 'custom', path: [name], message: 'is the name of the embedded log; choose another' });
      }
    }
  })
  .transform((clusters) => new Map(Object.entries(clusters)));
