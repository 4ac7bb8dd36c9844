import { z } from 'zod';

/** A database that views may be kept in, as the configuration names it. */
const target = z
  .strictObject({
    /** `postgres://…`; contains the password, hence never shown. */
    url: z
      .string()
      .max(4_096)
      .regex(/^postgres(ql)?:\/\//, 'must begin with postgres://')
      .optional(),
    /** Name of a file that holds the URL. */
    urlFile: z.string().min(1).max(4_096).optional(),
    schema: z
      .string()
      .regex(/^[a-z_][a-z0-9_]{0,39}$/, 'must be 1 to 40 of a-z, 0-9 and underscore, no digit first')
      .refine((name) => !name.startsWith('pg_'), 'must not begin with pg_')
      .optional(),
    poolSize: z.int().min(1).max(1_000).optional(),
    statementTimeoutMs: z.int().min(100).max(600_000).optional(),
  })
  .refine((given) => (given.url === undefined) !== (given.urlFile === undefined), {
    message: 'must have either url or urlFile',
  });

export type ViewTargetDefinition = z.infer<typeof target>;

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** Name to definition. A map, so that no name is special. */
export const viewTargetDefinitions: z.ZodType<ReadonlyMap<string, ViewTargetDefinition>> = z
  .preprocess(
    (given) => (given instanceof Map ? Object.fromEntries(given) : given),
    z.record(z.string(), target, 'must be a map of name to target'),
  )
  .superRefine((targets, context) => {
    for (const name of Object.keys(targets)) {
      if (!NAME.test(name))
        context.addIssue({
          code: 'custom',
          path: [name],
          message: 'is no name: 1 to 63 of a-z, 0-9, underscore and hyphen',
        });
      else if (name === 'default')
        context.addIssue({
          code: 'custom',
          path: [name],
          message: 'is the target of views that name none; choose another',
        });
    }
  })
  .transform((targets) => new Map(Object.entries(targets)));
